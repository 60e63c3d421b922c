"""Judging whole rules: gates, branches, unless, strength, ceiling, indicator, texts, faults."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from msgspec import structs

from cds_service.content import parse_document
from cds_service.engine import Program, compile_program
from cds_service.errors import ContentError
from cds_service.facts import DataState, Encounter, Source, Twitch
from cds_service.findings import Slot, Verdict, plain
from cds_service.rules import Modifiers, OrderSet, parse_criterion, parse_definition, parse_rule
from cds_service.terminology import Terminology

from .conftest import ago, drug, event, facts, lab

GATES = "twitch: {twitch: any}\nirritability: {any: [{twitch: any}, {symptom: cramp}]}\norder: {draft: any}\n"
HEAD = """
id: a-rule
title: A rule of the test
status: active
version: 1
date: "2026-01-01"
description: A description that is long enough to satisfy the schema of rules.
cause: a-cause
category: [electrolyte]
role: contributor
ages: all
references: []
"""
SIMPLE = """
gate: twitch
hooks: [patient-view]
when: {lab: potassium, below: 3.5 mmol/L, within: usual, as: low}
strength: {probable: {lab: potassium, below: 3.0 mmol/L, within: usual}, otherwise: possible}
indicator: {critical: {lab: potassium, at_most: 2.5 mmol/L, within: fresh}, otherwise: info}
card: {summary: "Potassium {potassium} may matter; magnesium {magnesium|not measured}", detail: [Something.]}
"""

Build = Callable[..., Program]


@pytest.fixture
def build(terminology: Terminology, modifiers: Modifiers) -> Build:
    def run(body: str, *definitions: str, group: str = "electrolyte", ages: str = "all") -> Program:
        gates = parse_document(GATES, "gates.yaml")
        found = [parse_definition(parse_document(text, "definition.yaml")) for text in definitions]
        return compile_program(
            [
                parse_rule(
                    parse_document(HEAD.replace("ages: all", f"ages: {ages}") + body, "rule.yaml"), group
                )
            ],
            {d.id: d for d in found},
            {name: parse_criterion(gates, (name,)) for name in gates.data},
            terminology,
            {"basics": OrderSet("basics", "Basics", ("potassium-serum", "magnesium-serum"))},
            modifiers,
        )

    return run


def twitch(onset: float | None = 40, **changes: object) -> Twitch:
    moment = None if onset is None else ago(onset)
    return Twitch(3, Source("Condition/t"), "twitch", onset=moment, sites=frozenset(("lip",)), **changes)  # type: ignore[arg-type]


def test_a_false_gate_is_no_match_and_an_unknown_one_unknown(build: Build) -> None:
    program = build(SIMPLE)
    low = lab("potassium", "2.9")
    assert program.judge_rule("a-rule", facts(low)).verdict is Verdict.NO_MATCH
    assert program.judge_rule("a-rule", facts(low, twitch())).verdict is Verdict.MATCH
    unsent = facts(low, twitch_state=DataState.NOT_SENT)
    assert program.judge_rule("a-rule", unsent).verdict is Verdict.UNKNOWN


def test_other_hooks_are_not_judged(build: Build) -> None:
    patient = facts(lab("potassium", "2.9"), twitch(), hook="order-sign")
    assert build(SIMPLE).judge_rule("a-rule", patient).verdict is Verdict.NO_MATCH


def test_summary_is_filled_and_unmeasured_is_said(build: Build) -> None:
    finding = build(SIMPLE).judge_rule("a-rule", facts(lab("potassium", "2.9"), twitch()))
    assert plain(finding.summary) == "Potassium 2.9 unit may matter; magnesium not measured"


@pytest.mark.parametrize(
    ("value", "days", "setting", "indicator", "stale"),
    [
        ("2.5", 1, "outpatient", "critical", False),
        ("2.51", 1, "outpatient", "info", False),
        ("2.5", 7, "outpatient", "critical", False),
        ("2.5", 8, "outpatient", "warning", True),
        ("2.5", 3, "inpatient", "critical", False),
        ("2.5", 3.1, "inpatient", "warning", True),
    ],
)
def test_critical_only_on_fresh_results(
    build: Build, value: str, days: float, setting: str, indicator: str, stale: bool
) -> None:
    patient = facts(lab("potassium", value, days), twitch(), encounter=Encounter(setting, ago(hours=2)))
    finding = build(SIMPLE).judge_rule("a-rule", patient)
    assert finding.indicator == indicator
    assert bool(finding.stale) is stale
    assert (f"{int(days)} days old" in finding.stale) is stale


def test_strength_rows_and_unknown_rows_are_skipped(build: Build) -> None:
    program = build(SIMPLE)
    assert program.judge_rule("a-rule", facts(lab("potassium", "2.9"), twitch())).strength == "probable"
    assert program.judge_rule("a-rule", facts(lab("potassium", "3.2"), twitch())).strength == "possible"


def test_temporal_step_needs_a_close_result_and_may_be_ignored(build: Build) -> None:
    patient = facts(lab("potassium", "3.2"), twitch(5))
    assert build(SIMPLE).judge_rule("a-rule", patient).strength == "probable"
    assert build(SIMPLE + "ignore: [temporal]\n").judge_rule("a-rule", patient).strength == "possible"
    far = facts(lab("potassium", "3.2"), twitch(9))
    assert build(SIMPLE).judge_rule("a-rule", far).strength == "possible"


def test_the_ceiling_stops_every_step(build: Build) -> None:
    body = SIMPLE + "ceiling: {established: {symptom: cramp}, otherwise: possible}\n"
    assert build(body).judge_rule("a-rule", facts(lab("potassium", "3.2"), twitch(5))).strength == "possible"
    cramping = facts(lab("potassium", "3.2"), twitch(5), event("symptom", "cramp"))
    assert build(body).judge_rule("a-rule", cramping).strength == "probable"


def test_two_raises_lift_one_and_one_lower_sinks(build: Build) -> None:
    raising = SIMPLE + "raises: [{symptom: cramp}, {symptom: weakness}]\n"
    one = facts(lab("potassium", "3.2"), twitch(), event("symptom", "cramp"))
    two = facts(lab("potassium", "3.2"), twitch(), event("symptom", "cramp"), event("symptom", "weakness"))
    assert build(raising).judge_rule("a-rule", one).strength == "possible"
    assert build(raising).judge_rule("a-rule", two).strength == "probable"
    lowering = SIMPLE + "lowers: [{symptom: cramp}]\n"
    assert (
        build(lowering)
        .judge_rule("a-rule", facts(lab("potassium", "2.9"), twitch(), event("symptom", "cramp")))
        .strength
        == "possible"
    )


def test_isolated_eyelid_and_old_and_long_standing_data_lower(build: Build) -> None:
    eyelid = Twitch(3, Source("Condition/t"), "twitch", sites=frozenset(("eyelid",)))
    low = lab("potassium", "2.9")
    assert build(SIMPLE).judge_rule("a-rule", facts(low, eyelid)).strength == "possible"
    assert build(SIMPLE, group="red-flag").judge_rule("a-rule", facts(low, eyelid)).strength == "probable"
    assert (
        build(SIMPLE).judge_rule("a-rule", facts(lab("potassium", "2.9", 16), twitch())).strength
        == "possible"
    )
    long = facts(lab("potassium", "2.9", 230), low, twitch(40))
    assert build(SIMPLE).judge_rule("a-rule", long).strength == "possible"


def test_a_direction_fires_one_step_lower(build: Build) -> None:
    body = SIMPLE.replace("below: 3.5 mmol/L, within: usual, as", "is: low, within: usual, as")
    body = body.replace(
        "{probable: {lab: potassium, below: 3.0 mmol/L, within: usual}, otherwise: possible}", "probable"
    )
    finding = build(body).judge_rule("a-rule", facts(lab("potassium", None, direction="low"), twitch()))
    assert finding.strength == "possible"
    assert "no value" in plain(finding.summary)


def test_only_a_true_unless_silences(build: Build) -> None:
    body = SIMPLE + "unless: {condition: ckd}\n"
    program = build(body)
    base = (lab("potassium", "2.9"), twitch())
    assert program.judge_rule("a-rule", facts(*base, event("condition", "ckd"))).verdict is Verdict.NO_MATCH
    assert program.judge_rule("a-rule", facts(*base, not_sent=("condition",))).verdict is Verdict.MATCH


BRANCHES = """
hooks: [patient-view]
branches:
  - {id: severe, gate: danger, when: {lab: potassium, at_most: 2.5 mmol/L, within: usual}, indicator: critical, strength: established}
  - {id: mild, gate: twitch, when: {lab: potassium, below: 3.5 mmol/L, within: usual}, role: workup, summary: "Mild: check again"}
