"""Measure hook calls against the shipped command, each with a token of its own, over real sockets.

The yardstick is ``bare_app.py`` on the same server: its share of our time is what no service can save.
Each call waits for the disk once, where its token is kept as used: a durable write is therefore shown too.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from patients import ROOT, TWITCHING, median, percentile, request_of, show, timed
from shipped import PATH, Shipped, cpu_seconds, free_port, read_answer, shipped

from cds_service.knowledge import load_knowledge

_SIZES = {"small": 0, "500KB": 500_000}
_CONNECTIONS = (1, 8)
_WARM_UP = 5
_SERVER = ("--interface", "wsgi", "--factory", "--no-ws", "--log-level", "error", "--blocking-threads", "512")
_TITLES = ("size", "conn", "p50", "p95", "p99", "CPU", "per s", "bare", "per s", "bare/ours")


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of each call, and of all together."""

    calls: list[float]
    together: float

    @property
    def rate(self) -> float:
        """Calls answered in a second."""
        return len(self.calls) / self.together


def load(port: int, messages: list[bytes], connections: int) -> Measured:
    """Send the messages over so many connections at once, each one after another.

    Raises:
        AssertionError: An answer was not 200.
    """
    shares = [messages[number::connections] for number in range(connections)]
    with ThreadPoolExecutor(connections) as pool:
        started = time.perf_counter()
        taken = list(pool.map(lambda share: _calls(port, share), shares))
        together = time.perf_counter() - started
    return Measured([seconds for times in taken for seconds in times], together)


def _calls(port: int, messages: list[bytes]) -> list[float]:
    times = []
    with closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for message in messages:
            started = time.perf_counter()
            connection.sendall(message)
            status, _headers, body = read_answer(connection)
            times.append(time.perf_counter() - started)
            assert status == 200, body
    return times


@contextmanager
def bare() -> Iterator[int]:
    """Serve the yardstick with the server and the numbers ``twitch-cds serve`` has; give its port."""
    port = free_port()
    command = [sys.executable, "-m", "granian", *_SERVER, "--port", str(port), "bare_app:make_bare_app"]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'bench'}"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the yardstick did not start")


def measure(service: Shipped, yardstick: int, body: bytes, connections: int, calls: int) -> list[str]:
    """Return a row of the table: both services by turns, so that a busy machine is busy for both."""
    own, least, spent = [], [], 0.0
    (worker,) = service.workers()
    load(service.port, [service.message(body) for _ in range(_WARM_UP)], 1)
    for _turn in range(2):
        messages = [service.message(body) for _ in range(calls // 2)]  # signing costs the sender, not us
        before = cpu_seconds(worker)
        own.append(load(service.port, messages, connections))
        spent += cpu_seconds(worker) - before
        least.append(load(yardstick, messages, connections))
    ours, theirs = _joined(own), _joined(least)
    times = [_ms(percentile(ours.calls, share)) for share in (0.5, 0.95, 0.99)]
    share = median(theirs.calls) / median(ours.calls)
    cpu = _ms(spent / len(ours.calls))
    return [*times, cpu, f"{ours.rate:.0f}", _ms(median(theirs.calls)), f"{theirs.rate:.0f}", f"{share:.1%}"]


def _joined(parts: list[Measured]) -> Measured:
    return Measured(
        [seconds for part in parts for seconds in part.calls], sum(part.together for part in parts)
    )


def durable_write(folder: Path) -> float:
    """Return the median seconds this disk needs to keep 4 KB for good."""
    with (folder / "probe").open("wb", buffering=0) as file:

        def write() -> None:
            file.write(bytes(4096))
            os.fdatasync(file.fileno())

        return median(timed(write, 50))


def main() -> None:
    """Print how long the service takes to start and the table of calls."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=400, help="calls of each row")
    asked = parser.parse_args()
    view = next(item for item in load_knowledge().services if item.id == PATH.rpartition("/")[2])
    bodies = {name: request_of(TWITCHING, view, size) for name, size in _SIZES.items()}
    rows = []
    with tempfile.TemporaryDirectory() as folder, shipped(Path(folder)) as service, bare() as yardstick:
        first = load(service.port, [service.message(bodies["small"])], 1).calls[0]
        for name, body in bodies.items():
            for connections in _CONNECTIONS:
                row = measure(service, yardstick, body, connections, asked.calls)
                rows.append([name, str(connections), *row])
        disk = durable_write(Path(folder))
    print(f"/readyz after {service.start_seconds:.2f} s, the first card {_ms(first)} ms later;", end=" ")
    print(f"a durable write takes this disk {_ms(disk)} ms")
    show("Calls with a token to one worker, ms; CPU of the worker for each", _TITLES, rows)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"


if __name__ == "__main__":
    main()
