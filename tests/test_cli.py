"""The command line, as people and scripts use it: help, errors, the configuration, and what is told about files and machines."""

import json
import re
import socket
import subprocess

import pytest

from conftest import BINARY, EXAMPLES, ROOT, environment


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


@pytest.mark.parametrize("arguments", [("explain", "--list"), ("explain", "--markdown"), ("config", "show"), ("config", "schema"), ("inspect", EXAMPLES / "chat.gguf"),
                                       ("run", EXAMPLES / "wine.onnx", EXAMPLES / "wine.csv"), ("run", EXAMPLES / "embed.gguf", "text", "--json"),
                                       ("run", EXAMPLES / "chat.gguf", "Tell me about mercy.", "--max-tokens", "0"), ("run", EXAMPLES / "wine.onnx", "--batch", EXAMPLES / "wine.csv")],
                         ids=lambda arguments: " ".join(str(argument).rsplit("/", maxsplit=1)[-1] for argument in arguments))
def test_a_reader_that_goes_away_ends_the_command_silently(arguments, tmp_path):
    with subprocess.Popen([str(BINARY), *map(str, arguments)], cwd=tmp_path, env=environment(tmp_path), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdout.close()
        said = process.stderr.read()
        # A load that takes long is said.
        assert process.wait(timeout=120) == 141 and said in (b"", b"loading embed.gguf\n")


def test_a_full_disk_is_still_said():
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([str(BINARY), "config", "show"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 77 and "output_not_writable" in done.stderr


@pytest.mark.parametrize("arguments", [("inspect", EXAMPLES / "wine.onnx"), ("devices",), ("doctor", "--set", "http.port=0"), ("version",), ("explain", "FB1042"),
                                       ("run", EXAMPLES / "wine.onnx", EXAMPLES / "wine.csv")], ids=lambda arguments: arguments[0])
def test_json_and_output_json_mean_the_same_everywhere(forebay, arguments):
    short, long = forebay(*arguments, "--json"), forebay(*arguments, "--output", "json")
    assert short.returncode == long.returncode == 0, short.stderr
    assert type(json.loads(short.stdout)) is type(json.loads(long.stdout))
    assert forebay(*arguments, "--output", "nonsense").returncode == 2


def test_o_is_a_file_or_nothing(forebay):
    for command in ("inspect", "devices", "doctor", "version", "explain"):
        assert not re.search(r"^\s+-o\b", forebay(command, "--help").stdout, re.MULTILINE)
    assert re.search(r"^\s+-o, +--out FILE", forebay("run", "--help").stdout, re.MULTILINE)


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


def test_config_check_names_what_cannot_be_used_beside_other_mistakes(forebay, tmp_path):
    (tmp_path / "bad.yaml").write_text("http:\n  port: 99999\nmodels:\n  cpu_affinity: [4095]\n  backend: cup\nmodels_served: [a.onnx, b.onnx]\n")
    done = forebay("config", "check", "bad.yaml")
    assert done.returncode == 78
    for line in (r"bad\.yaml:2.*port", r"bad\.yaml:4: models\.cpu_affinity", r"bad\.yaml:5: models\.backend.*did you mean 'cpu'", r"bad\.yaml:6: models_served.*a\.onnx",
                 r"bad\.yaml:6: models_served.*b\.onnx", "has 5 mistakes"):
        assert re.search(line, done.stderr), (line, done.stderr)


@pytest.mark.parametrize("setting,word", [
    ("models.generation.strategy=foo", "round_robin"), ("models.generation.cells=foo", "unified"), ("models.backend=foo", "foo"), ("models.numa=foo", "isolate"),
    ("models.cpu_affinity=4095", "4095"), ("models_folder=/nowhere", "/nowhere"), ("models_served=nothing.onnx", "nothing.onnx"),
    ("models.adapters=chat/style=nothing.gguf", "nothing.gguf"), ("models.adapters=nothing", "MODEL/ADAPTER=FILE"), ("http.host=no-such-host.invalid", "no-such-host"),
    ("models_served[=x", "models_served"), ("models_served[x]=x", "models_served"), ("models_served[4000000000].path=x", "models_served"), ("nope[3]=x", "nope")])
def test_config_check_refuses_what_would_fail_later(forebay, setting, word):
    done = forebay("config", "check", "--set", setting)
    assert done.returncode == 78 and word in done.stderr, done.stderr


def test_paths_in_a_file_start_at_the_file(forebay, tmp_path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "a.yaml").write_text("models:\n  cache: {path: kept}\n  generation:\n    cache: {disk_path: states}\n  adapters: [m/a=lora.gguf]\n")
    shown = forebay("config", "show", "--config", "etc/a.yaml").stdout
    for path in ("etc/kept", "etc/states", "m/a=etc/lora.gguf"):
        assert f'"{path}"' in shown, shown


def test_doctor_looks_at_the_configured_host(forebay):
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        checks = json.loads(forebay("doctor", "--json", "--set", "http.host=[::1]", "--set", f"http.port={taken.getsockname()[1]}").stdout)
    (port,) = [check for check in checks if check["check"].startswith("port")]
    assert port["health"] == "note" and "::1" in port["finding"]
    checks = json.loads(forebay("doctor", "--json", "--set", "http.host=0.0.0.0", "--set", "http.port=0").stdout)
    (port,) = [check for check in checks if check["check"].startswith("port")]
    assert port["health"] == "note" and "no API key" in port["finding"]


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


def test_inspect_tries_the_file_of_a_folder_as_the_file(forebay, tmp_path):
    content = (EXAMPLES / "chat.gguf").read_bytes()
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "model.gguf").write_bytes(content.replace(b"llama", b"other"))  # an architecture that the library does not have
    for path in ("strange", "strange/", "strange/model.gguf"):
        shown = forebay("inspect", path)
        assert shown.returncode == 0 and re.search(r"runs here +no: .*unknown model architecture", shown.stdout), (path, shown)
    assert "runs here" not in forebay("inspect", "strange", "--no-probe").stdout
    assert "runs here" not in forebay("inspect", EXAMPLES / "chat.gguf").stdout


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
