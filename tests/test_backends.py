"""Every backend that is listed as usable computes, and every other one is refused with its reason."""

import json

import pytest

from conftest import EXAMPLES

CHAT = EXAMPLES / "chat.gguf"
DIGITS = EXAMPLES / "digits.onnx"
CASES = json.loads((EXAMPLES / "expected.json").read_text())["digits"]["cases"]
GREEDY = {"model": "chat", "prompt": "In the beginning God", "max_tokens": 16, "temperature": 0}


def devices(forebay, engine):
    return [device for device in json.loads(forebay("devices", "--json").stdout) if device["engine"] == engine]


def test_every_usable_backend_of_onnx_runtime_gives_the_same_answer(forebay, serve):
    usable = [device["backend"] for device in devices(forebay, "onnxruntime") if device["usable"]]
    assert "cpu" in usable
    for backend in usable:
        server = serve(DIGITS, "--backend", backend)
        assert server.get("/model/info?model=digits").json()["backend"] == backend
        for case in CASES[:4]:
            outputs = server.post("/predict", {"model": "digits", "input": case["image"]}).json()["outputs"]
            assert outputs["probabilities"][0] == pytest.approx(case["probabilities"], abs=1e-4), backend


def test_every_other_backend_is_refused_with_its_reason(forebay):
    refused = [device for device in devices(forebay, "onnxruntime") if not device["usable"]]
    assert refused
    for device in refused:
        outcome = forebay("run", DIGITS, EXAMPLES / "digit.json", "--backend", device["backend"])
        assert outcome.returncode != 0
        assert f"{device['backend']}: {device['reason']}" in outcome.stderr


def test_the_fallback_chain_is_tried_in_order_and_reported(serve, forebay):
    unusable = [device["backend"] for device in devices(forebay, "onnxruntime") if not device["usable"]][:2]
    server = serve(DIGITS, CHAT, "--backend", ",".join(["nonsense", *unusable, "cpu"]))
    digits = server.get("/model/info?model=digits").json()
    assert digits["backend"] == "cpu"
    assert digits["backend_passed_over"] == ["nonsense: ONNX Runtime has no backend of this name",
                                             *(f"{backend}: this ONNX Runtime was built without it" for backend in unusable)]
    chat = server.get("/model/info?model=chat").json()
    assert chat["backend"] == "cpu"
    assert chat["backend_passed_over"][0] == "nonsense: libllama found no such backend on this machine"


def test_every_usable_backend_of_libllama_writes_the_same_text(forebay, serve):
    usable = [device["backend"] for device in devices(forebay, "llama") if device["usable"]]
    assert "cpu" in usable
    expected = serve(CHAT, "--backend", "cpu").post("/generate", GREEDY).json()["text"]
    for backend in set(usable) - {"cpu"}:
        server = serve(CHAT, "--backend", backend)
        assert server.get("/model/info?model=chat").json()["backend"] == backend
        assert server.post("/generate", GREEDY).json()["text"] == expected, backend


@pytest.mark.parametrize("backend", ["cuda", "metal", "sycl"])
def test_backends_that_libllama_does_not_have_are_refused(forebay, backend):
    refused = forebay("run", CHAT, "--prompt", "In", "--backend", backend)
    assert refused.returncode != 0
    assert f"{backend}: libllama found no such backend on this machine" in refused.stderr


# --- ggml's Vulkan backend on Mesa's software driver, which ggml takes only when it is named

SOFTWARE = {"GGML_VK_VISIBLE_DEVICES": "0"}


def test_the_software_vulkan_device_is_listed_when_it_is_named(forebay):
    listed = [device for device in json.loads(forebay("devices", "--json", env=SOFTWARE).stdout) if device["backend"] == "vulkan"]
    assert [(device["engine"], device["usable"]) for device in listed] == [("llama", True)]
    assert listed[0]["memory_bytes"] > 0 and listed[0]["description"]


def test_vulkan_writes_the_same_text_as_the_cpu(forebay):
    def text(backend):
        outcome = forebay("run", CHAT, "--raw", "--prompt", GREEDY["prompt"], "-n", GREEDY["max_tokens"], "-t", 0, "--backend", backend, env=SOFTWARE,
                          timeout=300)
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stdout

    assert text("vulkan") == text("cpu") != ""


def test_a_server_takes_vulkan_from_a_chain_and_answers(serve):
    server = serve(CHAT, "--backend", "cuda,vulkan,cpu", env=SOFTWARE)
    info = server.get("/model/info?model=chat").json()
    assert info["backend"] == "vulkan"
    assert info["backend_passed_over"] == ["cuda: libllama found no such backend on this machine"]
    expected = serve(CHAT, "--backend", "cpu").post("/generate", GREEDY).json()["text"]
    assert server.post("/generate", GREEDY, timeout=300).json()["text"] == expected


def test_without_a_device_vulkan_is_refused_with_what_to_do(forebay):
    hidden = {"GGML_VK_VISIBLE_DEVICES": ""}
    refused = forebay("run", CHAT, "--prompt", "In", "--backend", "vulkan", env=hidden)
    assert refused.returncode != 0
    assert "vulkan: the backend is installed, but finds no device here" in refused.stderr
