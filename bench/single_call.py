"""Measure one call in process against the least a Flask service can do; ``served.py`` has it over sockets."""

from __future__ import annotations

import tempfile

from bare_app import make_bare_app
from flask import Flask
from patients import TWITCHING, median, percentile, request_of, show, timed

from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app

_PATH = "/cds-services/twitch-patient-view"
_HEADERS = {"Content-Type": "application/json"}
_SIZES = {"small": 0, "50 KB": 50_000, "500 KB": 500_000}
_ROUNDS = 60


def in_process(app: Flask, body: bytes) -> list[float]:
    """Return the seconds of calls without a socket."""
    client = app.test_client()

    def call() -> None:
        answer = client.post(_PATH, data=body, headers=_HEADERS)
        assert answer.status_code == 200, answer.text

    return timed(call, _ROUNDS)


def main() -> None:
    """Print the table."""
    knowledge = load_knowledge()
    service = next(item for item in knowledge.services if item.id == "twitch-patient-view")
    bodies = {name: request_of(TWITCHING, service, size) for name, size in _SIZES.items()}
    with tempfile.TemporaryDirectory() as folder:
        store = f"sqlite:///{folder}/bench.sqlite3"
        settings = Settings(store_url=store, allow_as_of=True, log_level="error")
        _print_in_process(create_app(settings, knowledge), make_bare_app(), bodies)


def _print_in_process(ours: Flask, bare: Flask, bodies: dict[str, bytes]) -> None:
    rows = []
    for name, body in bodies.items():
        own, least = in_process(ours, body), in_process(bare, body)
        ratio = median(least) / median(own)
        rows.append([name, _ms(median(own)), _ms(percentile(own, 0.95)), _ms(median(least)), f"{ratio:.0%}"])
    show("One call in process, ms", ["prefetch", "p50", "p95", "bare p50", "bare/ours"], rows)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


if __name__ == "__main__":
    main()
