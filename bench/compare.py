"""Forebay beside its peers: same files, same machine, same run. Prints a table of medians and ratios.

    ./dev bench                      everything, three rounds
    ./dev bench --only tensors       one group: generation, many, cache, overload, tensors, wire, embeddings
    ./dev bench --rounds 1 --json report.json

Every workload runs on every server in turn, round after round, so that what the machine does meanwhile hits all of them.
Absolute times belong to this machine; the ratios are what is reported.
"""

import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import servers
import tensor_workloads
import workloads

ROOT = servers.ROOT
EXAMPLES = ROOT / "examples" / "models"


def generation_group(model, rounds):
    """Every server is alone on the machine while it is measured; llama-server with its defaults and with as many slots as streams."""
    makers = {
        "forebay": lambda: servers.forebay(model),
        "llama-server": lambda: servers.llama_server(model),
        "llama-server -np 8": lambda: servers.llama_server(model, "-np", "8", "-c", "32768", name="llama-server-np8"),
    }
    return run_rounds(makers, [workloads.one_stream, workloads.streams(8), workloads.first_token, workloads.gaps], rounds)


def many_group(model, rounds):
    """Sixteen and thirty-two texts at once."""
    results = {}
    for count, items in {16: [workloads.prefix_streams(16, True), workloads.prefix_streams(16, False)], 32: [workloads.streams(32)]}.items():
        flags = ["-np", str(count), "-c", str(count * 2048)]
        makers = {
            "forebay": lambda: servers.forebay(model),
            f"forebay, {count} sequences": lambda: servers.forebay(model, "--set", f"models.generation.sequences_max={count}"),
            f"forebay, {count} sequences, one pool": lambda: servers.forebay(
                model, "--set", f"models.generation.sequences_max={count}", "--set", "models.generation.cells=unified"),
            "llama-server": lambda: servers.llama_server(model),
            "llama-server -np N": lambda: servers.llama_server(model, *flags, name=f"llama-server-np{count}"),
        }
        for name, measures in run_rounds(makers, items, rounds, memory=False).items():
            name = name.replace(str(count), "N")
            results.setdefault(name, {}).update(measures)
    return results


def cache_group(model, rounds):
    """What finished texts leave behind, while a server runs and after it was started again."""
    makers = {"forebay": lambda: servers.forebay(model), "llama-server": lambda: servers.llama_server(model)}
    results = run_rounds(makers, [workloads.conversations], rounds, memory=False)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            flags = ["--set", f"models.generation.cache.disk_path={folder}"]
            prompt = workloads.PROMPTS.fresh(3000)
            times = []
            for _ in range(2):
                server = servers.forebay(model, *flags)
                try:
                    times.append(workloads.long_prompt(server, prompt))
                finally:
                    server.stop()
            note_last(results["forebay"], "time to first token, 3,000-token prompt, cold, ms", times[0])
            note_last(results["forebay"], "the same after a restart, from disk, ms", times[1])
    return results


def overload_group(model, rounds):
    flood = {"forebay": lambda: servers.forebay(model), "llama-server": lambda: servers.llama_server(model)}
    results = run_rounds(flood, [workloads.flood], rounds, memory=False)
    few_cells = {
        "forebay": lambda: servers.forebay(model, "--set", "models.generation.context_tokens=2048"),
        "llama-server": lambda: servers.llama_server(model, "-c", "2048", "-np", "8", "-kvu", name="llama-server-kvu"),
    }
    for name, measures in run_rounds(few_cells, [workloads.overcommitted], rounds, memory=False).items():
        results[name].update(measures)
    return results


def tensors_group(rounds):
    digits = EXAMPLES / "digits.onnx"
    makers = {"forebay": lambda: servers.forebay(digits), "fastapi": lambda: servers.fastapi(digits), "bare": lambda: servers.bare(digits)}
    results = run_rounds(makers, [tensor_workloads.small_model], rounds)
    cnn = tensor_workloads.reference_cnn()
    if cnn:
        makers = {"forebay": lambda: servers.forebay(cnn), "fastapi": lambda: servers.fastapi(cnn), "bare": lambda: servers.bare(cnn)}
        add(results, run_rounds(makers, [tensor_workloads.convolutions], rounds, memory=False))
        rates = [tensor_workloads.best_bare_rate(cnn, (1, 1, 28, 28)) for _ in range(rounds)]
        results["ONNX Runtime alone"] = {"CNN, 32 clients, requests/s": statistics.median(rates)}
    return results


def wire_group(rounds):
    """A picture as numbers, through the server and back, without the engine's time."""
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "mean.onnx"
        tensor_workloads.make_mean_model(model)
        makers = {"forebay": lambda: servers.forebay(model), "fastapi": lambda: servers.fastapi(model), "bare": lambda: servers.bare(model)}
        results = run_rounds(makers, [tensor_workloads.wire_json], rounds, memory=False)
        forebay = {"forebay": makers["forebay"]}
        add(results, run_rounds(forebay, [tensor_workloads.wire_binary], rounds, memory=False))
    return results


