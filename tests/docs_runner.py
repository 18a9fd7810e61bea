"""Runs the console blocks of a document as printed, in a clean copy of what a reader has: the examples and ./dev.

A command begins with "$ " and goes on after a backslash or to the end of a here-document. A `serve` stays until the next one or the end.
What stands below a command is its output: "…" stands for anything, and numbers may differ by two percent.
"""

import os
import re
import shutil
import signal
import subprocess
import threading

from conftest import BINARY, EXAMPLES, ROOT, environment

PRINTED_URL = "http://127.0.0.1:8080"
SHIM = """#!/bin/sh
# ./dev of the clean copy: the binary is built, and the tests are not run by a test.
case $1 in
  forebay) shift; exec "$BINARY_UNDER_TEST" "$@" ;;
  serve) exec "$BINARY_UNDER_TEST" "$@" ;;
  test) exit 0 ;;
  *) echo "no such command: $1" >&2; exit 1 ;;
esac
"""


def console_blocks(text):
    """The console blocks of a Markdown text."""
    return re.findall(r"```console\n(.*?)```", text, re.DOTALL)


def steps_of(block):
    """(command, printed output) in order."""
    steps = []
    lines = iter(block.splitlines())
    for line in lines:
        if not line.startswith("$ "):
            assert steps, f"a console block begins with a command, not with {line!r}"
            steps[-1][1].append(line)
            continue
        command = line[2:]
        while command.endswith("\\"):
            command += "\n" + next(lines)
        if here := re.search(r"<<'(\w+)'", command):
            for inner in lines:
                command += "\n" + inner
                if inner == here.group(1):
                    break
        steps.append((command, []))
    return [(command, "\n".join(output).strip()) for command, output in steps]


def matches(printed, got):
    """Whether the output is the printed one."""
    number = re.compile(r"-?\d+\.?\d*(?:[eE][-+]?\d+)?")
    pattern = ".*".join(number.sub("(NUMBER)", re.escape(part).replace("\\-", "-").replace("\\.", ".")) for part in printed.split("…"))
    pattern = pattern.replace("(NUMBER)", "(" + number.pattern + ")")
    found = re.fullmatch(pattern, got.strip(), re.DOTALL)
    if not found:
        return False
    wanted = [float(one) for one in number.findall(printed)]
    return all(abs(float(a) - b) <= 0.02 * max(abs(b), 0.01) for a, b in zip(found.groups(), wanted, strict=True))


class Reader:
    """Someone who types the commands of one document."""

    def __init__(self, folder):
        self.folder = folder / "copy"
        self.folder.mkdir(parents=True)
        (self.folder / "examples").mkdir()
        shutil.copytree(EXAMPLES, self.folder / "examples" / "models")
        (self.folder / "dev").write_text(SHIM, encoding="utf-8")
        (self.folder / "dev").chmod(0o755)
        programs = folder / "bin"
        programs.mkdir()
        (programs / "forebay").symlink_to(BINARY)
        self.environment = environment(folder, {"FOREBAY_HTTP_PORT": "0", "PATH": f"{programs}:{os.environ['PATH']}"})
        self.environment["BINARY_UNDER_TEST"] = str(BINARY)
        self.server = None
        self.url = PRINTED_URL

    def run(self, command):
        """The finished process of one command; a server is waited for until it answers and goes on."""
        words = re.sub(r"\s+#.*$", "", command)
        if re.match(r"(\./dev|\./dev forebay|forebay) serve\b", words):
            return self.serve(re.sub(r"--port \d+", "--port 0", words))
        there = command.replace(PRINTED_URL, self.url)
        if there.startswith("curl "):
            there = there.replace("curl ", "curl -sS --fail-with-body ", 1)
        return subprocess.run(["bash", "-c", there], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", check=False, timeout=120)

    def serve(self, command):
        """Starts a server and waits until its models are ready."""
        self.stop()
        self.server = subprocess.Popen(["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
        said, ready = "", False
        for line in self.server.stderr:
            said += line
            if address := re.search(r"listening on (http://\S+)", line):
                self.url = address.group(1)
            ready = ready or "is ready" in line or "could not be loaded" in line
            if ready and self.url != PRINTED_URL:
                threading.Thread(target=self.server.stderr.read, daemon=True).start()  # or its log would block it
                return subprocess.CompletedProcess(command, 1 if "could not be loaded" in said else 0, "", said)
        return subprocess.CompletedProcess(command, self.server.wait() or 1, "", said)

    def stop(self):
        """Ends the server, which must end well."""
        server, self.server, self.url = self.server, None, PRINTED_URL
        if server is None:
            return
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0


def documents_with_commands():
    """The documents for users that print commands."""
    documents = [ROOT / "README.md", *sorted((ROOT / "docs" / "guides").glob("*.md"))]
    return [document for document in documents if console_blocks(document.read_text(encoding="utf-8"))]
