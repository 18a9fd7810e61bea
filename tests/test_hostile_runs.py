"""What clients and model files can ask of a run: nothing, zero divisors, loops without end and gigabytes. The server and its other models go on."""

import json
import threading
import time

import numpy
import pytest

from conftest import eventually, start_server
from onnx_writer import block, model, node, number, value


def subgraph(nodes, inputs, outputs, weights):
    """A GraphProto, for the body of a loop."""
    from onnx_writer import weight
    graph = b"".join(block(1, one) for one in nodes) + block(2, "body") + b"".join(block(5, weight(name, array)) for name, array in weights.items())
    return graph + b"".join(block(11, value(*one)) for one in inputs) + b"".join(block(12, value(*one)) for one in outputs)


def loop_model(steps=None):
    """count = 1 for each step of a loop; the number of steps is an input, or this."""
    body = subgraph([node("Identity", ["go"], ["go_on"]), node("Add", ["count", "one"], ["next"])],
                    [("i", "int64", []), ("go", "bool", []), ("count", "float32", [])], [("go_on", "bool", []), ("next", "float32", [])],
                    {"one": numpy.ones((), numpy.float32)})
    loop = node("Loop", ["steps", "", "start"], ["count"]) + block(5, block(1, "body") + block(6, body) + number(20, 5))
    inputs, weights = [("start", "float32", [])], {}
    if steps is None:
        inputs.append(("steps", "int64", []))
    else:
        weights["steps"] = numpy.asarray(steps, numpy.int64)
    return model([loop], inputs, [("count", "float32", [])], weights)


def division_model(op="Div"):
    """c = a / b, integers."""
    return model([node(op, ["a", "b"], ["c"])], [("a", "int64", ["n"]), ("b", "int64", ["n"])], [("c", "int64", ["n"])], {})


def sized_model(op):
    """A small request that asks for a large tensor."""
    if op == "Tile":
        return model([node("Tile", ["x", "n"], ["y"])], [("x", "float32", [4]), ("n", "int64", [1])], [("y", "float32", ["m"])], {})
    if op == "Expand":
        return model([node("Expand", ["x", "n"], ["y"])], [("x", "float32", [1]), ("n", "int64", [1])], [("y", "float32", ["m"])], {})
    if op == "ConstantOfShape":
        return model([node("ConstantOfShape", ["n"], ["y"])], [("n", "int64", [1])], [("y", "float32", ["m"])], {})
    nodes = [node("Squeeze", ["n"], ["scalar"]), node("Range", ["zero", "scalar", "one"], ["y"])]
    return model(nodes, [("n", "int64", [1])], [("y", "int64", ["m"])], {"zero": numpy.zeros((), numpy.int64), "one": numpy.ones((), numpy.int64)})


def linear_model(rows="n"):
    """y = x W, float32."""
    return model([node("MatMul", ["x", "w"], ["y"])], [("x", "float32", [rows, 3])], [("y", "float32", [rows, 2])],
                 {"w": numpy.arange(6, dtype=numpy.float32).reshape(3, 2)})


SIZED = ["Tile", "Expand", "ConstantOfShape", "Range"]
MODELS = {"good": linear_model, "free": lambda: model([node("Relu", ["x"], ["y"])], [("x", "float32", ["n"])], [("y", "float32", ["m"])], {}),
          "div": division_model, "mod": lambda: division_model("Mod"), "loop": loop_model, **{op.lower(): lambda op=op: sized_model(op) for op in SIZED}}


@pytest.fixture(scope="module")
def hostile_server(tmp_path_factory):
    """All of them beside a good one, with default settings but for a shorter time of a run."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, make in MODELS.items():
        (folder / f"{name}.onnx").write_bytes(make())
    server = start_server(folder / "server", ["--models", folder, "--set", "models.tensors.run_time_max=2s"])
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def infer(server, name, **inputs):
    """By the Open Inference Protocol, with the shapes of the arrays."""
    names = {"float32": "FP32", "int64": "INT64"}
    return server.post(f"/v2/models/{name}/infer", {"inputs": [
        {"name": key, "shape": list(array.shape), "datatype": names[str(array.dtype)], "data": array.ravel().tolist()} for key, array in inputs.items()]})


def code_of(answer):
    """The name of a refusal, on every route."""
    body = answer.json()
    error = body.get("error", body)
    return body.get("name") or (error.get("name") if isinstance(error, dict) else error)


def good_answers(server):
    """Whether the good model still does."""
    answer = infer(server, "good", x=numpy.ones((1, 3), numpy.float32))
    return answer.status_code == 200 and answer.json()["outputs"][0]["data"] == [6.0, 9.0]


def resident_mib(server):
    """Memory of the server's process."""
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:")) // 1024


# --- nothing ----------------------------------------------------------------------------------------------------------------------------