def add(results, more):
    for name, measures in more.items():
        results.setdefault(name, {}).update(measures)


def embeddings_group(rounds):
    """A 22 M BERT, 32 clients, one text a request, without the cache of vectors."""
    folder = ROOT / "build" / "bench-encoder"
    if not (folder / "onnx" / "model.onnx").exists():
        subprocess.run([sys.executable, ROOT / "bench" / "make_encoder.py", folder], check=True)
    model = folder / "onnx" / "model.onnx"
    uncached = ["--set", "models.embedding.cache_bytes_max=0"]
    makers = {
        "forebay": lambda: servers.forebay(folder / "encoder.gguf", *uncached),
        "forebay, ONNX": lambda: servers.forebay(model, *uncached),
        "forebay, int8": lambda: servers.forebay(folder / "encoder.gguf", *uncached, "--set", "models.embedding.int8=true"),
        "forebay, libllama": lambda: servers.forebay(folder / "encoder.gguf", *uncached, "--set", "models.embedding.translate=false"),
        "llama-server": lambda: servers.llama_server(folder / "encoder.gguf", "--embedding", "-np", "8", "-c", "4096", "-ub", "4096", "-b", "4096", name="llama-server-embedding"),
        "fastapi": lambda: servers.encoder_service(folder / "onnx"),
    }
    lengths = ((8, 256), (12, 12))
    results = run_rounds(makers, [workloads.embeddings(*length, seconds=8, seed=100) for length in lengths], rounds)
    bare = {}
    for shortest, longest in lengths:
        command = [sys.executable, ROOT / "bench" / "bare_encoder.py", folder / "onnx", str(shortest), str(longest)]
        rates = [float(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(rounds)]
        bare[f"texts of {shortest} to {longest} tokens, texts/s"] = statistics.median(rates)
    return {**results, "bare ONNX Runtime": bare}


def run_rounds(makers, items, rounds, memory=True):
    samples = {name: {} for name in makers}
    for _ in range(rounds):
        for name, make in makers.items():
            server = make()
            try:
                if memory:
                    note(samples[name], "start until healthy, s", server.start_seconds)
                for workload in items:
                    for measure, value in workload(server).items():
                        note(samples[name], measure, value)
                if memory:
                    note(samples[name], "resident memory, MiB", server.resident_mib())
            finally:
                server.stop()
    return {name: {measure: statistics.median(values) for measure, values in measures.items()} for name, measures in samples.items()}


def note_last(medians, name, value):
    """Of rounds outside run_rounds: the median of what was noted so far."""
    values = SINGLES.setdefault(name, [])
    values.append(value)
    medians[name] = statistics.median(values)


SINGLES = {}


def note(measures, name, value):
    measures.setdefault(name, []).append(value)


def print_table(title, results):
    names = list(results)
    print(f"\n{title}\n")
    print("| measure | " + " | ".join(names) + " | " + " | ".join(f"forebay / {name}" for name in names[1:]) + " |")
    print("|---|" + "---|" * (2 * len(names) - 1))
    for measure in results["forebay"]:
        values = [results[name].get(measure) for name in names]
        ratios = [values[0] / other if other and values[0] is not None else None for other in values[1:]]
        cells = [f"{value:.2f}" if value is not None else "-" for value in values] + [f"{ratio:.2f}x" if ratio is not None else "-" for ratio in ratios]
        print(f"| {measure} | " + " | ".join(cells) + " |")


GROUPS = ["generation", "many", "cache", "overload", "tensors", "wire", "embeddings"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=GROUPS, action="append")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", type=pathlib.Path, help="a GGUF file (default: a random 60 MB one, made once)")
    parser.add_argument("--json", type=pathlib.Path, help="write the medians here too")
    arguments = parser.parse_args()
    groups = arguments.only or GROUPS
    shutil.rmtree(servers.CACHES, ignore_errors=True)
    servers.CACHES.mkdir(parents=True)

    report = {}
    model = arguments.model or ROOT / "build" / "bench-60m.gguf"
    if not model.exists():
        subprocess.run([sys.executable, ROOT / "bench" / "make_model.py", model], check=True)
    title = f"{model.name} ({model.stat().st_size / 1e6:.0f} MB)"
    for name, group in {"generation": generation_group, "many": many_group, "cache": cache_group, "overload": overload_group}.items():
        if name in groups:
            report[name] = group(model, arguments.rounds)
            print_table(f"{group.__doc__ or name}: {title}", report[name])
    if "tensors" in groups:
        report["tensors"] = tensors_group(arguments.rounds)
        print_table("Tensors: digits.onnx, and a convolution network where the reference models are", report["tensors"])
    if "wire" in groups:
        report["wire"] = wire_group(arguments.rounds)
        print_table("Arrays on the wire, without the engine's time", report["wire"])
    if "embeddings" in groups:
        report["embeddings"] = embeddings_group(arguments.rounds)
        print_table("Embeddings, BERT of 22 M parameters, 32 clients, one text a request", report["embeddings"])
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
