"""Small synthetic FHIR documents, and the short ways to read them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cds_service.content import content_root
from cds_service.facts import PatientFacts
from cds_service.fhir import Record, extract_facts, read_bundle
from cds_service.terminology import Terminology, load_terminology

AS_OF = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1976-11-20", "gender": "female"}
ME = {"reference": "Patient/p"}
PREDNISONE_10 = {"system": RXNORM, "code": "198145", "display": "Prednisone 10 MG Oral Tablet"}


@cache
def terminology() -> Terminology:
    """The product's own terminology."""
    return load_terminology(content_root())


def bundle(*resources: Any, kind: str = "collection", **more: Any) -> bytes:
    """A Bundle of the resources as JSON."""
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries, **more}).encode()


def facts_of(*resources: Any, patient: dict[str, Any] | None = None, **how: Any) -> PatientFacts:
    """The facts of one patient and the given resources as of AS_OF."""
    record = read_bundle(bundle(PATIENT if patient is None else patient, *resources))
    return facts(record, **how)


def facts(record: Record, **how: Any) -> PatientFacts:
    """The facts of a record as of AS_OF."""
    return extract_facts(record, terminology(), **{"as_of": AS_OF, **how})


def lab(value: Any = 3.2, unit: str | None = "mmol/L", code: str = "2823-3", **more: Any) -> dict[str, Any]:
    """A laboratory Observation (potassium unless told otherwise)."""
    quantity = {"value": value} | ({} if unit is None else {"unit": unit, "system": UCUM, "code": unit})
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "subject": ME,
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "effectiveDateTime": "2026-11-18T08:00:00Z",
        "valueQuantity": quantity,
    } | more


def without(resource: dict[str, Any], *keys: str) -> dict[str, Any]:
    """A copy of a resource without some members."""
    return {key: value for key, value in resource.items() if key not in keys}


def condition(text: str = "", *codings: dict[str, str], **more: Any) -> dict[str, Any]:
    """An active Condition, recorded five days ago."""
    code: dict[str, Any] = {"coding": list(codings)} if codings else {}
    if text:
        code["text"] = text
    return {
        "resourceType": "Condition",
        "id": "c",
        "subject": ME,
        "code": code,
        "recordedDate": "2026-11-15",
        "clinicalStatus": {"coding": [{"code": "active"}]},
    } | more


def order(coding: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """An active MedicationRequest (prednisone 10 mg tablets unless told otherwise)."""
    return {
        "resourceType": "MedicationRequest",
        "id": "m",
        "status": "active",
        "intent": "order",
        "subject": ME,
        "authoredOn": "2026-10-01",
        "medicationCodeableConcept": {"coding": [coding or PREDNISONE_10]},
    } | more


def codes(found: PatientFacts) -> list[str]:
    """The codes of everything set aside."""
    return [aside.code for aside in found.set_aside]
