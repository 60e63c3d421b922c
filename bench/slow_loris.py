"""Hold slow senders open against the shipped command and time what others get meanwhile (goal R7)."""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from patients import TWITCHING, median, percentile, request_of, show
from shipped import PATH, Shipped, read_answer, shipped

from cds_service.knowledge import load_knowledge

_LIMIT_SECONDS = 30.0
_BYTE_EVERY_SECONDS = 2.0
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What normal requests got: how many were answered as they should, and in how many seconds each."""

    asked: int
    answered: int
    seconds: list[float]


def measure(service: Shipped, body: bytes, *, headers: int, bodies: int, requests: int) -> Outcome:
    """Send ``requests`` normal requests, one after another, each on a connection of its own.

    Half of them ask for the services, half are calls with a token. Meanwhile ``headers`` connections send
    their header and ``bodies`` their body byte by byte; one that the server ends is opened again.
    """
    messages = [
        service.message(body) if number % 2 else b"GET /cds-services HTTP/1.1\r\nHost: x\r\n\r\n"
        for number in range(requests)
    ]
    with _slow(service, headers, bodies):
        time.sleep(_SETTLE_SECONDS)
        seconds = [taken for message in messages if (taken := _asked(service.port, message)) is not None]
    return Outcome(requests, len(seconds), seconds)


def _asked(port: int, message: bytes) -> float | None:
    """Return the seconds until the whole answer was there; None when there was none or a wrong one."""
    started = time.perf_counter()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_LIMIT_SECONDS) as connection:
            connection.sendall(message)
            status, _headers, _body = read_answer(connection)
    except OSError:
        return None
    return time.perf_counter() - started if status == 200 else None


@contextmanager
def _slow(service: Shipped, headers: int, bodies: int) -> Iterator[None]:
    """Hold slow senders open until the block is left."""

    def begin_header() -> socket.socket:
        return _sent(service.port, b"GET /cds-services HTTP/1.1\r\nHost: x\r\nX-Slow: ")

    def begin_body() -> socket.socket:
        return _sent(service.port, service.message(b"{" + b" " * 5000, PATH)[:-5000])

    over = threading.Event()
    senders = [(begin, begin()) for begin in [begin_header] * headers + [begin_body] * bodies]
    thread = threading.Thread(target=_drip, args=(senders, over))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _drip(senders: list[tuple[Callable[[], socket.socket], socket.socket]], over: threading.Event) -> None:
    """Send one byte on every connection, again and again; open anew what the server ended."""
    while not over.wait(_BYTE_EVERY_SECONDS):
        for number, (begin, connection) in enumerate(senders):
            if not _byte(connection):
                connection.close()
                senders[number] = (begin, begin())
    for _begin, connection in senders:
        connection.close()


def _byte(connection: socket.socket) -> bool:
    try:
        connection.sendall(b" ")
    except OSError:
        return False
    return True


def _sent(port: int, first: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=_LIMIT_SECONDS)
    connection.sendall(first)
    return connection


def main() -> int:
    """Print the table; exit code 1 when a normal request was not answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", type=int, default=300, help="slow headers, and as many slow bodies")
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    service = next(item for item in load_knowledge().services if item.id == PATH.rpartition("/")[2])
    body = request_of(TWITCHING, service)
    rows = []
    fine = True
    with tempfile.TemporaryDirectory() as folder, shipped(Path(folder), workers=asked.workers) as served:
        for slow in (0, asked.slow):
            found = measure(served, body, headers=slow, bodies=slow, requests=asked.requests)
            fine = fine and found.answered == found.asked
            times = [f"{share(found.seconds) * 1000:.1f}" for share in (median, _p99, max)]
            rows.append([f"{slow} + {slow}", f"{found.answered}/{found.asked}", *times])
    show("Normal requests while slow senders hold on, ms", ["slow", "answered", "p50", "p99", "max"], rows)
    return 0 if fine else 1


def _p99(seconds: list[float]) -> float:
    return percentile(seconds, 0.99)


if __name__ == "__main__":
    sys.exit(main())
