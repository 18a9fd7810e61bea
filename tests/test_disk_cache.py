"""The prefix cache's third tier: what a server computed is there after its restart, and nothing that is not its own is believed."""

import shutil

from conftest import EXAMPLES, runner  # noqa: F401

CHAT = EXAMPLES / "chat.gguf"
PROMPT = "In the beginning God created the heaven and the earth. And the earth was without form, and void. " * 6
GREEDY = {"prompt": PROMPT, "max_tokens": 12, "temperature": 0}


def flags(folder, *more):
    """A server that keeps states in this folder."""
    return [CHAT, "--set", "models.generation.threads=1", "--set", f"models.generation.cache.disk_path={folder}", *more]


def ask(server, **more):
    """The text, and how many tokens of the prompt were there already."""
    answer = server.post("/generate", GREEDY | more)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return body["text"], body["usage"]["prompt_tokens_details"]["cached_tokens"]


def disk(server):
    """The tier's statistics."""
    return next(model for model in server.get("/server/stats").json()["models"])["prefix_cache"]["tiers"]["disk"]


def states(folder):
    """The files of all models."""
    return sorted(folder.glob("states-*/*.state"))


def test_a_prompt_is_there_after_a_restart(serve, tmp_path):
    folder = tmp_path / "states"
    first = serve(*flags(folder))
    text, cached = ask(first)
    assert cached == 0
    first.stop()
    assert states(folder)
    second = serve(*flags(folder))
    assert disk(second)["entries"] >= 1
    again, cached = ask(second)
    assert again == text
    assert cached > 100
    tier = disk(second)
    assert (tier["hits"], tier["refused"]) == (1, 0)
    assert 'forebay_prefix_cache_tier_hits_total{model="chat",tier="disk",version="1"} 1' in second.get("/metrics").text


def test_damaged_and_foreign_states_are_not_believed(serve, tmp_path):
    folder = tmp_path / "states"
    first = serve(*flags(folder))
    text, _ = ask(first)
    first.stop()
    for number, path in enumerate(states(folder)):
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        shutil.copy(path, path.parent / f"{100 + number}.state")
        (path.parent / f"{200 + number}.state").write_bytes(content[:100])
    second = serve(*flags(folder))
    assert ask(second) == (text, 0)
    assert disk(second)["refused"] >= 2
    assert "warning" in second.log
    second.stop()
    # Written anew by the second; a session with other parts cannot use it.
    third = serve(*flags(folder, "--set", "models.generation.sequences_max=3"))
    assert ask(third) == (text, 0)


def test_what_ram_has_no_room_for_is_read_while_others_go_on(serve, tmp_path):
    folder = tmp_path / "states"
    server = serve(*flags(folder, "--set", "models.generation.cache.ram_bytes_max=0", "--set", "models.generation.sequences_max=2"))
    text, _ = ask(server)
    for number in range(3):
        ask(server, prompt=f"{number} " + "And the evening and the morning were the first day. " * 8)
    again, cached = ask(server)
    assert again == text
    assert cached > 100
    assert disk(server)["hits"] == 1


def test_a_folder_that_others_may_write_is_refused(serve, tmp_path):
    folder = tmp_path / "states"
    first = serve(*flags(folder))
    first.stop()
    for part in folder.glob("states-*"):
        part.chmod(0o777)
    second = serve(*flags(folder), ready=False)
    second.wait_for_line("FB4023|state_folder_refused")


def test_two_servers_do_not_share_a_folder(serve, tmp_path):
    folder = tmp_path / "states"
    first = serve(*flags(folder))
    second = serve(*flags(folder))
    assert "state_folder_busy" in second.log
    assert ask(first)[0] == ask(second)[0]


def test_an_administrator_clears_the_disk_too(serve, tmp_path):
    import requests
    folder = tmp_path / "states"
    first = serve(*flags(folder))
    text, _ = ask(first)
    first.stop()
    server = serve(*flags(folder, "--admin-key", "correct-horse"))
    key = {"X-API-Key": "correct-horse"}
    assert requests.post(server.url + "/admin/models/chat/cache/clear", headers=key, timeout=60).status_code == 200
    answer = requests.post(server.url + "/generate", json=GREEDY, headers=key, timeout=60).json()
    assert (answer["text"], answer["usage"]["prompt_tokens_details"]["cached_tokens"]) == (text, 0)
