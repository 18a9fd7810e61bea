"""Forebay beside its peers: same files, same machine, same run. Prints a table of medians and ratios.

    ./dev bench                      everything, three rounds
    ./dev bench --only tensors       one group: generation, tensors, start
    ./dev bench --rounds 1 --json report.json

Every workload runs on every server in turn, round after round, so that what the machine does meanwhile hits all of them.
Absolute times belong to this machine; the ratios are what is reported.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

import servers

ROOT = servers.ROOT
EXAMPLES = ROOT / "examples" / "models"
LOAD = servers.BUILD / "forebay_load"
VOCABULARY = 1000  # token ids every vocabulary of the bench has


def load(server, path, bodies, **options):
    """Runs the load generator once and returns its report."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("\n".join(json.dumps(body) for body in bodies))
        file.flush()
        return json.loads(start_load(server, path, file.name, **options).communicate()[0])


def start_load(server, path, bodies_path, **options):
    command = [LOAD, "--port", server.port, "--path", path, "--header", "Content-Type: application/json", "--bodies", bodies_path]
    for name, value in options.items():
        command += [f"--{name}", value]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)


def completion(prompt_tokens, new_tokens, seed, stream=True):
    prompt = [random.Random(seed).randrange(20, VOCABULARY) for _ in range(prompt_tokens)]
    body = {"prompt": prompt, "max_tokens": new_tokens, "temperature": 0, "ignore_eos": True, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    return body


class Seeds:
    """Every request gets its own prompt: nothing is answered from a cache."""

    def __init__(self):
        self.last = 0

    def bodies(self, count, prompt_tokens, new_tokens):
        self.last += count
        return [completion(prompt_tokens, new_tokens, self.last - i) for i in range(count)]


SEEDS = Seeds()


def one_stream(server):
    report = load(server, "/v1/completions", SEEDS.bodies(8, 16, 160), concurrency=1, requests=8)
    return {"one stream, tokens/s": report["generated_tokens_per_second"]}


def many_streams(server, streams):
    report = load(server, "/v1/completions", SEEDS.bodies(streams, 16, 96), concurrency=streams, requests=streams)
    return {f"{streams} streams, tokens/s": report["generated_tokens_per_second"]}


def first_token(server):
    report = load(server, "/v1/completions", SEEDS.bodies(4, 500, 2), concurrency=1, requests=4)
    return {"time to first token, 500-token prompt, ms": report["first_event_ms"]["p50"]}


def worst_gap(server):
    """One stream decodes while a 3,000-token prompt arrives."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as decoding:
        decoding.write(json.dumps(completion(16, 400, -1)))
        decoding.flush()
        stream = start_load(server, "/v1/completions", decoding.name, concurrency=1, requests=1)
        prompt = load(server, "/v1/completions", SEEDS.bodies(1, 3000, 2), concurrency=1, requests=1)
        report = json.loads(stream.communicate()[0])
    return {
        "worst gap while a 3,000-token prompt arrives, ms": report["gap_ms"]["max"],
        "that prompt's time to first token, ms": prompt["first_event_ms"]["p50"],
    }


def small_model(server):
    pixels = json.loads((EXAMPLES / "digit.json").read_text(encoding="utf-8"))
    while isinstance(pixels, dict):
        pixels = next(iter(pixels.values()))
    flat = pixels
    while isinstance(flat[0], list):
        flat = [value for row in flat for value in row]
    many = load(server, "/predict", [{"input": flat}], concurrency=64, seconds=4)
    alone = load(server, "/predict", [{"input": flat}], concurrency=1, seconds=2)
    return {
        "digits, 64 clients, requests/s": many["requests_per_second"],
        "digits, 64 clients, p50 ms": many["latency_ms"]["p50"],
        "digits, 64 clients, p99 ms": many["latency_ms"]["p99"],
        "digits, 1 client, p50 ms": alone["latency_ms"]["p50"],
    }


def generation_group(model, rounds):
    """Every server is alone on the machine while it is measured; llama-server is taken at its best of default and -np."""
    makers = {
        "forebay": lambda: servers.forebay(model),
        "llama-server": lambda: servers.llama_server(model),
        "llama-server -np 8": lambda: servers.llama_server(model, "-np", "8", "-c", "32768", name="llama-server-np8"),
    }
    return run_rounds(makers, [one_stream, lambda s: many_streams(s, 8), first_token, worst_gap], rounds)


def tensors_group(rounds):
    digits = EXAMPLES / "digits.onnx"
    makers = {"forebay": lambda: servers.forebay(digits), "fastapi": lambda: servers.fastapi(digits), "bare": lambda: servers.bare(digits)}
    return run_rounds(makers, [small_model], rounds)


def run_rounds(makers, workloads, rounds):
    samples = {name: {} for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            server = make()
            try:
                note(samples[name], "start until healthy, s", server.start_seconds)
                for workload in workloads:
                    for measure, value in workload(server).items():
                        note(samples[name], measure, value)
                note(samples[name], "resident memory, MiB", server.resident_mib())
            finally:
                server.stop()
    return {name: {measure: statistics.median(values) for measure, values in measures.items()} for name, measures in samples.items()}


def note(measures, name, value):
    measures.setdefault(name, []).append(value)


def print_table(title, results):
    names = list(results)
    print(f"\n{title}\n")
    print("| measure | " + " | ".join(names) + " | " + " | ".join(f"forebay / {name}" for name in names[1:]) + " |")
    print("|---|" + "---|" * (2 * len(names) - 1))
    for measure in results["forebay"]:
        values = [results[name].get(measure) for name in names]
        ratios = [values[0] / other if other else float("nan") for other in values[1:]]
        cells = [f"{value:.2f}" if value is not None else "-" for value in values] + [f"{ratio:.2f}x" for ratio in ratios]
        print(f"| {measure} | " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["generation", "tensors"], action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=pathlib.Path, help="a GGUF file (default: a random 60 MB one, made once)")
    parser.add_argument("--json", type=pathlib.Path, help="write the medians here too")
    arguments = parser.parse_args()
    groups = arguments.only or ["generation", "tensors"]

    report = {}
    if "generation" in groups:
        model = arguments.model or ROOT / "build" / "bench-60m.gguf"
        if not model.exists():
            subprocess.run([sys.executable, ROOT / "bench" / "make_model.py", model], check=True)
        report["generation"] = generation_group(model, arguments.rounds)
        print_table(f"Text generation, {model.name} ({model.stat().st_size / 1e6:.0f} MB)", report["generation"])
    if "tensors" in groups:
        report["tensors"] = tensors_group(arguments.rounds)
        print_table("Tensors, digits.onnx", report["tensors"])
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
