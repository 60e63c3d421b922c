"""What cards say, hold back and never do."""

from __future__ import annotations

import json
import re
import unicodedata
import uuid
from dataclasses import replace
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from cds_service.cards import build_cards, not_assessed_card
from cds_service.cards.blocks import DETAILS, KEEP, Block, fitted
from cds_service.cards.proposals import Steps, steps_in_words
from cds_service.cards.voice import Voice
from cds_service.catalogue.logic import fired_in_words
from cds_service.facts import KINDS, DataState, PatientFacts, SetAside, Source
from cds_service.findings import INDICATORS, Finding, Missing, Proposal, Slot, Verdict
from cds_service.knowledge import Knowledge
from cds_service.rules import Rule
from cds_service.text.neutral import neutral
from cds_service.text.wording import assert_clean
from cds_service.triage import triage
from tests.carding import (
    AS_OF,
    BASE,
    drafted,
    drug_evidence,
    evidence,
    facts,
    finding,
    knowledge,
    result,
    rule,
    slot,
    with_rules,
)

Card = dict[str, Any]


def cards_of(
    found: list[Finding],
    *rules: Rule,
    patient: PatientFacts | None = None,
    instance: str = "",
    content: Knowledge | None = None,
) -> tuple[Card, ...]:
    table = {item.id: item for item in rules}
    for item in found:
        table.setdefault(item.rule_id, rule(item.rule_id))
    content = content or with_rules(*table.values())
    patient = patient or facts()
    triaged = triage(found, content.rules, content.triage, patient)
    return build_cards(triaged, patient, content, base_url=BASE, instance=instance)


def only(cards: tuple[Card, ...]) -> Card:
    assert len(cards) == 1, [card["summary"] for card in cards]
    return cards[0]


def rule_ids(card: Card) -> list[str]:
    return list(card["extension"]["org.twitch-cds.card"]["ruleIds"])


# --- form (CDS Hooks 2.0)


def walk(value: Any) -> list[Any]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(inner for child in children for inner in walk(child))]


def check_form(cards: tuple[Card, ...]) -> None:
    for card in cards:
        assert 1 <= len(card["summary"]) < 140 and "\n" not in card["summary"]
        assert len(card["detail"]) <= 2500
        assert card["indicator"] in INDICATORS
        assert card["source"]["label"] and card["source"]["topic"]["code"].isalnum()
        assert uuid.UUID(card["uuid"]).version == 5
        assert len(card.get("suggestions", [])) <= 8
        assert ("suggestions" in card) == ("selectionBehavior" in card)
        assert all(
            link["type"] == "absolute" and link["url"].startswith("http") for link in card.get("links", [])
        )
        assert all(
            reason["code"] and reason["system"] and reason["display"] for reason in card["overrideReasons"]
        )
        assert not [item for item in walk(card) if item is None or item in ("", [], {})]
    levels = [INDICATORS.index(card["indicator"]) for card in cards]
    assert levels == sorted(levels, reverse=True)
    json.dumps(cards)


def test_one_contributor_makes_one_card_with_its_rule_page_topic_and_evidence() -> None:
    card = only(cards_of([finding("low-potassium", strength="probable", indicator="warning")]))
    check_form((card,))
    assert card["summary"] == "Finding of low potassium: possible contributor"
    assert card["indicator"] == "warning"
    assert card["source"]["url"] == f"{BASE}/rules/low-potassium"
    assert card["source"]["topic"]["code"] == "lowPotassium"
    for words in (
        "Possible contributors to muscle twitching",
        "Probable",
        "Potassium 3.2 mmol/L on 2025-05-30",
        "Twitching, lip, right",
        "Fires when",
        "version 1",
        "Veltri KT et al. 2015",
        "qualified health professionals",
        "Not available",
        "Would change this",
        "released",
    ):
        assert words in card["detail"], words
    assert [link["url"] for link in card["links"]] == [
        f"{BASE}/rules/low-potassium",
        "https://pmc.ncbi.nlm.nih.gov/articles/PMC4357351/",
    ]
    assert_clean([card])


def test_same_input_same_bytes_and_another_call_another_uuid() -> None:
    found = [finding("a", proposals=(Proposal("potassium-serum"),)), finding("b")]
    first, second = cards_of(found), cards_of(list(reversed(found)))
    assert json.dumps(first) == json.dumps(second)
    other = only(cards_of(found, instance="call-2"))
    assert other["uuid"] != first[0]["uuid"]
    assert other["extension"] == first[0]["extension"]
    assert other["suggestions"][0]["uuid"] != first[0]["suggestions"][0]["uuid"]


