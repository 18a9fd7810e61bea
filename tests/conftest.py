"""What every black-box test stands on: the real binary, run once or as a server on a port of its own.

    forebay("inspect", model)          -> subprocess.CompletedProcess with text output
    with/serve(model, "--workers", 1)  -> Server, ready to answer; ended by SIGTERM after the test, which must exit with 0
"""

import os
import pathlib
import queue
import re
import signal
import subprocess
import threading
import time

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("FOREBAY_BINARY", ROOT / "build" / "release" / "forebay"))
EXAMPLES = ROOT / "examples" / "models"
# Real model files with known answers; tests that need them are defined only `if REFERENCE:`.
REFERENCE = pathlib.Path(os.environ["FOREBAY_REFERENCE_MODELS"]) if os.environ.get("FOREBAY_REFERENCE_MODELS") else None

START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 40
LISTENING = re.compile(r'(https?://(?:[0-9.]+|\[[0-9a-f:]+\]|localhost):([0-9]+))')


def environment(folder, extra=None):
    """The tests' own environment: nothing of the user's configuration reaches the binary."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FOREBAY_")}
    kept.update({"XDG_CONFIG_HOME": str(folder / "config"), "XDG_CACHE_HOME": str(folder / "cache"), "HOME": str(folder), "NO_COLOR": "1",
                 "LC_ALL": "C.UTF-8"})
    kept.update(extra or {})
    return kept


class Server:
    """One running `forebay serve`."""

    def __init__(self, process, folder):
        self.process = process
        self.folder = folder
        self.lines = []  # of standard error, as they come
        self._fresh = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = None
        self.port = None

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            self._fresh.put(line)
        self._fresh.put(None)

    @property
    def log(self):
        """Everything the server has written to standard error so far."""
        return "".join(self.lines)

    def wait_for_line(self, pattern, seconds=START_SECONDS_MAX):
        """The first match of `pattern` in a line not looked at before."""
        until = time.monotonic() + seconds
        while True:
            try:
                line = self._fresh.get(timeout=max(0.001, until - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line like {pattern!r} within {seconds} s; the log so far:\n{self.log}") from None
            if line is None:
                raise AssertionError(f"the server ended with {self.process.wait()} before a line like {pattern!r}:\n{self.log}")
            if match := re.search(pattern, line):
                return match

    def wait_until_listening(self):
        """Reads the port that the server chose."""
        match = self.wait_for_line(r"listening on.*?" + LISTENING.pattern)
        self.url, self.port = match.group(1), int(match.group(2))

    def wait_until_ready(self, seconds=START_SECONDS_MAX):
        """Asks /readyz until every model is loaded and warm."""
        until = time.monotonic() + seconds
        while requests.get(f"{self.url}/readyz", timeout=10).status_code != 200:
            assert time.monotonic() < until, f"not ready within {seconds} s:\n{self.log}"
            try:  # The pause between two questions ends at once when the server dies.
                raise AssertionError(f"the server ended with {self.process.wait(timeout=0.02)}:\n{self.log}")
            except subprocess.TimeoutExpired:
                pass

    def get(self, path, **options):
        """GET below this server's address."""
        return requests.get(self.url + path, timeout=options.pop("timeout", 60), **options)

    def post(self, path, json=None, **options):
        """POST below this server's address."""
        return requests.post(self.url + path, json=json, timeout=options.pop("timeout", 120), **options)

    def terminate(self):
        """Asks for a drain; `wait` gives the exit status."""
        self.process.send_signal(signal.SIGTERM)

    def wait(self, seconds=STOP_SECONDS_MAX):
        """The exit status."""
        try:
            return self.process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not end within {seconds} s:\n{self.log}") from None

    def stop(self):
        """SIGTERM, and the exit status must be 0."""
        if self.process.poll() is None:
            self.terminate()
        status = self.wait()
        self._reader.join(timeout=5)
        assert status == 0, f"the server ended with {status}:\n{self.log}"


def eventually(condition, seconds=10):
    """Waits for a condition that other threads bring about; the server is asked again and again."""
    until = time.monotonic() + seconds
    pause = threading.Event()  # never set: the server gets a moment to work between two questions
    while not condition():
        assert time.monotonic() < until, "the condition did not come true"
        pause.wait(0.005)


def runner(server, name="chat"):
    """The statistics of one model's runner."""
    return next(model for model in server.get("/server/stats").json()["models"] if model["name"] == name)["runner"]


@pytest.fixture
def forebay(tmp_path):
    """Runs one command to its end."""

    def run(*arguments, cwd=None, env=None, stdin="", timeout=120, text=True):
        return subprocess.run([str(BINARY), *map(str, arguments)], cwd=cwd or tmp_path, env=environment(tmp_path, env), input=stdin,
                              capture_output=True, text=text, timeout=timeout, check=False)

    return run


def start_server(folder, arguments, env=None, port=0):
    """A server that listens; not necessarily ready. The caller stops it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(BINARY), "serve", *map(str, arguments), "--port", str(port)]
    process = subprocess.Popen(command, cwd=folder, env=environment(folder, env), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, errors="replace")
    server = Server(process, folder)
    try:
        server.wait_until_listening()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return server


@pytest.fixture
def serve(tmp_path):
    """Starts servers for one test: serve(model, "--workers", 1, ready=True, env=None) -> Server."""
    started = []

    def start(*arguments, ready=True, env=None, port=0):
        server = start_server(tmp_path / f"server-{len(started)}", arguments, env, port)
        started.append(server)
        if ready:
            server.wait_until_ready()
        return server

    yield start
    for server in started:
        if server.process.poll() is None or server.process.returncode != 0:
            server.stop()


@pytest.fixture(scope="module")
def example_server(tmp_path_factory):
    """One server with every example model, shared by the tests of a file. Do not change or stop it."""
    server = start_server(tmp_path_factory.mktemp("examples"), ["--models", EXAMPLES])
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.stop()
