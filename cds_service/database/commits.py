"""Let the threads of a process write to a database in order: one at a time, or many in one commit.

SQLite lets one connection write at a time and does not tell the others when they may: they ask again, ever
more rarely, and one may wait a second while many others pass. Here they wait for each other instead, and
those who need the disk to be sure share one wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

_T = TypeVar("_T")
_R = TypeVar("_R")


class Busy(SQLAlchemyError):
    """Others of this process wrote for as long as this one could wait."""


class Writer:
    """Begins transactions that write; safe to share between threads.

    Writers of one ``lock`` write one after another; None where the database orders them well itself.
    """

    def __init__(self, engine: Engine, lock: threading.Lock | None, wait_seconds: float) -> None:
        """Take the engine, the lock of its database, and how long to wait for that."""
        self.engine = engine
        self._lock = lock
        self._wait_seconds = wait_seconds

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """Yield a connection in a transaction of its own.

        Raises:
            SQLAlchemyError: The database does not answer, or others write for too long.
        """
        with self._turn(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if self._lock is None:
            yield
            return
        if not self._lock.acquire(timeout=self._wait_seconds):
            raise Busy("others write for too long")
        try:
            yield
        finally:
            self._lock.release()


@dataclass(slots=True, eq=False)
class _Job(Generic[_T, _R]):
    """What one thread wants written. ``told`` is set when it is done, or when its thread shall do it."""

    item: _T
    told: threading.Event = field(default_factory=threading.Event)
    results: list[_R] = field(default_factory=list)
    error: Exception | None = None
    is_done: bool = False


class Together(Generic[_T, _R]):
    """Write what many threads bring in one go; safe to share between threads.

    Who comes while nobody writes, writes. Who comes meanwhile waits, and one of those then writes for all.
    Nobody goes on before what it brought is written, or has failed.
    """

    def __init__(self, write: Callable[[Sequence[_T]], Sequence[_R]]) -> None:
        """Take what writes all of some items or none, and returns a result for each."""
        self._write = write
        self._guard = threading.Lock()
        self._waiting: list[_Job[_T, _R]] = []
        self._is_writing = False

    def __call__(self, item: _T) -> _R:
        """Return the result for ``item`` when it is written. Raises what the writing raised."""
        job: _Job[_T, _R] = _Job(item)
        with self._guard:
            self._waiting.append(job)
            must_wait, self._is_writing = self._is_writing, True
        if must_wait:
            job.told.wait()
        if not job.is_done:
            self._write_for_all()
        if job.error is not None:
            raise job.error
        return job.results[0]

    def _write_for_all(self) -> None:
        """Write for all who wait, tell them, and let the first of those who came since go on."""
        with self._guard:
            jobs, self._waiting = self._waiting, []
        try:
            for job, result in zip(jobs, self._write([job.item for job in jobs]), strict=True):
                job.results.append(result)
        except Exception as error:
            for job in jobs:
                job.error = error
        with self._guard:
            next_one = self._waiting[:1]
            self._is_writing = bool(next_one)
        for job in jobs:
            job.is_done = True
        for job in (*jobs, *next_one):
            job.told.set()
