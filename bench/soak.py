"""Hold load on the shipped command, with tokens, and watch memory, open files and errors over time."""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from contextlib import closing
from pathlib import Path

from patients import TWITCHING, WELL, percentile, request_of, show
from shipped import PATH, Shipped, open_files, read_answer, rss_mib, shipped

from cds_service.knowledge import load_knowledge

_FEEDBACK = f"{PATH}/feedback"
#: What memory may grow from the end of the warm-up to the end, in MiB and as a share.
_GROWTH_MIB = 16.0
_GROWTH_SHARE = 0.10
#: Google Cloud Healthcare counts more than 5 % errors for 10 minutes as down; we aim at none.
_ERRORS = 0


class Load:
    """Connections that call, wrongly call and answer cards until told to stop; count statuses, seconds."""

    def __init__(self, service: Shipped, bodies: list[bytes]) -> None:
        """Prepare load on ``service`` with these calls."""
        self.over = threading.Event()
        self.statuses: Counter[str] = Counter()
        self.seconds: list[float] = []
        self._service = service
        self._bodies = bodies

    def connection(self, number: int) -> None:
        """Send one message after another on one connection; open it anew when it ends."""
        count = number
        while not self.over.is_set():
            try:
                address = ("127.0.0.1", self._service.port)
                with closing(socket.create_connection(address, timeout=60)) as connection:
                    while not self.over.is_set():
                        self._once(connection, count)
                        count += 1
            except OSError as error:
                self.statuses[f"{type(error).__name__}"] += 1

    def _once(self, connection: socket.socket, count: int) -> None:
        """Send the message of a count: mostly calls, some feedback, some that must be refused."""
        kind, path, body, expected = "call", PATH, self._bodies[count % len(self._bodies)], 200
        headers = {}
        if count % 10 == 7:
            kind, path, body = "feedback", _FEEDBACK, _overridden()
        elif count % 10 == 8:
            kind, body, expected = "broken", body[: len(body) // 2], 400
        elif count % 10 == 9:
            # a small body: the server refuses without reading it and ends the connection
            kind, body, expected, headers = "stranger", b"{}", 401, {"Authorization": "Bearer a.b.c"}
        message = self._service.message(body, path, headers)
        started = time.perf_counter()
        connection.sendall(message)
        status, _headers, _body = read_answer(connection)
        self.seconds.append(time.perf_counter() - started)
        self.statuses[kind if status == expected else f"{kind} {status}"] += 1


def _overridden() -> bytes:
    item = {"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": "2026-11-20T10:05:31Z"}
    return json.dumps({"feedback": [item]}).encode()


def hold(service: Shipped, bodies: list[bytes], *, connections: int, seconds: float, every: float) -> int:
    """Hold the load, print a line for each interval and the verdict; return the exit code."""
    load = Load(service, bodies)
    threads = [threading.Thread(target=load.connection, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    rows = []
    memory: list[float] = []
    try:
        for minute in range(1, max(2, round(seconds / every)) + 1):
            time.sleep(every)
            taken, load.seconds = load.seconds, []
            memory.append(sum(rss_mib(pid) for pid in service.workers()))
            files = sum(open_files(pid) for pid in service.workers())
            times = [f"{percentile(taken, share) * 1000:.0f}" for share in (0.5, 0.99)] if taken else ["", ""]
            rows.append([str(minute), str(len(taken)), *times, f"{memory[-1]:.1f}", str(files)])
            print(" ".join(rows[-1]), flush=True)
    finally:
        load.over.set()
        for thread in threads:
            thread.join()
    show("Load held", ["interval", "answers", "p50 ms", "p99 ms", "RSS MiB", "open files"], rows)
    return _verdict(load, memory)


def _verdict(load: Load, memory: list[float]) -> int:
    """Say whether memory stayed flat after the first fifth and every answer was as it should be."""
    first = memory[max(0, len(memory) // 5 - 1)]
    growth = memory[-1] - first
    wrong = sum(
        number
        for kind, number in load.statuses.items()
        if kind not in ("call", "feedback", "broken", "stranger")
    )
    flat = growth <= max(_GROWTH_MIB, first * _GROWTH_SHARE)
    print(f"answers: {dict(sorted(load.statuses.items()))}; wrong: {wrong}")
    print(f"memory: {first:.1f} MiB after the warm-up, {memory[-1]:.1f} MiB at the end ({growth:+.1f})")
    fine = flat and wrong <= _ERRORS
    print("verdict: no growth, no errors" if fine else "verdict: NOT FINE")
    return 0 if fine else 1


def main() -> int:
    """Run the soak; exit code 1 when memory grew or an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    view = next(item for item in load_knowledge().services if item.id == PATH.rpartition("/")[2])
    bodies = [request_of(TWITCHING, view), request_of(WELL, view), request_of(TWITCHING, view, 500_000)]
    with tempfile.TemporaryDirectory() as folder, shipped(Path(folder), workers=asked.workers) as service:
        seconds = asked.minutes * 60
        every = min(60.0, seconds / 4)
        code = hold(service, bodies, connections=asked.connections, seconds=seconds, every=every)
        database = sum(path.stat().st_size for path in Path(folder).glob("feedback.sqlite3*"))
        print(f"database: {database / 1024 / 1024:.1f} MiB; log: {len(service.log) / 1024 / 1024:.1f} MiB")
    return code


if __name__ == "__main__":
    sys.exit(main())
