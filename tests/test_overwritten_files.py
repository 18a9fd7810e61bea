"""A served model's file is written to: that model fails with the reason or goes on with what it had, and the others go on."""

import os
import shutil
import subprocess

import numpy
import pytest

from conftest import EXAMPLES, eventually
from onnx_writer import block, node, number, value

PROMPT = {"prompt": "In the beginning", "max_tokens": 8, "temperature": 0}


def truncated(path):
    os.truncate(path, 1000)


def emptied(path):
    os.truncate(path, 0)


def grown(path):
    with open(path, "ab") as file:
        file.write(b"more")


def rewritten(path):
    """Other bytes, the size stays: as rsync --inplace leaves it."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 2)
        file.write(b"\x55" * (size // 2))


def copied_over(path):
    """cp opens the file and cuts it short before it writes."""
    subprocess.run(["cp", EXAMPLES / "embed.gguf", path], check=True)


WIDTH = 4096


def write_external_model(folder):
    """outside.onnx: y = x + w, with w in outside.data."""
    entries = [("location", "outside.data"), ("offset", "0"), ("length", str(4 * WIDTH))]
    tensor = number(1, WIDTH) + number(2, 1) + block(8, "w") + b"".join(block(13, block(1, key) + block(2, text)) for key, text in entries) + number(14, 1)
    graph = block(1, node("Add", ["x", "w"], ["y"])) + block(2, "outside") + block(5, tensor)
    graph += block(11, value("x", "float32", ["n", WIDTH])) + block(12, value("y", "float32", ["n", WIDTH]))
    (folder / "outside.onnx").write_bytes(number(1, 8) + block(7, graph) + block(8, block(1, "") + number(2, 17)))
    (folder / "outside.data").write_bytes(numpy.arange(WIDTH, dtype=numpy.float32).tobytes())


@pytest.fixture
def folder(tmp_path):
    """A folder of copies that a test may write to, made a while ago."""
    made = tmp_path / "models"
    made.mkdir()
    for name in ("chat.gguf", "embed.gguf", "digits.onnx"):
        shutil.copy(EXAMPLES / name, made / name)
        os.utime(made / name, (1_700_000_000, 1_700_000_000))
    return made


def digits_answer(server):
    return server.post("/predict", json={"model": "digits", "input": [[[[0.5] * 8] * 8]]})


@pytest.mark.parametrize("change", [truncated, emptied, grown, rewritten, copied_over])
def test_a_generator_fails_and_the_others_go_on(serve, folder, change):
    server = serve("--models", folder)
    before = server.post("/v1/completions", json={"model": "chat", **PROMPT})
    assert before.status_code == 200
    change(folder / "chat.gguf")
    for _ in range(3):
        after = server.post("/v1/completions", json={"model": "chat", **PROMPT})
        assert after.status_code == 422, after.text
        assert "chat.gguf" in after.text and ("written to" in after.text or "bytes and has" in after.text)
    states = {model["id"]: model["state"] for model in server.get("/v1/models").json()["data"]}
    assert states == {"chat": "failed", "embed": "ready", "digits": "ready"}
    assert server.get("/readyz").status_code == 503
    assert server.get("/livez").status_code == 200
    assert digits_answer(server).status_code == 200
    assert server.post("/v1/embeddings", json={"model": "embed", "input": "a text"}).status_code == 200


def test_a_running_answer_ends_with_the_reason(serve, folder):
    server = serve("--models", folder)
    with server.post("/v1/completions", json={"model": "chat", "prompt": "In the beginning", "max_tokens": 20000, "temperature": 1, "stream": True},
                     stream=True) as stream:
        lines = stream.iter_lines()
        next(lines)
        emptied(folder / "chat.gguf")
        rest = b"\n".join(lines)
    assert b"chat.gguf" in rest or b"finish_reason" in rest  # it may have ended before
    assert digits_answer(server).status_code == 200


@pytest.mark.parametrize("change", [truncated, emptied, grown, rewritten])
def test_models_in_memory_answer_as_before(serve, folder, change):
    server = serve("--models", folder)
    asked = {"model": "embed", "input": "a text"}
    before = server.post("/v1/embeddings", json=asked).json()["data"], digits_answer(server).json()["outputs"]
    change(folder / "embed.gguf")
    change(folder / "digits.onnx")
    other = server.post("/v1/embeddings", json={"model": "embed", "input": "another text, which no cache has"})
    assert other.status_code == 200
    assert (server.post("/v1/embeddings", json=asked).json()["data"], digits_answer(server).json()["outputs"]) == before


@pytest.mark.parametrize("replace", ["rename", "delete"])
def test_replacing_the_file_is_harmless(serve, folder, replace):
    server = serve("--models", folder)
    before = server.post("/v1/completions", json={"model": "chat", **PROMPT}).json()["choices"]
    if replace == "rename":
        (folder / "new").write_bytes(b"something else")
        os.replace(folder / "new", folder / "chat.gguf")
    else:
        (folder / "chat.gguf").unlink()
    after = server.post("/v1/completions", json={"model": "chat", **PROMPT, "seed": 7})
    assert after.status_code == 200 and after.json()["choices"] == before
    assert server.get("/readyz").status_code == 200


@pytest.mark.parametrize("change", [truncated, emptied, rewritten])
def test_external_weights(serve, tmp_path, change):
    """y = x + w, with w in a file beside: right as before, or an error with the reason, never something else."""
    folder = tmp_path / "models"
    folder.mkdir()
    write_external_model(folder)
    os.utime(folder / "outside.data", (1_700_000_000, 1_700_000_000))
    shutil.copy(EXAMPLES / "digits.onnx", folder / "digits.onnx")
    server = serve("--models", folder)
    asked = {"model": "outside", "input": [[1.0] * WIDTH]}
    before = server.post("/predict", json=asked).json()["output"]
    assert before[0][:3] == [1.0, 2.0, 3.0]
    change(folder / "outside.data")
    after = server.post("/predict", json=asked)
    assert (after.status_code == 200 and after.json()["output"] == before) or (after.status_code == 422 and "outside.data" in after.text)
    eventually(lambda: digits_answer(server).status_code == 200)
