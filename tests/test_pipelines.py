"""A graph of models, served and run as one model."""

import json
import re
import shutil

import numpy
import pytest

from conftest import EXAMPLES, ROOT, eventually, start_server

GUIDE = (ROOT / "docs/guides/build_a_pipeline.md").read_text(encoding="utf-8")
STEADY = json.loads(re.search(r"<<'END'\n(.*?)\nEND\n", GUIDE, re.DOTALL).group(1))
DIGITS = json.loads((EXAMPLES / "expected.json").read_text())["digits"]["cases"]
SEVEN = (EXAMPLES / "seven.png").read_bytes()

# Ask again only about sevens, and say which way was taken by the sum of the scores.
SEVENS = {
    "inputs": ["picture"],
    "steps": [
        {"name": "all", "model": "digits", "inputs": {"image": "picture"}},
        {"name": "again", "model": "digits_b", "inputs": {"image": "picture"}, "when": {"value": "all.label", "equals": [7]}},
        {"name": "flat", "softmax": "again.probabilities"},
        {"name": "answer", "first_of": ["flat", "all.probabilities"]},
        {"name": "votes", "vote": ["all.label", "all.label"]},
    ],
    "outputs": {"scores": "answer", "label": "votes"},
}


def fill(folder):
    for name in ("digits", "digits_b", "digits_c"):
        shutil.copy(EXAMPLES / "digits.onnx", folder / f"{name}.onnx")
    (folder / "steady.pipeline.json").write_text(json.dumps(STEADY))
    (folder / "sevens.pipeline.json").write_text(json.dumps(SEVENS))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("pipelines"))


@pytest.fixture(scope="module")
def server(tmp_path_factory, folder):
    running = start_server(tmp_path_factory.mktemp("pipelines-server"), ["--models", folder])
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


def test_the_guides_pipeline_answers_like_a_model(server):
    for case in DIGITS[:3]:
        answer = server.post("/predict", {"model": "steady", "inputs": {"image": case["image"]}})
        assert answer.status_code == 200, answer.text
        outputs = answer.json()["outputs"]
        assert outputs["probabilities"][0] == pytest.approx(case["probabilities"], abs=1e-4)
        assert outputs["label"] == [case["label"]]


def test_a_batch_of_rows_goes_through_as_one(server):
    images = numpy.asarray([case["image"] for case in DIGITS[:4]], dtype=numpy.float32).reshape(-1, 1, 8, 8)
    answer = server.post("/predict", {"model": "steady", "input": images.tolist()})
    assert answer.json()["outputs"]["label"] == [case["label"] for case in DIGITS[:4]]


def test_a_branch_is_taken_by_its_condition(server):
    for case in DIGITS:
        outputs = server.post("/predict", {"model": "sevens", "input": case["image"]}).json()["outputs"]
        assert outputs["label"] == [case["label"]]
        scores = numpy.asarray(outputs["scores"][0])
        if case["label"] == 7:
            wanted = numpy.exp(case["probabilities"]) / numpy.exp(case["probabilities"]).sum()
            assert scores == pytest.approx(wanted, abs=1e-4)
        else:
            assert scores == pytest.approx(case["probabilities"], abs=1e-4)


