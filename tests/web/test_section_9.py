"""What each hook does: section 9 of the clinical specification, 7.2, and the text under the table of 6H."""

import copy
import json
import uuid

import pytest

from cds_service.cards import topic_code

from .conftest import asker

REVIEW = "org.twitch-cds.review"
ME = {"reference": "Patient/p"}
AS_OF = "2026-11-20T12:00:00Z"
KEY = "k" * 32
HOOKS = {
    "patient-view",
    "order-select",
    "order-sign",
    "encounter-start",
    "encounter-discharge",
    "medication-refill",
    "problem-list-item-create",
}


# --- what an EHR would send


def encounter():
    return {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": ME,
        "period": {"start": "2026-11-20T09:00:00Z"},
    }


def condition(ident, code, text):
    icd = "http://hl7.org/fhir/sid/icd-10-cm"
    status = {
        "coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]
    }
    return {
        "resourceType": "Condition",
        "id": ident,
        "clinicalStatus": status,
        "subject": ME,
        "code": {"coding": [{"system": icd, "code": code}], "text": text},
        "onsetDateTime": "2026-11-15",
        "recordedDate": "2026-11-16",
    }


TWITCH = condition("twitch", "R25.3", "Lip twitching")
WASTING = condition("wasting", "M62.50", "Muscle wasting")
HYPERTENSION = condition("htn", "I10", "Hypertension")


def result(loinc, value, unit, day="2026-11-18"):
    return {
        "resourceType": "Observation",
        "id": f"lab-{loinc}",
        "status": "final",
        "category": [{"coding": [{"code": "laboratory"}]}],
        "subject": ME,
        "code": {"coding": [{"system": "http://loinc.org", "code": loinc}]},
        "effectiveDateTime": f"{day}T08:00:00Z",
        "valueQuantity": {"value": value, "unit": unit},
    }


def potassium(value):
    return result("2823-3", value, "mmol/L")


def drug(name, ident=None, status="active", authored="2020-01-05", **more):
    return {
        "resourceType": "MedicationRequest",
        "id": ident or f"{status}-{name}",
        "status": status,
        "intent": "order",
        "subject": ME,
        "medicationCodeableConcept": {"text": name},
        **({"authoredOn": authored} if status == "active" else {}),
    } | more


def draft(name, **more):
    return drug(name, status="draft", **more)


def leads(answer):
    return [card["source"]["topic"]["code"] for card in answer["cards"]]


def told(answer):
    """Rules that stand on a card, by its own account."""
    return {rule for card in answer["cards"] for rule in card["extension"]["org.twitch-cds.card"]["ruleIds"]}


def held(answer):
    return {row["ruleId"]: row["held"] for row in answer["extension"][REVIEW]["findings"] if "held" in row}


def rules_of(knowledge, *groups):
    return [rule for rule in knowledge.rules.values() if rule.group in groups]


def hooks_of(rule):
    """Every hook at which some branch of a rule is judged."""
    return {hook for branch in rule.branches for hook in (HOOKS if branch.hooks is None else branch.hooks)}


# --- patient-view and encounter-start


def test_no_order_caution_runs_where_no_order_is_placed(knowledge):
    cautions = rules_of(knowledge, "order")
    assert len(cautions) == 12
    for rule in cautions:
        assert hooks_of(rule) <= {"order-select", "order-sign", "medication-refill"}, rule.id
        assert {"order-select", "order-sign"} <= hooks_of(rule), rule.id


def test_every_other_rule_runs_when_the_chart_is_opened(knowledge):
    others = [rule for rule in knowledge.rules.values() if rule.group != "order"]
    assert [rule.id for rule in others if "patient-view" not in hooks_of(rule)] == []


def test_red_flags_salts_withdrawal_and_workup_run_at_arrival(knowledge):
    safety = rules_of(knowledge, "red-flag", "electrolyte", "withdrawal", "workup")
    assert [rule.id for rule in safety if "encounter-start" not in hooks_of(rule)] == []


def test_arrival_gives_the_same_cards_as_the_open_chart(ask):
    record = [encounter(), TWITCH, potassium(2.9), drug("furosemide")]
    at_view, at_start = ask("patient-view", record), ask("encounter-start", record)
    assert leads(at_view) == leads(at_start) != []


