"""Draft orders of a hook's context reach the rules: medications, tests, selections."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from cds_service.errors import NotFhir, RequestError
from cds_service.hook_call import Call, answer_call, read_call
from cds_service.knowledge import Knowledge, Service, load_knowledge
from cds_service.review import Review

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
ME = {"reference": "Patient/p"}
RULE = "order-succinylcholine-risk"


@cache
def knowledge() -> Knowledge:
    return load_knowledge()


def service(hook: str) -> Service:
    """A service of an order hook as it would be when switched on."""
    promises = {
        "patient": ("Patient",),
        "labs": ("Observation",),
        "problems": ("Condition",),
        "drugs": ("MedicationRequest",),
    }
    return Service(
        f"twitch-{hook}", hook, "Orders", "Orders in tests", True, dict.fromkeys(promises, ""), promises
    )


def draft(ident: str = "1", rxnorm: str = "10154", **more: Any) -> dict[str, Any]:
    """A draft order of succinylcholine."""
    coding = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": rxnorm}
    return {
        "resourceType": "MedicationRequest",
        "id": ident,
        "status": "draft",
        "intent": "order",
        "subject": ME,
        "medicationCodeableConcept": {"coding": [coding]},
    } | more


def service_request(code: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": "s",
        "status": "draft",
        "intent": "order",
        "subject": ME,
        "code": code,
    } | more


def body(hook: str, *drafts: dict[str, Any], member: str = "draftOrders", **context: Any) -> bytes:
    potassium = {
        "resourceType": "Observation",
        "id": "k",
        "status": "final",
        "subject": ME,
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "effectiveDateTime": "2026-11-20T09:00:00Z",
        "valueQuantity": {"value": 6.1, "unit": "mmol/L"},
    }
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": item} for item in drafts],
    }
    call = {
        "hook": hook,
        "hookInstance": "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40",
        "context": {"patientId": "p", "userId": "Practitioner/u", member: bundle, **context},
        "prefetch": {
            "patient": {"resourceType": "Patient", "id": "p", "birthDate": "1976-01-01"},
            "labs": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": potassium}]},
            "problems": None,
            "drugs": None,
        },
    }
    return json.dumps(call).encode()


def review(hook: str, *drafts: dict[str, Any], **context: Any) -> Review:
    call: Call = read_call(body(hook, *drafts, **context), hook)
    return answer_call(call, service(hook), knowledge(), as_of=AS_OF, base_url="http://localhost")


def matched(found: Review) -> set[str]:
    return {finding.rule_id for finding in found.findings if finding.verdict.value == "match"}


def test_succinylcholine_with_high_potassium_is_told_when_it_is_signed() -> None:
    found = review("order-sign", draft())
    assert RULE in matched(found)
    (card,) = [
        card for card in found.cards if card["summary"].startswith("Succinylcholine with potassium 6.1")
    ]
    assert card["indicator"] == "critical"


def test_another_drug_is_not_told() -> None:
    assert RULE not in matched(review("order-sign", draft(rxnorm="7646")))
    assert RULE not in matched(review("order-sign"))


def test_only_what_is_being_chosen_counts_at_order_select() -> None:
    drafts = (draft("1"), draft("2", rxnorm="7646"))
    assert RULE in matched(review("order-select", *drafts, selections=["MedicationRequest/1"]))
    assert RULE not in matched(review("order-select", *drafts, selections=["MedicationRequest/2"]))


def test_a_selection_that_names_no_draft_is_said() -> None:
    found = review("order-select", draft(), selections=["MedicationRequest/9"])
    assert "F090" in {aside.code for aside in found.facts.set_aside}


def test_a_draft_of_somebody_else_is_refused() -> None:
    found = review("order-sign", draft(subject={"reference": "Patient/other"}))
    assert RULE not in matched(found)
    assert "F014" in {aside.code for aside in found.facts.set_aside}


def test_a_refill_is_read_from_its_own_member() -> None:
    found = review("medication-refill", draft(rxnorm="7646"), member="medications")
    assert [use.draft for use in found.facts.drugs["omeprazole"]] == [True]


@pytest.mark.parametrize(
    "code",
    [
        {"coding": [{"system": "http://loinc.org", "code": "19123-9"}]},
        {"text": "Magnesium, serum"},
    ],
)
def test_a_drafted_test_has_the_name_of_its_order(code: dict[str, Any]) -> None:
    (use,) = review("order-sign", service_request(code)).facts.drugs["magnesium-serum"]
    assert (use.draft, use.selected, use.stopping) == (True, True, False)


@pytest.mark.parametrize(
    ("change", "code"), [({"status": "revoked"}, "F019"), ({"doNotPerform": True}, "F042")]
)
def test_a_withdrawn_test_is_no_draft(change: dict[str, Any], code: str) -> None:
    found = review("order-sign", service_request({"text": "Magnesium, serum"}, **change))
    assert "magnesium-serum" not in found.facts.drugs
    assert code in {aside.code for aside in found.facts.set_aside}


def test_a_test_nobody_knows_is_counted() -> None:
    found = review("order-sign", service_request({"coding": [{"system": "urn:own", "code": "x"}]}))
    assert found.facts.unread_codes[("order", "urn:own", "x")] == 1


@pytest.mark.parametrize(
    ("hook", "change", "code", "where"),
    [
        ("order-select", {}, "H008", "/context/selections"),
        ("order-select", {"selections": "MedicationRequest/1"}, "H013", "/context/selections"),
        ("order-select", {"selections": ["x"] * 1001}, "H013", "/context/selections"),
        ("order-sign", {"member": "drafts"}, "H008", "/context/draftOrders"),
    ],
)
def test_a_context_without_its_members_is_refused(
    hook: str, change: dict[str, Any], code: str, where: str
) -> None:
    with pytest.raises(RequestError) as error:
        read_call(body(hook, draft(), **change), hook)
    assert (error.value.issues[0].code, error.value.issues[0].where) == (code, where)


def test_drafts_that_are_no_fhir_are_refused() -> None:
    call = read_call(body("order-sign", draftOrders=["x"]), "order-sign")
    with pytest.raises(NotFhir, match="/context/draftOrders"):
        answer_call(call, service("order-sign"), knowledge(), as_of=AS_OF, base_url="http://localhost")
