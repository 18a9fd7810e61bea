"""What the documents say is true: names exist, links lead somewhere, and the commands of the README run."""

import pathlib
import re
import shlex
import subprocess
import sys

import pytest

from conftest import BINARY, EXAMPLES, ROOT, environment

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
SOURCES = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.h")) + "\n".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.cc")
)
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_every_name_in_the_life_of_a_request_exists():
    text = (ROOT / "docs" / "life_of_a_request.md").read_text(encoding="utf-8")
    for name in re.findall(r"`([^`]+)`", text):
        if name.startswith("src/") or name.startswith("tests/"):
            assert (ROOT / name).is_file(), name
        elif re.fullmatch(r"[A-Za-z_]+(::[a-z_]+)?", name):
            for part in name.split("::"):
                assert re.search(rf"\b{part}\b", SOURCES), name


def commands_of(text):
    """The commands of the console blocks; a backslash at a line's end continues it."""
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for command in re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE):
            yield re.sub(r"\s+# .*$", "", command.replace("\\\n", " ")).strip()


def test_the_readme_curl_commands_are_answered(example_server):
    commands = [command for command in commands_of(README) if command.startswith("curl ")]
    assert len(commands) >= 2
    for command in commands:
        there = command.replace("http://127.0.0.1:8080", example_server.url)
        run = subprocess.run([*shlex.split(there), "-sS", "--fail-with-body"], capture_output=True, text=True, check=False, timeout=60)
        assert run.returncode == 0, (command, run.stdout, run.stderr)


def test_the_vision_guides_commands_are_answered(example_server, tmp_path):
    guide = (ROOT / "docs/guides/serve_a_vision_model.md").read_text(encoding="utf-8")
    commands = list(commands_of(guide))
    asked = [command for command in commands if command.startswith("curl ")]
    assert len(asked) == 3
    for command in asked:
        there = shlex.split(command.replace("http://127.0.0.1:8080", example_server.url))
        run = subprocess.run([*there, "-sS", "--fail-with-body"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert run.returncode == 0 and '"classes"' in run.stdout, (command, run.stdout, run.stderr)
    once = next(shlex.split(command)[2:] for command in commands if "digits.onnx" in command and command.startswith("./dev forebay run"))
    run = subprocess.run([BINARY, *once], cwd=ROOT, env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr


def test_the_series_guides_commands_are_answered(example_server):
    commands = list(commands_of((ROOT / "docs/guides/serve_series_and_recommenders.md").read_text(encoding="utf-8")))
    assert len(commands) == 2
    for command in commands:
        there = command.replace("http://127.0.0.1:8080", example_server.url) + " -sS --fail-with-body"
        run = subprocess.run(["bash", "-c", there], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert run.returncode == 0 and ('"windows"' in run.stdout or '"items"' in run.stdout), (command, run.stdout, run.stderr)


def test_the_tuning_guides_commands_are_answered(example_server):
    commands = [command for command in commands_of((ROOT / "docs" / "guides" / "tune_tensor_models.md").read_text(encoding="utf-8"))
                if command.startswith("curl ")]
    assert len(commands) == 2
    for command in commands:
        there = command.replace("http://127.0.0.1:8080", example_server.url)
        run = subprocess.run([*shlex.split(there), "-sS", "--fail-with-body"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert run.returncode == 0, (command, run.stdout, run.stderr)


def test_the_readme_python_block_streams_text(example_server, tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    script = tmp_path / "readme.py"
    script.write_text(block.replace("http://127.0.0.1:8080", example_server.url), encoding="utf-8")
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) > 3


def test_the_readme_binary_commands_run(tmp_path):
    commands = [shlex.split(command)[2:] for command in commands_of(README) if command.startswith("./dev forebay ")]
    once = [arguments for arguments in commands if arguments[0] != "serve"]
    assert len(once) >= 4
    for arguments in once:
        run = subprocess.run([BINARY, *arguments], cwd=ROOT, env=environment(tmp_path), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                             check=False, timeout=60)
        assert run.returncode == 0, (arguments, run.stderr)
        assert run.stdout


def test_the_readme_tells_all_of_devs_commands_that_it_uses():
    usage = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    for name in set(re.findall(r"\./dev (\w+)", README)):
        assert re.search(rf"^  {name}\b", usage, re.MULTILINE), name


def test_the_example_models_are_small():
    assert sum(path.stat().st_size for path in pathlib.Path(EXAMPLES).iterdir() if path.suffix in {".gguf", ".onnx"}) < 8_000_000
