"""`forebay run` and the server answer alike: the same inputs to every model file there is, once on the command line and once over HTTP."""

import base64
import json

import numpy
import pytest

from conftest import EXAMPLES, REFERENCE, start_server
from encoder_models import write_encoder

FOREIGN = sorted(path for pattern in ("onnx/**/*.onnx", "sklearn/**/*.onnx", "gguf/*.gguf", "derived/*.gguf") for path in REFERENCE.glob(pattern)) if REFERENCE else []
FILES = {path.stem: path for path in sorted(EXAMPLES.iterdir()) if path.suffix in (".onnx", ".gguf")}
FILES |= {f"foreign-{index}": path for index, path in enumerate(FOREIGN)}
PROMPTS = {"config_sentence_transformers.json": {"prompts": {"query": "light: ", "passage": "water: "}, "default_prompt_name": "passage"}}
WORDS = ("versicolor", "female", "S", "1", "male", "C")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """An encoder whose folder has a default prompt."""
    folder = tmp_path_factory.mktemp("encoders") / "prompted"
    write_encoder(folder, files=PROMPTS)
    return folder / "model.onnx"


@pytest.fixture(scope="module")
def server(tmp_path_factory, encoder):
    """Every model file on one server; some may fail to load, which is an answer too."""
    named = [part for name, path in FILES.items() for part in ("--model", f"{name}={path}")]
    server = start_server(tmp_path_factory.mktemp("everything"), [*named, "--model", f"prompted={encoder}", "--set", "models.tune=false"])
    try:
        server.wait_for_line(r"is ready|could not be loaded; ", 300)
        yield server
    finally:
        server.stop()


def values_for(spec, dtype, rng):
    """An input that most models can take, of the input's own shape."""
    shape = [size if size >= 0 else 2 if place == 0 else 3 for place, size in enumerate(spec)]
    if dtype == "string":
        return rng.choice(WORDS, shape).tolist()
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool).tolist()
    if "int" in dtype:
        return rng.integers(0, 4, shape).tolist()
    return rng.random(shape).round(3).tolist()


def close(mine, theirs):
    """The same nested lists; numbers to float32's precision, because runs may use other numbers of threads."""
    a, b = numpy.array(mine), numpy.array(theirs)
    if a.shape != b.shape:
        return False
    if a.dtype.kind in "fiu":
        return bool(numpy.allclose(a, b, rtol=1e-3, atol=1e-4, equal_nan=True))
    return a.tolist() == b.tolist()


def error_of(done):
    """The code of a failed command."""
    return json.loads(done.stderr.splitlines()[-1])["error"]["code"]


def same_answer(forebay, server, path, arguments, body, only=None):
    """Both succeed with the same outputs, or both refuse."""
    done = forebay("--json-errors", "run", path, *arguments, "--json", "--set", "models.tune=false")
    answer = server.post("/predict", json=body)
    assert (done.returncode == 0) == (answer.status_code == 200), (done.stderr, answer.status_code, answer.text[:500])
    if done.returncode != 0:
        return
    mine, theirs = json.loads(done.stdout), answer.json()
    for member in only or mine:
        assert member in theirs, (member, theirs)
    if "outputs" in mine:
        assert mine["outputs"].keys() == theirs["outputs"].keys()
        for name, value in mine["outputs"].items():
            assert close(value, theirs["outputs"][name]), (name, value, theirs["outputs"][name])
    for member in ("windows", "items", "classes", "detections"):
        assert (member in mine) == (member in theirs)
        if member in mine:
            assert numpy.array(mine[member]).shape == numpy.array(theirs[member]).shape
            flat = [json.loads(json.dumps(side[member]), parse_float=lambda text: round(float(text), 3)) for side in (mine, theirs)]
            assert flat[0] == flat[1]


def description_of(forebay, path):
    """What `inspect` says; None when the file cannot be read."""
    done = forebay("inspect", path, "--json")
    return json.loads(done.stdout) if done.returncode == 0 else None


