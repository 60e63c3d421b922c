"""Many hostile requests on every core: ``make fuzz N=1000000``; prints rate, table and, of a failure, its seed.

The processes share one running service for what goes over a socket.

``python -m tests.fuzz.campaign --seed 17`` sends one request again, makes it as small as it stays wrong, and
shows it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.harness import Tally, Target
from tests.fuzz.hostile import request_of
from tests.fuzz.smaller import smallest
from tests.fuzz.wire import joined, serving

_CHUNK = 1_000
_SAY_EVERY = 60.0
_SERVED = "served"


def _work(first: int, count: int) -> Tally:
    """Send the requests of some seeds in this process, whose application is made once."""
    if not _TARGETS:
        folder = Path(os.environ["TWITCH_FUZZ_FOLDER"])
        _TARGETS.append(Target(folder / str(os.getpid()), joined(folder / _SERVED)))
    return _TARGETS[0].run(range(first, first + count))


_TARGETS: list[Target] = []


def _chunks(first: int, count: int) -> Iterator[tuple[int, int]]:
    for start in range(first, first + count, _CHUNK):
        yield start, min(_CHUNK, first + count - start)


def campaign(first: int, count: int, processes: int) -> Tally:
    """Send the requests of ``count`` seeds from ``first`` on, spread over processes."""
    total, started, said = Tally(), time.monotonic(), time.monotonic()
    with TemporaryDirectory(prefix="twitch-fuzz-") as folder, serving(Path(folder) / _SERVED):
        os.environ["TWITCH_FUZZ_FOLDER"] = folder
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for waiting in [pool.apply_async(_work, chunk) for chunk in _chunks(first, count)]:
                tally = waiting.get()
                total.add(tally)
                for seed, broken in sorted(tally.failures.items()):
                    print(f"  seed {seed}: {'; '.join(broken)[:2000]}", flush=True)
                if time.monotonic() - said > _SAY_EVERY:
                    said = time.monotonic()
                    print(f"{total.requests:>9} requests, {len(total.failures)} failures", flush=True)
    total.seconds = time.monotonic() - started
    return total


def told(total: Tally) -> str:
    """Return a campaign as a table."""
    rate = total.requests / total.seconds if total.seconds else 0
    lines = [
        f"requests    {total.requests}",
        f"seconds     {total.seconds:.0f} ({rate:.0f} a second)",
        f"slowest     {total.slowest:.2f} s (seed {total.slowest_seed}); over a second: {total.over_a_second}",
        *(f"status {status}  {count}" for status, count in sorted(total.statuses.items())),
        f"kinds       {_listed(total.kinds)}",
        f"on a socket {sum(total.framings.values())}: {_listed(total.framings)}",
        f"codes       {_listed(total.codes)}",
        f"failures    {len(total.failures)}",
    ]
    lines += [
        f"  seed {seed}: {'; '.join(broken)[:400]}" for seed, broken in sorted(total.failures.items())[:50]
    ]
    statuses = ", ".join(f"{count} x {status}" for status, count in sorted(total.statuses.items()))
    lines += [
        f"{total.requests} requests, {rate:.0f} a second, {statuses}; {len(total.codes)} error codes; "
        f"{len(total.failures)} failures"
    ]
    return "\n".join(lines)


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()) if count)


def _again(seed: int) -> int:
    with TemporaryDirectory(prefix="twitch-fuzz-") as folder, serving(Path(folder) / _SERVED) as wire:
        target = Target(Path(folder), wire)
        sent = request_of(seed)
        status, broken = target.send(sent, seed)
        print(
            f"{sent.method} {sent.path} {sent.headers} {len(sent.body)} bytes: {status} {broken or 'as it should be'}"
        )
        if broken:
            small = smallest(sent, lambda one: target.send(one, seed)[1][:1] == broken[:1])
            print(
                f"smallest: {len(small.body)} bytes\n{small.method} {small.path} {small.headers}\n{small.body[:3000]!r}"
            )
    return bool(broken)


def main() -> int:
    """Run a campaign, or one seed again; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seed", type=int, help="this one only")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _again(asked.seed)
    total = campaign(asked.first, asked.count, asked.processes)
    print(told(total))
    return bool(total.failures)


if __name__ == "__main__":
    sys.exit(main())
