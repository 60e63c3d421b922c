"""Findings as tables, one row each, streamed: CSV for spreadsheets, Parquet for data frames."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

from cds_service.batch.extras import brought
from cds_service.batch.finding_rows import EvidenceRow, FindingRow, MissingRow, rows_of
from cds_service.batch.journal import written_whole

#: Columns of findings.csv, in their order. ``value``, ``unit``, ``effective`` and ``source`` are those of
#: the first evidence that has a number; ``evidence`` and ``missing`` tell everything, as text.
COLUMNS: Final = (
    "patient", "file", "line", "ruleId", "cause", "branch", "rank", "role", "strength", "indicator",
    "summary", "value", "unit", "effective", "source", "evidence", "missing", "foldedInto", "gaveWayTo",
    "held", "shownOn", "stale", "unproposed",
)  # fmt: skip

_BETWEEN: Final = " | "
#: A cell of a spreadsheet program holds 32,767 characters; a longer one spills into others.
_LONGEST_CELL: Final = 32_000
_SIGNS: Final = r"[=+\-@\uff1d\uff0b\uff0d\uff20]"
#: What makes a formula of a cell, in either width (OWASP, CSV Injection) ...
_FORMULA: Final = re.compile(rf"\s*{_SIGNS}|[\t\r\n]")
#: ... also behind what a program set to another separator takes for the end of a cell.
_INSIDE: Final = re.compile(rf"([;,|\t\r\n\"])(\s*)(?={_SIGNS})")
#: Rows of a row group: some ten megabytes at most.
_GROUP: Final = 20_000


def write_csv(findings: Path, target: Path) -> int:
    """Write ``target`` from a finished findings.ndjson: RFC 4180, UTF-8, a header; return the number of rows.

    Text is always quoted and can begin no formula; numbers stand bare. Cells beyond 32,000 characters are cut
    and say so.

    Raises:
        BatchError: The file cannot be written (B005).
    """
    count = 0
    with written_whole(target) as out:
        out.write(csv_line(COLUMNS))
        for row in rows_of(findings, FindingRow):
            out.write(csv_line(_cells(row)))
            count += 1
    return count


def csv_line(cells: Iterable[str | int | Decimal | None]) -> bytes:
    """Return one line of RFC 4180. None is an empty cell, numbers stand bare, text is quoted and harmless."""
    return (",".join(map(_cell, cells)) + "\r\n").encode("utf-8", "replace")


def _cell(value: str | int | Decimal | None) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return format(value, "f") if isinstance(value, Decimal) else str(value)
    text = _INSIDE.sub(r"\1\2'", value)
    text = f"'{text}" if _FORMULA.match(text) else text
    if len(text) > _LONGEST_CELL:
        text = f"{text[:_LONGEST_CELL].rstrip()} ... (cut; all of it is in findings.ndjson)"
    return '"' + text.replace('"', '""') + '"'


def _cells(row: FindingRow) -> Iterator[str | int | Decimal | None]:
    first = next((e for e in row.evidence if e.value is not None), EvidenceRow())
    flat: dict[str, str | int | Decimal | None] = {
        "ruleId": row.rule_id,
        "value": first.value,
        "unit": first.unit,
        "effective": first.effective,
        "source": first.source,
        "evidence": _BETWEEN.join(_told(item) for item in row.evidence),
        "missing": _BETWEEN.join(_missed(item) for item in row.missing),
        "foldedInto": row.folded_into,
        "gaveWayTo": row.gave_way_to,
        "shownOn": row.shown_on,
    }
    return (flat[name] if name in flat else getattr(row, name) for name in COLUMNS)


def _told(item: EvidenceRow) -> str:
    return f"{item.text} ({item.source})" if item.source else item.text


def _missed(item: MissingRow) -> str:
    return f"{item.kind} {item.name}: {item.reason}" + (f" ({item.detail})" if item.detail else "")


def write_parquet(findings: Path, target: Path) -> int:
    """Write ``target`` from a finished findings.ndjson with a fixed schema; return the number of rows.

    ``evidence`` and ``missing`` are lists of structs; a number stands as ``value`` (double) and exactly, as
    ``valueText``. The same rows give the same bytes with the same pyarrow. Row groups are of bounded size.

    Raises:
        BatchError: pyarrow is not installed (B018).
        BatchError: The file cannot be written (B005).
    """
    with written_whole(target) as out:
        return _write_groups(rows_of(findings, FindingRow), out)


def _write_groups(rows: Iterator[FindingRow], out: IO[bytes]) -> int:
    pa, pq = brought("pyarrow"), brought("pyarrow.parquet")
    schema = _schema(pa)
    count = 0
    with pq.ParquetWriter(out, schema, compression="zstd", version="2.6") as writer:
        while group := [_record(row) for row in islice(rows, _GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=_GROUP)
            count += len(group)
    return count


def _schema(pa: Any) -> Any:
    """Return the schema: text is never null, numbers are where there is none."""

    def texts(*names: str) -> list[Any]:
        return [pa.field(name, pa.string(), nullable=False) for name in names]

    line = pa.field("line", pa.int64())
    number = [pa.field("value", pa.float64()), *texts("valueText")]
    evidence = pa.struct(
        [*texts("text", "source", "mappedFrom"), *number, *texts("unit", "effective", "file"), line,
         *texts("pointer")]
    )  # fmt: skip
    missing = pa.struct(texts("kind", "name", "reason", "detail"))
    return pa.schema(
        [
            *texts("patient", "file"),
            line,
            *texts("ruleId", "cause", "branch"),
            pa.field("rank", pa.int32()),
            *texts("role", "strength", "indicator", "summary"),
            pa.field("evidence", pa.list_(pa.field("item", evidence, nullable=False)), nullable=False),
            pa.field("missing", pa.list_(pa.field("item", missing, nullable=False)), nullable=False),
            *texts("foldedInto", "gaveWayTo", "held", "shownOn", "stale", "unproposed"),
        ]
    )


def _record(row: FindingRow) -> dict[str, Any]:
    names = ("patient", "file", "line", "cause", "branch", "rank", "role", "strength", "indicator", "summary")
    return {
        **{name: getattr(row, name) for name in (*names, "held", "stale", "unproposed")},
        "ruleId": row.rule_id,
        "evidence": [_evidence(item) for item in row.evidence],
        "missing": [
            {"kind": m.kind, "name": m.name, "reason": m.reason, "detail": m.detail} for m in row.missing
        ],
        "foldedInto": row.folded_into,
        "gaveWayTo": row.gave_way_to,
        "shownOn": row.shown_on,
    }


def _evidence(item: EvidenceRow) -> dict[str, Any]:
    return {
        "text": item.text,
        "source": item.source,
        "mappedFrom": item.mapped_from,
        "value": None if item.value is None else float(item.value),
        "valueText": "" if item.value is None else format(item.value, "f"),
        "unit": item.unit,
        "effective": item.effective,
        "file": item.file,
        "line": item.line,
        "pointer": item.pointer,
    }
