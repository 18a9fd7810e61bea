"""The house rules that no compiler checks. Run as `python3 tests/house/rules.py [ROOT]`; exits with 1 and one line per finding.

Each rule names what to write instead. tests/test_house_rules.py proves that every rule can fail.
"""

import pathlib
import re
import subprocess
import sys

HEADER_LINES_MAX = 150
FILE_LINES_MAX = 600
SOURCE_SUFFIXES = {".h", ".cc"}

# (pattern, where it applies, what to do instead)
BANNED = [
    (r"\bstd::cout\b|\bprintf\(", r"^src/(?!cli/)", "log::info, or return the text: only cli writes to standard output"),
    (r"\.detach\(\)", r"^src/", "join it: std::jthread, or a pool"),
    (r"\bsleep_for\b|\bsleep_until\b|\busleep\(", r"^(src|bench)/", "wait on a condition or a clock that tests can move"),
    (r"\btime\.sleep\(", r"^tests/test_", "poll with a deadline: wait_until in tests/conftest.py"),
    (r"\b(strerror|strtok|localtime|gmtime|asctime|ctime|srand|rand|readdir)\(", r"^(src|bench)/", "a function without a hidden buffer: std::generic_category().message(), std::chrono, <random>"),
    (r"\bTODO\b|\bFIXME\b|\bXXX\b|\bHACK\b", r"^(src|bench|tests|cmake)/(?!house/)", "a line in docs/roadmap.md"),
    (r"GTEST_SKIP|DISABLED_|pytest\.mark\.(skip|xfail)|pytest\.skip", r"^(src|tests)/(?!house/|test_house_rules)", "delete the test or make it run"),
    (r"^\s*using namespace\b", r"^src/.*\.h$", "qualify the names"),
    (r"\bstd::mutex\b", r"^src/(?!base/|sandbox/).*\.h$", "Synchronized<T>"),
    (r"deb\.debian\.org|registry\.npmjs|pypi\.org|crates\.io|/root/|/home/[a-z]", r"^(?!tests/house/)", "no machine path or registry host belongs in the repository"),
]
BANNED_NAME_PARTS = {"manager", "helper", "util", "utils", "common", "data", "process", "handler2", "misc"}


def tracked_files(root):
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=root, check=True, capture_output=True, text=True)
    return sorted(path for path in listed.stdout.splitlines() if (root / path).is_file())


def read(path):
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None  # a binary file


def findings_in_text(path, text):
    for pattern, where, instead in BANNED:
        if not re.search(where, path):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if re.search(pattern, line):
                yield f"{path}:{number}: '{line.strip()[:60]}': {instead}"


def findings_in_source(path, text):
    lines = text.count("\n")
    if path.endswith(".h") and "/testing/" not in path:
        if lines > HEADER_LINES_MAX and not path.endswith("/errors.h"):  # a room's codes are one table
            yield f"{path}: {lines} lines; a header has at most {HEADER_LINES_MAX}: it is two things"
        if not text.startswith("//"):
            yield f"{path}:1: a header starts with what it is for"
        if "#pragma once" not in text:
            yield f"{path}: no #pragma once"
    if lines > FILE_LINES_MAX:
        yield f"{path}: {lines} lines; a file has at most {FILE_LINES_MAX}: it is two things"
    parts = set(pathlib.PurePath(path).stem.split("_"))
    for part in sorted(parts & BANNED_NAME_PARTS):
        yield f"{path}: '{part}' says nothing; name the file for its main type"


def findings_in_room(path, text):
    lines = text.splitlines()
    if not lines or not lines[0].startswith("# "):
        yield f"{path}:1: a room opens with its sentence"
    if not any(line.startswith("# Not here:") for line in lines):
        yield f"{path}: a room says what is not here"


def findings(root):
    for path in tracked_files(root):
        text = read(root / path)
        if text is None:
            continue
        yield from findings_in_text(path, text)
        if pathlib.PurePath(path).suffix in SOURCE_SUFFIXES:
            yield from findings_in_source(path, text)
        if re.fullmatch(r"src/[a-z]+/CMakeLists\.txt", path):
            yield from findings_in_room(path, text)


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    found = list(findings(root))
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
