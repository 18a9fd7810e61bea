"""Refusals that a client can act on: in its dialect's shape, about the input by name, and said before the connection ends. Raw requests."""

import gzip
import json
import socket
import ssl

import pytest

from conftest import EXAMPLES, eventually
from test_wire import CLOSE, exchange, make_certificate, post, statuses

DIGITS = EXAMPLES / "digits.onnx"
WINE = EXAMPLES / "wine.onnx"
IMAGE = [[[[0.0] * 8] * 8]]
DATA = {"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.0] * 64}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x08\x00\x00\x00\x08\x08\x00\x00\x00\x00"


def answer_of(received):
    """The status and the JSON of the last response in these bytes."""
    head, _, body = received.rpartition(b"\r\n\r\n")
    return statuses(head)[-1], json.loads(body)


# --- a tensor's error names the input

@pytest.mark.parametrize("change,field", [
    ({"shape": [1, 1, 64]}, "inputs[0].shape"), ({"datatype": "INT32"}, "inputs[0].datatype"), ({"data": [0.0] * 63}, "inputs[0].data"),
    ({"data": [0.0] * 63 + ["x"]}, "inputs[0].data"), ({"data": None}, "inputs[0].data"),
])
@pytest.mark.parametrize("compressed", [False, True])
def test_an_infer_error_names_the_input_and_its_field(example_server, change, field, compressed):
    body = json.dumps({"inputs": [DATA | change]}).encode()
    headers = {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if compressed else {})
    answer = example_server.post("/v2/models/digits/infer", data=gzip.compress(body) if compressed else body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["field"] == field, answer.text
    assert "'image'" in answer.json()["error"]


def test_a_number_beyond_its_type_names_the_input(example_server):
    body = json.dumps({"inputs": [DATA]}).replace("0.0]", "1e400]", 1)
    answer = example_server.post("/v2/models/digits/infer", data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (400, "inputs[0].data")
    assert "'image'" in answer.json()["error"]


def test_a_binary_infer_error_names_the_input(example_server):
    head = json.dumps({"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "parameters": {"binary_data_size": 255}}]}).encode()
    answer = example_server.post("/v2/models/digits/infer", data=head + b"\0" * 255, headers={"Inference-Header-Content-Length": str(len(head))})
    assert (answer.status_code, answer.json()["field"]) == (400, "inputs[0].parameters.binary_data_size")
    assert "'image'" in answer.json()["error"]
    raw = example_server.post("/v2/models/digits/infer", data=b"\0" * 255, headers={"Inference-Header-Content-Length": "0"})
    assert (raw.status_code, raw.json()["field"]) == (400, "inputs[0]")
    assert "'image'" in raw.json()["error"]


@pytest.mark.parametrize("body,field", [
    ({"model": "digits", "input": [[0.0] * 63]}, "input"), ({"model": "digits", "inputs": {"image": "x"}}, "inputs.image"),
    ({"model": "digits", "input": [[1e400] * 64]}, "input"),
])
def test_a_predict_error_names_the_input(example_server, body, field):
    answer = example_server.post("/predict", data=json.dumps(body).replace("Infinity", "1e400"), headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["field"]) == (400, field)
    assert "'image'" in answer.json()["error"]


# --- the path decides the shape of what the wire refuses

BAD = [
    (b"GET %s HTTP/1.1\r\nHost: a b\r\n\r\n", 400), (b"GET %s HTTP/1.1\r\n\r\n", 400), (b"GET %s HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
    (b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1, 2\r\n\r\n", 400), (b"GET %s HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 413),
    (b"POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 415), (b"GET %s SMTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    (b"GET %s HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403), (b"BREW %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 405),
    (b"GET %s HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nConnection: close\r\n\r\n", 403),
    (b"POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\n\r\n", 400), (b"GET %s HTTP/1.1\r\nHost: localhost\r\nno field\r\n\r\n", 400),
    (b"POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", None),
]


@pytest.mark.parametrize("request_,status", BAD)
def test_what_the_wire_refuses_has_the_shape_of_its_path(example_server, request_, status):
    for path, openai in ((b"/v1/models", True), (b"/openai/v1/models", True), (b"/models", True), (b"/v2/models", False), (b"/metrics", False)):
        got, body = answer_of(exchange(example_server, request_ % path))
        if status:
            assert got == status, body
        assert isinstance(body["error"], dict if openai else str), (path, body)
        if openai:
            assert {"message", "type", "code", "param"} <= body["error"].keys()
        else:
            assert body["code"].startswith("FB")


def test_wrong_methods_and_absolute_urls_have_the_shape_of_their_route(example_server):
    assert example_server.get("/chat/completions").json()["error"]["code"] == "method_not_allowed"
    assert example_server.get("/v1/chat/completions").json()["error"]["code"] == "method_not_allowed"
    _, body = answer_of(exchange(example_server, b"GET http://localhost/v1/models HTTP/1.1\r\nHost: a b\r\n\r\n"))
    assert body["error"]["code"] == "bad_request"


# --- a body that is not JSON

@pytest.mark.parametrize("data,looks,hint", [
    (PNG, "a PNG image", "image/png"), ('{"model": "digits"}'.encode("utf-16"), "UTF-16", "UTF-8"), ('{"model": "digits"}'.encode("utf-16-le"), "UTF-16", "UTF-8"),
    (b"", "the body is empty", "application/json"), (b"model=digits", "is not JSON", "application/json"), (gzip.compress(b"{}"), "gzip", "Content-Encoding: gzip"),
])
@pytest.mark.parametrize("path", ["/predict", "/v1/chat/completions", "/v2/models/digits/infer", "/v2/embed", "/rerank"])
def test_a_body_that_is_not_json_is_told_what_was_sent(example_server, path, data, looks, hint):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(data))}
    answer = example_server.post(path, data=data, headers=headers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    message, told = (error["message"], error["hint"]) if isinstance(error, dict) else (error, answer.json()["hint"])
    assert "application/x-www-form-urlencoded" in message
    assert looks in message
    assert hint in told


def test_a_type_that_is_not_taken_is_named(example_server):
    for path in ("/predict", "/predict/batch", "/v2/models/digits/infer", "/v1/embeddings"):
        answer = example_server.post(path, data=PNG, headers={"Content-Type": "image/tiff"})
        assert answer.status_code == 415
        assert "image/tiff" in answer.text


# --- ?model= beside a JSON body

def test_a_model_in_the_query_is_taken(example_server):
    digits = example_server.post("/predict?model=digits&version=1", {"input": IMAGE})
    assert (digits.status_code, digits.json().get("model")) == (200, "digits"), digits.text
    chat = example_server.post("/v1/completions?model=chat", {"prompt": "In", "max_tokens": 1})
    assert (chat.status_code, chat.json().get("model")) == (200, "chat"), chat.text
    assert example_server.post("/v1/completions?model=nothing", {"prompt": "In", "max_tokens": 1}).status_code == 404
    assert example_server.post("/predict?model=digits", {"model": "digits", "input": IMAGE}).status_code == 200
    assert example_server.post("/predict/batch?model=digits", {"items": [IMAGE]}).json()["model"] == "digits"
    assert example_server.post("/tokenize?model=chat", {"inputs": "In"}).status_code == 200
    assert example_server.post("/decode?model=chat", {"ids": [5]}).status_code == 200


@pytest.mark.parametrize("path,body", [
    ("/predict", {"input": IMAGE}), ("/predict/batch", {"items": [IMAGE]}), ("/v1/completions", {"prompt": "In"}), ("/tokenize", {"inputs": "In"}),
    ("/v1/embeddings", {"input": "In"}), ("/rerank", {"query": "a", "texts": ["b"]}), ("/decode", {"ids": [5]}),
])
def test_two_names_that_differ_are_refused(example_server, path, body):
    answer = example_server.post(path + "?model=wine", body | {"model": "digits"})
    assert answer.status_code == 400, answer.text
    assert "'digits'" in answer.text and "'wine'" in answer.text
    error = answer.json()["error"]
    assert (error["param"] if isinstance(error, dict) else answer.json()["field"]) == "model"


def test_two_versions_that_differ_are_refused(example_server):
    answer = example_server.post("/predict?version=2", {"model": "digits", "version": "1", "input": IMAGE})
    assert (answer.status_code, answer.json()["field"]) == (400, "version")


@pytest.mark.parametrize("path,body", [
    ("/v1/completions", {"model": "chat", "prompt": "In"}), ("/tokenize", {"model": "chat", "inputs": "In"}), ("/v1/embeddings", {"model": "embed", "input": "In"}),
    ("/predict", {"model": "digits", "input": IMAGE}),
])
def test_a_version_in_the_query_is_never_ignored(example_server, path, body):
    answer = example_server.post(path + "?version=7", body)
    assert (answer.status_code, "version_not_found" in answer.text) == (404, True), answer.text
    assert example_server.post(path + "?version=1", body | ({"max_tokens": 1} if "prompt" in body else {})).status_code == 200


def test_a_model_that_is_not_there_is_about_the_field_model(example_server):
    for path in ("/model/info?model=nothing", "/info?model=nothing", "/v2/models/nothing", "/v2/models/nothing/ready"):
        assert (example_server.get(path).status_code, example_server.get(path).json()["field"]) == (404, "model")


# --- bodies that stop, and clients that end early

def test_a_body_that_stops_coming_is_refused_with_408(serve):
    server = serve(DIGITS, "--set", "http.body_idle_timeout=200ms", "--set", "http.request_timeout=1h")
    for path, openai in ((b"/predict", False), (b"/v1/chat/completions", True)):
        received = exchange(server, post(path, b"{" * 100)[:-50])
        status, body = answer_of(received)
        assert status == 408
        assert (body["error"]["code"] if openai else body["name"]) == "body_stalled"
        assert b"Connection: close" in received
    chunked = exchange(server, b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{")
    assert answer_of(chunked)[0] == 408


def test_the_time_of_an_upload_is_not_the_time_of_the_answer(serve):
    server = serve(DIGITS, "--set", "http.request_timeout=20s")
    body = json.dumps({"model": "digits", "input": IMAGE, "timeout_ms": 1500}).encode()
    request = post(b"/predict", body, b"Connection: close")
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as sock:
        sock.sendall(request[:-1])
        sock.settimeout(2.0)  # longer than timeout_ms: nothing may come
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(60)
        sock.sendall(request[-1:])
        received = b""
        while piece := sock.recv(65536):
            received += piece
    assert statuses(received) == [200], received


@pytest.mark.parametrize("request_,message", [
    (b"GET /v1/models HTTP/1.1\r\nHost: loc", b"head ends early"), (b"GET /v1/mo", b"head ends early"), (post(b"/v1/embeddings", b"{}")[:-1], b"after 1 of 2 bytes"),
    (b"POST /v1/embeddings HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", b"chunked body ends early"),
])
def test_a_request_that_is_not_whole_when_the_client_ends_is_refused(example_server, request_, message):
    received = exchange(example_server, CLOSE.replace(b"Connection: close\r\n", b"") + request_, end=True)
    assert statuses(received) == [200, 400], received
    assert message in received
    assert answer_of(received)[1]["error"]["code"] == "bad_request"
    assert exchange(example_server, b"\r\n", end=True) == b""


# --- TLS

def test_plain_http_on_the_tls_port_is_told_so_and_a_handshake_ends(serve, tmp_path):
    certificate, key = make_certificate(tmp_path, "first")
    server = serve(WINE, "--set", f"http.tls_certificate={certificate}", "--set", f"http.tls_key={key}", "--set", "http.idle_timeout=1s", ready=False)
    received = exchange(server, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    status, body = answer_of(received)
    assert (status, body["error"], body["name"]) == (400, "this port speaks TLS: use https://", "tls_wanted")
    assert b"Connection: close" in received
    assert answer_of(exchange(server, post(b"/v1/embeddings", b"x" * 100_000)))[1]["error"]["code"] == "tls_wanted"
    for opening in (b"", b"\x16\x03\x01\x02", b"G"):  # silence, part of a handshake, part of a request
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock:
            sock.sendall(opening)
            while sock.recv(65536):
                pass
    context = ssl.create_default_context(cafile=str(certificate))
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as sock, context.wrap_socket(sock, server_hostname="localhost") as tls:
        tls.sendall(CLOSE)
        eventually(lambda: b"200" in tls.recv(65536))


# --- no model named

def test_without_a_name_only_a_model_that_could_answer_is_named(serve, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes((EXAMPLES / "chat.gguf").read_bytes()[:1000])
    server = serve(DIGITS, broken, ready=False)
    eventually(lambda: server.get("/v2/models/broken/ready").status_code == 422 and server.get("/v2/models/digits/ready").status_code == 200)
    answer = server.post("/v1/rerank", {"query": "a", "documents": ["b"]})
    assert answer.status_code == 404, answer.text
    assert answer.json()["error"]["message"] == "no model for reranking is served"
    assert "could not be read: 'broken'" in answer.json()["error"]["hint"]
    assert "digits" not in answer.text
    assert server.post("/predict", {"input": IMAGE}).status_code == 200


# --- vectors that no engine here makes

@pytest.mark.parametrize("path,message", [("/embed_all", "before pooling"), ("/embed_sparse", "Model is not an embedding model with Splade pooling")])
def test_token_and_sparse_vectors_are_refused_by_name(example_server, path, message):
    answer = example_server.post(path, {"inputs": ["light", "water"], "model": "embed", "truncate": True})
    assert (answer.status_code, answer.json()["name"]) == (422, "vectors_not_made")
    assert message in answer.json()["error"]
    assert "/embed" in answer.json()["hint"]
    assert example_server.post(path, {"inputs": "light"}).json()["name"] == "vectors_not_made", "one encoder is served, so it needs no name"
    assert example_server.post(path, {"inputs": "light", "model": "nothing"}).status_code == 404
    assert example_server.post(path, {"inputs": "light", "model": "digits"}).json()["name"] == "wrong_task"
    assert example_server.post(path, {"texts": "light"}).json()["field"] == "texts"
    assert example_server.post(path, {}).json()["field"] == "inputs"
