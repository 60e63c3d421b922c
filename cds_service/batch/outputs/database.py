"""The rows of a run as one SQLite file, to be asked with SQL: a table each for what has rows of its own.

Columns have the names of the NDJSON members; what a finding holds several of stands in ``evidence`` and
``missing``, which name it by its ``id``. The same rows give the same content, and with the same SQLite the
same bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from cds_service.batch.finding_rows import (
    EvidenceRow,
    FindingRow,
    MissingRow,
    PatientRow,
    QuarantinedRow,
    rows_of,
)
from cds_service.batch.journal import written_whole

_Cell = str | int | float | None

#: Columns of what stands before the members of a row.
_ID: Final = '"id" INTEGER PRIMARY KEY'
_OWNER: Final = '"finding" INTEGER NOT NULL REFERENCES "findings" ("id")'
_TABLES: Final[dict[str, tuple[type[msgspec.Struct], str]]] = {
    "patients": (PatientRow, ""),
    "findings": (FindingRow, _ID),
    "evidence": (EvidenceRow, _OWNER),
    "missing": (MissingRow, _OWNER),
    "quarantine": (QuarantinedRow, ""),
}
#: Members of a finding that have a table of their own.
_PARTS: Final = ("evidence", "missing")
_INDEXED: Final = (
    ("patients", "patient"),
    ("findings", "patient"),
    ("findings", "ruleId"),
    ("evidence", "finding"),
    ("missing", "finding"),
    ("quarantine", "code"),
)
_KINDS: Final[dict[Any, str]] = {str: "TEXT", int: "INTEGER", int | None: "INTEGER"}
#: Rows written at a time.
_GROUP: Final = 5_000


def write_sqlite(rows: Path, target: Path) -> None:
    """Write ``target`` from the finished patients, findings and quarantine in the folder ``rows``.

    A number stands as ``value`` (a double) and exactly, as ``valueText``; what a patient has several of is
    JSON.

    Raises:
        BatchError: The file cannot be written (B005).
        sqlite3.Error: The disk is full.
    """
    with written_whole(target) as file:
        db = sqlite3.connect(file.name)
        try:
            # Nobody reads what is not whole: no journal is needed.
            db.executescript("PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
            for name, (kind, first) in _TABLES.items():
                columns = ", ".join([first] * bool(first) + [*_columns(kind)])
                db.execute(f'CREATE TABLE "{name}" ({columns})')
            _fill(db, "patients", map(_cells, rows_of(rows / "patients.ndjson", PatientRow)))
            _fill_findings(db, rows_of(rows / "findings.ndjson", FindingRow))
            _fill(db, "quarantine", map(_cells, rows_of(rows / "quarantine.ndjson", QuarantinedRow)))
            for table, column in _INDEXED:
                db.execute(f'CREATE INDEX "{table} by {column}" ON "{table}" ("{column}")')
            db.commit()
        finally:
            db.close()


def _columns(kind: type[msgspec.Struct]) -> Iterator[str]:
    """Yield the columns of a kind of row as SQL."""
    for member in msgspec.structs.fields(kind):
        name = member.encode_name
        if member.type == Decimal | None:
            yield f'"{name}" REAL'
            yield f'"{name}Text" TEXT NOT NULL'
        elif kind is not FindingRow or member.name not in _PARTS:
            known = _KINDS.get(member.type, "TEXT")
            yield f'"{name}" {known}' + ("" if member.type == int | None else " NOT NULL")


def _cells(row: msgspec.Struct) -> list[_Cell]:
    """Return the cells of a row, in the order of ``_columns``."""
    cells: list[_Cell] = []
    for member in msgspec.structs.fields(row):
        value = getattr(row, member.name)
        if member.type == Decimal | None:
            cells += [None, ""] if value is None else [float(value), format(value, "f")]
        elif isinstance(row, FindingRow) and member.name in _PARTS:
            continue
        else:
            is_plain = value is None or isinstance(value, str | int)
            cells.append(value if is_plain else msgspec.json.encode(value, order="sorted").decode())
    return cells


def _fill_findings(db: sqlite3.Connection, rows: Iterator[FindingRow]) -> None:
    number = 0
    while group := list(islice(rows, _GROUP)):
        numbered = list(enumerate(group, start=number + 1))
        _fill(db, "findings", ([n, *_cells(row)] for n, row in numbered))
        for name in _PARTS:
            _fill(db, name, ([n, *_cells(part)] for n, row in numbered for part in getattr(row, name)))
        number += len(group)


def _fill(db: sqlite3.Connection, table: str, rows: Iterable[Sequence[_Cell]]) -> None:
    kind, first = _TABLES[table]
    places = ", ".join("?" * (bool(first) + sum(1 for _ in _columns(kind))))
    db.executemany(f'INSERT INTO "{table}" VALUES ({places})', rows)
