"""ONNX's own test cases over the wire, and every real model with known answers by JSON, by binary tensors and by `forebay run`.

The files are outside this checkout; the tests exist when FOREBAY_REFERENCE_MODELS names their folder. The cases that are not served, with the
reason, are in tests/conformance_refused.txt.
"""

import json
import math
import pathlib
import re
import sys
import tarfile

import numpy
import pytest

from conftest import REFERENCE, eventually, start_server

sys.path.insert(0, str(pathlib.Path(__file__).with_name("tools")))
import random_inputs  # noqa: E402  (beside the other tools)

REFUSED = pathlib.Path(__file__).with_name("conformance_refused.txt")
OIP_NAMES = {"bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64", "int8": "INT8", "int16": "INT16", "int32": "INT32",
             "int64": "INT64", "float16": "FP16", "float32": "FP32", "float64": "FP64", "object": "BYTES"}
DTYPES = {name: dtype for dtype, name in OIP_NAMES.items()}
# Random by design, and what ONNX Runtime 1.23 itself computes otherwise.
DIFFERENT = {"test_training_dropout_mask", "test_training_dropout_default", "test_training_dropout", "test_training_dropout_zero_ratio_mask",
             "test_resize_downsample_scales_linear_align_corners", "test_qlinearmatmul_2D_int8_float32", "test_qlinearmatmul_3D_int8_float32",
             "test_maxunpool_export_with_output_shape"}


def tensor_of(path):
    """The array of a TensorProto file, or None for a sequence, an optional, or a type that numpy has not."""
    import onnx
    import onnx.numpy_helper
    proto = onnx.TensorProto()
    try:
        proto.ParseFromString(path.read_bytes())
        array = onnx.numpy_helper.to_array(proto)
    except Exception:  # whatever the reader says: it is not a tensor
        return None
    if array.dtype.kind == "V" or (str(array.dtype) not in OIP_NAMES and array.dtype.kind not in "OSU"):
        return None
    return array if proto.data_type else None


def strings_of(array):
    """The elements of a tensor of strings, as text."""
    return [one.decode() if isinstance(one, bytes) else str(one) for one in array.ravel()]


def datatype(array):
    return "BYTES" if array.dtype.kind in "OSU" else OIP_NAMES[str(array.dtype)]


def payload(array):
    """The bytes of the binary extension."""
    if datatype(array) == "BYTES":
        return b"".join(len(text.encode()).to_bytes(4, "little") + text.encode() for text in strings_of(array))
    return numpy.ascontiguousarray(array).tobytes()


def array_of(output, data):
    """What came as binary, as an array."""
    if output["datatype"] == "BYTES":
        texts = []
        while data:
            size = int.from_bytes(data[:4], "little")
            texts.append(data[4:4 + size].decode())
            data = data[4 + size:]
        return numpy.asarray(texts, dtype=object).reshape(output["shape"])
    return numpy.frombuffer(data, DTYPES[output["datatype"]]).reshape(output["shape"])


def ask_binary(server, model, inputs):
    """The outputs, or the name of the error."""
    parts = [payload(array) for array in inputs.values()]
    head = json.dumps({"parameters": {"binary_data_output": True}, "inputs": [
        {"name": name, "shape": list(array.shape), "datatype": datatype(array), "parameters": {"binary_data_size": len(part)}}
        for (name, array), part in zip(inputs.items(), parts)]}).encode()
    answer = server.post(f"/v2/models/{model}/infer", data=head + b"".join(parts),
                         headers={"Inference-Header-Content-Length": str(len(head)), "Content-Type": "application/octet-stream"})
    if answer.status_code != 200:
        return name_of(answer)
    length, outputs = int(answer.headers["Inference-Header-Content-Length"]), []
    rest = answer.content[length:]
    for output in json.loads(answer.content[:length])["outputs"]:
        size = output["parameters"]["binary_data_size"]
        outputs.append(array_of(output, rest[:size]))
        rest = rest[size:]
    return outputs


