"""ONNX files made to do harm: each is refused with a reason, by `inspect`, by `run` and by a server whose other models go on.

What each file tries was found on ONNX Runtime 1.23: writes outside its memory, divisions by zero, gigabytes, loops without end."""

import re
import subprocess

import numpy
import pytest

from conftest import BINARY, EXAMPLES, REFERENCE, environment, eventually
from mutate_models import HARM, try_mutations
from onnx_writer import block, model, node, number, value

SECONDS_MAX = 60


def int64(*numbers):
    return numpy.array(numbers, numpy.int64)


def growing(op_type, inputs, weights, **attributes):
    """A model of one node that makes something large."""
    return model([node(op_type, inputs, ["made"], **attributes), node("Identity", ["made"], ["y"])], [("x", "float32", [1])], [("y", "float32", ["n"])], weights)


def sparse(*indices):
    """Two values of a list of five, at these places."""
    values = number(1, len(indices)) + number(2, 1) + block(4, numpy.arange(len(indices), dtype=numpy.float32).tobytes()) + block(8, "sp")
    places = number(1, len(indices)) + number(2, 7) + block(9, int64(*indices).tobytes())
    graph = block(1, node("Identity", ["sp"], ["y"])) + block(2, "g") + block(11, value("x", "float32", [1])) + block(12, value("y", "float32", [5]))
    graph += block(15, block(1, values) + block(2, places) + number(3, 5))
    return number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 17))


def endless_loop():
    """A loop of 10^12 steps that hands its condition on."""
    def scalar(name, kind):
        return block(1, name) + block(2, block(1, number(1, kind) + block(2, b"")))

    body = block(1, node("Identity", ["c"], ["co"])) + block(1, node("Add", ["a", "a"], ["ao"])) + block(2, "body")
    body += b"".join(block(11, one) for one in (scalar("i", 7), scalar("c", 9), value("a", "float32", [1])))
    body += block(12, scalar("co", 9)) + block(12, value("ao", "float32", [1]))
    loop = block(1, "m") + block(1, "") + block(1, "x") + block(2, "y") + block(4, "Loop") + block(5, block(1, "body") + block(6, body) + number(20, 5))
    return model([loop], [("x", "float32", [1])], [("y", "float32", [1])], {"m": numpy.array(10**12, numpy.int64)})


KINDS = {
    "sparse_far": (lambda: sparse(0, 10**12), "FB1064"),
    "sparse_past_end": (lambda: sparse(0, 10_000), "FB1064"),
    "sparse_negative": (lambda: sparse(0, -1), "FB1064"),
    "sparse_twice": (lambda: sparse(3, 3), "FB1064"),
    "expand": (lambda: growing("Expand", ["x", "s"], {"s": int64(10**9)}), "FB1063"),
    "tile": (lambda: growing("Tile", ["x", "s"], {"s": int64(10**9)}), "FB1063"),
    "constant_of_shape": (lambda: growing("ConstantOfShape", ["s"], {"s": int64(10**8, 4)}), "FB1063"),
    "range": (lambda: growing("Range", ["a", "b", "c"], {"a": numpy.array(0), "b": numpy.array(10**9), "c": numpy.array(1)}), "FB1063"),
    "pad": (lambda: growing("Pad", ["x", "p"], {"p": int64(0, 10**9)}), "FB1063"),
    "one_hot": (lambda: growing("OneHot", ["i", "d", "v"], {"i": int64(1, 2), "d": numpy.array(10**9), "v": numpy.zeros(2, numpy.float32)}), "FB1063"),
    "loop": (endless_loop, "FB1063"),
    "attribute_of_another_type": (lambda: model([node("Flatten", ["x"], ["y"]) + block(5, block(1, "axis") + number(3, 1) + number(20, 7))],
                                                [("x", "float32", [1])], [("y", "float32", [1, 1])], {}), "FB1050"),
    "stride_zero": (lambda: model([node("MaxPool", ["x"], ["y"]) + block(5, block(1, "kernel_shape") + number(8, 1) + number(8, 1) + number(20, 7))
                                   + block(5, block(1, "strides") + number(8, 0) + number(8, 0) + number(20, 7))],
                                  [("x", "float32", [1, 1, 4, 4])], [("y", "float32", ["a", "b", "c", "d"])], {}), "FB1065"),
    "window_without_rank": (lambda: model([node("STFT", ["x", "step", "window"], ["y"])], [("x", "float32", [1, 128, 1]), ("window", "float32", [])],
                                          [("y", "float32", ["a", "b", "c", "d"])], {"step": numpy.array(8)}), "FB1065"),
    "input_left_out": (lambda: model([node("Max", ["x", ""], ["y"])], [("x", "float32", [1])], [("y", "float32", [1])], {}), "FB1065"),
}


