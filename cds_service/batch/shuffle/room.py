"""The room on the disk that waiting texts will take: estimated before anything is written.

A run that finds the disk full after hours has lost nothing but those hours. So inputs are looked at in
places spread evenly over all of their bytes; what is certain to be too much is refused at once.
"""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from cds_service.batch.faults import stops
from cds_service.batch.inputs.packed import unpacker
from cds_service.batch.inputs.sources import Source
from cds_service.batch.inputs.streams import Document, Kind, documents_of, is_lines
from cds_service.batch.shuffle.sorting import sort_text

#: Places that are looked at, at most, and bytes at each.
_MOST_PLACES: Final = 256
_LOOK: Final = 64 * 1024
#: Bytes of a packed file that are unpacked.
_PACKED: Final = 512 * 1024
#: What is written beside each text, its patient and the name of its file.
_BESIDE: Final = 24
#: Share of the estimate that must fit: a run that might fit is begun.
_CERTAIN: Final = 0.75
_MEBIBYTE: Final = 1024 * 1024


def check_room(sources: Sequence[Source], kind: Kind, spool: Path, folder: Path) -> None:
    """Refuse a run for whose waiting texts the disk is certainly too small.

    Args:
        sources: What is to be read.
        kind: How it is to be read.
        spool: Where texts wait; what a run before has left there needs no further room.
        folder: The folder of the outputs, which the message names; it is there.

    Raises:
        BatchError: The disk has too little room (B009).
    """
    disk = shutil.disk_usage(folder)
    if not disk.total:  # a file system that does not tell
        return
    needed = room_needed(sources, kind)
    kept = sum(path.stat().st_size for path in spool.iterdir()) if spool.is_dir() else 0
    if _CERTAIN * needed > disk.free + kept:
        more = f"about {_told(needed - kept)} for what waits for its patient, {_told(disk.free)} are free"
        raise stops("B009", folder.name, more)


def room_needed(sources: Sequence[Source], kind: Kind) -> int:
    """Return about how many bytes will wait for their patient.

    Bundles never wait. Archives are not counted: their beginning says nothing about the rest.
    """
    size = sum(source.size for source in sources)
    step = math.ceil(size / min(_MOST_PLACES, max(1, size // _LOOK)))
    needed, begin, place = 0.0, 0, step // 2
    for source in sources:
        places = range(place - begin, source.size, step or 1)
        begin += source.size
        place += step * len(places)
        if places and not source.fault:
            with contextlib.suppress(OSError):  # told when it is read
                needed += step * sum(_shares(source, kind, places))
    return int(needed)


def _shares(source: Source, kind: Kind, places: range) -> Iterator[float]:
    """Yield for each place of a source how many bytes wait for one that is read there."""
    with open(source.path, "rb") as file:
        head = file.read(_LOOK)
        if unpacker(head) is not None:
            yield len(places) * _of_packed(head + file.read(_PACKED - _LOOK), source.name, kind)
        elif kind == "lines" or (kind == "auto" and is_lines(head, source.name)):
            for place in places:
                start = file.seek(max(0, place - _LOOK // 2))
                lines = file.read(_LOOK).split(b"\n")
                yield _of_lines(lines[start > 0 : None if file.tell() >= source.size else -1], source.name)
        elif source.size <= _LOOK:
            yield len(places) * _of_lines([head], source.name)


def _of_lines(lines: Sequence[bytes], name: str) -> float:
    """Return how many bytes wait for a byte of whole lines."""
    size = sum(len(line) + 1 for line in lines)
    return sum(_waiting(line, name) for line in lines) / size if size else 0.0


def _of_packed(head: bytes, name: str, kind: Kind) -> float:
    """Return how many bytes wait for a byte of a packed file that begins so."""
    texts = (item for item in documents_of(head, name, kind) if isinstance(item, Document))
    return sum(_waiting(item.data, name) for item in texts if item.place.file == name) / len(head)


def _waiting(text: bytes, name: str) -> int:
    """Return the bytes that a text takes while it waits for its patient; 0 when it does not wait."""
    if not text.strip():
        return 0
    sort = sort_text(text)
    waits = sort.is_shared or (sort.is_read and bool(sort.owner))
    return len(text) + len(sort.owner) + len(name) + _BESIDE if waits else 0


def _told(size: int) -> str:
    """Return a size in the unit a person would use."""
    mebibytes = size / _MEBIBYTE
    return f"{mebibytes / 1024:,.1f} GiB" if mebibytes >= 1024 else f"{mebibytes:,.1f} MiB"
