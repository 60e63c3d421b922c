"""Find what a batch is to read: files, folders, patterns and the standard input, in one fixed order."""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from cds_service.batch.faults import stops
from cds_service.batch.inputs.packed import HEAD, told_name, unpacker

STDIN: Final = "-"
#: Endings by which a file of a folder or archive is taken for data, whatever it holds.
_ENDINGS: Final = (".json", ".ndjson", ".jsonl", ".xml", ".tar", ".tgz", ".zip")
_PACKED: Final = (".gz", ".zst", ".bz2", ".xz")
#: A folder with all of these holds the outputs of a batch.
_OUTPUTS: Final = {"patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json"}
#: What a link that leads out of a folder is told by.
_LEADS_OUT: Final = "B035"

#: ``s3a://bucket/x``, ``abfss://...``, ``dbfs:/x``, ``file:///x``: a scheme has two letters or more.
_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/")


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One file to read: the name that is told in outputs, where it lies, its size, when it was changed.

    ``changed`` is in nanoseconds since 1970. ``fault`` is the code of ``faults`` by which a file that is not
    to be opened is told.
    """

    name: str
    path: str
    size: int
    changed: int
    fault: str = ""


@dataclass(frozen=True, slots=True, order=True)
class _Found:
    """A file, the folder above what was named, and why it is not to be opened."""

    above: str
    path: str
    fault: str = ""


def are_addresses(inputs: Sequence[str]) -> bool:
    """Whether inputs are addresses of a file system of Spark, not paths.

    Raises:
        BatchError: Some are and some are not (B064).
    """
    found = {_ADDRESS.match(given) is not None for given in inputs}
    if len(found) > 1:
        raise stops("B064", "inputs")
    return found == {True}


def find_sources(inputs: Sequence[str], spool: Path) -> list[Source]:
    """Return every file of the inputs once, sorted by the name it is told by.

    ``spool`` is the folder the standard input is kept in, so that a run can be resumed.

    Raises:
        BatchError: An input is not there (B001), or is a folder without data (B013).
    """
    own = os.path.realpath(spool.parent)
    found = [row for given in inputs for row in _of_input(given, spool, own)]
    read = {os.path.realpath(row.path) for row in found if not row.fault}
    once: dict[str, _Found] = {}
    for row in sorted(found, reverse=True):
        place = os.path.realpath(row.path)
        if not row.fault:
            once[place] = row
        elif place not in read:
            once[row.path] = row
    names = told_names({row.path: row.above for row in once.values()})
    return sorted(_source(row, names[row.path]) for row in once.values())


def is_data_name(name: str) -> bool:
    """Whether a file of a folder or archive is data by its name."""
    base = PurePath(name).name.lower()
    while base.endswith(_PACKED):
        base = base.rpartition(".")[0]
    return base.endswith(_ENDINGS) and not base.startswith(".")


def is_aside(name: str) -> bool:
    """Whether a file is hidden, or text for people by its name."""
    base = PurePath(name).name.lower()
    return base.startswith(".") or base.endswith((".md", ".txt", ".html", ".csv", ".log", ".py"))


def is_data_head(head: bytes) -> bool:
    """Whether a file of another name is data by how it begins: a JSON object, or packed."""
    is_text = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"
    kind = None if is_text else unpacker(head)
    return is_text or (kind is not None and head[:2] != b"PK")


def _of_input(given: str, spool: Path, own: str) -> list[_Found]:
    """Return the files of one input; ``own`` is the folder of the outputs.

    Raises:
        BatchError: It is not there (B001), or is a folder without data (B013).
    """
    if given == STDIN:
        return [_Found(str(spool), str(_kept_input(spool)))]
    try:
        if Path(given).exists():
            found = _of_path(Path(given), own)
            code = "B013"
        else:
            matches = sorted(glob.glob(given, recursive=True)) if glob.has_magic(given) else []
            found = [row for match in matches for row in _of_path(Path(match), own)]
            code = "B001"
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a name too long, a NUL in it
        raise stops("B001", told_name(given), getattr(error, "strerror", "") or "") from None
    if not found:
        raise stops(code, told_name(given))
    return found


def _of_path(path: Path, own: str) -> list[_Found]:
    """Return a file, or the files of a folder; none of the folder of the outputs."""
    place = path.resolve()
    if not place.is_dir():
        return [_Found(str(place.parent), str(place))]
    if str(place) == own:
        return []
    return [_Found(str(place.parent), file, fault) for file, fault in _walked(place, own)]


def _walked(folder: Path, own: str) -> Iterable[tuple[str, str]]:
    """Yield the data files of a folder; a link that leads out of it comes with its fault."""
    root = os.path.join(os.path.realpath(folder), "")
    for above, folders, files in os.walk(folder, followlinks=False):
        if files and set(files) >= _OUTPUTS:
            folders.clear()
            continue
        links = [name for name in folders if os.path.islink(os.path.join(above, name))]
        folders[:] = sorted(name for name in folders if not _is_passed_over(above, name, own))
        for name in sorted((*files, *links)):
            path = os.path.join(above, name)
            leads_out = os.path.islink(path) and not os.path.realpath(path).startswith(root)
            if leads_out and (name in links or is_data_name(name)):
                yield path, _LEADS_OUT
            elif name not in links and not leads_out and _is_data(path, name):
                yield path, ""


def _is_passed_over(above: str, name: str, own: str) -> bool:
    return name.startswith(".") or os.path.realpath(os.path.join(above, name)) == own


def _is_data(path: str, name: str) -> bool:
    """Whether a file is data by its name, or else by how it begins; no pipe or device is opened."""
    if is_data_name(name) or is_aside(name):
        return is_data_name(name)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            return is_data_head(file.read(HEAD))
    except OSError:
        return False


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


def told_names(above_of: Mapping[str, str]) -> dict[str, str]:
    """Return for each path the part below its input; where two would be alike, the part in which all differ.

    ``above_of`` gives for each path the folder above its input. Where the machine keeps the inputs is never
    told: the same inputs elsewhere give the same names.
    """
    names = {path: told_name(os.path.relpath(path, above)) for path, above in above_of.items()}
    taken = Counter(names.values())
    alike = [path for path, name in names.items() if taken[name] > 1]
    above = os.path.commonpath([os.path.dirname(path) for path in alike]) if alike else ""
    return names | {path: told_name(os.path.relpath(path, above)) for path in alike}


def _source(row: _Found, name: str) -> Source:
    if row.fault:
        return Source(name, row.path, 0, 0, row.fault)
    try:
        found = os.stat(row.path)
    except OSError:
        return Source(name, row.path, 0, 0)  # told when it is read
    return Source(name, row.path, found.st_size, found.st_mtime_ns)