def run_bounded(folder, *arguments):
    """One command to its end: (exit status, what it wrote)."""
    process = subprocess.Popen([str(BINARY), *map(str, arguments)], cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        text, _ = process.communicate(timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError(f"{arguments} did not end within {SECONDS_MAX} s") from None
    return process.returncode, text


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_refused_with_its_reason(kind, tmp_path):
    make, code = KINDS[kind]
    path = tmp_path / "hostile.onnx"
    path.write_bytes(make())
    for command in (["inspect", path], ["run", path, "[1]"]):
        status, text = run_bounded(tmp_path, *command)
        assert status > 0 and code in text, (command, status, text)


def test_good_models_go_on_beside_hostile_ones(serve, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    for kind, (make, _) in KINDS.items():
        (folder / f"{kind}.onnx").write_bytes(make())
    (folder / "double.onnx").write_bytes(model([node("Add", ["x", "x"], ["y"])], [("x", "float32", ["n"])], [("y", "float32", ["n"])], {}))
    server = serve("--models", folder, ready=False)
    eventually(lambda: server.post("/predict", {"model": "double", "input": [1, 2]}).status_code == 200, seconds=SECONDS_MAX)
    for kind, (_, code) in KINDS.items():
        eventually(lambda: re.search(f"could not be loaded.*{kind}.*{code}", server.log), seconds=SECONDS_MAX)
        refused = server.post("/predict", {"model": kind, "input": [1]})
        assert refused.status_code >= 400 and refused.json()["error"], (kind, refused.text)
    assert server.post("/predict", {"model": "double", "input": [1, 2]}).status_code == 200


def test_limits_can_be_raised(forebay, tmp_path):
    path = tmp_path / "mask.onnx"
    path.write_bytes(growing("ConstantOfShape", ["s"], {"s": int64(1 << 19)}))
    assert forebay("run", path, "[1]").returncode == 0
    refused = forebay("run", path, "[1]", "--set", "models.constant_bytes_max=1MiB")
    assert refused.returncode != 0 and "FB1063" in refused.stderr, refused.stderr


def hub(folder):
    """A model with external weights, as Hugging Face's cache keeps it: links into blobs."""
    snapshot = folder / "models--somewhere--small" / "snapshots" / "0123abcd"
    blobs = snapshot.parent.parent / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    outside = number(1, 2) + number(2, 1) + block(8, "w") + block(13, block(1, "location") + block(2, "model.onnx_data")) + number(14, 1)
    graph = block(1, node("Add", ["x", "w"], ["y"])) + block(2, "g") + block(5, outside) + block(11, value("x", "float32", ["n", 2]))
    graph += block(12, value("y", "float32", ["n", 2]))
    (blobs / "aaaa").write_bytes(numpy.array([10, 20], numpy.float32).tobytes())
    (blobs / "bbbb").write_bytes(number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 17)))
    (snapshot / "model.onnx_data").symlink_to("../../blobs/aaaa")
    (snapshot / "model.onnx").symlink_to("../../blobs/bbbb")
    return snapshot / "model.onnx"


def test_external_weights_behind_the_links_of_a_hugging_face_cache(forebay, tmp_path):
    path = hub(tmp_path)
    ran = forebay("run", path, "[[1,2]]", "--json")
    assert ran.returncode == 0, ran.stderr
    assert "11" in ran.stdout and "22" in ran.stdout, ran.stdout


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../secret", "../../other"])
def test_links_that_leave_the_cache_are_refused(forebay, tmp_path, target):
    path = hub(tmp_path)
    (tmp_path / "secret").write_bytes(b"12345678")
    (path.parent.parent.parent / "other").write_bytes(b"12345678")
    data = path.parent / "model.onnx_data"
    data.unlink()
    data.symlink_to(target)
    refused = forebay("run", path, "[[1,2]]")
    assert refused.returncode != 0 and "FB1055" in refused.stderr, refused.stderr


MUTATIONS = 200


def test_mutated_models_do_no_harm():
    sources = sorted(file for file in EXAMPLES.rglob("*.onnx") if file.stat().st_size < 1 << 20)
    assert sources
    harmful = [one for one in try_mutations("onnx", sources, range(MUTATIONS), "tests") if one["verdict"] in HARM]
    assert not harmful


def test_mutated_tokenizers_do_no_harm(tmp_path):
    from tokenizer_reference import KINDS as TOKENIZERS
    sources = []
    for kind, make in TOKENIZERS.items():
        file = tmp_path / f"{kind}.json"
        file.write_text(make().to_str())
        sources.append(file)
    harmful = [one for one in try_mutations("tokenizer", sources, range(MUTATIONS), "tests") if one["verdict"] in HARM]
    assert not harmful


if REFERENCE:
    HOSTILE = sorted((REFERENCE / "hostile").glob("onnx-*.onnx"))

    @pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
    def test_hostile_reference_files_end_with_a_reason(path, tmp_path):
        status, text = run_bounded(tmp_path, "inspect", path)
        assert status >= 0, (status, text)
        status, text = run_bounded(tmp_path, "run", path)
        assert status > 0 and "FB" in text, (status, text)
