"""Bring the resources of each patient together, on disk: they stand anywhere in an export of any size.

Every task of the first phase writes one file of blocks, a block holding texts of one part of the patients,
and the index of its blocks: for each part where its rows begin, then the rows, so that a part is found
without reading of the others. The second phase reads one part of all files at a time.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path
from typing import IO, Final

from cds_service.batch.rows import Place

_FRAME: Final = struct.Struct("<HHQI?")
#: Bytes that are gathered before blocks are written.
_GATHERED: Final = 16 * 1024 * 1024
#: A row of the index: part, place and size of a block. A number: how many parts, where a part's rows begin.
_INDEX: Final = struct.Struct("<IQI")
_NUMBER: Final = struct.Struct("<Q")

#: Patient, place, text, whether the text is broken: then only its type is of use.
Line = tuple[str, Place, bytes, bool]


def part_of(patient: str, parts: int) -> int:
    """Return the number of the part a patient belongs to."""
    return zlib.crc32(patient.encode()) % parts


class Spool:
    """Writes the texts of one task."""

    def __init__(self, path: Path, parts: int) -> None:
        """Write to ``path`` (made when the first text comes) and ``path.index``."""
        self._path = path
        self._parts = parts
        self._waiting: dict[int, list[bytes]] = defaultdict(list)
        self._size = 0
        self._place = 0
        self._index: list[tuple[int, int, int]] = []

    def add(self, line: Line) -> None:
        """Take one text."""
        patient, place, data, is_broken = line
        key, name = patient.encode()[:4_000], place.file.encode()[:4_000]
        frame = _FRAME.pack(len(key), len(name), place.line or 0, len(data), is_broken)
        self._waiting[part_of(patient, self._parts)].append(b"".join((frame, key, name, data)))
        self._size += len(data) + len(frame)
        if self._size > _GATHERED:
            self._flush()

    def close(self) -> None:
        """Write what waits, and the index. Raises OSError when the disk does not take it."""
        self._flush()
        if self._index:
            with open(f"{self._path}.index", "wb") as file:
                file.write(_packed(self._index, self._parts))
                file.flush()
                os.fsync(file.fileno())

    def _flush(self) -> None:
        if not self._waiting:
            return
        with open(self._path, "ab" if self._index else "wb") as file:
            for part, frames in sorted(self._waiting.items()):
                block = b"".join(frames)
                file.write(block)
                self._index.append((part, self._place, len(block)))
                self._place += len(block)
            file.flush()
            os.fsync(file.fileno())
        self._waiting.clear()
        self._size = 0


def _packed(rows: Sequence[tuple[int, int, int]], parts: int) -> bytes:
    """Return the index of blocks: the number of parts, where the rows of each begin, the rows by part."""
    counts = Counter(part for part, _, _ in rows)
    begins = accumulate((counts[part] for part in range(parts)), initial=0)
    return b"".join(
        [_NUMBER.pack(parts), *map(_NUMBER.pack, begins), *(_INDEX.pack(*row) for row in sorted(rows))]
    )


def _begins(index: IO[bytes]) -> list[int]:
    """Return where the rows of each part begin, and where they end."""
    (parts,) = _NUMBER.unpack(index.read(_NUMBER.size))
    return [number for (number,) in _NUMBER.iter_unpack(index.read((parts + 1) * _NUMBER.size))]


def _blocks(path: Path, part: int) -> list[tuple[int, int]]:
    """Return place and size of the blocks of one part."""
    with open(f"{path}.index", "rb", buffering=0) as index:
        (parts,) = _NUMBER.unpack(index.read(_NUMBER.size))
        index.seek((1 + part) * _NUMBER.size)
        ((begin,), (end,)) = _NUMBER.iter_unpack(index.read(2 * _NUMBER.size))
        index.seek((parts + 2) * _NUMBER.size + begin * _INDEX.size)
        return [
            (place, size) for _, place, size in _INDEX.iter_unpack(index.read((end - begin) * _INDEX.size))
        ]


def read_part(part: int, spools: Iterable[Path]) -> Iterator[Line]:
    """Yield the texts of one part of the patients."""
    for path in spools:
        blocks = _blocks(path, part)
        if blocks:
            with path.open("rb") as file:
                for place, size in blocks:
                    file.seek(place)
                    yield from _frames(file.read(size))


def parts_used(spools: Iterable[Path]) -> list[int]:
    """Return the numbers of the parts that hold anything, in order."""
    used: set[int] = set()
    for path in spools:
        with open(f"{path}.index", "rb") as index:
            used.update(part for part, (begin, end) in enumerate(pairwise(_begins(index))) if begin < end)
    return sorted(used)


def by_patient(lines: Iterable[Line]) -> Iterator[tuple[str, Sequence[tuple[Place, bytes, bool]]]]:
    """Yield each patient with all of his texts, patients in order."""
    found: dict[str, list[tuple[Place, bytes, bool]]] = defaultdict(list)
    for patient, place, data, is_broken in lines:
        found[patient].append((place, data, is_broken))
    for patient in sorted(found):
        yield patient, found.pop(patient)


def _frames(block: bytes) -> Iterator[Line]:
    place = 0
    names: dict[bytes, str] = {}
    while place < len(block):
        key_size, name_size, line, size, is_broken = _FRAME.unpack_from(block, place)
        place += _FRAME.size
        key = block[place : place + key_size].decode("utf-8", "replace")
        raw = block[place + key_size : place + key_size + name_size]
        name = names.get(raw) or names.setdefault(raw, raw.decode("utf-8", "replace"))
        place += key_size + name_size
        yield key, Place(name, line or None), block[place : place + size], is_broken
        place += size
