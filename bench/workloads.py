"""Workloads that run against one server at a time: each returns measures by name."""

import itertools
import json
import random
import subprocess
import tempfile
import time

import make_encoder
import servers

LOAD = servers.BUILD / "forebay_load"
VOCABULARY = 1000  # token ids every vocabulary of the bench has
COMPLETIONS = "/v1/completions"


class Load:
    """A running load generator; its bodies live in a file as long as it does."""

    def __init__(self, server, path, bodies, **options):
        self.bodies = tempfile.NamedTemporaryFile("w", suffix=".jsonl")
        self.bodies.write("\n".join(json.dumps(body) for body in bodies))
        self.bodies.flush()
        command = [LOAD, "--port", server.port, "--path", path, "--header", "Content-Type: application/json", "--bodies", self.bodies.name]
        for name, value in options.items():
            command += [f"--{name}", value]
        self.process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)

    def report(self):
        report = json.loads(self.process.communicate()[0])
        self.bodies.close()
        return report


def load(server, path, bodies, **options):
    return Load(server, path, bodies, **options).report()


def completion(prompt, new_tokens, stream=True, **fields):
    body = {"prompt": prompt, "max_tokens": new_tokens, "temperature": 0, "ignore_eos": True, "stream": stream, **fields}
    if stream:
        body["stream_options"] = {"include_usage": True}
    return body


class Prompts:
    """Token ids that no request had before, so that nothing is answered from a cache unless it is meant to."""

    def __init__(self):
        self.random = random.Random(20261121)

    def fresh(self, tokens):
        return [self.random.randrange(20, VOCABULARY) for _ in range(tokens)]

    def bodies(self, count, prompt_tokens, new_tokens):
        return [completion(self.fresh(prompt_tokens), new_tokens) for _ in range(count)]


PROMPTS = Prompts()


def all_answered(report, count):
    if report["requests"] != count or report["by_status"] != {"200": count}:
        raise RuntimeError(f"not every request was answered: {report}")
    return report


def one_stream(server):
    report = all_answered(load(server, COMPLETIONS, PROMPTS.bodies(8, 16, 160), concurrency=1, requests=8), 8)
    return {"one stream, tokens/s": report["generated_tokens_per_second"]}


def streams(count, prompt_tokens=16, new_tokens=96):
    def workload(server):
        report = load(server, COMPLETIONS, PROMPTS.bodies(count, prompt_tokens, new_tokens), concurrency=count, requests=count)
        return {f"{count} streams, tokens/s": all_answered(report, count)["generated_tokens_per_second"]}

    return workload


def embeddings(shortest, longest, seconds, seed):
    """One text a request, no text twice, 32 clients."""

    def workload(server):
        bodies = [{"input": text} for text in make_encoder.texts(6000, shortest, longest, seed + next(SEEDS))]
        report = load(server, "/v1/embeddings", bodies, concurrency=32, seconds=seconds)
        if set(report["by_status"]) != {"200"}:
            raise RuntimeError(f"not every request was answered: {report}")
        return {f"texts of {shortest} to {longest} tokens, texts/s": report["requests_per_second"]}

    return workload


SEEDS = itertools.count()


def prefix_streams(count, shared):
    """Prompts of 1,000 tokens and a few of their own, 64 new tokens each."""

    def workload(server):
        common = PROMPTS.fresh(1000)
        bodies = [completion((common if shared else PROMPTS.fresh(1000)) + PROMPTS.fresh(8), 64) for _ in range(count)]
        report = all_answered(load(server, COMPLETIONS, bodies, concurrency=count, requests=count), count)
        kind = "one" if shared else "different"
        return {f"{count} streams, {kind} 1,000-token prefix{'' if shared else 'es'}, tokens/s": report["generated_tokens_per_second"]}

    return workload


def first_token(server):
    report = load(server, COMPLETIONS, PROMPTS.bodies(4, 500, 2), concurrency=1, requests=4)
    return {"time to first token, 500-token prompt, ms": report["first_event_ms"]["p50"]}


def gaps(server):
    """Four streams decode while 3,000-token prompts keep arriving, one behind the other."""
    started = time.perf_counter()
    decoding = Load(server, COMPLETIONS, PROMPTS.bodies(4, 16, 120), concurrency=4, requests=4)
    # Each on a connection of its own: llama-server closes one that was busy for longer than its keep-alive time.
    prompts = [all_answered(load(server, COMPLETIONS, PROMPTS.bodies(1, 3000, 2), concurrency=1, requests=1), 1) for _ in range(2)]
    report = all_answered(decoding.report(), 4)
    tokens = 4 * (16 + 120) + 2 * 3002
    return {
        "worst gap of 4 streams while 3,000-token prompts arrive, ms": report["gap_ms"]["max"],
        "p99 of these gaps, ms": report["gap_ms"]["p99"],
        "tokens/s of all of it, prompts included": tokens / (time.perf_counter() - started),
        "time to first token of these prompts, ms": sum(prompt["first_event_ms"]["p50"] for prompt in prompts) / 2,
    }


def conversations(server):
    """Fifty conversations take turns: far more than have cells at the same time."""
    first_turns = [PROMPTS.fresh(600) for _ in range(50)]
    first = all_answered(load(server, COMPLETIONS, [completion(turn, 8) for turn in first_turns], concurrency=1, requests=50), 50)
    second_turns = [turn + PROMPTS.fresh(8) for turn in first_turns]
    second = all_answered(load(server, COMPLETIONS, [completion(turn, 8) for turn in second_turns], concurrency=1, requests=50), 50)
    return {
        "time to first token, first turn of 50 conversations, ms": first["first_event_ms"]["p50"],
        "time to first token, second turn, ms": second["first_event_ms"]["p50"],
        "the slowest of these, ms": second["first_event_ms"]["max"],
    }


def flood(server):
    """Three hundred requests at once, each with a minute to be answered in."""
    bodies = [completion(PROMPTS.fresh(64), 32, stream=False) for _ in range(300)]
    report = load(server, COMPLETIONS, bodies, concurrency=300, requests=300)
    statuses = report["by_status"]
    latency = report["latency_ms_by_status"]
    return {
        "300 at once: answered": statuses.get("200", 0),
        "300 at once: refused with 503": statuses.get("503", 0),
        "300 at once: neither": 300 - statuses.get("200", 0) - statuses.get("503", 0),
        "300 at once: p99 of the answered, ms": latency["200"]["p99"],
        "300 at once: p99 of the refused, ms": latency["503"]["p99"] if "503" in latency else 0,
        "300 at once: resident memory afterwards, MiB": server.resident_mib(),
    }


def overcommitted(server):
    """Eight texts of 1,000 tokens in the cells of two."""
    report = load(server, COMPLETIONS, PROMPTS.bodies(8, 600, 400), concurrency=8, requests=8)
    return {
        "KV over-committed 4x: answered in full": report["by_status"].get("200", 0) if report["generated_tokens"] == 8 * 400 else 0,
        "KV over-committed 4x: tokens generated": report["generated_tokens"],
        "KV over-committed 4x: tokens/s": report["generated_tokens_per_second"],
    }


def long_prompt(server, prompt):
    report = all_answered(load(server, COMPLETIONS, [completion(prompt, 2)], concurrency=1, requests=1), 1)
    return report["first_event_ms"]["p50"]