@pytest.mark.parametrize("name", FILES)
def test_run_and_http_answer_alike(forebay, server, tmp_path, name):
    path = FILES[name]
    description = description_of(forebay, path)
    if description is None:
        assert server.post("/predict", json={"model": name, "input": [0]}).status_code >= 400
        assert forebay("run", path, "0").returncode != 0
        return
    task = description["task"]
    if task == "text-generation":
        told = forebay("run", path, "Tell me about mercy.", "--temperature", "0", "--max-tokens", "24", "--json")
        asked = server.post("/v1/chat/completions", json={"model": name, "temperature": 0, "max_tokens": 24,
                                                          "messages": [{"role": "user", "content": "Tell me about mercy."}]})
        assert told.returncode == 0 and asked.status_code == 200, (told.stderr, asked.text)
        mine, theirs = json.loads(told.stdout), asked.json()
        assert mine["text"] == theirs["choices"][0]["message"]["content"]
        assert mine["usage"]["prompt_tokens"] == theirs["usage"]["prompt_tokens"]
        return
    if task == "embedding":
        mine = json.loads(forebay("run", path, "one text", "another", "--json").stdout)["outputs"]["embeddings"]
        theirs = [one["embedding"] for one in server.post("/v1/embeddings", json={"model": name, "input": ["one text", "another"]}).json()["data"]]
        numpy.testing.assert_allclose(mine, theirs, atol=1e-4)
        return
    rng = numpy.random.default_rng(1)
    inputs = {spec["name"]: values_for(spec["shape"], spec["dtype"], rng) for spec in description["inputs"]}
    (tmp_path / "inputs.json").write_text(json.dumps({"inputs": inputs}))
    same_answer(forebay, server, path, ["inputs.json"], {"model": name, "inputs": inputs})


@pytest.mark.parametrize("route,field,flags", [("/chat", "message", []), ("/generate", "prompt", ["--raw"])])
def test_run_and_http_refuse_a_prompt_that_is_too_long_alike(forebay, server, route, field, flags):
    prompt = "Tell me about mercy. " * 4000
    done = forebay("--json-errors", "run", EXAMPLES / "chat.gguf", *flags, stdin=prompt)
    answer = server.post(route, json={"model": "chat", field: prompt})
    assert answer.status_code == 400 and done.returncode == 64, (answer.text, done.stderr)
    mine, theirs = json.loads(done.stderr.splitlines()[-1])["error"], answer.json()
    assert (mine["name"], mine["message"]) == (theirs["name"], theirs["error"]) and "more than" in mine["message"]


def test_run_and_http_refuse_a_text_that_is_too_long_alike(forebay, server):
    text = "the night " * 4000
    done = forebay("--json-errors", "run", EXAMPLES / "embed.gguf", text)
    answer = server.post("/embed", json={"model": "embed", "inputs": text, "truncate": False})
    assert answer.status_code == 400 and done.returncode == 64, (answer.text, done.stderr)
    assert json.loads(done.stderr.splitlines()[-1])["error"]["message"] == answer.json()["error"]


@pytest.mark.parametrize("prompt", [None, "query", ""])
def test_run_puts_the_prompt_in_front_of_texts_as_the_server_does(forebay, server, encoder, prompt):
    chosen = [] if prompt is None else ["--prompt-name", prompt]
    done = forebay("run", encoder, "good day", "the night", *chosen, "--json")
    assert done.returncode == 0, done.stderr
    body = {"model": "prompted", "inputs": ["good day", "the night"]} | ({} if prompt is None else {"prompt_name": prompt})
    answer = server.post("/embed", json=body)
    assert answer.status_code == 200, answer.text
    numpy.testing.assert_allclose(json.loads(done.stdout)["outputs"]["embeddings"], answer.json(), atol=1e-5)


