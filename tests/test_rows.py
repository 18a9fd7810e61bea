"""Requests share a run only where their rows are shown not to depend on each other: models that mix rows answer each request as if it were alone."""

import concurrent.futures
import json

import numpy
import pytest

from onnx_writer import model, node

ROWS = [("x", "float32", ["n", 2])], [("y", "float32", ["n", 2])]


def mean_model():
    """y = x - mean of x over the rows, by an operator that says so."""
    return model([node("ReduceMean", ["x"], ["mean"], axes=[0]), node("Sub", ["x", "mean"], ["y"])], *ROWS, {})


def product_model():
    """The same through products of matrices, which no operator's name gives away."""
    nodes = [node("Transpose", ["x"], ["columns"]), node("MatMul", ["columns", "x"], ["squares"]), node("MatMul", ["x", "squares"], ["y"])]
    return model(nodes, *ROWS, {})


def axis_model(op):
    """y = OP(x) along the rows."""
    if op == "CumSum":
        return model([node("CumSum", ["x", "axis"], ["y"])], *ROWS, {"axis": numpy.zeros((), numpy.int64)})
    return model([node(op, ["x"], ["y"], axis=0)], *ROWS, {})


def independent_model():
    """y = x + x."""
    return model([node("Add", ["x", "x"], ["y"])], *ROWS, {})


MIXING = {"mean": mean_model, "products": product_model, "cumsum": lambda: axis_model("CumSum"), "softmax": lambda: axis_model("Softmax")}


@pytest.fixture(scope="module")
def rows_server(tmp_path_factory):
    """Every model that mixes rows, and one that does not, with a delay that lets requests meet."""
    from conftest import start_server
    folder = tmp_path_factory.mktemp("rows")
    for name, make in (MIXING | {"apart": independent_model}).items():
        (folder / f"{name}.onnx").write_bytes(make())
    server = start_server(folder / "server", ["--models", folder, "--set", "models.tensors.queue_delay_max=20ms", "--set", "models.tensors.workers=1",
                                              "--set", "models.tensors.single_flight=false"])
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


def rows_of(server, name, row):
    """The answer to one row."""
    answer = server.post("/predict", {"model": name, "input": [row]})
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]["y"]


@pytest.mark.parametrize("name", MIXING)
def test_items_of_a_batch_are_answered_as_if_each_were_alone(rows_server, name):
    items = [[1.0, 1.0], [3.0, 5.0], [-2.0, 0.5], [0.25, 4.0]]
    alone = [rows_of(rows_server, name, item) for item in items]
    answer = rows_server.post("/predict/batch", {"model": name, "items": [{"input": [item]} for item in items]}).json()
    assert [one["outputs"]["y"] for one in answer["results"]] == alone


@pytest.mark.parametrize("name", MIXING)
def test_clients_at_the_same_time_do_not_change_each_others_answers(rows_server, name):
    rows = [[float(i), float(i * i)] for i in range(1, 9)]
    alone = [rows_of(rows_server, name, row) for row in rows]
    with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
        for _ in range(5):
            assert list(pool.map(lambda row: rows_of(rows_server, name, row), rows)) == alone


def test_one_requests_own_rows_stay_one_batch(rows_server):
    answer = rows_server.post("/predict", {"model": "mean", "input": [[1.0, 1.0], [3.0, 5.0]]})
    assert answer.json()["outputs"]["y"] == [[-1.0, -2.0], [1.0, 2.0]]


def test_a_models_information_says_whether_requests_share_runs_and_why(rows_server):
    said = {name: rows_server.get(f"/model/info?model={name}").json() for name in [*MIXING, "apart"]}
    assert {name: one["requests_share_runs"] for name, one in said.items()} == {name: name == "apart" for name in said}
    assert "ReduceMean" in said["mean"]["requests_share_runs_reason"]
    assert "changes with the rows beside it" in said["products"]["requests_share_runs_reason"]


def test_independent_rows_share_runs(rows_server):
    items = [{"input": [[float(i), 1.0]]} for i in range(16)]
    answer = rows_server.post("/predict/batch", {"model": "apart", "items": items}).json()
    assert [one["outputs"]["y"] for one in answer["results"]] == [[[2.0 * i, 2.0]] for i in range(16)]
    runner = next(one for one in rows_server.get("/server/stats").json()["models"] if one["name"] == "apart")["runner"]
    assert runner["steps"] < runner["rows"]


def test_the_sidecar_is_the_operators_word(serve, forebay, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "apart.onnx").write_bytes(independent_model())
    (tmp_path / "models" / "apart.forebay.json").write_text(json.dumps({"batching": {"rows": "dependent"}}))
    server = serve("--models", tmp_path / "models")
    said = server.get("/model/info?model=apart").json()
    assert said["requests_share_runs"] is False and "forebay.json" in said["requests_share_runs_reason"]
    assert "no: the sidecar says so" in forebay("inspect", tmp_path / "models" / "apart.onnx").stdout
    (tmp_path / "models" / "apart.forebay.json").write_text(json.dumps({"batching": {"rows": "maybe"}}))
    refused = forebay("inspect", tmp_path / "models" / "apart.onnx")
    assert refused.returncode != 0 and "independent, dependent" in refused.stderr


def test_inspect_names_the_operator_that_mixes_rows(forebay, tmp_path):
    (tmp_path / "mean.onnx").write_bytes(mean_model())
    assert "ReduceMean may let one row depend on another" in forebay("inspect", tmp_path / "mean.onnx").stdout
