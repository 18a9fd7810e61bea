"""What clients of OpenAI, Azure and vLLM send and expect beside the plain route, and what they must not try again."""

import json
import pathlib
import threading

import openai
import pytest
import requests

from conftest import EXAMPLES, eventually

EXPECTED = json.loads((EXAMPLES / "expected.json").read_text())
MESSAGES = [{"role": "user", "content": "Tell me about light"}]
GREEDY = {"model": "chat", "temperature": 0, "max_tokens": 12}
PROMPT = "In the beginning"


@pytest.fixture
def client(example_server):
    """The official client, without its own retries."""
    return openai.OpenAI(base_url=example_server.url + "/v1", api_key="none", max_retries=0)


# --- log probabilities

def all_logprobs(client, **settings):
    """Of one completion, as a whole and streamed: the lists of the legacy shape."""
    whole = client.completions.create(prompt=PROMPT, **settings).choices[0]
    chunks = [chunk.choices[0] for chunk in client.completions.create(prompt=PROMPT, stream=True, **settings) if chunk.choices]
    assert "".join(chunk.text for chunk in chunks) == whole.text
    streamed = {name: sum((getattr(chunk.logprobs, name) for chunk in chunks if chunk.logprobs), []) for name in
                ("tokens", "token_logprobs", "top_logprobs", "text_offset")}
    return whole, streamed


def test_text_offsets_are_places_in_the_text(client):
    whole, streamed = all_logprobs(client, logprobs=1, **GREEDY)
    assert streamed["text_offset"] == whole.logprobs.text_offset
    assert whole.logprobs.text_offset == [len("".join(whole.logprobs.tokens[:i])) for i in range(len(whole.logprobs.tokens))]


def test_text_offsets_do_not_move_when_text_is_held_back(client):
    free, _ = all_logprobs(client, logprobs=1, **GREEDY)
    stops = [character + "\x01 never" for character in dict.fromkeys(free.text)][:16]
    held, streamed = all_logprobs(client, logprobs=1, stop=stops, **GREEDY)
    assert held.text == free.text
    assert held.logprobs.text_offset == streamed["text_offset"] == free.logprobs.text_offset


def test_the_sampled_token_is_among_the_likeliest(client):
    settings = {"model": "chat", "temperature": 2, "seed": 5, "max_tokens": 12}
    whole, streamed = all_logprobs(client, logprobs=1, **settings)
    assert any(len(top) == 2 for top in whole.logprobs.top_logprobs), "no token was sampled that is not the likeliest"
    for found in (vars(whole.logprobs), streamed):
        for token, logprob, top in zip(found["tokens"], found["token_logprobs"], found["top_logprobs"], strict=True):
            assert top[token] == pytest.approx(logprob)
    alone = client.completions.create(prompt=PROMPT, logprobs=0, **settings).choices[0].logprobs
    assert [list(top) for top in alone.top_logprobs] == [[token] for token in alone.tokens]
    chat = {"messages": MESSAGES, "logprobs": True, "top_logprobs": 1} | settings
    content = client.chat.completions.create(**chat).choices[0].logprobs.content
    chunks = [chunk.choices[0] for chunk in client.chat.completions.create(stream=True, **chat) if chunk.choices]
    pieces = sum((chunk.logprobs.content for chunk in chunks if chunk.logprobs), [])
    for tokens in (content, pieces):
        assert tokens and any(len(token.top_logprobs) == 2 for token in tokens)
        assert all(token.token in [other.token for other in token.top_logprobs] for token in tokens)
    assert client.chat.completions.create(**(chat | {"top_logprobs": 0})).choices[0].logprobs.content[0].top_logprobs == []


