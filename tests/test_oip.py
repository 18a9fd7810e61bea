"""The Open Inference Protocol: requests as tritonclient builds them, byte for byte."""

import json

import struct

import numpy
import onnx
import pytest
import requests
from onnx import TensorProto, helper, numpy_helper

from conftest import EXAMPLES

EXPECTED = json.loads((EXAMPLES / "expected.json").read_text())
DIGITS = EXPECTED["digits"]["cases"]
IMAGES = numpy.asarray([case["image"] for case in DIGITS], dtype=numpy.float32).reshape(len(DIGITS), 1, 8, 8)
PROBABILITIES = numpy.asarray([case["probabilities"] for case in DIGITS], dtype=numpy.float32)


def binary_request(array, outputs=None, name="image"):
    """The body and headers that tritonclient.http sends for one binary input."""
    payload = array.astype("<f4").tobytes()
    head = {"inputs": [{"name": name, "shape": list(array.shape), "datatype": "FP32", "parameters": {"binary_data_size": len(payload)}}]}
    if outputs is None:
        head["parameters"] = {"binary_data_output": True}
    else:
        head["outputs"] = [{"name": output, "parameters": {"binary_data": binary}} for output, binary in outputs.items()]
    text = json.dumps(head).encode()
    return text + payload, {"Inference-Header-Content-Length": str(len(text)), "Content-Type": "application/octet-stream"}


def read_answer(answer):
    """The JSON head and the arrays of a binary answer."""
    length = int(answer.headers["Inference-Header-Content-Length"])
    head, rest = json.loads(answer.content[:length]), answer.content[length:]
    arrays = {}
    for output in head["outputs"]:
        if "data" in output:
            arrays[output["name"]] = numpy.asarray(output["data"]).reshape(output["shape"])
            continue
        size = output["parameters"]["binary_data_size"]
        dtype = {"FP32": "<f4", "INT64": "<i8"}[output["datatype"]]
        arrays[output["name"]] = numpy.frombuffer(rest[:size], dtype).reshape(output["shape"])
        rest = rest[size:]
    assert rest == b""
    return head, arrays


def test_the_server_says_who_it_is(example_server):
    assert "binary_tensor_data" in example_server.get("/v2").json()["extensions"]
    assert example_server.get("/v2/health/live").json() == {"live": True}
    assert example_server.get("/v2/health/ready").json() == {"ready": True}
    assert "digits" in example_server.get("/v2/models").json()["models"]


