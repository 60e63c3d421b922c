"""R32: whatever breaks inside, no answer is a silent empty: what failed is told, everything else stays.

Every rule is broken in turn, on a patient on whom it fires, at every stage from judging to writing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cds_service import explain, review, triage
from cds_service.cards import cautions, compose, proposals, sections, summary
from cds_service.engine import nodes, program
from cds_service.facts import PatientFacts
from cds_service.fhir import conditions, medications, observations, read_bundle, strict
from cds_service.findings import Finding, Verdict
from cds_service.program import program_of
from cds_service.ready import ready_knowledge
from cds_service.review import Review, review_patient
from cds_service.salvage import failed, written
from cds_service.validate.case_facts import facts_from_case
from tests.fhir.builders import AS_OF, PATIENT, bundle, condition, lab, order

KNOWLEDGE = ready_knowledge(None)
RULES = sorted(KNOWLEDGE.rules)
MARK = "Zebrafinch"

#: Where a fault went off since the list was emptied.
FIRED: list[str] = []

Patch = pytest.MonkeyPatch
Inject = Callable[[Patch, str], None]


class Injected(Exception):
    """The fault that is put in; its words must be found nowhere."""

    def __init__(self) -> None:
        super().__init__(MARK)


def sentinel(rule_id: str) -> PatientFacts:
    document = KNOWLEDGE.documents[f"rules/{rule_id}"]
    return facts_from_case(document, [("sentinels", "fires")], KNOWLEDGE.terminology)


def look(facts: PatientFacts) -> Review:
    """Review the facts of a sentinel by the one way through."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(review, "extract_facts", lambda *_a, **_n: facts)
        patch.setattr(review, "second_look", lambda *_a: ())
        return review_patient(read_bundle(bundle(PATIENT)), KNOWLEDGE, as_of=facts.as_of, hook=facts.hook)


def breaking(target: Any, name: str, names_rule: Callable[..., bool]) -> Inject:
    """Return what makes a function raise where its arguments speak of a rule."""

    def inject(patch: Patch, rule_id: str) -> None:
        real = getattr(target, name)

        def broken(*args: Any, **named: Any) -> Any:
            if names_rule(rule_id, *args):
                FIRED.append(name)
                raise Injected
            return real(*args, **named)

        patch.setattr(target, name, broken)

    return inject


def _of_node(rule_id: str, node: Any, *_rest: Any) -> bool:
    return bool(node.rule.id == rule_id)


def _of_finding(rule_id: str, finding: Finding, *_rest: Any) -> bool:
    return finding.rule_id == rule_id


def _among_findings(rule_id: str, findings: Any, *_rest: Any) -> bool:
    matched = (f for f in findings if f.verdict is Verdict.MATCH)
    return any(finding.rule_id == rule_id for finding in matched)


def _among_entries(rule_id: str, entries: Any, *_rest: Any) -> bool:
    return any(_among_findings(rule_id, entry.findings) for entry in entries)


#: Where a rule is broken; a fault at any of these loses what the rule says, and that alone.
STAGES: Mapping[str, Inject] = {
    "evidence": breaking(program.RuleNode, "_match", _of_node),
    "ranking": breaking(triage, "main_category", _of_finding),
    "folding": breaking(triage, "fold", _among_findings),
    "showing": breaking(triage, "_held_back", _of_finding),
    "cautions": breaking(cautions, "_cautions", _among_entries),
    "facts": breaking(sections, "evidence_of", _among_entries),
}


@pytest.fixture(autouse=True)
def no_words_of_the_fault(monkeypatch: Patch) -> Iterator[None]:
    real = Review.response

    def checked(self: Review) -> dict[str, Any]:
        answer = real(self)
        assert MARK not in json.dumps(answer, default=str)
        return answer

    monkeypatch.setattr(Review, "response", checked)
    yield


def told(found: Review) -> str:
    return "\n".join(card["detail"] for card in found.cards)


def judged(found: Review, but: str) -> dict[str, Any]:
    """Return what every other rule found, without what ranking and folding make of it."""
    return {
        f.rule_id: (f.verdict, f.evidence, f.summary, f.error)
        for f in found.findings
        if f.rule_id != but and not f.merged_rules
    }


def balanced(found: Review) -> None:
    """Every rule is accounted for, once."""
    counts = found.counts
    assert sum(counts[name] for name in ("matched", "notMatched", "unknown", "errored")) == counts["rules"]
    assert len({finding.rule_id for finding in found.findings}) == len(found.findings) == counts["rules"]


