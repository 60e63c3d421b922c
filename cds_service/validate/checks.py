"""The checks of a rule file, each with one duty and one stable code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cds_service.content import Document, Pointer
from cds_service.errors import Issue
from cds_service.findings import Verdict
from cds_service.rules import Criterion, Rule, parse_template, walk
from cds_service.rules.criteria import Combination, MeetsCriterion, NumberCriterion
from cds_service.rules.tree import needed
from cds_service.schema import nearest
from cds_service.text.wording import lint_text
from cds_service.validate.cases import case_folder
from cds_service.validate.lengths import longest_text
from cds_service.validate.logic_lint import logic
from cds_service.validate.run_cases import verdicts
from cds_service.validate.survey import Survey, every_criterion, texts_of

RuleCheck = Callable[[Rule, Document, Survey], Iterator[Issue]]


def key_order(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """Keys stand in the order of the schema, so that every rule reads the same way."""
    schema = survey.schemas["rule"]
    properties = schema["properties"]
    yield from _ordered(document, (), list(properties))
    yield from _ordered(document, ("card",), list(properties["card"]["properties"]))
    for key in ("branches", "workup"):
        order = list(properties[key]["items"]["properties"])
        for index in range(len(document.data.get(key, []))):
            yield from _ordered(document, (key, index), order)


def _ordered(document: Document, at: Pointer, order: list[str]) -> Iterator[Issue]:
    node: Any = document.data
    for step in at:
        node = node[step]
    places = [order.index(key) for key in node if key in order]
    for key, place, highest in zip(node, places, _running_highest(places), strict=False):
        if place < highest:
            yield Issue(
                document.where((*at, key)),
                "V110",
                f"says {key!r} after {order[highest]!r}.",
                f"Keys stand in this order: {', '.join(k for k in order if k in node)}.",
            )
            return


def _running_highest(places: list[int]) -> list[int]:
    return [max(places[: index + 1]) for index in range(len(places))]


def targets_exist(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """Rules and folders this one folds into or gives way to exist, and it is not its own target."""
    rules = survey.knowledge.rules
    groups = {f"{other.group}/" for other in rules.values()}
    for at, names in (*_merges(rule), *_ways(rule)):
        for index, name in enumerate(names):
            target, _, branch = name.partition("#")
            place = document.where((*at, index))
            if target == rule.id or (target not in rules and target not in groups):
                what = "names itself" if target == rule.id else f"names {target!r}, which does not exist"
                yield Issue(place, "V112", f"{at[-1]} {what}.", nearest(target, rules))
            elif branch and branch not in (known := [other.id for other in rules[target].branches]):
                what = f"{at[-1]} names the branch {branch!r} of {target}, which does not exist."
                yield Issue(place, "V112", what, nearest(branch, known))


def _merges(rule: Rule) -> Iterator[tuple[Pointer, tuple[str, ...]]]:
    """Return every list of rules to fold into with its place: of the rule, then of its branches."""
    yield ("folds_into",), rule.folds_into
    for index, branch in enumerate(rule.branches):
        if branch.folds_into is not None:
            yield ("branches", index, "folds_into"), branch.folds_into


def _ways(rule: Rule) -> Iterator[tuple[Pointer, tuple[str, ...]]]:
    """Return every list of rules to give way to with its place: of the rule, then of its branches."""
    yield ("gives_way_to",), rule.gives_way_to
    for index, branch in enumerate(rule.branches):
        if branch.gives_way_to is not None:
            yield ("branches", index, "gives_way_to"), branch.gives_way_to


def red_flags_stay(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """A red flag never gives way to something less than a red flag."""
    if not any(branch.role == "red-flag" for branch in rule.branches):
        return
    named = [(at, index, name) for at, names in _ways(rule) for index, name in enumerate(names)]
    for at, index, name in named:
        other = survey.knowledge.rules.get(name)
        if name != "red-flag/" and (other is None or other.role != "red-flag"):
            yield Issue(
                document.where((*at, index)),
                "V120",
                f"lets a red flag give way to {name!r}.",
                "A red flag may give way to red flags only.",
            )


def slots_exist(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """Every slot of a text is an analyte, a derived number, an ``as`` name, a phrase or the twitch."""
    known = _slot_names(rule, survey)
    for _, at, text in texts_of(document):
        for slot in parse_template(text).slots():
            if slot.name not in known:
                yield Issue(
                    document.where(at),
                    "V113",
                    f"has the slot {{{slot.name}}}, which nothing fills.",
                    nearest(slot.name, known) or "Name a lab, an 'as' name, a phrase, or twitch.",
                )


def _slot_names(rule: Rule, survey: Survey) -> set[str]:
    numbers = {name for name, d in survey.knowledge.definitions.items() if d.number is not None}
    aliases = {criterion.alias for criterion in every_criterion(rule) if criterion.alias}
    phrases = {name for name, _ in rule.phrases}
    return {"twitch", *survey.knowledge.terminology.analytes, *numbers, *aliases, *phrases}


def summaries_short(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """A summary stays below 140 characters when its slots hold the longest plausible values."""
    limit = survey.wording.summary_below if survey.wording else 140
    for kind, at, text in texts_of(document):
        length = longest_text(text, rule, survey) if kind == "summary" else 0
        if length >= limit:
            yield Issue(
                document.where(at),
                "V116",
                f"the summary may reach {length} characters with long values.",
                f"Shorten it by {length - limit + 1}.",
            )


def critical_is_fresh(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """No row of ``critical`` holds by old results alone: they say ``within: fresh`` or less."""
    tables = [rule.indicator, *(branch.indicator for branch in rule.branches if branch.indicator)]
    for table in tables:
        for level, criterion in table.rows:
            names = sorted(set(_stale(criterion, survey))) if level == "critical" else []
            if names:
                yield Issue(
                    f"{document.path}:{criterion.line}",
                    "V117",
                    f"critical may rest on an old result of {', '.join(names)} alone.",
                    "Write 'within: fresh' or less on a result that must be true for the row.",
                )


def _stale(criterion: Criterion, survey: Survey) -> list[str]:
    """Return the old results that can make a criterion true without a fresh one."""
    if isinstance(criterion, Combination) and criterion.op != "none":
        parts = [(_stale(part, survey), _reads_labs(part, survey)) for part in criterion.parts]
        if criterion.op == "all" and any(reads and not stale for stale, reads in parts):
            return []
        return [name for stale, _ in parts for name in stale]
    if isinstance(criterion, MeetsCriterion):
        found = (survey.knowledge.definitions.get(name) for name in criterion.names)
        return [
            name for d in found if d is not None and d.when is not None for name in _stale(d.when, survey)
        ]
    return [criterion.name] if isinstance(criterion, NumberCriterion) and _is_old(criterion, survey) else []


def _reads_labs(criterion: Criterion, survey: Survey) -> bool:
    """Whether a criterion rests on a laboratory result, itself or through definitions."""
    roots = [criterion] if isinstance(criterion, Combination) else walk(criterion)
    names = needed(roots, survey.knowledge.definitions)
    inner = [
        d.when for name, d in survey.knowledge.definitions.items() if name in names and d.when is not None
    ]
    return any(
        isinstance(leaf, NumberCriterion) and leaf.kind == "lab"
        for root in [*roots, *inner]
        for leaf in walk(root)
    )


def _is_old(criterion: NumberCriterion, survey: Survey) -> bool:
    analyte = survey.knowledge.terminology.analytes.get(criterion.name)
    if criterion.kind != "lab" or criterion.states == ("missing",) or analyte is None:
        return False
    within = criterion.window.within
    return within == "usual" or (isinstance(within, int) and within > min(analyte.fresh.values()))


def references_exist(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """Every citation is in the bibliography."""
    for index, reference in enumerate(rule.references):
        if reference.key not in survey.knowledge.references:
            yield Issue(
                document.where(("references", index)),
                "V118",
                f"cites {reference.key!r}, which cards/references.yaml does not hold.",
                nearest(reference.key, survey.knowledge.references),
            )


def has_cases(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """A rule has a case file in its place with a match, a no-match and, if it reads labs, an unknown."""
    if not case_folder(survey.root).is_dir():
        return  # an installation carries no cases; a checkout does
    twin = survey.twins.get(rule.id)
    expected = f"tests/cases/{rule.group}/{rule.id}.yaml"
    if twin is None:
        if (survey.root / expected).is_file():
            return  # its faults are told where it is read
        yield Issue(document.where(), "V111", "has no case file.", f"Write {expected}.")
        return
    if twin.document.path != expected:
        yield Issue(
            twin.document.where(), "V111", f"tries {rule.id!r} from another place.", f"Move it to {expected}."
        )
    wanted = {Verdict.MATCH, Verdict.NO_MATCH}
    if any(isinstance(c, NumberCriterion) and c.kind == "lab" for c in every_criterion(rule)):
        wanted.add(Verdict.UNKNOWN)
    for verdict in sorted(wanted - verdicts(twin), key=lambda v: v.value):
        yield Issue(twin.document.where(), "V119", f"holds no case that expects {verdict.value}.", "Add one.")


def wording(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """Texts keep the wording rules (specification 12)."""
    if survey.wording is None:
        return
    texts = [("title", ("title",), rule.title), ("description", ("description",), rule.description)]
    for kind, at, text in [*texts, *texts_of(document)]:
        for fault in lint_text(text, kind, survey.wording, [rule.id]):
            yield Issue(document.where(at), "V122", f"{kind}: {fault}.", "See cards/wording.yaml.")


def spelling(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """Ids, notes and everything else are in American spelling."""
    if survey.wording is None:
        return
    for at, text in _strings(document.data, ()):
        if at[:1] == ("references",):
            continue  # titles and quotations keep their own spelling
        for found in survey.wording.misspelt.findall(text.replace("-", " ")):
            word = str(found).lower()
            yield Issue(
                document.where(at),
                "V121",
                f"spells {word!r} the British way.",
                f"Write {survey.wording.spelling.get(word, 'it the American way')!r}.",
            )


def _strings(node: Any, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    if isinstance(node, str):
        yield at, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield (*at, key), str(key)
            yield from _strings(value, (*at, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _strings(value, (*at, index))


def anchors_are_dated(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """A turned window points at something that has a date: not at age, sex or family history."""
    for criterion in every_criterion(rule):
        window = getattr(criterion, "window", None)
        anchor = getattr(window, "anchor", "")
        if isinstance(anchor, Criterion):
            for inner in walk(anchor):
                if (
                    type(inner).__name__ in ("AgeCriterion", "SexCriterion")
                    or getattr(inner, "kind", "") == "family"
                ):
                    yield Issue(
                        f"{document.path}:{inner.line}",
                        "V115",
                        "turns a window to something without a date.",
                        "Anchor at a dated fact, at onset or at the encounter.",
                    )


def prompts_filled(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """No prompt of the template is left."""
    for at, text in _strings(document.data, ()):
        if "TODO" in text:
            yield Issue(document.where(at), "V123", "still holds a TODO of the template.", "Fill it in.")


RULE_CHECKS: tuple[RuleCheck, ...] = (
    key_order,
    targets_exist,
    red_flags_stay,
    slots_exist,
    summaries_short,
    critical_is_fresh,
    references_exist,
    has_cases,
    wording,
    spelling,
    anchors_are_dated,
    prompts_filled,
    logic,
)
