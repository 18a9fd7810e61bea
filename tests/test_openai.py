"""OpenAI's official Python client against the server: what works there must work here."""

import json

import openai
import pytest

from conftest import EXAMPLES

EXPECTED = json.loads((EXAMPLES / "expected.json").read_text())
MESSAGES = [{"role": "user", "content": "Tell me about light"}]
GREEDY = {"model": "chat", "temperature": 0, "max_tokens": 12}


@pytest.fixture
def client(example_server):
    """The official client, without its own retries."""
    return openai.OpenAI(base_url=example_server.url + "/v1", api_key="none", max_retries=0)


def test_models_are_listed_and_shown(client):
    names = [model.id for model in client.models.list()]
    assert {"chat", "digits", "embed", "wine"} <= set(names)
    assert client.models.retrieve("chat").id == "chat"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("chatt")
    assert caught.value.code == "model_not_found"


def test_a_chat_is_answered(client):
    answer = client.chat.completions.create(messages=MESSAGES, **GREEDY)
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 0 < answer.usage.completion_tokens <= 12


def test_a_streamed_chat_says_the_same(client):
    whole = client.chat.completions.create(messages=MESSAGES, **GREEDY)
    chunks = list(client.chat.completions.create(messages=MESSAGES, stream=True, stream_options={"include_usage": True}, **GREEDY))
    assert {chunk.id for chunk in chunks} == {chunks[0].id}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole.choices[0].message.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason] == [whole.choices[0].finish_reason]
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage or chunks[-1].usage.completion_tokens == whole.usage.completion_tokens


def test_the_same_seed_says_the_same(client):
    """Requests that come alone, each continuing from the same kept prompt, are computed in the same shapes: nothing may differ.
    In company the last bits of a logit depend on who shares the step, and at this temperature a last bit can choose another word."""
    settings = {"model": "chat", "messages": MESSAGES, "temperature": 1.5, "max_tokens": 16, "seed": 11}
    client.chat.completions.create(**settings)
    texts = {client.chat.completions.create(**settings).choices[0].message.content for _ in range(4)}
    assert len(texts) == 1
    assert client.chat.completions.create(**{**settings, "seed": 12}).choices[0].message.content not in texts


def test_choices_differ_and_keep_their_order(client):
    answer = client.chat.completions.create(model="chat", messages=MESSAGES, temperature=1.5, max_tokens=16, seed=11, n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1


def test_stop_strings_end_the_text_and_are_not_in_it(client):
    whole = client.chat.completions.create(messages=MESSAGES, **GREEDY).choices[0].message.content
    stop = whole[3:6]
    answer = client.chat.completions.create(messages=MESSAGES, stop=[stop], **GREEDY)
    assert answer.choices[0].message.content == whole[:whole.index(stop)]
    assert answer.choices[0].finish_reason == "stop"


def test_chat_logprobs(client):
    answer = client.chat.completions.create(messages=MESSAGES, logprobs=True, top_logprobs=3, **GREEDY)
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens or len(content) == answer.usage.completion_tokens - 1
    for token in content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3
        assert token.top_logprobs[0].logprob == pytest.approx(token.logprob, abs=1e-4)  # greedy chooses the likeliest
        assert "\ufffd" not in token.token
        assert bytes(token.bytes).decode(errors="replace") == token.token or token.token.startswith("\\x")


def test_completions_with_strings_and_tokens(client):
    case = EXPECTED["chat"]["texts"][0]
    answer = client.completions.create(prompt=[case["prompt"], "And God said"], **GREEDY)
    assert [choice.index for choice in answer.choices] == [0, 1]
    from_tokens = client.completions.create(prompt=case["prompt_ids"], **GREEDY)
    assert from_tokens.choices[0].text == answer.choices[0].text
    assert from_tokens.usage.prompt_tokens == len(case["prompt_ids"])


def test_chats_reach_the_model_as_its_template_says(client):
    for case in EXPECTED["chat"]["chats"]:
        answer = client.chat.completions.create(model="chat", messages=case["messages"], temperature=0, max_tokens=4)
        assert answer.usage.prompt_tokens == len(case["prompt_ids"])


def test_completions_echo_and_best_of(client):
    echoed = client.completions.create(prompt="In the beginning", echo=True, **GREEDY)
    plain = client.completions.create(prompt="In the beginning", **GREEDY)
    assert echoed.choices[0].text == "In the beginning" + plain.choices[0].text
    best = client.completions.create(prompt="In the beginning", model="chat", n=1, best_of=3, seed=3, max_tokens=8, temperature=1)
    assert len(best.choices) == 1
    assert best.choices[0].logprobs is None


def test_legacy_logprobs_have_the_legacy_shape(client):
    answer = client.completions.create(prompt="In the beginning", logprobs=2, **GREEDY)
    logprobs = answer.choices[0].logprobs
    count = len(logprobs.tokens)
    assert count == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) == len(logprobs.text_offset)
    assert all(value <= 0 for value in logprobs.token_logprobs)
    assert logprobs.text_offset[0] == 0


