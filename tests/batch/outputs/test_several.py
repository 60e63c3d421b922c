"""A patient in several documents is judged once in each, and everything that is told of him says so."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cds_service.batch import run_batch
from cds_service.batch.outputs.several import mark_several
from cds_service.cli.batch import command
from tests.batch.broken import bundle, lines, patient, result

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """One patient in two Bundles and an export, one in two lines of Bundles, others once."""
    folder = tmp_path_factory.mktemp("in")
    (folder / "a.json").write_bytes(bundle(patient("p1"), result("o", "Patient/p1")))
    (folder / "b.json").write_bytes(bundle(patient("p1")))
    both = [
        json.loads(bundle(patient("p10"))),
        json.loads(bundle(patient("p10"), result("o", "Patient/p10"))),
    ]
    (folder / "c.ndjson").write_bytes(lines(*both))
    (folder / "Patient.ndjson").write_bytes(lines(patient("p1"), patient("p2")))
    (folder / "d.json").write_bytes(bundle(patient("p3")))
    return folder


def rows(out):
    return [json.loads(line) for line in (out / "patients.ndjson").read_text().splitlines()]


@pytest.mark.parametrize("workers", [1, 2])
def test_every_row_of_such_a_patient_tells_in_how_many(inputs, knowledge, tmp_path, workers):
    out = tmp_path / "out"
    summary = run_batch(inputs, out, knowledge=knowledge, as_of=AS_OF, workers=workers, report=True)
    assert [(row["patient"], row["file"].rpartition("/")[2], row.get("documents")) for row in rows(out)] == [
        ("Patient/p1", "Patient.ndjson", 3),
        ("Patient/p1", "a.json", 3),
        ("Patient/p1", "b.json", 3),
        ("Patient/p10", "c.ndjson", 2),
        ("Patient/p10", "c.ndjson", 2),
        ("Patient/p2", "Patient.ndjson", None),
        ("Patient/p3", "d.json", None),
    ]
    assert summary["patientsInSeveralDocuments"] == 2
    assert summary["reviewed"]["patients"] == 7
    assert "2 patients stand in several documents" in (out / "report.html").read_text()


def test_fhir_outputs_and_the_command_tell_it(inputs, tmp_path):
    out = tmp_path / "out"
    done = CliRunner().invoke(
        command, [str(inputs), "--out", str(out), "--as-of", "2026-11-20", "--format", "fhir"]
    )
    assert done.exit_code == 0
    assert "2 patients stand in several documents" in " ".join(done.output.split())
    responses = [
        json.loads(row) for row in (out / "fhir" / "GuidanceResponse.ndjson").read_text().splitlines()
    ]
    told = {row["id"]: [note["text"] for note in row["note"]] for row in responses}
    assert sum(any("documents name this patient" in text for text in notes) for notes in told.values()) == 5
    assert len(told) == 7


def test_without_such_a_patient_nothing_is_said(inputs, knowledge, tmp_path):
    summary = run_batch(inputs / "d.json", tmp_path / "out", knowledge=knowledge, as_of=AS_OF)
    assert summary["patientsInSeveralDocuments"] == 0
    assert "documents" not in rows(tmp_path / "out")[0]


@given(names=st.lists(st.sampled_from(["", "Patient/1", "Patient/10", 'Patient/"}\n', "urn:uuid:\u00fc"])))
def test_rows_are_told_apart_by_patient_and_nothing_else_changes(names, tmp_path_factory):
    path = tmp_path_factory.mktemp("rows") / "patients.ndjson"
    given_rows = [
        {"patient": name, "n": n, "inner": {"patient": "x"}} for n, name in enumerate(sorted(names))
    ]
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in given_rows))
    several = mark_several(path)
    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    counts = {name: names.count(name) for name in names if name and names.count(name) > 1}
    assert several == len(counts)
    assert found == [
        {**row, **({"documents": counts[row["patient"]]} if row["patient"] in counts else {})}
        for row in given_rows
    ]
