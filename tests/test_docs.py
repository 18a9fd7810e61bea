"""What documents, help pages and hints say is true: names exist, links lead somewhere, and commands work as printed."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from conftest import BINARY, EXAMPLES, ROOT
from docs_runner import Reader, console_blocks, documents_with_commands, matches, steps_of

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


@pytest.mark.parametrize("document", documents_with_commands(), ids=lambda path: path.stem)
def test_the_commands_of_a_document_work_as_printed(document, tmp_path):
    blocks = console_blocks(document.read_text(encoding="utf-8"))
    assert blocks
    reader = Reader(tmp_path)
    try:
        for command, printed in (step for block in blocks for step in steps_of(block)):
            done = reader.run(command)
            assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
            assert not printed or matches(printed, done.stdout), (command, printed, done.stdout[-2000:])
    finally:
        reader.stop()


@pytest.mark.parametrize("printed,got,same", [
    ("7  0.95…", "7  0.951", True), ("7  0.95", "7  0.90", False), ("a … c", "a b c", True), ("a", "b", False), ("took 1.5 ms", "took 1.51 ms", True), ("x", "x y", False)])
def test_printed_output_is_compared(printed, got, same):
    assert matches(printed, got) == same


def help_examples():
    """(command, example) of every help page."""
    commands = [(name,) for name in ("serve", "run", "inspect", "devices", "doctor", "explain", "version")] + [("config", "show"), ("config", "check"), ()]
    for command in commands:
        page = subprocess.run([BINARY, *command, "--help"], capture_output=True, text=True, check=True).stdout
        for example in re.findall(r"^  (\S.*\bforebay .*|forebay .*)$", page.split("\nExamples", 1)[-1], re.MULTILINE) if "\nExamples" in page else ():
            yield " ".join(command), example


@pytest.mark.parametrize("command,example", list(help_examples()))
def test_the_examples_of_the_help_can_be_copied_and_work(command, example, tmp_path):
    reader = Reader(tmp_path)
    reader.folder = reader.folder / "examples" / "models"
    if "# a conversation" in example:
        example = f"echo Hello | {example} --max-tokens 4"
    try:
        done = reader.run(example)
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    finally:
        reader.stop()


def test_every_command_with_a_page_of_examples_was_found():
    assert {command for command, _ in help_examples()} >= {"serve", "run", "inspect", "devices", "explain", "config show", "config check", ""}
    assert len(list(help_examples())) >= 25


def test_the_readme_python_block_streams_text(example_server, tmp_path):
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    script = tmp_path / "readme.py"
    script.write_text(block.replace("http://127.0.0.1:8080", example_server.url), encoding="utf-8")
    run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.split()) > 3


def test_the_readme_tells_all_of_devs_commands_that_it_uses():
    usage = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True, check=True).stdout
    for name in set(re.findall(r"\./dev (\w+)", README)):
        assert re.search(rf"^  {name}\b", usage, re.MULTILINE), name


def test_the_example_models_are_small():
    assert sum(path.stat().st_size for path in pathlib.Path(EXAMPLES).iterdir() if path.suffix in {".gguf", ".onnx"}) < 8_000_000


# --- names in hints and messages --------------------------------------------------------------------------------------

SETTINGS = re.findall(r"^\| `([a-z_.0-9]+)` \|", (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8"), re.MULTILINE)
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
SETTING = re.compile(r"(?<![\w./-])(?:http|accounts|models|memory|threads|log|shutdown)(?:\.[a-z_][a-z_0-9]*)+(?![\w/(])")

# Files of a control group, and a host.
NO_SETTINGS = {"memory.current", "memory.high", "memory.limit_in_bytes", "memory.max", "memory.usage_in_bytes", "models.example"}


def is_setting(name):
    """Whether it is a setting or a section of settings."""
    return any(setting == name or setting.startswith(name + ".") for setting in SETTINGS)


def test_every_setting_that_a_message_or_a_hint_names_exists():
    named = set()
    for path in sorted((ROOT / "src").rglob("*")):
        if path.suffix not in (".cc", ".h") or path.name.endswith(("_test.cc", "_fuzz.cc", "_bench.cc")):
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#include"):
                continue
            for literal in LITERAL.findall(line):
                named |= {(path.name, name) for name in SETTING.findall(literal)}
    assert len(named) > 100
    wrong = [(file, name) for file, name in sorted(named) if not is_setting(name) and name not in NO_SETTINGS]
    assert wrong == []


def test_every_command_and_flag_that_a_hint_names_exists(forebay):
    codes = json.loads(forebay("explain", "--list", "--json").stdout)
    pages = {command: forebay(*command.split(), "--help").stdout for command in
             ("serve", "run", "inspect", "devices", "doctor", "config", "config show", "config check", "explain", "completion", "version", "help")}
    flags = set(re.findall(r"--[a-z][a-z-]+", "".join(pages.values())))
    for code in codes:
        for words in re.findall(r"[`']forebay ([a-z]+)", code["hint"]):
            assert words in pages, code
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code["hint"]):
            assert flag in flags, code


def test_the_table_of_exit_statuses_has_every_one(forebay):
    codes = json.loads(forebay("explain", "--list", "--json").stdout)
    table = {int(number) for number in re.findall(r"(?:^|  )(\d+)  +[a-z]", forebay("help").stdout.split("Exit status:")[1], re.MULTILINE)}
    assert {code["exit_status"] for code in codes} <= table
    assert {0, 2, 64, 65, 66, 69, 70, 75, 77, 78, 130, 141} == table
