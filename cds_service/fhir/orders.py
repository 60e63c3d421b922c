"""Draft ServiceRequests for the workup, built and validated as FHIR R4B (the same in R4).

The only place that uses ``fhir.resources``; it is imported when the first order is built.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

from cds_service.terminology import OrderCode, Terminology

#: valueset-request-priority.
PRIORITIES: Final = ("routine", "urgent", "asap", "stat")


def draft_service_request(
    order: OrderCode,
    terminology: Terminology,
    *,
    patient: str,
    encounter: str = "",
    priority: str = "routine",
    reason: str = "",
) -> dict[str, Any]:
    """Return a draft ServiceRequest (JSON-ready) that proposes one test, procedure or referral.

    ``patient`` and ``encounter`` are references (``Patient/1``); ``reason`` is our own sentence, never
    text of the record. The draft has no id: the client gives one when it is accepted.

    Raises:
        ValueError: a priority FHIR does not know, no patient, or a reference that is none.
    """
    if priority not in PRIORITIES:
        raise ValueError(f"priority must be one of {', '.join(PRIORITIES)}")
    if not patient:
        raise ValueError("a draft order needs the reference of its patient")
    resource: dict[str, Any] = {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "priority": priority,
        "category": [{"text": order.category}],
        "code": order_concept(order, terminology),
        "subject": {"reference": patient},
    }
    if encounter:
        resource["encounter"] = {"reference": encounter}
    if reason:
        resource["reasonCode"] = [{"text": reason}]
    return _validated(resource)


def order_concept(order: OrderCode, terminology: Terminology) -> dict[str, Any]:
    """Return the CodeableConcept of a test, procedure or referral; its title alone where it has no code."""
    codings = []
    for code in order.codes:
        coding = {"system": terminology.systems.uris[code.system], "code": code.code}
        if code.title:
            coding["display"] = code.title
        codings.append(coding)
    return {"coding": codings, "text": order.title} if codings else {"text": order.title}


def _validated(resource: dict[str, Any]) -> dict[str, Any]:
    """Return the resource as ``fhir.resources`` writes it. Raises ValueError when it is not valid R4B."""
    try:
        model = _model().model_validate(resource)
    except ValueError as error:  # its text may repeat a value
        raise ValueError(f"the draft order is not valid FHIR ({type(error).__name__})") from None
    written: dict[str, Any] = json.loads(model.model_dump_json())
    return written


@cache
def _model() -> Any:
    from fhir.resources.R4B.servicerequest import ServiceRequest

    return ServiceRequest