# --- order-select


MILD = [TWITCH, potassium(3.2), drug("furosemide")]


def test_no_list_of_causes_while_an_order_is_chosen(ask):
    answer = ask("order-select", MILD, [draft("omeprazole")])
    assert answer["cards"] == []
    assert held(answer)["hypokalemia-drug"] == "not-at-this-hook"


def test_a_cause_that_concerns_the_draft_is_told_while_it_is_chosen(ask):
    answer = ask("order-select", MILD, [draft("furosemide")])
    assert {"hypokalemia-drug", "order-kaliuretic-low-k"} <= told(answer)
    assert "ordered now" in answer["cards"][0]["detail"]


def test_only_the_draft_being_chosen_is_looked_at(ask):
    drafts = [draft("naproxen"), draft("omeprazole")]
    record = [drug("lithium")]
    chosen = ask("order-select", record, drafts, selections=["MedicationRequest/draft-naproxen"])
    assert "order-lithium-interaction" in told(chosen)
    other = ask("order-select", record, drafts, selections=["MedicationRequest/draft-omeprazole"])
    assert other["cards"] == []


def test_context_is_told_at_order_sign_only(ask):
    record = [drug("gabapentin"), result("62238-1", 52, "mL/min/{1.73_m2}")]
    assert ask("order-select", record, [draft("gabapentin")])["cards"] == []
    assert told(ask("order-sign", record, [draft("gabapentin")])) == {"order-renal-neurotoxic"}


def test_at_most_two_cards_while_an_order_is_chosen_and_the_rest_is_merged(ask):
    record = [drug("lithium"), drug("rasagiline"), potassium(2.4), result("62238-1", 25, "mL/min/{1.73_m2}")]
    drafts = [draft("naproxen"), draft("furosemide"), draft("tramadol"), draft("gabapentin")]
    chosen, signed = (
        ask("order-select", record, drafts),
        ask("order-sign", record, drafts, userId="Practitioner/b"),
    )
    assert (len(chosen["cards"]), len(signed["cards"])) == (2, 3)
    assert "more" in " ".join(card["detail"] for card in chosen["cards"])
    for answer in (chosen, signed):
        assert {"order-serotonergic-combination", "order-renal-neurotoxic", "order-kaliuretic-low-k"} <= told(
            answer
        )


# --- order-sign


def test_a_cause_that_does_not_concern_the_draft_is_not_told_at_order_sign(ask):
    answer = ask("order-sign", MILD, [draft("omeprazole")])
    assert answer["cards"] == []
    assert held(answer)["hypokalemia-drug"] == "not-at-this-hook"


def test_a_dangerous_value_is_told_whatever_is_signed(ask):
    answer = ask("order-sign", [TWITCH, potassium(2.4)], [draft("omeprazole")])
    assert [card["indicator"] for card in answer["cards"]] == ["critical"]


def test_the_resulting_set_of_orders_is_judged(ask):
    answer = ask("order-sign", [], [draft("lithium"), draft("naproxen")])
    assert told(answer) == {"order-lithium-interaction"}


def test_alternatives_are_text_and_only_tests_are_offered(ask):
    (card,) = ask("order-sign", [drug("lithium")], [draft("naproxen")])["cards"]
    assert "acetaminophen" in card["detail"]
    actions = [action for suggestion in card["suggestions"] for action in suggestion["actions"]]
    assert {action["resource"]["resourceType"] for action in actions} == {"ServiceRequest"}


def test_a_drafted_test_is_recognized(ask):
    order = {
        "resourceType": "ServiceRequest",
        "id": "t",
        "status": "draft",
        "intent": "order",
        "subject": ME,
        "code": {"coding": [{"system": "http://loinc.org", "code": "3016-3"}]},
    }
    answer = ask("order-sign", [result("3016-3", 2.1, "mIU/L", "2026-11-01")], [order])
    assert told(answer) == {"order-duplicate-workup"}


