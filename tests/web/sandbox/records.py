"""Small records with the faults of real ones, to be opened at the page as records of one's own."""

from __future__ import annotations

import json
from typing import Any

Resource = dict[str, Any]
_ME = {"reference": "Patient/one"}
_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
POTASSIUM, CREATININE, MAGNESIUM = "2823-3", "2160-0", "19123-9"


def patient(**more: Any) -> Resource:
    name = [{"given": ["Hugo"], "family": "Hardcase"}]
    return {
        "resourceType": "Patient",
        "id": "one",
        "name": name,
        "gender": "male",
        "birthDate": "1970-05-05",
    } | more


def quantity(value: float, unit: str, comparator: str = "") -> Resource:
    found = {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    return found | ({"comparator": comparator} if comparator else {})


def result(name: str, when: str, value: Resource | None, code: str = POTASSIUM, **more: Any) -> Resource:
    """A laboratory result; ``when`` and ``value`` may be empty."""
    found: Resource = {
        "resourceType": "Observation",
        "id": name,
        "status": "final",
        "subject": _ME,
        "category": [{"coding": [{"system": _CATEGORY, "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}], "text": f"Test {name}"},
    }
    if when:
        found["effectiveDateTime"] = when
    if value is not None:
        found["valueQuantity"] = value
    return found | more


def of_patient(kind: str, name: str, **members: Any) -> Resource:
    """A resource about the patient."""
    subject = (
        "patient" if kind in ("AllergyIntolerance", "FamilyMemberHistory", "Immunization") else "subject"
    )
    return {"resourceType": kind, "id": name, subject: _ME} | members


def drug(name: str, words: str, status: str = "active", **more: Any) -> Resource:
    """A prescription."""
    members = {"status": status, "intent": "order", "medicationCodeableConcept": {"text": words}} | more
    return of_patient("MedicationRequest", name, **members)


def bundle(*resources: Resource) -> Resource:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": row} for row in resources]}


def open_record(page: Any, *resources: Resource, as_of: str = "2026-11-20", is_narrow: bool = False) -> None:
    """Open a record of one's own and look at it as of a day; return when chart and cards are there.

    In a narrow window the chart stands under a tab of its own, and only the cards are waited for.
    """
    page.locator(".own-choose").wait_for()
    body = json.dumps(bundle(*resources)).encode()
    file = {"name": "record.json", "mimeType": "application/json", "buffer": body}
    page.set_input_files(".own-data input[type=file]", files=[file])
    field = page.get_by_label("As of", exact=True)
    field.fill(as_of)
    field.press("Enter")
    page.locator(".foot").get_by_text(f"as of {as_of}").wait_for()
    if not is_narrow:
        page.locator(".block", has_text="Vital signs").get_by_text("None on record").wait_for()
