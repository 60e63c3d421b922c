"""Run a batch on this machine: plan, both phases over worker processes, merge, summary."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cds_service.batch.faults import stops
from cds_service.batch.inputs.sources import Source
from cds_service.batch.inputs.streams import spans
from cds_service.batch.progress import Meters, Progress, quiet
from cds_service.batch.shuffle.shared import build
from cds_service.batch.shuffle.spool import parts_used
from cds_service.batch.tally import Tally
from cds_service.batch.tasks import Piece, Run, Task, read_sources, review_part
from cds_service.collector import collector_rare

#: Bytes one task reads at most, about; the work that is lost when a run is killed.
_TASK_BYTES: Final = 8 * 1024 * 1024
#: Tasks a small run is parted into, so that all workers have some; not by their number: a run that goes on
#: may have others.
_TASKS: Final = 64
_LEAST_BYTES: Final = 64 * 1024
#: Bytes of text one part of the patients holds, about; a worker holds one part at a time.
_PART_BYTES: Final = 32 * 1024 * 1024
_MOST_PARTS: Final = 4_096
#: How much larger packed files are when unpacked.
_UNPACKED: Final = 12
_PACKED: Final = (".gz", ".zst", ".tgz", ".bz2", ".xz")
_AHEAD: Final = 2
_TICK_SECONDS: Final = 0.2


def parts_for(sources: Sequence[Source]) -> int:
    """Return in how many parts the patients of these sources are reviewed."""
    size = sum(s.size * (_UNPACKED if s.name.endswith(_PACKED) else 1) for s in sources)
    return min(_MOST_PARTS, max(1, math.ceil(size / _PART_BYTES)))


def read_tasks(sources: Sequence[Source]) -> list[Task]:
    """Return the tasks of the first phase: sources by the handful, large files of lines in spans."""
    share = sum(source.size for source in sources) // _TASKS
    most = min(_TASK_BYTES, max(_LEAST_BYTES, share))
    groups: list[list[Piece]] = [[]]
    size = 0
    for piece in _pieces(sources):
        if size and size + piece.size > most:
            groups.append([])
            size = 0
        groups[-1].append(piece)
        size += piece.size
    return [Task(f"r{number:06d}", tuple(group)) for number, group in enumerate(groups) if group]


def _pieces(sources: Sequence[Source]) -> Iterator[Piece]:
    for source in sources:
        try:
            found = spans(source, _TASK_BYTES)
        except OSError:
            found = None  # told when it is read
        yield from [Piece(source)] if found is None else [Piece(source, span) for span in found]


@dataclass(slots=True)
class LocalRun:
    """One run; ``seconds`` gathers how long its stages took."""

    run: Run
    sources: Sequence[Source]
    workers: int
    progress: Callable[[Progress], None] = quiet
    seconds: dict[str, float] = field(default_factory=dict)

    def work(self) -> tuple[list[str], Tally]:
        """Do what is not done; return the names of all tasks and their counts.

        Raises:
            BatchError: A worker died (B007), or nothing can be written (B005).
            KeyboardInterrupt: Somebody stopped it; what was done stays.
        """
        begun = time.monotonic()
        reads = read_tasks(self.sources)
        self._phase("reading", reads, read_sources)
        names = [task.name for task in reads]
        tally = self._added(names)
        self.seconds["reading"] = time.monotonic() - begun
        begun = time.monotonic()
        second = self._second_phase(names, tally)
        self.seconds["patients"] = time.monotonic() - begun
        return [*names, *second], tally

    def _second_phase(self, names: list[str], tally: Tally) -> list[str]:
        """Review the patients whose resources stood apart; add their counts."""
        journal = self.run.journal
        spools = journal.spools(names)
        if not spools:
            return []
        build(journal.work / "shared.sqlite3", journal.spools([f"{name}.shared" for name in names]))
        self.run = replace(self.run, reviewer=replace(self.run.reviewer, states=tally.states()))
        tasks = [Task(f"p{part:06d}", part=part) for part in parts_used(spools)]

        def review(run: Run, task: Task, meter: Any) -> int:
            return review_part(run, task, meter, names)

        self._phase("patients", tasks, review)
        found = [task.name for task in tasks]
        tally.add(self._added(found))
        if self.run.most is not None:  # what was not come to did not come in
            tally.given["resources"] = tally.reviewed["resources"] + tally.quarantined["resources"]
        return found

    def _added(self, names: Sequence[str]) -> Tally:
        total = Tally()
        for name in names:
            if self.run.most is None or self.run.journal.is_done(name):
                total.add(self.run.journal.tally(name))
        return total

    def _left(self) -> int | None:
        """Return how many patients are still wanted; None: all."""
        most = self.run.most
        return None if most is None else most - self._added(self.run.journal.done()).reviewed["patients"]

    def _phase(self, stage: str, tasks: Sequence[Task], do: Callable[[Run, Task, Any], int]) -> None:
        waiting = [task for task in tasks if not self.run.journal.is_done(task.name)]
        total = sum(piece.size for task in waiting for piece in task.pieces)
        meters = Meters(stage, total, len(waiting), self.progress)
        try:
            with collector_rare():
                if self.workers == 1 or len(waiting) < 2:
                    self._alone(waiting, do, meters)
                else:
                    self._together(waiting, do, meters)
        finally:
            meters.close()

    def _alone(self, tasks: Sequence[Task], do: Callable[[Run, Task, Any], int], meters: Meters) -> None:
        for task in tasks:
            left = self._left()
            if left is not None and left <= 0:
                break
            do(replace(self.run, most=left), task, meters.add)
            meters.finished()

    def _together(self, tasks: Sequence[Task], do: Callable[[Run, Task, Any], int], meters: Meters) -> None:
        context = multiprocessing.get_context("fork")
        pool = ProcessPoolExecutor(
            self.workers, mp_context=context, initializer=_begin, initargs=(self.run, do, meters)
        )
        rest = iter(tasks)
        running: set[Future[None]] = set()
        try:
            while True:
                while len(running) < self.workers * _AHEAD and (task := next(rest, None)) is not None:
                    running.add(pool.submit(_do, task))
                if not running:
                    break
                done, running = wait(running, _TICK_SECONDS, FIRST_COMPLETED)
                for future in done:
                    future.result()
                    meters.finished()
                meters.tell()
            pool.shutdown()
        except BrokenProcessPool:
            raise stops("B007", self.run.journal.out.name) from None
        except BaseException:
            _end(pool)
            raise


_WORK: list[Any] = []


def _begin(run: Run, do: Callable[[Run, Task, Any], int], meters: Meters) -> None:
    """Begin a worker; the parent alone answers Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    _WORK[:] = [run, do, meters]


def _end_with(parent: int) -> None:
    """End this worker when its parent is gone: an orphan must not write beside the run that goes on."""
    while os.getppid() == parent:
        time.sleep(_TICK_SECONDS)
    os._exit(1)


def _do(task: Task) -> None:
    run, do, meters = _WORK
    do(run, task, meters.add)


def _end(pool: ProcessPoolExecutor) -> None:
    """End the workers at once: what they are at is not done, and will be done again."""
    processes = list((pool._processes or {}).values())
    pool.shutdown(wait=False, cancel_futures=True)
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(10)


def default_workers() -> int:
    """Return the number of processors this process may use."""
    return len(os.sched_getaffinity(0))
