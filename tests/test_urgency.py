"""Priorities, deadlines, partial answers and overflow, in every dialect."""

import json
import threading

import numpy
import pytest
import requests

from conftest import EXAMPLES, eventually, runner

CHAT = EXAMPLES / "chat.gguf"
EXPECTED = json.loads((EXAMPLES / "expected.json").read_text())
MESSAGES = [{"role": "user", "content": "Tell me about light"}]
LONG = {"max_tokens": 1800, "ignore_eos": True, "temperature": 0}
TEXT_ROUTES = {
    "/generate": {"model": "chat", "prompt": "In the beginning"},
    "/chat": {"model": "chat", "messages": MESSAGES},
    "/v1/completions": {"model": "chat", "prompt": "In the beginning"},
    "/v1/chat/completions": {"model": "chat", "messages": MESSAGES},
}
IMAGE = EXPECTED["digits"]["cases"][0]["image"]
OTHER_ROUTES = {
    "/predict": {"model": "digits", "input": IMAGE},
    "/predict/batch": {"model": "digits", "items": [{"input": IMAGE}]},
    "/embeddings": {"model": "embed", "input": "a"},
    "/v1/embeddings": {"model": "embed", "input": "a"},
}


def error_of(path, answer):
    """Name and field of an error, whatever its shape."""
    body = answer.json()
    return (body["error"]["code"], body["error"]["param"]) if path.startswith("/v1/") else (body["name"], body["field"])


@pytest.mark.parametrize("path", TEXT_ROUTES | OTHER_ROUTES)
def test_every_route_takes_priority_and_timeout_and_refuses_wrong_ones(example_server, path):
    body = (TEXT_ROUTES | OTHER_ROUTES)[path] | ({"max_tokens": 1} if path in TEXT_ROUTES else {})
    for priority in ("high", "normal", "low"):
        answer = example_server.post(path, body | {"priority": priority, "timeout_ms": 60000})
        assert answer.status_code == 200, answer.text
    for change, name in ({"priority": 1}, "field_type"), ({"priority": "urgent"}, "field_range"), ({"timeout_ms": 0}, "field_range"), ({"timeout_ms": "5"}, "field_type"):
        answer = example_server.post(path, body | change)
        assert answer.status_code == 400
        assert error_of(path, answer) == (name, next(iter(change)))
    assert "high" in json.dumps(example_server.post(path, body | {"priority": 1}).json())  # the hint says what is taken


def test_binary_routes_take_them_where_they_have_room(example_server):
    picture = (EXAMPLES / "seven.png").read_bytes()
    image = {"Content-Type": "image/png"}
    assert example_server.post("/predict?model=digits&priority=low&timeout_ms=60000", data=picture, headers=image).status_code == 200
    assert example_server.post("/predict?model=digits&priority=1", data=picture, headers=image).json()["field"] == "priority"
    assert example_server.post("/predict?model=digits&timeout_ms=x", data=picture, headers=image).json()["field"] == "timeout_ms"
    values = [value for row in numpy.asarray(IMAGE).reshape(1, -1).tolist() for value in row]
    shape = [1, *example_server.get("/v2/models/digits").json()["inputs"][0]["shape"][1:]]
    body = {"inputs": [{"name": "image", "datatype": "FP32", "shape": shape, "data": values}]}
    infer = "/v2/models/digits/infer"
    assert example_server.post(infer, body | {"parameters": {"priority": "high", "timeout_ms": 60000}}).status_code == 200
    assert example_server.post(infer, body | {"parameters": {"timeout": 60_000_000}}).status_code == 200
    assert example_server.post(infer, body | {"parameters": {"priority": 1}}).json()["field"] == "parameters.priority"


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A server that writes one text at a time."""
    from conftest import start_server
    server = start_server(tmp_path_factory.mktemp("busy"), [CHAT, "--set", "models.generation.sequences_max=1", "--set", "models.generation.threads=1"])
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()


class Occupied:
    """While it lasts, the only place is taken by a long stream."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        self.stream = self.server.post("/generate", TEXT_ROUTES["/generate"] | LONG | {"stream": True}, stream=True)
        self.lines = self.stream.iter_lines()  # kept: a forgotten iterator closes the connection
        assert next(self.lines).startswith(b"data: ")
        return self

    def __exit__(self, *_):
        self.stream.close()


