"""Resident memory of a server after a thousand and after a hundred thousand requests of random shapes.

    python3 bench/memory_growth.py                 both numbers and their ratio; the goal is 1.05 at most
    python3 bench/memory_growth.py --requests 20000

The model is made here: two convolutions and a mean over pictures of any size, so that every request has another shape.
"""

import argparse
import pathlib
import random
import sys
import tempfile
import threading

import numpy
import onnx
import requests
from onnx import TensorProto, helper

import servers


def make_model(path):
    """Pictures [batch, 3, height, width] to [batch, 8]."""
    generator = numpy.random.default_rng(1)

    def weights(name, *shape):
        return helper.make_tensor(name, TensorProto.FLOAT, shape, generator.standard_normal(shape).astype(numpy.float32).ravel())

    nodes = [helper.make_node("Conv", ["x", "w1"], ["a"], pads=[1, 1, 1, 1]), helper.make_node("Relu", ["a"], ["b"]),
             helper.make_node("Conv", ["b", "w2"], ["c"], pads=[1, 1, 1, 1]), helper.make_node("GlobalAveragePool", ["c"], ["d"]),
             helper.make_node("Flatten", ["d"], ["y"])]
    graph = helper.make_graph(nodes, "any_size", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, "height", "width"])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 8])],
                              [weights("w1", 16, 3, 3, 3), weights("w2", 8, 16, 3, 3)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def send(server, count, seed):
    """That many binary requests, every one of another shape, by one client."""
    shapes, session = random.Random(seed), requests.Session()
    noise = numpy.random.default_rng(seed).random(3 * 48 * 48 * 4, dtype=numpy.float32)
    for _ in range(count):
        shape = [shapes.randint(1, 4), 3, shapes.randint(1, 48), shapes.randint(1, 48)]
        data = noise[:numpy.prod(shape)].tobytes()
        head = (f'{{"parameters":{{"binary_data_output":true}},"inputs":[{{"name":"x","shape":{shape},"datatype":"FP32",'
                f'"parameters":{{"binary_data_size":{len(data)}}}}}]}}').encode()
        answer = session.post(f"http://127.0.0.1:{server.port}/v2/models/any_size/infer", data=head + data,
                              headers={"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"}, timeout=60)
        assert answer.status_code == 200, answer.text


def send_by(server, clients, count, seed):
    threads = [threading.Thread(target=send, args=(server, count // clients, seed + number)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--clients", type=int, default=4)
    arguments, measured = parser.parse_args(), {}
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "any_size.onnx"
        make_model(model)
        server = servers.forebay(model)
        try:
            done = 0
            for count in sorted({1_000, arguments.requests // 10, arguments.requests}):
                send_by(server, arguments.clients, count - done, seed=count)
                done = count
                measured[count] = server.resident_mib()
                print(f"after {count} requests: {measured[count]:.1f} MiB", flush=True)
        finally:
            server.stop()
    ratio = measured[arguments.requests] / measured[1_000]
    print(f"ratio: {ratio:.3f}")
    return 0 if ratio <= 1.05 else 1


if __name__ == "__main__":
    sys.exit(main())