def test_tokens_that_are_no_text_are_told_apart(client, example_server):
    ids = [token["id"] for token in example_server.post("/tokenize", {"model": "chat", "inputs": "\u4e00\U0001f642", "add_special_tokens": False}).json()[0]]
    bias = {str(token): 100 for token in ids}
    assert len(bias) > 2, "the characters must be several tokens each"
    settings = {"model": "chat", "max_tokens": 4, "seed": 3, "logit_bias": bias}
    logprobs = client.completions.create(prompt=PROMPT, logprobs=5, **settings).choices[0].logprobs
    assert all(token.startswith("bytes:\\x") for token in logprobs.tokens)
    for token, top in zip(logprobs.tokens, logprobs.top_logprobs, strict=True):
        assert token in top and not any("\ufffd" in name for name in top)
    content = client.chat.completions.create(messages=MESSAGES, logprobs=True, top_logprobs=5, **settings).choices[0].logprobs.content
    for token in content:
        assert token.token == "".join(f"\\x{byte:02x}" for byte in token.bytes)


# --- fields

def test_completions_end_after_sixteen_tokens(client):
    endless = {"model": "chat", "prompt": PROMPT, "extra_body": {"ignore_eos": True}}
    assert client.completions.create(**endless).usage.completion_tokens == 16
    assert client.completions.create(max_tokens=20, **endless).usage.completion_tokens == 20
    assert client.chat.completions.create(model="chat", messages=MESSAGES, max_tokens=17, extra_body={"ignore_eos": True}).usage.completion_tokens == 17


def test_no_tokens_and_an_empty_prompt(client):
    nothing = client.completions.create(model="chat", prompt=PROMPT, max_tokens=0)
    assert (nothing.choices[0].text, nothing.choices[0].finish_reason) == ("", "length")
    assert nothing.usage.prompt_tokens > 0 and nothing.usage.completion_tokens == 0
    assert client.completions.create(model="chat", prompt=PROMPT, max_tokens=0, echo=True).choices[0].text == PROMPT
    chunks = list(client.completions.create(model="chat", prompt=PROMPT, max_tokens=0, stream=True))
    assert [chunk.choices[0].finish_reason for chunk in chunks][-1] == "length"
    assert client.completions.create(model="chat", prompt="", max_tokens=2).usage.prompt_tokens == 1
    assert len(client.completions.create(model="chat", prompt=["", "a"], max_tokens=2).choices) == 2
    with pytest.raises(openai.BadRequestError):
        client.completions.create(model="chat", prompt=[], max_tokens=2)


def test_minus_one_is_no_limit(example_server):
    for path, prompt in [("/v1/completions", {"prompt": PROMPT}), ("/v1/chat/completions", {"messages": MESSAGES}), ("/generate", {"prompt": PROMPT})]:
        answer = example_server.post(path, {"model": "chat", "max_tokens": -1, "top_k": -1, "stop": ["e"], "temperature": 0} | prompt)
        assert answer.status_code == 200, answer.text


def test_an_answer_sent_back_as_it_came_is_taken(client):
    first = client.chat.completions.create(messages=MESSAGES, **GREEDY)
    message = first.choices[0].message.model_dump() | {"parsed": None, "unheard_of": None}
    part = {"type": "text", "text": "And then?", "cache_control": {"type": "ephemeral"}, "anything": 1}
    again = client.chat.completions.create(messages=[*MESSAGES, message, {"role": "user", "content": [part]}], extra_body={"unheard_of": None}, **GREEDY)
    plain = client.chat.completions.create(messages=[*MESSAGES, {"role": "assistant", "content": message["content"]}, {"role": "user", "content": "And then?"}],
                                           **GREEDY)
    assert again.choices[0].message.content == plain.choices[0].message.content
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(messages=MESSAGES, extra_body={"unheard_of": 1}, **GREEDY)


def test_vllms_fields_do_what_they_say(client):
    def text(**extra):
        return client.completions.create(prompt=PROMPT, extra_body=extra, **GREEDY).choices[0]

    plain = text()
    assert text(repetition_penalty=5).text != plain.text
    assert text(repetition_penalty=5).text == text(repeat_penalty=5).text
    ids = client.completions.create(prompt=PROMPT, logprobs=0, **GREEDY).choices[0].logprobs.tokens
    assert ids[2] not in ids[:2]
    third = requests.post(str(client.base_url).replace("/v1/", "/tokenize"),
                          json={"model": "chat", "inputs": ids[2], "add_special_tokens": False}, timeout=30).json()[0]
    assert len(third) == 1
    stopped = text(stop_token_ids=[third[0]["id"]])
    assert (stopped.text, stopped.finish_reason) == ("".join(ids[:2]), "stop")
    stop = plain.text[4:7]
    upto = plain.text[:plain.text.index(stop)]
    assert client.completions.create(prompt=PROMPT, stop=stop, **GREEDY).choices[0].text == upto
    assert client.completions.create(prompt=PROMPT, stop=stop, extra_body={"include_stop_str_in_output": True}, **GREEDY).choices[0].text == upto + stop
    with pytest.raises(openai.BadRequestError) as caught:
        text(stop_token_ids=[99999999])
    assert caught.value.param == "stop_token_ids"


