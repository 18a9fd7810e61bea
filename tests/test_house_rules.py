"""The house rules hold here, and each of them can fail."""

import pathlib
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
