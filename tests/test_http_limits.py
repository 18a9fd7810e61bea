"""The edges of HTTP: limits, keys, timeouts, slow and vanishing clients, CORS, draining. Each answer has its code, and the server stays up."""

import json
import signal
import socket
import subprocess
import threading
import time

import pytest
import requests

from conftest import BINARY, EXAMPLES, STOP_SECONDS_MAX, environment, eventually, runner

DIGITS = EXAMPLES / "digits.onnx"
CHAT = EXAMPLES / "chat.gguf"
LONG = {"model": "chat", "prompt": "In the beginning", "max_tokens": 900, "ignore_eos": True, "temperature": 0}


def connect(server):
    """A bare socket to the server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def read_all(sock):
    """Everything until the server closes."""
    received = b""
    while piece := sock.recv(65536):
        received += piece
    return received


def raw(server, request):
    """The answer to these bytes, which must end the connection."""
    with connect(server) as sock:
        sock.sendall(request)
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else None


# --- bodies and heads

def test_a_body_over_the_limit_is_refused_before_it_is_sent(serve):
    server = serve(DIGITS, "--set", "http.body_bytes_max=1024")
    status, body = raw(server, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1025\r\n\r\n")
    assert (status, body["name"]) == (413, "body_too_large")
    at_the_limit = b'{"input":[' + b"0," * 63 + b"0]" + b" " * 885 + b"}"
    assert len(at_the_limit) == 1024
    answer = server.post("/predict", data=at_the_limit, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text
    assert server.post("/predict", data=at_the_limit + b" ", headers={"Content-Type": "application/json"}).status_code == 413


def test_a_chunked_body_over_the_limit_is_refused_too(serve):
    server = serve(DIGITS, "--set", "http.body_bytes_max=1024")
    answer = server.post("/predict", data=iter([b" " * 600, b" " * 600]), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


def test_headers_without_end_are_refused_at_the_limit(example_server):
    field = b"X-A: " + b"a" * 100 + b"\r\n"
    status, body = raw(example_server, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + field * 3000)
    assert (status, body["name"]) == (413, "header_too_large")
    status, body = raw(example_server, b"GET /livez?" + b"a" * 100_000)
    assert (status, body["name"]) == (413, "header_too_large")
    assert example_server.get("/livez").status_code == 200


@pytest.mark.parametrize("request_,status,name", [
    (b"FOO / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "bad_request"),
    (b"GET / SMTP/1.0\r\n\r\n", 400, "bad_request"),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "ambiguous_length"),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n{}", 400, "bad_request"),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 415, "content_encoding_not_supported"),
    (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3x\r\n\r\n{}", 400, "ambiguous_length"),
])
def test_what_is_not_proper_http_gets_an_answer_with_a_code(example_server, request_, status, name):
    got, body = raw(example_server, request_)
    assert (got, body["name"]) == (status, name)


@pytest.mark.parametrize("headers,status,name", [
    ({"Content-Type": "text/plain"}, 415, "content_type_not_supported"),
    ({"Content-Type": "application/json; charset=latin-1"}, 415, "content_type_not_supported"),
    ({"Content-Type": "application/json", "Content-Encoding": "br"}, 415, "content_encoding_not_supported"),
    ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, 400, "body_damaged"),
])
def test_other_kinds_of_bodies_are_refused(example_server, headers, status, name):
    for path in ("/predict", "/generate"):
        answer = example_server.post(path, data=b"{}", headers=headers)
        assert (answer.status_code, answer.json()["name"]) == (status, name)


def test_unknown_paths_and_methods_have_their_dialects_shape(example_server):
    assert example_server.get("/nowhere").json()["name"] == "route_not_found"
    assert example_server.get("/v1/nowhere").json()["error"]["code"] == "route_not_found"
    assert isinstance(example_server.get("/v2/nowhere").json()["error"], str)
    answer = example_server.get("/predict")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, OPTIONS")
    assert example_server.get("/livez%00").json()["name"] == "bad_escape"
    assert example_server.get("/" + "a/" * 5000).status_code == 404


def test_request_ids_go_in_and_out(example_server):
    assert example_server.get("/livez", headers={"X-Request-Id": "my-id:1"}).headers["X-Request-Id"] == "my-id:1"
    made = example_server.get("/livez", headers={"X-Request-Id": "a b<c>"}).headers["X-Request-Id"]
    assert made.startswith("req-")
    assert example_server.get("/livez").headers["X-Content-Type-Options"] == "nosniff"


def test_a_trace_is_in_the_log(serve):
    server = serve(DIGITS, "--log-level", "debug")
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    server.get("/livez", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert trace in server.wait_for_line(r"livez.*trace_id=\w+").group(0)


def test_head_is_get_without_a_body(example_server):
    answer = requests.head(example_server.url + "/livez", timeout=10)
    assert (answer.status_code, answer.text) == (200, "")


# --- keys

def test_every_route_but_health_wants_the_key(serve):
    server = serve(DIGITS, "--admin-key", "correct-horse")
    for path in ("/livez", "/healthz", "/health", "/readyz", "/ready", "/v2/health/live", "/v2/health/ready"):
        assert server.get(path).status_code == 200
    for path in ("/metrics", "/server/stats", "/model/info", "/v1/models", "/v1/models/digits", "/v2", "/v2/models", "/v2/models/digits"):
        assert server.get(path).status_code == 401
        assert server.get(path, headers={"Authorization": "Bearer wrong-horse-x"}).status_code == 401
        assert server.get(path, headers={"Authorization": "Bearer correct-horse"}).status_code == 200
        assert server.get(path, headers={"X-API-Key": "correct-horse"}).status_code == 200
    for path in ("/predict", "/predict/batch", "/generate", "/chat", "/embeddings", "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v2/models/digits/infer"):
        answer = server.post(path, {})
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"


# --- load

def test_too_many_requests_are_refused_at_once_and_health_still_answers(serve):
    server = serve(CHAT, "--set", "http.concurrent_requests_max=1")
    with server.post("/generate", LONG | {"stream": True}, stream=True) as stream:
        assert stream.status_code == 200
        refused = server.post("/generate", LONG)
        assert (refused.status_code, refused.json()["name"]) == (503, "too_many_requests_in_flight")
        assert int(refused.headers["Retry-After"]) >= 1
        assert server.get("/readyz").status_code == 200
    eventually(lambda: server.post("/generate", LONG | {"max_tokens": 1}).status_code == 200)


def test_a_vanished_client_frees_its_work_streaming_or_not_running_or_queued(serve):
    server = serve(CHAT, "--set", "models.generation.sequences_max=1")
    body = json.dumps(LONG).encode()
    request = b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    running, queued = connect(server), connect(server)
    running.sendall(request)
    eventually(lambda: runner(server)["running"] == 1)
    queued.sendall(request)
    eventually(lambda: runner(server)["queued"] == 1)
    queued.close()
    gone = time.monotonic()
    eventually(lambda: runner(server)["queued"] == 0, seconds=2)
    assert time.monotonic() - gone < 0.5
    if runner(server)["running"] == 1:
        running.close()
        gone = time.monotonic()
        eventually(lambda: runner(server)["running"] == 0, seconds=2)
        assert time.monotonic() - gone < 0.5
        assert runner(server)["cancelled"] == 2
    running.close()


def test_a_reader_that_does_not_read_is_dropped(serve):
    server = serve(CHAT, "--set", "http.stream_unsent_bytes_max=4096")
    body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "a"}], "stream": True, "logprobs": True, "top_logprobs": 20, "max_tokens": 900,
                       "ignore_eos": True, "n": 16}).encode()
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", server.port))
    sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    eventually(lambda: "FB7061" in server.get("/metrics").text, seconds=60)
    eventually(lambda: runner(server)["running"] == 0 and runner(server)["queued"] == 0)
    sock.close()


def test_a_request_that_takes_too_long_is_told_so(serve):
    server = serve(CHAT, "--set", "http.request_timeout=300ms")
    answer = server.post("/generate", LONG)
    if answer.status_code != 200:  # a fast machine may be done in time
        assert (answer.status_code, answer.json()["name"]) == (504, "deadline_exceeded")
    with server.post("/generate", LONG | {"stream": True}, stream=True) as stream:
        if stream.status_code != 200:  # over before the first token
            last = stream.json()
        else:
            last = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith(b"data: ")][-1]
    assert "finish_reason" in last or last["name"] == "deadline_exceeded"


def test_idle_connections_and_slow_heads_are_closed(serve):
    server = serve(DIGITS, "--set", "http.idle_timeout=1s")
    with connect(server) as idle, connect(server) as slow:
        slow.sendall(b"GET /livez HT")
        assert idle.recv(1) == b""
        assert slow.recv(1) == b""


def test_a_slow_body_is_told_the_time_is_over(serve):
    server = serve(DIGITS, "--set", "http.request_timeout=300ms")
    status, body = raw(server, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    assert (status, body["name"]) == (504, "deadline_exceeded")


def test_many_requests_on_one_connection_are_answered_in_order(example_server):
    one = b"GET /v1/models/digits HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    with connect(example_server) as sock:
        sock.sendall(one * 5 + last)
        received = read_all(sock)
    assert received.count(b"HTTP/1.1 200") == 6
    assert received.count(b'"id":"digits"') == 5


# --- browsers

def test_no_origin_is_let_in_unless_configured(example_server):
    assert "Access-Control-Allow-Origin" not in example_server.get("/livez", headers={"Origin": "http://a.example"}).headers
    refused = example_server.get("/v1/models", headers={"Origin": "http://a.example"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "origin_not_allowed")
    assert example_server.get("/v1/models", headers={"Origin": example_server.url}).status_code == 200


def test_a_configured_origin_is_let_in(serve):
    server = serve(DIGITS, "--cors", "http://a.example")
    asked = "authorization,content-type,x-stainless-arch,x-stainless-retry-count,traceparent"
    preflight = requests.options(server.url + "/predict", headers={"Origin": "http://a.example", "Access-Control-Request-Method": "POST",
                                                                   "Access-Control-Request-Headers": asked}, timeout=10)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://a.example"
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == asked
    assert server.get("/livez", headers={"Origin": "http://a.example"}).headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in server.get("/livez", headers={"Origin": "http://b.example"}).headers
    for origin in ("http://b.example", "null"):
        foreign = requests.options(server.url + "/predict", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}, timeout=10)
        assert "Access-Control-Allow-Headers" not in foreign.headers
        assert server.post("/predict", {}, headers={"Origin": origin}).status_code == 403


# --- start and end

def test_a_busy_port_is_said_plainly(serve, forebay):
    server = serve(DIGITS)
    second = forebay("serve", DIGITS, "--port", server.port)
    assert second.returncode != 0
    assert "in use" in second.stderr
    assert "FB7063" in second.stderr
    assert forebay("serve", DIGITS, "--host", "no-such-host", "--port", 0).returncode != 0


def test_sigterm_lets_requests_finish_and_refuses_new_ones(serve):
    server = serve(CHAT)
    answers = []
    request = threading.Thread(target=lambda: answers.append(server.post("/generate", LONG | {"max_tokens": 400})))
    request.start()
    eventually(lambda: runner(server)["running"] == 1)
    server.terminate()
    request.join()
    assert answers[0].status_code == 200
    assert answers[0].json()["usage"]["completion_tokens"] == 400
    assert server.wait() == 0


def test_a_second_signal_ends_streams_with_an_event(serve):
    server = serve(CHAT)
    events = []
    with server.post("/generate", LONG | {"max_tokens": 1900, "stream": True}, stream=True) as stream:
        for line in stream.iter_lines():
            if not line.startswith(b"data: "):
                continue
            events.append(json.loads(line[6:]))
            if len(events) == 3:
                server.terminate()
                server.wait_for_line("draining")
                server.terminate()
    assert events[-1].get("name") == "shutting_down" or "finish_reason" in events[-1]
    assert server.wait() == 0


@pytest.mark.parametrize("milliseconds", range(0, 60, 6))
def test_a_signal_while_it_starts_ends_it(tmp_path, milliseconds):
    process = subprocess.Popen([str(BINARY), "serve", str(DIGITS), "--port", "0"], env=environment(tmp_path), stderr=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=milliseconds / 1000)
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=STOP_SECONDS_MAX)
    assert process.returncode in (0, -signal.SIGTERM), log.decode()  # the latter before it has begun to listen to signals


def test_metrics_count_what_happened(serve):
    server = serve(DIGITS)
    server.post("/predict", {"nothing": 1})
    text = server.get("/metrics").text
    assert "forebay_requests_total" in text
    assert "FB7004" in text
