"""Routes of the operator: closed without keys and to ordinary ones, careful with an admin key."""

import pytest
import requests

from conftest import EXAMPLES, eventually, start_server

CHAT = EXAMPLES / "chat.gguf"
KEY = {"X-API-Key": "correct-horse"}
ORDINARY = {"X-API-Key": "battery-staple"}
PATHS = [("GET", "/admin/models/chat/workers"), ("PATCH", "/admin/models/chat/workers"), ("POST", "/admin/models/digits/cache/clear"),
         ("POST", "/admin/models/chat/cache/clear"), ("GET", "/admin/dead-letters")]

STATISTICS = [("GET", "/metrics"), ("GET", "/server/stats")]


def ask(server, method, path, json=None, key=KEY):
    """Any method below the server's address, with a key or (None) without one."""
    return requests.request(method, server.url + path, json=json, headers=key, timeout=60)


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A server with a key of each kind, a text model and another one."""
    server = start_server(tmp_path_factory.mktemp("keyed"), [CHAT, EXAMPLES / "digits.onnx", "--admin-key", "correct-horse", "--api-key", "battery-staple",
                                                              "--set", "models.generation.threads=1"])
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("method,path", PATHS)
def test_an_open_server_refuses_to_be_changed(example_server, method, path):
    answer = ask(example_server, method, path, json={"workers": 2} if method == "PATCH" else None)
    assert (answer.status_code, answer.json()["name"]) == (403, "admin_needs_key")
    assert "--admin-key" in answer.json()["hint"]


@pytest.mark.parametrize("method,path", PATHS + STATISTICS)
def test_a_key_is_needed(keyed, method, path):
    assert ask(keyed, method, path, key=None).status_code == 401


@pytest.mark.parametrize("method,path", PATHS + STATISTICS)
def test_an_ordinary_key_is_no_admin_key(keyed, method, path):
    answer = ask(keyed, method, path, json={"workers": 2} if method == "PATCH" else None, key=ORDINARY)
    assert (answer.status_code, answer.json()["code"], answer.json()["name"]) == (403, "FB6004", "key_not_admin")
    assert "--admin-key" in answer.json()["hint"]
    assert "WWW-Authenticate" not in answer.headers
    if method == "GET":
        assert ask(keyed, method, path).status_code == 200


def test_an_ordinary_key_uses_models_and_reads_about_them(keyed):
    for path in ("/v1/models", "/v1/models/digits", "/v2", "/v2/models/digits", "/model/info?model=digits", "/livez"):
        assert ask(keyed, "GET", path, key=ORDINARY).status_code == 200, path
    for key in (ORDINARY, KEY):
        assert ask(keyed, "POST", "/generate", {"model": "chat", "prompt": "In the beginning", "max_tokens": 2}, key=key).status_code == 200


def test_without_an_admin_key_the_operators_routes_are_closed(serve):
    server = serve(EXAMPLES / "digits.onnx", "--api-key", "battery-staple")
    for method, path in PATHS + STATISTICS:
        answer = ask(server, method, path, json={"workers": 2} if method == "PATCH" else None, key=ORDINARY)
        assert (answer.status_code, answer.json()["name"]) == (403, "key_not_admin")
        assert "--admin-key" in answer.json()["hint"]
    assert "no admin key is set" in server.log


def test_an_admin_key_alone_closes_the_server_to_others(serve):
    server = serve(EXAMPLES / "digits.onnx", "--admin-key", "correct-horse")
    assert ask(server, "GET", "/v1/models", key=None).json()["error"]["code"] == "api_key_missing"
    assert ask(server, "GET", "/v1/models").status_code == 200
    assert "no admin key is set" not in server.log


def test_keys_of_both_kinds_come_from_flags_files_the_environment_and_settings(serve, tmp_path):
    def statuses(server, *keys):
        return [ask(server, "GET", "/metrics", key={"Authorization": f"Bearer {key}"}).status_code for key in keys]

    for name, keys in (("users.txt", "# applications\nuser-key-2\r\n\nuser-key-3\n"), ("more.txt", "user-key-4"), ("admins.txt", "admin-key-2\n")):
        (tmp_path / name).write_text(keys)
    server = serve(EXAMPLES / "digits.onnx", "--api-key", "user-key-1", "--api-key-file", tmp_path / "users.txt", "--api-key-file", tmp_path / "more.txt",
                   "--admin-key", "admin-key-1", "--admin-key-file", tmp_path / "admins.txt", env={"FOREBAY_ACCOUNTS_ADMIN_KEYS": "of-the-environment"})
    assert statuses(server, "user-key-1", "user-key-2", "user-key-3", "user-key-4", "admin-key-1", "admin-key-2") == [403] * 4 + [200] * 2
    assert statuses(server, "# applications", "of-the-environment") == [401, 401]  # flags replace it
    server.stop()
    (tmp_path / "set.yaml").write_text("accounts: {api_keys: [user-key-1, user-key-2]}\n")
    server = serve(EXAMPLES / "digits.onnx", "--config", tmp_path / "set.yaml", env={"FOREBAY_ACCOUNTS_ADMIN_KEYS": "admin-key-1,admin-key-2"})
    assert statuses(server, "user-key-1", "user-key-2", "admin-key-1", "admin-key-2") == [403, 403, 200, 200]


def test_admin_keys_that_cannot_be_used_are_refused_at_the_start(forebay, tmp_path):
    assert forebay("serve", "--admin-key", "short").returncode == 78
    (tmp_path / "none.txt").write_text("# none\n")
    done = forebay("serve", "--admin-key-file", "none.txt")
    assert done.returncode == 2 and "--admin-key-file" in done.stderr
    both = ["--set", "accounts.api_keys=first-key-1,second-key-2", "--set", "accounts.admin_keys=second-key-2"]
    done = forebay("serve", *both)
    assert done.returncode != 0 and "FB6002" in done.stderr and "second-key-2" not in done.stderr
    done = forebay("config", "check", *both)
    assert done.returncode == 78 and "the same" in done.stderr and "second-key-2" not in done.stderr


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
