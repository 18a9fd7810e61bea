"""Many texts on one engine: what one computes serves the others, and nobody's text depends on who else is served."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from conftest import EXAMPLES, runner

CHAT = EXAMPLES / "chat.gguf"
ONE_THREAD = ["--set", "models.generation.threads=1"]
VERSE = "And God said, Let there be light: and there was light. And God saw the light, that it was good. "


def ask(server, prompt, **more):
    """The text and the tokens that were there already."""
    answer = server.post("/generate", {"prompt": prompt, "max_tokens": 12, "temperature": 0} | more)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["text"], body["usage"]["prompt_tokens_details"]["cached_tokens"], body["usage"]["prompt_tokens"]


def together(server, prompts, **more):
    """All at once; answers in order."""
    with ThreadPoolExecutor(len(prompts)) as pool:
        return list(pool.map(lambda prompt: ask(server, prompt, **more), prompts))


def prefix_cache(server):
    """The statistics of the only model."""
    return server.get("/server/stats").json()["models"][0]["prefix_cache"]


@pytest.mark.parametrize("cells", ["unified", "separate"])
def test_a_prefix_that_somebody_is_computing_is_computed_once(serve, cells):
    prompts = [VERSE * 8 + ending for ending in ("And", "God", "saw", "the", "light", "day")]
    flags = [CHAT, *ONE_THREAD, "--set", f"models.generation.cells={cells}"]
    alone = serve(*flags, "--set", "models.generation.sequences_max=1", "--set", "models.generation.cache.ram_bytes_max=0")
    expected = [ask(alone, prompt)[0] for prompt in prompts]
    alone.stop()
    server = serve(*flags)
    before = runner(server)["rows"]
    answers = together(server, prompts)
    assert [text for text, _, _ in answers] == expected
    long_ones = [cached for _, cached, _ in answers if cached > 100]
    assert len(long_ones) == 5, answers
    computed = runner(server)["rows"] - before
    assert computed < 2 * answers[0][2] + 6 * 12, "about one prompt, not six"
    assert prefix_cache(server)["joined"] + prefix_cache(server)["tiers"]["cells"]["hits"] == 5


def test_over_committed_cells_fail_nobody_and_change_no_text(serve):
    prompts = [f"{number}. {VERSE}" for number in range(6)]
    alone = serve(CHAT, *ONE_THREAD, "--set", "models.generation.sequences_max=1")
    expected = [ask(alone, prompt, max_tokens=240, ignore_eos=True)[0] for prompt in prompts]
    alone.stop()
    server = serve(CHAT, *ONE_THREAD, "--set", "models.generation.cells=unified", "--set", "models.generation.context_tokens=512")
    texts = [text for text, _, _ in together(server, prompts, max_tokens=240, ignore_eos=True)]
    assert texts == expected
    assert runner(server)["failed"] == 0
    assert runner(server)["preempted"] > 0
    assert "forebay_preemptions_total" in server.get("/metrics").text


def test_keys_do_not_see_each_others_prefixes(serve):
    """Neither in cells nor in RAM; an operator may share them."""
    prompt = VERSE * 8
    for shared in ([], ["--set", "models.share_caches=*"]):
        server = serve(CHAT, *ONE_THREAD, "--set", "accounts.api_keys=correct-horse,battery-staple", "--set", "models.generation.sequences_max=1", *shared)
        found, texts = [], set()
        for key in ("correct-horse", "battery-staple", "correct-horse", "battery-staple"):
            answer = requests.post(server.url + "/generate", json={"prompt": prompt, "max_tokens": 4, "temperature": 0}, headers={"X-API-Key": key}, timeout=60)
            assert answer.status_code == 200, answer.text
            body = answer.json()
            found.append(body["usage"]["prompt_tokens_details"]["cached_tokens"])
            texts.add(body["text"])
        whole = body["usage"]["prompt_tokens"] - 1
        assert found == ([0, whole, whole, whole] if shared else [0, 0, whole, whole])
        assert len(texts) == 1
        server.stop()
