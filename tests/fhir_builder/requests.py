"""Write ``request.json`` of every bundled patient from the Bundle beside it: ``python -m tests.fhir_builder.requests``."""

import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from cds_service.content import content_root
from cds_service.knowledge import Service, load_knowledge
from tests.fhir_builder.packing import request_of
from tests.fhir_builder.writing import text_of

PATIENTS = content_root() / "fixtures" / "patients"


def request_for(folder: Path, service: Service) -> dict[str, Any]:
    """The request an EHR would send about a bundled patient."""
    bundle = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    return request_of(resources, service, datetime.fromisoformat(expected["asOf"]))


def order_request(folder: Path, service: Service, draft: dict[str, Any]) -> dict[str, Any]:
    """The request of an order hook about a bundled patient with one draft, as ``tryOrders`` writes it."""
    bundle = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    patient = next(item["id"] for item in resources if item["resourceType"] == "Patient")
    whole = {**draft, "id": "draft-1", "subject": {"reference": f"Patient/{patient}"}}
    return request_of(resources, service, datetime.fromisoformat(expected["asOf"]), [whole])


@lru_cache(maxsize=1)
def patient_view() -> Service:
    """The service a bundled patient is shown to."""
    return next(service for service in load_knowledge().services if service.hook == "patient-view")


if __name__ == "__main__":
    for folder in sorted(path.parent for path in PATIENTS.glob("*/expected.json")):
        text = text_of(request_for(folder, patient_view()))
        (folder / "request.json").write_text(text + "\n", encoding="utf-8")