def test_a_draft_order_is_a_service_request_for_this_patient() -> None:
    card = only(cards_of([finding("a", proposals=(Proposal("potassium-serum", "repeat", "urgent"),))]))
    action = only((card["suggestions"][0]["actions"][0],))
    resource = action["resource"]
    assert action["type"] == "create" and action["description"]
    assert resource["resourceType"] == "ServiceRequest" and resource["status"] == "draft"
    assert resource["subject"] == {"reference": "Patient/1"} and resource["priority"] == "urgent"
    assert "isRecommended" not in card["suggestions"][0]


def test_without_a_patient_reference_options_are_told_but_not_drafted() -> None:
    card = only(cards_of([finding("a", proposals=(Proposal("potassium-serum"),))], patient=facts(patient="")))
    assert "suggestions" not in card and "Potassium, serum" in card["detail"]


def test_orders_that_are_no_tests_are_told_in_words_only() -> None:
    card = only(cards_of([finding("a", proposals=(Proposal("medication-review"),))]))
    assert "suggestions" not in card and "Medication review" in card["detail"]


# --- which cards (7.2)


def test_a_red_flag_leads_and_the_differential_names_it() -> None:
    cards = cards_of(
        [finding("stroke", role="red-flag", indicator="critical"), finding("potassium")],
        rule("stroke", role="red-flag"),
    )
    assert [rule_ids(card) for card in cards] == [["stroke"], ["potassium"]]
    assert cards[0]["detail"].startswith("Urgent:")
    assert "title of stroke" in cards[1]["detail"]


def test_the_third_red_flag_collapses_into_the_first() -> None:
    cards = cards_of([finding(name, role="red-flag", indicator="warning") for name in "abc"])
    assert [rule_ids(card) for card in cards] == [["a", "c"], ["b"]]
    assert "Also present: Finding of c" in cards[0]["detail"]


def test_critical_values_are_merged_one_line_each() -> None:
    card = only(
        cards_of(
            [finding(name, indicator="critical", danger=True) for name in "ab"], patient=facts(twitch=None)
        )
    )
    assert rule_ids(card) == ["a", "b"] and card["detail"].count("\n- Finding of") == 2
    assert "differential" not in card["detail"] and card["summary"].endswith("(+1 more)")


def test_five_lines_and_the_rest_counted() -> None:
    card = only(cards_of([finding(f"r{place}") for place in range(6)]))
    assert "5. **Possible**" in card["detail"] and "6. **" not in card["detail"]
    assert "+1 more lower-ranked" in card["detail"]
    assert len(rule_ids(card)) == 6


@pytest.mark.parametrize(("hook", "cap"), [("patient-view", 4), ("order-select", 2), ("order-sign", 3)])
def test_caps_of_the_hooks_lose_no_rule(hook: str, cap: int) -> None:
    patient = facts(hook=hook, drugs={name: (drafted(name),) for name in ("lithium", "naproxen", "digoxin")})
    found = [
        finding(f"order-{name}", role="order-safety", indicator="warning", drugs=(name,))
        for name in ("lithium", "naproxen", "digoxin")
    ]
    found += [finding(f"flag-{n}", role="red-flag", indicator="critical") for n in range(3)]
    found += [finding("value", indicator="critical")]
    cards = cards_of(found, patient=patient)
    assert len(cards) <= cap
    assert {name for card in cards for name in rule_ids(card)} == {item.rule_id for item in found}
    assert any("order-" in name for card in cards for name in rule_ids(card))
    assert any("+" in card["detail"] and "more, in full" in card["detail"] for card in cards)
    check_form(cards)


def test_order_select_never_lists_causes() -> None:
    patient = facts(hook="order-select", drugs={"furosemide": (drafted("furosemide"),)})
    assert cards_of([finding("cause", indicator="warning")], patient=patient) == ()
    card = only(cards_of([finding("cause", indicator="warning", drugs=("furosemide",))], patient=patient))
    assert "contributors to muscle twitching" not in card["detail"]


WORKUP = ("potassium-serum", "calcium-and-albumin", "magnesium-serum", "tsh")


def workup(*orders: str) -> Finding:
    return finding("workup", role="workup", strength="not-scored", proposals=tuple(map(Proposal, orders)))


def test_the_workup_joins_the_consolidated_card_where_its_tests_fit() -> None:
    rules = [rule("workup", role="workup", category=("workup",)), rule("coffee", category=("lifestyle",))]
    card = only(cards_of([workup(*WORKUP), finding("coffee")], *rules))
    assert rule_ids(card) == ["workup", "coffee"] and len(card["suggestions"]) == 4
    assert card["detail"].index("1. Finding of workup") < card["detail"].index("2. **Possible**")


