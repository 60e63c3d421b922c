"""Why, why not, could not tell."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from cds_service.catalogue.logic import fired_in_words, span
from cds_service.engine import compile_program
from cds_service.engine.nodes import Node
from cds_service.explain import explain_facts, logic_in_words
from cds_service.explain.text import render_text
from cds_service.facts import DataState, PatientFacts
from cds_service.findings import Finding, Verdict
from cds_service.knowledge import Knowledge
from cds_service.rules import Branch, parse_template
from cds_service.rules.criteria import (
    DAY,
    AgeCriterion,
    Combination,
    Criterion,
    DrugCriterion,
    EventCriterion,
    Limit,
    MeetsCriterion,
    NumberCriterion,
    TwitchCriterion,
    Window,
)
from cds_service.triage import triage
from tests.carding import facts, knowledge, result, rule, twitch, with_rules

LOW_K = Decimal("3.5")
LOW = NumberCriterion(
    kind="lab",
    name="potassium",
    limits=(Limit("below", LOW_K, "mmol/L"),),
    window=Window("usual"),
    note="severity by the usual classes",
)
DRUG = DrugCriterion(word="drug", names=("furosemide",))


def content(when: Criterion) -> Knowledge:
    made = rule(
        "low-potassium",
        branches=(Branch("", "twitch", when),),
        summary=parse_template("Potassium {potassium}: check"),
    )
    return with_rules(made)


def explained(when: Criterion, patient: PatientFacts) -> dict:  # type: ignore[type-arg]
    return explained_by(content(when), patient)


def explained_by(world: Knowledge, patient: PatientFacts) -> dict:  # type: ignore[type-arg]
    program = compile_program(
        world.rules.values(),
        world.definitions,
        world.gates,
        world.terminology,
        world.order_sets,
        world.modifiers,
    )
    triaged = triage(program.judge(patient), world.rules, world.triage, patient)
    told = explain_facts(patient, triaged.findings, world, "low-potassium")
    (entry,) = told["rules"]
    return json.loads(json.dumps({**entry, "definitions": told["definitions"]}))  # type: ignore[no-any-return]


def test_a_fired_rule_shows_value_unit_date_source_and_threshold() -> None:
    entry = explained(LOW, facts(result("potassium", "3.2")))
    when = entry["branches"][0]["when"]
    assert entry["answer"] == "match" and entry["rank"] == 1 and entry["words"] == "fired"
    assert when["threshold"] == ["below 3.5 mmol/L"] and when["note"] == "severity by the usual classes"
    (cited,) = when["evidence"]
    assert (cited["value"], cited["unit"], cited["source"]) == ("3.2", "mmol/L", "Observation/potassium")
    assert cited["date"].startswith("2025-05-30")


def test_a_rule_that_did_not_fire_says_so_part_by_part() -> None:
    entry = explained(Combination(op="all", parts=(LOW, DRUG)), facts(result("potassium", "3.2")))
    parts = entry["branches"][0]["when"]["parts"]
    assert entry["answer"] == "no-match" and [part["answer"] for part in parts] == ["match", "no-match"]
    assert "wouldChange" not in entry and "strength" not in entry


def test_a_rule_names_its_group_and_how_many_parts_must_hold() -> None:
    entry = explained(Combination(op="some", parts=(LOW, DRUG, DRUG), at_least=2), facts())
    assert entry["group"] == content(LOW).rules["low-potassium"].group
    assert entry["branches"][0]["when"]["atLeast"] == 2
    assert "atLeast" not in entry["branches"][0]["when"]["parts"][0]


def test_an_undecided_rule_names_the_missing_fact_that_would_decide() -> None:
    entry = explained(
        Combination(op="all", parts=(LOW, DRUG)), facts(drugs={}, states={"lab": DataState.PRESENT})
    )
    assert entry["answer"] == "unknown"
    assert {gap["name"] for gap in entry["wouldChange"]} == {"potassium", "furosemide"}
    assert {gap["reason"] for gap in entry["wouldChange"]} == {"not-measured", "not-sent"}


def test_a_definition_is_said_with_its_own_criteria() -> None:
    world = knowledge()
    entry = explained(MeetsCriterion(names=("potassium-low",)), facts(result("potassium", "4.2")))
    assert entry["branches"][0]["when"]["meets"] == ["potassium-low"]
    told = entry["definitions"]["potassium-low"]
    assert told["title"] == world.definitions["potassium-low"].title
    page = render_text({"rules": [entry], "definitions": entry["definitions"]})
    assert told["answer"] == "no-match" and "4.2 mmol/L" in page


def test_a_definition_that_fails_inside_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, mark = Node.trace, "Zebrafinch"

    def failing(node: Node, *arguments: Any) -> Any:
        if not isinstance(node.criterion, MeetsCriterion):
            raise LookupError(mark)
        return trace(node, *arguments)

    monkeypatch.setattr(Node, "trace", failing)
    entry = explained(MeetsCriterion(names=("potassium-low",)), facts(result("potassium", "4.2")))
    assert entry["answer"] == "no-match"
    told = entry["definitions"]["potassium-low"]
    assert told["title"] and (told["answer"], told["error"]) == ("error", "LookupError")
    page = render_text({"rules": [entry], "definitions": entry["definitions"]})
    assert "! potassium-low: failed" in page and mark not in page + json.dumps(entry)


def test_a_closed_gate_asks_for_nothing() -> None:
    entry = explained(LOW, facts(twitch=None))
    assert entry["answer"] == "no-match" and "wouldChange" not in entry
    gate = {"name": "twitch", "words": "muscle twitching is recorded", "answer": "no-match"}
    assert entry["branches"][0]["gate"] == gate


def test_a_gate_that_asks_for_nothing_has_no_words() -> None:
    made = rule("low-potassium", branches=(Branch("", "danger", LOW),))
    world = with_rules(made)
    assert "words" not in explained_by(world, facts())["branches"][0]["gate"]


def test_a_gate_tells_what_opened_it() -> None:
    gate = explained(LOW, facts(result("potassium", "3.2")))["branches"][0]["gate"]
    (cited,) = gate["evidence"]
    assert cited["source"] == "Condition/twitch" and cited["text"].startswith("Twitching, lip, right")
    assert "missing" not in gate


def test_a_gate_that_could_not_tell_says_what_it_lacks() -> None:
    unsent = facts(result("potassium", "3.2"), twitch=None, twitch_state=DataState.NOT_SENT)
    entry = explained(LOW, unsent)
    (gap,) = entry["branches"][0]["gate"]["missing"]
    assert (entry["answer"], gap["name"], gap["reason"]) == ("unknown", "twitch", "not-sent")
    assert entry["wouldChange"] == [gap]


def for_adults() -> Knowledge:
    made = rule("low-potassium", branches=(Branch("", "twitch", LOW, ages="adult"),), ages="adult")
    return with_rules(made)


@pytest.mark.parametrize(
    ("age", "answer", "seen", "lacking"),
    [
        (40 * 366, "match", ["Age 40 years"], ["potassium"]),
        (8 * 366, "no-match", ["Age 8 years"], []),  # nothing that is missing could make a child an adult
        (None, "unknown", [], ["potassium", "age"]),
    ],
)
def test_the_age_a_rule_asks_for_is_told(
    age: int | None, answer: str, seen: list[str], lacking: list[str]
) -> None:
    entry = explained_by(for_adults(), facts(age_days=age))
    ages = entry["branches"][0]["ages"]
    assert (ages["answer"], [item["text"] for item in ages.get("evidence", [])]) == (answer, seen)
    assert [gap["name"] for gap in ages.get("missing", [])] == ([] if seen else ["age"])
    assert [gap["name"] for gap in entry.get("wouldChange", [])] == lacking
    assert "ages" not in explained(LOW, facts(age_days=age))["branches"][0]


def test_what_a_true_do_not_show_settles_asks_for_nothing() -> None:
    made = rule(
        "low-potassium", branches=(Branch("", "twitch", LOW, unless=TwitchCriterion(sites=("lip",))),)
    )
    entry = explained_by(with_rules(made), facts())
    assert entry["answer"] == "no-match" and "wouldChange" not in entry


def test_the_terminal_page_tells_gate_age_and_how_many_must_hold() -> None:
    some = Combination(op="some", parts=(LOW, DRUG, DRUG), at_least=2)
    page = render_text(
        {"rules": [explained(some, facts()), explained_by(for_adults(), facts(age_days=None))]}
    )
    lines = [line.strip() for line in page.splitlines()]
    assert "- some, at least 2" in lines
    assert lines[1] == "+ twitch" and lines[2].startswith("Twitching, lip, right")
    assert lines[2].endswith("[Condition/twitch]")
    assert "? the patient is 18 years or older" in lines and "age: not sent" in lines


def test_every_finding_is_explained_in_its_order_and_an_unknown_rule_refused() -> None:
    world = with_rules(rule("b"), rule("a"))
    found = [Finding("b", Verdict.MATCH, rank=1), Finding("a", Verdict.NO_MATCH)]
    assert [entry["ruleId"] for entry in explain_facts(facts(), found, world)["rules"]] == ["b", "a"]
    with pytest.raises(KeyError):
        explain_facts(facts(), found, world, "no-such-rule")


def test_the_terminal_page_marks_answers_and_neutralizes_the_record() -> None:
    hostile = result("potassium", "3.2", reported="3.2 \x1b[31mmmol/L\u202e")
    page = render_text({"rules": [explained(LOW, facts(hostile)), explained(DRUG, facts())]})
    assert "+ low-potassium: fired" in page and "- low-potassium: not fired" in page
    assert "[Observation/potassium]" in page and "\x1b" not in page and "\u202e" not in page


# --- logic in words


def words(criterion: Criterion) -> str:
    world = content(criterion)
    (sentence,) = logic_in_words(world.rules["low-potassium"], world)
    return sentence.removeprefix("Fires when muscle twitching is recorded and ")


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        (LOW, "potassium below 3.5 mmol/L (last 30 days; 7 days in hospital)."),
        (
            NumberCriterion(kind="lab", name="potassium", states=("low", "missing"), window=Window(90 * DAY)),
            "potassium below its range or not measured (last 90 days).",
        ),
        (
            replace(LOW, limits=(Limit("above", LOW_K, of_range="high"),), window=Window("encounter")),
            "potassium above 3.5 times the upper limit (this encounter).",
        ),
        (DRUG, "furosemide in use."),
        (
            DrugCriterion(word="drug", names=("furosemide", "lithium"), started_within=30 * DAY),
            "furosemide or lithium started or raised within 30 days.",
        ),
        (DrugCriterion(word="draft", names=("lithium",)), "an order for lithium."),
        (AgeCriterion(limits=(Limit("at_least", Decimal(65), "years"),)), "age at least 65 years."),
        (TwitchCriterion(sites=("upper-lip",), side="one"), "twitching (upper lip), side: one."),
        (
            EventCriterion(kind="symptom", names=("cramp",), onset_within=DAY),
            "muscle cramp recorded with onset within 24 hours.",
        ),
        (Combination(op="none", parts=(DRUG,)), "(not (furosemide in use))."),
        (
            Combination(
                op="all",
                parts=(
                    LOW,
                    Combination(
                        op="any", parts=(DRUG, AgeCriterion(limits=(Limit("below", LOW_K, "years"),)))
                    ),
                ),
            ),
            "(potassium below 3.5 mmol/L (last 30 days; 7 days in hospital) "
            "and (furosemide in use or age below 3.5 years)).",
        ),
    ],
)
def test_criteria_in_words(criterion: Criterion, said: str) -> None:
    assert words(criterion).replace("(not (furosemide in use))", "not (furosemide in use)") == said.replace(
        "(not (furosemide in use))", "not (furosemide in use)"
    )


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3600, "1 hour"),
        (DAY, "24 hours"),
        (3 * DAY, "3 days"),
        (90 * 60, "90 minutes"),
        (31_557_600, "1 year"),
        (100, "0 hours"),
    ],
)
def test_durations_in_words(seconds: int, said: str) -> None:
    assert span(seconds) == said


def test_every_rule_of_the_content_can_be_said_and_only_the_fired_branch_is_on_a_card() -> None:
    world = knowledge()
    for item in world.rules.values():
        sentences = logic_in_words(item, world)
        assert sentences and all(sentence.endswith(".") and "{" not in sentence for sentence in sentences), (
            item.id
        )
        assert fired_in_words(item.id, item.branches[-1].id, world) in sentences
    assert isinstance(world.rules, MappingProxyType) and twitch().level == 3
