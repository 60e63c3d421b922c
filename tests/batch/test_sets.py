"""The data made by others, all sets in one run: it ends, adds up, and says why what it could not use."""

import json
from collections import Counter
from pathlib import Path

import pytest

from cds_service.batch import run_batch

SETS = Path(__file__).resolve().parents[3] / "shared" / "fhir-data"
OUTPUTS = ("patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json")
pytestmark = [
    pytest.mark.skipif(not SETS.is_dir(), reason="../shared is not here"),
    pytest.mark.xdist_group("sets"),
]


@pytest.fixture(scope="module")
def outs(knowledge, tmp_path_factory):
    """The outputs of one worker and of three."""
    found = []
    for workers in (1, 3):
        out = tmp_path_factory.mktemp("sets") / "out"
        run_batch([SETS], out, knowledge=knowledge, as_of="latest", workers=workers)
        found.append({name: (out / name).read_bytes() for name in OUTPUTS})
    return found


@pytest.fixture(scope="module")
def summary(outs):
    return json.loads(outs[0]["summary.json"])


def rows(outs, name):
    return [json.loads(row) for row in outs[0][f"{name}.ndjson"].splitlines()]


def test_one_worker_and_three_write_the_same_bytes(outs):
    assert outs[0] == outs[1]


def test_it_adds_up_without_a_defect(outs, summary):
    for name in ("files", "documents", "resources", "patients"):
        assert summary["input"][name] == summary["reviewed"][name] + summary["quarantined"][name]
    assert summary["quarantined"]["defects"] == 0
    assert summary["quarantined"]["files"] == 0
    assert len(rows(outs, "patients")) == summary["reviewed"]["patients"] > 400
    assert {row["file"].split("/")[1] for row in rows(outs, "patients")} == {
        path.name for path in SETS.iterdir() if path.is_dir()
    }


def test_every_row_says_where_what_and_why(outs):
    for row in rows(outs, "quarantine"):
        assert row["file"].startswith("fhir-data/")
        assert row["message"].endswith(".")
        assert row["scope"] in ("file", "document", "patient", "resource", "note")


def told(outs, name):
    """Return how often each code is told of a set."""
    return Counter(
        row["code"] for row in rows(outs, "quarantine") if row["file"].startswith(f"fhir-data/{name}/")
    )


def test_the_reasons_of_a_set_are_what_is_wrong_with_it(outs):
    stu3 = told(outs, "smart-stu3-patients")
    assert stu3["F018"] > 3_000  # Observation.status is "unknown", as its README counts
    assert stu3["F019"] == 0
    hooks = told(outs, "crd-test-kit")
    assert hooks["B033"] == 7
    odd = told(outs, "server-test-resources")
    assert odd["F001"] <= 6  # five files of broken JSON; the 74 with a byte order mark are read
    assert told(outs, "bulk-export-10")["F004"] == 0  # the log of the export is no data
    assert told(outs, "synthea-2019-bundles")["B036"] == 1  # the hospitals
    assert told(outs, "uk-eps-messages")["F013"] == 10


def test_an_export_without_observations_does_not_say_there_are_none(knowledge, tmp_path):
    out = tmp_path / "out"
    run_batch([SETS / "bulk-export-10"], out, knowledge=knowledge, as_of="latest")
    states = [json.loads(row)["states"] for row in (out / "patients.ndjson").read_text().splitlines()]
    assert len(states) == 13
    assert {state["lab"] for state in states} == {"not-sent"}
    assert {state["condition"] for state in states} <= {"present", "none-found"}
