"""HTTP/1 as bytes: what other clients and proxies send, what request smugglers send, and who may ask. One raw socket each."""

import gzip
import json
import re
import socket
import ssl
import subprocess
import zlib

import pytest
import requests

from conftest import EXAMPLES, eventually, runner

DIGITS = EXAMPLES / "digits.onnx"
WINE = EXAMPLES / "wine.onnx"
CHAT = EXAMPLES / "chat.gguf"
ROW = [13.2, 1.78, 2.14, 11.2, 100, 2.65, 2.76, 0.26, 1.28, 4.38, 1.05, 3.4, 1050]
PREDICT = json.dumps({"model": "wine", "input": [ROW]}).encode()
JSON_HEAD = b"Host: localhost\r\nContent-Type: application/json\r\n"
GENERATE = json.dumps({"model": "chat", "prompt": "In the beginning", "max_tokens": 8, "ignore_eos": True, "stream": True}).encode()


def exchange(server, request, then=b"", end=False):
    """Everything that the server sends until it closes. With `end` the client ends its side first."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
        sock.sendall(request)
        if end:
            sock.shutdown(socket.SHUT_WR)
        received = b""
        while piece := sock.recv(65536):
            received += piece
            if then and b"100 Continue\r\n\r\n" in received:
                sock.sendall(then)
                then = b""
        return received


def statuses(received):
    """The status of every response in these bytes."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d+) ", received)]


def post(path, body, *fields):
    return b"POST %s HTTP/1.1\r\n" % path + JSON_HEAD + b"".join(field + b"\r\n" for field in fields) + b"Content-Length: %d\r\n\r\n" % len(body) + body


CLOSE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"


# --- request smuggling: one 400, and nothing after it

@pytest.mark.parametrize("fields", [
    b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 5", b"Content-Length: 2, 2", b"Content-Length: 1x",
    b"Content-Length: 2\r\nContent-Length: 3", b"Content-Length: 2\r\nContent-Length: 2", b"Content-Length: +5", b"Content-Length: -1", b"Content-Length: 0x5",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding : chunked",
    b"Content-Length : 5", b"Host: other", b"X: a\r\n folded", b"X: a\nContent-Length: 5",
])
@pytest.mark.parametrize("first", [True, False])
def test_an_ambiguous_message_gets_one_400_and_nothing_more_is_parsed(example_server, fields, first):
    bad = b"POST /predict HTTP/1.1\r\nHost: localhost\r\n" + fields + b"\r\n\r\n0\r\n\r\n" + SMUGGLED
    received = exchange(example_server, bad if first else CLOSE.replace(b"Connection: close\r\n", b"") + bad)
    assert statuses(received) == ([400] if first else [200, 400]), received
    assert b"Connection: close" in received


@pytest.mark.parametrize("body", [b"0x25\r\n", b"+25\r\n", b"25zz\r\n", b"\r\n", b"-1\r\n", b"5\nhello", b"5\r\nhelloXX0\r\n\r\n", b"ffffffffffffffff1\r\n"])
def test_a_chunk_that_is_not_exact_gets_one_400(example_server, body):
    received = exchange(example_server, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + body + b"0\r\n\r\n" + SMUGGLED)
    assert statuses(received) == [400], received


@pytest.mark.parametrize("host", [b"", b"Host: localhost\r\nHost: localhost\r\n", b"Host:\r\n", b"Host: a b\r\n", b"Host: localhost/x\r\n", b"Host: a@localhost\r\n"])
def test_no_host_two_hosts_and_bad_hosts_are_refused(example_server, host):
    assert statuses(exchange(example_server, b"GET /livez HTTP/1.1\r\n" + host + b"\r\n" + SMUGGLED)) == [400]


# --- what clients and proxies send

def test_a_hundred_pipelined_requests_are_answered_in_order(example_server):
    one = b"GET /v1/models/%s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    received = exchange(example_server, b"".join(one % (b"digits" if i % 3 else b"wine") for i in range(100)) + CLOSE)
    assert statuses(received) == [200] * 101
    names = re.findall(rb'"id":"(digits|wine)"', received)
    assert names == [b"digits" if i % 3 else b"wine" for i in range(100)]


