"""Windows of a long series, and the best items of a recommender, by /predict."""

import json
import re

import numpy
import pytest

from conftest import EXAMPLES, ROOT
from onnx_writer import model, node

EXPECTED = json.loads((EXAMPLES / "expected.json").read_text(encoding="utf-8"))
LOAD = [float(line) for line in (EXAMPLES / "load.csv").read_text(encoding="utf-8").split()]
GUIDE = (ROOT / "docs/guides/serve_series_and_recommenders.md").read_text(encoding="utf-8")


def test_a_long_series_is_cut_into_windows(example_server):
    known = EXPECTED["forecast"]
    body = example_server.post("/predict", {"model": "forecast", "series": LOAD}).json()
    assert body["windows"] == [{"start": case["start"], "end": case["start"] + 48} for case in known["cases"]]
    for row, case in zip(body["output"], known["cases"], strict=True):
        assert row == pytest.approx(case["next"], abs=1e-4)
    every = example_server.post("/predict", {"model": "forecast", "series": LOAD[:72], "stride": 1}).json()
    assert [window["start"] for window in every["windows"]] == list(range(25))
    assert every["output"][24] == pytest.approx(body["output"][1], abs=1e-5)
    one = example_server.post("/predict", {"model": "forecast", "input": [LOAD[:48]]}).json()
    assert "windows" not in one and one["output"][0] == pytest.approx(body["output"][0], abs=1e-5)


def test_items_are_ranked_without_those_that_are_there(example_server):
    for case in EXPECTED["basket"]["cases"]:
        body = example_server.post("/predict", {"model": "basket", "input": [case["items"]]}).json()
        assert [item["label"] for item in body["items"][0]] == case["best"]
        assert [item["score"] for item in body["items"][0]] == pytest.approx(case["scores"], abs=1e-5)
        assert "outputs" not in body
    rows = example_server.post("/predict", {"model": "basket", "input": [[0, 1], [12, 13]], "top_k": 1, "raw": True}).json()
    assert [len(items) for items in rows["items"]] == [1, 1] and numpy.shape(rows["outputs"]["scores"]) == (2, 24)
    assert rows["items"][1][0]["label"] in {"gloves", "pots", "twine", "compost"}


def test_columns_are_normalised_and_laid_out_as_the_sidecar_says(serve, tmp_path):
    (tmp_path / "two.onnx").write_bytes(model([node("Neg", ["x"], ["y"])], [("x", "float32", ["n", 2, 3])], [("y", "float32", ["n", 2, 3])], {}))
    sidecar = {"series": {"layout": "columns_first", "stride": 2, "mean": [1, 0], "std": [1, 10]}}
    (tmp_path / "two.forebay.json").write_text(json.dumps(sidecar), encoding="utf-8")
    server = serve(tmp_path / "two.onnx")
    body = server.post("/predict", {"series": [[1, 10], [2, 20], [3, 30], [4, 40], [5, 50], [6, 60]]}).json()
    assert [window["start"] for window in body["windows"]] == [0, 2]
    assert body["output"] == [[[-0.0, -1, -2], [-1, -2, -3]], [[-2, -3, -4], [-3, -4, -5]]]


@pytest.mark.parametrize("ask,name", [
    ({"model": "forecast", "series": LOAD[:47]}, "tensor_shape_mismatch"),
    ({"model": "forecast", "series": [[1, 2]]}, "tensor_shape_mismatch"),
    ({"model": "forecast", "series": LOAD, "stride": 0}, "field_range"),
    ({"model": "forecast", "series": LOAD, "input": [LOAD[:48]]}, "field_conflict"),
    ({"model": "forecast", "input": [LOAD[:48]], "stride": 2}, "field_missing"),
    ({"model": "forecast", "input": [LOAD[:48]], "top_k": 2}, "field_not_supported"),
    ({"model": "wine", "series": LOAD}, "field_not_supported"),
    ({"model": "basket", "input": [[0]], "top_k": 0}, "field_range"),
])
def test_what_does_not_fit_is_told(example_server, ask, name):
    answer = example_server.post("/predict", ask)
    assert (answer.status_code, answer.json()["name"]) == (400, name), answer.text


def test_inspect_and_info_show_what_the_sidecar_declares(example_server, forebay):
    assert "load: windows of 48 steps, every 24" in forebay("inspect", EXAMPLES / "forecast.onnx").stdout
    assert "the best 3 of scores" in forebay("inspect", EXAMPLES / "basket.onnx").stdout
    described = example_server.get("/model/info?model=basket").json()["description"]
    assert described["ranking"] == {"output": "scores", "top_k": 3, "exclude": "items"}


def test_a_wrong_sidecar_names_its_field(forebay, tmp_path):
    (tmp_path / "m.onnx").write_bytes((EXAMPLES / "forecast.onnx").read_bytes())
    (tmp_path / "m.forebay.json").write_text('{"series": {"window": 24}}', encoding="utf-8")
    done = forebay("inspect", tmp_path / "m.onnx")
    assert done.returncode != 0 and "FB1070" in done.stderr and "series.window" in done.stderr


def test_the_guides_sidecars_are_the_examples():
    series, ranking = [json.loads(block) for block in re.findall(r"```json\n(\{\"(?:series|ranking)\".*?)```", GUIDE, re.DOTALL)]
    assert series == json.loads((EXAMPLES / "forecast.forebay.json").read_text(encoding="utf-8"))
    assert ranking["ranking"] == json.loads((EXAMPLES / "basket.forebay.json").read_text(encoding="utf-8"))["ranking"]
