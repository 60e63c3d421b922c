"""Drugs: every shape a record may have them in, and when they count as active (quirks 22 to 26)."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from cds_service.facts import DataState, DrugUse
from cds_service.fhir import read_bundle, read_drafts
from tests.fhir.builders import (
    ME,
    PATIENT,
    PREDNISONE_10,
    RXNORM,
    bundle,
    codes,
    facts,
    facts_of,
    order,
    without,
)

CODE = {"coding": [PREDNISONE_10]}


def only(*resources: Any) -> DrugUse:
    (use,) = facts_of(*resources).drugs["prednisone"]
    return use


def medicated(kind: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": kind, "id": "m", "subject": ME, "medicationCodeableConcept": CODE} | more


# ----------------------------------------------------------------------------- which drug


@pytest.mark.parametrize(
    "drug",
    [
        {"medicationCodeableConcept": CODE},
        {"medication": {"concept": CODE}},
        {"medicationCodeableConcept": {"text": "prednisone 10 mg tablet"}},
        {"medicationCodeableConcept": {"coding": [{"display": "Prednisone 10 MG Oral Tablet"}]}},
        {"medicationReference": {"reference": "Medication/x"}},
        {"medicationReference": {"reference": "urn:uuid:x"}},
        {"medication": {"reference": {"reference": "Medication/x"}}},
        {"medicationReference": {"reference": "https://fhir.example/r4/Medication/x/_history/3"}},
        {
            "medicationReference": {"reference": "#in"},
            "contained": [{"resourceType": "Medication", "id": "in", "code": CODE}],
        },
        {
            "medicationReference": {
                "reference": "http://gone.example/Medication/9",
                "display": "Prednisone 10 MG",
            }
        },
        {"medicationReference": {"reference": "Medication/mix"}},
        {"medicationReference": {"reference": "Medication/r5"}},
    ],
)
def test_a_drug_is_found_however_it_is_named(drug: dict[str, Any]) -> None:
    medications = [
        {"resource": {"resourceType": "Medication", "id": "x", "code": CODE}, "fullUrl": "urn:uuid:x"},
        {
            "resource": {
                "resourceType": "Medication",
                "id": "mix",
                "ingredient": [{"itemCodeableConcept": CODE}],
            }
        },
        {"resource": {"resourceType": "Medication", "id": "r5", "ingredient": [{"item": {"concept": CODE}}]}},
    ]
    request = without(order(), "medicationCodeableConcept") | drug
    data = {"resourceType": "Bundle", "entry": [{"resource": PATIENT}, {"resource": request}, *medications]}
    found = facts(read_bundle(json.dumps(data).encode()))
    assert found.drugs["prednisone"][0].active
    assert not found.set_aside


@pytest.mark.parametrize(
    ("drug", "code"),
    [
        ({}, "F040"),
        ({"medicationCodeableConcept": {}}, "F040"),
        ({"medicationReference": {"reference": "Medication/gone"}}, "F041"),
        ({"medicationReference": {"reference": "#gone"}}, "F041"),
        (
            {
                "medicationCodeableConcept": {
                    "coding": [{"system": "urn:oid:2.16.840.1.113883.6.253", "code": "1"}]
                }
            },
            "F040",
        ),
        (
            {
                "medicationCodeableConcept": {
                    "coding": [PREDNISONE_10 | {"display": "Captopril 25 MG Oral Tablet"}]
                }
            },
            "F044",
        ),
    ],
)
def test_an_active_drug_nobody_can_identify_leaves_the_list_incomplete(
    drug: dict[str, Any], code: str
) -> None:
    found = facts_of(without(order(), "medicationCodeableConcept") | drug)
    assert codes(found) == [code]
    assert not found.drugs
    assert found.states["drug"] is DataState.INCOMPLETE


def test_a_drug_no_rule_asks_for_is_counted_not_reported() -> None:
    found = facts_of(
        order({"system": RXNORM, "code": "999999999", "display": "Nystatin 100 UNT Oral Tablet"})
    )
    assert not found.drugs
    assert not found.set_aside
    assert found.unread_codes == {("drug", RXNORM, "999999999"): 1}
    assert found.states["drug"] is DataState.PRESENT


def test_nothing_known_is_no_drug_and_no_fault() -> None:
    nothing = {
        "system": "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips",
        "code": "no-medication-info",
    }
    found = facts_of(
        medicated("MedicationStatement", status="active")
        | {"medicationCodeableConcept": {"coding": [nothing]}}
    )
    assert not found.drugs
    assert not found.set_aside


# ----------------------------------------------------------------------------- in use or not


@pytest.mark.parametrize(
    ("change", "active", "start", "end"),
    [
        ({}, True, "2026-10-01", None),
        ({"intent": "plan"}, True, "2026-10-01", None),
        ({"authoredOn": None}, True, None, None),
        ({"status": "on-hold"}, False, "2026-10-01", None),
        ({"status": "stopped"}, False, "2026-10-01", None),
        ({"status": "completed"}, False, "2026-10-01", None),
        ({"status": "ended", "statusChanged": "2026-11-01"}, False, "2026-10-01", "2026-11-01"),
        (
            {"dispenseRequest": {"validityPeriod": {"start": "2026-09-01", "end": "2026-10-15"}}},
            False,
            "2026-09-01",
            "2026-10-15",
        ),
        ({"dispenseRequest": {"validityPeriod": {"end": "2026-12-15"}}}, True, "2026-10-01", None),
        (
            {
                "dosageInstruction": [
                    {"timing": {"repeat": {"boundsPeriod": {"start": "2026-09-20", "end": "2026-11-19"}}}}
                ]
            },
            False,
            "2026-09-20",
            "2026-11-19",
        ),
    ],
)
def test_a_request(change: dict[str, Any], active: bool, start: str | None, end: str | None) -> None:
    use = only(order(**change))
    shown = (use.active, use.start and use.start.text, use.end and use.end.text)
    assert shown == (active, start, end)


@pytest.mark.parametrize(
    ("change", "code", "name"),
    [
        ({"status": None}, "F018", "prednisone"),
        ({"status": "unknown"}, "F018", "prednisone"),
        ({"status": "entered-in-error"}, "F019", None),
        ({"status": "cancelled"}, "F019", None),
        ({"status": "draft"}, "F019", None),
        ({"intent": "proposal"}, "F019", None),
        ({"intent": "option"}, "F019", None),
        ({"doNotPerform": True}, "F042", None),
        ({"authoredOn": "2026-12-01"}, "F032", None),
    ],
)
def test_a_request_that_is_no_use_is_reported(change: dict[str, Any], code: str, name: str | None) -> None:
    found = facts_of(order(**change))
    assert not found.drugs
    assert [(aside.code, aside.name) for aside in found.set_aside] == [(code, name)]


@pytest.mark.parametrize(
    ("change", "active", "end"),
    [
        ({"status": "active"}, True, None),
        ({"status": "intended"}, True, None),
        ({"status": "recorded"}, True, None),
        ({"status": "active", "effectivePeriod": {"end": "2026-11-01"}}, False, "2026-11-01"),
        ({"status": "completed", "effectivePeriod": {"end": "2026-11-15"}}, True, "2026-11-15"),
        ({"status": "completed", "effectivePeriod": {"end": "2026-11-01"}}, False, "2026-11-01"),
        ({"status": "completed"}, False, None),
        ({"status": "stopped"}, False, None),
        ({"status": "on-hold"}, False, None),
        ({"status": "recorded", "adherence": {"code": {"coding": [{"code": "stopped"}]}}}, False, None),
    ],
)
def test_a_statement(change: dict[str, Any], active: bool, end: str | None) -> None:
    use = only(medicated("MedicationStatement", **change))
    assert (use.active, use.end and use.end.text) == (active, end)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "not-taken"}, "F042"),
        ({"status": "active", "taken": "n"}, "F042"),
        ({"status": "active", "wasNotTaken": True}, "F042"),
        ({"status": "unknown"}, "F018"),
        ({}, "F018"),
        ({"status": "active", "taken": "unk"}, "F018"),
        ({"status": "entered-in-error"}, "F019"),
        ({"status": "recorded", "adherence": {"code": {"coding": [{"code": "not-taking"}]}}}, "F042"),
    ],
)
def test_a_statement_that_is_no_use_is_reported(change: dict[str, Any], code: str) -> None:
    found = facts_of(medicated("MedicationStatement", **change))
    assert not found.drugs
    assert codes(found) == [code]


@pytest.mark.parametrize(
    ("when", "active"),
    [("2026-11-18T12:00:00Z", True), ("2026-11-17T12:00:00Z", True), ("2026-11-17T11:59:00Z", False)],
)
def test_a_dose_given_counts_for_72_hours(when: str, active: bool) -> None:
    use = only(medicated("MedicationAdministration", status="completed", effectiveDateTime=when))
    assert (use.active, use.administered) == (active, True)
    old_shape = medicated("MedicationAdministration", status="completed", occurrencePeriod={"start": when})
    assert only(old_shape).active is active


@pytest.mark.parametrize("change", [{"status": "not-done"}, {"status": "completed", "notGiven": True}])
def test_a_dose_not_given_is_none(change: dict[str, Any]) -> None:
    found = facts_of(medicated("MedicationAdministration", effectiveDateTime="2026-11-18", **change))
    assert not found.drugs
    assert codes(found) == ["F042"]


@pytest.mark.parametrize(
    ("when", "days", "active"),
    [
        ("2026-09-21", 30, True),
        ("2026-09-20", 30, False),
        ("2026-10-25", None, True),
        ("2026-10-20", None, False),
    ],
)
def test_a_supply_counts_for_its_days_and_thirty_more(when: str, days: int | None, active: bool) -> None:
    supply = {} if days is None else {"daysSupply": {"value": days, "unit": "d", "code": "d"}}
    use = only(medicated("MedicationDispense", status="completed", whenHandedOver=when, **supply))
    assert use.active is active


def test_requests_of_one_drug_stay_apart_and_in_order() -> None:
    found = facts_of(
        order(id="b", authoredOn="2026-10-01"), order(id="a", authoredOn="2026-01-01", status="stopped")
    )
    assert [use.source.reference for use in found.drugs["prednisone"]] == [
        "MedicationRequest/a",
        "MedicationRequest/b",
    ]


def test_dstu2_orders_are_read() -> None:
    old = without(order(), "authoredOn", "subject") | {
        "resourceType": "MedicationOrder",
        "dateWritten": "2026-10-01",
        "patient": ME,
    }
    assert only(old).start is not None


# ----------------------------------------------------------------------------- dose and route


def dosed(**dosage: Any) -> dict[str, Any]:
    return order(dosageInstruction=[dosage])


DAILY = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}


@pytest.mark.parametrize(
    ("dosage", "amount"),
    [
        ({"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 40, "unit": "mg"}}]}, "40"),
        ({"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 2, "unit": "tablet"}}]}, "20"),
        ({"timing": DAILY, "doseQuantity": {"value": 0.5, "unit": "g", "code": "g"}}, "500"),
        (
            {
                "timing": {"repeat": {"frequency": 1, "period": 12, "periodUnit": "h"}},
                "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}],
            },
            "20",
        ),
        (
            {
                "timing": {"repeat": {"frequency": 1, "period": 2, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}],
            },
            "5",
        ),
        (
            {
                "timing": {"code": {"coding": [{"code": "BID"}]}},
                "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}],
            },
            "20",
        ),
        ({"doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}]}, None),
        ({"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 1}}]}, None),
        ({"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "scoop"}}]}, None),
        (
            {
                "timing": DAILY,
                "asNeededBoolean": True,
                "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}],
            },
            None,
        ),
        ({"timing": DAILY, "doseAndRate": [{"doseRange": {"low": {"value": 10, "unit": "mg"}}}]}, None),
        (
            {
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon"]}},
                "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}],
            },
            None,
        ),
    ],
)
def test_the_daily_dose_is_what_is_plainly_said(dosage: dict[str, Any], amount: str | None) -> None:
    dose = only(dosed(**dosage)).dose
    assert (None if dose is None else dose.amount) == (None if amount is None else Decimal(amount))


def test_a_taper_in_several_steps_has_no_one_dose() -> None:
    step = {"timing": DAILY, "doseAndRate": [{"doseQuantity": {"value": 10, "unit": "mg"}}]}
    assert only(order(dosageInstruction=[step, step])).dose is None


@pytest.mark.parametrize(
    ("drug", "route", "expected"),
    [
        ("Hydrocortisone 10 MG/ML Topical Cream", None, "topical"),
        ("Hydrocortisone 10 MG Oral Tablet", None, "oral"),
        ("hydrocortisone", {"text": "Oral"}, "oral"),
        ("hydrocortisone", {"coding": [{"code": "PO"}]}, "oral"),
        ("hydrocortisone", {"text": "IV"}, "intravenous"),
        ("hydrocortisone", None, None),
    ],
)
def test_the_route(drug: str, route: dict[str, Any] | None, expected: str | None) -> None:
    request = order(
        medicationCodeableConcept={"text": drug}, dosageInstruction=[{"route": route} if route else {}]
    )
    (use,) = facts_of(request).drugs["hydrocortisone"]
    assert (use.route, use.by_text) == (expected, True)


# ----------------------------------------------------------------------------- drafts


def drafted(
    *drafts: dict[str, Any], selections: list[str] | None = None, known: list[Any] | None = None
) -> Any:
    record = read_bundle(bundle(PATIENT, *(known or [])))
    return facts(read_drafts(record, bundle(*drafts), selections=selections), hook="order-sign")


@pytest.mark.parametrize(
    ("drug", "told"),
    [
        ({"text": "Blubberin 5 mg"}, ["F043"]),
        ({"text": "prednisone 5 mg"}, []),
        (
            {"coding": [{"system": RXNORM, "code": "723", "display": "amoxicillin"}], "text": "Amoxicillin"},
            [],
        ),
    ],
)
def test_an_order_by_an_unknown_name_is_told_as_not_checked(drug: dict[str, Any], told: list[str]) -> None:
    """It gave no card and no word: nobody saw that nothing had been checked. A code is counted as unread."""
    found = drafted(order(status="draft", medicationCodeableConcept=drug))
    assert codes(found) == told
    assert facts_of(order(medicationCodeableConcept=drug)).set_aside == ()


def test_a_draft_is_a_draft_and_its_length_is_read() -> None:
    bounds = {"timing": {"repeat": {"boundsDuration": {"value": 2, "unit": "wk", "code": "wk"}}}}
    (use,) = drafted(without(order(status="draft"), "subject") | {"dosageInstruction": [bounds]}).drugs[
        "prednisone"
    ]
    assert (use.draft, use.active, use.stopping, use.selected, use.planned_days) == (
        True,
        True,
        False,
        True,
        14,
    )
    assert use.source.pointer == "/context/draftOrders/entry/0/resource"


@pytest.mark.parametrize(
    ("chosen", "selected"), [(["MedicationRequest/m"], True), (["m"], True), ([], False)]
)
def test_the_selection_decides_which_draft_counts(chosen: list[str], selected: bool) -> None:
    assert drafted(order(status="draft"), selections=chosen).drugs["prednisone"][0].selected is selected


def test_a_selection_without_draft_is_reported() -> None:
    assert codes(drafted(order(status="draft"), selections=["MedicationRequest/else"])) == ["F090"]


@pytest.mark.parametrize("status", ["stopped", "cancelled", "completed", "ended"])
def test_a_draft_may_stop_a_drug(status: str) -> None:
    (use,) = drafted(order(status=status)).drugs["prednisone"]
    assert (use.stopping, use.active, use.draft) == (True, False, True)


@pytest.mark.parametrize(
    ("concept", "reasons"),
    [
        ({"text": "Lithium toxicity"}, ("toxicity",)),
        ({"text": "toxic level, also a rash: allergic reaction"}, ("allergy", "toxicity")),
        ({"coding": [{"system": "http://example.org", "code": "x", "display": "Allergy"}]}, ("allergy",)),
        ({"text": "contraindicated"}, ("contraindication",)),
        ({"text": "no toxicity, patient's wish"}, None),
        ({"coding": [{"system": "http://example.org", "code": "x"}]}, None),
        ({"text": "Patient scheduled for surgery"}, None),
        ({}, ()),
    ],
)
def test_the_reason_to_end_a_drug_is_read(concept: dict[str, object], reasons: object) -> None:
    found = drafted(order(status="stopped", statusReason=concept))
    assert found.drugs["prednisone"][0].reasons == reasons
    counted = [key for key in found.unread_codes if key[0] == "reason"]
    assert bool(counted) == (reasons is None and "coding" in concept)


def test_an_older_order_tells_its_reason_elsewhere() -> None:
    old = order(status="stopped") | {"resourceType": "MedicationOrder", "reasonEnded": {"text": "toxicity"}}
    assert drafted(old).drugs["prednisone"][0].reasons == ("toxicity",)


def test_an_order_that_ends_nothing_has_no_reason_to_end() -> None:
    (use,) = drafted(order(status="draft", statusReason={"text": "toxicity"})).drugs["prednisone"]
    assert use.reasons == ()


def test_a_draft_that_replaces_another_drug_stops_it() -> None:
    ibuprofen = {"medicationCodeableConcept": {"text": "ibuprofen 400 mg tablet"}}
    draft = order(id="d", status="draft", priorPrescription={"reference": "MedicationRequest/m"}) | ibuprofen
    found = drafted(draft, known=[order()])
    assert [use.stopping for use in found.drugs["prednisone"]] == [False, True]
    assert [use.stopping for use in found.drugs["ibuprofen"]] == [False]


def test_a_draft_of_another_patient_is_refused() -> None:
    found = drafted(order(status="draft", subject={"reference": "Patient/other"}))
    assert not found.drugs
    assert codes(found) == ["F014"]


def test_a_draft_with_an_unknown_modifier_is_refused() -> None:
    found = drafted(
        order(status="draft", modifierExtension=[{"url": "urn:discontinue", "valueBoolean": True}])
    )
    assert not found.drugs
    assert codes(found) == ["F016"]


NASAL = "120 ACTUAT Triamcinolone 0.055 MG/ACTUAT Nasal Inhaler [Nasacort]"


@pytest.mark.parametrize(
    ("coding", "dosage", "route"),
    [
        ({"system": RXNORM, "code": "752370", "display": NASAL}, {}, "nasal"),
        ({"system": RXNORM, "code": "10759", "display": NASAL}, {}, "nasal"),
        ({"system": RXNORM, "code": "10759", "display": NASAL}, {"text": "2 puffs daily"}, "nasal"),
        (
            {"system": RXNORM, "code": "10759", "display": "Triamcinolone"},
            {"text": "2 puffs daily"},
            "inhaled",
        ),
        ({"system": RXNORM, "code": "10759", "display": NASAL}, {"text": "take by mouth"}, "oral"),
        ({"system": RXNORM, "code": "10759", "display": "Triamcinolone"}, {}, None),
    ],
)
def test_a_name_tells_the_route_unless_the_order_names_another(
    coding: dict[str, str], dosage: dict[str, str], route: str | None
) -> None:
    found = facts_of(order(coding, dosageInstruction=[dosage] if dosage else []))
    assert [use.route for use in found.drugs["triamcinolone"]] == [route]
