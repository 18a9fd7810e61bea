"""Real models of others with known answers, served: by JSON, by binary tensors, by pictures, in whole and in streams.

They are outside this checkout; the tests exist when FOREBAY_REFERENCE_MODELS names their folder.
"""

import json
import struct
import tarfile

import numpy
import pytest

from conftest import REFERENCE, start_server


def varint(data, at):
    """A protobuf varint and where it ends."""
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def read_tensor(path):
    """A TensorProto of floats (onnx.proto: 1 dims, 2 data_type, 4 float_data, 8 name, 9 raw_data)."""
    data, at, dims, values = path.read_bytes(), 0, [], None
    while at < len(data):
        key, at = varint(data, at)
        field, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
            if field == 1:
                dims.append(value)
            assert field != 2 or value == 1, "not a tensor of floats"
            continue
        length, at = varint(data, at)
        payload, at = data[at:at + length], at + length
        if field == 1:  # packed
            inner = 0
            while inner < len(payload):
                value, inner = varint(payload, inner)
                dims.append(value)
        elif field in (4, 9):
            values = numpy.frombuffer(payload, "<f4")
    return values.reshape(dims)


def binary_infer(server, model, inputs):
    """The outputs of one binary request by name."""
    tail = b"".join(array.astype("<f4").tobytes() for array in inputs.values())
    head = json.dumps({"parameters": {"binary_data_output": True}, "inputs": [
        {"name": name, "shape": list(array.shape), "datatype": "FP32", "parameters": {"binary_data_size": array.size * 4}}
        for name, array in inputs.items()]}).encode()
    answer = server.post(f"/v2/models/{model}/infer", data=head + tail, headers={"Inference-Header-Content-Length": str(len(head)),
                                                                                   "Content-Type": "application/octet-stream"})
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["Inference-Header-Content-Length"])
    rest, arrays = answer.content[length:], []
    for output in json.loads(answer.content[:length])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        arrays.append(numpy.asarray(struct.unpack(f"<{size // 4}f", rest[:size]), dtype=numpy.float32).reshape(output["shape"]))
        rest = rest[size:]
    return arrays


if REFERENCE:
    MNIST = REFERENCE / "onnx/mnist-8"
    STORIES = json.loads((REFERENCE / "gguf/expected/stories260K.json").read_text())
    TOLD = [case for case in STORIES["cases"] if case["prompt"] and case["min_top1_top2_logit_margin"] > 0.01]
    PICTURES = list(enumerate([7, 2, 1, 0, 4, 1, 4, 9, 5, 9]))
    NODES = ["test_abs", "test_acos_example", "test_acosh_example", "test_clip"]

    @pytest.fixture(scope="module")
    def server(tmp_path_factory):
        """MNIST, the stories and a few of ONNX's own node tests, served together."""
        folder = tmp_path_factory.mktemp("reference")
        with tarfile.open(REFERENCE / "onnx/onnx-node-tests-A.tar.gz") as archive:
            archive.extractall(folder, [one for one in archive.getmembers() if one.name.split("/")[0] in NODES], filter="data")
        models = [f"mnist={MNIST / 'model.onnx'}", f"stories={REFERENCE / 'gguf/stories260K-tok512.gguf'}"]
        models += [f"{node}={folder / node / 'model.onnx'}" for node in NODES]
        running = start_server(folder / "server", [part for model in models for part in ("--model", model)] + ["--set", "models.generation.threads=1"])
        running.nodes = folder
        try:
            running.wait_until_ready()
            yield running
        finally:
            running.stop()

    @pytest.mark.parametrize("number", range(3))
    def test_mnist_answers_as_its_authors_say_by_json_and_binary(server, number):
        given = read_tensor(MNIST / f"test_data_set_{number}/input_0.pb")
        wanted = read_tensor(MNIST / f"test_data_set_{number}/output_0.pb")
        name = server.get("/v2/models/mnist").json()["inputs"][0]["name"]
        by_json = server.post("/predict", {"model": "mnist", "inputs": {name: given.tolist()}})
        assert by_json.status_code == 200, by_json.text
        scale = float(numpy.abs(wanted).max())
        assert numpy.allclose(numpy.asarray(by_json.json()["output"]), wanted, rtol=1e-4, atol=1e-4 * scale)
        (by_binary,) = binary_infer(server, "mnist", {name: given})
        assert numpy.allclose(by_binary, wanted, rtol=1e-4, atol=1e-4 * scale)
        flat = {"inputs": [{"name": name, "datatype": "FP32", "shape": list(given.shape), "data": given.ravel().tolist()}]}
        by_oip = server.post("/v2/models/mnist/infer", flat).json()["outputs"][0]["data"]
        assert numpy.allclose(numpy.asarray(by_oip), by_binary.ravel(), rtol=1e-6)

    @pytest.mark.parametrize("number,digit", PICTURES)
    def test_mnist_recognises_pictures(server, number, digit):
        picture = (REFERENCE / f"images/mnist/azureml_{number}.png").read_bytes()
        answer = server.post("/predict?model=mnist", data=picture, headers={"Content-Type": "image/png"})
        assert answer.status_code == 200, answer.text
        assert int(numpy.argmax(answer.json()["output"])) == digit

    @pytest.mark.parametrize("node", NODES)
    def test_onnxs_own_node_tests_pass_over_the_wire(server, node):
        data = server.nodes / node / "test_data_set_0"
        names = [one["name"] for one in server.get(f"/v2/models/{node}").json()["inputs"]]
        inputs = {name: read_tensor(data / f"input_{i}.pb") for i, name in enumerate(names)}
        wanted = read_tensor(data / "output_0.pb")
        (output,) = binary_infer(server, node, inputs)
        assert output.shape == wanted.shape
        assert numpy.allclose(output, wanted, rtol=1e-5, atol=1e-6)
        by_json = server.post("/predict", {"model": node, "inputs": {name: array.tolist() for name, array in inputs.items()}})
        assert numpy.allclose(numpy.asarray(by_json.json()["output"]), wanted, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("case", TOLD, ids=lambda case: case["prompt"][:20])
    def test_a_story_is_told_token_for_token_whole_and_streamed(server, case):
        body = {"model": "stories", "prompt": case["prompt"], "temperature": 0, "max_tokens": len(case["greedy_ids_64"])}
        whole = server.post("/v1/completions", body)
        assert whole.status_code == 200, whole.text
        assert whole.json()["choices"][0]["text"].strip() == case["greedy_text"].strip()
        with server.post("/generate", body | {"stream": True}, stream=True) as stream:
            events = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith(b"data: ")]
        assert "".join(event["text"] for event in events).strip() == case["greedy_text"].strip()
