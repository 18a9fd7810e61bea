"""Jinja itself, set up as the authors of chat templates have it, and the comparison of our evaluator with it: the same text, or both refuse."""

import copy
import datetime
import json
import subprocess

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

from conftest import BINARY

TOOL = BINARY.parent / "render_template"
NOW = datetime.datetime(2026, 11, 21, 17, 5, 9)


class Generation(jinja2.ext.Extension):
    """{% generation %} marks the assistant's words; its body just runs."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_run"), [], [], body).set_lineno(line)

    def _run(self, caller):
        return caller()


class Refused(Exception):
    pass


def refuse(message):
    raise Refused(message)


def make_environment():
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = lambda value, ensure_ascii=False, indent=None, separators=None, sort_keys=False: json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = NOW.strftime
    return environment


ENVIRONMENT = make_environment()


def expected(source, variables):
    try:
        # A copy, because Jinja's own indent filter changes a list it is given.
        return {"ok": ENVIRONMENT.from_string(source).render(**copy.deepcopy(variables))}
    except Refused as refusal:
        return {"error": "template_refused", "message": str(refusal)}
    except Exception as error:  # whatever Python raises, the template has failed
        return {"error": type(error).__name__, "message": str(error)}


def rendered(questions):
    lines = "".join(json.dumps({"source": source, "variables": variables, "date": NOW.isoformat()}) + "\n" for source, variables in questions)
    run = subprocess.run([TOOL], input=lines, capture_output=True, text=True, timeout=300, check=True)
    return [json.loads(line) for line in run.stdout.split("\n") if line]


def differences(questions):
    found = []
    for (source, variables), got in zip(questions, rendered(questions), strict=True):
        want = expected(source, variables)
        same = got.get("ok") == want["ok"] if "ok" in want else "ok" not in got
        if want.get("error") == "template_refused":
            same = (got.get("error"), got.get("message")) == (want["error"], want["message"])
        if not same:
            found.append(f"{source!r}\n  jinja: {want}\n  ours:  {got}")
    return found


def check(questions):
    found = differences(questions)
    assert not found, f"{len(found)} of {len(questions)} differ:\n" + "\n".join(found[:40])
