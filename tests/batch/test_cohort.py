"""The generator of cohorts: the same seed the same bytes, and every form of a cohort the same findings."""

import json
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.cohort import FORMS, SYNTHEA, Cohort, main, write
from cds_service.batch import run_batch

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
WITHOUT = Path("no such folder")
WHERE = ("file", "line", "pointer", "source")


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*.*json"))}


def findings_of(out):
    """Return the findings by patient, without where they stand."""
    found = defaultdict(list)
    for line in (out / "findings.ndjson").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for part in (row, *row["evidence"]):
            for name in WHERE:
                part.pop(name, None)
        found[row.pop("patient")].append(row)
    return dict(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("synthea", "patients"),
    [
        pytest.param(WITHOUT, 200, id="bundled"),
        pytest.param(
            SYNTHEA,
            12,
            id="synthea",
            marks=pytest.mark.skipif(not SYNTHEA.is_dir(), reason="the public test data are not there"),
        ),
    ],
)
def test_every_form_of_a_cohort_gives_the_same_findings(knowledge, tmp_path, synthea, patients):
    found = {}
    for form in FORMS:
        folder, out = tmp_path / form, tmp_path / f"out-{form}"
        write(Cohort(form, 7, synthea=synthea), folder, patients, shuffled=form != "bundles")
        summary = run_batch(folder, out, knowledge=knowledge, as_of=AS_OF)
        assert summary["reviewed"]["patients"] == patients
        assert summary["quarantined"]["patients"] == summary["quarantined"]["defects"] == 0
        found[form] = findings_of(out)
    assert found["export"] == found["bundles"] == found["lines"]
    if patients == 200:
        assert len({row["ruleId"] for rows in found["export"].values() for row in rows}) >= 15
        assert 0.1 < len(found["export"]) / patients < 0.3


@pytest.mark.parametrize("form", FORMS)
def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path, form):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write(Cohort(form, seed, synthea=WITHOUT), tmp_path / name, 12, shuffled=True)
    first, again, other = (files(tmp_path / name) for name in "abc")
    assert first == again
    assert first.keys() == other.keys()
    assert first != other


@pytest.mark.parametrize("form", FORMS)
def test_patients_share_no_id(form):
    cohort = Cohort(form, 5, synthea=WITHOUT)
    seen = set()
    for number in range(60):
        for name, text in cohort.texts(number, cohort.types):
            joint = text.replace(b"\n", b",").rstrip(b",")
            for row in json.loads(b"[" + joint + b"]"):
                resource = row.get("resource", row)
                key = f"{name}/{resource['id']}"
                assert resource["resourceType"] == name
                assert key not in seen
                seen.add(key)


def test_a_shuffled_export_has_the_patients_of_each_type_in_an_order_of_its_own(tmp_path):
    cohort = Cohort("export", 2, synthea=WITHOUT)
    write(cohort, tmp_path, 60, shuffled=True)

    def order(name, key):
        lines = b"".join(path.read_bytes() for path in sorted(tmp_path.glob(f"{name}.*.ndjson")))
        return list(dict.fromkeys(key(json.loads(line)) for line in lines.splitlines()))

    patients = order("Patient", lambda row: f"Patient/{row['id']}")
    observed = order("Observation", lambda row: row["subject"]["reference"])
    assert set(observed) <= set(patients)
    assert observed != [patient for patient in patients if patient in observed]


def test_the_command_writes_about_as_much_as_was_asked_for(tmp_path, capsys):
    main(["--out", str(tmp_path), "--gigabytes", "0.004", "--form", "lines"])
    assert 2_000_000 < sum(path.stat().st_size for path in tmp_path.iterdir()) < 6_000_000
    assert "patients" in capsys.readouterr().out
