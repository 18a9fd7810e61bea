"""The plain routes: predictions against the example models' known answers, and what they say when something is wrong."""

import base64
import json

import pytest

from conftest import EXAMPLES

EXPECTED = json.loads((EXAMPLES / "expected.json").read_text())
DIGITS = EXPECTED["digits"]["cases"]


def test_digits_are_recognised_with_the_known_probabilities(example_server):
    for case in DIGITS:
        answer = example_server.post("/predict", {"model": "digits", "inputs": {"image": case["image"]}})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["outputs"]["probabilities"][0] == pytest.approx(case["probabilities"], abs=1e-4)
        assert body["model"] == "digits"
        assert body["inference_time_ms"] >= 0
        assert "inference;dur=" in answer.headers["Server-Timing"]


def test_flat_and_nested_input_mean_the_same(example_server):
    image = DIGITS[0]["image"]
    flat = [value for plane in image for row in plane for value in row] if isinstance(image[0][0], list) else image
    nested = example_server.post("/predict", {"model": "digits", "input": image}).json()
    assert example_server.post("/predict", {"model": "digits", "input": flat}).json()["outputs"] == nested["outputs"]


def test_a_picture_is_an_input_too(example_server):
    picture = (EXAMPLES / "seven.png").read_bytes()
    answer = example_server.post("/predict?model=digits", data=picture, headers={"Content-Type": "image/png"})
    assert answer.status_code == 200, answer.text
    assert example_server.post("/predict?model=wine", data=picture, headers={"Content-Type": "image/png"}).json()["name"] == "image_not_wanted"
    assert example_server.post("/predict?model=digits", data=picture[:40], headers={"Content-Type": "image/png"}).status_code in (400, 422)


def test_one_served_model_needs_no_name(serve):
    server = serve(EXAMPLES / "digits.onnx")
    assert server.post("/predict", {"input": DIGITS[0]["image"]}).status_code == 200
    assert server.get("/model/info").json()["name"] == "digits"


def test_several_served_models_need_one(example_server):
    answer = example_server.post("/predict", {"input": [1]})
    assert answer.status_code in (400, 422)
    assert answer.json()["field"] == "model"


def test_a_batch_answers_item_by_item_in_order(example_server):
    good = {"input": DIGITS[0]["image"]}
    answer = example_server.post("/predict/batch", {"model": "digits", "items": [good, {"input": [1, 2, 3]}, {"inputs": {"image": DIGITS[1]["image"]}}, {"nothing": 1}]})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["succeeded"], body["failed"]) == (2, 2)
    assert body["results"][0]["outputs"]["probabilities"][0] == pytest.approx(DIGITS[0]["probabilities"], abs=1e-4)
    assert body["results"][1]["code"].startswith("FB")
    assert body["results"][2]["outputs"]["probabilities"][0] == pytest.approx(DIGITS[1]["probabilities"], abs=1e-4)
    assert body["results"][3]["name"] == "field_unknown"


def test_text_is_generated_and_streamed_alike(example_server):
    request = {"model": "chat", "prompt": "In the beginning", "max_tokens": 12, "temperature": 0}
    whole = example_server.post("/generate", request)
    assert whole.status_code == 200, whole.text
    with example_server.post("/generate", request | {"stream": True}, stream=True) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        events = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith(b"data: ")]
    assert "".join(event["text"] for event in events) == whole.json()["text"]
    assert events[-1]["finish_reason"] == whole.json()["finish_reason"]
    for count in ("prompt_tokens", "completion_tokens", "total_tokens"):  # what was cached may differ the second time
        assert events[-1]["usage"][count] == whole.json()["usage"][count]


def test_chat_takes_one_message_or_all(example_server):
    one = example_server.post("/chat", {"model": "chat", "message": "Tell me about light", "max_tokens": 8, "temperature": 0})
    assert one.status_code == 200, one.text
    all_ = example_server.post("/chat", {"model": "chat", "messages": [{"role": "user", "content": "Tell me about light"}], "max_tokens": 8, "temperature": 0})
    assert one.json()["text"] == all_.json()["text"]


