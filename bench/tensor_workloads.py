"""Workloads of tensors: small models under load, a convolution network, a picture's worth of numbers on the wire."""

import concurrent.futures
import functools
import http.client
import json
import os
import pathlib
import random
import statistics
import time

import servers
from workloads import load

WIRE_SHAPE = (1, 3, 224, 224)
WIRE_VALUES = 150_528
EXAMPLES = servers.ROOT / "examples" / "models"


def reference_cnn():
    """A trained convolution network for digits (5.5 MFLOP a picture), if the reference models are on this machine."""
    folder = os.environ.get("FOREBAY_REFERENCE_MODELS")
    path = pathlib.Path(folder or ".") / "onnx" / "burn" / "mnist.onnx"
    return path if folder and path.exists() else None


def small_model(server):
    pixels = json.loads((EXAMPLES / "digit.json").read_text(encoding="utf-8"))
    while isinstance(pixels, dict):
        pixels = next(iter(pixels.values()))
    flat = pixels
    while isinstance(flat[0], list):
        flat = [value for row in flat for value in row]
    # All different, so that nobody gets away with computing one of them for many clients.
    bodies = [{"input": [number // 64 % 16, number // 4 % 16, number % 4, *flat[3:]]} for number in range(1024)]
    many = load(server, "/predict", bodies, concurrency=64, seconds=4)
    alone = load(server, "/predict", bodies, concurrency=1, seconds=2)
    return {
        "digits, 64 clients, requests/s": many["requests_per_second"],
        "digits, 64 clients, p50 ms": many["latency_ms"]["p50"],
        "digits, 64 clients, p99 ms": many["latency_ms"]["p99"],
        "digits, 1 client, p50 ms": alone["latency_ms"]["p50"],
    }


def convolutions(server):
    """32 clients, every picture another one."""
    chance = random.Random(7)
    bodies = [{"input": [round(chance.random(), 3) for _ in range(784)]} for _ in range(256)]
    report = load(server, "/predict", bodies, concurrency=32, seconds=4)
    if set(report["by_status"]) != {"200"}:
        raise RuntimeError(f"not every request was answered: {report}")
    return {"CNN, 32 clients, requests/s": report["requests_per_second"], "CNN, 32 clients, p99 ms": report["latency_ms"]["p99"]}


def best_bare_rate(model, shape, seconds=3.0):
    """Runs a second that ONNX Runtime alone reaches: one run on all cores, or one a core; batches only where the file allows them."""
    import numpy
    import onnxruntime

    cores = len(os.sched_getaffinity(0))
    best = 0.0
    for threads, lanes in ((cores, 1), (1, cores)):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        feed = {session.get_inputs()[0].name: numpy.random.default_rng(1).random(shape, dtype=numpy.float32)}
        until = time.perf_counter() + seconds
        with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
            counts = list(pool.map(functools.partial(runs_until, session, feed), [until] * lanes))
        best = max(best, sum(counts) / seconds)
    return best


def runs_until(session, feed, until):
    count = 0
    while time.perf_counter() < until:
        session.run(None, feed)
        count += 1
    return count


# --- the wire ---------------------------------------------------------------------------------------------------------


def make_mean_model(path):
    """The mean of a picture: work that is hardly there, so that what is measured is the way to it."""
    import onnx
    from onnx import TensorProto, helper

    node = helper.make_node("ReduceMean", ["x"], ["y"], axes=[1, 2, 3], keepdims=0)
    graph = helper.make_graph([node], "mean", [helper.make_tensor_value_info("x", TensorProto.FLOAT, WIRE_SHAPE)],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def wire_json(server):
    chance = random.Random(11)
    body = json.dumps({"input": [round(chance.random(), 6) for _ in range(WIRE_VALUES)]}).encode()
    return {"150,528 floats as JSON, one client, p50 ms": outside_the_engine(server, "/predict", body, {"Content-Type": "application/json"})}


def wire_binary(server):
    """By the Open Inference Protocol."""
    data = bytes(4 * WIRE_VALUES)
    head = json.dumps({"parameters": {"binary_data_output": True},
                       "inputs": [{"name": "x", "shape": WIRE_SHAPE, "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}
    return {"150,528 floats as binary, one client, p50 ms": outside_the_engine(server, "/v2/models/mean/infer", head + data, headers)}


def outside_the_engine(server, path, body, headers, count=60):
    """The median of the client's time, less what the server says the engine took (the peers' engine takes the same few microseconds)."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    times = []
    for _ in range(count):
        began = time.perf_counter()
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        took = (time.perf_counter() - began) * 1000
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {text[:300]}")
        timing = answer.headers.get("Server-Timing", "")
        engine = [part.split("dur=")[1] for part in timing.split(",") if "inference;dur=" in part]
        times.append(took - (float(engine[0]) if engine else 0))
    connection.close()
    return statistics.median(times)
