"""Measure one call against the least a Flask service can do: in process, and served over sockets."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bare_app import make_bare_app
from flask import Flask
from patients import ROOT, TWITCHING, median, percentile, request_of, show, timed

from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app

_PATH = "/cds-services/twitch-patient-view"
_HEADERS = {"Content-Type": "application/json"}
_SIZES = {"small": 0, "50 KB": 50_000, "500 KB": 500_000}
_CONNECTIONS = 8
_CALLS_EACH = 40
_ROUNDS = 60


def in_process(app: Flask, body: bytes) -> list[float]:
    """Return the seconds of calls without a socket."""
    client = app.test_client()

    def call() -> None:
        answer = client.post(_PATH, data=body, headers=_HEADERS)
        assert answer.status_code == 200, answer.text

    return timed(call, _ROUNDS)


@contextmanager
def served(target: str, environment: dict[str, str]) -> Iterator[int]:
    """Serve an application with one granian worker; give its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--factory", "--port", str(port)]
    command += ["--blocking-threads", "4", "--no-ws", "--log-level", "error", target]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'bench'}", **environment}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def over_sockets(port: int, body: bytes) -> list[float]:
    """Return the seconds of calls by several connections at once."""

    def connection(_number: int) -> list[float]:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        times = []
        for _ in range(_CALLS_EACH):
            started = time.perf_counter()
            client.request("POST", _PATH, body, _HEADERS)
            answer = client.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            times.append(time.perf_counter() - started)
        client.close()
        return times

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        return [item for times in pool.map(connection, range(_CONNECTIONS)) for item in times[3:]]


def main() -> None:
    """Print both tables."""
    knowledge = load_knowledge()
    service = next(item for item in knowledge.services if item.id == "twitch-patient-view")
    bodies = {name: request_of(TWITCHING, service, size) for name, size in _SIZES.items()}
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/bench.sqlite3"
        settings = Settings(store_url=store, allow_as_of=True, log_level="error")
        _print_in_process(create_app(settings, knowledge), make_bare_app(), bodies)
        environment = {
            "TWITCH_CDS_STORE_URL": store,
            "TWITCH_CDS_ALLOW_AS_OF": "true",
            "TWITCH_CDS_LOG_LEVEL": "error",
        }
        _print_served(environment, bodies)


def _print_in_process(ours: Flask, bare: Flask, bodies: dict[str, bytes]) -> None:
    rows = []
    for name, body in bodies.items():
        own, least = in_process(ours, body), in_process(bare, body)
        ratio = median(least) / median(own)
        rows.append([name, _ms(median(own)), _ms(percentile(own, 0.95)), _ms(median(least)), f"{ratio:.0%}"])
    show("One call in process, ms", ["prefetch", "p50", "p95", "bare p50", "bare/ours"], rows)


def _print_served(environment: dict[str, str], bodies: dict[str, bytes]) -> None:
    measured: dict[str, list[list[float]]] = {name: [] for name in bodies}
    for target in ("cds_service.web:create_app_from_environment", "bare_app:make_bare_app"):
        with served(target, environment) as port:
            for name, body in bodies.items():
                measured[name].append(over_sockets(port, body))
    rows = []
    for name, (own, least) in measured.items():
        ratio = sum(least) / sum(own)
        rows.append([name, _ms(median(own)), _ms(percentile(own, 0.99)), _ms(median(least)), f"{ratio:.0%}"])
    title = f"Served by one granian worker, {_CONNECTIONS} connections, ms"
    show(title, ["prefetch", "p50", "p99", "bare p50", "bare/ours"], rows)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


if __name__ == "__main__":
    main()
