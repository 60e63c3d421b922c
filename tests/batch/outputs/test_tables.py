"""Findings as tables: complete, exact, harmless to a spreadsheet, the same bytes every time."""

from __future__ import annotations

import csv
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.batch.extras import needed
from cds_service.batch.finding_rows import EvidenceRow, FindingRow, MissingRow, rows_of
from cds_service.batch.outputs import tables
from cds_service.batch.outputs.tables import COLUMNS, csv_line, write_csv, write_parquet
from cds_service.errors import BatchError
from tests.batch.finished import write_rows, write_run

_SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"))[1]


def _rows(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, strict=True))


def test_no_member_of_a_row_is_lost_on_the_way() -> None:
    def names(kind: type[msgspec.Struct]) -> set[str]:
        return {field.encode_name for field in msgspec.structs.fields(kind)}

    assert names(FindingRow) == set(COLUMNS) - {"value", "unit", "effective", "source"}
    schema = tables._schema(tables.brought("pyarrow"))
    assert names(FindingRow) == set(schema.names)
    evidence = schema.field("evidence").type.value_type
    assert names(EvidenceRow) | {"valueText"} == {evidence.field(n).name for n in range(evidence.num_fields)}


def test_every_member_of_a_real_finding_is_known(findings: Path) -> None:
    kinds = {"evidence": EvidenceRow, "missing": MissingRow}
    known = {f.encode_name for f in msgspec.structs.fields(FindingRow)}
    for row in _rows(findings):
        assert set(row) <= known
        for name, kind in kinds.items():
            inner = {f.encode_name for f in msgspec.structs.fields(kind)}
            assert all(set(item) <= inner for item in row[name])


def test_the_csv_tells_every_finding(findings: Path, tmp_path: Path) -> None:
    count = write_csv(findings, tmp_path / "findings.csv")
    found, rows = _table(tmp_path / "findings.csv"), _rows(findings)
    assert count == len(found) == len(rows) > 40
    for line, row in zip(found, rows, strict=True):
        assert tuple(line) == COLUMNS
        assert (line["patient"], line["ruleId"], line["file"]) == (row["patient"], row["ruleId"], row["file"])
        assert line["rank"] == str(row.get("rank", ""))
        assert all(item["text"] in line["evidence"] for item in row["evidence"])
        assert all(
            f"{item['kind']} {item['name']}: {item['reason']}" in line["missing"] for item in row["missing"]
        )
        first = next((item for item in row["evidence"] if "value" in item), {})
        assert line["value"] == "" if not first else float(line["value"]) == first["value"]
        assert (line["unit"], line["effective"]) == (first.get("unit", ""), first.get("effective", ""))


def test_the_csv_is_rfc_4180(findings: Path, tmp_path: Path) -> None:
    write_csv(findings, tmp_path / "findings.csv")
    data = (tmp_path / "findings.csv").read_bytes()
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n") == len(_rows(findings)) + 1
    assert data.decode("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\uff1d1",
        '"=1',
        "a;=1",
        "a,\t@x",
        "a\t=1",
    ],
)
def test_no_text_can_begin_a_formula(text: str) -> None:
    (cell,) = next(csv.reader([csv_line([text]).decode()], strict=True))
    for separator in "\t;,|":
        for part in cell.split(separator):
            assert not part.strip(' "\t\r\n').startswith(tuple("=+-@\uff1d")), cell
    assert not cell.startswith(tuple(_SIGNS))
    assert cell.replace("'", "") == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_any_text_comes_back_whole_and_begins_no_formula(text: str) -> None:
    line = csv_line([text, "end"]).decode()
    assert line.endswith('"end"\r\n')
    cell, end = (
        next(csv.reader([line], strict=True)) if "\n" not in text and "\r" not in text else (None, "end")
    )
    assert end == "end"
    if cell is not None:
        assert not cell.startswith(tuple(_SIGNS))
        assert cell.replace("'", "") == text.replace("'", "")


def test_numbers_stay_numbers() -> None:
    assert csv_line([Decimal("-1.50"), 7, Decimal("1E+2"), None, ""]) == b"-1.50,7,100,,\r\n"


def test_a_cell_too_long_for_a_spreadsheet_is_cut_and_says_so() -> None:
    (cell,) = next(csv.reader([csv_line(["x" * 40_000]).decode()]))
    assert len(cell) < 32_767
    assert cell.endswith("(cut; all of it is in findings.ndjson)")


