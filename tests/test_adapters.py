"""Low-rank adapters, chosen per request. There is no trained one: a random one, made here, must change the text, and change nothing else."""

import json
import struct

import numpy
import pytest

from conftest import EXAMPLES

CHAT = EXAMPLES / "chat.gguf"
ONE_THREAD = ["--set", "models.generation.threads=1"]
PROMPT = "In the beginning God created the heaven and the earth. And the earth was without form. " * 4
STRING, FLOAT32, UINT32 = 8, 6, 4


def text(value):
    """A GGUF string."""
    return struct.pack("<Q", len(value)) + value.encode()


def gguf(fields, tensors):
    """A GGUF file of version 3 with float32 tensors (github.com/ggml-org/ggml/blob/master/docs/gguf.md)."""
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields))
    for name, value in fields.items():
        head += text(name)
        head += struct.pack("<I", STRING) + text(value) if isinstance(value, str) else struct.pack("<If", FLOAT32, value)
    body = b""
    for name, array in tensors.items():
        head += text(name) + struct.pack("<I", array.ndim) + b"".join(struct.pack("<Q", size) for size in reversed(array.shape))
        head += struct.pack("<IQ", 0, len(body))
        body += array.astype("<f4").tobytes() + b"\0" * (-array.nbytes % 32)
    return head + b"\0" * (-len(head) % 32) + body


def adapter(path, seed, model):
    """Rank 4, on the output of every layer's attention."""
    random = numpy.random.default_rng(seed)
    width = model["embedding_length"]
    tensors = {}
    for layer in range(model["layers"]):
        tensors[f"blk.{layer}.attn_output.weight.lora_a"] = random.standard_normal((4, width))
        tensors[f"blk.{layer}.attn_output.weight.lora_b"] = random.standard_normal((width, 4)) * 0.3
    fields = {"general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora", "adapter.lora.alpha": 8.0}
    path.write_bytes(gguf(fields, tensors))
    return path


@pytest.fixture
def adapters(tmp_path, forebay):
    """Two of them, with the flags that serve them."""
    model = json.loads(forebay("inspect", CHAT, "--output", "json").stdout)["text"]
    files = [f"chat/{name}={adapter(tmp_path / name, seed, model)}" for seed, name in enumerate(["polite", "rude"])]
    return ["--set", f"models.adapters={','.join(files)}"]


def ask(server, name=None, **more):
    """The text with this adapter, and how much of the prompt was there already."""
    answer = server.post("/generate", {"prompt": PROMPT, "max_tokens": 16, "temperature": 0} | ({"adapter": name} if name else {}) | more)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["text"], body["usage"]["prompt_tokens_details"]["cached_tokens"]


def test_texts_are_those_of_their_adapter_whoever_shares_the_server(serve, adapters):
    from concurrent.futures import ThreadPoolExecutor
    alone = {}
    for name in (None, "polite", "rude"):
        server = serve(CHAT, *ONE_THREAD, *adapters)
        alone[name] = ask(server, name)[0]
        server.stop()
    assert len(set(alone.values())) == 3
    server = serve(CHAT, *ONE_THREAD, *adapters)
    names = [None, "polite", "rude", "rude", None, "polite"]
    with ThreadPoolExecutor(len(names)) as pool:
        together = list(pool.map(lambda name: ask(server, name)[0], names))
    assert together == [alone[name] for name in names]
    for name in (None, "polite", "rude"):
        assert ask(server, name)[0] == alone[name]


def test_a_prefix_with_one_adapter_is_no_prefix_with_another(serve, adapters):
    server = serve(CHAT, *ONE_THREAD, *adapters)
    assert ask(server)[1] == 0
    assert ask(server, "polite")[1] == 0
    assert ask(server, "polite")[1] > 32
    assert ask(server)[1] > 32


def test_an_unknown_adapter_is_an_error(serve, adapters):
    server = serve(CHAT, *ONE_THREAD, *adapters)
    answer = server.post("/generate", {"prompt": "a", "max_tokens": 2, "adapter": "kind"})
    assert (answer.status_code, answer.json()["name"]) == (404, "adapter_unknown")


def test_a_file_that_is_no_adapter_keeps_the_model_from_being_served(serve):
    server = serve(CHAT, "--set", "models.adapters=chat/polite=missing.gguf", ready=False)
    server.wait_for_line("adapter_refused")


def test_a_setting_that_names_no_adapter_stops_the_start(forebay):
    failed = forebay("serve", CHAT, "--port", 0, "--set", "models.adapters=chat")
    assert failed.returncode == 78
    assert "must be MODEL/ADAPTER=FILE" in failed.stderr