@pytest.mark.parametrize("path", TEXT_ROUTES)
def test_a_deadline_holds_in_the_queue(busy, path):
    with Occupied(busy):
        answer = busy.post(path, TEXT_ROUTES[path] | {"max_tokens": 1, "timeout_ms": 60, "return_partial": True})
    if answer.status_code != 200:  # the long stream may have ended before
        assert answer.status_code == 504
        assert error_of(path, answer)[0] == "deadline_exceeded"


def test_a_deadline_holds_while_running_and_the_finished_part_is_given_when_asked_for(busy):
    whole = busy.post("/generate", TEXT_ROUTES["/generate"] | LONG).json()["text"]
    partial = {"timeout_ms": 100, "return_partial": True}
    plain = busy.post("/generate", TEXT_ROUTES["/generate"] | LONG | partial)
    assert plain.status_code == 200, plain.text
    assert whole.startswith(plain.json()["text"])
    if plain.json()["usage"]["completion_tokens"] < 1800:
        assert plain.json()["finish_reason"] == "deadline"
    openai = busy.post("/v1/completions", TEXT_ROUTES["/v1/completions"] | LONG | partial).json()["choices"][0]
    assert whole.startswith(openai["text"])
    assert openai["finish_reason"] == "length"
    if len(openai["text"]) < len(whole):
        assert openai["forebay"] == {"ended_by": "deadline"}
    with busy.post("/v1/chat/completions", TEXT_ROUTES["/v1/chat/completions"] | LONG | partial | {"stream": True}, stream=True) as stream:
        lines = [line.decode() for line in stream.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"
    ends = [choice for line in lines[:-1] for choice in json.loads(line[6:])["choices"] if choice["finish_reason"]]
    assert len(ends) == 1 and ends[0]["finish_reason"] == "length"
    late = busy.post("/generate", TEXT_ROUTES["/generate"] | LONG | {"timeout_ms": 100})
    assert late.status_code == 504 or len(late.json()["text"]) == len(whole)


def test_high_priority_overtakes_low(busy):
    order = []

    def ask(priority):
        answer = requests.post(busy.url + "/generate", json=TEXT_ROUTES["/generate"] | {"max_tokens": 40, "ignore_eos": True, "priority": priority}, timeout=60)
        assert answer.status_code == 200, answer.text
        order.append(priority)

    threads = []
    with Occupied(busy):
        for count, priority in enumerate(("low", "low", "normal", "high"), start=1):
            threads.append(threading.Thread(target=ask, args=(priority,)))
            threads[-1].start()
            eventually(lambda: runner(busy)["queued"] == count or runner(busy)["running"] == 0)
        in_time = runner(busy)["queued"] == 4
    for thread in threads:
        thread.join()
    if in_time:  # else the long stream had ended by itself
        assert order == ["high", "normal", "low", "low"]


def test_a_prompt_that_does_not_fit_is_refused_truncated_or_shifted_as_asked(serve):
    server = serve(CHAT, "--set", "models.generation.context_tokens=256")
    prompt = "And God said, Let there be light: and there was light. " * 40
    body = {"model": "chat", "prompt": prompt, "max_tokens": 8, "temperature": 0, "ignore_eos": True}
    assert server.post("/generate", body).json()["name"] == "prompt_too_long"
    assert server.post("/generate", body | {"overflow": "refuse"}).status_code == 400
    truncated = server.post("/generate", body | {"overflow": "truncate"})
    assert truncated.status_code == 200, truncated.text
    usage = truncated.json()["usage"]
    assert usage["completion_tokens"] == 8
    assert usage["prompt_tokens_details"]["dropped_tokens"] > 0
    shifted = server.post("/v1/completions", body | {"overflow": "shift", "overflow_keep_tokens": 16, "max_tokens": 400})
    assert shifted.status_code == 200, shifted.text
    assert shifted.json()["usage"]["completion_tokens"] == 400  # more than the context holds
    assert shifted.json()["choices"][0]["finish_reason"] == "length"


def test_cached_tokens_are_reported_in_every_dialect(serve):
    server = serve(CHAT)
    beginning = {"/generate": "usage", "/chat": "usage", "/v1/completions": "usage", "/v1/chat/completions": "usage"}
    for path, field in beginning.items():
        body = TEXT_ROUTES[path] | {"max_tokens": 4, "temperature": 0}
        for _ in range(2):
            usage = server.post(path, body).json()[field]
        assert usage["prompt_tokens_details"]["cached_tokens"] == usage["prompt_tokens"] - 1, path