def test_the_workup_has_its_own_card_where_they_do_not_fit() -> None:
    many = ("ecg-12-lead", "ck", "phosphate-serum", "pth", "creatinine-egfr", "bicarbonate-serum")
    cards = cards_of(
        [finding("cause", indicator="warning", proposals=tuple(map(Proposal, many))), workup(*WORKUP)]
    )
    assert [rule_ids(card) for card in cards] == [["cause"], ["workup"]]
    orders = [item["label"] for card in cards for item in card["suggestions"]]
    assert len(orders) == len(set(orders)) == 10


def test_a_workup_finding_without_orders_is_still_told() -> None:
    assert rule_ids(only(cards_of([workup()]))) == ["workup"]
    assert "workup" in rule_ids(only(cards_of([workup(), finding("cause")])))


def test_the_workup_is_silent_where_a_red_flag_card_holds_its_tests() -> None:
    flag = finding("flag", role="red-flag", indicator="warning", proposals=tuple(map(Proposal, WORKUP)))
    card = only(cards_of([flag, workup(*WORKUP)]))
    assert rule_ids(card) == ["flag", "workup"]


def test_only_contrary_values_make_one_info_card_without_suggestions() -> None:
    card = only(cards_of([finding("calcium-high", role="argues-against", proposals=(Proposal("pth"),))]))
    assert card["indicator"] == "info" and "suggestions" not in card and "argues against" in card["detail"]


def test_only_evidence_on_record_makes_no_card() -> None:
    assert cards_of([finding("statin", role="evidence-only")]) == ()


def test_evidence_on_record_is_told_on_the_consolidated_card() -> None:
    record = finding("statin", role="evidence-only", evidence=(drug_evidence("atorvastatin"),))
    card = only(cards_of([record, finding("cause")]))
    assert "**Also on record:** atorvastatin, since 2025-01-01" in card["detail"]
    assert "**Also on record:**" not in only(cards_of([finding("cause")]))["detail"]


def test_an_abnormal_basic_test_no_rule_uses_is_told() -> None:
    patient = facts(result("sodium", "131"), result("glucose", "5.0"))
    detail = only(cards_of([finding("cause")], patient=patient))["detail"]
    assert "Sodium 131 mmol/L (2025-05-30)" in detail and "Glucose 5.0" not in detail


def test_a_childs_result_is_not_judged_by_the_adult_range() -> None:
    patient = facts(result("sodium", "131"), age_days=8 * 366)
    assert "Sodium 131" not in only(cards_of([finding("cause")], patient=patient))["detail"]


# --- done, repeated, shared


def test_a_recent_normal_result_is_shown_as_done() -> None:
    patient = facts(result("magnesium", "0.85", 10), result("tsh", "2.1", 30, "mIU/L"))
    card = only(
        cards_of(
            [finding("a", proposals=tuple(map(Proposal, ("magnesium-serum", "tsh", "ck"))))], patient=patient
        )
    )
    assert [item["label"] for item in card["suggestions"]] == ["Draft order: Creatine kinase"]
    assert "Magnesium, serum: done, 0.85 mmol/L (2025-05-22)" in card["detail"]


def test_an_abnormal_result_is_proposed_again_unless_it_is_from_today() -> None:
    order = (Proposal("potassium-serum"),)
    old = only(cards_of([finding("a", proposals=order)], patient=facts(result("potassium", "3.2", 2))))
    new = only(cards_of([finding("a", proposals=order)], patient=facts(result("potassium", "3.2", 0.5))))
    assert "suggestions" in old and "suggestions" not in new
    urgent = (Proposal("potassium-serum", priority="urgent"),)
    assert "suggestions" in only(
        cards_of([finding("a", proposals=urgent)], patient=facts(result("potassium", "3.2", 0.5)))
    )


def test_what_is_due_after_a_change_is_settled_by_no_earlier_result() -> None:
    anew, once = Proposal("magnesium-serum", anew=True), Proposal("magnesium-serum", priority="urgent")
    patient = facts(result("magnesium", "0.85", 0.5))
    for order in ((anew,), (once, anew), (anew, once)):
        card = only(cards_of([finding("a", proposals=order)], patient=patient))
        assert [item["label"] for item in card["suggestions"]] == ["Draft order: Magnesium, serum"]
        assert "done" not in card["detail"]


def test_a_hemolyzed_result_settles_nothing() -> None:
    patient = facts(result("potassium", "4.2", 0.5, sample_doubtful=True))
    assert "suggestions" in only(
        cards_of([finding("a", proposals=(Proposal("potassium-serum"),))], patient=patient)
    )


