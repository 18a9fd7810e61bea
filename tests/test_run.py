"""`forebay run`: tensors, texts, vectors and batches, once and without a server."""

import io
import json
import re

import numpy
import pytest

from conftest import EXAMPLES, REFERENCE

EXPECTED = json.loads((EXAMPLES / "expected.json").read_text())
DIGIT = EXPECTED["digits"]["cases"][0]
WINES = EXPECTED["wine"]["cases"]


def without_template(path):
    """A GGUF file whose chat template has another key, so that nothing finds it."""
    return path.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.chut_template")


def outputs_of(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["outputs"]


# --- run: tensors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digit.npy", "digit.json", "seven.png"])
def test_run_reads_a_digit_from_every_kind_of_file(forebay, name):
    outputs = outputs_of(forebay("run", EXAMPLES / "digits.onnx", EXAMPLES / name, "--output", "json"))
    assert outputs["label"] == [DIGIT["label"]]
    tolerance = 0.05 if name.endswith("png") else 1e-4
    numpy.testing.assert_allclose(outputs["probabilities"][0], DIGIT["probabilities"], atol=tolerance)


def test_run_takes_numbers_json_stdin_and_tables(forebay, tmp_path):
    wine = WINES[0]
    numbers = ",".join(map(str, wine["features"]))
    for arguments, stdin in [((numbers,), ""), ((f"[{numbers}]",), ""), (("-",), f"[[{numbers}]]"), ((), numbers), (("--input", f"features={numbers}"), "")]:
        outputs = outputs_of(forebay("run", EXAMPLES / "wine.onnx", *arguments, "--output", "json", stdin=stdin))
        numpy.testing.assert_allclose(outputs["probabilities"], [wine["probabilities"]], atol=1e-4)
    (tmp_path / "wines.csv").write_text("".join(",".join(map(str, wine["features"])) + "\n" for wine in WINES))
    outputs = outputs_of(forebay("run", EXAMPLES / "wine.onnx", "wines.csv", "--output", "json"))
    assert outputs["label"] == [wine["label"] for wine in WINES]


def test_run_writes_every_form(forebay, tmp_path):
    model, digit = EXAMPLES / "digits.onnx", EXAMPLES / "digit.npy"
    text = forebay("run", model, digit).stdout
    assert "probabilities  float32 [1, 10]" in text and re.search(r"^  7 +0\.9", text, re.M)
    table = forebay("run", model, digit, "--output", "csv").stdout.splitlines()
    assert len(table) == 2 and table[0].split(",")[-1] in ("label", "probabilities_9")
    array = numpy.load(io.BytesIO(forebay("run", model, digit, "--outputs", "probabilities", "--output", "npy", text=False, stdin=b"").stdout))
    numpy.testing.assert_allclose(array[0], DIGIT["probabilities"], atol=1e-4)
    assert forebay("run", model, digit, "--output", "json", "-o", "answer.json").returncode == 0
    assert json.loads((tmp_path / "answer.json").read_text())["outputs"]["label"] == [7]
    done = forebay("run", model, digit, "--output", "npy")
    assert done.returncode == 64 and "--outputs" in done.stderr


@pytest.mark.parametrize("arguments, status, code", [
    (("1,2,3",), 64, "FB05"),
    (("not numbers",), 64, "FB8042"),
    (("missing.npy",), 66, "FB0002"),
    (("--input", "image=1"), 64, "FB8044"),
    (("1,2,3", "4,5,6"), 64, "FB"),
    (("--prompt", "hello"), 64, "FB8048"),
    (("--output", "xml", "1"), 2, "FB8020"),
])
def test_run_refuses_wrong_input_with_its_own_code(forebay, arguments, status, code):
    done = forebay("run", EXAMPLES / "wine.onnx", *arguments)
    assert done.returncode == status and f"code: {code}" in done.stderr, done.stderr


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_table_may_have_semicolons_or_tabs(forebay, tmp_path, separator):
    (tmp_path / "wines.csv").write_text("".join(separator.join(map(str, wine["features"])) + "\n" for wine in WINES))
    assert outputs_of(forebay("run", EXAMPLES / "wine.onnx", "wines.csv", "--json"))["label"] == [wine["label"] for wine in WINES]
    (tmp_path / "commas.csv").write_text(";".join(str(float(one)).replace(".", ",") for one in WINES[0]["features"]) + "\n")
    done = forebay("run", EXAMPLES / "wine.onnx", "commas.csv")
    assert done.returncode in (64, 65) and "write 1.5 for 1,5" in done.stderr, done.stderr


@pytest.mark.parametrize("table,message", [
    ("13,x,2,20,100,2,2,0.2,1,5,1,3,920\n", "line 1, column 2: 'x' is not a float32"),
    ("13,x,2,20,100,2,2,0.2,1,5,1,3,920\n13,1,2,20,100,2,2,0.2,1,5,1,3,920\n", "line 1, column 2"),
    (",".join("abcdefghijklm") + "\n", "a header and no row"), ("", "without rows"), ("\n\n", "without rows")])
def test_a_table_never_loses_a_row(forebay, tmp_path, table, message):
    (tmp_path / "wines.csv").write_text(table)
    done = forebay("run", EXAMPLES / "wine.onnx", "wines.csv")
    assert done.returncode in (64, 65) and message in done.stderr and done.stdout == "", done.stderr


def test_a_table_of_one_row_has_one_answer(forebay, tmp_path):
    row = ",".join(map(str, WINES[0]["features"])) + "\n"
    for table in (row, "a,b,c,d,e,f,g,h,i,j,k,l,m\n" + row):
        (tmp_path / "wines.csv").write_text(table)
        assert outputs_of(forebay("run", EXAMPLES / "wine.onnx", "wines.csv", "--json"))["label"] == [WINES[0]["label"]]


# --- run: language models and embeddings ------------------------------------------------------------------------------


def test_run_answers_a_prompt_and_streams_what_it_says(forebay):
    model = EXAMPLES / "chat.gguf"
    whole = json.loads(forebay("run", model, "--prompt", "Tell me about mercy.", "--temperature", "0", "--max-tokens", "24", "--output", "json").stdout)
    assert whole["text"].strip() and whole["usage"]["completion_tokens"] <= 24
    for arguments, stdin in [(("Tell me about mercy.",), ""), ((), "Tell me about mercy.\n")]:
        done = forebay("run", model, *arguments, "--temperature", "0", "--max-tokens", "24", stdin=stdin)
        assert done.returncode == 0 and done.stdout == whole["text"] + "\n"
        assert done.stderr == ""


def test_a_model_without_a_template_is_given_chatml_as_by_the_server(forebay, tmp_path):
    bare = without_template(EXAMPLES / "chat.gguf")
    (tmp_path / "bare.gguf").write_bytes(bare)
    done = forebay("run", "bare.gguf", "Tell me about mercy.", "--temperature", "0", "--max-tokens", "4", "--json")
    raw = forebay("run", "bare.gguf", "Tell me about mercy.", "--temperature", "0", "--max-tokens", "4", "--json", "--raw")
    assert done.returncode == raw.returncode == 0, done.stderr
    assert "ChatML" in done.stderr and raw.stderr == ""
    assert json.loads(done.stdout)["usage"]["prompt_tokens"] > json.loads(raw.stdout)["usage"]["prompt_tokens"]


def test_the_same_seed_gives_the_same_answer(forebay):
    answers = {forebay("run", EXAMPLES / "chat.gguf", "Tell me about mercy.", "--seed", seed, "--max-tokens", "24").stdout for seed in (1, 1, 1)}
    assert len(answers) == 1


def test_raw_completes_without_a_template(forebay):
    done = forebay("run", EXAMPLES / "chat.gguf", "--raw", "In the beginning", "--temperature", "0", "--max-tokens", "8", "--output", "json")
    assert done.returncode == 0 and json.loads(done.stdout)["usage"]["completion_tokens"] <= 8


def test_a_language_model_refuses_what_is_for_others(forebay):
    for arguments in (("--input", "a=1"), ("x", "--output", "npy"), ("--raw", "--system", "x", "y")):
        done = forebay("run", EXAMPLES / "chat.gguf", *arguments)
        assert done.returncode == 64, done.stderr


def test_run_embeds_texts(forebay):
    model = EXAMPLES / "embed.gguf"
    vectors = numpy.array(outputs_of(forebay("run", model, "one text", "another", "--output", "json"))["embeddings"])
    assert vectors.shape[0] == 2
    numpy.testing.assert_allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    lines = numpy.load(io.BytesIO(forebay("run", model, "--output", "npy", stdin=b"one text\nanother\n", text=False).stdout))
    numpy.testing.assert_allclose(lines, vectors, atol=1e-3)


if REFERENCE:
    STORIES = json.loads((REFERENCE / "gguf/expected/stories260K.json").read_text())

    @pytest.mark.parametrize("case", [case for case in STORIES["cases"] if case["prompt"] and case["min_top1_top2_logit_margin"] > 0.01], ids=lambda case: case["prompt"][:20])
    def test_a_reference_story_is_told_token_for_token(forebay, case):
        done = forebay("run", REFERENCE / "gguf/stories260K-tok512.gguf", "--raw", "--prompt", case["prompt"], "--temperature", "0",
                       "--max-tokens", len(case["greedy_ids_64"]), "--output", "json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["text"].strip() == case["greedy_text"].strip()


# --- run --batch ------------------------------------------------------------------------------------------------------


def test_a_batch_answers_line_by_line_and_fails_line_by_line(forebay, tmp_path):
    lines = [",".join(map(str, WINES[0]["features"])), "", "1,2,3", json.dumps(WINES[1]["features"]), "-", json.dumps({"features": WINES[2]["features"]})]
    (tmp_path / "wines.txt").write_text("\n".join(lines), encoding="utf-8")
    done = forebay("run", EXAMPLES / "wine.onnx", "--batch", "wines.txt")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 5
    for answer, wine in zip((answers[0], answers[2], answers[4]), WINES, strict=False):
        assert answer["outputs"]["label"] == [wine["label"]]
    assert [(answer["line"], answer["error"]["name"]) for answer in answers if "error" in answer] == [(3, "tensor_shape_mismatch"), (5, "input_not_understood")]
    assert done.returncode != 0 and "batch_incomplete" in done.stderr and "2 of 5" in done.stderr


def test_a_batch_keeps_its_order_and_reads_pictures_and_standard_input(forebay, tmp_path):
    many = "\n".join(",".join(map(str, WINES[index % 5]["features"])) for index in range(100))
    done = forebay("run", EXAMPLES / "wine.onnx", "--batch", "-", stdin=many)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["outputs"]["label"] for line in done.stdout.splitlines()] == [[WINES[index % 5]["label"]] for index in range(100)]
    (tmp_path / "pictures.txt").write_text(f"{EXAMPLES / 'seven.png'}\n{EXAMPLES / 'digit.npy'}\n", encoding="utf-8")
    done = forebay("run", EXAMPLES / "digits.onnx", "--batch", "pictures.txt", "-o", "answers.jsonl")
    assert done.returncode == 0 and done.stdout == "", done.stderr
    picture, array = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert picture["classes"][0]["label"] == "7" and array["outputs"]["label"] == [7]


@pytest.mark.parametrize("arguments,name", [
    (("wine.onnx", "--batch", "nothing.txt"), "file_not_found"),
    (("wine.onnx", "1,2", "--batch", "-"), "usage"),
    (("wine.onnx", "--batch", "-", "--output", "npy"), "option_out_of_place"),
    (("embed.gguf", "--batch", "-"), "option_out_of_place"),
])
def test_a_batch_is_refused_where_it_makes_no_sense(forebay, arguments, name):
    done = forebay("run", EXAMPLES / arguments[0], *arguments[1:])
    assert done.returncode != 0 and name in done.stderr
