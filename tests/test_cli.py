"""The command line, as people and scripts use it: the real binary, the example models."""

import io
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import time

import numpy
import pytest

from conftest import BINARY, EXAMPLES, REFERENCE, ROOT, environment

EXPECTED = json.loads((EXAMPLES / "expected.json").read_text())
DIGIT = EXPECTED["digits"]["cases"][0]
WINES = EXPECTED["wine"]["cases"]


def outputs_of(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["outputs"]


# --- help, usage, exit status -----------------------------------------------------------------------------------------


def test_help_names_every_command(forebay):
    done = forebay("help")
    assert done.returncode == 0 and done.stderr == ""
    for command in ("serve", "run", "inspect", "devices", "doctor", "config", "explain", "completion", "version"):
        assert command in done.stdout
        assert forebay(command, "--help").returncode == 0


def test_an_unknown_command_and_option_are_named_with_a_guess(forebay):
    done = forebay("srve")
    assert done.returncode == 2 and "did you mean 'serve'?" in done.stderr
    done = forebay("serve", "--prot", "1")
    assert done.returncode == 2 and "did you mean '--port'?" in done.stderr


def test_errors_have_code_and_hint_and_never_color_in_a_pipe(forebay):
    done = forebay("inspect", "missing.gguf")
    assert done.returncode == 66 and done.stdout == ""
    assert re.match(r"error: .*\n  code: FB0002 file_not_found\n  hint: ", done.stderr)
    assert "\033" not in done.stderr


def test_errors_as_json_for_scripts(forebay):
    done = forebay("--json-errors", "inspect", "missing.gguf")
    assert json.loads(done.stderr)["error"]["code"] == "FB0002"


def test_version(forebay):
    assert re.fullmatch(r"forebay \d+\.\d+\.\d+\n", forebay("version").stdout)
    assert json.loads(forebay("version", "--json").stdout)["name"] == "forebay"


def test_completion_scripts_are_valid_bash(forebay):
    script = forebay("completion", "bash").stdout
    check = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert check.returncode == 0, check.stderr
    listed = subprocess.run(["bash", "-c", script + "\nCOMP_WORDS=(forebay in) COMP_CWORD=1; _forebay; echo ${COMPREPLY[*]}"], text=True, capture_output=True, check=False)
    assert listed.stdout.split() == ["inspect"]


def test_a_reader_that_goes_away_is_no_crash():
    with subprocess.Popen([str(BINARY), "explain", "--list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.wait(timeout=60) in (0, 77)


# --- documents made from the code -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command, document", [(("explain", "--markdown"), "errors.md"), (("config", "markdown"), "configuration.md")])
def test_generated_documents_are_current(forebay, command, document):
    assert forebay(*command).stdout == (ROOT / "docs" / document).read_text(), f"./dev forebay {' '.join(command)} > docs/{document}"


def test_explain_by_id_and_name(forebay):
    by_id = forebay("explain", "FB1042")
    assert by_id.returncode == 0 and "gguf_tensor_out_of_bounds" in by_id.stdout
    assert forebay("explain", "gguf_tensor_out_of_bounds").stdout == by_id.stdout
    codes = json.loads(forebay("explain", "--list", "--json").stdout)
    assert len({code["code"] for code in codes}) == len(codes) > 50


# --- configuration ----------------------------------------------------------------------------------------------------


def test_configuration_layers_with_origins(forebay, tmp_path):
    (tmp_path / "config" / "forebay").mkdir(parents=True)
    (tmp_path / "config" / "forebay" / "config.toml").write_text('[http]\nport = 1001\nhost = "10.0.0.1"\n')
    (tmp_path / "forebay.yaml").write_text("http:\n  port: 1002\n")
    shown = forebay("config", "show", "--origin", env={"FOREBAY_LOG_LEVEL": "debug"}).stdout
    assert re.search(r"port: 1002 +# .*forebay\.yaml:2", shown)
    assert re.search(r'host: "10\.0\.0\.1" +# .*config\.toml:3', shown)
    assert re.search(r"level: debug +# environment FOREBAY_LOG_LEVEL", shown)
    assert re.search(r"port: 1003 +# --set", forebay("config", "show", "--origin", "--set", "http.port=1003").stdout)


def test_config_check_names_every_mistake(forebay, tmp_path):
    (tmp_path / "bad.yaml").write_text("http:\n  prot: 1\n  port: 99999\nlog:\n  level: loud\n")
    done = forebay("config", "check", "bad.yaml")
    assert done.returncode == 78
    for place in ("bad.yaml:2", "bad.yaml:3", "bad.yaml:5", "did you mean 'http.port'?"):
        assert place in done.stderr
    (tmp_path / "good.json").write_text('{"http": {"port": 9000}}')
    assert forebay("config", "check", "good.json").returncode == 0


def test_the_schema_is_json_and_knows_every_setting(forebay):
    schema = json.loads(forebay("config", "schema").stdout)
    assert schema["properties"]["http"]["properties"]["port"]["maximum"] == 65535
    names = []

    def collect(node, path):
        for name, below in node.get("properties", {}).items():
            collect(below, path + [name]) if below.get("type") == "object" else names.append(".".join(path + [name]))

    collect(schema, [])
    documented = re.findall(r"^\| `([a-z_.0-9]+)` \|", (ROOT / "docs" / "configuration.md").read_text(), re.M)
    assert names == documented


# --- inspect, devices, doctor -----------------------------------------------------------------------------------------


def test_inspect_as_table_and_json(forebay):
    table = forebay("inspect", EXAMPLES / "digits.onnx")
    assert re.search(r"input +image +float32 +\[batch, 1, 8, 8\]", table.stdout), table.stderr
    described = json.loads(forebay("inspect", EXAMPLES / "digits.onnx", "--output", "json").stdout)
    assert described["format"] == "onnx" and described["inputs"][0]["name"] == "image"


def test_inspect_refuses_what_is_no_model(forebay, tmp_path):
    (tmp_path / "text.onnx").write_text("hello")
    (tmp_path / "empty.gguf").write_bytes(b"")
    (tmp_path / "cut.onnx").write_bytes((EXAMPLES / "digits.onnx").read_bytes()[:1000])
    for name in ("text.onnx", "empty.gguf", "cut.onnx"):
        done = forebay("inspect", name)
        assert done.returncode == 65 and "code: FB10" in done.stderr, (name, done.stderr)


def test_devices_lists_a_cpu_for_each_engine(forebay):
    devices = json.loads(forebay("devices", "--json").stdout)
    assert {device["engine"] for device in devices if device["usable"] and device["backend"] == "cpu"} >= {"onnxruntime", "llama"}


def test_doctor_is_content_here(forebay):
    done = forebay("doctor", "--json", "--set", "http.port=0")
    assert done.returncode == 0, done.stdout
    assert all(check["health"] != "bad" for check in json.loads(done.stdout))


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


# --- run: language models and embeddings ------------------------------------------------------------------------------


def test_run_answers_a_prompt_and_streams_what_it_says(forebay):
    model = EXAMPLES / "chat.gguf"
    whole = json.loads(forebay("run", model, "--prompt", "Tell me about mercy.", "--temperature", "0", "--max-tokens", "24", "--output", "json").stdout)
    assert whole["text"].strip() and whole["usage"]["completion_tokens"] <= 24
    for arguments, stdin in [(("Tell me about mercy.",), ""), ((), "Tell me about mercy.\n")]:
        done = forebay("run", model, *arguments, "--temperature", "0", "--max-tokens", "24", stdin=stdin)
        assert done.returncode == 0 and done.stdout == whole["text"] + "\n"
        assert done.stderr == ""


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


class Conversation:
    """The chat on a terminal of its own."""

    def __init__(self, folder, *arguments):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(BINARY, [str(BINARY), "run", *map(str, arguments)], {**environment(folder), "TERM": "dumb"})

    def read_until(self, pattern, seconds=60):
        seen = ""
        until = time.monotonic() + seconds
        while not re.search(pattern, seen):
            assert time.monotonic() < until, seen
            if select.select([self.terminal], [], [], 1)[0]:
                seen += os.read(self.terminal, 4096).decode(errors="replace")
        return seen

    def write(self, text):
        os.write(self.terminal, text.encode())

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def test_a_conversation_on_a_terminal(tmp_path):
    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", "--temperature", "0", "--max-tokens", "16")
    chat.read_until(r"> $")
    chat.write("Tell me about mercy.\n")
    assert len(chat.read_until(r"\w+.*\n> $")) > 30
    chat.write("/reset\n")
    chat.read_until(r"forgotten")
    chat.write("/exit\n")
    assert chat.status() == 0


def test_ctrl_c_stops_an_answer_and_ctrl_d_leaves(tmp_path):
    chat = Conversation(tmp_path, EXAMPLES / "chat.gguf", "--max-tokens", "0")
    chat.read_until(r"> $")
    chat.write("Continue: In the beginning\n")
    answer = chat.read_until(r"\n.*\w+ \w+")
    chat.write("\x03")
    if not re.search(r"\n> $", answer):  # else it had ended by itself
        chat.read_until(r"\n> $")
    chat.write("\x04")
    assert chat.status() == 0


# --- serve ------------------------------------------------------------------------------------------------------------


def test_serve_without_a_model_serves_the_examples(serve):
    server = serve()
    names = {model["id"] for model in server.get("/v1/models").json()["data"]}
    assert names == {path.stem for path in EXAMPLES.iterdir() if path.suffix in (".onnx", ".gguf")}
    assert server.stop() is None


def test_serve_takes_names_settings_and_json_logs(serve):
    server = serve("--model", f"reader={EXAMPLES / 'digits.onnx'}", "--log-format", "json", env={"FOREBAY_HTTP_CONCURRENT_REQUESTS_MAX": "7"})
    assert [model["id"] for model in server.get("/v1/models").json()["data"]] == ["reader"]
    server.stop()
    for line in server.lines:
        assert set(json.loads(line)) >= {"time", "level", "message"}


def test_serve_refuses_a_busy_port(forebay):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = forebay("serve", EXAMPLES / "wine.onnx", "--port", taken.getsockname()[1])
    assert done.returncode not in (0, 70) and "code: FB70" in done.stderr


def test_serve_refuses_bad_settings_before_it_starts(forebay, tmp_path):
    assert forebay("serve", "--port", "99999").returncode == 78
    assert forebay("serve", "--api-key", "short").returncode == 78
    (tmp_path / "keys.txt").write_text("# none\n")
    assert forebay("serve", "--api-key-file", "keys.txt").returncode == 2
    assert forebay("serve", "missing.onnx").returncode == 66


def test_serve_prints_three_things_to_try(tmp_path):
    with subprocess.Popen([str(BINARY), "serve", "--port", "0"], cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        lines = []
        while len(lines) < 2 or "/v1/models" not in lines[-1]:
            line = process.stdout.readline()
            assert line, "the server ended"
            lines.append(line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=40) == 0
    text = "".join(lines)
    assert "/v1/chat/completions" in text and "/predict" in text and "from openai import OpenAI" in text


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
