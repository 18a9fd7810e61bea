"""`forebay serve`: how it starts and ends, and what it says meanwhile."""

import json
import os
import re
import signal
import socket
import subprocess

import onnx
import pytest

from conftest import BINARY, EXAMPLES, environment, eventually, start_server


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


class Greeted:
    """A server in the foreground of a terminal's user: its standard output is read."""

    def __init__(self, folder, *arguments, env=None):
        self.process = subprocess.Popen([str(BINARY), "serve", *map(str, arguments), "--port", "0"], cwd=folder, env=environment(folder, env),
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def read_greeting(self):
        """Everything up to the last command."""
        text = ""
        while not re.search(r"^  curl \S+/v1/models.*\n", text, re.M):
            line = self.process.stdout.readline()
            assert line, f"the server ended after {text}"
            text += line
        return text

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0
        self.process.stdout.close()


def commands_of(greeting):
    """The commands of a first screen, each as one text for a shell."""
    body = re.split(r"Things to try.*:\n", greeting, maxsplit=1)[1]
    return [command.strip() for command in re.split(r"\n\n", body) if command.strip()]


@pytest.mark.parametrize("models,count", [((), 5), (("basket.onnx",), 2), (("forecast.onnx",), 2), (("digits.onnx",), 2), (("wine.onnx",), 2),
                                          (("chat.gguf",), 3), (("embed.gguf",), 2)])
@pytest.mark.parametrize("key", [None, "0123456789abcdef"])
def test_every_command_of_the_first_screen_works_as_printed(tmp_path, models, count, key):
    arguments = [EXAMPLES / model for model in models] + (["--api-key", key] if key else [])
    server = Greeted(tmp_path, *arguments)
    try:
        commands = commands_of(server.read_greeting())
        assert len(commands) == count, commands
        for command in commands:
            there = re.sub(r"^curl ", "curl -sS --fail-with-body ", command)
            run = subprocess.run(["bash", "-c", there], env={**os.environ, **({"FOREBAY_KEY": key} if key else {})}, stdin=subprocess.DEVNULL,
                                 capture_output=True, text=True, timeout=120, check=False)
            assert run.returncode == 0, (command, run.stdout, run.stderr)
            assert run.stdout.strip()
    finally:
        server.stop()


# --- the environment --------------------------------------------------------------------------------------------------


def test_serve_starts_beside_the_variables_of_kubernetes_and_clients(serve):
    server = serve(EXAMPLES / "wine.onnx", env={
        "FOREBAY_HTTP_PORT": "tcp://10.0.0.1:80", "FOREBAY_HTTP_PORT_80_TCP_ADDR": "10.0.0.1", "FOREBAY_EMBEDDINGS_SERVICE_HOST": "10.0.0.2",
        "FOREBAY_PORT_8080_TCP_ADDR": "10.0.0.3", "FOREBAY_KEY": "sk-client", "FOREBAY_LOG_LEVEL": "INFO", "FOREBAY_MODELS_WARM": ""})
    said = [line for line in server.lines if "FOREBAY_EMBEDDINGS_SERVICE_HOST" in line]
    assert len(said) == 1 and "FOREBAY_KEY" not in said[0] and "FOREBAY_HTTP_PORT" in said[0]


def test_serve_refuses_a_mistyped_variable_and_an_empty_key(forebay):
    done = forebay("serve", env={"FOREBAY_API_KEYS": "0123456789"})
    assert done.returncode == 78 and "did you mean 'FOREBAY_ACCOUNTS_API_KEYS'?" in done.stderr
    done = forebay("serve", env={"FOREBAY_ACCOUNTS_API_KEYS": ""})
    assert done.returncode == 78 and "leave the server open" in done.stderr


@pytest.mark.parametrize("host", ["[::1]", "::1", "localhost", "127.0.0.1"])
def test_serve_listens_on_names_and_addresses_in_brackets(tmp_path, host):
    server = start_server(tmp_path, [EXAMPLES / "wine.onnx", "--host", host])
    try:
        server.wait_until_ready()
        assert server.get("/livez").status_code == 200
        assert "without an API key" not in server.log
    finally:
        server.stop()


def test_serve_refuses_a_host_that_is_none(forebay):
    done = forebay("serve", EXAMPLES / "wine.onnx", "--host", "no-such-host.invalid")
    assert done.returncode == 78 and "host_unknown" in done.stderr


def test_an_open_address_without_a_key_is_said_aloud(tmp_path, serve):
    server = Greeted(tmp_path, EXAMPLES / "wine.onnx", "--host", "0.0.0.0")
    try:
        first = server.process.stdout.readline() + server.process.stdout.readline()
        assert "WARNING" in first and "without an API key" in first
    finally:
        server.stop()
    assert "without an API key" in serve(EXAMPLES / "wine.onnx", "--host", "0.0.0.0").log
    assert "without an API key" not in serve(EXAMPLES / "wine.onnx", "--host", "0.0.0.0", "--api-key", "0123456789").log


# --- repeatable options -----------------------------------------------------------------------------------------------


def test_an_option_takes_one_value_and_leaves_the_rest(serve, tmp_path):
    server = serve("--api-key", "0123456789", "--api-key", "9876543210", EXAMPLES / "wine.onnx", "--cors", "https://a.example", EXAMPLES / "digits.onnx",
                   "--set", "log.level=debug", EXAMPLES / "basket.onnx", "--model", f"other={EXAMPLES / 'wine.onnx'}", EXAMPLES / "forecast.onnx")
    for key in ("0123456789", "9876543210"):
        models = server.get("/v1/models", headers={"Authorization": f"Bearer {key}"}).json()
        assert {model["id"] for model in models["data"]} == {"wine", "digits", "basket", "other", "forecast"}
    assert server.get("/v1/models").status_code == 401
    assert server.get("/v1/models", headers={"Authorization": f"Bearer {EXAMPLES / 'wine.onnx'}"}).status_code == 401


def test_options_of_run_take_one_value(forebay):
    done = forebay("run", "--outputs", "label", EXAMPLES / "wine.onnx", EXAMPLES / "wine.csv", "--json")
    assert done.returncode == 0 and list(json.loads(done.stdout)["outputs"]) == ["label"], done.stderr
    done = forebay("run", "--set", "models.tune=false", EXAMPLES / "wine.onnx", EXAMPLES / "wine.csv", "--json")
    assert done.returncode == 0, done.stderr
    done = forebay("run", "--stop", "zzz", EXAMPLES / "chat.gguf", "Tell me about mercy.", "--max-tokens", "2")
    assert done.returncode == 0, done.stderr
    features = ",".join(["1"] * 13)
    done = forebay("run", "--input", f"features={features}", EXAMPLES / "wine.onnx", "--json")
    assert done.returncode == 0, done.stderr


# --- files and names --------------------------------------------------------------------------------------------------


def link(folder, name, target="wine.onnx"):
    """A model file of this name."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).symlink_to(EXAMPLES / target)


def test_a_folder_of_files_with_any_name_is_served_and_the_rest_is_said(serve, tmp_path):
    folder = tmp_path / "models"
    for name in ("plain.onnx", "with space.onnx", "müller.onnx", "llama3:8b.onnx", "nested/model.onnx", "two/a.onnx", "two/b.onnx", "v/1/a.onnx", "v/1/b.onnx",
                 "notes.txt"):
        link(folder, name)
    link(folder, "plain.gguf", "chat.gguf")
    (folder / "dangling.onnx").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.onnx")
    server = serve("--models", folder)
    assert {model["id"] for model in server.get("/v1/models").json()["data"]} == {"plain", "with space", "müller", "llama3:8b", "nested", "a", "b"}
    row = [13.4, 1.8, 2.4, 20, 100, 2.7, 2.9, 0.2, 1.8, 5.1, 1, 3.4, 920]
    for name in ("with space", "müller", "llama3:8b", "a", "b"):
        assert server.post("/predict", json={"model": name, "input": [row]}).status_code == 200, name
    for skipped in ("v/1", "plain.onnx", "dangling.onnx", "pipe.onnx", "notes.txt"):
        assert re.search(rf"(not served|no model files).*{skipped}", server.log), (skipped, server.log)
    assert "every model is ready" not in server.log and "some files are not served" in server.log


def test_a_named_model_goes_before_one_of_the_folder_and_two_named_alike_are_refused(serve, forebay, tmp_path):
    link(tmp_path / "models", "wine.onnx", "digits.onnx")
    server = serve("--models", tmp_path / "models", "--model", f"wine={EXAMPLES / 'wine.onnx'}")
    assert server.post("/predict", json={"model": "wine", "input": [[0] * 13]}).status_code == 200
    assert re.search(r"not served.*wine\.onnx.*has the same model name", server.log)
    done = forebay("serve", EXAMPLES / "wine.onnx", "--model", f"wine={EXAMPLES / 'digits.onnx'}")
    assert done.returncode != 0 and "given twice" in done.stderr


def test_a_name_may_have_slashes_and_colons(serve):
    server = serve("--model", f"org/wine:7b={EXAMPLES / 'wine.onnx'}")
    assert [model["id"] for model in server.get("/v1/models").json()["data"]] == ["org/wine:7b"]


def test_a_folder_without_a_model_that_can_be_served_says_why(forebay, tmp_path):
    for name in ("two/1/a.gguf", "two/1/b.gguf"):
        link(tmp_path / "models", name)
    done = forebay("serve", "--models", "models")
    assert done.returncode == 66 and "2 model files and none is named model" in done.stderr


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_lets_requests_end(tmp_path, number):
    server = start_server(tmp_path, [EXAMPLES / "chat.gguf"])
    try:
        server.wait_until_ready()
        body = {"model": "chat", "messages": [{"role": "user", "content": "Tell me about mercy."}], "max_tokens": 60, "stream": True}
        with server.post("/v1/chat/completions", json=body, stream=True) as answer:
            lines = answer.iter_lines()
            first = next(lines)
            server.process.send_signal(number)
            rest = [line for line in lines if line]
        assert first.startswith(b"data: ") and rest[-1] == b"data: [DONE]"
        assert server.wait() == 0 and "draining" in server.log
        assert not re.search(r"\bERROR\b", server.log)
        eventually(lambda: server.log.rstrip().splitlines()[-1].endswith("stopped"))
    finally:
        if server.process.poll() is None:
            server.stop()


def test_nohup_keeps_a_server_when_its_terminal_closes(tmp_path):
    ignoring = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    with subprocess.Popen(["python3", "-c", ignoring, str(BINARY), "serve", str(EXAMPLES / "wine.onnx"), "--port", "0"], cwd=tmp_path, env=environment(tmp_path),
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        said = ""
        while "every model is ready" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        said += process.stderr.read()
        assert process.wait(timeout=60) == 0
    assert f"signal={signal.SIGTERM.value}" in said and f"signal={signal.SIGHUP.value} " not in said


def test_a_server_that_is_stopped_while_it_loads_ends_without_errors(tmp_path):
    many = [part for index in range(60) for part in ("--model", f"m{index}={EXAMPLES / 'chat.gguf'}")]
    server = start_server(tmp_path, [*many, "--set", "threads.background=1"])
    server.terminate()
    assert server.wait() == 0
    eventually(lambda: server.log.rstrip().splitlines()[-1].endswith("stopped"))
    assert not re.search(r"\bERROR\b|could not be loaded", server.log), server.log


def endless_model(path):
    """An ONNX file whose loop runs as often as its input says."""
    helper, types = onnx.helper, onnx.TensorProto
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["going_out"]), helper.make_node("Add", ["sum", "sum"], ["sum_out"])], "body",
        [helper.make_tensor_value_info("turn", types.INT64, []), helper.make_tensor_value_info("going", types.BOOL, []), helper.make_tensor_value_info("sum", types.FLOAT, [1])],
        [helper.make_tensor_value_info("going_out", types.BOOL, []), helper.make_tensor_value_info("sum_out", types.FLOAT, [1])])
    graph = helper.make_graph(
        [helper.make_node("Squeeze", ["turns"], ["count"]), helper.make_node("Loop", ["count", "yes", "start"], ["out"], body=body)], "endless",
        [helper.make_tensor_value_info("turns", types.INT64, [1])], [helper.make_tensor_value_info("out", types.FLOAT, [1])],
        [helper.make_tensor("yes", types.BOOL, [], [True]), helper.make_tensor("start", types.FLOAT, [1], [1.0])])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


@pytest.mark.parametrize("signals", [1, 2])
def test_a_run_that_does_not_return_cannot_hold_the_process(tmp_path, signals):
    endless_model(tmp_path / "endless.onnx")
    server = start_server(tmp_path / "server", [tmp_path / "endless.onnx", "--set", "shutdown.drain_timeout=300ms", "--set", "shutdown.stop_timeout=500ms",
                                                "--set", "models.tensors.helping_max=0"])
    server.wait_until_ready()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        body = b'{"model": "endless", "input": [1000000000000]}'
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        eventually(lambda: "forebay_http_requests_in_flight 1" in server.get("/metrics").text or "endless" in server.get("/metrics").text)
        for _ in range(signals):
            server.terminate()
        assert server.wait(30) in (0, 75)
