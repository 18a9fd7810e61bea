"""Starts the servers that are compared, waits until each answers, and ends them."""

import contextlib
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "release"
START_SECONDS_MAX = 120
CACHES = ROOT / "build" / "bench-cache"  # what programs find out about this machine, made anew by every run of the bench


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A running server: its port, the seconds from exec to its first healthy answer, and its memory."""

    def __init__(self, name, command, port, health_path):
        self.name, self.port = name, port
        started = time.perf_counter()
        self.log = open(ROOT / "build" / f"bench-{name.replace(' ', '-')}.log", "w", encoding="utf-8")
        self.process = subprocess.Popen([str(part) for part in command], stdout=self.log, stderr=self.log, cwd=ROOT,
                                        env={**os.environ, "XDG_CACHE_HOME": str(CACHES)})
        self.start_seconds = self._wait_until_healthy(started, health_path)

    def _wait_until_healthy(self, started, path):
        while time.perf_counter() - started < START_SECONDS_MAX:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}; see {self.log.name}")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - started
            except (urllib.error.URLError, OSError):
                time.sleep(0.005)
        raise RuntimeError(f"{self.name} was not ready after {START_SECONDS_MAX} s")

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()


def forebay(model, *flags):
    port = free_port()
    return Server("forebay", [BUILD / "forebay", "serve", model, "--port", port, "--log-level", "warning", *flags], port, "/readyz")


def llama_server(model, *flags, name="llama-server"):
    port = free_port()
    return Server(name, ["llama-server", "-m", model, "--port", port, "--no-webui", *flags], port, "/health")


def fastapi(model):
    port = free_port()
    return Server("fastapi", [sys.executable, ROOT / "bench" / "fastapi_service.py", model, port], port, "/healthz")


def encoder_service(folder):
    port = free_port()
    return Server("fastapi", [sys.executable, ROOT / "bench" / "encoder_service.py", folder, port], port, "/healthz")


def bare(model):
    port = free_port()
    return Server("bare", [BUILD / "bare_tensor_server", model, port], port, "/healthz")
