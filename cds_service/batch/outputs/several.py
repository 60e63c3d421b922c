"""Patients who stand in several documents: told in their rows, because nobody judged them as a whole.

Two Bundles may name two persons ``Patient/1``, so they are never brought together. But then each was judged
without what only the other holds, and a reader must not take two rows for two patients or one for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import msgspec

from cds_service.batch.journal import written_whole

#: How the row of a patient ends.
_END = b"}\n"


class _Whose(msgspec.Struct):
    patient: str


_decode = msgspec.json.Decoder(_Whose).decode


def mark_several(patients: Path) -> int:
    """Add the number of ``documents`` to the rows of patients of several; return how many patients those are.

    ``patients`` is the finished patients.ndjson, where rows of one patient follow each other. It is written
    anew only when there are any.

    Raises:
        BatchError: It cannot be written (B005).
    """
    with patients.open("rb") as lines:
        several = sum(len(rows) > 1 for rows in _by_patient(lines))
    if several:
        with patients.open("rb") as lines, written_whole(patients) as file:
            for rows in _by_patient(lines):
                file.writelines(rows if len(rows) == 1 else _marked(rows))
    return several


def _by_patient(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the rows of each patient; those of whom nobody knows who it is one by one."""
    for name, rows in groupby(lines, key=lambda line: _decode(line).patient):
        if name:
            yield list(rows)
        else:
            yield from ([row] for row in rows)


def _marked(rows: list[bytes]) -> list[bytes]:
    return [row.removesuffix(_END) + b',"documents":%d' % len(rows) + _END for row in rows]
