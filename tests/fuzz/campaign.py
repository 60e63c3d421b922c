"""Many hostile requests on every core: ``make fuzz N=1000000``; prints rate, table and, of a failure, its seed.

``python -m tests.fuzz.campaign --seed 17`` sends one request again, makes it as small as it stays wrong, and
shows it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.harness import Tally, Target
from tests.fuzz.hostile import request_of
from tests.fuzz.smaller import smallest

_CHUNK = 1_000
_SAY_EVERY = 60.0


def _work(first: int, count: int) -> Tally:
    """Send the requests of some seeds in this process, whose application is made once."""
    if not _TARGETS:
        _TARGETS.append(Target(Path(os.environ["TWITCH_FUZZ_FOLDER"]) / str(os.getpid())))
    return _TARGETS[0].run(range(first, first + count))


_TARGETS: list[Target] = []


def _chunks(first: int, count: int) -> Iterator[tuple[int, int]]:
    for start in range(first, first + count, _CHUNK):
        yield start, min(_CHUNK, first + count - start)


def campaign(first: int, count: int, processes: int) -> Tally:
    """Send the requests of ``count`` seeds from ``first`` on, spread over processes."""
    total, started, said = Tally(), time.monotonic(), time.monotonic()
    with TemporaryDirectory(prefix="twitch-fuzz-") as folder:
        os.environ["TWITCH_FUZZ_FOLDER"] = folder
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for tally in [pool.apply_async(_work, chunk) for chunk in _chunks(first, count)]:
                total.add(tally.get())
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
        f"failures    {len(total.failures)}",
    ]
    lines += [
        f"  seed {seed}: {'; '.join(broken)[:400]}" for seed, broken in sorted(total.failures.items())[:50]
    ]
    return "\n".join(lines)


def _again(seed: int) -> int:
    with TemporaryDirectory(prefix="twitch-fuzz-") as folder:
        target = Target(Path(folder))
        sent = request_of(seed)
        status, broken = target.send(sent)
        print(
            f"{sent.method} {sent.path} {sent.headers} {len(sent.body)} bytes: {status} {broken or 'as it should be'}"
        )
        if broken:
            small = smallest(sent, lambda one: target.send(one)[1][:1] == broken[:1])
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
