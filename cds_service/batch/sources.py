"""Find what a batch is to read: files, folders, patterns and the standard input, in one fixed order."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from cds_service.batch.faults import stops

STDIN: Final = "-"
#: Endings by which a file of a folder or archive is taken for data; a file that is named is always read.
_ENDINGS: Final = (".json", ".ndjson", ".jsonl", ".xml", ".tar", ".tgz")
_PACKED: Final = (".gz", ".zst", ".bz2", ".xz")


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One file to read: the name that is told in outputs, where it lies, its size, when it was changed."""

    name: str
    path: str
    size: int
    changed: int


def find_sources(inputs: Sequence[str], spool: Path) -> list[Source]:
    """Return every file of the inputs once, sorted by the name it is told by.

    ``spool`` is the folder the standard input is kept in, so that a run can be resumed.

    Raises:
        BatchError: An input is not there (B001).
    """
    found = [row for given in inputs for row in _of_input(given, spool)]
    once = {os.path.realpath(path): (root, path) for root, path in sorted(found, reverse=True)}
    names = _told_names(list(once.values()))
    return sorted(_source(path, names[path]) for _, path in once.values())


def is_data_name(name: str) -> bool:
    """Whether a file of a folder or archive is data by its name; hidden files and notes are not."""
    base = PurePath(name).name.lower()
    while base.endswith(_PACKED):
        base = base.rpartition(".")[0]
    return base.endswith(_ENDINGS) and not base.startswith(".")


def _of_input(given: str, spool: Path) -> list[tuple[str, str]]:
    """Return the files of one input, each with the folder above what was named."""
    if given == STDIN:
        return [(str(spool), str(_kept_input(spool)))]
    path = Path(given)
    if path.is_dir():
        above = str(path.resolve().parent)
        return [(above, file) for file in _walked(path.resolve())]
    if path.exists():
        return [(str(path.resolve().parent), str(path.resolve()))]
    matches = sorted(glob.glob(given, recursive=True)) if glob.has_magic(given) else []
    if not matches:
        raise stops("B001", given)
    return [row for match in matches for row in _of_input(match, spool)]


def _walked(folder: Path) -> Iterable[str]:
    for above, folders, files in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(above, name) for name in sorted(files) if is_data_name(name))


def _kept_input(spool: Path) -> Path:
    """Return the file the standard input was copied to; it is read once only."""
    kept = spool / "stdin"
    if not kept.exists():
        spool.mkdir(parents=True, exist_ok=True)
        aside = spool / "stdin.part"
        with aside.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
        aside.rename(kept)
    return kept


def _told_names(rows: list[tuple[str, str]]) -> dict[str, str]:
    """Return for each path the part below its input; where two would be alike, more of the path."""
    names = {path: os.path.relpath(path, root) for root, path in rows}
    taken = Counter(names.values())
    return {path: name if taken[name] == 1 else path.lstrip("/") for path, name in names.items()}


def _source(path: str, name: str) -> Source:
    try:
        found = os.stat(path)
    except OSError:
        return Source(name, path, 0, 0)  # told when it is read
    return Source(name, path, found.st_size, found.st_mtime_ns)
