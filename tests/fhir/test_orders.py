"""Draft orders: coded, complete, valid; and nothing invented."""

from __future__ import annotations

import pytest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_service.fhir import draft_service_request
from cds_service.terminology import OrderCode
from tests.fhir.builders import terminology


def test_every_order_of_the_content_is_valid() -> None:
    assert terminology().orders
    for name in sorted(terminology().orders):
        check(terminology().orders[name])


def check(order: OrderCode) -> None:
    draft = draft_service_request(
        order,
        terminology(),
        patient="Patient/p",
        encounter="Encounter/e",
        priority="urgent",
        reason="Magnesium not measured",
    )
    assert ServiceRequest.model_validate(draft).status == "draft"
    assert draft["subject"] == {"reference": "Patient/p"}
    assert draft["encounter"] == {"reference": "Encounter/e"}
    assert [coding["code"] for coding in draft["code"].get("coding", [])] == [
        code.code for code in order.codes
    ]
    assert all(coding["system"].startswith(("http", "urn:")) for coding in draft["code"].get("coding", []))
    assert "dosageInstruction" not in draft


def test_an_unknown_priority_or_an_empty_patient_is_refused() -> None:
    order = next(iter(terminology().orders.values()))
    with pytest.raises(ValueError, match="priority"):
        draft_service_request(order, terminology(), patient="Patient/p", priority="now")
    with pytest.raises(ValueError, match="patient"):
        draft_service_request(order, terminology(), patient="")
    with pytest.raises(ValueError, match="not valid FHIR") as error:
        draft_service_request(order, terminology(), patient="\x0b")
    assert "input_value" not in str(error.value)
