"""Streams: what a client sees of a text while it is written, when nothing comes for long, and when it ends early. Every dialect."""

import json
import threading

import pytest
import requests

from conftest import EXAMPLES

CHAT = EXAMPLES / "chat.gguf"
ONE_THREAD = ("--set", "models.generation.threads=1")  # the tests share the cores with what they test
LONG = {"max_tokens": 1800, "ignore_eos": True, "temperature": 0}
MESSAGES = [{"role": "user", "content": "Tell me about light"}]
DIALECTS = {
    "/generate": {"model": "chat", "prompt": "In the beginning"},
    "/chat": {"model": "chat", "messages": MESSAGES},
    "/v1/completions": {"model": "chat", "prompt": "In the beginning"},
    "/v1/chat/completions": {"model": "chat", "messages": MESSAGES},
}


def lines_of(stream):
    """The lines of an event stream that are not empty."""
    return [line.decode() for line in stream.iter_lines() if line]


def events_of(lines):
    """The data of its events; "[DONE]" stays text."""
    data = [line[6:] for line in lines if line.startswith("data: ")]
    return [one if one == "[DONE]" else json.loads(one) for one in data]


def text_of(path, event):
    """The text that one event adds."""
    if event == "[DONE]" or not path.startswith("/v1/"):
        return "" if event == "[DONE]" else event.get("text", "")
    return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in event["choices"])


def finish_of(path, event):
    """The reason with which one event ends the text, or nothing."""
    if event == "[DONE]" or "error" in event:
        return None
    if not path.startswith("/v1/"):
        return event.get("finish_reason")
    return next((choice["finish_reason"] for choice in event["choices"] if choice["finish_reason"]), None)


@pytest.mark.parametrize("path", DIALECTS)
def test_property_13_token_events_have_their_dialects_shape_and_make_the_whole_text(example_server, path):
    settings = DIALECTS[path] | {"temperature": 0, "max_tokens": 24}
    whole = example_server.post(path, settings).json()
    with example_server.post(path, settings | {"stream": True}, stream=True) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["X-Request-Id"]
        events = events_of(lines_of(stream))
    text = "".join(text_of(path, event) for event in events)
    if path.startswith("/v1/"):
        choice = whole["choices"][0]
        assert text == (choice.get("text") or choice["message"]["content"])
        kind = "chat.completion.chunk" if "chat" in path else "text_completion"
        assert {event["object"] for event in events if event != "[DONE]"} == {kind}
        assert len({event["id"] for event in events if event != "[DONE]"}) == 1
    else:
        assert text == whole["text"]
        assert all("text" in event for event in events)


@pytest.mark.parametrize("path", DIALECTS)
def test_property_14_one_completion_event_ends_a_stream_with_reason_and_usage(example_server, path):
    settings = DIALECTS[path] | {"temperature": 0, "max_tokens": 7, "ignore_eos": True, "stream": True}
    if path.startswith("/v1/"):
        settings["stream_options"] = {"include_usage": True}
    with example_server.post(path, settings, stream=True) as stream:
        events = events_of(lines_of(stream))
    assert [finish_of(path, event) for event in events if finish_of(path, event)] == ["length"]
    if path.startswith("/v1/"):
        assert events[-1] == "[DONE]"
        usage = events[-2]["usage"]
        assert events[-2]["choices"] == []
        assert all(event["usage"] is None for event in events[:-2])
    else:
        usage = events[-1]["usage"]
    assert usage["completion_tokens"] == 7
    assert usage["total_tokens"] == usage["prompt_tokens"] + 7
    assert 0 <= usage["prompt_tokens_details"]["cached_tokens"] < usage["prompt_tokens"]


