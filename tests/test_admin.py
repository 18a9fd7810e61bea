"""Routes that look into a model's workers and change them: closed without keys, careful with them."""

import pytest

from conftest import EXAMPLES, eventually, start_server

CHAT = EXAMPLES / "chat.gguf"
KEY = {"X-API-Key": "correct-horse"}
PATHS = [("GET", "/admin/models/chat/workers"), ("PATCH", "/admin/models/chat/workers"), ("POST", "/admin/models/digits/cache/clear"),
         ("POST", "/admin/models/chat/cache/clear"), ("GET", "/admin/dead-letters")]


def ask(server, method, path, json=None, key=True):
    """Any method below the server's address, with or without the key."""
    import requests
    return requests.request(method, server.url + path, json=json, headers=KEY if key else {}, timeout=60)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A server with a key, a text model and another one."""
    server = start_server(tmp_path_factory.mktemp("keyed"), [CHAT, EXAMPLES / "digits.onnx", "--api-key", "correct-horse", "--set", "models.generation.threads=1"])
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("method,path", PATHS)
def test_an_open_server_refuses_to_be_changed(example_server, method, path):
    answer = ask(example_server, method, path, json={"workers": 2} if method == "PATCH" else None)
    assert (answer.status_code, answer.json()["name"]) == (403, "admin_needs_key")
    assert "--api-key" in answer.json()["hint"]


@pytest.mark.parametrize("method,path", PATHS)
def test_the_key_is_needed(keyed, method, path):
    assert ask(keyed, method, path, key=False).status_code == 401


def test_workers_are_listed(keyed):
    answer = ask(keyed, "GET", "/admin/models/chat/workers")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["model"], body["workers"]) == ("chat", 1)
    assert body["worker_list"][0]["state"] == "healthy"
    assert body["strategy"] in ("round_robin", "least_loaded", "memory_aware", "prefix_affinity")
    assert ask(keyed, "GET", "/admin/models/digits/workers").json()["name"] == "wrong_task"
    assert ask(keyed, "GET", "/admin/models/chatt/workers").status_code == 404


def test_workers_and_strategy_are_changed_while_serving(keyed):
    changed = ask(keyed, "PATCH", "/admin/models/chat/workers", {"strategy": "least_loaded", "workers": 2})
    assert changed.status_code == 200, changed.text

    def states():
        body = ask(keyed, "GET", "/admin/models/chat/workers").json()
        return body["strategy"], [worker["state"] for worker in body["worker_list"]]

    eventually(lambda: states() == ("least_loaded", ["healthy", "healthy"]))
    answers = [ask(keyed, "POST", "/generate", {"model": "chat", "prompt": "In the beginning", "max_tokens": 8, "temperature": 0}) for _ in range(4)]
    assert len({answer.json()["text"] for answer in answers}) == 1
    assert ask(keyed, "PATCH", "/admin/models/chat/workers", {"workers": 1}).status_code == 200
    eventually(lambda: states() == ("least_loaded", ["healthy"]))
    assert "workers changed" in keyed.log


@pytest.mark.parametrize("body,name", [
    ({}, "field_missing"), ({"workers": 0}, "field_range"), ({"workers": "two"}, "field_type"), ({"worker": 2}, "field_unknown"),
    ({"strategy": "best"}, "scheduling_option_invalid"), ({"workers": 200}, "scheduling_option_invalid"),
])
def test_changes_that_make_no_sense_change_nothing(keyed, body, name):
    before = ask(keyed, "GET", "/admin/models/chat/workers").json()["strategy"]
    answer = ask(keyed, "PATCH", "/admin/models/chat/workers", body | ({"strategy": "round_robin"} if body.get("workers") == 200 else {}))
    assert (answer.status_code, answer.json()["name"]) == (400, name)
    assert ask(keyed, "GET", "/admin/models/chat/workers").json()["strategy"] == before


def test_there_are_no_dead_letters_where_nothing_died(keyed):
    assert ask(keyed, "GET", "/admin/dead-letters").json() == {"dead_letters": []}
    assert ask(keyed, "GET", "/admin/dead-letters?model=chat").json() == {"dead_letters": []}


def test_a_cleared_cache_remembers_nothing(keyed):
    def cached():
        asked = {"model": "chat", "prompt": "And God said, Let there be light. " * 10, "max_tokens": 2, "temperature": 0}
        body = ask(keyed, "POST", "/generate", asked).json()
        return body["usage"]["prompt_tokens_details"]["cached_tokens"], body["text"]

    _, text = cached()
    assert cached()[0] > 32
    cleared = ask(keyed, "POST", "/admin/models/chat/cache/clear")
    assert cleared.status_code == 200, cleared.text
    assert cleared.json()["dropped"] >= 1
    assert cached() == (0, text)
    assert "cache cleared" in keyed.log
    assert ask(keyed, "POST", "/admin/models/chatt/cache/clear").status_code == 404
