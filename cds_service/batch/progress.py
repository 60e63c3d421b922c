"""How far a run is, counted by all of its workers together."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_FIELDS: Final = 3
_TICK_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is. ``total`` is in bytes for reading, in parts for patients.

    ``seconds`` is how long the stage has taken; counts are of this session, not of a run that was resumed.
    ``told`` says it in words where the counts say nothing.
    """

    stage: str
    done: int
    total: int
    patients: int
    findings: int
    seconds: float
    told: str = ""

    @property
    def share(self) -> float:
        """How much of the stage is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 1.0


def quiet(_progress: Progress) -> None:
    """Tell nobody."""


class Meters:
    """Counters that worker processes add to and the parent reads."""

    def __init__(self, stage: str, size: int, tasks: int, tell: Callable[[Progress], None]) -> None:
        """Begin a stage of ``size`` bytes, or of ``tasks`` where nothing is read."""
        self._stage = stage
        self._size = size
        self._tasks = tasks
        self._tell = tell
        self._counts = multiprocessing.get_context("fork").Array("q", _FIELDS)
        self._finished = 0
        self._begun = self._told = time.monotonic()
        self._parent = os.getpid()

    def add(self, size: int, patients: int, findings: int) -> None:
        """Count bytes read, patients reviewed, findings."""
        with self._counts.get_lock():
            for place, count in enumerate((size, patients, findings)):
                self._counts[place] += count
        if os.getpid() == self._parent and time.monotonic() - self._told > _TICK_SECONDS:
            self.tell()

    def finished(self) -> None:
        """Count a task, and tell."""
        self._finished += 1
        self.tell()

    def tell(self) -> None:
        """Tell how far it is. Takes no lock: a worker that was ended may hold it forever."""
        self._told = time.monotonic()
        counts: Any = self._counts.get_obj()
        size, patients, findings = counts[:]
        done, total = (size, self._size) if self._size else (self._finished, self._tasks)
        self._tell(Progress(self._stage, done, total, patients, findings, time.monotonic() - self._begun))

    def close(self) -> None:
        """Tell for the last time."""
        self.tell()
