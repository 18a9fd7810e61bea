#!/usr/bin/env python3
"""Sends seeded random inputs to every model of a running server: zeros, smallest and largest numbers, NaN, small numbers, and shapes with nothing in them.

    random_inputs.py --url http://127.0.0.1:8080 [--inputs 20] [--seed 1] [--models a,b]

Prints how the answers were distributed. The exit status is 1 when the server stopped answering: the last line says for which model and seed.
"""

import argparse
import collections
import json
import sys

import numpy
import requests

DTYPES = {"BOOL": "bool", "UINT8": "uint8", "UINT16": "uint16", "UINT32": "uint32", "UINT64": "uint64", "INT8": "int8", "INT16": "int16", "INT32": "int32",
          "INT64": "int64", "FP16": "float16", "FP32": "float32", "FP64": "float64"}
SIZE_MAX = 6


def values(random, dtype, count):
    """So many numbers of a type, of one kind: a request with something odd in each place would rarely get beyond the first check."""
    kind = random.integers(0, 7)
    if dtype.kind == "b":
        return random.integers(0, 2, count).astype(bool)
    if dtype.kind == "f":
        special = [0.0, -0.0, numpy.nan, numpy.inf, -numpy.inf, float(numpy.finfo(dtype).max), float(numpy.finfo(dtype).min), 1e-30]
        return (random.choice(special, count) if kind < 2 else random.normal(0, [1, 1, 1, 10, 1000][kind - 2], count)).astype(dtype)
    limits = numpy.iinfo(dtype)
    if kind == 0:
        return numpy.zeros(count, dtype)
    if kind == 1:
        return random.choice(numpy.asarray([limits.min, limits.max, 0, 1, limits.max // 2], dtype), count)
    if kind == 2:
        return random.integers(limits.min, limits.max, count, dtype=dtype, endpoint=True)
    return random.integers(max(limits.min, -4), 9, count).astype(dtype)


def made_up(random, spec):
    """A tensor for one input of the model's description: its head and its bytes."""
    shape = [int(size) if size >= 0 else int(random.integers(0, SIZE_MAX)) for size in map(int, spec["shape"])]
    if not spec["shape"] and random.integers(0, 2):
        shape = [int(random.integers(0, SIZE_MAX)) for _ in range(random.integers(0, 4))]
    count = int(numpy.prod(shape, dtype=numpy.int64))
    if spec["datatype"] == "BYTES":
        texts = [bytes(random.integers(0, 256, int(random.integers(0, 9)), dtype=numpy.uint8)) if random.integers(0, 2) else b"text" for _ in range(count)]
        data = b"".join(len(text).to_bytes(4, "little") + text for text in texts)
    else:
        data = values(random, numpy.dtype(DTYPES[spec["datatype"]]), count).tobytes()
    head = {"name": spec["name"], "shape": shape, "datatype": spec["datatype"], "parameters": {"binary_data_size": len(data)}}
    return head, data


def ask(session, url, model, specs, seed, seconds=60):
    """The status of one random request."""
    random = numpy.random.default_rng(seed)
    parts = [made_up(random, spec) for spec in specs]
    head = json.dumps({"parameters": {"binary_data_output": True}, "inputs": [part[0] for part in parts]}).encode()
    body = head + b"".join(part[1] for part in parts)
    answer = session.post(f"{url}/v2/models/{model}/infer", data=body, timeout=seconds,
                          headers={"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"})
    return answer.status_code


def ask_all(url, models, inputs, seed, after_each=lambda model: None):
    """How many answers had which status. Raises with the model and the seed when the server does not answer."""
    statuses = collections.Counter()
    session = requests.Session()
    for model in models:
        described = session.get(f"{url}/v2/models/{model}", timeout=60)
        if described.status_code != 200:
            continue
        specs = described.json()["inputs"]
        if any(spec["datatype"] not in DTYPES and spec["datatype"] != "BYTES" for spec in specs):
            continue
        for number in range(inputs):
            try:
                statuses[ask(session, url, model, specs, [seed, number])] += 1
            except requests.RequestException as error:
                raise AssertionError(f"no answer: model {model}, seed {seed}, input {number}: {error}") from error
        after_each(model)
    return statuses


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--inputs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models")
    arguments = parser.parse_args()
    models = arguments.models.split(",") if arguments.models else [one["name"] for one in requests.get(f"{arguments.url}/server/stats", timeout=60).json()["models"]]
    try:
        print(dict(ask_all(arguments.url, models, arguments.inputs, arguments.seed)))
    except AssertionError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
