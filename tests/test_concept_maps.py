"""Local codes of a site match as coded, and every card says that they were mapped."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.content import content_root
from cds_service.explain import explain_patient
from cds_service.fhir import extract_facts, read_bundle
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.review import Review, review_patient
from cds_service.site import read_site
from cds_service.terminology import Terminology, load_terminology, with_local_codes

ROOT = content_root()
AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
LAB, DRUG, PROBLEM = (f"https://hospital.example/{name}" for name in ("lab", "drug", "problem"))


@cache
def published() -> Terminology:
    return load_terminology(ROOT)


@cache
def at_hospital() -> Knowledge:
    return load_knowledge(site=read_site(ROOT / "fixtures" / "site" / "site.yaml", ROOT))


def mapped(
    folder: Path, *groups: dict[str, Any], **top: Any
) -> tuple[Terminology, list[str], list[str], dict[str, int]]:
    path = folder / "map.json"
    path.write_text(json.dumps({"resourceType": "ConceptMap", "status": "active", "group": groups, **top}))
    found = with_local_codes(published(), (path,))
    return found.terminology, [i.code for i in found.notices], [i.code for i in found.faults], found.counts


def group(
    code: str,
    target: str,
    equivalence: str | None,
    source: str = LAB,
    system: str = "http://loinc.org",
    **more: Any,
) -> dict[str, Any]:
    said = {} if equivalence is None else {"equivalence": equivalence}
    return {
        "source": source,
        "target": system,
        "element": [{"code": code, "target": [{"code": target, **said, **more}]}],
    }


ICD = "http://hl7.org/fhir/sid/icd-10-cm"


@pytest.mark.parametrize("equivalence", ["equal", "equivalent"])
def test_the_same_test_is_read_as_that_test(tmp_path: Path, equivalence: str) -> None:
    terminology, notices, faults, counts = mapped(tmp_path, group("KAL", "2823-3", equivalence))
    assert [row.name for row in terminology.analytes_for(LAB, "KAL")] == ["potassium"]
    assert terminology.analytes_for(LAB, "NA") == ()
    assert (notices, faults, counts) == ([], [], {"map.json": 1})
    assert published().analytes_for(LAB, "KAL") == ()


@pytest.mark.parametrize(
    "equivalence", ["narrower", "specializes", "inexact", "relatedto", "unmatched", "disjoint", None]
)
def test_what_does_not_say_the_same_is_refused(tmp_path: Path, equivalence: str | None) -> None:
    terminology, notices, _faults, counts = mapped(tmp_path, group("KAL", "2823-3", equivalence))
    assert terminology.analytes_for(LAB, "KAL") == ()
    assert (notices, counts) == (["T038"], {"map.json": 0})


def test_a_broader_target_is_enough_for_a_problem_but_not_for_a_test(tmp_path: Path) -> None:
    terminology, notices, _faults, _counts = mapped(
        tmp_path, group("P1", "R25.3", "wider", PROBLEM, ICD), group("KAL", "2823-3", "wider")
    )
    assert terminology.twitch_for(PROBLEM, "P1") == published().twitch_for(ICD, "R25.3")
    assert notices == ["T042"]
    assert terminology.analytes_for(LAB, "KAL") == ()


def test_a_test_cannot_be_two_tests(tmp_path: Path) -> None:
    terminology, notices, _faults, _counts = mapped(
        tmp_path, group("X", "2823-3", "equal"), group("X", "2951-2", "equal")
    )
    assert terminology.analytes_for(LAB, "X") == ()
    assert notices == ["T042"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (group("KAL", "99999-9", "equal"), "T041"),
        (group("2823-3", "2951-2", "equal", source="http://loinc.org"), "T040"),
        (group("KAL", "2823-3", "equal", dependsOn=[{"property": "x", "value": "y"}]), "T039"),
        (group("", "2823-3", "equal"), "T037"),
        ({"element": []}, "T034"),
        ({**group("KAL", "2823-3", "equal"), "unmapped": {"mode": "provided"}}, "T035"),
    ],
)
def test_rows_that_cannot_be_used_are_told(tmp_path: Path, given: dict[str, Any], code: str) -> None:
    assert mapped(tmp_path, given)[1] == [code]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "T031"),
        ('{"resourceType": "ConceptMap", "status": "active", "status": "draft", "group": []}', "T031"),
        ('{"resourceType": "ValueSet"}', "T032"),
        ('{"resourceType": "ConceptMap", "status": "retired", "group": []}', "T033"),
        ('{"resourceType": "ConceptMap", "status": "active"}', "T032"),
        ("[" * 100_000, "T031"),
    ],
)
def test_files_that_are_no_map_stop_the_start(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    assert [issue.code for issue in with_local_codes(published(), (path,)).faults] == [code]


# --- in a record


def resource(kind: str, ident: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": ident, "subject": {"reference": "Patient/p"}, **more}


def concept(system: str, code: str, text: str = "") -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def record(*resources: dict[str, Any]) -> bytes:
    patient = {"resourceType": "Patient", "id": "p", "birthDate": "1970-01-01", "gender": "female"}
    entries = [{"resource": item} for item in (patient, *resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


KAL = resource(
    "Observation", "k", status="final", code=concept(LAB, "KAL"), effectiveDateTime="2026-11-18",
    valueQuantity={"value": 2.9, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
)  # fmt: skip
FUROSEMIDE = resource(
    "MedicationRequest", "f", status="active", intent="order", medicationCodeableConcept=concept(DRUG, "FUR40"), authoredOn="2026-11-01"
)  # fmt: skip
TWITCH = resource(
    "Condition", "t", code=concept(PROBLEM, "P77"), recordedDate="2026-11-10",
    clinicalStatus=concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
)  # fmt: skip


def reviewed(knowledge: Knowledge) -> Review:
    return review_patient(read_bundle(record(KAL, FUROSEMIDE, TWITCH)), knowledge, as_of=AS_OF)


def test_local_codes_are_judged_like_published_ones() -> None:
    assert not any(f.verdict.value == "match" for f in reviewed(load_knowledge()).findings)
    review = reviewed(at_hospital())
    assert review.facts.twitch is not None
    assert "furosemide" in review.facts.drugs and "potassium" in review.facts.numbers
    assert set(review.facts.mapped.values()) == {"KAL", "FUR40", "P77"}
    matched = {f.rule_id for f in review.findings if f.verdict.value == "match"}
    assert matched & {"hypokalemia", "hypokalemia-drug"}


def test_card_review_and_explanation_say_mapped() -> None:
    review = reviewed(at_hospital())
    assert any("(mapped from local code KAL)" in card["detail"] for card in review.cards)
    evidence = [item for finding in review.extension()["findings"] for item in finding["evidence"]]
    assert {item["mappedFrom"] for item in evidence if item.get("source") == "Observation/k"} == {"KAL"}
    assert '"mappedFrom": "KAL"' in json.dumps(explain_patient(review, at_hospital(), "hypokalemia"))


def test_a_published_code_beside_it_needs_no_mapping() -> None:
    both = {
        **KAL,
        "code": {
            "coding": [{"system": LAB, "code": "KAL"}, {"system": "http://loinc.org", "code": "2823-3"}]
        },
    }
    facts = extract_facts(read_bundle(record(both)), at_hospital().terminology, as_of=AS_OF)
    assert "potassium" in facts.numbers and facts.mapped == {}


def test_a_code_of_the_site_that_is_not_mapped_stays_unread() -> None:
    """A drug only known by an unmapped local code may be any drug: the list of drugs is not complete."""
    unknown = {**FUROSEMIDE, "medicationCodeableConcept": concept(DRUG, "XYZ")}
    facts = extract_facts(read_bundle(record(unknown)), at_hospital().terminology, as_of=AS_OF)
    assert not facts.state("drug").is_known
    assert facts.unread_codes[("drug", DRUG, "XYZ")] == 1


def test_discovery_asks_for_local_lab_codes_too() -> None:
    queries = [query for service in at_hospital().services for query in service.prefetch.values()]
    assert any(f"{LAB}|KAL" in query for query in queries)