def test_pipelined_posts_are_answered_in_order(example_server):
    received = exchange(example_server, post(b"/predict", PREDICT) * 100 + CLOSE)
    assert statuses(received) == [200] * 101


@pytest.mark.parametrize("version,field", [(b"1.1", b"Connection: close"), (b"1.1", b"connection: Close, TE"), (b"1.0", b"X: y"), (b"1.0", b"Connection: keep-alive")])
def test_a_stream_is_whole_on_a_connection_that_closes(example_server, version, field):
    request = b"POST /generate HTTP/" + version + b"\r\n" + JSON_HEAD + field + b"\r\nContent-Length: %d\r\n\r\n" % len(GENERATE) + GENERATE
    head, _, body = exchange(example_server, request).partition(b"\r\n\r\n")
    assert statuses(head) == [200]
    assert b"X-Accel-Buffering: no" in head
    assert b"Connection: close" in head
    assert (b"chunked" in head) == (version == b"1.1")
    assert body.count(b"data: ") >= 8
    assert b'"finish_reason":"length"' in body


@pytest.mark.parametrize("expect", [b"100-continue", b"100-Continue"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_that_waits_for_continue_is_asked_for(example_server, expect, chunked):
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(PREDICT)
    body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(PREDICT), PREDICT) if chunked else PREDICT
    head = b"POST /predict HTTP/1.1\r\n" + JSON_HEAD + b"Expect: " + expect + b"\r\nConnection: close\r\n" + framing + b"\r\n\r\n"
    assert statuses(exchange(example_server, head, then=body)) == [100, 200]
    assert statuses(exchange(example_server, head + body)) == [200]


def test_a_body_that_is_refused_is_not_asked_for(serve):
    server = serve(DIGITS, "--api-key", "correct-horse")
    received = exchange(server, b"POST /predict HTTP/1.1\r\n" + JSON_HEAD + b"Expect: 100-continue\r\nContent-Length: 100\r\n\r\n")
    assert statuses(received) == [401]


@pytest.mark.parametrize("framing,body", [
    (b"Transfer-Encoding: Chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(PREDICT), PREDICT)),
    (b"Transfer-Encoding: chunked\r\nTrailer: X-Sum", b"%x;name=\"v\"\r\n%s\r\n000\r\nX-Sum: 1\r\nContent-Length: 7\r\n\r\n" % (len(PREDICT), PREDICT)),
    (b"Transfer-Encoding: chunked", b"".join(b"1\r\n%c\r\n" % byte for byte in PREDICT) + b"0\r\n\r\n"),
])
def test_chunked_bodies_are_read_however_they_are_written(example_server, framing, body):
    request = b"POST /predict HTTP/1.1\r\n" + JSON_HEAD + framing + b"\r\n\r\n" + body
    assert statuses(exchange(example_server, request + CLOSE)) == [200, 200]


def test_empty_lines_before_a_request_are_skipped(example_server):
    assert statuses(exchange(example_server, b"\r\n\r\n" + post(b"/predict", PREDICT) + b"\r\n" + CLOSE)) == [200, 200]


@pytest.mark.parametrize("target", ["/v1/mod%65ls", "/%76%31/models", "/v1/models?x=%20", "/v1/models/", "http://localhost/v1/models", "http://127.0.0.1:1/v1/models?"])
def test_a_url_is_read_in_every_form(example_server, target):
    received = exchange(example_server, f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert statuses(received) == [200], received
    assert b'"object":"list"' in received


@pytest.mark.parametrize("method,path", [("POST", "/v2/models/%zz/infer"), ("POST", "/admin/models/%/cache/clear"), ("GET", "/v1/models/%00"), ("GET", "/model/info?model=%zz"),
                                         ("GET", "/v1/models/%2"), ("OPTIONS", "/v1/models/%zz")])
def test_a_broken_escape_is_never_the_only_model(serve, method, path):
    server = serve(WINE, "--api-key", "correct-horse")
    received = exchange(server, f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nX-API-Key: correct-horse\r\nConnection: close\r\n\r\n".encode())
    assert statuses(received) == [400]
    assert b"bad_escape" in received


def test_options_is_answered_with_and_without_close_and_for_the_server(example_server):
    for target in (b"/predict", b"*"):
        received = exchange(example_server, b"OPTIONS " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert statuses(received) == [204]
        assert b"Content-Length" not in received


def test_a_websocket_upgrade_is_an_ordinary_request(example_server):
    received = exchange(example_server, b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n"
                                        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    assert statuses(received) == [200]
    assert b"drogon" not in received.lower()
    assert b"\r\nServer:" not in received


def test_a_half_closed_client_gets_its_answers(example_server):
    assert statuses(exchange(example_server, post(b"/predict", PREDICT) * 3, end=True)) == [200] * 3
    received = exchange(example_server, post(b"/generate", GENERATE), end=True)
    assert b'"finish_reason":"length"' in received
    long = json.dumps({"model": "chat", "prompt": "In the beginning", "max_tokens": 400, "ignore_eos": True}).encode()
    assert statuses(exchange(example_server, post(b"/generate", long), end=True))[-1] == 200


def test_a_client_that_half_closes_and_then_goes_frees_its_work(serve):
    server = serve(CHAT, "--set", "models.generation.threads=1")
    long = json.dumps({"model": "chat", "prompt": "In the beginning", "max_tokens": 1900, "ignore_eos": True}).encode()
    sock = socket.create_connection(("127.0.0.1", server.port))
    sock.sendall(post(b"/generate", long))
    eventually(lambda: runner(server)["running"] == 1)
    sock.shutdown(socket.SHUT_WR)
    sock.close()
    eventually(lambda: runner(server)["running"] == 0)
    assert runner(server)["cancelled"] == 1


# --- bodies

@pytest.mark.parametrize("coding,encode", [("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)])
def test_compressed_bodies_are_taken(example_server, coding, encode):
    plain = example_server.post("/predict", data=PREDICT, headers={"Content-Type": "application/json"}).json()
    answer = example_server.post("/predict", data=encode(PREDICT), headers={"Content-Type": "application/json", "Content-Encoding": coding})
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"] == plain["outputs"]
    infer = json.dumps({"inputs": [{"name": "input", "shape": [1, 13], "datatype": "FP32", "data": ROW}]}).encode()
    plain = example_server.post("/v2/models/wine/infer", data=infer)
    packed = example_server.post("/v2/models/wine/infer", data=encode(infer), headers={"Content-Encoding": coding})
    assert packed.status_code == plain.status_code


def test_a_compressed_bomb_is_stopped_at_the_limit(serve):
    server = serve(DIGITS, "--set", "http.body_bytes_max=1048576")
    answer = server.post("/predict", data=gzip.compress(b" " * (256 << 20)), headers={"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert (answer.status_code, answer.json()["name"]) == (413, "body_too_large")


def test_curl_without_a_content_type_is_understood(example_server):
    for path, body in (("/predict", PREDICT), ("/v1/completions", b'{"model": "chat", "prompt": "a", "max_tokens": 1}')):
        answer = example_server.post(path, data=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 200, answer.text


# --- the caller

def test_an_open_server_answers_for_its_own_names_only(serve):
    server = serve(DIGITS)
    for host in ("localhost", "127.0.0.1:80", "[::1]", "10.0.0.1", "x.localhost"):
        assert server.get("/v1/models", headers={"Host": host}).status_code == 200, host
    for host in ("evil.example", "evil.example:80", "localhost.evil.example"):
        refused = server.get("/v1/models", headers={"Host": host})
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "host_not_allowed"), host
        assert server.get("/livez", headers={"Host": host}).status_code == 200
    absolute = exchange(server, b"GET http://evil.example/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert statuses(absolute) == [403]


def test_hosts_can_be_allowed(serve):
    server = serve(DIGITS, "--set", "http.allowed_hosts=models.example")
    assert server.get("/v1/models", headers={"Host": "Models.Example:8080"}).status_code == 200
    assert server.get("/v1/models", headers={"Host": "10.0.0.1"}).status_code == 403
    keyed = serve(DIGITS, "--api-key", "correct-horse")
    assert keyed.get("/v1/models", headers={"Host": "any.example", "X-API-Key": "correct-horse"}).status_code == 200


def test_one_valid_key_is_enough(serve):
    server = serve(DIGITS, "--api-key", "correct-horse")
    for headers, status in (({"Authorization": "Bearer correct-horse", "X-API-Key": "something-else"}, 200),
                            ({"Authorization": "Bearer something-else", "X-API-Key": "correct-horse"}, 200),
                            ({"api-key": "correct-horse"}, 200),
                            ({"Authorization": "Bearer something-else", "X-API-Key": "another-one"}, 401),
                            ({"api-key": "something-else"}, 401)):
        assert server.get("/v1/models", headers=headers).status_code == status, headers


# --- the server

def test_requests_are_in_the_log(serve):
    server = serve(DIGITS)
    server.get("/v1/models/nothing", headers={"X-Request-Id": "find-me"})
    server.wait_for_line(r"GET /v1/models/nothing 404 in [0-9.]+ ms.*request_id=find-me.*client=127\.0\.0\.1")
    server.get("/livez", headers={"X-Request-Id": "a-probe"})
    server.get("/v1/models", headers={"X-Request-Id": "the-last"})
    server.wait_for_line("the-last")
    assert "a-probe" not in server.log


def test_more_connections_than_allowed_get_an_answer(serve):
    server = serve(DIGITS, "--set", "http.connections_max=4")
    eventually(lambda: server.get("/livez").status_code == 200)
    held = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(4)]
    for sock in held:
        sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answers = [sock.recv(65536) for sock in held]
    assert [statuses(answer)[0] for answer in answers].count(200) >= 3
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as one_more:
        received = one_more.recv(65536)
    assert statuses(received) == [503]
    assert b"too_many_connections" in received
    assert b"Retry-After: 1" in received
    for sock in held:
        sock.close()
    eventually(lambda: requests.get(server.url + "/livez", timeout=10).status_code == 200)


def make_certificate(folder, name):
    """A certificate for localhost that signs itself."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    fresh = [folder / "new-certificate.pem", folder / "new-key.pem"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(fresh[1]), "-out", str(fresh[0])], check=True, capture_output=True)
    fresh[1].rename(key)
    fresh[0].rename(certificate)
    return certificate, key


def common_name(port, certificate):
    """The name in the certificate that the server shows now."""
    context = ssl.create_default_context(cafile=str(certificate))
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sock, context.wrap_socket(sock, server_hostname="localhost") as tls:
        return tls.getpeercert()["subject"][0][0][1]


def common_name_or_none(port, certificate):
    try:
        return common_name(port, certificate)
    except ssl.SSLError:
        return None


def test_tls_with_a_certificate_that_changes(serve, tmp_path):
    certificate, key = make_certificate(tmp_path, "first")
    server = serve(WINE, "--set", f"http.tls_certificate={certificate}", "--set", f"http.tls_key={key}", ready=False)
    url = f"https://localhost:{server.port}"
    eventually(lambda: requests.get(url + "/readyz", timeout=10, verify=str(certificate)).status_code == 200, seconds=60)
    assert requests.post(url + "/predict", data=PREDICT, timeout=30, verify=str(certificate)).status_code == 200
    assert requests.get(f"http://localhost:{server.port}/livez", timeout=10).json()["name"] == "tls_wanted"
    assert common_name(server.port, certificate) == "first"
    make_certificate(tmp_path, "second")
    eventually(lambda: common_name_or_none(server.port, certificate) == "second", seconds=30)
    key.write_text("nothing")
    server.wait_for_line("the former one stays")
    assert common_name(server.port, certificate) == "second"


def test_a_certificate_that_cannot_be_used_stops_the_start(forebay, tmp_path):
    certificate, key = make_certificate(tmp_path, "first")
    key.write_text("nothing")
    failed = forebay("serve", DIGITS, "--port", 0, "--set", f"http.tls_certificate={certificate}", "--set", f"http.tls_key={key}")
    assert failed.returncode != 0
    assert "FB7068" in failed.stderr
    half = forebay("serve", DIGITS, "--port", 0, "--set", f"http.tls_certificate={certificate}")
    assert half.returncode != 0
    assert "set together" in half.stderr