@pytest.mark.parametrize("path", DIALECTS)
def test_property_15_an_error_event_has_its_dialects_shape_and_is_the_last(serve, path):
    """The error is a server that is told twice to stop: the one that no machine is too fast or too slow for."""
    server = serve(CHAT, *ONE_THREAD)
    with server.post(path, DIALECTS[path] | LONG | {"stream": True}, stream=True) as stream:
        assert stream.status_code == 200
        lines = stream.iter_lines()
        got = [next(lines).decode()]
        server.terminate()
        server.wait_for_line("draining")
        server.terminate()
        got += [line.decode() for line in lines if line]
    events = events_of(got)
    assert all("error" not in event for event in events[:-1])
    last = events[-1]
    if path.startswith("/v1/"):
        assert list(last) == ["error"]
        assert last["error"]["code"] == "shutting_down"
        assert last["error"]["type"] == "overloaded_error"
        assert last["error"]["forebay_code"] == "FB0006"
        assert last["error"]["request_id"] == stream.headers["X-Request-Id"]
    else:
        assert (last["name"], last["code"], last["request_id"]) == ("shutting_down", "FB0006", stream.headers["X-Request-Id"])
    assert server.wait() == 0


@pytest.mark.parametrize("path", ["/generate", "/v1/chat/completions"])
def test_a_stream_is_kept_alive_before_its_first_token(serve, path):
    """Headers and a comment go out while the request waits behind another one."""
    server = serve(CHAT, *ONE_THREAD, "--set", "models.generation.sequences_max=1", "--set", "http.keep_alive_interval=100ms")
    with server.post("/generate", DIALECTS["/generate"] | LONG | {"stream": True}, stream=True) as first:
        begun = first.iter_lines()
        while not next(begun).startswith(b"data: "):
            pass
        with server.post(path, DIALECTS[path] | {"max_tokens": 2, "stream": True}, stream=True) as second:
            assert second.status_code == 200
            lines = second.iter_lines()
            early = [next(lines).decode()]
            first.close()  # its client goes away, and the second one's turn comes
            early += [line.decode() for line in lines if line]
    assert early[0] == ": keep-alive"
    assert any(finish_of(path, event) for event in events_of(early))


def test_a_queued_stream_that_dies_after_its_headers_ends_with_an_event(serve):
    server = serve(CHAT, *ONE_THREAD, "--set", "models.generation.sequences_max=1", "--set", "http.keep_alive_interval=50ms")
    with server.post("/generate", DIALECTS["/generate"] | LONG | {"stream": True}, stream=True) as first:
        begun = first.iter_lines()  # kept: a forgotten iterator closes the connection
        assert next(begun).startswith(b"data: ")
        with server.post("/chat", DIALECTS["/chat"] | {"stream": True, "timeout_ms": 300}, stream=True) as second:
            assert second.status_code == 200
            lines = lines_of(second)
    if lines[0] == ": keep-alive":
        assert events_of(lines)[-1]["name"] == "deadline_exceeded" or "finish_reason" in events_of(lines)[-1]


def test_no_comments_where_they_are_switched_off(serve):
    server = serve(CHAT, *ONE_THREAD, "--set", "models.generation.sequences_max=1", "--set", "http.keep_alive_interval=0")
    with server.post("/generate", DIALECTS["/generate"] | LONG | {"stream": True}, stream=True) as first:
        begun = first.iter_lines()  # kept: a forgotten iterator closes the connection
        assert next(begun).startswith(b"data: ")
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(
            requests.post(server.url + "/generate", json=DIALECTS["/generate"] | {"max_tokens": 1, "stream": True}, timeout=60)))
        waiting.start()
        assert all(True for _ in begun)
        waiting.join()
    assert ": keep-alive" not in answers[0].text
    assert answers[0].status_code == 200


@pytest.mark.parametrize("path", DIALECTS)
def test_text_of_many_bytes_a_character_is_never_cut(example_server, path):
    settings = DIALECTS[path] | {"temperature": 2.0, "seed": 5, "max_tokens": 64, "ignore_eos": True, "stream": True}
    with example_server.post(path, settings, stream=True) as stream:
        raw = b"".join(stream.iter_content(None))
    raw.decode("utf-8")  # strictly