def test_the_parquet_holds_what_the_rows_hold(findings: Path, tmp_path: Path) -> None:
    count = write_parquet(findings, tmp_path / "findings.parquet")
    found, rows = pq.read_table(tmp_path / "findings.parquet").to_pylist(), _rows(findings)
    assert count == len(found) == len(rows)
    for got, row in zip(found, rows, strict=True):
        assert {k: v for k, v in got.items() if k not in ("evidence", "missing") and v not in ("", None)} == {
            k: v for k, v in row.items() if k not in ("evidence", "missing")
        }
        assert [{k: v for k, v in item.items() if v} for item in got["missing"]] == row["missing"]
        for one, item in zip(got["evidence"], row["evidence"], strict=True):
            exact = one.pop("valueText")
            assert {k: v for k, v in one.items() if v not in ("", None)} == item
            assert (exact == "") == ("value" not in item)
            assert not exact or float(exact) == item["value"]


def test_an_exact_number_survives_as_text(tmp_path: Path) -> None:
    text = '{"patient":"Patient/1","ruleId":"r","evidence":[{"text":"t","value":0.1000000000000000055511151231257827}]}\n'
    (tmp_path / "f.ndjson").write_text(text)
    write_parquet(tmp_path / "f.ndjson", tmp_path / "f.parquet")
    (row,) = pq.read_table(tmp_path / "f.parquet").to_pylist()
    assert row["evidence"][0]["valueText"] == "0.1000000000000000055511151231257827"


def test_the_same_rows_give_the_same_bytes(findings: Path, tmp_path: Path) -> None:
    for write in (write_csv, write_parquet):
        write(findings, tmp_path / "one")
        write(findings, tmp_path / "two")
        assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_row_groups_are_bounded(findings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "_GROUP", 10)
    count = write_parquet(findings, tmp_path / "findings.parquet")
    told = pq.ParquetFile(tmp_path / "findings.parquet").metadata
    assert told.num_row_groups == -(-count // 10)
    assert max(told.row_group(n).num_rows for n in range(told.num_row_groups)) == 10


def test_no_finding_at_all_is_a_table_too(tmp_path: Path) -> None:
    empty = write_rows(tmp_path / "findings.ndjson", [])
    assert write_csv(empty, tmp_path / "f.csv") == write_parquet(empty, tmp_path / "f.parquet") == 0
    assert _table(tmp_path / "f.csv") == []
    assert pq.read_table(tmp_path / "f.parquet").num_rows == 0


def test_what_broke_leaves_nothing_and_keeps_what_was_there(findings: Path, tmp_path: Path) -> None:
    target = tmp_path / "out" / "findings.csv"
    write_csv(findings, target)
    before = target.read_bytes()
    broken = tmp_path / "broken.ndjson"
    broken.write_bytes(findings.read_bytes() + b"{broken\n")
    for write in (write_csv, write_parquet):
        with pytest.raises(msgspec.DecodeError):
            write(broken, target)
    assert target.read_bytes() == before
    assert [path.name for path in target.parent.iterdir()] == ["findings.csv"]


def test_rows_are_read_one_at_a_time(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "f.ndjson", ({"patient": f"Patient/{n}", "ruleId": "r"} for n in range(3)))
    rows = rows_of(path, FindingRow)
    assert next(rows).patient == "Patient/0"
    assert [row.patient for row in rows] == ["Patient/1", "Patient/2"]


@pytest.mark.parametrize(
    ("module", "formats", "report", "code", "command"),
    [
        ("pyarrow.parquet", ("parquet",), False, "B018", "pip install 'twitch-cds[parquet]'"),
        ("matplotlib", (), True, "B019", "pip install 'twitch-cds[report]'"),
    ],
)
def test_a_missing_library_is_told_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    formats: tuple[str, ...],
    report: bool,
    code: str,
    command: str,
) -> None:
    needed(formats, report=report)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(BatchError) as told:
        needed(formats, report=report)
    assert told.value.issues[0].code == code
    assert command in str(told.value)


def test_no_file_is_begun_without_the_library(
    findings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BatchError):
        write_parquet(findings, tmp_path / "out" / "findings.parquet")
    assert list((tmp_path / "out").iterdir()) == []
