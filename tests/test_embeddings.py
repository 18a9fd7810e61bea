"""Embedding, reranking and classification over HTTP: OpenAI's, TEI's and Cohere's routes, ONNX encoders and GGUF ones."""

import base64
import concurrent.futures
import math
import zipfile

import numpy
import pytest
import requests

from conftest import EXAMPLES, REFERENCE
from encoder_models import token_vectors, unit, write_encoder

KEY = {"Authorization": "Bearer correct-horse"}
TEXTS = ["let there be light", "the evening and the morning", "water", "God said", "a b c d e f g h i j k l m n o p q r s t u v w x y z"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with an encoder, one with prompts and CLS pooling, a reranker and a classifier; and the numbers in them."""
    folder = tmp_path_factory.mktemp("encoders")
    files = {"1_Pooling/config.json": {"pooling_mode_cls_token": False, "pooling_mode_lasttoken": True}, "sentence_bert_config.json": {"max_seq_length": 8},
             "config_sentence_transformers.json": {"prompts": {"query": "god ", "document": "water "}, "default_prompt_name": "query"}}
    constants = {"mean": write_encoder(folder / "mean"), "prompted": write_encoder(folder / "prompted", files=files), "judge": write_encoder(folder / "judge", classes=1),
                 "kinds": write_encoder(folder / "kinds", classes=3, files={"config.json": {"id2label": {"0": "no", "1": "maybe", "2": "yes"}}})}
    return folder, constants


@pytest.fixture
def server(serve, models):
    return serve("--models", models[0], "--api-key", "correct-horse")


def post(server, path, status=200, **body):
    answer = requests.post(server.url + path, json=body, headers=KEY, timeout=30)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_an_onnx_encoder_gives_its_mean_vectors(server, models):
    answer = post(server, "/v1/embeddings", model="mean", input=TEXTS)
    for text, item in zip(TEXTS, answer["data"]):
        numpy.testing.assert_allclose(item["embedding"], unit(token_vectors(models[1]["mean"], text).mean(axis=0)), atol=1e-5)
    assert answer["usage"]["prompt_tokens"] == sum(len(token_vectors(models[1]["mean"], text)) for text in TEXTS)
    encoded = post(server, "/v1/embeddings", model="mean", input=TEXTS[0], encoding_format="base64")["data"][0]["embedding"]
    numpy.testing.assert_allclose(numpy.frombuffer(base64.b64decode(encoded), dtype="<f4"), answer["data"][0]["embedding"], atol=1e-7)
    short = post(server, "/v1/embeddings", model="mean", input=TEXTS[0], dimensions=5)["data"][0]["embedding"]
    numpy.testing.assert_allclose(short, unit(numpy.array(answer["data"][0]["embedding"][:5])), atol=1e-6)


def test_prompts_pooling_and_length_come_from_the_files_around_the_model(server, models):
    last = lambda text: unit(token_vectors(models[1]["prompted"], text)[-1])
    ours = lambda **body: post(server, "/embed", model="prompted", **body)
    numpy.testing.assert_allclose(ours(inputs="light")[0], last("god light"), atol=1e-5)
    numpy.testing.assert_allclose(ours(inputs="light", prompt_name="document")[0], last("water light"), atol=1e-5)
    assert ours(inputs="light", prompt_name="nothing", status=400)["name"] == "field_range"
    assert post(server, "/v1/embeddings", model="prompted", input=TEXTS[4], status=400)["error"]["code"] == "context_length_exceeded"
    assert len(post(server, "/v1/embeddings", model="prompted", input=TEXTS[4], truncate=True)["data"]) == 1
    raw = ours(inputs="light", normalize=False)[0]
    numpy.testing.assert_allclose(raw, token_vectors(models[1]["prompted"], "god light")[-1], atol=1e-5)


def test_similarity_is_the_cosine(server, models):
    scores = post(server, "/similarity", model="mean", inputs={"source_sentence": TEXTS[0], "sentences": TEXTS[1:3]})
    vectors = [unit(token_vectors(models[1]["mean"], text).mean(axis=0)) for text in TEXTS[:3]]
    numpy.testing.assert_allclose(scores, [vectors[0] @ vectors[1], vectors[0] @ vectors[2]], atol=1e-5)


def logits(models, name, text, other=None):
    constants = models[1][name]
    return token_vectors(constants, text, other).mean(axis=0) @ constants["head"]


def test_documents_are_ranked_by_a_cross_encoder_on_every_route(server, models):
    query, documents = "let there be light", ["water", "the first day", "night and earth"]
    expected = {index: 1 / (1 + numpy.exp(-logits(models, "judge", query, document)[0])) for index, document in enumerate(documents)}
    order = sorted(expected, key=expected.get, reverse=True)
    jina = post(server, "/v1/rerank", model="judge", query=query, documents=[{"text": text} for text in documents], return_documents=True)
    assert [item["index"] for item in jina["results"]] == order
    numpy.testing.assert_allclose([item["relevance_score"] for item in jina["results"]], [expected[index] for index in order], atol=1e-5)
    assert jina["results"][0]["document"]["text"] == documents[order[0]]
    cohere = post(server, "/v2/rerank", model="judge", query=query, documents=documents, top_n=2)
    assert [item["index"] for item in cohere["results"]] == order[:2] and cohere["meta"]["api_version"]["version"] == "2"
    tei = post(server, "/rerank", model="judge", query=query, texts=documents, raw_scores=True, return_text=True)
    numpy.testing.assert_allclose([item["score"] for item in tei], [logits(models, "judge", query, documents[index])[0] for index in order], atol=1e-5)
    assert post(server, "/v1/rerank", model="mean", query=query, documents=documents, status=422)["error"]["code"] == "wrong_task"


def test_texts_and_pairs_are_classified(server, models):
    alone = post(server, "/classify", model="kinds", inputs="the first day")
    expected = logits(models, "kinds", "the first day")
    shares = numpy.exp(expected) / numpy.exp(expected).sum()
    assert {item["label"]: pytest.approx(item["score"], abs=1e-5) for item in alone} == dict(zip(["no", "maybe", "yes"], shares.tolist()))
    pairs = post(server, "/classify", model="kinds", inputs=[["light"], ["light", "day"]], raw_scores=True)
    numpy.testing.assert_allclose(sorted(item["score"] for item in pairs[1]), sorted(logits(models, "kinds", "light", "day")), atol=1e-5)


def test_cohere_embeds_by_type(server):
    answer = post(server, "/v2/embed", model="mean", texts=TEXTS[:2], input_type="search_document", embedding_types=["float", "base64"])
    numpy.testing.assert_allclose(numpy.frombuffer(base64.b64decode(answer["embeddings"]["base64"][1]), dtype="<f4"), answer["embeddings"]["float"][1], atol=1e-6)
    assert answer["texts"] == TEXTS[:2]


def test_tokens_and_information_are_told(server):
    tokens = post(server, "/tokenize", model="mean", inputs="God said lightz")[0]
    assert [token["text"] for token in tokens] == ["[CLS]", "god", "said", "light", "##z", "[SEP]"]
    assert [token["special"] for token in tokens][:2] == [True, False]
    information = requests.get(server.url + "/info?model=prompted", headers=KEY, timeout=10).json()
    assert information["max_input_length"] == 8 and information["model_type"] == {"embedding": {"pooling": "last"}}


def cache(server, model="mean"):
    listed = requests.get(server.url + "/server/stats", headers=KEY, timeout=10).json()["models"]
    return next(entry["embedding_cache"] for entry in listed if entry["name"] == model)


def clear(server, model="mean"):
    return post(server, f"/admin/models/{model}/cache/clear")["dropped"]


def test_vectors_are_kept_and_forgotten_when_told(server):
    before = cache(server)
    first = post(server, "/v1/embeddings", model="mean", input=TEXTS)["data"]
    assert post(server, "/v1/embeddings", model="mean", input=TEXTS)["data"] == first
    after = cache(server)
    assert after["hits"] - before["hits"] == len(TEXTS) and after["misses"] - before["misses"] == len(TEXTS)
    assert clear(server) == after["entries"] and cache(server)["entries"] == 0
    post(server, "/v1/embeddings", model="mean", input=TEXTS)
    assert cache(server)["misses"] - after["misses"] == len(TEXTS)


def test_many_clients_at_once_get_what_each_gets_alone(server):
    alone = {text: post(server, "/embed", model="mean", inputs=text)[0] for text in TEXTS}
    clear(server)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda index: (index, post(server, "/embed", model="mean", inputs=[TEXTS[index % 5], TEXTS[(index * 3) % 5]])), range(64)))
    for index, (first, second) in answers:
        numpy.testing.assert_allclose(first, alone[TEXTS[index % 5]], atol=1e-5)
        numpy.testing.assert_allclose(second, alone[TEXTS[(index * 3) % 5]], atol=1e-5)


def test_a_gguf_encoder_has_the_same_vectors_translated_or_not(serve):
    vectors = []
    for flags in ([], ["--set", "models.embedding.translate=false"], ["--set", "models.embedding.int8=true"]):
        server = serve(EXAMPLES / "embed.gguf", *flags)
        vectors.append(numpy.array([item["embedding"] for item in requests.post(server.url + "/v1/embeddings", json={"input": TEXTS}, timeout=30).json()["data"]]))
        server.stop()
    numpy.testing.assert_allclose(vectors[0], vectors[1], atol=1e-3)
    assert (vectors[0] * vectors[2]).sum(axis=1).min() >= 0.99


if REFERENCE:

    def test_a_real_cross_encoder_scores_pairs_the_same_in_any_company(serve, tmp_path):
        folder = tmp_path / "models" / "judge"
        zipfile.ZipFile(REFERENCE / "embeddings" / "opensearch" / "TinyXLMRoberta-CE-onnx.zip").extractall(folder)
        server = serve("--models", folder.parent)
        documents = ["a cat", "the dog and a cat and a bird", "g"]
        together = {item["index"]: item["relevance_score"] for item in post(server, "/v1/rerank", query="a dog", documents=documents)["results"]}
        for index, document in enumerate(documents):
            alone = post(server, "/v1/rerank", query="a dog", documents=[document])["results"][0]["relevance_score"]
            assert math.isfinite(alone) and together[index] == pytest.approx(alone, abs=1e-5)
