"""The house rules hold here, and each of them can fail."""

import json
import pathlib
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "house"))

import rules  # noqa: E402


def findings_for(tmp_path, path, text):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    target = tmp_path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8")
    return list(rules.findings(tmp_path))


def test_the_repository_keeps_its_rules():
    assert list(rules.findings(ROOT)) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("src/base/a.cc", "void f() { std::cout << 1; }\n"),
        ("src/base/a.cc", "thread.detach();\n"),
        ("src/base/a.cc", "std::this_thread::sleep_for(1s);\n"),
        ("src/base/a.cc", "log(std::strerror(errno));\n"),
        ("src/base/a.cc", "// TO" + "DO later\n"),
        ("src/base/a_test.cc", "GTEST" + "_SKIP();\n"),
        ("src/base/a.h", "// A thing.\n#pragma once\nusing namespace std;\n"),
        ("src/http/a.h", "// A thing.\n#pragma once\nstd::mutex mutex_;\n"),
        ("docs/a.md", "see /ro" + "ot/somewhere\n"),
        ("src/base/a.h", "#pragma once\n"),
        ("src/base/a.h", "// A thing.\n"),
        ("src/base/a.h", "// A thing.\n#pragma once\n" + "\n" * 150),
        ("src/base/a.cc", "\n" * 601),
        ("src/base/string_util.cc", "\n"),
        ("src/base/CMakeLists.txt", "room(base)\n"),
        ("tests/test_a.py", "time.sl" + "eep(1)\n"),
    ],
)
def test_a_breach_is_found(tmp_path, path, text):
    assert findings_for(tmp_path, path, text)


def test_a_clean_file_passes(tmp_path):
    assert findings_for(tmp_path, "src/base/a.h", "// A thing.\n// Threads: immutable.\n#pragma once\n") == []


# Stands for clang-tidy: notes the file it was given, and finds something in every text with "bad" in it.
CHECKER = """#!/bin/sh
[ "$1" = --version ] && { echo 1; exit; }
for last; do :; done
echo "$last" >> seen
! grep bad "$last"
"""


class Tidy:
    def __init__(self, root):
        self.root = root
        for folder in ("tests/house", "src", "build"):
            (root / folder).mkdir(parents=True)
        shutil.copy(ROOT / "tests/house/tidy.py", root / "tests/house")
        (root / "checker").write_text(CHECKER)
        (root / "checker").chmod(0o755)
        (root / ".clang-tidy").write_text("Checks: '*'\n")
        (root / "src/a.h").write_text("// A.\n")
        (root / "src/a.cc").write_text('#include "a.h"\n')
        (root / "src/b.cc").write_text("int b;\n")
        commands = [{"file": str(root / f"src/{name}.cc"), "command": "c++"} for name in "ab"]
        (root / "build/compile_commands.json").write_text(json.dumps(commands))

    def run(self, files="src/a.cc\nsrc/b.cc\n"):
        (self.root / "seen").write_text("")
        command = [sys.executable, "tests/house/tidy.py", str(self.root / "checker"), "build", "1"]
        status = subprocess.run(command, cwd=self.root, input=files, text=True, capture_output=True).returncode
        return status, [pathlib.Path(line).name for line in (self.root / "seen").read_text().splitlines()]


def test_a_file_is_analysed_again_only_when_something_it_includes_changed(tmp_path):
    tidy = Tidy(tmp_path)
    assert tidy.run() == (0, ["a.cc", "b.cc"])
    assert tidy.run() == (0, [])
    (tmp_path / "src/a.h").write_text("// A, again.\n")
    assert tidy.run() == (0, ["a.cc"])
    (tmp_path / ".clang-tidy").write_text("Checks: '-*'\n")
    assert tidy.run() == (0, ["a.cc", "b.cc"])


def test_a_finding_is_never_remembered_as_a_pass(tmp_path):
    tidy = Tidy(tmp_path)
    (tmp_path / "src/b.cc").write_text("int bad;\n")
    assert tidy.run() == (1, ["a.cc", "b.cc"])
    assert tidy.run() == (1, ["b.cc"])


def test_a_file_that_nothing_compiles_is_no_clean_file(tmp_path):
    assert Tidy(tmp_path).run("src/c.cc\n") == (1, [])