def test_a_panel_is_done_only_when_all_of_it_is() -> None:
    order = (Proposal("calcium-and-albumin"),)
    half = facts(result("calcium-total", "2.3"))
    whole = facts(result("calcium-total", "2.3"), result("albumin", "41", unit="g/L"))
    assert "suggestions" in only(cards_of([finding("a", proposals=order)], patient=half))
    assert "suggestions" not in only(cards_of([finding("a", proposals=order)], patient=whole))


def test_a_test_an_undecided_rule_asks_for_joins_the_options() -> None:
    undecided = Finding(
        "b", Verdict.UNKNOWN, missing=(Missing("lab", "magnesium", "not-measured"),), asks=("magnesium",)
    )
    card = only(cards_of([finding("a"), undecided]))
    assert [item["label"] for item in card["suggestions"]] == ["Draft order: Magnesium, serum"]


# --- words of safety


def test_sudden_stop_warnings_come_once_for_every_drug_named() -> None:
    found = [
        finding("a", drugs=("lithium",), evidence=(drug_evidence("lithium"),)),
        finding("b", drugs=("prednisone", "lithium"), evidence=(drug_evidence("prednisone"),)),
    ]
    card = only(cards_of(found))
    assert card["detail"].count("relapse") == 1 and card["detail"].count("adrenal insufficiency") == 1
    assert "prescriber" in card["detail"]
    assert_clean([card])


def test_a_sudden_stop_warning_is_not_repeated_where_the_leading_rule_says_it() -> None:
    own = finding("a", drugs=("lithium",), evidence=(drug_evidence("lithium"),))
    leading = replace(own, safety=(("Abrupt long-term cessation risks relapse; see the prescriber.",),))
    assert "Lithium: abrupt" not in only(cards_of([leading]))["detail"]
    unnamed = replace(leading, evidence=(), drugs=("lithium",))
    assert "Lithium: abrupt" in only(cards_of([unnamed]))["detail"]  # the card has to name the drug
    behind = [finding("b", indicator="warning"), leading]
    assert "Lithium: abrupt" in only(cards_of(behind))["detail"]  # words of others may be dropped


def test_every_rule_said_to_warn_of_a_sudden_stop_does() -> None:
    texts = " ".join(
        row.say.source for item in knowledge().rules.values() for row in item.safety + item.advice
    )
    for warning in knowledge().cessation.warnings:
        assert all(words.casefold() in texts.casefold() for words in warning.said_by), warning


def test_every_sudden_stop_warning_names_drugs_that_exist() -> None:
    for warning in (*knowledge().cessation.warnings, *knowledge().cessation.exceptions):
        for name in warning.drugs:
            assert knowledge().terminology.exists("drug", name), name


def test_every_label_exception_names_rules_that_exist() -> None:
    for exception in knowledge().cessation.exceptions:
        assert set(exception.rules) <= set(knowledge().rules), exception.say


def red_flag(rule_id: str, drug: str) -> Finding:
    return finding(
        rule_id, drugs=(drug,), evidence=(drug_evidence(drug),), role="red-flag", indicator="critical"
    )


@pytest.mark.parametrize(
    ("rule_id", "drug", "kept"),
    [
        ("neuroleptic-malignant-syndrome", "haloperidol", "levodopa"),
        ("serotonin-toxicity", "sertraline", "lorazepam"),
    ],
)
def test_where_the_label_advises_otherwise_no_card_says_taper(rule_id: str, drug: str, kept: str) -> None:
    others = [finding("b", drugs=(drug,), evidence=(drug_evidence(drug),))]
    others.append(finding("c", drugs=(kept,), evidence=(drug_evidence(kept),)))
    cards = cards_of([red_flag(rule_id, drug), *others])
    assert len(cards) == 2
    for card in cards:
        assert f"{drug.capitalize()}: with possible" in card["detail"]
        assert f"{drug.capitalize()}: abrupt" not in card["detail"]
    assert f"{kept.capitalize()}: abrupt" in cards[1]["detail"]  # what the label does not speak of
    assert_clean(cards)
    alone = only(cards_of(others))
    assert f"{drug.capitalize()}: abrupt" in alone["detail"] and "with possible" not in alone["detail"]


def test_an_exception_covers_only_drugs_its_rule_cites() -> None:
    found = [red_flag("neuroleptic-malignant-syndrome", "levodopa")]
    found.append(finding("b", drugs=("haloperidol",), evidence=(drug_evidence("haloperidol"),)))
    cards = cards_of(found)
    assert "Levodopa: abrupt" in cards[0]["detail"] and "Haloperidol: abrupt" in cards[1]["detail"]


