"""The working folder of a run: what was done is there whole or not at all, whenever the run is killed."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from cds_service.batch.faults import stops
from cds_service.batch.rows import STREAMS, Rows
from cds_service.batch.tally import Tally

_WORK: Final = ".work"
_PLAN: Final = "plan.json"
_INSTANT: Final = "instant"
_LOCK: Final = "lock"
_KEPT_INPUT: Final = ("stdin", "stdin.part")
_LOCK_SECONDS: Final = 5.0


class Stretch(msgspec.Struct, frozen=True):
    """Rows of one stream in the file of a task."""

    size: int = 0
    lines: int = 0

    @classmethod
    def of(cls, rows: Sequence[bytes]) -> Stretch:
        """Return that of the rows."""
        return cls(sum(map(len, rows)), len(rows))


class _Head(msgspec.Struct, frozen=True):
    """The first line of the file of a task: what it counted, and which rows follow."""

    tally: dict[str, dict[str, int]]
    rows: dict[str, Stretch]


_encode: Final = msgspec.json.Encoder().encode
_decode_head: Final = msgspec.json.Decoder(_Head).decode


@dataclass(frozen=True, slots=True)
class Part:
    """Sorted rows: a file, or ``lines`` of it from the byte ``start`` on."""

    path: Path
    start: int = 0
    lines: int | None = None


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write that gets its name only when it is complete and on the disk.

    The folder is made where it is missing. After any error a file that had the name is as it was.

    Raises:
        BatchError: It cannot be written (B005); nothing is left under its name.
    """
    aside = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise stops("B005", path.name, error.strerror or type(error).__name__) from None
    except BaseException:
        with contextlib.suppress(OSError):
            aside.unlink()
        raise


@contextlib.contextmanager
def faults_told(out: Path) -> Iterator[None]:
    """Have what the system refuses told as a fault of the folder of the outputs. Raises BatchError (B005)."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        is_full = getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"
        words = os.strerror(errno.ENOSPC) if is_full else getattr(error, "strerror", "")
        raise stops("B005", out.name, words or type(error).__name__) from None


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _lock(file: IO[bytes], name: str) -> None:
    """Take the lock; workers of a killed run give it up within a moment. Raises BatchError (B006)."""
    end = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > end:
                raise stops("B006", name) from None
            time.sleep(0.05)
        else:
            return


class Journal:
    """Keeps the parts of one run in ``OUT/.work``, so that a run that was stopped can go on."""

    def __init__(self, out: Path) -> None:
        """Take the folder of the outputs; nothing is made yet."""
        self.out = out
        self.work = out / _WORK
        self.parts = self.work / "parts"
        self.spool = self.work / "spool"

    def admit(self, *, resume: bool) -> None:
        """Refuse a folder a run may not begin in, before anything is read, and begin without old input.

        Raises:
            BatchError: There is something else (B002).
        """
        if not resume:
            self.refuse_used()
            for name in _KEPT_INPUT:  # of a run that ended before it had a plan
                (self.work / name).unlink(missing_ok=True)

    def begin(self, plan: dict[str, Any], *, resume: bool) -> None:
        """Make the folders and keep the plan; or find them as a run with the same plan left them.

        Raises:
            BatchError: There is something else (B002), nothing to resume (B003), another plan (B004), or no
                way to write (B005).
        """
        if resume:
            kept = self.kept_plan()
            if kept is None:
                raise stops("B003", self.out.name)
            differing = sorted(name for name in {*kept, *plan} if kept.get(name) != plan.get(name))
            if differing:
                raise stops("B004", self.out.name, ", ".join(differing))
            return
        self.refuse_used()
        try:
            for folder in (self.parts, self.spool):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise stops("B005", self.out.name, error.strerror or "") from None
        with written_whole(self.work / _PLAN) as file:
            file.write(msgspec.json.format(msgspec.json.encode(plan)))

    def refuse_used(self) -> None:
        """Raise BatchError (B002) when the folder holds anything but what an export has left."""
        has_others = self.out.exists() and any(path.name != _WORK for path in self.out.iterdir())
        if has_others or self.kept_plan() is not None:
            if has_others and all(path.name == _LOCK for path in self.work.iterdir()):
                shutil.rmtree(self.work, ignore_errors=True)  # nothing of ours is left in a folder of others
            raise stops("B002", self.out.name)

    def kept_plan(self) -> dict[str, Any] | None:
        """Return the plan of the run that was begun here; None where there is none."""
        try:
            plan: dict[str, Any] = msgspec.json.decode((self.work / _PLAN).read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        return plan

    def keep_instant(self, instant: str) -> None:
        """Keep the instant of a run that has no plan yet: its inputs are still being downloaded."""
        with written_whole(self.work / _INSTANT) as file:
            file.write(instant.encode())

    def kept_instant(self) -> str:
        """Return the instant of the run that was begun here; empty where there is none."""
        plan = self.kept_plan()
        if plan is not None:
            return str(plan.get("asOf", ""))
        try:
            return (self.work / _INSTANT).read_text("ascii")
        except (OSError, ValueError):
            return ""

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out of the folder. Raises BatchError (B005, B006)."""
        try:
            self.work.mkdir(parents=True, exist_ok=True)
            file = (self.work / _LOCK).open("wb")
        except OSError as error:
            raise stops("B005", self.out.name, error.strerror or "") from None
        with file:
            _lock(file, self.out.name)
            yield

    def is_done(self, task: str) -> bool:
        """Whether a task was finished."""
        return self._file(task).exists()

    def done(self) -> list[str]:
        """Return the names of all tasks that were finished, in order."""
        return sorted(path.stem for path in self.parts.glob("*.done"))

    def finish(self, task: str, rows: Rows) -> None:
        """Keep the counts and the rows of a task, sorted; then it is done. Raises BatchError (B005).

        One file, so that the disk is waited for once: its first line tells what the others are.
        """
        rows.sort()
        lines = {name: getattr(rows, name) for name in STREAMS}
        head = _Head(rows.tally.to_json(), {name: Stretch.of(kept) for name, kept in lines.items()})
        with written_whole(self._file(task)) as file:
            file.write(_encode(head) + b"\n")
            for kept in lines.values():
                file.writelines(kept)

    def part(self, task: str, stream: str) -> Part:
        """Return where a task keeps its rows of a stream."""
        with self._file(task).open("rb") as file:
            first = file.readline()
        start = len(first)
        stretches = _decode_head(first).rows
        for name in STREAMS:
            if name == stream:
                break
            start += stretches[name].size
        return Part(self._file(task), start, stretches[stream].lines)

    def tally(self, task: str) -> Tally:
        """Return the counts of a finished task."""
        with self._file(task).open("rb") as file:
            return Tally.from_json(_decode_head(file.readline()).tally)

    def _file(self, task: str) -> Path:
        return self.parts / f"{task}.done"

    def spools(self, tasks: list[str]) -> list[Path]:
        """Return the files of texts that wait for their patient, of those tasks that wrote any."""
        paths = [self.spool / task for task in tasks]
        return [path for path in paths if Path(f"{path}.index").exists()]

    def close(self) -> None:
        """Remove the working folder: the outputs are whole."""
        shutil.rmtree(self.work, ignore_errors=True)
