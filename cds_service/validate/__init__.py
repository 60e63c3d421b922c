"""Find every fault of the content at once: form, names, units, wording, cases, mutants.

The codes are stable; ``CODES`` says what each one means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from cds_service.content import Document
from cds_service.errors import ContentError, Issue
from cds_service.knowledge import inspect_knowledge
from cds_service.schema import Schemas
from cds_service.terminology import schema_issues
from cds_service.validate.cases import CaseFile
from cds_service.validate.checks import RULE_CHECKS
from cds_service.validate.logic_lint import definition_logic
from cds_service.validate.mutation import (
    MutationReport,
    mutate_definition,
    mutate_gate,
    mutate_rule,
    mutation_issues,
)
from cds_service.validate.run_cases import case_issues
from cds_service.validate.scaffold import new_rule
from cds_service.validate.sentinels import sentinel_issues
from cds_service.validate.survey import Survey

__all__ = ["CODES", "new_rule", "validate_content"]

#: What each code of this package (and of ``cds_service.schema``) means, for ``docs/errors.md``.
CODES = {
    "V100": "a JSON Schema of the content is missing or unreadable",
    "V101": "a word the schema does not know",
    "V102": "a word that must be there is missing",
    "V103": "the wrong kind of value: list, mapping, text, number",
    "V104": "a value that is not among the allowed ones",
    "V105": "a value written in another form than asked",
    "V106": "too few or too many entries, too short or too long",
    "V107": "words that do not belong together",
    "V110": "keys in another order than the schema's",
    "V111": "id, file name and case file do not fit together",
    "V112": "a name that does not exist",
    "V113": "a slot of a text that nothing fills",
    "V115": "a window turned to something without a date",
    "V116": "a summary that may become too long",
    "V117": "a result that may be too old for critical",
    "V118": "a citation that is not in the bibliography",
    "V119": "a kind of case that is missing",
    "V120": "a red flag that gives way to less than a red flag",
    "V121": "British spelling",
    "V122": "wording that a card may not use",
    "V123": "a prompt of the template that was not filled in",
    "V124": "a rule without sentinels",
    "V125": "a sentinel that does not come out as the rule says",
    "V126": "logic that contradicts itself",
    "V127": "logic that always holds",
    "V128": "a branch, row or line that nothing can reach",
    "V130": "a fact of a case that cannot be read",
    "V131": "two cases of one name",
    "V132": "a case that does not come out as expected",
    "V140": "a wrong version of a rule that no case notices",
    "V141": "a listed equivalent mutant that does not exist or is noticed",
    "V150": "a new rule that cannot be written",
}


def validate_content(root: Path, paths: Iterable[str | Path] = (), *, mutants: bool = False) -> list[Issue]:
    """Return every fault of the content below ``root``, sorted by place.

    Args:
        root: Folder that holds ``cards/``, ``terminology/`` and, in a checkout, ``tests/cases/``.
        paths: Files or folders to look at, relative to ``root`` or absolute; none means everything.
            Their case files belong to them. Rules outside of them are still read, because rules refer
            to one another.
        mutants: Also try every mutant (slow).
    """
    named = [_relative(Path(path), root) for path in paths]
    chosen = frozenset((*named, *filter(None, map(_cases_of, named))))
    knowledge, found = inspect_knowledge(root, drafts=True)
    issues = [*found]
    if not chosen or any(path == "." or path.split("/")[0] == "terminology" for path in chosen):
        issues += schema_issues(root)
    if knowledge is not None:
        survey = Survey(root, knowledge, Schemas(root / "cards" / "schema"), chosen)
        issues += [*_whole(survey), *_rules(survey), *_cases(survey)]
        issues += [*_mutants(survey)] if mutants else []
        issues += survey.reading
    return sorted({issue for issue in issues if _belongs(issue, chosen)}, key=_by_line)


def _whole(survey: Survey) -> Iterator[Issue]:
    """Compile everything together (names, units, circles of definitions) and try the sentinels."""
    knowledge = survey.knowledge
    try:
        yield from sentinel_issues(knowledge)
    except ContentError as error:
        yield from error.issues
    for definition in knowledge.definitions.values():
        yield from definition_logic(definition, knowledge)
    for name, order_set in knowledge.order_sets.items():
        document = knowledge.documents[f"order-sets/{name}"]
        for index, order in enumerate(order_set.orders):
            if not knowledge.terminology.exists("order", order):
                yield Issue(
                    document.where(("orders", index)),
                    "V112",
                    f"names the order {order!r}, which does not exist.",
                    "Add it to terminology/orders/, or correct the name.",
                )


def _rules(survey: Survey) -> Iterator[Issue]:
    for rule, document in survey.rules():
        for check in RULE_CHECKS:
            yield from check(rule, document, survey)


def _cases(survey: Survey) -> Iterator[Issue]:
    for path, file in survey.files.items():
        rule = survey.knowledge.rules.get(file.subject)
        if survey.wants(path) or (rule is not None and survey.wants(rule.path)):
            yield from case_issues(survey.court, file)


def _mutants(survey: Survey) -> Iterator[Issue]:
    knowledge = survey.knowledge
    own = {file.subject: file for file in survey.files.values() if file.is_definition}
    for rule, document in survey.rules():
        twin = survey.twins.get(rule.id)
        if twin is not None:
            yield from _tried(partial(mutate_rule, rule.id, twin, knowledge), document, twin)
    for name, document in survey.definitions():
        attempt = partial(mutate_definition, name, tuple(survey.files.values()), knowledge)
        yield from _tried(attempt, document, own.get(name))
    for name in knowledge.gates:
        document = knowledge.documents["gates"]
        if name in own and (survey.wants(document.path) or survey.wants(own[name].document.path)):
            yield from _tried(partial(mutate_gate, name, own[name], knowledge), document, own[name])


def _tried(attempt: Callable[[], MutationReport], document: Document, file: CaseFile | None) -> list[Issue]:
    """Return what the mutants show; what does not compile is told elsewhere and has none."""
    try:
        return mutation_issues(attempt(), document, file)
    except ContentError:
        return []


def _relative(path: Path, root: Path) -> str:
    absolute = path if path.is_absolute() else (root / path if (root / path).exists() else Path.cwd() / path)
    try:
        return absolute.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


def _cases_of(path: str) -> str:
    """Return where the cases of a rule, a definition or a folder of them stand; empty for anything else."""
    for home, cases in (("cards/rules", "tests/cases"), ("cards/definitions", "tests/cases/definitions")):
        if path == home or path.startswith(f"{home}/"):
            return cases + path.removeprefix(home)
    return ""


def _by_line(issue: Issue) -> tuple[str, int, Issue]:
    place, _, line = issue.where.rpartition(":")
    return (place, int(line), issue) if line.isdigit() else (issue.where, 0, issue)


def _belongs(issue: Issue, chosen: frozenset[str]) -> bool:
    place = issue.where.rpartition(":")[0] or issue.where
    return not chosen or any(place == path or place.startswith(f"{path}/") or path == "." for path in chosen)