def test_replacement_never_stands_without_magnesium() -> None:
    card = only(
        cards_of(
            [finding("a", safety=(("Check kidney function before potassium replacement.",),))],
            patient=facts(result("magnesium", "0.62")),
        )
    )
    assert "Magnesium 0.62 mmol/L (2025-05-30)" in card["detail"]
    bare = only(cards_of([finding("a", safety=(("Consider oral calcium.",),))]))
    assert re.search(r"not measured: [^.\n]*magnesium", bare["detail"])
    named = only(
        cards_of(
            [finding("a", safety=(("Correct magnesium before any potassium replacement.",),))],
            patient=facts(result("magnesium", "0.62")),
        )
    )
    assert "Magnesium 0.62 mmol/L (2025-05-30)" in named["detail"]
    assert_clean([card, bare, named])


def test_a_medication_card_names_the_prescriber() -> None:
    card = only(
        cards_of([finding("a", drugs=("pseudoephedrine",), evidence=(drug_evidence("pseudoephedrine"),))])
    )
    assert "prescriber" in card["detail"]


def test_a_stale_critical_value_says_so() -> None:
    card = only(
        cards_of([finding("a", stale="Potassium: the result is 12 days old: repeat.", indicator="warning")])
    )
    assert "the result is 12 days old: repeat" in card["detail"]


def test_abbreviations_are_expanded_once() -> None:
    card = only(cards_of([finding("a", detail=(("Consider an ECG and repeat the ECG.",),))]))
    assert card["detail"].count("electrocardiogram") == 1


def test_rejected_values_and_doubtful_units_are_told() -> None:
    aside = SetAside(
        Source("Observation/9"),
        "F027",
        "has a value outside what can be survived.",
        "lab",
        "potassium",
        "45 <b>",
    )
    doubtful = result("magnesium", "1.9", unit_doubtful=True)
    detail = only(cards_of([finding("a")], patient=replace(facts(doubtful), set_aside=(aside,))))["detail"]
    assert (
        "Potassium 45 \u2039b\u203a set aside" in detail and "unit doubtful" in detail and "<" not in detail
    )
    assert "not readable: potassium" in detail


def test_a_result_older_than_asked_for_is_not_called_never_measured() -> None:
    gaps = (Missing("lab", "magnesium", "not-measured"), Missing("lab", "qtc", "not-measured"))
    card = only(cards_of([finding("a", missing=gaps)], patient=facts(result("magnesium", "0.9"))))
    assert re.search(r"no result as recent as asked for: magnesium", card["detail"])
    assert re.search(r"not measured: [^;\n]*QTc", card["detail"])
    assert not re.search(r"not measured: [^;\n]*magnesium", card["detail"])


def test_a_derived_number_is_not_named_beside_what_it_is_made_of() -> None:
    gaps = tuple(
        Missing("lab", name, "not-measured")
        for name in ("calcium-effective", "calcium-best-total", "calcium-total")
    )
    card = only(cards_of([finding("a", missing=gaps)]))
    said = re.search(r"not measured: ([^;\n]*)", card["detail"])
    assert said is not None
    assert said.group(1).count("calcium") == 1


# --- what could not be judged


def undecided(reason: str, kind: str = "lab", name: str = "potassium") -> Finding:
    return Finding("r", Verdict.UNKNOWN, missing=(Missing(kind, name, reason),))


def test_nothing_measured_and_nothing_else_makes_no_card() -> None:
    assert cards_of([undecided("not-measured")], patient=facts(twitch=None)) == ()


def test_data_not_sent_make_a_card_that_says_so() -> None:
    states = dict.fromkeys(KINDS, DataState.PRESENT) | {"lab": DataState.FAILED}
    card = only(cards_of([undecided("not-sent")], patient=facts(twitch=None, states=states)))
    check_form((card,))
    assert card["indicator"] == "info" and "could not be fetched: laboratory results" in card["detail"]
    assert "Title of r" in card["detail"]
    assert_clean([card])


def test_an_unreadable_result_asks_for_a_card_only_in_a_patient_who_twitches() -> None:
    assert cards_of([undecided("unreadable")], patient=facts(twitch=None)) == ()
    assert "not readable" in only(cards_of([undecided("unreadable")]))["detail"]


def test_a_rule_that_failed_is_never_silent() -> None:
    broken = Finding("r", Verdict.UNKNOWN, error="ValueError")
    alone = only(cards_of([broken], patient=facts(twitch=None)))
    assert "failed" in alone["detail"] and "ValueError" not in json.dumps(alone)
    other, told = cards_of([broken, finding("a")])
    assert told == cards_of([broken, finding("b")])[1]
    assert other == only(cards_of([finding("a")])) or "failed" in other["detail"]
    assert "failed" in told["detail"]
    assert "failed" in only(cards_of([broken], patient=facts(outside="deceased")))["detail"]


