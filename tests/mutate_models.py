"""Opens many damaged copies of real model files as the server does, and keeps those that do harm: a signal, a hang, or too much memory.

    python3 tests/mutate_models.py onnx|tokenizer|gguf FILE_OR_FOLDER... [--count 10000] [--seed 1] [--keep FOLDER]

Each copy is opened in a child process of build/release/try_models, which loads it and makes a step. Exit status 1 when any did harm."""

import argparse
import collections
import importlib
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from conftest import BINARY

TOOL = BINARY.parent / "try_models"
KINDS = {"onnx": ("onnx_mutations", ".onnx"), "tokenizer": ("tokenizer_mutations", ".json"), "gguf": ("gguf_mutations", ".gguf")}
HARM = {"signal", "hang", "memory"}
BATCH = 200
SOURCE_BYTES_MAX = 2 << 20


def sources_of(kind, places):
    """The sound files: those given, and in folders those of the kind that are not too large to be copied often."""
    suffix = KINDS[kind][1]
    found = []
    for place in map(pathlib.Path, places):
        files = sorted(place.rglob("tokenizer.json" if kind == "tokenizer" else f"*{suffix}")) if place.is_dir() else [place]
        found += [file for file in files if file.stat().st_size <= SOURCE_BYTES_MAX]
    return found


def try_files(files, seconds=20, mib=1024):
    """One verdict a file, as try_models writes them."""
    run = subprocess.run([str(TOOL), str(seconds), str(mib)], input="".join(f"{file}\n" for file in files), capture_output=True, text=True, check=True,
                         timeout=60 + len(files) * (seconds + 1), errors="replace")
    return [json.loads(line, strict=False) for line in run.stdout.split("\n") if line]


def try_mutations(kind, sources, numbers, seed, keep=None, report=None):
    """Verdicts of the mutations with these numbers; harmful files are copied to `keep`."""
    mutated = importlib.import_module(KINDS[kind][0]).mutated
    contents = {file: file.read_bytes() for file in sources}
    verdicts = []
    numbers = list(numbers)
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(numbers), BATCH):
            files = []
            for number in numbers[start:start + BATCH]:
                source = sources[random.Random(f"{seed}:{number}").randrange(len(sources))]
                file = pathlib.Path(folder, f"{seed}-{number}-{source.stem}{KINDS[kind][1]}")
                file.write_bytes(mutated(contents[source], f"{seed}:{number}"))
                files.append(file)
            for file, verdict in zip(files, try_files(files), strict=True):
                verdicts.append(verdict)
                if verdict["verdict"] in HARM and keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / file.name).write_bytes(file.read_bytes())
                file.unlink()
                if report:
                    report(verdict)
    return verdicts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    sources = sources_of(options.kind, options.sources)
    if not sources:
        parser.error("there are no such files")

    def report(verdict):
        if verdict["verdict"] in HARM:
            print(json.dumps(verdict), flush=True)

    verdicts = try_mutations(options.kind, sources, range(options.first, options.first + options.count), options.seed, options.keep, report)
    counted = collections.Counter(one["verdict"] for one in verdicts)
    slowest = max(one["seconds"] for one in verdicts)
    largest = max(one["mib"] for one in verdicts)
    print(f"{len(verdicts)} mutations of {len(sources)} files: {dict(counted)}; the slowest took {slowest:.1f} s, the largest {largest} MiB")
    return 1 if HARM & set(counted) else 0


if __name__ == "__main__":
    sys.exit(main())
