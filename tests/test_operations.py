"""What operators see and what protects the server: statistics, metrics, memory pressure, overload, clients that go away."""

import json
import re
import shutil
import socket
import statistics
import threading
import time

import pytest
import requests

from conftest import EXAMPLES, ROOT, eventually, runner
from tools import metrics_table

CHAT = EXAMPLES / "chat.gguf"
DIGITS = EXAMPLES / "digits.onnx"
ONE_THREAD = ("--set", "models.generation.threads=1")  # the tests share the cores with what they test
IMAGE = json.loads((EXAMPLES / "expected.json").read_text())["digits"]["cases"][0]["image"]
LONG = {"model": "chat", "prompt": "In the beginning", "max_tokens": 1800, "ignore_eos": True, "temperature": 0}


# --- statistics

def test_the_last_minutes_percentiles_are_in_the_statistics(serve):
    server = serve(CHAT, DIGITS, *ONE_THREAD)
    for _ in range(5):
        assert server.post("/generate", LONG | {"max_tokens": 20}).status_code == 200
        assert server.post("/predict", {"model": "digits", "input": IMAGE}).status_code == 200
    models = {model["name"]: model for model in server.get("/server/stats").json()["models"]}
    chat, digits = models["chat"]["last_minute_ms"], models["digits"]["last_minute_ms"]
    assert chat["request"]["count"] == 5 and digits["request"]["count"] == 5
    assert chat["inter_token"]["count"] >= 5 * 19
    assert chat["time_to_first_token"]["count"] >= 5
    assert digits["inference"]["count"] >= 5
    for summary in [*chat.values(), digits["queue"], digits["inference"], digits["request"]]:
        assert 0 <= summary["p50"] <= summary["p90"] <= summary["p99"] <= summary["max"]
        assert summary["per_second"] > 0
    assert chat["time_to_first_token"]["p50"] <= chat["request"]["max"]


def test_workers_breaker_and_dead_letters_are_in_the_statistics(serve):
    server = serve(CHAT, *ONE_THREAD, "--workers", 2)
    stats = runner(server)
    assert stats["workers"] == 2
    assert [worker["state"] for worker in stats["worker_list"]] == ["healthy", "healthy"]
    assert stats["breaker"] == {"state": "closed", "openings": 0}
    assert (stats["dead_letters"], stats["restarts"], stats["retries"]) == (0, 0, 0)
    text = server.get("/metrics").text
    assert 'forebay_workers{model="chat",state="healthy",version="1"} 2' in text
    assert 'forebay_breaker_state{model="chat",version="1"} 0' in text


def test_the_prefix_cache_is_in_the_statistics(serve):
    server = serve(CHAT, *ONE_THREAD)
    prompt = "And God said, Let there be light: and there was light. " * 8
    for ending in ("And", "God", "saw"):
        answer = server.post("/generate", LONG | {"prompt": prompt + ending, "max_tokens": 2})
        assert answer.status_code == 200, answer.text
    saved = answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert saved > 32
    cache = next(model for model in server.get("/server/stats").json()["models"] if model["name"] == "chat")["prefix_cache"]
    assert cache["lookups"] >= 3
    assert cache["hits"] == 2
    assert cache["tokens_saved"] >= 2 * saved - 8
    assert cache["tiers"]["cells"]["hits"] + cache["tiers"]["ram"]["hits"] + cache["joined"] >= 2
    text = server.get("/metrics").text
    assert 'forebay_prefix_cache_hits_total{model="chat",version="1"} 2' in text
    assert 'forebay_prefix_cache_entries{model="chat",tier="cells",version="1"}' in text