def test_streamed_completions_say_the_same(client):
    whole = client.completions.create(prompt="In the beginning", **GREEDY)
    chunks = client.completions.create(prompt="In the beginning", stream=True, **GREEDY)
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == whole.choices[0].text


def test_embeddings_in_every_form(client):
    texts = ["And God said, Let there be light", "the third day"]
    both = client.embeddings.create(model="embed", input=texts)  # the client asks for base64 by itself
    assert [item.index for item in both.data] == [0, 1]
    floats = client.embeddings.create(model="embed", input=texts[0], encoding_format="float")
    assert floats.data[0].embedding == pytest.approx(both.data[0].embedding, abs=1e-5)
    assert floats.usage.prompt_tokens > 0
    short = client.embeddings.create(model="embed", input=texts[0], dimensions=16, encoding_format="float").data[0].embedding
    assert len(short) == 16
    assert sum(value * value for value in short) == pytest.approx(1, abs=1e-4)
    norm = sum(value * value for value in floats.data[0].embedding[:16]) ** 0.5
    assert short == pytest.approx([value / norm for value in floats.data[0].embedding[:16]], abs=1e-4)


def test_embeddings_match_the_reference(client):
    for case in EXPECTED["embed"]["cases"]:
        vector = client.embeddings.create(model="embed", input=case["text"], encoding_format="float").data[0].embedding
        norm = sum(value * value for value in case["vector"]) ** 0.5
        assert vector == pytest.approx([value / norm for value in case["vector"]], abs=1e-3)


@pytest.mark.parametrize("change,param", [
    ({"temperature": -5}, "temperature"), ({"temperature": "hot"}, "temperature"), ({"messages": []}, "messages"), ({"n": 0}, "n"), ({"n": 1000}, "n"),
    ({"messages": [{"role": "xx", "content": "a"}]}, "messages[0].role"), ({"logit_bias": {"99999999": 1}}, "logit_bias"), ({"max_tokens": -2}, "max_tokens"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"), ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"unknown_field": 1}, "unknown_field"), ({"stop": ["a"] * 17}, "stop"),
])
def test_wrong_chats_name_the_field(example_server, change, param):
    answer = example_server.post("/v1/chat/completions", {"model": "chat", "messages": MESSAGES} | change)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"] == param
    assert isinstance(error["code"], str) and error["forebay_code"].startswith("FB") and error["hint"] and error["request_id"]


def test_errors_are_the_clients_own_classes(client):
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="nothing", messages=MESSAGES)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="chat", messages=MESSAGES, temperature=9)
    assert caught.value.param == "temperature"
    assert caught.value.request_id
    with pytest.raises(openai.BadRequestError):
        client.embeddings.create(model="embed", input="")
    with pytest.raises(openai.BadRequestError) as caught:
        client.embeddings.create(model="embed", input=["a"] * 2049)
    assert (caught.value.code, caught.value.param) == ("too_many_texts", "input")
    with pytest.raises(openai.UnprocessableEntityError):
        client.embeddings.create(model="chat", input="a")
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="chat", prompt="a", suffix="b")


def test_a_prompt_longer_than_the_context_is_refused(example_server):
    """By the status, the code and the words that LiteLLM and LangChain look for, whatever is too long and by how much."""
    for path, body, param in [
        ("/v1/completions", {"model": "chat", "prompt": "word " * 20000}, "prompt"),
        ("/v1/completions", {"model": "chat", "prompt": [300] * 5000}, "prompt"),
        ("/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": "word " * 3000}]}, "messages"),
        ("/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": "word " * 300000}]}, "messages[0].content"),
        ("/v1/embeddings", {"model": "embed", "input": "word " * 20000}, "input"),
        ("/v1/embeddings", {"model": "embed", "input": ["a", "word " * 3000]}, "input[1]"),
    ]:
        answer = example_server.post(path, body)
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert (error["code"], error["type"]) == ("context_length_exceeded", "invalid_request_error"), error
        assert "This model's maximum context length is" in error["message"], error
        assert "(context_length_exceeded)" in error["message"], "LangChain looks for it in the message"
        assert error["param"] == param or error["param"] == "prompt", error
    answer = example_server.post("/generate", {"model": "chat", "prompt": "word " * 20000})
    assert (answer.status_code, answer.json()["name"]) == (400, "prompt_too_long")
