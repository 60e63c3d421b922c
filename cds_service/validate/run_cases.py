"""Judge the case patients and compare with what their files expect."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cds_service.content import Document
from cds_service.engine import Program, compile_program
from cds_service.errors import ContentError, Issue
from cds_service.findings import Finding, Verdict, plain
from cds_service.knowledge import Knowledge
from cds_service.rules import Definition, Rule, parse_rule
from cds_service.rules.tree import needed, rule_criteria
from cds_service.triage import triage
from cds_service.validate.cases import Case, CaseFile

#: Expectations that only the rules together can answer.
_TOGETHER = frozenset({"folded_into", "gave_way_to"})
#: Words of an expectation that look for text, and how to get that text from a finding.
_TEXTS: Mapping[str, Callable[[Finding], str]] = {
    "summary": lambda finding: plain(finding.summary),
    "detail": lambda finding: "\n".join(map(plain, finding.detail)),
    "safety": lambda finding: "\n".join(map(plain, finding.safety)),
    "advice": lambda finding: "\n".join(map(plain, finding.advice)),
    "evidence": lambda finding: "\n".join(evidence.text for evidence in finding.evidence),
    "stale": lambda finding: finding.stale,
}


@dataclass(frozen=True)
class Court:
    """Judges cases with the rules and definitions of one knowledge, some of them replaced."""

    knowledge: Knowledge
    rules: Mapping[str, Rule]
    definitions: Mapping[str, Definition]

    @classmethod
    def of(cls, knowledge: Knowledge) -> Court:
        """Return a court that judges with the knowledge as it is."""
        return cls(knowledge, knowledge.rules, knowledge.definitions)

    def compiled(self, rules: Iterable[Rule]) -> Program:
        """Compile some rules with the definitions they rest on.

        Raises ContentError for unknown names and units in these, not in other rules.
        """
        knowledge, wanted = self.knowledge, list(rules)
        roots = [root for rule in wanted for root in rule_criteria(rule)]
        names = needed([*roots, *knowledge.gates.values()], self.definitions)
        definitions = {name: self.definitions[name] for name in sorted(names)}
        return compile_program(
            wanted,
            definitions,
            knowledge.gates,
            knowledge.terminology,
            knowledge.order_sets,
            knowledge.modifiers,
        )

    @cached_property
    def everything(self) -> Program:
        """All rules compiled, for expectations that need them together; broken rules are left out.

        Their faults are told by ``validate_content``; here they must not hide the answers of others.
        """
        try:
            return self.compiled(self.rules.values())
        except ContentError:
            return self.compiled(rule for rule in self.rules.values() if self._compiles(rule))

    def _compiles(self, rule: Rule) -> bool:
        try:
            self.compiled([rule])
        except ContentError:
            return False
        return True

    def program_for(self, file: CaseFile) -> Program:
        """Compile what a case file tries: its rule, or its definition asked by a rule made for it."""
        if file.is_definition:
            return self.compiled([definition_rule(file)])
        return self.compiled([self.rules[file.subject]])

    def failures(self, file: CaseFile, program: Program | None = None) -> dict[str, tuple[str, ...]]:
        """Return, for each case that does not come out as expected, what differs."""
        program = program or self.program_for(file)
        found = ((case.name, self.differences(file, case, program)) for case in file.cases)
        return {name: differences for name, differences in found if differences}

    def differences(self, file: CaseFile, case: Case, program: Program) -> tuple[str, ...]:
        """Return what differs between a case's expectation and the answer of its rule."""
        together = not file.is_definition and _TOGETHER & set(case.expect)
        finding = (
            self.together(file.subject, case) if together else program.judge_rule(file.subject, case.facts)
        )
        return compare(finding, case.expect, self.knowledge)

    def together(self, rule_id: str, case: Case) -> Finding:
        """Return the rule's finding after all rules were judged and put in order."""
        findings = self.everything.judge(case.facts)
        ordered = triage(findings, self.rules, self.knowledge.triage, case.facts)
        found = (finding for finding in ordered.findings if finding.rule_id == rule_id)
        return next(found, Finding(rule_id, Verdict.UNKNOWN, error="does not compile"))


