"""Send the shipped command ten times the calls it can answer and see what everybody gets (goal R8)."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from patients import TWITCHING, percentile, request_of, show
from shipped import PATH, Shipped, rss_mib, shipped

from cds_service.knowledge import load_knowledge

_LIMIT_SECONDS = 60.0
_PROBES = ("/livez", "/readyz")
_PROBE_EVERY_SECONDS = 0.2
#: What memory may grow from the end of the first overload to the end of the last, in MiB.
_GROWTH_MIB = 24.0


@dataclass(slots=True)
class Outcome:
    """What calls and probes got: seconds of each by status (0: no whole answer), and what was wrong."""

    calls: dict[int, list[float]] = field(default_factory=dict)
    probes: dict[int, list[float]] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def share(self, status: int) -> float:
        """Return the share of the calls that got a status."""
        return len(self.calls.get(status, ())) / sum(map(len, self.calls.values()))

    @property
    def fine(self) -> bool:
        """Whether calls were answered or told to come back, whole, and every probe got 200."""
        return set(self.calls) == {200, 503} and set(self.probes) == {200} and not self.faults


def capacity(service: Shipped, body: bytes, calls: int) -> float:
    """Return how many calls a second the service answers when four ask one after another."""

    async def connection(messages: list[bytes], found: Outcome) -> None:
        for message in messages:
            await _send(service.port, message, found.calls, found)

    async def together(found: Outcome) -> None:
        messages = [service.message(body) for _ in range(calls)]
        await asyncio.gather(*(connection(messages[number::4], found) for number in range(4)))

    found = Outcome()
    started = time.perf_counter()
    asyncio.run(together(found))
    assert set(found.calls) == {200}, {status: len(times) for status, times in found.calls.items()}
    return calls / (time.perf_counter() - started)


def overload(service: Shipped, body: bytes, *, per_second: float, seconds: float) -> Outcome:
    """Send calls at a steady rate, whatever became of those before, and ask for health meanwhile."""
    messages = [service.message(body) for _ in range(round(per_second * seconds))]
    found = Outcome()
    asyncio.run(_overload(service.port, messages, per_second, found))
    return found


async def _overload(port: int, messages: list[bytes], per_second: float, found: Outcome) -> None:
    probes = asyncio.create_task(_probe(port, found))
    started = time.perf_counter()
    calls = []
    for number, message in enumerate(messages):
        await asyncio.sleep(max(0.0, started + number / per_second - time.perf_counter()))
        calls.append(asyncio.create_task(_send(port, message, found.calls, found)))
    await asyncio.gather(*calls)
    probes.cancel()


async def _probe(port: int, found: Outcome) -> None:
    while True:
        for path in _PROBES:
            await _send(port, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), found.probes, found)
        await asyncio.sleep(_PROBE_EVERY_SECONDS)


async def _send(port: int, message: bytes, into: dict[int, list[float]], found: Outcome) -> None:
    """Send one message on a connection of its own; note status and seconds."""
    started = time.perf_counter()
    status = 0
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            status, headers = await _exchange(port, message)
        if status == 503 and "retry-after" not in headers:
            found.faults["503 without Retry-After"] += 1
    except (OSError, EOFError, TimeoutError) as error:
        found.faults[type(error).__name__] += 1
    into.setdefault(status, []).append(time.perf_counter() - started)


async def _exchange(port: int, message: bytes) -> tuple[int, dict[str, str]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(message)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in head[1:])
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        await reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers
    finally:
        writer.close()


def main() -> int:
    """Print the table; exit code 1 when a call or a probe got something else, or memory grew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=float, default=10, help="so many times the capacity")
    parser.add_argument("--seconds", type=float, default=10, help="how long each of the three overloads is")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    view = next(item for item in load_knowledge().services if item.id == PATH.rpartition("/")[2])
    body = request_of(TWITCHING, view)
    rows, memory, fine = [], [], True
    with tempfile.TemporaryDirectory() as folder, shipped(Path(folder), workers=asked.workers) as service:
        rate = capacity(service, body, 200)
        print(f"capacity: {rate:.0f} calls a second; sent: {rate * asked.times:.0f}")
        for _ in range(3):
            found = overload(service, body, per_second=rate * asked.times, seconds=asked.seconds)
            memory.append(sum(rss_mib(pid) for pid in service.workers()))
            fine = fine and found.fine
            rows.append([*_row(found), f"{memory[-1]:.0f}"])
            print(dict(found.faults) or "nothing wrong", {k: len(v) for k, v in found.calls.items()})
        after = capacity(service, body, 40)
    show(f"{asked.times:.0f} times the capacity, ms", _TITLES, rows)
    growth = memory[-1] - memory[0]
    print(f"memory {growth:+.1f} MiB from the first to the last; capacity afterwards: {after:.0f} a second")
    fine = fine and growth <= _GROWTH_MIB
    print("verdict: answered or told to come back, every one" if fine else "verdict: NOT FINE")
    return 0 if fine else 1


_TITLES = ("200", "p50", "p99", "503", "p50", "p99", "health", "p99", "RSS MiB")


def _row(found: Outcome) -> list[str]:
    answered, refused, health = found.calls.get(200, []), found.calls.get(503, []), found.probes.get(200, [])
    return [
        f"{found.share(200):.1%}",
        *(_ms(answered, share) for share in (0.5, 0.99)),
        f"{found.share(503):.1%}",
        *(_ms(refused, share) for share in (0.5, 0.99)),
        f"{len(health)}/{sum(map(len, found.probes.values()))}",
        _ms(health, 0.99),
    ]


def _ms(seconds: list[float], share: float) -> str:
    return f"{percentile(seconds, share) * 1000:.0f}" if seconds else ""


if __name__ == "__main__":
    sys.exit(main())