def test_special_tokens_are_shown_when_they_are_not_skipped(client):
    special = EXPECTED["chat"]["chats"][0]["prompt_ids"][0]
    settings = {"prompt": PROMPT, "model": "chat", "max_tokens": 2, "logit_bias": {str(special): 100}, "temperature": 0}
    assert client.completions.create(**settings).choices[0].text == ""
    assert client.completions.create(**settings, extra_body={"skip_special_tokens": False}).choices[0].text == "<|im_start|><|im_start|>"


def test_usage_in_every_chunk(client):
    options = {"include_usage": True, "continuous_usage_stats": True}
    for chunks in (client.completions.create(prompt=PROMPT, stream=True, stream_options=options, **GREEDY),
                   client.chat.completions.create(messages=MESSAGES, stream=True, stream_options=options, **GREEDY)):
        usages = [chunk.usage for chunk in chunks]
        counts = [usage.completion_tokens for usage in usages]
        assert counts == sorted(counts) and counts[0] <= 1 < counts[-1]
        assert len({usage.prompt_tokens for usage in usages}) == 1
        assert all(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens for usage in usages)


# --- addresses and names

def test_azures_addresses_mean_the_deployment(example_server):
    azure = openai.AzureOpenAI(azure_endpoint=example_server.url, api_key="none", api_version="2024-10-21", max_retries=0)
    assert azure.chat.completions.create(messages=MESSAGES, **GREEDY).model == "chat"
    assert azure.completions.create(prompt=PROMPT, **GREEDY).choices[0].text
    assert len(azure.embeddings.create(model="embed", input="light").data) == 1
    answer = example_server.post("/openai/deployments/chat/chat/completions?api-version=2024-10-21", {"model": "gpt-4o", "messages": MESSAGES, "max_tokens": 1})
    assert answer.json()["model"] == "chat", "the model of the address counts, as there"
    assert example_server.post("/openai/deployments/none/completions", {"prompt": PROMPT}).json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("base", ["", "/openai/v1"])
def test_other_base_addresses(example_server, base):
    client = openai.OpenAI(base_url=example_server.url + base, api_key="none", max_retries=0)
    assert client.chat.completions.create(messages=MESSAGES, **GREEDY).choices
    assert client.completions.create(prompt=PROMPT, **GREEDY).choices
    assert "chat" in [model.id for model in client.models.list()]
    assert client.models.retrieve("chat").id == "chat"
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("chatt")
    assert caught.value.code == "model_not_found"


def test_names_with_slashes_and_colons(serve):
    server = serve("--model", f"org/name:v1={EXAMPLES / 'chat.gguf'}", "--model", f"org/wine={EXAMPLES / 'wine.onnx'}")
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    assert client.models.retrieve("org/name:v1").id == "org/name:v1"
    assert server.get("/v1/models/org/name:v1").json()["id"] == server.get("/v1/models/org%2Fname%3Av1").json()["id"] == "org/name:v1"
    assert client.completions.create(model="org/name:v1", prompt=PROMPT, max_tokens=2).model == "org/name:v1"
    assert server.get("/v2/models/org%2Fwine/ready").json() == {"name": "org/wine", "ready": True}
    assert server.get("/model/info?model=org/wine").json()["name"] == "org/wine"


# --- limits

