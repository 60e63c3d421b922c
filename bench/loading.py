"""Measure how long the knowledge takes to load, and the service to start."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

from patients import ROOT, median, show, timed

from cds_service.knowledge import load_knowledge
from cds_service.program import program_of


def first_answer(store: str) -> float:
    """Return the seconds from starting the command to the first answer of /readyz."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "cds_service", "serve", "--port", str(port)]
    environment = {**os.environ, "TWITCH_CDS_STORE_URL": store, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while process.poll() is None:
            try:
                opener.open(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.01)
        elapsed = time.perf_counter() - started
        process.terminate()
    return elapsed


def main() -> None:
    """Print the table."""
    knowledge = load_knowledge()
    loading = timed(load_knowledge, 5)
    started = time.perf_counter()
    program_of(knowledge)
    compiling = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder:
        starting = median([first_answer(f"sqlite:///{folder}/bench.sqlite3") for _ in range(3)])
    rows = [
        [
            f"load {len(knowledge.rules)} rules and all terminology",
            f"{median(loading) * 1000:.0f} ms",
            "1000 ms",
        ],
        ["make the rules ready to judge", f"{compiling * 1000:.0f} ms", ""],
        ["start to first /readyz", f"{starting * 1000:.0f} ms", "2000 ms"],
    ]
    show("Loading", ["what", "measured", "mark"], rows)


if __name__ == "__main__":
    main()