@pytest.mark.parametrize("rule_id", RULES)
def test_r32_a_rule_that_breaks_is_told_and_costs_no_other(rule_id: str, monkeypatch: Patch) -> None:
    facts = sentinel(rule_id)
    sound = look(facts)
    title = KNOWLEDGE.rules[rule_id].title
    with monkeypatch.context() as patch:
        breaking(program.RuleNode, "judge", _of_node)(patch, rule_id)
        broken = look(facts)
    balanced(broken)
    assert broken.counts["errored"] == 1
    assert broken.cards, "never a silent empty"
    assert f"**Rules that failed inside the service:** {title}" in told(broken)
    assert {f.rule_id: f.error for f in broken.findings if f.error} == {rule_id: "Injected"}
    assert rule_id in {entry["ruleId"] for entry in broken.extension()["notAssessed"]}
    assert (
        judged(broken, rule_id).items()
        >= {
            name: value for name, value in judged(sound, rule_id).items() if name in judged(broken, rule_id)
        }.items()
    )
    for stage, inject in STAGES.items():
        FIRED.clear()
        with monkeypatch.context() as patch:
            inject(patch, rule_id)
            later = look(facts)
        balanced(later)
        # a finding folded into another has no words of its own that could break
        assert later.response() == (broken if FIRED else sound).response(), stage


@pytest.mark.parametrize("rule_id", RULES)
def test_r32_orders_that_cannot_be_drafted_cost_the_orders_only(rule_id: str, monkeypatch: Patch) -> None:
    facts = replace(sentinel(rule_id), patient="Patient/p")
    sound = look(facts)
    own = {p.order for f in sound.findings if f.rule_id == rule_id for p in f.proposals}
    drafted = {p.order for f in sound.findings if f.verdict is Verdict.MATCH for p in f.proposals}
    if not any("suggestions" in card for card in sound.cards) or not own & drafted:
        return
    with monkeypatch.context() as patch:
        breaking(proposals, "_suggestion", lambda wanted, p, *_: p.rule_id == wanted)(patch, rule_id)
        found = look(facts)
    balanced(found)
    assert found.counts == sound.counts
    if found.response() != sound.response():
        assert {f.rule_id: f.unproposed for f in found.findings if f.unproposed} == {rule_id: "Injected"}
        assert "**Options that failed inside the service, for:** " + KNOWLEDGE.rules[rule_id].title in told(
            found
        )
    assert {f.rule_id for f in found.findings if f.rank} == {f.rule_id for f in sound.findings if f.rank}


@pytest.mark.parametrize("where", ["summary_of", "links_of", "source_of", "detail_of"])
@pytest.mark.parametrize("rule_id", RULES[::9])
def test_r32_a_card_that_cannot_be_written_is_told(rule_id: str, where: str, monkeypatch: Patch) -> None:
    def speaks(wanted: str, what: Any, *_rest: Any) -> bool:
        if isinstance(what, Finding):
            return what.rule_id == wanted
        if isinstance(what, compose.Draft):
            return what.lead.rule_id == wanted
        return bool(what) and (what == wanted or what[0] == wanted)

    facts = sentinel(rule_id)
    sound = look(facts)
    with monkeypatch.context() as patch:
        breaking(compose, where, speaks)(patch, rule_id)
        found = look(facts)
    balanced(found)
    if found.response() != sound.response():
        assert rule_id in {finding.rule_id for finding in found.findings if finding.error}
        assert KNOWLEDGE.rules[rule_id].title in told(found).partition("failed inside the service:**")[2]


def test_r32_a_definition_that_breaks_costs_the_rules_that_need_it(monkeypatch: Patch) -> None:
    compiled = program_of(KNOWLEDGE)
    rules_of: dict[str, set[str]] = {}
    for node in compiled.rules.values():
        for name in node.rests_on:
            rules_of.setdefault(name, set()).add(node.rule.id)
    assert rules_of

    class Broken(nodes.Node):
        def verdict(self, ctx: Any) -> Any:
            raise Injected

        answer = verdict

    for name, needing in sorted(rules_of.items()):
        facts = sentinel(min(needing))
        with monkeypatch.context() as patch:
            patch.setitem(compiled.knowhow.criteria, name, Broken.__new__(Broken))
            found = look(facts)
            explained = explain.explain_patient(found, KNOWLEDGE)
        balanced(found)
        errored = {finding.rule_id for finding in found.findings if finding.error}
        assert found.cards or not errored, name
        if errored:
            assert "Rules that failed inside the service" in told(found), name
        assert {entry["ruleId"] for entry in explained["rules"] if entry["answer"] == "error"} >= errored
        assert MARK not in json.dumps(explained)


def test_r32_all_rules_at_once(monkeypatch: Patch) -> None:
    def broken(_node: Any, _ctx: Any) -> Any:
        raise Injected

    monkeypatch.setattr(program.RuleNode, "judge", broken)
    monkeypatch.setattr(review, "program_of", program_of.__wrapped__)  # nothing is settled yet
    found = look(sentinel(RULES[0]))
    balanced(found)
    assert found.counts["errored"] == len(RULES)
    (card,) = found.cards
    assert "failed" in card["summary"] and "+" not in card["summary"]
    assert len(card["detail"]) <= 2500


