"""findings.sqlite3: every row of the NDJSON, exactly, readable by anybody who knows SQL."""

import json
import re
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.batch.finding_rows import FindingRow, MissingRow, PatientRow, QuarantinedRow, rows_of
from cds_service.batch.outputs.database import write_sqlite
from cds_service.errors import BatchError
from tests.batch.finished import write_rows, write_run

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "batch.md").read_text(encoding="utf-8")
ODD = "=1+1; ' \" \u00fc\u2028\n\0 after"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    patients, _ = write_run(folder)
    first, *rest = [json.loads(line) for line in patients.read_text(encoding="utf-8").splitlines()]
    write_rows(
        patients, [{**first, "missing": [{"kind": "lab", "name": "calcium", "reason": "not-sent"}]}, *rest]
    )
    row = {"file": "a.json", "line": 3, "pointer": "/x", "code": "F001", "message": ODD, "scope": "document"}
    write_rows(
        folder / "quarantine.ndjson",
        [row, {"file": "b.json", "code": "B020", "message": "m.", "scope": "file"}],
    )
    write_sqlite(folder, folder / "findings.sqlite3")
    return folder


@pytest.fixture
def ask(folder):
    with closing(sqlite3.connect(f"file:{folder / 'findings.sqlite3'}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        yield lambda sql, *given: db.execute(sql, given).fetchall()


def test_it_is_a_whole_database(ask):
    assert ask("PRAGMA integrity_check")[0][0] == "ok"
    assert ask("PRAGMA foreign_key_check") == []


def test_every_finding_is_there_with_its_evidence_and_what_is_missing(folder, ask):
    written = list(rows_of(folder / "findings.ndjson", FindingRow))
    assert len(written) > 20
    found = ask("SELECT * FROM findings ORDER BY id")
    assert [(r["patient"], r["ruleId"], r["rank"], r["summary"], r["foldedInto"]) for r in found] == [
        (row.patient, row.rule_id, row.rank, row.summary, row.folded_into) for row in written
    ]
    for row, kept in zip(written, found, strict=True):
        evidence = ask("SELECT * FROM evidence WHERE finding = ? ORDER BY rowid", kept["id"])
        assert [(e["text"], e["valueText"], e["unit"], e["pointer"], e["line"]) for e in evidence] == [
            (e.text, "" if e.value is None else format(e.value, "f"), e.unit, e.pointer, e.line)
            for e in row.evidence
        ]
        assert all(e["value"] == float(Decimal(e["valueText"])) for e in evidence if e["valueText"])
        missing = ask(
            "SELECT kind, name, reason, detail FROM missing WHERE finding = ? ORDER BY rowid", kept["id"]
        )
        assert [tuple(m) for m in missing] == [(m.kind, m.name, m.reason, m.detail) for m in row.missing]
    assert any(row.missing for row in written)


def test_patients_and_quarantine_are_there(folder, ask):
    patients = list(rows_of(folder / "patients.ndjson", PatientRow))
    found = ask("SELECT * FROM patients ORDER BY rowid")
    assert [(r["patient"], r["asOf"], json.loads(r["counts"]), json.loads(r["states"])) for r in found] == [
        (row.patient, row.as_of, row.counts, row.states) for row in patients
    ]
    assert {(r["documents"], r["line"]) for r in found} == {(1, None)}
    kept = [tuple(MissingRow(**item) for item in json.loads(r["missing"])) for r in found]
    assert kept == [row.missing for row in patients]
    assert kept[0]
    rows = [
        (r.file, r.line, r.code, r.message) for r in rows_of(folder / "quarantine.ndjson", QuarantinedRow)
    ]
    assert [tuple(r) for r in ask("SELECT file, line, code, message FROM quarantine ORDER BY rowid")] == rows
    assert rows[0][3] == ODD


def test_the_same_rows_give_the_same_bytes(folder, tmp_path):
    write_sqlite(folder, tmp_path / "again.sqlite3")
    assert (tmp_path / "again.sqlite3").read_bytes() == (folder / "findings.sqlite3").read_bytes()


def test_groups_are_written_as_one(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("cds_service.batch.outputs.database._GROUP", 3)
    write_sqlite(folder, tmp_path / "small.sqlite3")
    with (
        closing(sqlite3.connect(tmp_path / "small.sqlite3")) as small,
        closing(sqlite3.connect(folder / "findings.sqlite3")) as db,
    ):
        for table in ("findings", "evidence", "missing"):
            asked = f"SELECT * FROM {table} ORDER BY rowid"
            assert sorted(small.execute(asked)) == sorted(db.execute(asked))


def test_a_run_without_findings_has_empty_tables(tmp_path):
    for name in ("patients", "findings", "quarantine"):
        write_rows(tmp_path / f"{name}.ndjson", [])
    write_sqlite(tmp_path, tmp_path / "findings.sqlite3")
    with closing(sqlite3.connect(tmp_path / "findings.sqlite3")) as db:
        assert db.execute("SELECT count(*) FROM findings").fetchone() == (0,)


def test_the_question_of_the_page_is_answered(ask):
    (asked,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    rows = ask(asked)
    assert rows and all(row[1] > 0 and row[2] <= row[3] for row in rows)


def test_a_file_that_cannot_be_written_is_told(folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BatchError, match="B005"):
        write_sqlite(folder, tmp_path / "file" / "findings.sqlite3")