def test_a_contained_or_referenced_medication_is_resolved(ask):
    medication = {"resourceType": "Medication", "id": "m", "code": {"text": "naproxen"}}
    inside = draft("x", medicationReference={"reference": "#m"}, contained=[medication])
    beside = draft("x", medicationReference={"reference": "Medication/m"})
    for order in (inside, beside):
        del order["medicationCodeableConcept"]
    assert "order-lithium-interaction" in told(ask("order-sign", [drug("lithium")], [inside]))
    assert "order-lithium-interaction" in told(ask("order-sign", [drug("lithium")], [beside, medication]))


def test_an_order_that_ends_a_drug_is_recognized(ask):
    end = drug("clonazepam", ident="active-clonazepam", status="stopped")
    answer = ask("order-sign", [drug("clonazepam", authored="2024-01-05")], [end])
    assert told(answer) == {"order-abrupt-stop"}


# --- no repeat at order-sign


LITHIUM = [drug("lithium")]


def test_what_was_shown_while_choosing_is_not_repeated(ask):
    assert told(ask("order-select", LITHIUM, [draft("naproxen")])) == {"order-lithium-interaction"}
    signed = ask("order-sign", LITHIUM, [draft("naproxen")])
    assert signed["cards"] == []
    assert held(signed) == {"order-lithium-interaction": "shown-at-order-select"}


def test_what_was_not_shown_before_is_told(ask):
    assert told(ask("order-sign", LITHIUM, [draft("naproxen")])) == {"order-lithium-interaction"}
    assert told(ask("order-sign", LITHIUM, [draft("naproxen")])) == {"order-lithium-interaction"}


@pytest.mark.parametrize(
    ("order", "record", "more"),
    [
        (draft("naproxen", ident="another"), LITHIUM, {}),
        (draft("ibuprofen"), LITHIUM, {}),
        (draft("naproxen"), LITHIUM, {"userId": "Practitioner/somebody-else"}),
        (draft("naproxen"), [*LITHIUM, result("14334-7", 1.3, "mmol/L")], {}),
    ],
    ids=["another draft", "another drug", "another user", "a worse value"],
)
def test_anything_new_is_told_again(ask, order, record, more):
    ask("order-select", LITHIUM, [draft("naproxen")])
    assert told(ask("order-sign", record, [order], **more)) == {"order-lithium-interaction"}


def test_critical_is_repeated(ask):
    record = [drug("sertraline")]
    for hook in ("order-select", "order-sign", "order-sign"):
        assert told(ask(hook, record, [draft("linezolid")])) == {"order-serotonergic-combination"}


def test_a_warning_of_maoi_and_serotonergic_drugs_is_not_repeated(ask):
    record = [drug("mirtazapine")]
    (card,) = ask("order-select", record, [draft("linezolid")])["cards"]
    assert card["indicator"] == "warning"
    assert ask("order-sign", record, [draft("linezolid")])["cards"] == []


def test_the_chart_and_other_hooks_are_not_quieted(ask):
    record = [TWITCH, potassium(3.2), drug("furosemide")]
    first = ask("patient-view", record)
    ask("order-select", record, [draft("furosemide")])
    assert leads(ask("patient-view", record)) == leads(first)


def test_another_worker_of_the_same_key_remembers(make_app, knowledge):
    one = asker(make_app(memory_key=KEY).test_client(), knowledge)
    other = asker(make_app(memory_key=KEY).test_client(), knowledge)
    stranger = asker(make_app(memory_key="o" * 32).test_client(), knowledge)
    one("order-select", LITHIUM, [draft("naproxen")])
    assert other("order-sign", LITHIUM, [draft("naproxen")])["cards"] == []
    assert told(stranger("order-sign", LITHIUM, [draft("naproxen")])) == {"order-lithium-interaction"}


# --- at most once in 365 days


YEARS_ON_PPI = [drug("omeprazole", authored="2023-01-05"), drug("hydrochlorothiazide")]


def renewed(ident):
    return [draft("omeprazole", ident=ident)]


def test_a_hint_is_told_once_a_year_whoever_renews(ask):
    assert told(ask("order-sign", YEARS_ON_PPI, renewed("first"))) == {"order-ppi-long-term-mg"}
    for more in ({}, {"userId": "Practitioner/somebody-else"}):
        again = ask("order-sign", YEARS_ON_PPI, renewed("second"), **more)
        assert again["cards"] == []
        assert held(again) == {"order-ppi-long-term-mg": "shown-within-365-days"}