def test_no_rows_are_answered_without_the_library(hostile_server):
    answer = infer(hostile_server, "good", x=numpy.ones((0, 3), numpy.float32))
    assert answer.status_code == 200, answer.text
    output = answer.json()["outputs"][0]
    assert (output["shape"], output["data"]) == ([0, 2], [])
    head = json.dumps({"parameters": {"binary_data_output": True},
                       "inputs": [{"name": "x", "shape": [0, 3], "datatype": "FP32", "parameters": {"binary_data_size": 0}}]}).encode()
    binary = hostile_server.post("/v2/models/good/infer", data=head, headers={"Inference-Header-Content-Length": str(len(head))})
    assert binary.status_code == 200, binary.text
    assert good_answers(hostile_server)


def test_no_elements_are_refused_by_name_where_the_answer_is_not_known(hostile_server):
    answer = infer(hostile_server, "free", x=numpy.ones((0,), numpy.float32))
    assert answer.status_code in (200, 400), answer.text
    answer = infer(hostile_server, "div", a=numpy.ones((0,), numpy.int64), b=numpy.ones((0,), numpy.int64))
    assert answer.status_code in (200, 400), answer.text
    answer = infer(hostile_server, "tile", x=numpy.ones((4,), numpy.float32), n=numpy.ones((0,), numpy.int64))
    assert answer.status_code == 400, answer.text
    assert good_answers(hostile_server)


@pytest.mark.parametrize("body", [{"input": []}, {"input": [[]]}, {"inputs": {"x": []}}, {"items": [{"input": []}]}, {"items": []}])
def test_empty_json_does_no_harm_on_any_route(hostile_server, body):
    for name in ("good", "free"):
        path = "/predict/batch" if "items" in body else "/predict"
        answer = hostile_server.post(path, {"model": name, **body})
        assert answer.status_code in (200, 400, 422), answer.text
    assert good_answers(hostile_server)


def test_run_takes_nothing_without_harm(forebay, tmp_path):
    (tmp_path / "good.onnx").write_bytes(linear_model())
    for given in ("[]", "[[]]"):
        run = forebay("run", tmp_path / "good.onnx", given)
        assert run.returncode >= 0, run.stderr  # no signal


# --- sizes and places -------------------------------------------------------------------------------------------------------------------


def place_models():
    """Operators whose kernels take sizes and places as they come: name, model, inputs that are refused, inputs that are not."""
    most, floats = numpy.iinfo(numpy.int64).max, lambda *numbers: numpy.asarray(numbers, numpy.float32)
    three = floats(1, 2, 3)
    yield "range", model([node("Range", ["a", "b", "c"], ["y"])], [(name, "int64", []) for name in "abc"], [("y", "int64", ["n"])], {}), \
        {"a": numpy.asarray(-most), "b": numpy.asarray(most), "c": numpy.asarray(1)}, {"a": numpy.asarray(0), "b": numpy.asarray(3), "c": numpy.asarray(1)}
    yield "topk", model([node("TopK", ["x", "k"], ["y", "i"])], [("x", "float32", [3]), ("k", "int64", [1])], [("y", "float32", ["n"])], {}), \
        {"x": three, "k": numpy.asarray([2**32 + 1])}, {"x": three, "k": numpy.asarray([2])}
    yield "pad", model([node("Pad", ["x", "p"], ["y"])], [("x", "float32", [3]), ("p", "int64", [2])], [("y", "float32", ["n"])], {}), \
        {"x": three, "p": numpy.asarray([most, most])}, {"x": three, "p": numpy.asarray([1, 1])}
    reflected = node("Pad", ["x", "p"], ["y"]) + block(5, block(1, "mode") + block(4, "reflect") + number(20, 3))
    yield "reflect", model([reflected], [("x", "float32", [3]), ("p", "int64", [2])], [("y", "float32", ["n"])], {}), \
        {"x": three, "p": numpy.asarray([0, 100])}, {"x": three, "p": numpy.asarray([0, 2])}
    sampled = node("GridSample", ["x", "g"], ["y"]) + block(5, block(1, "padding_mode") + block(4, "reflection") + number(20, 3))
    image = floats(1, 2, 3, 4).reshape(1, 1, 2, 2)
    yield "grid", model([sampled], [("x", "float32", [1, 1, 2, 2]), ("g", "float32", [1, 1, 1, 2])], [("y", "float32", [1, 1, 1, 1])], {}), \
        {"x": image, "g": floats(0, 1e18).reshape(1, 1, 1, 2)}, {"x": image, "g": floats(0, 0).reshape(1, 1, 1, 2)}


