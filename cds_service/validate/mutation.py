"""Find out which mutants no case notices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from cds_service.content import Document
from cds_service.engine import Program
from cds_service.errors import ContentError, Issue
from cds_service.knowledge import Knowledge
from cds_service.rules import Definition, Rule, parse_criterion, parse_definition, parse_rule
from cds_service.rules.tree import needed, rule_criteria
from cds_service.validate.cases import Case, CaseFile
from cds_service.validate.mutants import Mutant, Mutator
from cds_service.validate.run_cases import Court, compare, definition_rule


@dataclass(frozen=True, slots=True)
class MutationReport:
    """What became of the mutants of one file. ``stale`` lists equivalents that match no survivor."""

    subject: str
    total: int
    survivors: tuple[Mutant, ...]
    listed: tuple[str, ...]
    stale: tuple[str, ...]

    @property
    def unproven(self) -> tuple[Mutant, ...]:
        """Survivors that the case file does not list as equivalent."""
        return tuple(mutant for mutant in self.survivors if mutant.id not in self.listed)


def mutate_rule(rule_id: str, file: CaseFile, knowledge: Knowledge) -> MutationReport:
    """Try every mutant of a rule on the cases of its twin."""
    document = knowledge.documents[f"rules/{rule_id}"]
    court = _Mutation(knowledge)
    mutants = Mutator(document.data, knowledge.terminology).mutants()
    return _report(rule_id, mutants, lambda mutant: court.try_rule(mutant, document, file), [file])


def mutate_definition(definition_id: str, files: Iterable[CaseFile], knowledge: Knowledge) -> MutationReport:
    """Try every mutant of a definition on its own cases and on those of every rule that uses it."""
    document = knowledge.documents[f"definitions/{definition_id}"]
    own: list[CaseFile] = []
    others: list[CaseFile] = []
    for file in files:
        (own if file.is_definition and file.subject == definition_id else others).append(file)
    users = [file for file in others if definition_id in _used(file, knowledge)]
    court, asked = _Mutation(knowledge), [*own, *users]
    mutants = Mutator(document.data, knowledge.terminology).mutants()
    return _report(definition_id, mutants, lambda mutant: court.try_definition(mutant, document, asked), own)


def mutate_gate(name: str, file: CaseFile, knowledge: Knowledge) -> MutationReport:
    """Try every mutant of a gate (``cards/gates.yaml``) on the cases of its twin."""
    document = knowledge.documents["gates"]
    court = _Mutation(knowledge)
    mutants = Mutator({"when": document.data[name]}, knowledge.terminology).mutants()

    def attempt(mutant: Mutant) -> bool | None:
        try:
            changed = replace(document, data={name: mutant.data["when"]})
            gates = {**knowledge.gates, name: parse_criterion(changed, (name,))}
            program = Court.of(replace(knowledge, gates=gates)).program_for(file)
            return court.notices(file, program)
        except ContentError:
            return None

    return _report(name, mutants, attempt, [file])


def mutation_issues(report: MutationReport, document: Document, file: CaseFile | None) -> list[Issue]:
    """Return a fault for each mutant no case notices and each listed equivalent that is none."""
    issues = [
        Issue(
            document.where(
                (report.subject, *mutant.at[1:]) if report.subject in document.data else mutant.at
            ),
            "V140",
            f"no case notices this change: {mutant.id}.",
            "Add a case that tells the two apart, or list it under 'equivalent' with the reason.",
        )
        for mutant in report.unproven
    ]
    if file is not None:
        issues += [
            Issue(
                file.document.where(("equivalent",)),
                "V141",
                f"lists {mutant!r}, which no longer survives.",
                "Remove the entry.",
            )
            for mutant in report.stale
        ]
    return issues


def _used(file: CaseFile, knowledge: Knowledge) -> set[str]:
    """Return the definitions a case file rests on; none for a file whose subject does not exist."""
    if file.is_definition:
        rule: Rule | None = definition_rule(file)
    else:
        rule = knowledge.rules.get(file.subject)
    roots = [*rule_criteria(rule), *knowledge.gates.values()] if rule else []
    return needed(roots, knowledge.definitions)


def _report(
    subject: str,
    mutants: Iterable[Mutant],
    attempt: Callable[[Mutant], bool | None],
    files: Iterable[CaseFile],
) -> MutationReport:
    """Try the mutants; one that cannot even be compiled (None) does not count."""
    outcomes = [(mutant, attempt(mutant)) for mutant in mutants]
    survivors = tuple(mutant for mutant, noticed in outcomes if noticed is False)
    listed = {mutant for file in files for mutant in file.equivalent}
    stale = tuple(sorted(listed - {mutant.id for mutant in survivors}))
    total = sum(noticed is not None for _, noticed in outcomes)
    return MutationReport(subject, total, survivors, tuple(sorted(listed)), stale)


class _Panel:
    """The cases of one file, in the order in which they are likely to notice the next mutant.

    Mutants come in the order of the rule, and people write cases in that order too: the next
    mutant is most often noticed by the case that noticed the last one, or by its neighbor.
    """

    _RECENT = 6

    def __init__(self, cases: tuple[Case, ...]) -> None:
        self.cases = cases
        self.recent: list[int] = []

    def order(self) -> Iterator[int]:
        """Yield every index once, the likeliest first."""
        near = [index + step for index in self.recent for step in (0, 1, -1, 2)]
        wanted = [index for index in near if 0 <= index < len(self.cases)]
        yield from dict.fromkeys([*wanted, *range(len(self.cases))])

    def remember(self, index: int) -> None:
        """Note the case that noticed."""
        self.recent = [index, *(other for other in self.recent if other != index)][: self._RECENT]


class _Mutation:
    """Judges cases with one rule or definition replaced, as cheaply as it can."""

    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.court = Court.of(knowledge)
        self.panels: dict[str, _Panel] = {}

    def try_rule(self, mutant: Mutant, document: Document, file: CaseFile) -> bool | None:
        """Return whether a case notices the mutant; None when it cannot even be compiled."""
        try:
            rule = parse_rule(replace(document, data=mutant.data), self.knowledge.rules[file.subject].group)
            if mutant.is_precedence:
                return self.notices_precedence(rule, file)
            program = self.compiled(rule, self.knowledge.definitions)
        except ContentError:
            return None
        return self.notices(file, program)

    def try_definition(self, mutant: Mutant, document: Document, files: list[CaseFile]) -> bool | None:
        """As ``try_rule``, over all files whose subject rests on the definition."""
        try:
            changed = parse_definition(replace(document, data=mutant.data))
            definitions = {**self.knowledge.definitions, changed.id: changed}
            for number, file in enumerate(files):
                rule = definition_rule(file) if file.is_definition else self.knowledge.rules[file.subject]
                if self.notices(file, self.compiled(rule, definitions)):
                    files.insert(0, files.pop(number))  # asked first next time
                    return True
        except ContentError:
            return None
        return False

    def compiled(self, rule: Rule, definitions: Mapping[str, Definition]) -> Program:
        return Court(self.knowledge, {rule.id: rule}, definitions).compiled([rule])

    def notices(self, file: CaseFile, program: Program) -> bool:
        """Whether a case comes out wrong; those that noticed the last mutants are asked first."""
        panel = self.panel(file)
        for index in panel.order():
            if self.differs(file, panel.cases[index], program):
                panel.remember(index)
                return True
        return False

    def panel(self, file: CaseFile) -> _Panel:
        """Return the cases that come out right without a mutant; only they can notice one."""
        if file.key not in self.panels:
            program = self.court.program_for(file)
            right = (case for case in file.cases if not self.differs(file, case, program))
            self.panels[file.key] = _Panel(tuple(right))
        return self.panels[file.key]

    def differs(self, file: CaseFile, case: Case, program: Program) -> bool:
        expect = {
            key: value for key, value in case.expect.items() if key not in ("folded_into", "gave_way_to")
        }
        try:
            finding = program.judge_rule(file.subject, case.facts)
        except Exception:  # a rule that breaks is a rule that was noticed
            return True
        return bool(compare(finding, expect, self.knowledge))

    def notices_precedence(self, rule: Rule, file: CaseFile) -> bool:
        court = Court(self.knowledge, {**self.knowledge.rules, rule.id: rule}, self.knowledge.definitions)
        court.__dict__["everything"] = self.court.everything  # precedence is not compiled
        return any(
            compare(court.together(rule.id, case), case.expect, self.knowledge)
            for case in file.cases
            if {"folded_into", "gave_way_to"} & set(case.expect)
        )
