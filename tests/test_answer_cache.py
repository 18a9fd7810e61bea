"""Identical requests: computed once while they are in flight, and not at all when their answers are kept."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from conftest import EXAMPLES

DIGITS = EXAMPLES / "digits.onnx"
IMAGE = json.loads((EXAMPLES / "expected.json").read_text())["digits"]["cases"][0]["image"]
KEY = {"X-API-Key": "correct-horse"}


def runner_of(server, headers=None):
    """The statistics of the only model: its runner, and what came of identical requests."""
    model = requests.get(server.url + "/server/stats", headers=headers, timeout=60).json()["models"][0]
    return model["runner"], model["answer_cache"]


def test_sixty_four_identical_requests_in_flight_are_computed_once(serve):
    # The batch is held open long enough for all of them to arrive.
    server = serve(DIGITS, "--set", "models.tensors.queue_delay_max=500ms", "--set", "models.tensors.workers=1", "--set", "models.warm=false")
    with ThreadPoolExecutor(64) as clients:
        answers = list(clients.map(lambda _: server.post("/predict", {"input": IMAGE}), range(64)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({json.dumps(answer.json()["outputs"]) for answer in answers}) == 1
    runner, cache = runner_of(server)
    assert (runner["steps"], runner["rows"]) == (1, 1)
    assert (cache["enabled"], cache["shared"]) == (False, 63)
    assert sum("answer;desc=shared" in answer.headers["Server-Timing"] for answer in answers) == 63
    metrics = server.get("/metrics").text
    assert 'forebay_shared_answers_total{model="digits",version="1"} 63' in metrics


def test_each_request_is_computed_when_sharing_is_off(serve):
    server = serve(DIGITS, "--set", "models.tensors.single_flight=false", "--set", "models.tensors.queue_delay_max=200ms", "--set", "models.warm=false")
    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: server.post("/predict", {"input": IMAGE}), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert runner_of(server)[0]["rows"] == 4


def test_kept_answers_are_given_again_until_they_are_cleared(serve):
    server = serve(DIGITS, "--admin-key", "correct-horse", "--set", "models.tensors.cache.models=digits", "--set", "models.warm=false")

    def ask():
        answer = requests.post(server.url + "/v2/models/digits/infer", headers=KEY, timeout=60,
                               json={"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 1, 8, 8], "data": IMAGE}]})
        assert answer.status_code == 200, answer.text
        return answer

    first, second = ask(), ask()
    assert first.json() == second.json()
    assert "answer;desc" not in first.headers["Server-Timing"]
    assert "answer;desc=cache" in second.headers["Server-Timing"]
    runner, cache = runner_of(server, KEY)
    assert (runner["rows"], cache["enabled"], cache["hits"], cache["misses"], cache["entries"]) == (1, True, 1, 1, 1)
    cleared = requests.post(server.url + "/admin/models/digits/cache/clear", headers=KEY, timeout=60)
    assert (cleared.status_code, cleared.json()["dropped"]) == (200, 1)
    assert requests.post(server.url + "/admin/models/digits/cache/clear", timeout=60).status_code == 401
    ask()
    assert runner_of(server, KEY)[0]["rows"] == 2


@pytest.mark.parametrize("setting", ["cache.entries_max=0", "cache.bytes_max=1", "cache.ttl=25h"])
def test_the_cache_refuses_settings_that_make_no_sense(forebay, setting):
    run = forebay("serve", DIGITS, "--set", f"models.tensors.{setting}")
    assert run.returncode != 0
    assert setting.split("=")[0] in run.stderr


def test_keys_do_not_see_each_others_answers(serve):
    for shared in ([], ["--set", "models.share_caches=digits"]):
        server = serve(DIGITS, "--set", "accounts.api_keys=correct-horse,battery-staple", "--set", "models.tensors.cache.models=digits", "--set", "models.warm=false", *shared)
        sources = []
        for key in ("correct-horse", "battery-staple", "correct-horse"):
            answer = requests.post(server.url + "/predict", json={"input": IMAGE}, headers={"X-API-Key": key}, timeout=60)
            assert answer.status_code == 200, answer.text
            sources.append("answer;desc=cache" in answer.headers["Server-Timing"])
        assert sources == ([False, True, True] if shared else [False, False, True])
        server.stop()
