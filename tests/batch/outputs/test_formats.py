"""What a run writes beside NDJSON: everything asked for, the same bytes however it is run, only when whole."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from fhir.resources.R4B.detectedissue import DetectedIssue
from fhir.resources.R4B.guidanceresponse import GuidanceResponse

from cds_service.batch import run_batch
from cds_service.batch.finding_rows import FindingRow, PatientRow, QuarantinedRow
from cds_service.errors import BatchError
from tests.batch.finished import finding_rows, knowledge, patient_row, reviewed
from tests.fhir_builder.requests import PATIENTS

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
MADE = ("findings.csv", "findings.parquet", "fhir/DetectedIssue.ndjson", "fhir/GuidanceResponse.ndjson")
MADE_FORMATS = ("csv", "parquet", "fhir")
STORIES = ("lip-twitching-on-furosemide", "potassium-result-without-unit", "nothing-known-but-the-patient")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("in")
    for story in STORIES:
        (folder / f"{story}.json").write_bytes((PATIENTS / story / "bundle.json").read_bytes())
    (folder / "broken.json").write_text("{")
    return folder


@pytest.fixture(scope="module")
def out(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "one"
    run_batch(inputs, out, knowledge=knowledge(), as_of=AS_OF, formats=MADE_FORMATS, report=True)
    return out


def _lines(path: Path) -> Iterator[bytes]:
    yield from path.read_bytes().splitlines()


def test_everything_asked_for_is_there_and_nothing_else(out: Path) -> None:
    told = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    rows = {"patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json", "timings.json"}
    assert told == {*MADE, *rows, "report.html"}


def test_all_outputs_tell_the_same_findings(out: Path) -> None:
    rows = [json.loads(line) for line in _lines(out / "findings.ndjson")]
    assert len(rows) >= 3
    ids = [row["ruleId"] for row in rows]
    assert pq.read_table(out / "findings.parquet").column("ruleId").to_pylist() == ids
    assert [
        DetectedIssue.model_validate_json(line).code.coding[0].code for line in _lines(out / MADE[2])
    ] == ids
    assert len((out / "findings.csv").read_bytes().splitlines()) == len(rows) + 1
    responses = [GuidanceResponse.model_validate_json(line) for line in _lines(out / MADE[3])]
    assert len(responses) == len(list(_lines(out / "patients.ndjson"))) == len(STORIES)


def test_the_report_is_of_this_run(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert f"of {len(STORIES)} patients have at least one finding" in page
    assert "broken.json" in page


def test_two_workers_give_the_same_bytes(inputs: Path, out: Path, tmp_path: Path) -> None:
    run_batch(
        inputs, tmp_path, knowledge=knowledge(), as_of=AS_OF, workers=2, formats=MADE_FORMATS, report=True
    )
    for name in MADE:
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes(), name
    mark = '<section aria-labelledby="time">'
    one, two = (
        (folder / "report.html").read_text(encoding="utf-8").split(mark)[0] for folder in (out, tmp_path)
    )
    assert one == two


def test_the_rows_of_a_run_are_those_the_writers_know(out: Path) -> None:
    for name, kind in (("patients", PatientRow), ("findings", FindingRow), ("quarantine", QuarantinedRow)):
        known = {field.encode_name for field in msgspec.structs.fields(kind)}
        left_out = {"indicator", "topFinding", "findings", "setAside"} if kind is PatientRow else set()
        for line in _lines(out / f"{name}.ndjson"):
            assert set(json.loads(line)) <= known | left_out


def test_rows_made_by_the_tests_are_like_those_of_a_run(out: Path) -> None:
    review = reviewed(STORIES[0])

    def names(rows: list[dict[str, Any]]) -> set[str]:
        return {name for row in rows for name in row}

    run = [json.loads(line) for line in _lines(out / "findings.ndjson")]
    assert names(finding_rows(review, "a.json")) <= names(run)
    patients = [json.loads(line) for line in _lines(out / "patients.ndjson")]
    assert names([patient_row(review, "a.json")]) <= names(patients)


def test_a_missing_library_is_told_before_anything_is_read(
    inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(BatchError, match=r"B018.*pip install 'twitch-cds\[parquet\]'"):
        run_batch(inputs, tmp_path / "out", knowledge=knowledge(), as_of=AS_OF, formats=("parquet",))
    assert not (tmp_path / "out").exists()