def compare(finding: Finding, expect: Mapping[str, Any], knowledge: Knowledge) -> tuple[str, ...]:
    """Return one sentence for each expectation the finding does not meet."""
    wanted = {"verdict": "match", **expect}
    checks = (_difference(word, value, finding, knowledge) for word, value in wanted.items())
    return tuple(difference for difference in checks if difference)


def _difference(word: str, value: Any, finding: Finding, knowledge: Knowledge) -> str:
    plain_word = word.removeprefix("not_")
    if word in ("orders", "not_orders", "missing", "not_missing"):
        return _listed(word, _list(value), finding, knowledge)
    if plain_word == "priority":
        given = sorted({proposal.priority for proposal in finding.proposals})
        as_expected = (value in given) != word.startswith("not_")
        return "" if as_expected else f"{word}: expected {value!r}, got {given}"
    if isinstance(value, bool):
        return "" if bool(finding.stale) == value else f"stale: expected {value}, got {finding.stale!r}"
    if plain_word in _TEXTS:
        text = _TEXTS[plain_word](finding)
        wrong = [part for part in _list(value) if (part in text) == word.startswith("not_")]
        return f"{word}: expected {wrong}, got {text!r}" if wrong else ""
    answer = finding.verdict.value if word == "verdict" else getattr(finding, word)
    return "" if answer == value else f"{word}: expected {value!r}, got {answer!r}"


def _listed(word: str, names: list[str], finding: Finding, knowledge: Knowledge) -> str:
    if word.endswith("orders"):
        got = {proposal.order for proposal in finding.proposals}
        names = [
            order
            for name in names
            for order in (knowledge.order_sets[name].orders if name in knowledge.order_sets else (name,))
        ]
    else:
        got = {missing.name for missing in finding.missing}
    wrong = [name for name in names if (name in got) == word.startswith("not_")]
    return f"{word}: expected {wrong}, got {sorted(got)}" if wrong else ""


def _list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def case_issues(court: Court, file: CaseFile) -> list[Issue]:
    """Return a fault for each case that does not come out as expected; also for an id without rule."""
    known = {*court.definitions, *court.knowledge.gates} if file.is_definition else set(court.rules)
    if file.subject not in known:
        return [
            Issue(
                file.document.where(),
                "V112",
                f"tries {file.subject!r}, which does not exist.",
                "Name an active rule or a definition.",
            )
        ]
    try:
        failures = court.failures(file)
    except ContentError as error:
        return list(error.issues)
    places = {case.name: case.where for case in file.cases}
    return [
        Issue(
            places[name],
            "V132",
            f"case {name!r} does not come out: {'; '.join(differences)}.",
            "Correct the rule, or the case if the specification says so.",
        )
        for name, differences in failures.items()
    ]


def definition_rule(file: CaseFile) -> Rule:
    """Return a rule that asks for a definition or gate, so that it can have cases of its own."""
    gates = {"irritability": {"irritability": "any"}, "twitch": {"twitch": "any"}}
    asks = file.asks or gates.get(file.subject) or {"meets": file.subject}
    data = {
        "id": file.subject,
        "title": file.subject,
        "status": "active",
        "version": 1,
        "date": "2025-01-01",
        "description": "asks for a definition",
        "cause": file.subject,
        "category": ["workup"],
        "role": "workup",
        "ages": "all",
        "gate": "open",
        "when": asks,
        "strength": "not-scored",
        "indicator": "info",
        "card": {"summary": file.subject, "detail": [file.subject]},
        "references": [],
    }
    return parse_rule(Document(file.document.path, data, file.document.marks))


def verdicts(file: CaseFile) -> set[Verdict]:
    """Return the verdicts the cases of a file expect."""
    return {Verdict(case.expect.get("verdict", "match")) for case in file.cases}