def test_a_hint_that_was_not_shown_yet_does_not_count(ask):
    assert ask("order-select", YEARS_ON_PPI, renewed("first"))["cards"] == []
    assert told(ask("order-sign", YEARS_ON_PPI, renewed("first"))) == {"order-ppi-long-term-mg"}


@pytest.mark.parametrize(
    ("record", "order"),
    [
        ([*YEARS_ON_PPI, drug("furosemide")], "omeprazole"),
        (YEARS_ON_PPI, "pantoprazole"),
    ],
    ids=["another partner", "another inhibitor"],
)
def test_a_new_drug_is_a_new_hint(ask, record, order):
    ask("order-sign", YEARS_ON_PPI, renewed("first"))
    assert told(ask("order-sign", record, [draft(order)])) == {"order-ppi-long-term-mg"}


def test_what_has_become_a_warning_is_told_within_the_year(ask):
    ask("order-sign", YEARS_ON_PPI, renewed("first"))
    with_cramp = [*YEARS_ON_PPI, condition("cramp", "R25.2", "Muscle cramps")]
    assert "order-ppi-long-term-mg" in told(ask("order-sign", with_cramp, renewed("second")))


def test_a_patient_of_equal_id_on_another_server_is_told(ask):
    ask("order-sign", YEARS_ON_PPI, renewed("first"))
    elsewhere = ask("order-sign", YEARS_ON_PPI, renewed("first"), server="https://other.example.org/fhir")
    assert told(elsewhere) == {"order-ppi-long-term-mg"}


def test_the_same_call_sent_again_gets_the_same_answer(ask):
    call = {"instance": str(uuid.uuid4())}
    first = ask("order-sign", YEARS_ON_PPI, renewed("first"), **call)
    assert ask("order-sign", YEARS_ON_PPI, renewed("first"), **call) == first
    assert ask("order-sign", YEARS_ON_PPI, renewed("first"))["cards"] == []


def test_a_restart_forgets_the_year_only_where_no_key_is_set(make_app, knowledge):
    keyed = asker(make_app(memory_key=KEY).test_client(), knowledge)
    keyed("order-sign", YEARS_ON_PPI, renewed("first"))
    restarted = asker(make_app(memory_key=KEY).test_client(), knowledge)
    assert restarted("order-sign", YEARS_ON_PPI, renewed("second"))["cards"] == []
    forgot = asker(make_app(memory_key="o" * 32).test_client(), knowledge)
    assert told(forgot("order-sign", YEARS_ON_PPI, renewed("second"))) == {"order-ppi-long-term-mg"}


# --- discharge


def test_loose_ends_are_looked_for_at_discharge(knowledge):
    wanted = {
        "seizure-or-loss-of-consciousness",
        "als-red-flag",
        "recent-head-or-face-injury",
        "persistent-or-spreading-facial-twitch",
        "hypokalemia",
        "post-thyroidectomy-hypocalcemia",
        "lithium-interaction",
        "benzodiazepine-withdrawal",
        "baseline-workup-incomplete",
    }
    there = wanted & set(knowledge.rules)
    assert len(there) >= 8
    assert [r for r in sorted(there) if "encounter-discharge" not in hooks_of(knowledge.rules[r])] == []


def test_a_critical_result_that_was_not_rechecked_is_told_at_discharge(ask):
    answer = ask("encounter-discharge", [encounter(), potassium(2.4)])
    assert [card["indicator"] for card in answer["cards"]] == ["critical"]


@pytest.mark.parametrize(
    ("loinc", "value", "unit", "name"),
    [
        ("2823-3", 2.4, "mmol/L", None),
        ("2823-3", 6.6, "mmol/L", None),
        ("2951-2", 118, "mmol/L", None),
        ("2951-2", 162, "mmol/L", None),
        ("2000-8", 1.80, "mmol/L", None),
        ("2000-8", 3.60, "mmol/L", None),
        ("2601-3", 0.35, "mmol/L", None),
        ("2601-3", 3.3, "mmol/L", None),
        ("14879-1", 0.30, "mmol/L", None),
        ("2345-7", 45, "mg/dL", None),
        ("14334-7", 2.1, "mmol/L", "lithium"),
        ("4049-3", 31, "mg/L", "theophylline"),
    ],
)
def test_every_dangerous_value_without_a_newer_one_is_told_at_discharge(ask, loinc, value, unit, name):
    record = [encounter(), result(loinc, value, unit, "2026-11-20"), *([drug(name)] if name else [])]
    answer = ask("encounter-discharge", record)
    assert {card["indicator"] for card in answer["cards"]} & {"critical", "warning"}
    assert str(value) in json.dumps(answer["cards"])