def ask_json(server, model, inputs):
    """The same with numbers as JSON."""
    body = {"inputs": [{"name": name, "shape": list(array.shape), "datatype": datatype(array),
                        "data": strings_of(array) if datatype(array) == "BYTES" else array.ravel().tolist()} for name, array in inputs.items()]}
    answer = server.post(f"/v2/models/{model}/infer", body)
    if answer.status_code != 200:
        return name_of(answer)
    return [numpy.asarray(output["data"], dtype=DTYPES[output["datatype"]]).reshape(output["shape"])
            for output in answer.json()["outputs"]]


def name_of(answer):
    """What the refusal of a request says."""
    return f"refused: {answer.json()['error']}"


def same(got, wanted, tolerance=1e-4):
    """Type, shape and values; sums of large numbers leave small ones with the large ones' error."""
    if datatype(got) != datatype(wanted) or got.shape != wanted.shape:
        return False
    if datatype(got) == "BYTES":
        return strings_of(got) == strings_of(wanted)
    a, b = got.astype(numpy.float64), wanted.astype(numpy.float64)
    finite = numpy.abs(b[numpy.isfinite(b)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    close = numpy.isclose(a, b, rtol=0, atol=(1e-2 if got.dtype == numpy.float16 else tolerance) * scale, equal_nan=True)
    return bool(close.all())


def wait_until_settled(server):
    """Every model is loaded, or has failed."""
    def models():
        return server.get("/server/stats").json()["models"]

    eventually(lambda: all(model["state"] in ("ready", "failed") for model in models()), seconds=300)
    return {model["name"]: model for model in models()}


def verdict_of(server, name, status, folder):
    """ "passed", "wrong …", or why it is not served: the first word is a code, or says it."""
    if status["state"] == "failed":
        return f"{status['error']['code']} {status['error']['message']}"
    meta = server.get(f"/v2/models/{name}").json()
    data = folder / "test_data_set_0"
    inputs = {one["name"]: tensor_of(data / f"input_{i}.pb") for i, one in enumerate(meta["inputs"]) if (data / f"input_{i}.pb").exists()}
    wanted = [tensor_of(data / f"output_{i}.pb") for i in range(len(meta["outputs"]))]
    if any(array is None for array in [*inputs.values(), *wanted]):
        return "no-tensor: a sequence, an optional or a type that numpy has not"
    by_binary = ask_binary(server, name, inputs)
    if isinstance(by_binary, str):
        return by_binary
    if not all(same(a, b) for a, b in zip(by_binary, wanted)):
        return "different from the expected output" if name in DIFFERENT or name.startswith("test_strnorm") else "wrong by binary"
    # JSON has no float16 in this protocol, and no infinities.
    if any(array.dtype == numpy.float16 or (array.dtype.kind == "f" and not numpy.isfinite(array).all()) for array in [*inputs.values(), *wanted]):
        return "passed"
    by_json = ask_json(server, name, inputs)
    if isinstance(by_json, str):
        return f"wrong by JSON: {by_json}"
    return "passed" if all(same(a, b) for a, b in zip(by_json, wanted)) else "wrong by JSON"


if REFERENCE:
    ONNX = REFERENCE / "onnx"
    ARCHIVES = {"onnx-node-tests-A": 6, "onnx-pytorch-operator-tests": 1, "onnx-simple-tests": 1}
    SHARDS = [(archive, shard, shards) for archive, shards in ARCHIVES.items() for shard in range(shards)]

    def memory_of(server, what):
        """MiB of the server's process: VmRSS, or VmHWM for the most since this was last set back."""
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+) kB", status)[1]) // 1024

    def survive_random_inputs(server, models, seed):
        """A few of what tests/tools/random_inputs.py sends: every request has an answer, and none takes a GiB."""
        before = memory_of(server, "VmRSS")
        pathlib.Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
        random_inputs.ask_all(server.url, models, 4, seed)
        assert memory_of(server, "VmHWM") < before + 1024

    def run_shard(folder, archive, shard, shards):
        """Name -> verdict of every shards-th case."""
        with tarfile.open(ONNX / f"{archive}.tar.gz") as packed:
            packed.extractall(folder, filter="data")
        cases = sorted(path.parent.name for path in folder.glob("*/model.onnx"))[shard::shards]
        arguments = [part for case in cases for part in ("--model", f"{case}={folder / case / 'model.onnx'}")]
        server = start_server(folder / "server", arguments)
        try:
            states = wait_until_settled(server)
            verdicts = {case: verdict_of(server, case, states[case], folder / case) for case in cases}
            survive_random_inputs(server, [case for case in cases if states[case]["state"] == "ready"], shard)
            return verdicts
        finally:
            server.stop()

    @pytest.mark.parametrize("archive,shard,shards", SHARDS)
    def test_onnxs_own_cases_pass_over_the_wire_or_are_refused_as_listed(tmp_path, archive, shard, shards):
        verdicts = run_shard(tmp_path, archive, shard, shards)
        listed = dict(line.split(" ", 1) for line in REFUSED.read_text().splitlines() if line and not line.startswith("#"))
        refused = {case: verdict.split(" ")[0] for case, verdict in verdicts.items() if verdict != "passed"}
        assert refused == {case: reason.split(" ")[0] for case, reason in listed.items() if case in verdicts}
        assert len(refused) < len(verdicts) / 2

    def ramp(shape):
        """What ONNX's test runner feeds its light models."""
        count = math.prod(shape)
        return (numpy.arange(count).reshape(shape) / count).astype(numpy.float32)

    def npz(folder, **outputs):
        """Inputs and outputs by name from an io.npz."""
        arrays = numpy.load(ONNX / folder / "io.npz")
        return {name: arrays[name] for name in arrays if name not in outputs.values()}, {name: arrays[key] for name, key in outputs.items()}

    def known_answers():
        """id -> (file, inputs by name, outputs by name)"""
        f32 = numpy.float32
        known = {}
        for number in range(3):
            data = ONNX / f"mnist-8/test_data_set_{number}"
            known[f"mnist-{number}"] = ("mnist-8/model.onnx", {"Input3": tensor_of(data / "input_0.pb")}, {"Plus214_Output_0": tensor_of(data / "output_0.pb")})
        for name, input_name in {"resnet50": "gpu_0/data_0", "shufflenet": "gpu_0/data_0", "squeezenet": "data_0", "vgg19": "data_0"}.items():
            wanted = tensor_of(ONNX / f"onnx-light/light_{name}_output_0.pb")
            known[f"light-{name}"] = (f"onnx-light/light_{name}.onnx", {input_name: ramp((1, 3, 224, 224))}, {None: wanted})
        line = numpy.linspace(0.1, 6.1, 7, dtype=f32).reshape(7, 1)
        known["sine"] = ("burn/sine.onnx", {"dense_input": line}, {"dense_2": numpy.sin(line)})
        box = numpy.linspace(-3, 3, 60, dtype=f32).reshape(3, 4, 5)
        known["sigmoid"] = ("ankane/sigmoid.onnx", {"x": box}, {"y": 1 / (1 + numpy.exp(-box))})
        known["abs"] = ("ankane/abs_free_dimensions.onnx", {"x": box}, {"y": numpy.abs(box)})
        pairs = numpy.asarray([[1, 2], [3, 4], [5, 6]], dtype=f32)
        known["mul"] = ("ankane/mul_1.onnx", {"X": pairs}, {"Y": pairs * pairs})
        texts = numpy.asarray([["one", "zwei"], ["três", ""]], dtype=object)
        known["strings"] = ("ankane/identity_string.onnx", {"input:0": texts}, {"output:0": texts})
        given, wanted = npz("tract-keras-tf2", dense_1="output")
        known["keras"] = ("tract-keras-tf2/example.onnx", {"main_input_input": given["input"]}, wanted)
        known["lightgbm"] = ("tract-lgbm_classifier_tensor/model.onnx", *npz("tract-lgbm_classifier_tensor", probabilities="probabilities"))
        known["xgboost"] = ("tract-xgboost_regressor_tree/model.onnx", *npz("tract-xgboost_regressor_tree", variable="variable"))
        known["lstm"] = ("tract-byte_sb_bidi_lstm/model.onnx", *npz("tract-byte_sb_bidi_lstm", output="Add_26"))
        a, b = numpy.arange(32, dtype=numpy.int32).reshape(2, 16), numpy.full((2, 16), 3, dtype=numpy.int32)
        known["triton"] = ("triton/simple/1/model.onnx", {"INPUT0": a, "INPUT1": b}, {"OUTPUT0": a + b, "OUTPUT1": a - b})
        words = [numpy.asarray([[str(one) for one in row] for row in array], dtype=object) for array in (a, b, a + b, a - b)]
        known["triton-strings"] = ("triton/simple_string/1/model.onnx", {"INPUT0": words[0], "INPUT1": words[1]}, {"OUTPUT0": words[2], "OUTPUT1": words[3]})
        return known

    KNOWN = known_answers()

    @pytest.fixture(scope="module")
    def known_server(tmp_path_factory):
        """Every model with known answers."""
        models = {f"{key}={ONNX / file}" for key, (file, _, _) in KNOWN.items()}
        server = start_server(tmp_path_factory.mktemp("known"), [part for model in sorted(models) for part in ("--model", model)])
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.stop()

    def close(key, outputs):
        """Whether these are the known outputs, however they came."""
        wanted = KNOWN[key][2]
        for name, array in wanted.items():
            got = numpy.asarray(outputs[name] if name else next(iter(outputs.values())))
            if array.dtype.kind in "OSU":
                assert strings_of(got) == strings_of(array), (key, name)
            else:
                tolerance = 0.1 if key == "sine" else 1e-3  # it approximates the sine
                assert numpy.allclose(got.astype(numpy.float64).reshape(array.shape), array, rtol=tolerance, atol=tolerance), (key, name)

    @pytest.mark.parametrize("key", KNOWN)
    def test_real_models_give_their_known_answers_over_the_wire(known_server, key):
        inputs = KNOWN[key][1]
        names = [one["name"] for one in known_server.get(f"/v2/models/{key}").json()["outputs"]]
        by_binary = ask_binary(known_server, key, inputs)
        assert not isinstance(by_binary, str), by_binary
        close(key, dict(zip(names, by_binary)))
        body = {"model": key, "inputs": {name: array.tolist() for name, array in inputs.items()}}
        answer = known_server.post("/predict", body)
        assert answer.status_code == 200, answer.text
        close(key, answer.json()["outputs"])

    def run_known(forebay, folder, key, *flags):
        """What `forebay run` says to the known inputs."""
        file, inputs, _ = KNOWN[key]
        arguments = []
        for number, (name, array) in enumerate(inputs.items()):
            path = folder / f"{number}.json"
            path.write_text(json.dumps(array.tolist()))
            arguments += ["--input", f"{name}={path}"] if len(inputs) > 1 else [path]
        run = forebay("run", ONNX / file, *arguments, "--output", "json", *flags)
        assert run.returncode == 0, run.stderr
        answer = json.loads(run.stdout)
        return answer.get("outputs", answer)

    @pytest.mark.parametrize("key", KNOWN)
    def test_real_models_give_their_known_answers_to_run(forebay, tmp_path, key):
        close(key, run_known(forebay, tmp_path, key))

    @pytest.mark.parametrize("key", ["mnist-0", "light-resnet50", "light-squeezenet", "sigmoid", "lightgbm", "triton"])
    @pytest.mark.parametrize("backend", ["dnnl", "xnnpack"])
    def test_every_backend_that_is_here_gives_the_known_answers(forebay, tmp_path, backend, key):
        listed = forebay("devices").stdout
        if re.search(rf"onnxruntime +{backend} .*not usable", listed):
            assert f"{backend}: this ONNX Runtime was built without it" in forebay("run", ONNX / KNOWN[key][0], "1", "--backend", backend).stderr
            return
        close(key, run_known(forebay, tmp_path, key, "--backend", backend))