def test_a_model_says_what_it_wants(example_server):
    model = example_server.get("/v2/models/digits").json()
    assert model["platform"] == "onnx_onnxv1"
    assert model["versions"] == ["1"]
    assert model["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 8, 8]}]
    assert example_server.get("/v2/models/digits/versions/1").json() == model
    assert example_server.get("/v2/models/digits/ready").json() == {"name": "digits", "ready": True}
    assert example_server.get("/v2/models/digits/versions/9").status_code == 404


def test_infer_in_json(example_server):
    answer = example_server.post("/v2/models/digits/infer", {"id": "42", "inputs": [
        {"name": "image", "shape": list(IMAGES.shape), "datatype": "FP32", "data": IMAGES.ravel().tolist()}]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["id"], body["model_name"], body["model_version"]) == ("42", "digits", "1")
    outputs = {output["name"]: output for output in body["outputs"]}
    assert outputs["probabilities"]["shape"] == list(PROBABILITIES.shape)
    assert numpy.reshape(outputs["probabilities"]["data"], PROBABILITIES.shape) == pytest.approx(PROBABILITIES, abs=1e-4)


def test_infer_in_binary(example_server):
    body, headers = binary_request(IMAGES)
    answer = example_server.post("/v2/models/digits/infer", data=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/octet-stream"
    _, arrays = read_answer(answer)
    assert arrays["probabilities"] == pytest.approx(PROBABILITIES, abs=1e-4)
    assert (arrays["label"] == PROBABILITIES.argmax(axis=1)).all()


def test_each_output_is_binary_or_not_as_asked(example_server):
    body, headers = binary_request(IMAGES, {"label": False, "probabilities": True})
    head, arrays = read_answer(example_server.post("/v2/models/digits/versions/1/infer", data=body, headers=headers))
    assert [output["name"] for output in head["outputs"]] == ["label", "probabilities"]
    assert "data" in head["outputs"][0]
    assert arrays["probabilities"] == pytest.approx(PROBABILITIES, abs=1e-4)


def test_a_raw_body_is_one_tensor(example_server):
    answer = example_server.post("/v2/models/digits/infer", data=IMAGES.tobytes(), headers={"Inference-Header-Content-Length": "0", "Content-Type": "application/octet-stream"})
    assert answer.status_code == 200, answer.text
    _, arrays = read_answer(answer)
    assert arrays["probabilities"] == pytest.approx(PROBABILITIES, abs=1e-4)


def test_a_chunked_body_works_too(example_server):
    body, headers = binary_request(IMAGES)
    pieces = iter([body[:10], body[10:700], body[700:]])
    answer = example_server.post("/v2/models/digits/infer", data=pieces, headers=headers)
    assert answer.status_code == 200, answer.text


def bad(member, value):
    """A request for one image with one member of its input replaced."""
    given = {"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.0] * 64}
    given[member] = value
    return {"inputs": [given]}


@pytest.mark.parametrize("body", [
    bad("shape", [-1, 1, 8, 8]), bad("shape", [1, 1, 8, 9]), bad("shape", [2**62, 2**62, 1, 1]), bad("shape", [1.5]), bad("shape", "8"), bad("datatype", "FP99"),
    bad("datatype", "INT32"), bad("data", [0.0] * 63), bad("data", ["a"] * 64), bad("data", None), bad("extra", 1), {"inputs": []}, {}, {"inputs": 1},
    bad("name", "image") | {"outputs": [{"name": "label"}, {"name": "label"}]}, bad("name", "image") | {"outputs": [{"name": "nothing"}]},
    bad("name", "image") | {"parameters": {"sequence_id": 1}},
])
def test_what_is_wrong_is_refused_in_the_protocols_shape(example_server, body):
    answer = example_server.post("/v2/models/digits/infer", body)
    assert answer.status_code == 400, answer.text
    assert isinstance(answer.json()["error"], str)
    assert answer.json()["code"].startswith("FB")


@pytest.mark.parametrize("length", ["-1", "1000000", "x", "18446744073709551616", "5"])
def test_a_lying_header_length_is_refused(example_server, length):
    body, headers = binary_request(IMAGES)
    answer = example_server.post("/v2/models/digits/infer", data=body, headers=headers | {"Inference-Header-Content-Length": length})
    assert answer.status_code == 400
    assert example_server.get("/livez").status_code == 200


def test_unknown_models_and_methods(example_server):
    assert example_server.post("/v2/models/nothing/infer", {"inputs": []}).status_code == 404
    answer = example_server.get("/v2/models/digits/infer")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "POST, OPTIONS"
    assert isinstance(answer.json()["error"], str)


def save(folder, name, nodes, inputs, outputs, constants=()):
    """A small model; a shape of None states none."""
    spec = lambda one: helper.make_tensor_value_info(*one)
    weights = [numpy_helper.from_array(value, key) for key, value in dict(constants).items()]
    graph = helper.make_graph(nodes, name, [spec(one) for one in inputs], [spec(one) for one in outputs], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / f"{name}.onnx")


@pytest.fixture(scope="module")
def odd_models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd")
    two, zero = {"two": numpy.float32(2)}, {"zero": numpy.float32(0)}
    double = [helper.make_node("Mul", ["x", "two"], ["y"])]
    for name, shape in (("scalar", []), ("row", [1]), ("free", None)):
        save(folder, name, double, [("x", TensorProto.FLOAT, shape)], [("y", TensorProto.FLOAT, shape)], two)
    save(folder, "echo", [helper.make_node("Identity", ["x"], ["y"])], [("x", TensorProto.STRING, ["n"])], [("y", TensorProto.STRING, ["n"])])
    save(folder, "divide", [helper.make_node("Div", ["x", "zero"], ["y"])], [("x", TensorProto.FLOAT, ["n", 3])], [("y", TensorProto.FLOAT, ["n", 3])], zero)
    return folder


@pytest.fixture
def odd(serve, odd_models):
    return serve("--models", odd_models, "--set", "models.warm=false")


def infer(server, model, inputs, status=200, **more):
    answer = server.post(f"/v2/models/{model}/infer", {"inputs": inputs} | more)
    assert answer.status_code == status, answer.text
    return answer.json()


def floats(shape, data):
    return [{"name": "x", "shape": shape, "datatype": "FP32", "data": data}]


def test_kserves_client_repeats_the_model_name(example_server):
    """What kserve's InferenceRESTClient sends: InferRequest.to_rest() always has model_name, and an id."""
    body = {"id": "a1", "model_name": "digits", "inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": IMAGES[0].ravel().tolist(), "parameters": {"content_type": "np"}}]}
    answer = example_server.post("/v2/models/digits/infer", body | {"model_version": None, "parameters": {}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["id"] == "a1"
    assert example_server.post("/v2/models/digits/infer", body | {"model_version": "1"}).status_code == 200
    for member, value in (("model_name", "wine"), ("model_version", "7")):
        refused = example_server.post("/v2/models/digits/infer", body | {member: value})
        assert (refused.status_code, refused.json()["name"], refused.json()["field"]) == (400, "field_conflict", member)


def test_shared_memory_is_refused_and_not_ignored(example_server):
    image = {"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.0] * 64}
    region = {"shared_memory_region": "mine", "shared_memory_byte_size": 40}
    for body in ({"inputs": [image], "outputs": [{"name": "probabilities", "parameters": region}]}, {"inputs": [{k: v for k, v in image.items() if k != "data"} | {"parameters": region}]}):
        answer = example_server.post("/v2/models/digits/infer", body)
        assert (answer.status_code, answer.json()["name"]) == (400, "field_not_supported"), answer.text
        assert answer.json()["field"].endswith("parameters.shared_memory_region")


def test_the_best_classes_come_as_tritons_strings(example_server):
    inputs = [{"name": "image", "shape": list(IMAGES.shape), "datatype": "FP32", "data": IMAGES.ravel().tolist()}]
    for binary in (False, True):
        answer = example_server.post("/v2/models/digits/infer", {"inputs": inputs, "outputs": [{"name": "probabilities", "parameters": {"classification": 2, "binary_data": binary}}]})
        assert answer.status_code == 200, answer.text
        if binary:
            length = int(answer.headers["Inference-Header-Content-Length"])
            output, rest, texts = json.loads(answer.content[:length])["outputs"][0], answer.content[length:], []
            while rest:
                size = struct.unpack("<I", rest[:4])[0]
                texts.append(rest[4:4 + size].decode())
                rest = rest[4 + size:]
        else:
            output = answer.json()["outputs"][0]
            texts = output["data"]
        assert (output["datatype"], output["shape"]) == ("BYTES", [len(IMAGES), 2])
        for row, expected in zip(numpy.reshape(texts, (-1, 2)), PROBABILITIES):
            value, index = row[0].split(":")[:2]
            assert int(index) == expected.argmax() and float(value) == pytest.approx(expected.max(), abs=1e-4)


def test_a_scalar_may_be_a_row_of_one_and_the_other_way_round(odd):
    for model, shape in (("scalar", [1]), ("scalar", []), ("row", []), ("row", [1])):
        output = infer(odd, model, floats(shape, [21]))["outputs"][0]
        assert (output["data"], output["shape"]) == ([42], [] if model == "scalar" else [1])
    assert infer(odd, "scalar", floats([1, 1], [21]), status=400)["name"] == "request_input_mismatch"
    assert infer(odd, "row", floats([2], [21, 1]), status=400)["name"] == "request_input_mismatch"


def test_a_model_that_states_no_shape_takes_every_rank(odd):
    for value, doubled in ((3, 6), ([1, 2], [2, 4]), ([[1, 2], [3, 4]], [[2, 4], [6, 8]])):
        answer = odd.post("/predict", {"model": "free", "input": value})
        assert answer.status_code == 200, answer.text
        assert answer.json()["output"] == doubled
    assert infer(odd, "free", floats([2, 1, 2], [1, 2, 3, 4]))["outputs"][0]["shape"] == [2, 1, 2]


def test_bytes_that_are_not_text_come_only_as_binary(odd):
    payload = b"".join(struct.pack("<I", len(text)) + text for text in (b"plain", b"\xff\x00\xfe"))

    def ask(binary):
        head = {"inputs": [{"name": "x", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(payload)}}], "outputs": [{"name": "y", "parameters": {"binary_data": binary}}]}
        text = json.dumps(head).encode()
        return odd.post("/v2/models/echo/infer", data=text + payload, headers={"Inference-Header-Content-Length": str(len(text)), "Content-Type": "application/octet-stream"})

    refused = ask(False)
    assert (refused.status_code, refused.json()["name"], refused.json()["field"]) == (422, "array_not_text", "outputs.y")
    assert "binary_data" in refused.json()["hint"]
    answer = ask(True)
    assert answer.content[int(answer.headers["Inference-Header-Content-Length"]):] == payload
    assert infer(odd, "echo", [{"name": "x", "shape": [1], "datatype": "BYTES", "data": ["h\u00e9"]}])["outputs"][0]["data"] == ["h\u00e9"]


def test_numbers_that_json_has_no_word_for_are_strings(odd):
    """0/0, 1/0 and -1/0; what is written so is read again."""
    answer = infer(odd, "divide", floats([1, 3], [0, 1, -1]))["outputs"][0]["data"]
    assert answer == ["NaN", "Infinity", "-Infinity"]
    assert odd.post("/predict", {"model": "divide", "input": [[0, 1, -1]]}).json()["output"] == [answer]
    assert infer(odd, "free", floats([3], answer))["outputs"][0]["data"] == answer
    body, headers = binary_request(numpy.array([[0, 1, -1]]), name="x")
    _, arrays = read_answer(odd.post("/v2/models/divide/infer", data=body, headers=headers))
    assert numpy.isnan(arrays["y"][0][0]) and list(arrays["y"][0][1:]) == [numpy.inf, -numpy.inf]


@pytest.mark.parametrize("shape", ["1e400", "5e-400", "-1e400", "1e-1"])
def test_a_number_that_is_no_integer_is_not_read_as_zero(odd, shape):
    body = '{"inputs": [{"name": "x", "shape": [%s], "datatype": "FP32", "data": []}]}' % shape
    answer = requests.post(odd.url + "/v2/models/free/infer", data=body, headers={"Content-Type": "application/json"}, timeout=30)
    assert (answer.status_code, answer.json()["field"]) == (400, "inputs[0].shape[0]"), answer.text


def test_a_byte_order_mark_in_front_is_skipped(odd):
    body = b"\xef\xbb\xbf" + json.dumps({"inputs": floats([], [4])}).encode()
    answer = odd.post("/v2/models/scalar/infer", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200 and answer.json()["outputs"][0]["data"] == [8], answer.text
