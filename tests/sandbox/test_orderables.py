"""What the order pad offers is found by name, sound FHIR, and read back by the product as what it says."""

from __future__ import annotations

import pytest
from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_service.knowledge import load_knowledge
from cds_service.sandbox.orderables import MOST_MATCHES, Orderables

TERMS = load_knowledge().terminology
ORDERABLES = Orderables(TERMS)
MODELS = {"drug": MedicationRequest, "test": ServiceRequest, "problem": Condition}


def titles(kind, query):
    return [row["title"] for row in ORDERABLES.find(kind, query)]


def test_the_best_comes_first():
    assert titles("drug", "lith")[:2] == ["Lithium", "Lithium 150 mg"]
    assert titles("drug", "LÍTH 300") == ["Lithium 300 mg"]
    assert titles("test", "magnesium")[0] == "Magnesium, serum"
    assert titles("problem", "epil")[0] == "Epilepsy"
    assert "Fasciculation or twitching" in titles("problem", "twitch")


def test_a_brand_and_the_title_of_a_code_find_too():
    brand = next(iter(sorted(TERMS.brands))).removeprefix("=")
    ingredients = {row.ingredient for row in TERMS.brands[f"={brand}"]}
    assert {TERMS.ingredients[name].title.casefold() for name in ingredients} & {
        title.casefold() for title in titles("drug", brand)
    }
    assert "Basic metabolic panel" in titles("test", "basic panel blood")


def test_no_question_finds_nothing_and_a_broad_one_not_too_much():
    for kind in ORDERABLES.kinds:
        assert titles(kind, "") == titles(kind, " -, ") == titles(kind, "xyzzy") == []
        assert len(titles(kind, "a")) == MOST_MATCHES
        assert titles(kind, "a" * 10_000) == []
    with pytest.raises(KeyError):
        ORDERABLES.find("food", "a")


@pytest.mark.parametrize("kind", MODELS)
def test_everything_on_the_shelf_is_sound_fhir_once_it_has_a_subject(kind):
    shelf = ORDERABLES._shelves[kind]
    assert len(shelf) > 50
    for row in shelf[:: max(1, len(shelf) // 200)]:
        assert "subject" not in row.resource and "id" not in row.resource
        MODELS[kind].model_validate({**row.resource, "id": "x", "subject": {"reference": "Patient/p"}})


def test_a_drug_is_read_back_as_itself():
    coded = 0
    for row in ORDERABLES._shelves["drug"]:
        concept = row.resource["medicationCodeableConcept"]
        for coding in concept.get("coding", ()):
            coded += 1
            meant = [
                TERMS.ingredients[product.ingredient].title.casefold()
                for product in TERMS.ingredients_for(coding["system"], coding["code"])
            ]
            assert any(row.title.casefold().startswith(title) for title in meant), row.title
    assert coded > 1000


def test_a_problem_is_read_back_as_itself():
    for row in ORDERABLES._shelves["problem"]:
        codings = row.resource["code"]["coding"]
        assert codings
        for coding in codings:
            if row.note == "twitching":
                assert TERMS.twitch_for(coding["system"], coding["code"]) is not None
            else:
                assert row.words[0] in TERMS.names_for(row.note, coding["system"], coding["code"])


def test_every_test_the_rules_propose_can_be_ordered():
    assert {row.title for row in ORDERABLES._shelves["test"]} == {row.title for row in TERMS.orders.values()}
