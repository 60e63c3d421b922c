"""Write ``fixtures/calls``, one request for each hook but patient-view: ``python -m tests.fhir_builder.calls``."""

import json
from datetime import datetime
from typing import Any

from cds_service.content import content_root
from cds_service.knowledge import load_knowledge
from tests.fhir_builder.packing import request_of

PATIENTS = content_root() / "fixtures" / "patients"
CALLS = content_root() / "fixtures" / "calls"

#: Hook, bundled patient, and what the context brings: the name of a drafted drug or of an added problem.
HOOKS = {
    "order-select": ("lithium-high-after-ibuprofen", "naproxen"),
    "order-sign": ("lithium-high-after-ibuprofen", "naproxen"),
    "encounter-start": ("stroke-features-two-hours", ""),
    "encounter-discharge": ("lithium-high-after-ibuprofen", ""),
    "medication-refill": ("cramps-on-omeprazole-magnesium-unknown", "omeprazole"),
    "problem-list-item-create": ("arm-fasciculation-with-wasting", "Fasciculation"),
}


def call_for(hook: str) -> dict[str, Any]:
    """The call an EHR would make at a hook about a bundled patient."""
    story, more = HOOKS[hook]
    service = next(item for item in load_knowledge().services if item.hook == hook)
    bundle = json.loads((PATIENTS / story / "bundle.json").read_text(encoding="utf-8"))
    expected = json.loads((PATIENTS / story / "expected.json").read_text(encoding="utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    patient = next(item["id"] for item in resources if item["resourceType"] == "Patient")
    if more == "Fasciculation":
        context = [_problem(patient, more)]
    else:
        context = [_draft(patient, more)] if more else []
    return request_of(resources, service, datetime.fromisoformat(expected["asOf"]), context)


def _draft(patient: str, drug: str) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": f"draft-{drug}",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": {"text": drug},
        "subject": {"reference": f"Patient/{patient}"},
    }


def _problem(patient: str, text: str) -> dict[str, Any]:
    code = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "R25.3", "display": text}
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    return {
        "resourceType": "Condition",
        "id": "added-problem",
        "clinicalStatus": {"coding": [{"system": status, "code": "active"}]},
        "code": {"coding": [code], "text": text},
        "subject": {"reference": f"Patient/{patient}"},
    }


if __name__ == "__main__":
    CALLS.mkdir(exist_ok=True)
    for hook in HOOKS:
        text = json.dumps(call_for(hook), indent=2, ensure_ascii=False)
        (CALLS / f"{hook}.json").write_text(text + "\n", encoding="utf-8")
