"""What loading found out and made is there at the next start, and nothing that is not its own is believed."""

import numpy
import pytest

import onnx_writer
from conftest import EXAMPLES

DIGITS = EXAMPLES / "digits.onnx"
LAYERS = 500  # a graph of many nodes: rewriting it takes most of the time to load it
ROW = [0.5, -0.25, 1.0, 0.125, 2.0, -1.0, 0.75, 0.0]


def deep_model(seed=0):
    """Layers of matrix product, bias, doubling by constants that can be folded, and a bend."""
    random = numpy.random.default_rng(seed)
    nodes, weights, x = [], {"half": numpy.float32(0.5).reshape(1), "two": numpy.float32(2).reshape(1)}, "x"
    for i in range(LAYERS):
        weights[f"w{i}"] = (random.standard_normal((8, 8)) / 3).astype(numpy.float32)
        weights[f"b{i}"] = (random.standard_normal(8) / 10).astype(numpy.float32)
        nodes.append(onnx_writer.node("Mul", ["half", "two"], [f"one{i}"]))
        nodes.append(onnx_writer.node("MatMul", [x, f"w{i}"], [f"p{i}"]))
        nodes.append(onnx_writer.node("Mul", [f"p{i}", f"one{i}"], [f"q{i}"]))
        nodes.append(onnx_writer.node("Add", [f"q{i}", f"b{i}"], [f"s{i}"]))
        x = "y" if i + 1 == LAYERS else f"x{i}"
        nodes.append(onnx_writer.node("Tanh", [f"s{i}"], [x]))
    return onnx_writer.model(nodes, [("x", "float32", ["n", 8])], [("y", "float32", ["n", 8])], weights)


@pytest.fixture(name="deep")
def deep_fixture(tmp_path):
    path = tmp_path / "deep.onnx"
    path.write_bytes(deep_model())
    return path


def flags(folder, *more):
    return ["--set", f"models.cache.path={folder}", *more]


def answer(server, model="deep"):
    response = server.post("/predict", {"model": model, "input": [ROW]})
    assert response.status_code == 200, response.text
    return response.json()["outputs"]


def kept(folder):
    return sorted(folder.glob("*.kept"))


def test_the_second_start_knows_what_the_first_found_out(serve, deep, tmp_path):
    folder = tmp_path / "kept"
    plain = serve(deep, "--set", "models.cache.enabled=false")
    expected = answer(plain)
    assert "optimized graph" not in plain.log
    first = serve(deep, *flags(folder))
    assert "the optimized graph is kept: loading takes" in first.log
    assert "earlier start" not in first.log
    assert answer(first) == expected
    first.stop()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(kept(folder)) == 6, "the graph, what it gains, threads and batches, independent rows, and that the file loads (by content and by time)"
    second = serve(deep, *flags(folder))
    assert "loaded from the kept optimized graph in" in second.log
    assert "as found at an earlier start" in second.log or "threads=\"\"" in second.log
    assert answer(second) == expected


def test_another_file_under_the_same_name_has_nothing_to_do_with_it(serve, deep, tmp_path):
    folder = tmp_path / "kept"
    before = answer(serve(deep, *flags(folder)))
    deep.write_bytes(deep_model(seed=1))
    server = serve(deep, *flags(folder))
    assert "loaded from the kept" not in server.log
    assert answer(server) != before


def test_damaged_files_are_removed_and_made_again(serve, deep, tmp_path):
    folder = tmp_path / "kept"
    first = serve(deep, *flags(folder))
    expected = answer(first)
    first.stop()
    for number, path in enumerate(kept(folder)):
        content = bytearray(path.read_bytes())
        content[len(content) // 3] ^= 1
        path.write_bytes(content if number % 2 else content[:-40])
    second = serve(deep, *flags(folder))
    assert second.log.count("a damaged file of the model cache is removed") >= 2
    assert answer(second) == expected
    second.stop()
    third = serve(deep, *flags(folder))
    assert "loaded from the kept optimized graph in" in third.log
    assert answer(third) == expected


def test_several_servers_may_share_the_folder(serve, deep, tmp_path):
    folder = tmp_path / "kept"
    servers = [serve(deep, *flags(folder), ready=False) for _ in range(3)]
    for server in servers:
        server.wait_until_ready()
    answers = [answer(server) for server in servers]
    assert answers == [answers[0]] * 3
    assert not list(folder.glob("*.making*"))


def test_the_folder_stays_within_its_bytes(serve, deep, tmp_path):
    folder = tmp_path / "kept"
    for seed in range(4):
        deep.write_bytes(deep_model(seed))
        serve(deep, *flags(folder, "--set", "models.cache.bytes_max=1MiB")).stop()
    assert 0 < sum(path.stat().st_size for path in kept(folder)) <= 1 << 20


def test_a_command_uses_the_same_cache(forebay, deep, tmp_path):
    rows = tmp_path / "rows.json"
    rows.write_text(f'{{"x": [{ROW}]}}')
    first = forebay("run", deep, rows)
    assert first.returncode == 0, first.stderr
    assert kept(tmp_path / "cache" / "forebay" / "models")
    again = forebay("run", deep, rows)
    assert again.stdout == first.stdout


def test_a_folder_that_others_may_write_to_is_refused(forebay, tmp_path):
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    refused = forebay("serve", DIGITS, *flags(folder), "--port", 0)
    assert refused.returncode != 0
    assert "model_cache_refused" in refused.stderr or "others than this server's user" in refused.stderr
