"""Bodies of a hundred megabytes: answered exactly, within a bound of memory, and refused where they would be too many."""

import json
import re
import socket

import numpy
import pytest
import requests

from conftest import eventually
from onnx_writer import model, node

MIB = 1 << 20
LIMITS = ("--set", f"http.body_bytes_max={110 * MIB}")
# Multiples of an eighth below two millions are exact in float32, in whatever order they are added up.
NUMBERS = 16_000_000
RAW = {"Content-Type": "application/octet-stream", "Inference-Header-Content-Length": "0"}
ROOM = 40 * MIB  # for what has nothing to do with the body: threads, buffers, the engine


@pytest.fixture
def summing(tmp_path):
    """A model with one free dimension that adds up all its numbers."""
    path = tmp_path / "sum.onnx"
    path.write_bytes(model([node("ReduceSum", ["x"], ["sum"], keepdims=0)], [("x", "float32", ["n"])], [("sum", "float32", [])], {}))
    return path


@pytest.fixture
def echoing(tmp_path):
    path = tmp_path / "echo.onnx"
    path.write_bytes(model([node("Neg", ["x"], ["y"])], [("x", "float32", ["n"])], [("y", "float32", ["n"])], {}))
    return path


def memory(server, what):
    """VmRSS or VmHWM (the peak) in bytes."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return int(re.search(rf"{what}:\s+(\d+) kB", status.read()).group(1)) * 1024


def json_body(count):
    return b'{"input": [' + b"0.125," * (count - 1) + b"0.125]}"


def test_a_json_body_of_96_mb_costs_itself_and_its_tensor(serve, summing):
    server = serve(summing, *LIMITS)
    before = memory(server, "VmHWM")
    body = json_body(NUMBERS)
    answer = server.post("/predict", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["output"] == NUMBERS / 8
    assert memory(server, "VmHWM") - before < len(body) + 4 * NUMBERS + ROOM
    eventually(lambda: memory(server, "VmRSS") - before < ROOM)


def test_a_binary_body_of_100_mb_costs_itself(serve, summing):
    server = serve(summing, *LIMITS)
    before = memory(server, "VmHWM")
    body = numpy.full(100 * MIB // 4, 0.0625, numpy.float32).tobytes()
    answer = server.post("/v2/models/sum/infer", data=body, headers=RAW)
    assert answer.status_code == 200, answer.text
    assert numpy.frombuffer(answer.content[int(answer.headers["Inference-Header-Content-Length"]):], numpy.float32)[0] == 25 * MIB / 16
    assert memory(server, "VmHWM") - before < len(body) + ROOM
    eventually(lambda: memory(server, "VmRSS") - before < ROOM)


def test_large_answers_are_whole_too(serve, echoing):
    server = serve(echoing, *LIMITS)
    count = 4_000_000
    answer = server.post("/predict", data=json_body(count), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text[:300]
    values = numpy.asarray(json.loads(answer.content)["outputs"]["y"])
    assert values.shape == (count,) and (values == -0.125).all()
    numbers = numpy.arange(8 * MIB, dtype=numpy.float32)
    answer = server.post("/v2/models/echo/infer", data=numbers.tobytes(), headers=RAW)
    assert (numpy.frombuffer(answer.content[int(answer.headers["Inference-Header-Content-Length"]):], numpy.float32) == -numbers).all()


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent(serve, summing):
    server = serve(summing, *LIMITS)
    before = memory(server, "VmHWM")
    for length in (110 * MIB + 1, 1 << 40, (1 << 62) - 1):
        with begun(server, length, b"[") as wire:
            assert wire.recv(100).startswith(b"HTTP/1.1 413")
    assert memory(server, "VmHWM") - before < ROOM


def begun(server, length, sent):
    """A connection with the start of a body under way."""
    wire = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    wire.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % length + sent)
    return wire


def test_bodies_that_would_be_too_many_together_are_refused_and_vanished_ones_free_their_room(serve, summing):
    server = serve(summing, *LIMITS, "--set", f"http.bodies_bytes_max={100 * MIB}")
    before = memory(server, "VmRSS")
    small = {"input": [1, 2, 3]}
    body = json_body(10 * MIB)  # 60 MiB
    with begun(server, len(body), body[:30 * MIB]):
        eventually(lambda: memory(server, "VmRSS") - before > 25 * MIB)
        refused = server.post("/predict", data=body, headers={"Content-Type": "application/json", "Connection": "close"})
        assert (refused.status_code, refused.json()["name"]) == (503, "bodies_too_large_together")
        assert int(refused.headers["Retry-After"]) >= 1
        assert server.post("/predict", small).json()["output"] == 6
        assert server.post("/predict", data=json_body(5 * MIB), headers={"Content-Type": "application/json"}).status_code == 200
    eventually(lambda: memory(server, "VmRSS") - before < 25 * MIB)
    answer = server.post("/predict", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text


def test_bodies_of_unknown_length_are_counted_as_they_come(serve, summing):
    server = serve(summing, *LIMITS, "--set", f"http.bodies_bytes_max={100 * MIB}")

    def chunks():
        yield b'{"input": [1'
        for _ in range(60):
            yield b",0" * (MIB // 2)
        yield b"]}"

    with begun(server, 70 * MIB, b"["):
        refused = None
        try:
            refused = server.post("/predict", data=chunks(), headers={"Content-Type": "application/json"})
        except requests.exceptions.ConnectionError:
            pass  # the connection is closed while the rest is on its way
        assert refused is None or (refused.status_code, refused.json()["name"]) == (503, "bodies_too_large_together")
    assert "bodies_too_large_together" in server.get("/metrics").text

    def answered():
        return server.post("/predict", data=chunks(), headers={"Content-Type": "application/json"}).json().get("output") == 1

    eventually(answered)


def test_idle_connections_keep_nothing_of_their_bodies(serve, summing):
    server = serve(summing, *LIMITS)
    before = memory(server, "VmRSS")
    body = json_body(4 * MIB)
    sessions = [requests.Session() for _ in range(8)]
    try:
        for session in sessions:
            answer = session.post(server.url + "/predict", data=body, headers={"Content-Type": "application/json"}, timeout=60)
            assert answer.status_code == 200
        eventually(lambda: memory(server, "VmRSS") - before < ROOM)
    finally:
        for session in sessions:
            session.close()
