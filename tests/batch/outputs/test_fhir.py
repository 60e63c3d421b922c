"""DetectedIssue and GuidanceResponse: valid FHIR for every bundled patient, honest, with ids that stay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from fhir.resources.R4B.detectedissue import DetectedIssue
from fhir.resources.R4B.guidanceresponse import GuidanceResponse

from cds_service.batch.outputs.fhir import MismatchedRows, write_detected_issues, write_guidance_responses
from tests.batch.finished import (
    STORIES,
    finding_rows,
    knowledge,
    patient_row,
    reviewed,
    write_rows,
    write_run,
)


def _read(path: Path) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def issues(run: tuple[Path, Path]) -> list[dict[str, Any]]:
    target = run[0].parent / "fhir" / "DetectedIssue.ndjson"
    assert write_detected_issues(*run, target, knowledge()) == len(_read(target))
    return _read(target)


@pytest.fixture(scope="module")
def responses(run: tuple[Path, Path]) -> list[dict[str, Any]]:
    target = run[0].parent / "fhir" / "GuidanceResponse.ndjson"
    assert write_guidance_responses(*run, target, knowledge()) == len(STORIES)
    return _read(target)


def test_every_resource_is_valid(issues: list[dict[str, Any]], responses: list[dict[str, Any]]) -> None:
    assert len(issues) > 40
    for issue in issues:
        DetectedIssue.model_validate(issue)
    for response in responses:
        GuidanceResponse.model_validate(response)


def test_an_issue_says_what_the_finding_says(run: tuple[Path, Path], issues: list[dict[str, Any]]) -> None:
    severity = {"critical": "high", "warning": "moderate", "info": "low"}
    rows = _read(run[1])
    assert len(rows) == len(issues)
    for row, issue in zip(rows, issues, strict=True):
        assert issue["code"]["coding"][0]["system"] == "urn:twitch-cds:rule"
        assert issue["code"]["coding"][0]["code"] == row["ruleId"]
        assert issue["code"]["text"] == knowledge().rules[row["ruleId"]].title
        assert issue["severity"] == severity[row["indicator"]]
        assert issue["patient"] == {"reference": row["patient"]}
        assert issue["detail"].startswith(row["summary"])
        cited = [d["reference"] for e in issue["evidence"] for d in e.get("detail", [])]
        assert cited == [item["source"] for item in row["evidence"] if "source" in item]
        assert [e["code"][0]["text"] for e in issue["evidence"]] == [item["text"] for item in row["evidence"]]
        marks = {e["url"].rpartition(":")[2]: e for e in issue["extension"]}
        assert marks.get("rank", {}).get("valuePositiveInt") == row.get("rank")
        assert marks.get("gave-way-to", {}).get("valueCode") == row.get("gaveWayTo")


def test_nothing_is_called_a_diagnosis(issues: list[dict[str, Any]], responses: list[dict[str, Any]]) -> None:
    for issue in issues:
        assert issue["status"] == "preliminary"
        assert "no diagnosis" in issue["detail"] and "not a medical device" in issue["detail"]
    for response in responses:
        assert "no diagnosis" in response["note"][0]["text"]


def test_drugs_on_record_are_implicated(issues: list[dict[str, Any]]) -> None:
    implicated = {
        item["reference"].partition("/")[0] for issue in issues for item in issue.get("implicated", [])
    }
    assert implicated and implicated <= {
        "MedicationRequest",
        "MedicationStatement",
        "MedicationAdministration",
    }


def test_a_response_names_every_issue_and_what_is_missing(
    run: tuple[Path, Path], issues: list[dict[str, Any]], responses: list[dict[str, Any]]
) -> None:
    named = [
        parameter["valueReference"]["reference"]
        for response in responses
        for part in response.get("contained", [])
        for parameter in part["parameter"]
    ]
    assert named == [f"DetectedIssue/{issue['id']}" for issue in issues]
    for patient, response in zip(_read(run[0]), responses, strict=True):
        assert response["subject"] == {"reference": patient["patient"]}
        gaps = [r for r in _read(run[1]) if r["patient"] == patient["patient"] and r["missing"]]
        is_open = bool(gaps) or patient["counts"]["unknown"] > 0
        assert response["status"] == ("data-required" if is_open else "success")
        assert bool(gaps) <= ("dataRequirement" in response)
        assert str(patient["counts"]["rules"]) in response["note"][1]["text"]


def test_a_missing_test_is_asked_for_by_its_codes(responses: list[dict[str, Any]]) -> None:
    asked = [r for response in responses for r in response.get("dataRequirement", [])]
    codings = [c for r in asked for f in r.get("codeFilter", []) for c in f["code"]]
    assert {"http://loinc.org", "urn:twitch-cds:lab"} <= {coding["system"] for coding in codings}


def test_outside_and_not_sent_and_broken_are_told(tmp_path: Path) -> None:
    row = patient_row(reviewed("no-twitching"), "a.json")
    row |= {
        "outside": "deceased",
        "states": {"lab": "not-sent", "drug": "incomplete", "condition": "none-found"},
    }
    row["counts"] = {**row["counts"], "unknown": 0, "errored": 2}
    patients, findings = write_rows(tmp_path / "p", [row]), write_rows(tmp_path / "f", [])
    write_guidance_responses(patients, findings, tmp_path / "g", knowledge())
    (response,) = _read(tmp_path / "g")
    GuidanceResponse.model_validate(response)
    assert [need["type"] for need in response["dataRequirement"]] == ["MedicationRequest", "Observation"]
    assert response["status"] == "data-required"
    assert response["evaluationMessage"] == [{"reference": "#message"}]
    assert response["contained"][0]["issue"][0]["diagnostics"].startswith("2 rules failed")
    assert "deceased" in response["note"][2]["text"]


def test_a_source_that_is_no_reference_is_told_in_words(tmp_path: Path) -> None:
    review = reviewed("lip-twitching-on-furosemide")
    rows = finding_rows(review, "a.json")[:1]
    rows[0]["evidence"] = [{"text": "t", "source": "/entry/3/resource"}]
    patients = write_rows(tmp_path / "p", [patient_row(review, "a.json")])
    write_detected_issues(patients, write_rows(tmp_path / "f", rows), tmp_path / "d", knowledge())
    (issue,) = _read(tmp_path / "d")
    DetectedIssue.model_validate(issue)
    assert issue["evidence"][0]["detail"] == [{"display": "/entry/3/resource"}]


def test_ids_stay_and_tell_apart(
    run: tuple[Path, Path], issues: list[dict[str, Any]], tmp_path: Path
) -> None:
    ids = [issue["id"] for issue in issues]
    assert len(set(ids)) == len(ids)
    write_detected_issues(*run, tmp_path / "again", knowledge())
    assert [issue["id"] for issue in _read(tmp_path / "again")] == ids
    moved = [{**row, "line": 7} for row in _read(run[0])], [{**row, "line": 7} for row in _read(run[1])]
    patients, findings = write_rows(tmp_path / "p", moved[0]), write_rows(tmp_path / "f", moved[1])
    write_detected_issues(patients, findings, tmp_path / "moved", knowledge())
    assert not {issue["id"] for issue in _read(tmp_path / "moved")} & set(ids)


def test_a_finding_without_its_patient_is_an_error_and_leaves_no_file(
    run: tuple[Path, Path], tmp_path: Path
) -> None:
    patients = write_rows(tmp_path / "p", _read(run[0])[1:])
    with pytest.raises(MismatchedRows):
        write_detected_issues(patients, run[1], tmp_path / "d", knowledge())
    assert not (tmp_path / "d").exists()


def test_what_most_rules_lack_is_asked_for_first_after_whole_kinds(tmp_path: Path) -> None:
    row = patient_row(reviewed("no-twitching"), "a.json") | {
        "states": {"lab": "present", "drug": "not-sent"},
        "missing": [
            {"kind": "lab", "name": "potassium", "reason": "not-measured", "rules": 5},
            {"kind": "patient", "name": "age", "reason": "not-sent", "rules": 4},
            {"kind": "lab", "name": "calcium-total", "reason": "not-measured", "rules": 3},
        ],
    }
    patients, findings = write_rows(tmp_path / "p", [row]), write_rows(tmp_path / "f", [])
    write_guidance_responses(patients, findings, tmp_path / "g", knowledge())
    (response,) = _read(tmp_path / "g")
    GuidanceResponse.model_validate(response)
    asked = [need["codeFilter"][0]["code"][0]["code"] for need in response["dataRequirement"][1:]]
    assert response["dataRequirement"][0]["type"] == "MedicationRequest"
    assert asked == ["potassium", "calcium-total"]
