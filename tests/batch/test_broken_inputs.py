"""Whatever is broken: no exception, no hang, told where and why, and everybody else is reviewed."""

import json
import os
from datetime import UTC, datetime

import pytest

from cds_service.batch import run_batch
from tests.batch.broken import CASES, bundle, lines, patient, result

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOUND = bundle(patient("sound"), result("o", "Patient/sound"))


@pytest.fixture
def run(knowledge, tmp_path):
    """Run a batch; return the rows of patients and quarantine, and the summary."""

    def ran(*inputs, **options):
        out = tmp_path / "out"
        summary = run_batch(inputs, out, knowledge=knowledge, as_of=AS_OF, **options)
        read = {
            name: (out / f"{name}.ndjson").read_text(encoding="utf-8") for name in ("patients", "quarantine")
        }
        return {
            name: [json.loads(row) for row in text.split("\n")[:-1]] for name, text in read.items()
        }, summary

    return ran


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case.name[:40]))
def test_a_broken_input_costs_only_itself(case, run, tmp_path):
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "sound.json").write_bytes(SOUND)
    place = folder / case.name
    place.write_bytes(case.data) if isinstance(case.data, bytes) else case.data(place)
    rows, summary = run(folder)
    reviewed = {row["patient"].removeprefix("Patient/") for row in rows["patients"]}
    assert "sound" in reviewed
    told = {row["code"] for row in rows["quarantine"] if row["scope"] != "note"}
    assert told <= case.codes if len(case.codes) > 1 else told == case.codes
    assert bool(told) == bool(case.codes)
    assert case.patients is None or reviewed - {"sound"} == case.patients
    assert all(row["file"].startswith("inputs/") and row["message"].strip() for row in rows["quarantine"])
    for name in ("files", "documents", "resources", "patients"):
        assert summary["input"][name] == summary["reviewed"][name] + summary["quarantined"][name]
    assert (summary["quarantined"]["defects"], summary["quarantined"]["rows"]) == (0, len(rows["quarantine"]))


def test_there_are_many_kinds():
    assert len({case.name for case in CASES}) == len(CASES) >= 80


@pytest.fixture
def state(run, tmp_path):
    """Return what is known of the laboratory for each patient of an export of these files."""

    def known(**files):
        folder = tmp_path / "export"
        folder.mkdir()
        for name, data in files.items():
            (folder / f"{name}.ndjson").write_bytes(data)
        rows, _ = run(folder)
        return {row["patient"]: row["states"]["lab"] for row in rows["patients"]}

    return known


TWO = lines(patient("a"), patient("b"))
POTASSIUM_OF_A = result("o", "Patient/a")


def test_a_type_no_file_holds_was_not_sent(state):
    assert state(Patient=TWO) == {"Patient/a": "not-sent", "Patient/b": "not-sent"}


def test_a_type_that_was_sent_is_known_to_be_empty_for_those_without(state):
    assert state(Patient=TWO, Observation=lines(POTASSIUM_OF_A)) == {
        "Patient/a": "present",
        "Patient/b": "none-found",
    }


def test_a_broken_line_is_a_gap_for_its_patient_alone(state):
    broken = json.dumps(result("o2", "Patient/b")).encode()[:-5]
    found = state(Patient=TWO, Observation=lines(POTASSIUM_OF_A, broken))
    assert found == {"Patient/a": "present", "Patient/b": "incomplete"}


@pytest.mark.parametrize(
    "lost",
    [
        b'{"resourceType":"Observation","id":"o2","status":',
        b'{"resourceType":"Observation","id":"o2","subject":{"identifier":{"value":"7"}}}',
        b'{"resourceType":"Observation","id":"o2","subject":{"reference":"Patient?identifier=7"}}',
        b"rubbish",
        b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"exception"}]}',
        b'{"resourceType":"Observation","x":"' + b"x" * (65 << 20),
    ],
    ids=["cut", "identifier", "conditional", "rubbish", "report", "long"],
)
def test_what_may_have_been_anybodys_is_a_gap_for_all(state, lost):
    found = state(Patient=TWO, Observation=lines(POTASSIUM_OF_A, lost))
    assert found == {"Patient/a": "incomplete", "Patient/b": "incomplete"}


def test_a_line_of_a_group_is_a_gap_for_nobody(state):
    found = state(Patient=TWO, Observation=lines(POTASSIUM_OF_A, result("o2", "Group/g")))
    assert found == {"Patient/a": "present", "Patient/b": "none-found"}


def test_a_file_of_no_known_type_that_cannot_be_read_is_a_gap_of_every_type(state):
    found = state(Patient=TWO, Observation=lines(POTASSIUM_OF_A), part7=b"\xff\xfe{}")
    assert found == {"Patient/a": "incomplete", "Patient/b": "incomplete"}


def test_two_patients_a_condition_names_are_not_taken_for_one(run, tmp_path):
    (tmp_path / "a.ndjson").write_bytes(
        lines(result("o1", "Patient?identifier=1"), result("o2", "Patient?identifier=2"))
    )
    rows, _ = run(tmp_path / "a.ndjson")
    assert rows["patients"] == []


def test_a_file_that_changes_or_vanishes_before_it_is_read_is_told(knowledge, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("gone", "grown", "kept"):
        (folder / f"{name}.json").write_bytes(bundle(patient(name)))
    os.utime(folder / "grown.json", (1, 1))
    out = tmp_path / "out"

    def meddle(_progress):
        (folder / "gone.json").unlink(missing_ok=True)
        (folder / "grown.json").write_bytes(b"{}")

    many = [bundle(patient(f"x{n}"), text={"div": "x" * 9_000_000}) for n in range(1)]
    (folder / "a-first.json").write_bytes(many[0])
    run_batch([folder], out, knowledge=knowledge, as_of=AS_OF, progress=meddle)
    told = [json.loads(row) for row in (out / "quarantine.ndjson").read_text().splitlines()]
    assert {(row["file"], row["code"]) for row in told} == {
        ("in/gone.json", "B020"),
        ("in/grown.json", "B032"),
    }
    reviewed = [json.loads(row)["patient"] for row in (out / "patients.ndjson").read_text().splitlines()]
    assert reviewed == ["Patient/kept", "Patient/x0"]
