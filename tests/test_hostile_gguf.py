"""GGUF files that would end the process: the reader or a child process finds them, and good models go on."""

import collections
import os
import pathlib
import re
import shutil
import struct

from conftest import EXAMPLES, REFERENCE, start_server
from gguf_mutations import mutated

CHAT = EXAMPLES / "chat.gguf"


def aborting_file():
    """chat.gguf without a tokenizer for its vocabulary: libllama aborts when it is to be used."""
    content = CHAT.read_bytes()
    own = b"tokenizer.ggml.model" + struct.pack("<IQ", 8, 4) + b"gpt2"
    other = b"tokenizer.ggml.model" + struct.pack("<IQ", 8, 4) + b"none"
    assert own in content
    return content.replace(own, other)


def hostile_files(folder):
    """Files that the reader takes and the library does not survive."""
    made = folder / "made.gguf"
    made.write_bytes(aborting_file())
    return [made] + (sorted((REFERENCE / "hostile").glob("gguf-*.gguf")) if REFERENCE else [])


def test_inspect_and_run_say_what_is_wrong(forebay, tmp_path):
    for path in hostile_files(tmp_path):
        for command in (["inspect", path], ["run", path, "hello", "--raw", "--max-tokens", "2"]):
            run = forebay(*command, timeout=60)
            if run.returncode == 0 and command[0] == "inspect":
                assert "does_not_load" in run.stdout and "runs here" in run.stdout  # it ends nothing, but it is no model that is served
                continue
            assert run.returncode in (64, 65, 69), (path.name, command[0], run)
            assert "FB" in run.stderr, run.stderr


def test_the_reason_is_the_librarys_own(forebay, tmp_path):
    made = tmp_path / "made.gguf"
    made.write_bytes(aborting_file())
    run = forebay("run", made, "hello")
    assert run.returncode == 65
    assert "FB5014 probe_failed" in run.stderr and "SIGABRT" in run.stderr
    assert "llama-vocab.cpp" not in run.stderr, "where in the library's source"


def test_good_models_beside_them_are_served(serve, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(CHAT, folder / "chat.gguf")
    shutil.copy(EXAMPLES / "digits.onnx", folder / "digits.onnx")
    bad = hostile_files(tmp_path)
    for path in bad:
        shutil.copy(path, folder / path.name)
    server = serve("--models", folder, ready=False)
    server.wait_for_line("some models could not be loaded")
    states = {model["id"]: model for model in server.get("/v1/models").json()["data"]}
    for path in bad:
        assert states[path.stem]["state"] == "failed", states[path.stem]
    answer = server.post("/v1/completions", json={"model": "chat", "prompt": "In the beginning", "max_tokens": 3})
    assert answer.status_code == 200
    refused = server.post("/v1/completions", json={"model": "made", "prompt": "In the beginning", "max_tokens": 3})
    assert refused.status_code >= 400
    assert "SIGABRT" in refused.text


def test_a_trusted_file_is_not_tried(forebay, tmp_path):
    made = tmp_path / "made.gguf"
    made.write_bytes(aborting_file())
    run = forebay("run", made, "hello", "--set", "models.probe.when=never")
    assert run.returncode == -6  # the library ends the process: what trust means


def test_a_second_start_does_not_try_again(forebay):
    first = forebay("run", CHAT, "In the beginning", "--raw", "--max-tokens", "2", "--log-level", "debug")
    again = forebay("run", CHAT, "In the beginning", "--raw", "--max-tokens", "2", "--log-level", "debug")
    assert first.returncode == again.returncode == 0
    assert "tried in a child process" in first.stderr
    assert "tried in a child process" not in again.stderr


def test_the_hidden_command_is_for_children(forebay):
    for arguments in (["probe-model-file"], ["probe-model-file", CHAT], ["probe-model-file", "1:1:1:1", CHAT, "chat"]):
        run = forebay(*arguments)
        assert run.returncode != 0 and run.stdout == ""


# A test run takes a few; a release is tried with FOREBAY_MUTATIONS=10000.
MUTATIONS = int(os.environ.get("FOREBAY_MUTATIONS", "60"))
FOLDER_FILES = 200
SERVER_BYTES_MAX = 1 << 30


def peak_bytes(process):
    """The most memory a process has had so far."""
    for line in (pathlib.Path("/proc") / str(process.pid) / "status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the kernel does not say")


def test_mutated_files_in_a_served_folder_harm_nothing_else(tmp_path):
    """Whole servers over folders of damaged files: each loads what loads, says why the rest does not, and answers with the good model."""
    sources = [(EXAMPLES / name).read_bytes() for name in ("chat.gguf", "embed.gguf")]
    if REFERENCE:
        sources += [path.read_bytes() for path in (REFERENCE / "gguf" / "stories260K-tok512.gguf", REFERENCE / "derived" / "stories260K-f16.gguf")]
    reasons = collections.Counter()
    for first in range(0, MUTATIONS, FOLDER_FILES):
        folder = tmp_path / f"models-{first}"
        folder.mkdir()
        shutil.copy(CHAT, folder / "good.gguf")
        for seed in range(first, min(first + FOLDER_FILES, MUTATIONS)):
            (folder / f"m{seed}.gguf").write_bytes(mutated(sources[seed % len(sources)], seed))
        settings = ["--set", "models.generation.cells=unified", "--set", "models.generation.context_tokens=512", "--set", "memory.budget_bytes=64GiB"]
        server = start_server(tmp_path / f"server-{first}", ["--models", folder, *settings])
        try:
            server.wait_for_line("some models could not be loaded|every model is ready", seconds=600)
            answer = server.post("/v1/completions", json={"model": "good", "prompt": "In the beginning", "max_tokens": 3})
            assert answer.status_code == 200, answer.text
            states = collections.Counter(model["state"] for model in server.get("/v1/models").json()["data"])
            assert states.keys() <= {"ready", "failed"}
            assert peak_bytes(server.process) < SERVER_BYTES_MAX
        finally:
            server.stop()
        told = re.findall(r"model could not be loaded.*?(FB[0-9]+ [a-z_]+)", server.log)
        assert len(told) == states["failed"]
        reasons.update([*told, *["ready"] * states["ready"]])
        shutil.rmtree(folder)
    print(reasons.most_common())  # shown when it fails, or with -s
