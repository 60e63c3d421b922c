"""Rule documents become typed rules; texts become parts; schema and reader agree on every word."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.content import content_root, parse_document
from cds_service.errors import ContentError
from cds_service.rules import (
    Optional,
    SlotRef,
    parse_criterion,
    parse_definition,
    parse_rule,
    parse_template,
    walk,
)
from cds_service.rules import criteria as c

RULE = """
id: a-rule
title: A rule of the test
status: active
version: 2
date: "2026-01-01"
description: A description that is long enough to satisfy the schema of rules.
cause: a-cause
category: [electrolyte, medication]
role: contributor
ages: adult
hooks: [patient-view]
branches:
  - {id: one, gate: danger, when: {lab: potassium, at_most: 2.5 mmol/L, within: usual}, ages: all, role: red-flag}
  - {id: two, gate: twitch, hooks: [order-sign], when: {symptom: cramp}, strength: probable, summary: "Other: check"}
strength: {established: {symptom: tetany}, otherwise: possible}
indicator: {critical: {symptom: seizure}, warning: {symptom: cramp}, otherwise: info}
folds_into: [other-rule]
gives_way_to: [red-flag/]
repeat: always
phrases: {how: [{say: quickly, when: {symptom: cramp}}, {say: slowly}]}
card:
  summary: "Potassium {potassium|unknown}: check {how}"
  detail: [One., {say: Two., when: {symptom: cramp}, hooks: [patient-view]}]
workup: [{order: [potassium-serum, magnesium-serum], priority: stat, why: Because}]
references: [{key: A-2020, supports: threshold, read: memory, says: something}]
"""


def read(text: str) -> c.Criterion:
    return parse_criterion(parse_document(f"when: {text}", "x.yaml"), ("when",))


def test_a_whole_rule() -> None:
    rule = parse_rule(parse_document(RULE, "a-rule.yaml"), "electrolyte")
    one, two = rule.branches
    assert (rule.id, rule.group, rule.version, rule.repeat_always) == ("a-rule", "electrolyte", 2, True)
    assert (one.ages, one.role, one.hooks) == ("all", "red-flag", frozenset(("patient-view",)))
    assert (two.ages, two.role, two.hooks) == ("adult", "contributor", frozenset(("order-sign",)))
    assert rule.hooks == {"patient-view", "order-sign"}
    assert [level for level, _ in rule.indicator.rows] == ["critical", "warning"]
    assert rule.workup[0].orders == ("potassium-serum", "magnesium-serum")
    assert rule.references[0].read == "memory"
    assert rule.detail[1].hooks == {"patient-view"}


def test_lines_of_criteria_are_kept() -> None:
    rule = parse_rule(parse_document(RULE, "a-rule.yaml"))
    assert rule.branches[0].when.line == 14
    assert rule.branches[1].when.line == 15


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{lab: k, below: 3.50 mmol/L, within: 30 days}", c.Limit("below", Decimal("3.50"), "mmol/L")),
        (
            "{lab: ck, at_least: 4 x range-high, within: usual}",
            c.Limit("at_least", Decimal(4), of_range="high"),
        ),
    ],
)
def test_limits(text: str, expected: c.Limit) -> None:
    criterion = read(text)
    assert isinstance(criterion, c.NumberCriterion)
    assert criterion.limits == (expected,)
    assert str(expected)


def test_durations_are_seconds_and_words_stay_words() -> None:
    criterion = read("{symptom: cramp, within: encounter, older_than: 2 hours}")
    assert isinstance(criterion, c.EventCriterion)
    assert criterion.window == c.Window("encounter", 7200)
    assert c.SECONDS["years"] * 4 == 1461 * c.DAY


def test_anchors_are_criteria_of_their_own() -> None:
    criterion = read(
        "{lab: pth, is: low, within: 7 days, of: {all: [{lab: ca, is: low, within: 9 days}, {sex: male}]}}"
    )
    assert isinstance(criterion, c.NumberCriterion)
    assert criterion.window.anchor_word == "of"
    assert [type(part).__name__ for part in walk(criterion)] == [
        "NumberCriterion", "Combination", "NumberCriterion", "SexCriterion",
    ]  # fmt: skip


def test_facets_that_must_not_hold() -> None:
    criterion = read("{twitch: [lip, chin], side: one, except: {trait: suppressible, course: spreading}}")
    assert isinstance(criterion, c.TwitchCriterion)
    assert criterion.excluded == (("course", "spreading"), ("trait", "suppressible"))


@pytest.mark.parametrize(
    "text",
    ["{lab: a, condition: b}", "{note: nothing}", "[]", "cramp", "{all: cramp}", "{age: {below: old}}"],
)
def test_what_is_no_criterion_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ContentError) as caught:
        read(text)
    assert caught.value.issues[0].where.startswith("x.yaml:1")


def test_definitions() -> None:
    total = parse_definition(
        parse_document(
            "id: a\ntitle: A sum of two\nunit: mmol/L\ndrawn_within: 7 days\n"
            "sum: [{lab: x}, {lab: z, times: -0.02}, {plus: 0.8}]\nreferences: []\n",
            "a.yaml",
        )
    )
    assert total.number is not None
    assert [t.times for t in total.number.terms] == [1, Decimal("-0.02"), 1]
    assert total.number.terms[2].plus == Decimal("0.8")
    assert total.when is None


def test_templates() -> None:
    template = parse_template("K {potassium|not measured}[, dose {drug.dose} since {drug.date}].")
    assert template.parts == (
        "K ", SlotRef("potassium", "", "not measured"),
        Optional((", dose ", SlotRef("drug", "dose"), " since ", SlotRef("drug", "date"))), ".",
    )  # fmt: skip
    assert [slot.name for slot in template.slots()] == ["potassium", "drug", "drug"]


@given(st.text(alphabet=st.characters(blacklist_characters="{}[]"), min_size=1, max_size=50))
def test_a_text_without_braces_is_itself(text: str) -> None:
    assert parse_template(text).parts == (text,)


def test_the_schema_names_every_leaf_the_reader_knows() -> None:
    schema = json.loads((content_root() / "cards" / "schema" / "rule.schema.json").read_text())
    words = {next(iter(option["required"])) for option in schema["$defs"]["criterion"]["oneOf"]}
    assert words == {
        "all", "any", "none", "some", "first_known", "lab", "vital", "survey", "drug", "draft", "stopping", "condition",
        "symptom", "procedure", "report", "family", "allergy", "encounter", "age", "sex", "twitch", "irritability", "meets",
    }  # fmt: skip


def test_a_number_of_no_result_is_refused() -> None:
    text = "id: a-number\ntitle: A number\nunit: mg/d\ndrawn_within: 1 days\nsum: [{plus: 1}, {plus: 0}]\n"
    with pytest.raises(ContentError, match="at least one result"):
        parse_definition(parse_document(text, "x.yaml"))