def test_the_default_prompt_changes_the_vector(forebay, encoder):
    vectors = [json.loads(forebay("run", encoder, "good day", *chosen, "--json").stdout)["outputs"]["embeddings"] for chosen in ([], ["--prompt-name", ""])]
    assert not close(*vectors)


def test_run_refuses_an_unknown_prompt(forebay, encoder):
    done = forebay("run", encoder, "good day", "--prompt-name", "nope")
    assert done.returncode == 64 and "no prompt 'nope'" in done.stderr


def test_run_cuts_a_series_as_the_server_does(forebay, server, tmp_path):
    series = [float(line) for line in (EXAMPLES / "load.csv").read_text().split()]
    model = EXAMPLES / "forecast.onnx"
    numpy.save(tmp_path / "load.npy", numpy.array(series, dtype=numpy.float32))
    (tmp_path / "body.json").write_text(json.dumps({"model": "forecast", "series": series, "stride": 12}))
    ways = [([EXAMPLES / "load.csv"], {}), (["load.npy"], {}), (["--series", EXAMPLES / "load.csv"], {}), (["--series", json.dumps(series)], {}),
            (["--series", EXAMPLES / "load.csv", "--stride", "12"], {"stride": 12}), (["body.json"], {"stride": 12})]
    for arguments, more in ways:
        same_answer(forebay, server, model, arguments, {"model": "forecast", "series": series} | more, only=("windows", "outputs"))
    window = [series[:48]]
    same_answer(forebay, server, model, [json.dumps(window)], {"model": "forecast", "input": window}, only=("outputs",))


@pytest.mark.parametrize("arguments,hint", [(("wine.onnx", "--series", "1,2"), "series"), (("wine.onnx", "1", "--stride", "2"), "series"),
                                            (("forecast.onnx", "--series", "1,2"), "48"), (("wine.onnx", "1", "--top-k", "2"), "ranking")])
def test_run_refuses_recipes_that_the_model_does_not_have(forebay, arguments, hint):
    done = forebay("run", EXAMPLES / arguments[0], *arguments[1:])
    assert done.returncode in (64, 65) and hint in done.stderr, done.stderr


def test_run_ranks_items_as_the_server_does(forebay, server):
    model = EXAMPLES / "basket.onnx"
    for basket in ([[0]], [[0, 1]], [[2, 3], [4, 5]]):
        for more, flags in (({}, []), ({"top_k": 2}, ["--top-k", "2"])):
            same_answer(forebay, server, model, [json.dumps(basket), *flags], {"model": "basket", "input": basket} | more, only=("items",))
            same_answer(forebay, server, model, [json.dumps({"model": "basket", "input": basket} | more)], {"model": "basket", "input": basket} | more)
    named = json.loads(forebay("run", model, "[[0, 1]]", "--json", "--outputs", "scores").stdout)
    assert "items" not in named and "scores" in named["outputs"]
    assert len(forebay("run", model, "[[0, 1]]", "--top-k", "2", "--output", "csv").stdout.splitlines()) == 3


def test_run_sees_pictures_as_the_server_does(forebay, server):
    picture = base64.b64encode((EXAMPLES / "seven.png").read_bytes()).decode()
    same_answer(forebay, server, EXAMPLES / "digits.onnx", [EXAMPLES / "seven.png"], {"model": "digits", "image": picture}, only=("classes",))


def test_run_takes_the_folder_of_an_encoder_as_its_file(forebay, encoder):
    of_file = forebay("run", encoder, "the light", "--json")
    assert of_file.returncode == 0, of_file.stderr
    for folder in (encoder.parent, f"{encoder.parent}/"):
        of_folder = forebay("run", folder, "the light", "--json")
        assert (of_folder.returncode, of_folder.stdout) == (0, of_file.stdout), of_folder.stderr


# --- texts that are scored --------------------------------------------------------------------------------------------

DOCUMENTS = ["the first day", "water and heaven", "light: the good night", "earth"]