def test_more_sequences_than_can_ever_wait_are_a_clear_refusal(serve):
    server = serve(EXAMPLES / "chat.gguf", "--set", "models.generation.admission.queue_requests_max=4")
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    assert len(client.completions.create(model="chat", prompt=["a"] * 4, max_tokens=1).choices) == 4
    for settings, param in (({"prompt": ["a"] * 5}, "prompt"), ({"prompt": ["a"] * 2, "n": 3}, "prompt"), ({"prompt": "a", "n": 5}, "n")):
        with pytest.raises(openai.BadRequestError) as caught:
            client.completions.create(model="chat", max_tokens=1, **settings)
        assert (caught.value.code, caught.value.param) == ("too_many_items", param)
        assert "takes 4" in str(caught.value) and "retry-after" not in caught.value.response.headers


def peak_bytes(server):
    """The most memory that the server's process has ever had."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def test_texts_that_cannot_fit_cost_no_more_than_their_bytes(serve):
    """Tokenized as a whole, one of these takes fifty times its bytes."""
    server = serve("--models", EXAMPLES)
    text = "And God said, Let there be light: and there was light. " * (24 << 20 >> 6)
    before = peak_bytes(server)
    answers = {}

    def ask(name, path, body):
        answers[name] = server.post(path, body)

    for name, path, body in [("completion", "/v1/completions", {"model": "chat", "prompt": text}),
                             ("chat", "/v1/chat/completions", {"model": "chat", "messages": [{"role": "user", "content": text}]}),
                             ("shortened", "/v1/completions", {"model": "chat", "prompt": text, "overflow": "truncate"}),
                             ("embedding", "/v1/embeddings", {"model": "embed", "input": text}),
                             ("cut", "/embed", {"model": "embed", "inputs": text, "truncate": True}),
                             ("tokens", "/tokenize", {"model": "chat", "inputs": text})]:
        asking = [threading.Thread(target=ask, args=(name, path, body)) for _ in range(2)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
    assert {name: answer.status_code for name, answer in answers.items()} == {
        "completion": 400, "chat": 400, "shortened": 400, "embedding": 400, "cut": 200, "tokens": 400}
    assert answers["completion"].json()["error"]["code"] == "context_length_exceeded"
    assert peak_bytes(server) - before < 25 * len(text), "two requests hold their texts a few times, and tokenize neither"


# --- what fails for good

def test_a_model_that_failed_says_why_and_is_not_tried_again(serve, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    whole = (EXAMPLES / "chat.gguf").read_bytes()
    (folder / "broken.gguf").write_bytes(whole[:2000])
    server = serve("--models", folder, ready=False)
    eventually(lambda: server.get("/v1/models").json()["data"][0]["state"] == "failed")
    listed = server.get("/v1/models/broken").json()
    assert listed["error"]["message"] and listed["error"]["code"] and listed["error"]["hint"]
    for path, body in [("/v1/chat/completions", {"model": "broken", "messages": MESSAGES}), ("/generate", {"prompt": PROMPT}),
                       ("/v1/embeddings", {"model": "broken", "input": "a"})]:
        answer = server.post(path, body)
        assert (answer.status_code, "Retry-After" in answer.headers) == (422, False), answer.text
        error = answer.json()["error"]
        assert listed["error"]["message"] in (error["message"] if isinstance(error, dict) else error)
    ready = server.get("/readyz")
    assert (ready.status_code, ready.json()["status"], "Retry-After" in ready.headers) == (503, "failed", False)


def test_a_template_that_does_not_compile_is_named(serve, tmp_path):
    model = tmp_path / "chat.gguf"
    whole = (EXAMPLES / "chat.gguf").read_bytes()
    assert whole.count(b"{%- for message in messages -%}") == 1
    model.write_bytes(whole.replace(b"{%- for message in messages -%}", b"{%- fur message in messages -%}"))
    server = serve(model)
    for path, body in [("/v1/chat/completions", {"messages": MESSAGES}), ("/chat", {"message": "hi"})]:
        answer = server.post(path, body)
        assert answer.status_code == 422, answer.text
        assert "template_syntax" in answer.text and "unknown tag" in answer.text
    assert server.post("/v1/completions", {"prompt": PROMPT, "max_tokens": 1}).status_code == 200
    warnings = server.get("/model/info").json()["description"]["warnings"]
    assert "chat_template_refused" in str(warnings)
