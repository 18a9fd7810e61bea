"""Runs clang-tidy over the files given on standard input, one a line, and only over those whose input changed since it last passed.

    git ls-files '*.cc' | python3 tests/house/tidy.py CLANG_TIDY BUILD_FOLDER JOBS

What a file's result depends on is hashed: the file, every header of the house that it reaches, .clang-tidy, the compile command and the
program itself. Headers of libraries are covered by BUILD_FOLDER, which is configured anew when the packages change. A pass is
remembered as an empty file in BUILD_FOLDER/tidy; a finding never is.
"""

import concurrent.futures
import functools
import hashlib
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


@functools.cache
def text_of(path):
    return path.read_text(encoding="utf-8")


@functools.cache
def includes_of(path):
    places = (path.parent, ROOT / "src")
    found = (place / name for name in INCLUDE.findall(text_of(path)) for place in places)
    return [header for header in found if header.is_file()]


def reached_from(path):
    reached, waiting = set(), [path]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached.add(here)
            waiting += includes_of(here)
    return sorted(reached)


def key_of(path, command, program):
    where_ever = command.replace(str(ROOT), "")
    digest = hashlib.sha256(f"{program}\n{where_ever}\n{text_of(ROOT / '.clang-tidy')}".encode())
    for source in reached_from(path):
        digest.update(f"\n{source.relative_to(ROOT)}\n{text_of(source)}".encode())
    return digest.hexdigest()


def main():
    program, folder, jobs = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    passed = folder / "tidy"
    passed.mkdir(exist_ok=True)
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    commands = {entry["file"]: entry["command"] for entry in json.loads((folder / "compile_commands.json").read_text())}
    files = [ROOT / line for line in sys.stdin.read().split()]
    unknown = [str(path.relative_to(ROOT)) for path in files if str(path) not in commands]
    if unknown:
        print(f"nothing compiles {', '.join(unknown)}", file=sys.stderr)
        return 1
    keys = {path: key_of(path, commands[str(path)], version) for path in files}
    changed = [path for path in files if not (passed / keys[path]).exists()]
    print(f"clang-tidy: {len(changed)} of {len(files)} files changed since they last passed", file=sys.stderr)

    def check(path):
        run = subprocess.run([program, "-p", str(folder), "--quiet", str(path)], cwd=ROOT, capture_output=True, text=True)
        if run.returncode == 0:
            (passed / keys[path]).touch()
        else:
            print(run.stdout or run.stderr, end="", flush=True)
        return run.returncode == 0

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(check, changed))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
