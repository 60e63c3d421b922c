"""Order, folding and silences of findings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.facts import PatientFacts
from cds_service.findings import INDICATORS, STRENGTHS, Finding, Missing, Proposal, Verdict
from cds_service.rules import Rule
from cds_service.triage import Triaged, triage
from tests.carding import drafted, drug_evidence, evidence, facts, finding, knowledge, result, rule

MEASURED = (result("potassium", "4.1"), result("calcium-total", "2.3"), result("magnesium", "0.8"))


def sort(findings: list[Finding], *rules: Rule, patient: PatientFacts | None = None) -> Triaged:
    table = {item.id: item for item in rules}
    for item in findings:
        table.setdefault(item.rule_id, rule(item.rule_id))
    return triage(findings, table, knowledge().triage, patient or facts(*MEASURED))


def fate(triaged: Triaged, rule_id: str) -> Finding:
    return next(item for item in triaged.findings if item.rule_id == rule_id)


def ranked(triaged: Triaged) -> list[str]:
    return [item.rule_id for item in triaged.findings if item.rank]


# --- ranking (specification 7.4)

BETTER_AND_WORSE = {
    "red flag before indicator": ({"role": "red-flag"}, {"indicator": "critical"}),
    "indicator before strength": ({"indicator": "warning"}, {"strength": "established"}),
    "strength before date": ({"strength": "probable"}, {"evidence": (evidence("a", "new", days_ago=0),)}),
    "timing before date": ({"temporal": True}, {"evidence": (evidence("a", "new", days_ago=0),)}),
    "newer before older": (
        {"evidence": (evidence("a", "new", days_ago=1),)},
        {"evidence": (evidence("a", "old", days_ago=9),)},
    ),
}


@pytest.mark.parametrize("name", BETTER_AND_WORSE)
def test_each_ranking_key_decides_before_the_next(name: str) -> None:
    better, worse = BETTER_AND_WORSE[name]
    triaged = sort([finding("a", **worse), finding("b", **better)])
    assert ranked(triaged) == ["b", "a"]


def test_treatable_categories_come_first_and_the_rule_id_breaks_ties() -> None:
    rules = [
        rule("a", category=("genetic",)),
        rule("c", category=("electrolyte",)),
        rule("b", category=("medication",)),
        rule("b2", category=("medication",)),
    ]
    triaged = sort([finding(item.id) for item in rules], *rules)
    assert ranked(triaged) == ["c", "b", "b2", "a"]


def test_ranks_count_from_one_without_gaps_and_lead_the_list() -> None:
    triaged = sort([finding(name, indicator=level) for name, level in zip("abc", INDICATORS, strict=True)])
    assert [item.rank for item in triaged.findings] == [1, 2, 3]
    assert ranked(triaged) == ["c", "b", "a"]


def test_lifestyle_stays_below_an_unmeasured_basic_test_but_not_below_measured_ones() -> None:
    rules = [rule("z-potassium"), rule("coffee", category=("lifestyle",))]
    found = [finding("coffee", strength="probable"), finding("z-potassium")]
    assert ranked(sort(found, *rules)) == ["coffee", "z-potassium"]
    assert ranked(sort(found, *rules, patient=facts(*MEASURED[:2]))) == ["z-potassium", "coffee"]


def test_lifestyle_stays_below_the_workup() -> None:
    rules = [rule("workup", category=("workup",), role="workup"), rule("coffee", category=("lifestyle",))]
    found = [finding("coffee", strength="probable"), finding("workup", role="workup", strength="not-scored")]
    assert ranked(sort(found, *rules)) == ["workup", "coffee"]


def test_evidence_only_and_contrary_findings_take_no_rank() -> None:
    triaged = sort([finding("a", role="evidence-only"), finding("b", role="argues-against"), finding("c")])
    assert ranked(triaged) == ["c"]
    assert [item.rule_id for item in triaged.also_on_record] == ["a"]
    assert [entry.lead.rule_id for entry in triaged.against] == ["b"]


# --- folding and giving way (specification 5.4)


def test_folding_follows_the_chain_and_merges_what_the_specific_rule_lacks() -> None:
    rules = [rule("general", folds_into=("drug",)), rule("drug", folds_into=("both",)), rule("both")]
    triaged = sort(
        [
            finding(
                "general",
                indicator="critical",
                evidence=(evidence("potassium", "K"),),
                safety=(("check K",),),
                proposals=(Proposal("potassium-serum"),),
                missing=(Missing("lab", "pth", "not-measured"),),
            ),
            finding(
                "drug",
                drugs=("furosemide",),
                evidence=(drug_evidence("furosemide"),),
                proposals=(Proposal("potassium-serum", priority="urgent"), Proposal("ecg-12-lead")),
            ),
            finding(
                "both",
                evidence=(evidence("potassium", "K"), evidence("magnesium", "Mg")),
                safety=(("check K",),),
                strength="established",
            ),
        ],
        *rules,
    )
    lead = fate(triaged, "both")
    assert lead.indicator == "critical" and lead.strength == "established" and lead.rank == 1
    assert [item.text for item in lead.evidence] == ["K", "Mg", "furosemide, since 2025-01-01"]
    assert {(p.order, p.priority) for p in lead.proposals} == {
        ("potassium-serum", "urgent"),
        ("ecg-12-lead", "routine"),
    }
    assert lead.safety == (("check K",),) and lead.drugs == ("furosemide",)
    assert set(lead.merged_rules) == {"general", "drug"}
    assert fate(triaged, "general").folded_into == fate(triaged, "drug").folded_into == "both"
    assert lead.missing == (Missing("lab", "pth", "not-measured"),)


def test_a_rule_does_not_fold_into_one_that_did_not_match() -> None:
    triaged = sort(
        [finding("general"), replace(finding("both"), verdict=Verdict.UNKNOWN)],
        rule("general", folds_into=("both",)),
        rule("both"),
    )
    assert fate(triaged, "general").rank == 1 and not fate(triaged, "general").folded_into


def test_a_red_flag_never_disappears_behind_another_kind_of_finding() -> None:
    rules = [rule("flag", folds_into=("other",), gives_way_to=("other",)), rule("other")]
    triaged = sort([finding("flag", role="red-flag"), finding("other", indicator="critical")], *rules)
    assert ranked(triaged) == ["flag", "other"]


def test_nothing_shown_disappears_behind_what_is_only_on_record() -> None:
    rules = [rule("a", folds_into=("b",), gives_way_to=("b",)), rule("b")]
    triaged = sort([finding("a"), finding("b", role="evidence-only")], *rules)
    assert ranked(triaged) == ["a"]


def test_giving_way_to_a_rule_and_to_a_folder() -> None:
    rules = [
        rule("benign", gives_way_to=("als", "red-flag/")),
        rule("als", group="neurologic"),
        rule("stroke", group="red-flag"),
    ]
    assert fate(sort([finding("benign"), finding("als")], *rules), "benign").gave_way_to == "als"
    assert (
        fate(sort([finding("benign"), finding("stroke", role="red-flag")], *rules), "benign").gave_way_to
        == "stroke"
    )


def test_a_branch_gives_way_to_its_own_rules_and_else_as_the_rule_says() -> None:
    base = rule("facial", gives_way_to=("tic",))
    branches = (
        replace(base.branches[0], id="finding", gives_way_to=("spasm",)),
        replace(base.branches[0], id="duration"),
    )
    rules = [replace(base, branches=branches), rule("tic"), rule("spasm")]

    def gave_way(branch: str, other: str) -> str:
        found = [replace(finding("facial"), branch=branch), finding(other)]
        return fate(sort(found, *rules), "facial").gave_way_to

    assert gave_way("finding", "spasm") == "spasm" and not gave_way("finding", "tic")
    assert gave_way("duration", "tic") == "tic" and not gave_way("duration", "spasm")


def test_the_next_branch_that_stands_speaks_where_the_first_gives_way() -> None:
    base = rule("facial")
    branches = tuple(
        replace(base.branches[0], id=name, gives_way_to=names)
        for name, names in (
            ("finding", ("stroke", "spasm")),
            ("weakness", ("stroke",)),
            ("duration", ("spasm",)),
        )
    )
    rules = [replace(base, branches=branches), rule("stroke"), rule("spasm"), rule("benign")]
    rules[3] = rule("benign", gives_way_to=("facial",))
    last = replace(finding("facial"), branch="duration")
    middle = replace(finding("facial"), branch="weakness", instead=last)
    first = replace(finding("facial"), branch="finding", indicator="warning", instead=middle)

    def spoken(*others: str) -> tuple[str, str, str]:
        sorted_out = sort([first, *map(finding, others)], *rules)
        result = fate(sorted_out, "facial")
        return result.branch, result.indicator, result.gave_way_to

    assert spoken() == ("finding", "warning", "")
    assert spoken("spasm") == ("weakness", "info", "")
    assert spoken("stroke") == ("duration", "info", "")
    assert spoken("stroke", "spasm") == ("finding", "warning", "stroke")
    settled = sort([first, finding("stroke"), finding("benign")], *rules)
    assert fate(settled, "benign").gave_way_to == "facial"  # to what speaks now


def test_a_branch_folds_into_its_own_rules_and_only_into_the_branch_that_speaks() -> None:
    base = rule("drug", folds_into=("general",))
    special = replace(
        rule("special"), branches=(replace(base.branches[0], id="low"), replace(base.branches[0], id="risk"))
    )
    branches = (
        replace(base.branches[0], id="named", folds_into=("special#low",)),
        replace(base.branches[0], id="other"),
    )
    rules = [replace(base, branches=branches), special, rule("general")]

    def folded(branch: str, spoken: str) -> str:
        found = [
            replace(finding("drug"), branch=branch),
            replace(finding("special"), branch=spoken),
            finding("general"),
        ]
        return fate(sort(found, *rules), "drug").folded_into

    assert folded("named", "low") == "special"
    assert folded("named", "risk") == ""
    assert folded("other", "low") == "general"


def test_a_circle_of_rules_leaves_the_strongest_standing() -> None:
    rules = [rule("a", gives_way_to=("b",)), rule("b", gives_way_to=("c",)), rule("c", gives_way_to=("a",))]
    triaged = sort([finding("a", indicator="warning"), finding("b"), finding("c")], *rules)
    assert fate(triaged, "a").rank == 1
    assert fate(triaged, "c").gave_way_to == "a"


def test_what_gave_way_hides_nothing_itself() -> None:
    rules = [rule("a", gives_way_to=("b",)), rule("b", gives_way_to=("c",)), rule("c")]
    triaged = sort([finding("a"), finding("b"), finding("c")], *rules)
    assert fate(triaged, "b").gave_way_to == "c" and not fate(triaged, "a").gave_way_to


def test_a_drug_finding_gives_way_only_for_the_same_drug() -> None:
    rules = [rule("new-drug", gives_way_to=("medication/",)), rule("steroid", group="medication")]
    steroid = finding("steroid", drugs=("prednisone",))
    other = sort([finding("new-drug", drugs=("topiramate",)), steroid], *rules)
    same = sort([finding("new-drug", drugs=("prednisone",)), steroid], *rules)
    assert not fate(other, "new-drug").gave_way_to
    assert fate(same, "new-drug").gave_way_to == "steroid"


# --- kinds of cards


def test_rules_of_one_line_share_it() -> None:
    rules = [rule("a", line="dopamine"), rule("b", line="dopamine"), rule("c")]
    triaged = sort([finding("a"), finding("b", indicator="warning"), finding("c")], *rules)
    assert [entry.rule_ids for entry in triaged.contributors] == [("b", "a"), ("c",)]
    assert triaged.contributors[0].indicator == "warning"


def test_danger_values_have_their_own_card_and_without_twitch_any_indicator_does() -> None:
    value = finding("potassium", danger=True, indicator="warning")
    assert sort([value]).critical == ()
    assert [e.lead.rule_id for e in sort([value], patient=facts(twitch=None)).critical] == ["potassium"]
    assert [e.lead.rule_id for e in sort([finding("potassium", indicator="critical")]).critical] == [
        "potassium"
    ]


def test_a_critical_neurologic_contributor_stays_in_the_list_of_contributors() -> None:
    seizure = rule("seizure", category=("neurologic",))
    triaged = sort([finding("seizure", indicator="critical")], seizure)
    assert triaged.critical == () and len(triaged.contributors) == 1


def test_order_cautions_of_one_ordered_drug_are_one_card() -> None:
    patient = facts(
        *MEASURED,
        hook="order-sign",
        drugs={"lithium": (drafted("lithium"),), "naproxen": (drafted("naproxen"),)},
    )
    caution = {"role": "order-safety", "indicator": "warning"}
    triaged = sort(
        [
            finding("a", drugs=("lithium", "naproxen"), **caution),
            finding("b", drugs=("naproxen",), **caution),
            finding("c", drugs=("furosemide",), **caution),
        ],
        patient=patient,
    )
    assert [entry.rule_ids for entry in triaged.orders] == [("a", "b"), ("c",)]


def test_order_select_holds_back_info_but_lists_it() -> None:
    patient = facts(*MEASURED, hook="order-select")
    triaged = sort(
        [finding("a", role="order-safety"), finding("b", role="order-safety", indicator="warning")],
        patient=patient,
    )
    assert triaged.held == (("a", "below-least"),)
    assert [entry.lead.rule_id for entry in triaged.orders] == ["b"]
    assert fate(triaged, "a").rank == 0


def test_causes_and_workup_are_held_back_where_the_hook_lists_none() -> None:
    found = [finding("cause", indicator="warning"), finding("tests", role="workup", indicator="warning")]
    triaged = sort(found, patient=facts(hook="order-select"))
    assert set(triaged.held) == {("cause", "not-at-this-hook"), ("tests", "not-at-this-hook")}
    assert triaged.shown == ()


@pytest.mark.parametrize(
    ("reason", "kept"),
    [
        ("comfort-care", ["order"]),
        ("comfort care", ["order"]),
        ("deceased", []),
        ("unheard-of", []),
    ],
)
def test_outside_the_scope_only_what_the_content_keeps_is_shown(reason: str, kept: list[str]) -> None:
    found = [finding("order", role="order-safety"), finding("cause"), finding("flag", role="red-flag")]
    triaged = sort(found, patient=facts(outside=reason))
    assert [entry.lead.rule_id for entry in triaged.shown] == kept
    assert {rule_id for rule_id, _ in triaged.held} == {"order", "cause", "flag"} - set(kept)


# --- properties

IDS = [f"rule-{letter}" for letter in "abcdefgh"]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Finding], list[Rule], PatientFacts]:
    names = draw(st.lists(st.sampled_from(IDS), unique=True, max_size=8))
    targets = st.lists(st.sampled_from([*IDS, "electrolyte/", "red-flag/"]), max_size=3).map(tuple)
    rules = [
        rule(
            name,
            folds_into=draw(targets),
            gives_way_to=draw(targets),
            line=draw(st.sampled_from(["", "one"])),
            group=draw(st.sampled_from(["electrolyte", "red-flag"])),
            category=(draw(st.sampled_from(["electrolyte", "lifestyle", "neurologic"])),),
        )
        for name in names
    ]
    roles = ["contributor", "red-flag", "argues-against", "order-safety", "workup", "evidence-only"]
    found = [
        finding(
            name,
            verdict=draw(st.sampled_from(list(Verdict))),
            role=draw(st.sampled_from(roles)),
            indicator=draw(st.sampled_from(INDICATORS)),
            strength=draw(st.sampled_from([*STRENGTHS, "not-scored"])),
            temporal=draw(st.booleans()),
            danger=draw(st.booleans()),
            drugs=draw(st.sampled_from([(), ("lithium",), ("naproxen", "lithium")])),
        )
        for name in names
    ]
    hook = draw(st.sampled_from(["patient-view", "order-select", "order-sign", "encounter-discharge"]))
    outside = draw(st.sampled_from(["", "", "", "comfort-care"]))
    return found, rules, facts(*draw(st.sampled_from([MEASURED, ()])), hook=hook, outside=outside)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_findings_and_rules_changes_nothing(world, random) -> None:  # type: ignore[no-untyped-def]
    found, rules, patient = world
    before = sort(found, *rules, patient=patient)
    shuffled, others = list(found), list(rules)
    random.shuffle(shuffled)
    random.shuffle(others)
    assert sort(shuffled, *others, patient=patient) == before


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_no_finding_is_lost_and_every_match_has_a_place_or_a_reason(world) -> None:  # type: ignore[no-untyped-def]
    found, rules, patient = world
    triaged = sort(found, *rules, patient=patient)
    assert sorted(item.rule_id for item in triaged.findings) == sorted(item.rule_id for item in found)
    shown = {f.rule_id for entry in triaged.shown for f in entry.findings}
    shown |= {item.rule_id for item in triaged.also_on_record}
    held = {rule_id for rule_id, _ in triaged.held}
    standing = {
        f.rule_id
        for f in triaged.findings
        if f.verdict is Verdict.MATCH and not f.folded_into and not f.gave_way_to
    }
    assert standing == shown | held and not shown & held
    for item in triaged.findings:
        if item.folded_into or item.gave_way_to:
            assert (item.folded_into or item.gave_way_to) in standing | {
                f.rule_id for f in triaged.findings if f.folded_into
            }
            assert item.rank == 0
    assert [item.rank for item in triaged.findings if item.rank] == list(range(1, len(ranked(triaged)) + 1))