strength: possible
indicator: info
card: {summary: "Potassium {potassium}: check", detail: [Something.]}
"""


def test_the_first_matching_branch_speaks_and_the_highest_indicator_counts(build: Build) -> None:
    program = build(BRANCHES)
    severe = program.judge_rule("a-rule", facts(lab("potassium", "2.4")))
    assert (severe.branch, severe.indicator, severe.danger, severe.role) == (
        "severe",
        "critical",
        True,
        "contributor",
    )
    mild = program.judge_rule("a-rule", facts(lab("potassium", "3.0"), twitch()))
    assert (mild.branch, mild.indicator, plain(mild.summary), mild.role) == (
        "mild",
        "info",
        "Mild: check again",
        "workup",
    )


def test_unknown_conjunction_asks_for_the_deciding_test(build: Build) -> None:
    """Specification 5.6."""
    body = SIMPLE.replace(
        "when: {lab: potassium, below: 3.5 mmol/L, within: usual, as: low}",
        "when: {all: [{lab: potassium, below: 3.5 mmol/L, within: usual}, {lab: magnesium, is: low, within: usual}]}",
    )
    finding = build(body).judge_rule("a-rule", facts(lab("potassium", "2.9"), twitch()))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.asks == ("magnesium",)
    assert build(body).judge_rule("a-rule", facts(twitch())).asks == ()


def test_adult_rules_do_not_judge_an_unknown_age(build: Build) -> None:
    patient = (lab("potassium", "2.9"), twitch())
    program = build(SIMPLE, ages="adult")
    assert program.judge_rule("a-rule", facts(*patient, age=None)).verdict is Verdict.UNKNOWN
    assert program.judge_rule("a-rule", facts(*patient, age=17)).verdict is Verdict.NO_MATCH
    assert program.judge_rule("a-rule", facts(*patient, age=18)).verdict is Verdict.MATCH
    assert build(SIMPLE).judge_rule("a-rule", facts(*patient, age=None)).verdict is Verdict.MATCH


def test_workup_rows_and_sets(build: Build) -> None:
    body = SIMPLE + "workup: [{set: basics}, {order: ecg-12-lead, priority: stat, when: {symptom: cramp}}]\n"
    program = build(body)
    plain_case = program.judge_rule("a-rule", facts(lab("potassium", "2.9"), twitch()))
    assert [p.order for p in plain_case.proposals] == ["potassium-serum", "magnesium-serum"]
    cramping = program.judge_rule(
        "a-rule", facts(lab("potassium", "2.9"), twitch(), event("symptom", "cramp"))
    )
    assert [(p.order, p.priority) for p in cramping.proposals][-1] == ("ecg-12-lead", "stat")


def test_names_of_drugs_are_listed_shortly(build: Build) -> None:
    body = SIMPLE.replace(
        "when: {lab: potassium, below: 3.5 mmol/L, within: usual, as: low}",
        "when: {drug: loop-diuretic, as: drugs}",
    )
    body = body.replace(
        '"Potassium {potassium} may matter; magnesium {magnesium|not measured}"',
        '"{drugs}[ since {drugs.date}] may matter"',
    )
    three = facts(drug("furosemide", 3), drug("bumetanide"), drug("torsemide"), twitch())
    assert plain(build(body).judge_rule("a-rule", three).summary).endswith("+1 since 2025-05-29 may matter")


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("lab: potassium, below", "lab: potasium, below", "R101"),
        ("below: 3.5 mmol/L", "below: 3.5 mg/mL", "R111"),
        ("gate: twitch", "gate: sign\nworkup: [{order: no-such-order}]", "R102"),
        ("gate: twitch", "gate: sign\nworkup: [{set: no-such-set}]", "R102"),
        ("gate: twitch", "gate: sign\nunless: {drug: furosemid}", "R101"),
        ("gate: twitch", "gate: sign\nunless: {symptom: no-such-symptom}", "R101"),
        ("gate: twitch", "gate: sign\nunless: {meets: no-such-definition}", "R101"),
    ],
)
def test_unknown_names_and_units_are_refused_with_place_and_remedy(
    build: Build, old: str, new: str, code: str
) -> None:
    with pytest.raises(ContentError) as caught:
        build(SIMPLE.replace(old, new, 1))
    assert code in {issue.code for issue in caught.value.issues}
    assert all(issue.where.startswith("rule.yaml:") and issue.remedy for issue in caught.value.issues)


def test_a_circle_of_definitions_is_refused(build: Build) -> None:
    one = "id: one\ntitle: The first one\nwhen: {meets: two}\nreferences: []\n"
    two = "id: two\ntitle: The second one\nwhen: {meets: one}\nreferences: []\n"
    with pytest.raises(ContentError) as caught:
        build(SIMPLE, one, two)
    assert [issue.code for issue in caught.value.issues] == ["R120"]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("sum: [{lab: sodium}, {lab: no-such-lab, times: -1}]", "R101"),
        ("first_of: [{lab: sodium, not_older_than: no-such-lab, by_at_most: 1 days}]", "R101"),
        ("ratio: {of: sodium, to: potassium}\nrange_of: no-such-lab", "R101"),
        ("ratio: {of: sodium, to: potassium}\nonly_if: {lab: potassium, below: 40 mmHg}", "R111"),
        ("ratio: {of: sodium, to: potassium}\nonly_if: {lab: albumin, below: 40 g/L}", "R112"),
        ("ratio: {of: sodium, to: potassium}\nonly_if: {sex: female}", "R112"),
    ],
)
def test_a_derived_number_names_what_exists(build: Build, number: str, code: str) -> None:
    """A name found missing only while a patient is judged would silence every rule that uses the number."""
    with pytest.raises(ContentError) as caught:
        build(
            SIMPLE,
            f"id: a-number\ntitle: A number of the test\nunit: mmol/L\ndrawn_within: 1 days\n{number}\n",
        )
    (issue,) = caught.value.issues
    assert issue.code == code and issue.where.startswith("definition.yaml:") and issue.remedy


def test_a_number_of_mixed_scales_is_never_compared(build: Build) -> None:
    mixed = "id: mixed\ntitle: Mixed scales\njudge: range-only\nfirst_of: [{lab: calcium-ionized}, {lab: calcium-total}]\nreferences: []\n"
    with pytest.raises(ContentError) as caught:
        build(SIMPLE + "unless: {lab: mixed, below: 2 mmol/L, within: usual}\n", mixed)
    assert "R110" in {issue.code for issue in caught.value.issues}


def test_one_broken_rule_never_hides_the_others(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """R32: an error inside a rule is told, never a silent no-match."""
    program = build(SIMPLE)

    def broken(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("cds_service.engine.numbers.series_of", broken)
    (finding,) = program.judge(facts(lab("potassium", "2.9"), twitch()))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.error == "ZeroDivisionError"
    trace = program.trace("a-rule", facts(lab("potassium", "2.9"), twitch()))
    assert (trace.error, trace.branches) == ("ZeroDivisionError", ())


def test_same_facts_same_findings(build: Build) -> None:
    patient = facts(lab("potassium", "2.9"), twitch(5), event("symptom", "cramp"), drug("furosemide", 3))
    assert build(SIMPLE).judge(patient) == build(SIMPLE).judge(patient)


def test_traces_show_every_member(build: Build) -> None:
    trace = build(SIMPLE + "unless: {condition: ckd}\n").trace(
        "a-rule", facts(lab("potassium", "4.0"), twitch())
    )
    (branch,) = trace.branches
    assert branch.gate_verdict is Verdict.MATCH
    assert branch.when.verdict is Verdict.NO_MATCH
    assert branch.when.evidence[0].value == Decimal("4.0")
    assert branch.unless[0].verdict is Verdict.NO_MATCH


def test_a_doubtful_unit_is_never_critical(build: Build) -> None:
    """Specification 3.1, unit against its own reference range."""
    body = SIMPLE.replace(
        "{critical: {lab: potassium, at_most: 2.5 mmol/L, within: fresh}",
        "{critical: {lab: potassium, is: low, within: fresh}",
    )
    body = body.replace(
        "when: {lab: potassium, below: 3.5 mmol/L, within: usual, as: low}",
        "when: {lab: potassium, is: low, within: usual}",
    )
    sure = lab("potassium", "2.9", low=Decimal("3.5"))
    doubtful = lab("potassium", "2.9", low=Decimal("3.5"), unit_doubtful=True)
    assert build(body).judge_rule("a-rule", facts(sure, twitch())).indicator == "critical"
    assert build(body).judge_rule("a-rule", facts(doubtful, twitch())).indicator == "warning"


def test_a_doubtful_unit_does_not_hide_what_is_critical_without_it(build: Build) -> None:
    body = SIMPLE.replace(
        "{critical: {lab: potassium, at_most: 2.5 mmol/L, within: fresh}",
        "{critical: {any: [{lab: potassium, is: low, within: fresh}, {lab: magnesium, is: low, within: fresh}]}",
    )
    body = body.replace(
        "when: {lab: potassium, below: 3.5 mmol/L, within: usual, as: low}",
        "when: {lab: potassium, is: low, within: usual}",
    )
    doubtful = lab("potassium", "2.9", low=Decimal("3.5"), unit_doubtful=True)
    sure = lab("magnesium", "0.40", low=Decimal("0.70"))
    assert build(body).judge_rule("a-rule", facts(doubtful, twitch())).indicator == "warning"
    assert build(body).judge_rule("a-rule", facts(doubtful, sure, twitch())).indicator == "critical"
    both = body.replace("{critical: {any:", "{critical: {all:")
    assert build(both).judge_rule("a-rule", facts(doubtful, sure, twitch())).indicator == "warning"


def test_the_value_of_a_named_result_is_text_of_the_record(build: Build) -> None:
    """A unit is as the laboratory wrote it: whoever writes cards must see that it is not ours."""
    hostile = "2.9 [mmol/L](http://evil.example)"
    body = SIMPLE.replace('"Potassium {potassium} may matter', '"{low} may matter, {cramp}')
    body = body.replace(
        "when: {lab: potassium,", "when: {all: [{symptom: cramp, as: cramp}, {lab: potassium,"
    )
    body = body.replace("within: usual, as: low}", "within: usual, as: low}]}", 1)
    patient = facts(
        structs.replace(lab("potassium", "2.9"), reported=hostile), event("symptom", "cramp"), twitch()
    )
    summary = build(body).judge_rule("a-rule", patient).summary
    assert plain(summary).startswith(f"Potassium {hostile} may matter, ")
    assert [part for part in summary if "evil" in plain((part,))] == [Slot(hostile)]


def test_a_branch_may_have_raises_and_lowers_of_its_own(build: Build) -> None:
    body = (
        BRANCHES.replace(
            "role: workup, summary", "role: workup, lowers: [{symptom: cramp}], strength: probable, summary"
        )
        + "lowers: [{condition: ckd}]\n"
    )
    patient = (lab("potassium", "3.0"), twitch())
    assert build(body).judge_rule("a-rule", facts(*patient)).strength == "probable"
    assert build(body).judge_rule("a-rule", facts(*patient, event("symptom", "cramp"))).strength == "possible"
    assert build(body).judge_rule("a-rule", facts(*patient, event("condition", "ckd"))).strength == "probable"


def test_everything_a_finding_rests_on_or_prints_is_cited(build: Build) -> None:
    """The strict second look reads what decided strength and indicator and what the texts print, too."""
    body = SIMPLE + "raises: [{symptom: cramp}]\n"
    patient = facts(lab("potassium", "2.4"), lab("magnesium", "0.9", 2), event("symptom", "cramp"), twitch())
    finding = build(body).judge_rule("a-rule", patient)
    assert {str(source) for source in finding.cited} == {
        "Observation/potassium-1", "Observation/magnesium-2", "Condition/cramp",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("also", "old", "strength"),
    [
        ("is: [low, normal, high]", "140", "probable"),  # known, as it was: nothing long-standing
        ("is: [low, normal]", "140", "probable"),
        ("at_least: 125 mmol/L", "140", "probable"),  # every normal result satisfies it
        ("at_least: 125 mmol/L", "160", "probable"),
        ("at_most: 1.5 x range-high", "140", "probable"),
        ("is: [low, high]", "140", "probable"),
        ("is: low", "128", "possible"),
        ("is: [low, missing]", "128", "possible"),
        ("below: 130 mmol/L", "128", "possible"),
        ("at_most: 137 mmol/L", "136", "possible"),  # not what the range says, but what the rule asks for
    ],
)
def test_only_an_abnormality_is_long_standing(build: Build, also: str, old: str, strength: str) -> None:
    both = (
        "when: {all: [{lab: potassium, below: 3.5 mmol/L, within: usual}, "
        f"{{lab: sodium, {also}, within: usual}}]}}\n"
    )
    lines = [both if line.startswith("when:") else line + "\n" for line in SIMPLE.splitlines()]
    patient = facts(lab("potassium", "2.9"), lab("sodium", old, 300), lab("sodium", "128"), twitch())
    assert build("".join(lines)).judge_rule("a-rule", patient).strength == strength


def test_a_limit_without_a_range_counts_as_before(build: Build) -> None:
    """What is normal for a child nobody said: only the limit of the rule is there to judge by."""
    body = SIMPLE.replace("below: 3.5", "at_least: 2.0")
    patient = facts(lab("potassium", "2.9", 300), lab("potassium", "2.9"), twitch(), age=9)
    assert build(body).judge_rule("a-rule", patient).strength == "possible"


def test_a_finding_points_at_what_its_summary_names_then_at_what_is_abnormal(build: Build) -> None:
    when = (
        "when: {all: [{lab: sodium, is: [low, normal, high], within: usual}, {lab: egfr, below: 60 mL/min/1.73m2, "
        "within: usual}, {drug: lithium}, {drug: ibuprofen, as: culprit}, {condition: ckd}, "
        "{lab: potassium, below: 3.5 mmol/L, within: usual}, {none: [{lab: magnesium, is: high, within: usual}]}]}\n"
    )
    body = "".join(when if line.startswith("when:") else line + "\n" for line in SIMPLE.splitlines())
    patient = facts(
        lab("sodium", "140"),
        lab("egfr", "40"),
        lab("potassium", "2.9"),
        lab("magnesium", "0.8"),
        drug("lithium", 900),
        drug("ibuprofen", 9),
        event("condition", "ckd"),
        twitch(),
    )
    finding = build(body).judge_rule("a-rule", patient)
    assert [e.name for e in finding.evidence] == [
        "sodium",
        "egfr",
        "lithium",
        "ibuprofen",
        "ckd",
        "potassium",
    ]
    assert [[e.name for e in points] for points in finding.points] == [["potassium", "egfr", "ibuprofen"]]