def test_pipelines_take_pictures(server):
    answer = server.post("/predict?model=steady", data=SEVEN, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["task"] == "classification" and answer.json()["classes"][0]["label"] == "7"


def test_a_pipeline_is_inspected_without_loading_its_models(forebay, folder):
    table = forebay("inspect", folder / "steady.pipeline.json")
    assert table.returncode == 0, table.stderr
    lines = [" ".join(line.split()) for line in table.stdout.splitlines()]
    assert "input image float32 [batch, 1, 8, 8]" in lines and "output label int64 [batch]" in lines
    assert "model digits_c digits_c.onnx onnx tensors" in lines
    steps = [line for line in lines if line.startswith("step")]
    assert [line.split()[1] for line in steps] == ["first", "second", "mean", "third", "sure", "label"]
    assert "average of first.probabilities, second.probabilities by 2, 1" in steps[2]
    assert steps[3].endswith("when mean is below 0.9")
    described = json.loads(forebay("inspect", folder / "steady.pipeline.json", "--output", "json").stdout)
    assert described["format"] == "pipeline" and described["inputs"][0]["name"] == "image"
    graph = described["pipeline"]
    assert graph["outputs"] == {"label": "label", "probabilities": "sure"}
    assert graph["models"]["digits"] == {"file": "digits.onnx", "format": "onnx", "task": "tensors"}
    third = next(step for step in graph["steps"] if step["name"] == "third")
    assert third["does"] == "model" and third["model"] == "digits_c" and third["when"] == {"value": "mean", "below": 0.9}
    assert third["inputs"] == [{"name": "image", "value": "image"}]
    assert third["outputs"] == [{"value": "third.probabilities", "dtype": "float32", "shape": [-1, 10]}]
    sevens = json.loads(forebay("inspect", folder / "sevens.pipeline.json", "--output", "json").stdout)["pipeline"]
    assert next(step for step in sevens["steps"] if step["name"] == "again")["when"] == {"value": "all.label", "equals": [7]}


@pytest.mark.parametrize("change,wanted", [
    ({"steps": [{"name": "first", "model": "digts"}]}, ("step 'first', steps[0].model", "digts")),
    ({"steps": [{"name": "first", "model": "sevens"}]}, ("step 'first', steps[0].model", "pipeline")),
    ({"outputs": {"label": "nothing"}}, ("outputs.label", "nothing")),
])
def test_inspecting_a_wrong_pipeline_names_the_step(forebay, folder, tmp_path, change, wanted):
    made = fill(tmp_path)
    (made / "wrong.pipeline.json").write_text(json.dumps(STEADY | change))
    done = forebay("inspect", made / "wrong.pipeline.json")
    assert done.returncode != 0 and all(part in done.stderr for part in wanted), done.stderr


def test_every_other_route_knows_a_pipeline(server):
    image = numpy.asarray(DIGITS[0]["image"], dtype=numpy.float32).ravel().tolist()
    infer = server.post("/v2/models/steady/infer", {"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": image}],
                                                    "outputs": [{"name": "label"}]})
    assert infer.status_code == 200, infer.text
    assert [one["name"] for one in infer.json()["outputs"]] == ["label"]
    assert infer.json()["outputs"][0]["data"] == [DIGITS[0]["label"]]
    metadata = server.get("/v2/models/steady").json()
    assert metadata["platform"] == "pipeline" and metadata["inputs"][0]["shape"] == [-1, 1, 8, 8]
    info = server.get("/model/info?model=steady").json()
    assert info["description"]["format"] == "pipeline" and info["backend"] == "pipeline"
    batch = server.post("/predict/batch", {"model": "steady", "items": [DIGITS[0]["image"], [1, 2]]}).json()
    assert (batch["succeeded"], batch["failed"]) == (1, 1)
    assert 'model="steady"' in server.get("/metrics").text
    stats = server.get("/server/stats").json()
    assert "steady" in json.dumps(stats)
    assert server.get("/v1/models").status_code == 200


def test_wrong_inputs_are_told_as_ever(server):
    assert server.post("/predict", {"model": "steady", "input": [1, 2, 3]}).status_code == 400
    assert server.post("/predict", {"model": "steady", "inputs": {"imge": [1]}}).json()["name"] == "input_unknown"


def test_run_takes_a_pipeline_with_the_models_beside_it(forebay, folder):
    done = forebay("run", folder / "steady.pipeline.json", EXAMPLES / "digit.npy", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"]["label"] == [7]


@pytest.mark.parametrize("change,field", [
    ({"outputs": {"o": "mean"}, "steps": [{"name": "mean", "average": ["one.probabilities"]}, {"name": "one", "model": "digit"}]}, "steps[1].model"),
    ({"outputs": {"o": "third.label", "p": "sure", "q": "label"}}, "outputs.o"),
    ({"steps": [{"name": "a", "softmax": "b"}, {"name": "b", "softmax": "a"}], "outputs": {"o": "a"}}, "steps[0]"),
])
def test_a_wrong_pipeline_fails_alone_and_names_its_place(serve, tmp_path, change, field):
    folder = tmp_path / "models"
    folder.mkdir()
    fill(folder)
    (folder / "wrong.pipeline.json").write_text(json.dumps(STEADY | change))
    server = serve("--models", folder, ready=False)
    ask = {"model": "wrong", "input": [1]}
    eventually(lambda: server.post("/predict", ask).json()["name"] == "model_load_failed")
    assert field in server.post("/predict", ask).json()["error"]
    assert server.post("/predict", {"model": "steady", "input": DIGITS[0]["image"]}).status_code == 200