def test_every_metric_is_documented_and_every_documented_one_exists(serve):
    server = serve("--models", EXAMPLES, *ONE_THREAD, "--set", "http.concurrent_requests_max=1")
    with server.post("/generate", LONG | {"stream": True}, stream=True) as stream:
        lines = stream.iter_lines()  # kept: a forgotten iterator closes the connection
        next(lines)
        assert server.post("/generate", LONG).status_code == 503
    eventually(lambda: server.post("/generate", LONG | {"max_tokens": 1}).status_code == 200)
    documented = re.findall(r"^\| `\w+` \| .*$", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    assert metrics_table.table(server.get("/metrics").text) == documented, "python3 tests/tools/metrics_table.py URL > docs/metrics.md"


def test_two_versions_of_a_model_do_not_overwrite_each_others_metrics(serve, tmp_path):
    for version in ("1", "2"):
        (tmp_path / "digits" / version).mkdir(parents=True)
        shutil.copy(DIGITS, tmp_path / "digits" / version / "model.onnx")
    server = serve("--models", tmp_path, "--set", "models.tensors.cache.models=digits")
    asked = {"1": 3, "2": 5}
    for version, times in asked.items():
        for _ in range(times + 1):  # the first one is computed
            assert server.post("/predict", {"model": "digits", "version": version, "input": IMAGE}).status_code == 200
    for _ in range(2):  # a scrape must not depend on the one before
        text = server.get("/metrics").text
        for version, times in asked.items():
            assert f'forebay_answer_cache_hits_total{{model="digits",version="{version}"}} {times}' in text
            assert f'forebay_requests_queued{{model="digits",version="{version}"}} 0' in text
    assert 'forebay_model_request_seconds_count{model="digits"} 10' in text, "what is only counted is counted together"


def test_the_memory_held_for_a_model_covers_what_it_takes(serve):
    def memory(*what):
        server = serve(*what, *ONE_THREAD)
        if CHAT in what:
            assert server.post("/generate", LONG | {"prompt": "In the beginning " * 40, "max_tokens": 32}).status_code == 200
        gauges = dict(re.findall(r"^(\w+) (\S+)$", server.get("/metrics").text, re.MULTILINE))
        return float(gauges["process_resident_memory_bytes"]), float(gauges["forebay_memory_budget_held_bytes"])

    resident_small, held_small = memory(DIGITS)
    resident, held = memory(CHAT, "--set", "models.generation.sequences_max=64")
    assert resident - resident_small <= held - held_small
    assert held - held_small <= 4 * (resident - resident_small), "and is not far from it"


def test_refusals_are_counted_by_reason(serve):
    server = serve(CHAT, *ONE_THREAD, "--set", "http.concurrent_requests_max=1")
    with server.post("/generate", LONG | {"stream": True}, stream=True) as stream:
        lines = stream.iter_lines()  # kept: a forgotten iterator closes the connection
        next(lines)
        for _ in range(3):
            assert server.post("/generate", LONG).status_code == 503
    answers = []

    def scraped():  # once the server knows that the stream's reader is gone; until then each is refused, too
        answers.append(server.get("/metrics"))
        return answers[-1].status_code == 200

    eventually(scraped)
    refused = 3 + len(answers) - 1
    assert f'forebay_refused_total{{reason="too_many_requests_in_flight"}} {refused}' in answers[-1].text
    assert re.search(r'forebay_build_info\{version="[^"]+"\} 1', server.get("/metrics").text)


# --- memory

def pressed(serve, share_of_limit, *more):
    """A server whose resident memory is about this share of its limit. It says itself how much it uses."""
    measured = serve(DIGITS)
    used = measured.get("/server/stats").json()["memory"]["used_bytes"]
    resident = next(float(line.split()[1]) for line in measured.get("/metrics").text.splitlines() if line.startswith("process_resident_memory_bytes "))
    assert used > 0
    return serve(DIGITS, "--set", f"memory.pressure.limit_bytes={int(resident / share_of_limit)}", "--set", "memory.pressure.period=10ms", *more)


def test_critical_pressure_refuses_new_work_and_still_answers_operators(serve):
    server = pressed(serve, 1.05)
    eventually(lambda: server.get("/health").json()["memory_pressure"] == "critical")
    answer = server.post("/predict", {"input": IMAGE, "priority": "high"})
    assert (answer.status_code, answer.json()["name"]) == (503, "memory_pressure")
    assert int(answer.headers["Retry-After"]) >= 1
    assert server.get("/livez").status_code == 200
    assert server.get("/server/stats").json()["memory"]["pressure"] == "critical"
    text = server.get("/metrics").text
    assert "forebay_memory_pressure 2" in text
    assert 'forebay_refused_total{reason="memory_pressure"}' in text
    assert server.get("/v1/models").status_code == 200


def test_elevated_pressure_still_serves(serve):
    server = pressed(serve, 0.86, "--set", "memory.pressure.elevated_at=0.6", "--set", "memory.pressure.elevated_until=0.4",
                     "--set", "memory.pressure.critical_at=1", "--set", "memory.pressure.critical_until=0.99")
    eventually(lambda: server.get("/health").json()["memory_pressure"] == "elevated")
    assert server.post("/predict", {"input": IMAGE}).status_code == 200


def test_wrong_thresholds_are_refused(forebay):
    run = forebay("config", "check", "--set", "memory.pressure.elevated_until=0.9")
    assert run.returncode == 78
    assert "memory.pressure.elevated_until" in run.stderr


# --- overload

def test_300_requests_at_once_are_each_answered_or_refused_at_once(serve):
    server = serve(CHAT, *ONE_THREAD, "--set", "models.generation.admission.queue_requests_max=40")
    results = []
    start = threading.Barrier(300)

    def ask(number):
        session = requests.Session()
        session.get(server.url + "/livez", timeout=60)  # connected before the start
        start.wait()
        began = time.monotonic()
        answer = session.post(server.url + "/generate", timeout=120, json=LONG | {"prompt": f"In the beginning {number}", "max_tokens": 30})
        results.append((answer.status_code, time.monotonic() - began, answer))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(300)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    served = [one for one in results if one[0] == 200]
    refused = [one for one in results if one[0] == 503]
    assert len(results) == 300 and len(served) + len(refused) == 300
    assert len(served) >= 40 and len(refused) >= 1
    for _, _, answer in served:
        assert answer.json()["usage"]["completion_tokens"] == 30
    for _, _, answer in refused:
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["name"] == "overloaded"
    # The clients share two cores with the server: what counts is that a refusal does not wait for the work.
    assert statistics.median(one[1] for one in refused) < statistics.median(one[1] for one in served) + 0.5
    stats = runner(server)
    assert (stats["queued"], stats["running"], stats["finished"]) == (0, 0, len(served) + 1)  # and the warm-up
    assert server.get("/server/stats").json()["requests"]["in_flight"] == 1  # this one


def test_health_answers_while_overloaded(serve):
    server = serve(CHAT, *ONE_THREAD)
    pause = threading.Event()
    threads = [threading.Thread(target=lambda: server.post("/generate", LONG | {"max_tokens": 100})) for _ in range(40)]
    for thread in threads:
        thread.start()
    times = []
    for _ in range(20):
        began = time.monotonic()
        assert server.get("/livez").status_code == 200
        times.append(time.monotonic() - began)
        pause.wait(0.01)
    for thread in threads:
        thread.join()
    assert statistics.median(times) < 0.1


# --- clients that go away

def send(server, body):
    """A connection with this request on it."""
    payload = json.dumps(body).encode()
    sock = socket.create_connection(("127.0.0.1", server.port), timeout=30)
    sock.sendall(b"POST /generate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(payload) + payload)
    return sock


def freed_after(server, condition):
    """Seconds until the condition is seen, which another thread's answer to /server/stats takes part in."""
    gone = time.monotonic()
    eventually(condition, seconds=5)
    return time.monotonic() - gone


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("in_company", [True, False])
def test_a_running_request_is_freed_within_100_ms(serve, streaming, in_company):
    """llama-server keeps a dead request that does not stream for as long as any other one runs (field/generation.md 2.2)."""
    server = serve(CHAT, *ONE_THREAD, "--set", "models.generation.context_tokens=16384")
    company = send(server, LONG | {"stream": True}) if in_company else None
    expected = 1 if in_company else 0
    if company:
        company.recv(1)
    best = None
    for _ in range(3):  # a text may end by itself before its client goes
        before = runner(server)["cancelled"]
        sock = send(server, LONG | {"stream": streaming})
        eventually(lambda: runner(server)["running"] > expected)
        sock.close()
        took = freed_after(server, lambda: runner(server)["running"] <= expected)
        if runner(server)["cancelled"] > before:
            best = took if best is None else min(best, took)
    if company:
        company.close()
    assert best is not None and best < 0.1


def test_a_queued_request_is_freed_within_100_ms_while_the_slots_stay_busy(serve):
    server = serve(CHAT, *ONE_THREAD, "--set", "models.generation.sequences_max=1")
    best = None
    for _ in range(3):
        with send(server, LONG | {"stream": True}) as running:
            running.recv(1)
            queued = send(server, LONG)
            eventually(lambda: runner(server)["queued"] == 1)
            queued.close()
            took = freed_after(server, lambda: runner(server)["queued"] == 0)
            if runner(server)["running"] == 1:
                best = took if best is None else min(best, took)
        eventually(lambda: runner(server)["running"] == 0)
    assert best is not None and best < 0.1