def test_what_was_not_sent_is_told_on_a_card_of_its_own() -> None:
    states = dict.fromkeys(KINDS, DataState.PRESENT) | {"drug": DataState.NOT_SENT}
    patient = facts(states=states)
    cards = cards_of(
        [undecided("not-sent", "drug", "furosemide"), finding("flag", role="red-flag")], patient=patient
    )
    flag, told = cards
    assert "not sent: medications" in told["detail"]
    assert "medications not available" in told["summary"]
    assert "medications" not in flag["detail"]


def test_a_judged_patient_needs_no_such_card() -> None:
    content = with_rules(rule("r"))
    patient = facts(twitch=None)
    triaged = triage([Finding("r", Verdict.NO_MATCH)], content.rules, content.triage, patient)
    assert not_assessed_card(triaged, patient, content) is None


def test_a_patient_outside_the_scope_gets_no_card() -> None:
    assert cards_of([finding("a"), undecided("not-sent")], patient=facts(outside="deceased")) == ()


# --- limits


def test_least_needed_blocks_go_first_and_the_cut_is_said() -> None:
    blocks = [Block("a" * 40), Block("b" * 40, DETAILS), Block("c" * 40), Block("d" * 10)]
    text = fitted(blocks, 110, lambda count: f"cut {count}")
    assert text is not None and "bbb" not in text and "cut 1" in text and text.endswith("d" * 10)
    assert fitted([Block("a" * 200, KEEP)], 100, str) is None


def test_long_cards_keep_every_safety_word() -> None:
    safety = tuple(
        (f"Safety sentence number {place} with some more words to fill the line.",) for place in range(20)
    )
    detail = tuple(
        (f"Detail sentence number {place} with some more words to fill the line.",) for place in range(40)
    )
    card = only(cards_of([finding("a", safety=safety, detail=detail)]))
    assert len(card["detail"]) <= 2500 and all(line[0] in card["detail"] for line in safety)
    assert "Lines left out" in card["detail"]


def test_safety_words_of_all_findings_are_one_paragraph() -> None:
    found = [finding("a", safety=(("Check one.",),)), finding("b", safety=(("Check two.",),))]
    detail = only(cards_of(found))["detail"]
    assert detail.count("**Safety:**") == 1 and "Check one. Check two." in detail


def test_what_stands_above_is_not_told_again() -> None:
    drug = drug_evidence("lithium")
    lines = (
        ("Recorded: ", Slot("lithium", own=True), "; latest entry date unknown. Ask for the level."),
        ("Recorded: ", Slot("lithium", own=True), ", ", Slot("tremor", own=True), "."),
        ("Beside ", Slot("lithium", own=True), " check the kidney."),
        ("Recorded: ", Slot("lith", own=True), "."),
    )
    red = finding(
        "a", drugs=("lithium",), evidence=(drug,), detail=lines, role="red-flag", indicator="warning"
    )
    told = only(cards_of([red]))["detail"].split("\n\n")
    assert "Ask for the level." in told  # the sentence before it is the paragraph of what was found
    assert "Recorded: lithium, tremor." in told  # tells something more
    assert "Beside lithium check the kidney." in told  # says something of its own
    assert "Recorded: lith." in told  # a part of a word is not the word


def test_why_shown_is_never_cut_inside_a_clause() -> None:
    ids = sorted(knowledge().rules)
    for rule_id in ids:
        for branch in knowledge().rules[rule_id].branches:
            full = fired_in_words(rule_id, branch.id, knowledge())
            brief = fired_in_words(rule_id, branch.id, knowledge(), 240)
            assert brief.count("(") == brief.count(")"), brief
            assert len(brief) < 330, brief
            assert brief == full or len(full) > 241, rule_id
            assert brief == full or "linked rule page" in brief


def test_even_absurd_cards_stay_within_the_limit_and_say_so() -> None:
    safety = tuple(
        (f"Safety sentence number {place} with some more words to fill the line.",) for place in range(90)
    )
    card = only(cards_of([finding("a", safety=safety, indicator="critical", role="red-flag")]))
    assert len(card["detail"]) <= 2500 and "Lines left out" in card["detail"]
    assert card["detail"].startswith("Urgent:") and card["detail"].endswith("not a medical device.")
    assert "**Sources:**" in card["detail"]