def test_embeddings_have_unit_length(example_server):
    answer = example_server.post("/embeddings", {"model": "embed", "input": ["And God said", "the third day"]})
    assert answer.status_code == 200, answer.text
    for vector in answer.json()["embeddings"]:
        assert sum(value * value for value in vector) == pytest.approx(1, abs=1e-4)


def test_model_info_describes_the_file(example_server):
    info = example_server.get("/model/info?model=digits").json()
    assert info["task"] == "tensors"
    assert info["description"]["inputs"][0]["name"] == "image"
    assert example_server.get("/model/info?model=nothing").status_code == 404


@pytest.mark.parametrize("path,body", [
    ("/predict", {"model": "chat", "input": [1]}),
    ("/generate", {"model": "digits", "prompt": "a"}),
    ("/chat", {"model": "embed", "message": "a"}),
    ("/embeddings", {"model": "digits", "input": "a"}),
])
def test_the_wrong_kind_of_model_is_told_so(example_server, path, body):
    answer = example_server.post(path, body)
    assert answer.status_code == 422
    assert answer.json()["name"] == "wrong_task"


def test_a_misspelled_model_gets_a_hint(example_server):
    answer = example_server.post("/predict", {"model": "digit", "input": [1]})
    assert answer.status_code == 404
    assert "digits" in answer.json()["hint"]


@pytest.mark.parametrize("body,name", [
    (b"", "body_missing"), (b"{", "json_syntax"), (b"[1]", "field_type"), (b'{"input":1,"input":2}', "json_duplicate_key"),
    (b'{"inputt":1}', "field_unknown"), (b'{"model":"digits"}', "field_missing"), (b'{"model":7,"input":1}', "field_type"),
    (b'{"model":"digits","input":' + b"[" * 100 + b"]" * 100 + b"}", "json_too_deep"), (b'{"model":"\xff"}', "json_not_utf8"),
])
def test_bad_bodies_have_codes_of_their_own(example_server, body, name):
    answer = example_server.post("/predict", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.json()["name"] == name
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_not_a_number_is_refused(example_server):
    features = ["NaN"] * 13
    answer = example_server.post("/predict", {"model": "wine", "input": features})
    assert answer.status_code == 400


def test_a_picture_in_base64_may_have_line_breaks(example_server):
    picture = (EXAMPLES / "seven.png").read_bytes()
    packed = example_server.post("/predict", {"model": "digits", "image": base64.b64encode(picture).decode()}).json()["outputs"]
    for text in (base64.encodebytes(picture).decode(), "data:image/png;base64," + base64.encodebytes(picture).decode().replace("\n", "\r\n")):
        answer = example_server.post("/predict", {"model": "digits", "image": text})
        assert answer.status_code == 200 and answer.json()["outputs"] == packed, answer.text
    assert example_server.post("/predict", {"model": "digits", "image": "iVBOR!"}).json()["name"] == "image_not_base64"


def test_many_pictures_in_a_batch_are_answered_in_order_beside_other_items(example_server):
    """More pictures than are prepared at once, by several tasks that take the items from each other."""
    picture = base64.b64encode((EXAMPLES / "seven.png").read_bytes()).decode()
    items = [[{"image": picture}, {"input": DIGITS[i % len(DIGITS)]["image"]}, {"image": "no"}][i % 3] for i in range(300)]
    answer = example_server.post("/predict/batch", {"model": "digits", "items": items, "raw": True})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["succeeded"], body["failed"]) == (200, 100)
    seven = body["results"][0]["outputs"]["probabilities"]
    for i, result in enumerate(body["results"]):
        if i % 3 == 0:
            assert result["outputs"]["probabilities"] == seven
        elif i % 3 == 1:
            assert result["outputs"]["probabilities"][0] == pytest.approx(DIGITS[i % len(DIGITS)]["probabilities"], abs=1e-4)
        else:
            assert result["name"] == "image_not_base64"