def test_sizes_and_places_that_cannot_be_fail_their_own_request(serve, tmp_path):
    cases = list(place_models())
    (tmp_path / "models").mkdir()
    for name, content, _, _ in cases:
        (tmp_path / "models" / f"{name}.onnx").write_bytes(content)
    server = serve("--models", tmp_path / "models")
    for name, _, wrong, right in cases:
        refused = infer(server, name, **wrong)
        assert (refused.status_code, code_of(refused)) == (422, "operand_refused"), (name, refused.text)
        assert infer(server, name, **right).status_code == 200, name


# --- divisors ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["div", "mod"])
def test_a_zero_divisor_fails_its_own_request(hostile_server, op):
    ones = numpy.ones((2,), numpy.int64)
    refused = infer(hostile_server, op, a=ones, b=numpy.zeros((2,), numpy.int64))
    assert refused.status_code == 422 and "divided by zero" in refused.text, refused.text
    smallest = infer(hostile_server, op, a=numpy.full((2,), numpy.iinfo(numpy.int64).min), b=-ones)
    assert smallest.status_code == 422 and "divided by -1" in smallest.text, smallest.text
    right = infer(hostile_server, op, a=numpy.asarray([6, 7]), b=numpy.asarray([2, 4]))
    assert right.json()["outputs"][0]["data"] == ([3, 1] if op == "div" else [0, 3])
    assert good_answers(hostile_server)


def test_run_refuses_a_zero_divisor(forebay, tmp_path):
    (tmp_path / "div.onnx").write_bytes(division_model())
    run = forebay("run", tmp_path / "div.onnx", "--input", "a=[1]", "--input", "b=[0]")
    assert run.returncode > 0 and "divided by zero" in run.stderr, run


# --- time -------------------------------------------------------------------------------------------------------------------------------


def test_a_loop_without_end_is_ended_and_others_are_served_meanwhile(hostile_server):
    answers = []
    inputs = {"start": numpy.zeros((), numpy.float32), "steps": numpy.asarray(10**12)}
    asking = threading.Thread(target=lambda: answers.append(infer(hostile_server, "loop", **inputs)))
    asking.start()
    while not answers:
        assert hostile_server.get("/livez", timeout=10).status_code == 200
        assert good_answers(hostile_server)
    asking.join()
    assert answers[0].status_code == 504, answers[0].text
    assert infer(hostile_server, "loop", start=numpy.zeros((), numpy.float32), steps=numpy.asarray(3)).json()["outputs"][0]["data"] == [3.0]


def test_a_deadline_ends_a_run(hostile_server):
    began = time.monotonic()
    answer = hostile_server.post("/predict", {"model": "loop", "inputs": {"start": 0.0, "steps": 10**12}, "timeout_ms": 300})
    assert answer.status_code == 504, answer.text
    assert time.monotonic() - began < 60


def test_a_file_that_never_ends_does_not_keep_others_from_serving(serve, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a-endless.onnx").write_bytes(loop_model(10**15))
    (tmp_path / "models" / "good.onnx").write_bytes(linear_model())
    server = serve("--models", tmp_path / "models", "--set", "models.tensors.run_time_max=1s", ready=False)
    eventually(lambda: all(one["state"] in ("ready", "failed") for one in server.get("/server/stats").json()["models"]), seconds=120)
    assert good_answers(server)


def test_sigterm_ends_a_server_whose_run_never_ends(serve, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "loop.onnx").write_bytes(loop_model())
    server = serve("--models", tmp_path / "models", "--set", "models.tensors.run_time_max=1h", "--set", "shutdown.drain_timeout=1s")
    threading.Thread(target=lambda: ask_and_ignore(server), daemon=True).start()
    eventually(lambda: server.get("/server/stats").json()["models"][0]["runner"]["running"] == 1, seconds=60)
    server.stop()


def ask_and_ignore(server):
    """A request whose answer nobody waits for."""
    try:
        infer(server, "loop", start=numpy.zeros((), numpy.float32), steps=numpy.asarray(10**12))
    except OSError:
        pass  # the server ended


# --- memory -----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("op", SIZED)
def test_a_small_request_cannot_take_gigabytes(hostile_server, op):
    before = resident_mib(hostile_server)
    for count in (10**9, 10**12, 2**62):
        inputs = {"n": numpy.asarray([count])} | ({"x": numpy.ones((4 if op == "Tile" else 1,), numpy.float32)} if op in ("Tile", "Expand") else {})
        answer = infer(hostile_server, op.lower(), **inputs)
        assert answer.status_code == 422, answer.text
        assert resident_mib(hostile_server) < before + 256
    small = {"n": numpy.asarray([3])} | ({"x": numpy.ones((4 if op == "Tile" else 1,), numpy.float32)} if op in ("Tile", "Expand") else {})
    assert len(infer(hostile_server, op.lower(), **small).json()["outputs"][0]["data"]) == (12 if op == "Tile" else 3)
    assert good_answers(hostile_server)
