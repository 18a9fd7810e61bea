"""Embedding, reranking and classification over HTTP: OpenAI's, TEI's and Cohere's routes, ONNX encoders and GGUF ones."""

import base64
import concurrent.futures
import math
import zipfile

import numpy
import pytest
import requests
from tokenizers import decoders

from conftest import EXAMPLES, REFERENCE
from encoder_models import make_tokenizer, token_vectors, unit, write_encoder

KEY = {"Authorization": "Bearer correct-horse"}
TEXTS = ["let there be light", "the evening and the morning", "water", "God said", "a b c d e f g h i j k l m n o p q r s t u v w x y z"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with an encoder, one with prompts and CLS pooling, a reranker and a classifier; and the numbers in them."""
    folder = tmp_path_factory.mktemp("encoders")
    files = {"1_Pooling/config.json": {"pooling_mode_cls_token": False, "pooling_mode_lasttoken": True}, "sentence_bert_config.json": {"max_seq_length": 8},
             "config_sentence_transformers.json": {"prompts": {"query": "god ", "document": "water "}, "default_prompt_name": "query"}}
    constants = {"mean": write_encoder(folder / "mean"), "prompted": write_encoder(folder / "prompted", files=files), "judge": write_encoder(folder / "judge", classes=1),
                 "kinds": write_encoder(folder / "kinds", classes=3, files={"config.json": {"id2label": {"0": "no", "1": "maybe", "2": "yes"}}}),
                 "pairs": write_encoder(folder / "pairs", classes=2), "first": write_encoder(folder / "first", classes=2, files={"config.json": {"id2label": {"0": "relevant", "1": "irrelevant"}}}),
                 "broken": write_encoder(folder / "broken", not_finite=["earth"]), "bad_judge": write_encoder(folder / "bad_judge", classes=1, not_finite=["earth"]),
                 "fixed": write_encoder(folder / "fixed", length=6), "places": write_encoder(folder / "places", positions=5)}
    return folder, constants


@pytest.fixture
def server(serve, models):
    return serve("--models", models[0], "--admin-key", "correct-horse")


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
    inputs = {"source_sentence": "light", "sentences": ["day"]}
    last = [unit(token_vectors(models[1]["prompted"], text)[-1]) for text in ("water light", "water day")]
    assert post(server, "/similarity", model="prompted", inputs=inputs, parameters={"prompt_name": "document"}) == [pytest.approx(last[0] @ last[1], abs=1e-5)]
    assert post(server, "/similarity", model="prompted", inputs=inputs, parameters={"prompt_name": "nothing"}, status=400)["field"] == "prompt_name"
    assert post(server, "/similarity", model="mean", inputs=inputs, parameters={"nonsense": 1}, status=400)["field"] == "parameters.nonsense"


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


def test_vectors_and_scores_that_are_no_numbers_are_errors_and_not_cached(server):
    """One text of many is at fault; the others are answered, and asking twice gives the error twice."""
    good, bad = "let there be light", "heaven and earth"
    before = cache(server, "broken")["entries"], cache(server, "bad_judge")["entries"]
    for _ in range(2):
        error = post(server, "/v1/embeddings", model="broken", input=[good, bad], status=422)["error"]
        assert (error["code"], error["param"]) == ("vector_not_finite", "input[1]")
        assert post(server, "/v1/embeddings", model="broken", input=bad, encoding_format="base64", status=422)["error"]["param"] == "input"
        for path, body, field in [("/embeddings", {"input": bad}, "input"), ("/embed", {"inputs": [good, bad]}, "inputs[1]"), ("/v2/embed", {"texts": [bad], "embedding_types": ["int8"]}, "texts"),
                                  ("/similarity", {"inputs": {"source_sentence": good, "sentences": [bad]}}, "inputs[1]")]:
            answer = post(server, path, model="broken", status=422, **body)
            assert (answer["name"], answer["field"]) == ("vector_not_finite", field), path
        for path, body in [("/v1/rerank", {"query": good, "documents": ["water", bad, "day"]}), ("/v2/rerank", {"query": good, "documents": ["water", bad, "day"], "top_n": 1}),
                           ("/rerank", {"query": good, "texts": ["water", bad]}), ("/classify", {"inputs": bad}), ("/predict", {"inputs": bad}), ("/v1/score", {"text_1": good, "text_2": ["water", bad]})]:
            assert "vector_not_finite" in str(post(server, path, model="bad_judge", status=422, **body)), path
    assert cache(server, "broken")["entries"] <= before[0] + 1 and cache(server, "bad_judge")["entries"] <= before[1] + 2, "what is good beside them may be"
    assert len(post(server, "/v1/embeddings", model="broken", input=good)["data"]) == 1


def test_run_says_so_too(forebay, models):
    answer = forebay("run", models[0] / "broken" / "model.onnx", "let there be light", "heaven and earth")
    assert answer.returncode != 0 and "text 1" in answer.stderr and "finite" in answer.stderr, answer


def test_two_classes_rank_by_the_second_unless_the_labels_say_otherwise(server, models):
    query, documents = "let there be light", ["water", "the first day", "night and earth"]
    for model, relevant in (("pairs", 1), ("first", 0)):
        raw = {index: logits(models, model, query, document)[relevant] for index, document in enumerate(documents)}
        tei = post(server, "/rerank", model=model, query=query, texts=documents, raw_scores=True)
        numpy.testing.assert_allclose([item["score"] for item in tei], sorted(raw.values(), reverse=True), atol=1e-5)
        shares = [numpy.exp(both)[relevant] / numpy.exp(both).sum() for both in (logits(models, model, query, document) for document in documents)]
        answer = post(server, "/v1/rerank", model=model, query=query, documents=documents)
        numpy.testing.assert_allclose([item["relevance_score"] for item in answer["results"]], sorted(shares, reverse=True), atol=1e-5)


def test_a_classifier_of_three_classes_is_no_reranker(serve, tmp_path):
    write_encoder(tmp_path / "judge", classes=1)
    write_encoder(tmp_path / "kinds", classes=3)
    server = serve("--models", tmp_path)
    assert len(post(server, "/v1/rerank", query="light", documents=["day", "night"])["results"]) == 2, "one reranker is served, so it needs no name"
    assert len(post(server, "/classify", inputs="light")) == 3, "and one classifier"
    assert post(server, "/v1/rerank", model="kinds", query="light", documents=["day"], status=422)["error"]["code"] == "wrong_task"
    assert requests.get(server.url + "/info?model=kinds", timeout=10).json()["model_type"]["classifier"] is not None


def test_the_graph_says_how_long_a_text_may_be(server, models):
    for model, most in (("fixed", 6), ("places", 5)):
        assert requests.get(server.url + f"/info?model={model}", headers=KEY, timeout=10).json()["max_input_length"] == most
        assert post(server, "/embed", model=model, inputs=TEXTS[4], truncate=False, status=400)["name"] == "text_too_long"
        for text in ("water", "let there be"):
            ours = post(server, "/embed", model=model, inputs=text)[0]
            numpy.testing.assert_allclose(ours, unit(token_vectors(models[1][model], text).mean(axis=0)), atol=1e-5)
        assert len(post(server, "/embed", model=model, inputs=TEXTS)) == len(TEXTS)


def test_one_limit_of_texts_holds_on_every_route(serve, models):
    server = serve("--models", models[0], "--set", "models.embedding.request_texts_max=3", "--set", "http.batch_items_max=2")
    for path, at, beyond in [("/v1/embeddings", {"input": ["a"] * 3}, {"input": ["a"] * 4}), ("/embeddings", {"input": ["a"] * 3}, {"input": ["a"] * 4}), ("/embed", {"inputs": ["a"] * 3}, {"inputs": ["a"] * 4}),
                             ("/v2/embed", {"texts": ["a"] * 3}, {"texts": ["a"] * 4})]:
        post(server, path, model="mean", **at)
        assert "too_many_texts" in str(post(server, path, model="mean", status=400, **beyond)), path
    for path, name in [("/v1/rerank", "documents"), ("/v2/rerank", "documents"), ("/rerank", "documents"), ("/rerank", "texts")]:
        post(server, path, model="judge", query="a", **{name: ["a"] * 3})
        assert "too_many_texts" in str(post(server, path, model="judge", query="a", status=400, **{name: ["a"] * 4})), path
    assert requests.get(server.url + "/info?model=mean", timeout=10).json()["max_client_batch_size"] == 3


def test_vllms_score_is_a_rerankers_or_the_cosine(server, models):
    answer = post(server, "/v1/score", model="judge", text_1="light", text_2=["water", "day"])
    assert (answer["object"], answer["model"], [item["index"] for item in answer["data"]]) == ("list", "judge", [0, 1])
    expected = [1 / (1 + numpy.exp(-logits(models, "judge", "light", document)[0])) for document in ("water", "day")]
    numpy.testing.assert_allclose([item["score"] for item in answer["data"]], expected, atol=1e-5)
    assert answer["usage"]["total_tokens"] > 0 and answer["id"].startswith("score-")
    pairs = post(server, "/score", model="mean", text_1=["light", "water"], text_2=["day", "water"])
    vectors = {text: unit(token_vectors(models[1]["mean"], text).mean(axis=0)) for text in ("light", "day", "water")}
    numpy.testing.assert_allclose([item["score"] for item in pairs["data"]], [vectors["light"] @ vectors["day"], 1], atol=1e-5)
    assert post(server, "/v1/score", model="judge", text_1=["a", "b"], text_2=["a", "b", "c"], status=400)["error"]["param"] == "text_1"
    assert post(server, "/v1/score", model="judge", text_1="a", status=400)["error"]["code"] == "field_missing"


def test_jinas_documents_are_taken_on_rerank_too(server):
    body = {"model": "judge", "query": "let there be light", "documents": ["water", {"text": "the first day"}], "top_n": 1, "return_documents": True}
    ours, theirs = post(server, "/rerank", **body), post(server, "/v1/rerank", **body)
    assert ours["results"] == theirs["results"] and len(ours["results"]) == 1 and ours["usage"]["total_tokens"] > 0


def test_cohere_types_are_those_of_the_unit_vector(server):
    answer = post(server, "/v2/embed", model="mean", texts=TEXTS[:2], embedding_types=["float", "int8", "uint8", "binary", "ubinary"])["embeddings"]
    vectors = numpy.array(answer["float"])
    numpy.testing.assert_array_equal(answer["int8"], numpy.round(vectors * 127))
    numpy.testing.assert_array_equal(answer["uint8"], numpy.round(vectors * 127) + 128)
    packed = numpy.packbits(vectors > 0, axis=1)
    numpy.testing.assert_array_equal(answer["ubinary"], packed)
    numpy.testing.assert_array_equal(answer["binary"], packed.astype(int) - 128)
    assert post(server, "/v2/embed", model="mean", texts=["a"], embedding_types=["int4"], status=400)["name"] == "field_range"


def test_cohere_honours_what_changes_the_answer(server, models):
    last = lambda text: unit(token_vectors(models[1]["prompted"], text)[-1])
    embed = lambda **body: post(server, "/v2/embed", model="prompted", **body)["embeddings"]["float"][0]
    numpy.testing.assert_allclose(embed(texts=["light"], input_type="search_document"), last("water light"), atol=1e-5)
    numpy.testing.assert_allclose(embed(texts=["light"], input_type="search_query"), last("god light"), atol=1e-5)
    assert post(server, "/v2/embed", model="mean", texts=["a"], input_type="nonsense", status=400)["field"] == "input_type"
    query, document = "light", "water day night good earth"
    cut = post(server, "/v2/rerank", model="judge", query=query, documents=[document], max_tokens_per_doc=2)["results"][0]["relevance_score"]
    assert cut == pytest.approx(1 / (1 + math.exp(-logits(models, "judge", query, "water day")[0])), abs=1e-5)
    assert post(server, "/v1/rerank", model="judge", query=query, documents=[document], max_chunks_per_doc=3, status=400)["error"]["code"] == "field_not_supported"


def test_a_text_may_be_cut_at_its_start(serve, tmp_path):
    constants = write_encoder(tmp_path / "short", length=6)
    server = serve("--models", tmp_path)
    words = "water day night good earth heaven"
    mean = lambda text: unit(token_vectors(constants, text).mean(axis=0))
    cohere = lambda **body: post(server, "/v2/embed", texts=[words], **body)["embeddings"]["float"][0]
    numpy.testing.assert_allclose(cohere(truncate="START"), mean("night good earth heaven"), atol=1e-5)
    numpy.testing.assert_allclose(cohere(truncate="END"), mean("water day night good"), atol=1e-5)
    assert post(server, "/v2/embed", texts=[words], truncate="NONE", status=400)["name"] == "text_too_long"
    numpy.testing.assert_allclose(post(server, "/embed", inputs=words, truncation_direction="Left")[0], mean("night good earth heaven"), atol=1e-5)


def test_texts_that_are_scored_are_not_cut_at_their_start(server):
    for path, body in (("/rerank", {"model": "judge", "query": "light", "texts": ["day"]}), ("/predict", {"model": "kinds", "inputs": [["light", "day"]]}),
                       ("/classify", {"model": "kinds", "inputs": "light"})):
        refused = post(server, path, **body, truncation_direction="Left", status=400)
        assert (refused["name"], refused["field"]) == ("field_not_supported", "truncation_direction"), refused
        post(server, path, **body, truncation_direction="Right")
        post(server, path, **body, truncation_direction="Left", truncate=False)


def test_teis_predict_classifies_where_no_tensor_model_is_meant(serve, models):
    server = serve("--models", models[0], EXAMPLES / "digits.onnx")
    assert post(server, "/predict", model="kinds", inputs="the first day") == post(server, "/classify", model="kinds", inputs="the first day")
    assert len(post(server, "/predict", inputs=[["light"], ["light", "day"]])) == 2, "the only classifier"
    assert post(server, "/predict", model="digits", inputs=["the first day"], status=400)["name"] == "tensor_type_mismatch", "a tensor model is meant"
    assert post(server, "/predict", model="mean", inputs="the first day", status=422)["name"] == "wrong_task"


def test_dimensions_and_limits_are_checked_like_openais(server):
    assert post(server, "/v1/embeddings", model="mean", input="a", dimensions=17, status=400)["error"]["param"] == "dimensions"
    assert post(server, "/v2/embed", model="mean", texts=["a"], output_dimension=17, status=400)["field"] == "output_dimension"
    assert post(server, "/v1/embeddings", model="mean", input=[[4, 5], [6]])["usage"]["prompt_tokens"] == 3
    assert post(server, "/v1/embeddings", model="mean", input=[[4, 10_000]], status=400)["error"]["code"] == "token_out_of_range"


def test_keys_do_not_see_each_others_vectors(serve, models):
    flags = ["--models", models[0], "--admin-key", "correct-horse", "--api-key", "battery-staple"]
    for shared in ([], ["--set", "models.share_caches=mean"]):
        server = serve(*flags, *shared)
        before = cache(server)
        for key in ("correct-horse", "battery-staple"):
            for _ in range(2):
                answer = requests.post(server.url + "/v1/embeddings", json={"model": "mean", "input": "light"}, headers={"X-API-Key": key}, timeout=30)
                assert answer.status_code == 200, answer.text
        stats = cache(server)
        assert (stats["misses"] - before["misses"], stats["hits"] - before["hits"]) == ((1, 3) if shared else (2, 2))
        server.stop()


def test_tokens_and_information_are_told(server):
    tokens = post(server, "/tokenize", model="mean", inputs="God said lightz")[0]
    assert [token["text"] for token in tokens] == ["[CLS]", "god", "said", "light", "##z", "[SEP]"]
    assert [token["special"] for token in tokens][:2] == [True, False]
    prompted = lambda **body: [token["text"] for token in post(server, "/tokenize", model="prompted", inputs="light", **body)[0]]
    assert prompted(prompt_name="document") == ["[CLS]", "water", "light", "[SEP]"] and prompted() == ["[CLS]", "god", "light", "[SEP]"]
    assert post(server, "/tokenize", model="prompted", inputs="light", prompt_name="nothing", status=400)["field"] == "prompt_name"
    information = requests.get(server.url + "/info?model=prompted", headers=KEY, timeout=10).json()
    assert information["max_input_length"] == 8 and information["model_type"] == {"embedding": {"pooling": "last"}}


def test_tokens_become_text_again_as_their_library_writes_it(server):
    ids = [make_tokenizer().encode(text).ids for text in TEXTS]
    from_library = make_tokenizer()
    from_library.decoder = decoders.WordPiece()
    from_library.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    assert post(server, "/decode", model="mean", ids=ids) == [from_library.decode(one) for one in ids]
    assert post(server, "/decode", model="mean", ids=ids[0], skip_special_tokens=False) == [from_library.decode(ids[0], skip_special_tokens=False)]
    assert post(server, "/decode", model="mean", ids=[100_000], status=400)["name"] == "token_out_of_range"
    assert post(server, "/decode", model="mean", ids=["a"], status=400)["field"] == "ids"


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