def test_a_summary_shortens_names_but_never_numbers() -> None:
    long = "extraordinarily long name of a drug nobody would ever print in full " * 2
    line = (
        "Potassium ",
        Slot("2.9 mmol/L (2025-05-30)"),
        " with ",
        Slot(long),
        ": possible drug-related cause; check Mg",
    )
    card = only(cards_of([finding("a", summary=line)]))
    assert (
        "2.9 mmol/L" in card["summary"]
        and "\u2026" in card["summary"]
        and card["summary"].endswith("check Mg")
    )


# --- hostile record text

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](http://e.org/p.png)",
    "http://evil.example.org/x",
    "www.evil.example.org",
    "mail@evil.example.org",
    "evil.example.com/path",
    "**bold** __b__ _i_ *i*",
    "`code`",
    "```\ncode\n```",
    "# heading",
    "\n\n# heading",
    "> quote",
    "- item\n- item",
    "1. one",
    "| a | b |\n|---|---|",
    "---",
    "===",
    "~~gone~~",
    "<https://evil.example.org>",
    "&lt;b&gt;",
    "&#60;b&#62;",
    "\u202egnp.exe",
    "a\u200bb\u2066c\u2069",
    "\x1b[31mred\x07",
    "\\[x\\](y)",
    "<!-- c -->",
    "<![CDATA[x]]>",
    "$x^2$",
    ":::note",
    "[^1]: note",
    "- [ ] task",
    "a\u2028b\u2029c\x85d",
    "\ud800",
    "z" + "\u0301" * 60,
    "data:text/html,<b>",
    "<a href='//e.org'>x</a>",
    "+ plus",
    "1) one",
    "[ref]: http://e.org",
    "    indented code",
    "\ttab",
]
#: Constructs the card writer itself uses; record text must add no other.
OWN = {
    "paragraph_open",
    "paragraph_close",
    "inline",
    "heading_open",
    "heading_close",
    "ordered_list_open",
    "ordered_list_close",
    "bullet_list_open",
    "bullet_list_close",
    "list_item_open",
    "list_item_close",
    "text",
    "strong_open",
    "strong_close",
    "softbreak",
}


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append(tag)

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)

    def handle_comment(self, data: str) -> None:
        self.found.append(data)

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)

    def unknown_decl(self, data: str) -> None:
        self.found.append(data)

    def handle_pi(self, data: str) -> None:
        self.found.append(data)


def tags_in(text: str) -> list[str]:
    parser = Tags()
    parser.feed(text)
    parser.close()
    return parser.found


def constructs(markdown: str) -> list[str]:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).enable(["table", "strikethrough"]).parse(markdown)
    return [inner.type for token in tokens for inner in (token, *(token.children or ()))]


def hostile_card(text: str) -> Card:
    found = finding(
        "a",
        summary=slot(text),
        detail=(slot(text), (Slot(text),)),
        safety=((Slot(text), " check"),),
        advice=((Slot(text),),),
        evidence=(evidence("potassium", text), drug_evidence("lithium")),
        stale=text,
        indicator="warning",
    )
    aside = SetAside(Source("Observation/9"), "F027", "is not usable.", "lab", "potassium", text)
    odd = result("sodium", "131", reported=text, unit_doubtful=False)
    return only(cards_of([found], patient=replace(facts(odd), set_aside=(aside,))))


def check_harmless(text: str) -> None:
    card = hostile_card(text)
    for part in (card["summary"], card["detail"], card["source"]["label"]):
        assert tags_in(part) == []
        odd = {unicodedata.category(sign) for sign in part if sign != "\n"} & {
            "Cc",
            "Cf",
            "Cs",
            "Co",
            "Cn",
            "Zl",
            "Zp",
        }
        assert not odd
        assert "://" not in part and "www." not in part.lower() and "@" not in part
    assert set(constructs(card["detail"])) <= OWN
    headings = [line for line in card["detail"].splitlines() if line.startswith("#")]
    assert headings == ["#### Possible contributors to muscle twitching"]
    assert constructs(card["summary"])[:2] == ["paragraph_open", "inline"]
    assert set(constructs(card["summary"])) <= {"paragraph_open", "paragraph_close", "inline", "text"}


@pytest.mark.parametrize("text", HOSTILE)
def test_record_text_becomes_no_markup(text: str) -> None:
    check_harmless(text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.one_of(
            st.sampled_from(HOSTILE),
            st.text(max_size=12),
            st.text(alphabet="<>[]()*_`#!|~\\&@.:/-+=1 \n\u202e\u200b", max_size=30),
        ),
        max_size=4,
    )
)
def test_mixtures_of_record_text_become_no_markup(pieces: list[str]) -> None:
    check_harmless("".join(pieces))


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=80), st.integers(4, 60))
@example("1234567890" * 9, 20)
def test_neutral_text_is_one_bounded_line_and_stays_as_it_is(text: str, limit: int) -> None:
    once = neutral(text, limit)
    assert len(once) <= limit and once == " ".join(once.split())
    assert neutral(once, limit) == once


