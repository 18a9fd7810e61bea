"""The Open Inference Protocol: requests as tritonclient builds them, byte for byte."""

import json

import numpy
import pytest

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