@pytest.mark.parametrize("rule_id", RULES[::6])
def test_r32_an_explanation_that_breaks_is_told(rule_id: str, monkeypatch: Patch) -> None:
    found = look(sentinel(rule_id))
    sound = explain.explain_patient(found, KNOWLEDGE)
    for target, name, names in (
        (program.RuleNode, "trace", _of_node),
        (explain._Teller, "rule", lambda wanted, _self, trace, *_: trace.rule.id == wanted),
    ):
        with monkeypatch.context() as patch:
            breaking(target, name, names)(patch, rule_id)
            told_again = explain.explain_patient(found, KNOWLEDGE)
        by_id = {entry["ruleId"]: entry for entry in told_again["rules"]}
        assert by_id[rule_id]["answer"] == "error" and by_id[rule_id]["error"] == "Injected"
        for entry in sound["rules"]:
            if entry["ruleId"] != rule_id:
                assert by_id[entry["ruleId"]] == entry


# --- findings that break the writing only together, and writing that never works


def _finding(name: str) -> Finding:
    return Finding(name, Verdict.MATCH)


def test_r32_two_that_break_it_together_lose_one() -> None:
    def write(findings: tuple[Finding, ...]) -> set[str]:
        shown = {f.rule_id for f in findings if f.verdict is Verdict.MATCH}
        if shown >= {"b", "c"}:
            raise Injected
        return shown

    assert written(tuple(map(_finding, "abcd")), write) == {"a", "c", "d"}


def test_r32_nothing_is_told_as_fine_when_nothing_can_be_written() -> None:
    def write(_findings: tuple[Finding, ...]) -> None:
        raise Injected

    with pytest.raises(Injected):
        written((_finding("a"),), write)


def test_r32_what_matched_is_told_as_failed_when_no_two_can_be_written() -> None:
    def write(findings: tuple[Finding, ...]) -> dict[str, str]:
        if sum(f.verdict is Verdict.MATCH for f in findings) > 1:
            raise Injected
        return {f.rule_id: f.error for f in findings}

    assert written(tuple(map(_finding, "abc")), write) == dict.fromkeys("abc", "Injected")
    assert failed(replace(_finding("a"), error="First"), "Second").error == "First"


# --- reading


def _read(*resources: dict[str, Any]) -> Review:
    return review_patient(read_bundle(bundle(PATIENT, *resources)), KNOWLEDGE, as_of=AS_OF)


TWITCH = condition("twitching of the lip", onsetDateTime="2026-11-15")


@pytest.mark.parametrize(
    ("module", "name", "kind", "ident"),
    [
        (observations, "_read_parts", "lab", "bad"),
        (conditions, "_read_condition", "condition", "bad"),
        (medications, "_of_request", "drug", "bad"),
    ],
)
def test_r32_a_resource_a_reader_breaks_on_is_left_out_and_told(
    module: Any, name: str, kind: str, ident: str, monkeypatch: Patch
) -> None:
    sick = {
        "lab": lab(6.9, id=ident),
        "condition": condition("Myasthenia gravis", id=ident),
        "drug": order(id=ident),
    }[kind]
    others = (TWITCH, lab(2.4, id="o1"), lab(0.5, code="2601-3", id="o2"))
    breaking(module, name, lambda wanted, _reading, located, *_: located[3].id == wanted)(monkeypatch, ident)
    found = _read(*others, sick)
    balanced(found)
    codes = {str(item.source): item.code for item in found.facts.set_aside}
    (source,) = [name for name, code in codes.items() if code == "F077"]
    assert source.endswith(f"/{ident}")
    assert not found.facts.state(kind).is_known, "a gap, not a normal finding"
    assert any("2.4 mmol/L" in card["detail"] for card in found.cards)
    monkeypatch.undo()
    assert {f.rule_id for f in _read(*others).findings if f.verdict is Verdict.MATCH} <= {
        f.rule_id for f in found.findings if f.verdict is not Verdict.NO_MATCH
    }


def test_r32_a_defect_between_resources_is_raised_and_never_an_empty_answer(monkeypatch: Patch) -> None:
    monkeypatch.setattr("cds_service.fhir.extract.merge_twitch", lambda _reading: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        _read(TWITCH)


def test_r32_a_second_look_that_breaks_leaves_out_what_it_looked_at(monkeypatch: Patch) -> None:
    real = strict._check

    def broken(body: bytes) -> None:
        if b'"o1"' in body:
            raise Injected
        real(body)

    monkeypatch.setattr(strict, "_check", broken)
    found = _read(TWITCH, lab(2.4, id="o1"), lab(2.6, id="o2", effectiveDateTime="2026-11-17"))
    assert {str(a.source): a.code for a in found.facts.set_aside} == {"Observation/o1": "F077"}
    assert any("2.6 mmol/L" in card["detail"] for card in found.cards)
    assert not any("2.4 mmol/L" in card["detail"] for card in found.cards)


def test_r32_all_modules_that_are_broken_here_are_used() -> None:
    assert summary.summary_of is compose.summary_of