@pytest.fixture(scope="module")
def scorers(tmp_path_factory):
    """A reranker of one score, one of two classes, and a classifier of three, each in its folder."""
    folder = tmp_path_factory.mktemp("scorers")
    write_encoder(folder / "judge", classes=1)
    write_encoder(folder / "fits", classes=2)
    write_encoder(folder / "moods", classes=3)
    return folder


@pytest.fixture(scope="module")
def scoring_server(tmp_path_factory, scorers):
    server = start_server(tmp_path_factory.mktemp("scoring"), ["--models", scorers, "--set", "models.tune=false"])
    try:
        server.wait_for_line(r"is ready", 60)
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("model", ["judge", "fits"])
def test_run_ranks_texts_as_the_server_does(forebay, scoring_server, scorers, model):
    answer = scoring_server.post("/v1/rerank", json={"model": model, "query": "light", "documents": DOCUMENTS, "return_documents": True})
    assert answer.status_code == 200, answer.text
    theirs = answer.json()["results"]
    for arguments, stdin in ((DOCUMENTS, ""), ((), "\n".join(DOCUMENTS))):
        done = forebay("run", scorers / model, "--query", "light", *arguments, "--json", "--set", "models.tune=false", stdin=stdin)
        assert done.returncode == 0, done.stderr
        mine = json.loads(done.stdout)["results"]
        assert [one["index"] for one in mine] == [one["index"] for one in theirs]
        assert [one["document"] for one in mine] == [one["document"] for one in theirs]
        numpy.testing.assert_allclose([one["relevance_score"] for one in mine], [one["relevance_score"] for one in theirs], atol=1e-5)
    best = forebay("run", scorers / model, "--query", "light", *DOCUMENTS, "--top-k", "1").stdout
    assert best == f"{theirs[0]['relevance_score']:.4f}  {theirs[0]['document']['text']}\n"


@pytest.mark.parametrize("model", ["fits", "moods"])
def test_run_classifies_texts_as_the_server_does(forebay, scoring_server, scorers, model):
    for texts in (["the first day"], DOCUMENTS):
        answer = scoring_server.post("/classify", json={"model": model, "inputs": [[text] for text in texts]})
        assert answer.status_code == 200, answer.text
        done = forebay("run", scorers / model, *texts, "--json", "--set", "models.tune=false")
        assert done.returncode == 0, done.stderr
        mine = json.loads(done.stdout)["classes"]
        assert [[one["label"] for one in text] for text in mine] == [[one["label"] for one in text] for text in answer.json()]
        numpy.testing.assert_allclose([[one["score"] for one in text] for text in mine], [[one["score"] for one in text] for text in answer.json()], atol=1e-5)
    shown = forebay("run", scorers / model, "the first day").stdout.split()
    assert shown[0] == mine[0][0]["label"] and shown[1] == f"{mine[0][0]['score']:.4f}"


@pytest.mark.parametrize("model,arguments,status,said", [
    ("judge", ("the light",), 64, "--query"), ("moods", ("--query", "light", "water"), 65, "does not rank"),
    ("judge", ("--query", "light", "--prompt-name", "x", "water"), 64, "embedding models"), ("moods", ("--top-k", "1", "water"), 64, "--query"),
    ("judge", ("--query", "light", "water", "--output", "npy"), 64, "text or json")])
def test_run_refuses_what_does_not_fit_a_scorer(forebay, scorers, model, arguments, status, said):
    done = forebay("run", scorers / model, *arguments)
    assert done.returncode == status and said in done.stderr, done.stderr


@pytest.mark.parametrize("name", ["chat.gguf", "embed.gguf", "wine.onnx"])
def test_a_query_is_for_scorers_only(forebay, name):
    done = forebay("run", EXAMPLES / name, "--query", "light", "1")
    assert done.returncode == 64 and "--query" in done.stderr, done.stderr
