"""A GGUF model in several files is one model: in a folder, on the command line, for inspect and run."""

import re
import shutil
import struct

import pytest

from conftest import EXAMPLES
from gguf_mutations import Layout

PARTS = 3
ASKED = {"prompt": "In the beginning", "max_tokens": 8, "temperature": 0}


def text(value):
    return struct.pack("<Q", len(value)) + value


def number(key, kind, form, value):
    return text(key) + struct.pack("<I", kind) + struct.pack(form, value)


def split_parts(content):
    """The parts as llama-gguf-split makes them: metadata in the first, tensors in the order of the file in all of them."""
    layout = Layout(content)
    at = layout.entries_end
    data = -(-layout.end // 32) * 32
    tensors = []
    while at < layout.end:
        start = at
        length, = struct.unpack_from("<Q", content, at)
        name = content[at + 8:at + 8 + length]
        at += 8 + length
        rank, = struct.unpack_from("<I", content, at)
        at += 4 + 8 * rank + 4
        offset, = struct.unpack_from("<Q", content, at)
        tensors.append((name, content[start + 8 + length:at], offset))
        at += 8
    ends = sorted(offset for _, _, offset in tensors) + [len(content) - data]
    files = []
    for part in range(PARTS):
        own = tensors[len(tensors) * part // PARTS:len(tensors) * (part + 1) // PARTS]
        entries = [text(key) + value for key, value in layout.entries] if part == 0 else []
        entries += [number(b"split.no", 2, "<H", part), number(b"split.count", 2, "<H", PARTS), number(b"split.tensors.count", 5, "<i", len(tensors))]
        head, body = b"GGUF" + struct.pack("<IQQ", 3, len(own), len(entries)) + b"".join(entries), b""
        for name, shape_and_type, offset in own:
            head += text(name) + shape_and_type + struct.pack("<Q", len(body))
            following = next(end for end in ends if end > offset)
            body += content[data + offset:data + following]
            body += bytes(-len(body) % 32)
        files.append(head + bytes(-len(head) % 32) + body)
    return files


@pytest.fixture
def parts(tmp_path):
    """Paths of the parts of chat.gguf."""
    folder = tmp_path / "models"
    folder.mkdir()
    paths = [folder / f"big-{number:05}-of-{PARTS:05}.gguf" for number in range(1, PARTS + 1)]
    for path, content in zip(paths, split_parts((EXAMPLES / "chat.gguf").read_bytes())):
        path.write_bytes(content)
    return paths


def answer_of(server, model):
    answer = server.post("/v1/completions", json={"model": model, **ASKED})
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["text"]


def names(server):
    return [model["id"] for model in server.get("/v1/models").json()["data"]]


def test_in_a_folder_they_are_one_model_with_the_same_answers(serve, parts):
    shutil.copy(EXAMPLES / "chat.gguf", parts[0].parent / "whole.gguf")
    server = serve("--models", parts[0].parent)
    assert names(server) == ["big", "whole"]
    assert answer_of(server, "big") == answer_of(server, "whole")


def test_all_parts_on_the_command_line_are_one_model(serve, parts):
    server = serve(*parts)
    assert names(server) == ["big"]
    answer_of(server, "big")


def test_an_encoder_in_several_files_runs_in_libllama_and_that_is_said(serve, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    for number, content in enumerate(split_parts((EXAMPLES / "embed.gguf").read_bytes()), 1):
        (folder / f"parts-{number:05}-of-{PARTS:05}.gguf").write_bytes(content)
    shutil.copy(EXAMPLES / "embed.gguf", folder / "whole.gguf")
    server = serve("--models", folder)
    vectors = [server.post("/v1/embeddings", json={"model": name, "input": "In the beginning"}).json()["data"][0]["embedding"] for name in ("parts", "whole")]
    assert max(abs(one - other) for one, other in zip(*vectors)) < 0.01
    assert len(re.findall("the encoder runs in libllama.*a model in several files is not translated", server.log)) == 1


def test_inspect_and_run_take_the_first(forebay, parts):
    shown = forebay("inspect", parts[0])
    assert shown.returncode == 0, shown.stderr
    assert parts[1].name in shown.stdout and parts[2].name in shown.stdout
    whole = forebay("run", EXAMPLES / "chat.gguf", ASKED["prompt"], "--raw", "--max-tokens", "8", "--temperature", "0")
    run = forebay("run", parts[0], ASKED["prompt"], "--raw", "--max-tokens", "8", "--temperature", "0")
    assert (run.returncode, run.stdout) == (0, whole.stdout), run.stderr


def test_a_later_part_says_which_is_the_first(forebay, parts):
    run = forebay("inspect", parts[1])
    assert run.returncode != 0
    assert "FB1038" in run.stderr and parts[0].name in run.stderr


def test_a_missing_part_is_named(serve, forebay, parts):
    parts[2].unlink()
    run = forebay("run", parts[0], "hello")
    assert run.returncode == 66
    assert "FB1039" in run.stderr and parts[2].name in run.stderr
    shutil.copy(EXAMPLES / "digits.onnx", parts[0].parent / "digits.onnx")
    server = serve("--models", parts[0].parent, ready=False)
    server.wait_for_line("some models could not be loaded")
    assert parts[2].name in server.log
    assert names(server) == ["big", "digits"]


def test_a_part_of_another_model_is_named(forebay, parts):
    shutil.copy(EXAMPLES / "embed.gguf", parts[1])
    run = forebay("run", parts[0], "hello")
    assert run.returncode == 65
    assert "FB1049" in run.stderr and parts[1].name in run.stderr
