"""models.cpu_affinity and models.numa: read back from the kernel, thread by thread."""

import json
import os
import pathlib

import pytest
import requests

from conftest import EXAMPLES, eventually

CHAT = EXAMPLES / "chat.gguf"
DIGITS = EXAMPLES / "digits.onnx"
EMBED = EXAMPLES / "embed.gguf"
IMAGE = json.loads((EXAMPLES / "expected.json").read_text())["digits"]["cases"][0]["image"]
USABLE = sorted(os.sched_getaffinity(0))
COMPUTING = ("predict", "generate", "embed", "encode")


def threads(server):
    """(name, processors it may use) of every thread."""
    found = []
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        try:
            lines = (task / "status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        found.append((fields["Name"], fields["Cpus_allowed_list"]))
    return found


def use(server):
    """Something of every kind, so that every thread there is has been made."""
    assert server.post("/generate", {"model": "chat", "prompt": "In the", "max_tokens": 4}).status_code == 200
    assert server.post("/predict", {"model": "digits", "input": IMAGE}).status_code == 200
    assert server.post("/v1/embeddings", {"model": "embed", "input": ["one", "two words", "three words here"] * 20}).status_code == 200


def test_what_computes_stays_on_the_named_processors(serve):
    chosen = USABLE[-1]
    server = serve(CHAT, DIGITS, EMBED, "--set", f"models.cpu_affinity={chosen}", "--set", "models.threads=2",
                   "--set", "models.generation.threads=2")
    use(server)
    found = threads(server)
    for kind in ("predict", "generate", "embed"):
        assert any(name.startswith(kind) for name, _ in found), f"no thread {kind} in {found}"
    for name, processors in found:
        if name.startswith(COMPUTING):
            assert processors == str(chosen), name
    # ONNX Runtime's own threads keep the name of the thread that loaded the model.
    assert any(name.startswith("background") and processors == str(chosen) for name, processors in found), found
    # libggml's have the name of the thread that generates, and are there while it does.
    with server.post("/generate", {"model": "chat", "prompt": "In the", "max_tokens": 1500, "stream": True}, stream=True) as stream:
        lines = stream.iter_lines()  # kept: a forgotten iterator closes the connection
        assert next(lines)
        eventually(lambda: [processors for name, processors in threads(server) if name.startswith("generate")] == [str(chosen)] * 2)
    if len(USABLE) > 1:
        assert any(processors != str(chosen) for _, processors in found), "what serves connections is where it was"


def test_without_the_setting_threads_are_anywhere(serve):
    server = serve(CHAT, DIGITS, EMBED)
    use(server)
    everywhere = {line.split(":\t", 1)[1] for line in pathlib.Path("/proc/self/status").read_text().splitlines() if line.startswith("Cpus_allowed_list")}
    assert {processors for _, processors in threads(server)} == everywhere


def test_workers_that_are_added_later_stay_there_too(serve):
    chosen = USABLE[0]
    server = serve(CHAT, "--set", f"models.cpu_affinity={chosen}", "--set", "models.generation.threads=1", "--admin-key", "a-key-of-the-tests")
    answer = requests.patch(f"{server.url}/admin/models/chat/workers", json={"workers": 3}, timeout=60,
                            headers={"Authorization": "Bearer a-key-of-the-tests"})
    assert answer.status_code == 200, answer.text

    def stay():
        generating = [processors for name, processors in threads(server) if name.startswith("generate")]
        return len(generating) >= 3 and set(generating) == {str(chosen)}

    eventually(stay)  # a thread goes there as the first thing it does


@pytest.mark.parametrize("value,why", [("8191", "processor 8191 is not one of those this process may use"), ("1-0", "no processor"), ("x", "number of a processor")])
def test_processors_that_may_not_be_used_are_refused_at_the_start(forebay, value, why):
    refused = forebay("serve", DIGITS, "--set", f"models.cpu_affinity={value}", "--port", 0)
    assert refused.returncode != 0
    assert why in refused.stderr


def test_a_server_of_fewer_processors_uses_as_many_threads(serve):
    server = serve(DIGITS, "--set", f"models.cpu_affinity={USABLE[0]}")
    use_digits = server.post("/predict", {"model": "digits", "input": IMAGE})
    assert use_digits.status_code == 200
    assert len([name for name, _ in threads(server) if name.startswith("predict")]) == 1


@pytest.mark.parametrize("strategy", ["distribute", "isolate", "numactl"])
def test_numa_strategies_reach_libllama_and_change_no_answer(serve, strategy):
    request = {"model": "chat", "prompt": "In the beginning", "max_tokens": 8, "temperature": 0}
    plain = serve(CHAT).post("/generate", request).json()["text"]
    server = serve(CHAT, "--set", f"models.numa={strategy}")
    assert f"strategy={strategy}" in server.log or f'"{strategy}"' in server.log
    assert server.post("/generate", request).json()["text"] == plain


def test_numa_strategies_that_do_not_exist_or_contradict_are_refused(forebay):
    unknown = forebay("config", "check", "--set", "models.numa=mirror")
    assert unknown.returncode != 0 and "off, distribute, isolate, numactl" in unknown.stderr
    both = forebay("config", "check", "--set", "models.numa=isolate", "--set", f"models.cpu_affinity={USABLE[0]}")
    assert both.returncode != 0 and "models.numa must be off beside models.cpu_affinity" in both.stderr