def test_neutral_keeps_what_clinicians_read() -> None:
    for text in (
        "2.9 mmol/L",
        "<0.2 mmol/L",
        ">= 7.0 mmol/L",
        "10\u207b\u00b3",
        "caf\u00e9 5 \u00b5g/L",
        "range 3.5-5.0 (LL)",
    ):
        assert neutral(text) == text


# --- properties of whole calls

LONG = "Sulfamethoxazole/trimethoprim extended release 800 mg (brand name with many words) "


@st.composite
def calls(draw: st.DrawFn) -> tuple[list[Finding], list[Rule], PatientFacts]:
    count = draw(st.integers(0, 9))
    orders = sorted(knowledge().terminology.orders)
    found, rules = [], []
    for place in range(count):
        name = f"rule-{place}"
        role = draw(
            st.sampled_from(
                ["contributor", "red-flag", "order-safety", "workup", "argues-against", "evidence-only"]
            )
        )
        size = draw(st.integers(0, 3))
        found.append(
            finding(
                name,
                role=role,
                indicator=draw(st.sampled_from(INDICATORS)),
                danger=draw(st.booleans()),
                summary=slot(LONG * size),
                detail=tuple(slot(f"{place} {part} " + LONG) for part in range(size * 3)),
                safety=tuple(slot(f"{place} {part} " + LONG) for part in range(size)),
                drugs=tuple(
                    draw(
                        st.lists(
                            st.sampled_from(["lithium", "prednisone", "furosemide"]), max_size=2, unique=True
                        )
                    )
                ),
                proposals=tuple(
                    Proposal(o) for o in draw(st.lists(st.sampled_from(orders), max_size=6, unique=True))
                ),
                missing=(Missing("lab", "magnesium", draw(st.sampled_from(["not-measured", "not-sent"]))),),
            )
        )
        rules.append(
            rule(
                name,
                role=role,
                folds_into=draw(st.sampled_from([(), ("rule-0",)])),
                line=draw(st.sampled_from(["", "shared"])),
            )
        )
    hook = draw(
        st.sampled_from(
            ["patient-view", "encounter-start", "order-select", "order-sign", "encounter-discharge"]
        )
    )
    who = draw(st.sampled_from([facts(hook=hook), facts(hook=hook, twitch=None)]))
    return found, rules, who


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(calls())
def test_every_call_keeps_its_caps_and_reaches_every_shown_finding(call) -> None:  # type: ignore[no-untyped-def]
    found, rules, patient = call
    content = with_rules(*rules)
    triaged = triage(found, content.rules, content.triage, patient)
    cards = build_cards(triaged, patient, content, base_url=BASE)
    check_form(cards)
    plan = content.triage.plan(patient.hook)
    assert len(cards) <= plan.cards
    uuids = [card["uuid"] for card in cards] + [
        s["uuid"] for card in cards for s in card.get("suggestions", [])
    ]
    assert len(uuids) == len(set(uuids))
    on_cards = {name for card in cards for name in rule_ids(card)}
    shown = {
        name for entry in (*triaged.red_flags, *triaged.critical, *triaged.orders) for name in entry.rule_ids
    }
    if "differential" in plan.kinds:
        shown |= {name for entry in (*triaged.contributors, *triaged.against) for name in entry.rule_ids}
    assert shown <= on_cards
    assert {f.rule_id for f in triaged.findings} == {f.rule_id for f in found}


# --- the real content


def test_every_override_reason_and_link_of_the_real_content_is_usable() -> None:
    content = replace(knowledge(), rules=MappingProxyType(dict(knowledge().rules)))
    assert content.override_reasons and AS_OF.tzinfo is not None
    for work in content.references.values():
        from cds_service.cards.sources import address_of, short_label

        assert short_label(work) and len(short_label(work)) <= 70
        assert address_of(work) == "" or address_of(work).startswith("https://")


def test_options_left_over_are_counted_beside_the_draft_orders_they_follow() -> None:
    drafts = (Proposal("potassium-serum"),)
    steps = Steps(draft=drafts, more=(Proposal("magnesium-serum"), Proposal("ecg-12-lead")))
    voice = Voice(facts(), knowledge(), BASE)
    assert steps_in_words(steps, True, voice) == ["the draft orders of this card", "+2 more"]
    assert [words.casefold() for words in steps_in_words(steps, False, voice)] == [
        "potassium, serum",
        "+2 more",
    ]