def test_proposed_tests_get_an_owner_at_discharge_only(ask):
    record = [encounter(), TWITCH, potassium(2.4)]
    owner = "name who follows up the pending results"
    assert owner in ask("encounter-discharge", record)["cards"][0]["detail"]
    assert owner not in json.dumps(ask("patient-view", record)["cards"])


def test_lithium_with_a_new_nsaid_is_followed_up_at_discharge(ask):
    record = [encounter(), drug("lithium"), drug("ibuprofen", authored="2026-11-12")]
    answer = ask("encounter-discharge", record)
    assert "lithium-interaction" in told(answer)
    assert "lithium-interaction" not in told(ask("encounter-start", record))


# --- the draft hooks


def test_a_refill_is_looked_at(ask):
    cramp = condition("cramp", "R25.2", "Muscle cramps")
    answer = ask(
        "medication-refill", [drug("omeprazole", authored="2023-01-05"), cramp], [draft("omeprazole")]
    )
    assert "order-ppi-long-term-mg" in told(answer)


def test_a_refill_without_a_risk_gets_no_card(ask):
    quiet = [drug("omeprazole", authored="2023-01-05"), drug("hydrochlorothiazide")]
    answer = ask("medication-refill", quiet, [draft("omeprazole")])
    assert answer["cards"] == []
    assert held(answer) == {"order-ppi-long-term-mg": "below-least"}


def test_cautions_about_drugs_that_are_taken_on_run_at_a_refill(knowledge):
    others = {
        "order-abrupt-stop",
        "order-calcium-before-magnesium",
        "order-duplicate-workup",
        "order-succinylcholine-risk",
    }
    cautions = rules_of(knowledge, "order")
    assert {rule.id for rule in cautions if "medication-refill" not in hooks_of(rule)} == others


@pytest.mark.parametrize("refilled", ["ibuprofen", "lithium"])
def test_a_refill_of_either_of_a_dangerous_pair_is_an_order(ask, refilled):
    record = [drug("lithium", authored="2021-01-05"), drug("ibuprofen", authored="2026-11-10")]
    answer = ask("medication-refill", record, [draft(refilled)])
    assert leads(answer) == [topic_code("order-lithium-interaction")]
    assert "Ibuprofen with lithium" in answer["cards"][0]["summary"]


def test_a_refill_of_metoclopramide_after_long_use_is_one_card(ask):
    record = [drug("metoclopramide", authored="2026-07-01")]
    answer = ask("medication-refill", record, [draft("metoclopramide")])
    assert len(answer["cards"]) == 1


def test_adding_a_twitch_to_the_problem_list_looks_for_red_flags(ask):
    answer = ask("problem-list-item-create", [WASTING], [TWITCH])
    assert leads(answer) == [topic_code("als-red-flag")]


def test_a_problem_that_is_on_the_list_already_counts_once(ask):
    once = ask("problem-list-item-create", [WASTING], [TWITCH])
    twice = ask("problem-list-item-create", [WASTING, TWITCH], [TWITCH])
    assert leads(twice) == leads(once)


def test_adding_another_problem_gets_no_card(ask):
    answer = ask("problem-list-item-create", [WASTING, TWITCH], [HYPERTENSION])
    assert answer["cards"] == []
    assert answer["extension"][REVIEW]["outside"] == "other-problem"


def test_an_added_problem_that_cannot_be_read_is_no_other_problem(ask):
    broken = copy.deepcopy(TWITCH) | {"id": "broken", "code": "fasciculation"}
    answer = ask("problem-list-item-create", [WASTING, TWITCH], [broken])
    assert "outside" not in answer["extension"][REVIEW]
