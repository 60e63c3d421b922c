"""Prefetch: what was sent, found empty, failed, incomplete or never asked (invariant I6; quirk 34)."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from cds_service.facts import KINDS, DataState
from cds_service.fhir import CODES, Record, read_prefetch
from tests.fhir.builders import PATIENT, bundle, codes, condition, facts, lab, order

KEYS = {
    "patient": ("Patient",),
    "labs": ("Observation",),
    "conditions": ("Condition",),
    "requests": ("MedicationRequest",),
    "statements": ("MedicationStatement",),
    "encounters": ("Encounter",),
    "procedures": ("Procedure",),
    "reports": ("DiagnosticReport",),
    "family": ("FamilyMemberHistory",),
    "allergies": ("AllergyIntolerance",),
}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}


def prefetch(**values: Any) -> Record:
    sent = {"patient": json.dumps(PATIENT).encode()} | {
        key: value if isinstance(value, bytes) else json.dumps(value).encode()
        for key, value in values.items()
    }
    return read_prefetch({key: msgspec.Raw(value) for key, value in sent.items()}, patient_id="p", keys=KEYS)


def searchset(*resources: Any, **more: Any) -> bytes:
    return bundle(*resources, kind="searchset", **more)


@pytest.mark.parametrize(
    ("value", "state", "code"),
    [
        (None, DataState.NONE_FOUND, None),
        (searchset(), DataState.NONE_FOUND, None),
        ({"resourceType": "Bundle"}, DataState.NONE_FOUND, None),
        (searchset(lab()), DataState.PRESENT, None),
        (searchset(lab(), total=1), DataState.PRESENT, None),
        (lab(), DataState.PRESENT, None),
        (OUTCOME, DataState.FAILED, "F013"),
        (searchset(OUTCOME), DataState.FAILED, "F013"),
        (searchset(lab(), OUTCOME), DataState.INCOMPLETE, "F013"),
        ("<html>Error 502</html>", DataState.FAILED, "F080"),
        (17, DataState.FAILED, "F080"),
        ([], DataState.FAILED, "F080"),
        ({}, DataState.FAILED, "F080"),
        (searchset(lab(), total=2), DataState.INCOMPLETE, "F081"),
        (searchset(lab(), link=[{"relation": "next", "url": "x"}]), DataState.INCOMPLETE, "F081"),
        (searchset(lab(valueQuantity="bad")), DataState.INCOMPLETE, "F010"),
        (
            searchset({"resourceType": "OperationOutcome", "issue": [{"severity": "warning"}]}),
            DataState.NONE_FOUND,
            "F013",
        ),
    ],
)
def test_every_answer_of_a_client(value: Any, state: DataState, code: str | None) -> None:
    found = facts(prefetch(labs=value))
    assert found.states["lab"] is state
    told = [aside.code for aside in found.set_aside if aside.code != "F082"]
    assert told == ([] if code is None else [code])
    assert bool(found.numbers) is (
        state is DataState.PRESENT or (state is DataState.INCOMPLETE and code != "F010")
    )


def test_a_key_that_was_not_sent_is_not_sent() -> None:
    found = facts(prefetch(labs=None))
    states = {kind: found.states[kind] for kind in ("lab", "drug", "condition", "family")}
    assert states == {
        "lab": DataState.NONE_FOUND,
        "drug": DataState.NOT_SENT,
        "condition": DataState.NOT_SENT,
        "family": DataState.NOT_SENT,
    }
    pointers = [aside.source.pointer for aside in found.set_aside if aside.code == "F082"]
    assert "/prefetch/requests" in pointers
    assert "/prefetch/labs" not in pointers


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"requests": searchset(order())}, DataState.PRESENT),
        ({"requests": None}, DataState.NONE_FOUND),
        ({"statements": None}, DataState.INCOMPLETE),
        ({"statements": searchset()}, DataState.INCOMPLETE),
        ({"requests": None, "statements": OUTCOME}, DataState.FAILED),
        ({}, DataState.NOT_SENT),
        ({"requests": None, "statements": searchset(total=3)}, DataState.INCOMPLETE),
    ],
)
def test_drugs_are_known_when_the_orders_came_and_no_list_failed(
    values: dict[str, Any], state: DataState
) -> None:
    assert facts(prefetch(**values)).states["drug"] is state


@pytest.mark.parametrize("missing", ["encounters", "conditions", "labs"])
def test_symptoms_are_known_when_all_of_their_sources_came(missing: str) -> None:
    sent = dict.fromkeys(("encounters", "conditions", "labs"))
    assert facts(prefetch(**sent)).states["symptom"] is DataState.NONE_FOUND
    assert facts(prefetch(**(sent | {missing: OUTCOME}))).states["symptom"] is DataState.FAILED
    del sent[missing]
    assert facts(prefetch(**sent)).states["symptom"] is DataState.INCOMPLETE


def test_resources_under_another_key_count_but_prove_no_completeness() -> None:
    found = facts(prefetch(everything=searchset(lab(), condition("Migraine"))))
    assert found.numbers["potassium"]
    assert found.states["lab"] is DataState.INCOMPLETE
    assert found.states["drug"] is DataState.NOT_SENT


def test_a_wrong_patients_resource_is_refused_and_proves_nothing() -> None:
    found = facts(prefetch(labs=searchset(lab(subject={"reference": "Patient/q"}))))
    assert not found.numbers
    assert "F014" in codes(found)
    assert found.states["lab"] is DataState.INCOMPLETE


def test_another_patient_is_left_out_and_what_it_alone_could_tell_is_not_known() -> None:
    found = facts(prefetch(patient=PATIENT | {"id": "q"}, labs=searchset(lab())))
    assert (found.patient, found.age_days, found.sex) == ("Patient/p", None, None)
    assert found.numbers["potassium"]
    assert "F014" in codes(found)


def test_the_same_resource_under_two_keys_is_one() -> None:
    found = facts(prefetch(labs=searchset(lab()), more=searchset(lab())))
    assert len(found.numbers["potassium"]) == 1
    assert "F017" not in codes(found)


def test_places_name_the_key() -> None:
    found = facts(prefetch(**{"labs": searchset(lab()), "a/b~c": searchset(condition("Migraine"))}))
    assert found.numbers["potassium"][0].source.pointer == "/prefetch/labs/entry/0/resource"
    assert found.events["condition"]["migraine"][0].source.pointer == "/prefetch/a~1b~0c/entry/0/resource"


def test_no_patient_in_prefetch_leaves_age_unknown() -> None:
    record = read_prefetch({"labs": msgspec.Raw(searchset(lab()))}, patient_id="p", keys=KEYS)
    found = facts(record)
    assert (found.patient, found.age_days) == ("Patient/p", None)
    assert found.numbers["potassium"]


def test_every_kind_has_a_state() -> None:
    assert set(facts(prefetch()).states) == set(KINDS)
    assert all(aside.code in CODES for aside in facts(prefetch()).set_aside)
