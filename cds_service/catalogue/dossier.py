"""What a rule page tells beside the logic: limits in all units, codes by value set, source attributes.

Made from the knowledge alone, whoever the patient is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from cds_service.catalogue.logic import LogicWords
from cds_service.catalogue.titles import title_of
from cds_service.knowledge import Knowledge
from cds_service.rules import Criterion, Rule, walk
from cds_service.rules.criteria import (
    AgeCriterion,
    DrugCriterion,
    EventCriterion,
    Limit,
    NumberCriterion,
    SexCriterion,
)
from cds_service.rules.tree import needed, rule_criteria
from cds_service.terminology import Analyte, Coding

_SIGNIFICANT = 4


@dataclass(frozen=True, slots=True)
class Threshold:
    """One limit a rule asks for: of what, as published, and the same in the other units of the test."""

    title: str
    published: str
    elsewhere: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SystemCodes:
    """The codes of one code system in a value set; ``system`` is its short name."""

    system: str
    codes: tuple[Coding, ...]


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A name the rule asks for, with the codes that mean it; without codes it is recognized by words only."""

    kind: str
    name: str
    title: str
    systems: tuple[SystemCodes, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """Whether a rule looks at an attribute of the patient; ``where`` says in what, empty when not used."""

    title: str
    where: tuple[str, ...]


def thresholds_of(rule: Rule, knowledge: Knowledge) -> tuple[Threshold, ...]:
    """Return every limit on a result a rule rests on, definitions included, by title; each once."""
    words = LogicWords(knowledge)
    found = {
        (title_of(c.kind, c.name, knowledge), words.limits((limit,)), _elsewhere(c, limit, knowledge))
        for c in criteria_of(rule, knowledge)
        if isinstance(c, NumberCriterion)
        for limit in c.limits
    }
    return tuple(Threshold(*row) for row in sorted(found))


def names_of(rule: Rule, knowledge: Knowledge) -> tuple[NamedSet, ...]:
    """Return every name of the terminology a rule rests on, by kind and title; drug sets by ingredient."""
    asked = {pair for c in criteria_of(rule, knowledge) for pair in _asked(c)}
    pairs = {pair for kind, name in asked for pair in _members(kind, name, knowledge)}
    rows = [
        NamedSet(kind, name, title_of(kind, name, knowledge), _by_system(_codes(kind, name, knowledge)))
        for kind, name in pairs
    ]
    return tuple(sorted(rows, key=lambda row: (row.kind, row.title.casefold(), row.name)))


def attributes_of(rule: Rule, knowledge: Knowledge) -> tuple[Attribute, ...]:
    """Return the source attributes of specification 11 with where the rule uses each."""
    criteria = criteria_of(rule, knowledge)
    uses: dict[str, Callable[[], Iterable[str]]] = {
        "age": lambda: _uses_of_age(rule, criteria, knowledge),
        "sex": lambda: _uses_of_sex(criteria, knowledge),
        "assessment": lambda: _uses_of_assessments(criteria, knowledge),
    }
    return tuple(
        Attribute(entry["title"], tuple(dict.fromkeys(uses[entry["uses"]]())) if "uses" in entry else ())
        for entry in knowledge.documents["source-attributes"].data["attributes"]
    )


def criteria_of(rule: Rule, knowledge: Knowledge) -> tuple[Criterion, ...]:
    """Return every criterion a rule rests on: its own, those of its gates and of the definitions used."""
    gates = [knowledge.gates[b.gate] for b in rule.branches if b.gate in knowledge.gates]
    roots = [*rule_criteria(rule), *dict.fromkeys(gates)]
    for name in sorted(needed(roots, knowledge.definitions)):
        definition = knowledge.definitions[name]
        numbers = () if definition.number is None else _number_criteria(name, knowledge)
        roots += [*([definition.when] if definition.when else ()), *numbers]
    return tuple(dict.fromkeys(inner for root in roots for inner in walk(root)))


def _number_criteria(name: str, knowledge: Knowledge) -> Iterator[Criterion]:
    """Return the results a derived number is made from, as criteria without limits."""
    number = knowledge.definitions[name].number
    if number is not None:
        yield from (NumberCriterion(kind="lab", name=term.lab) for term in number.terms if term.lab)
        yield from [number.only_if] if number.only_if else []


# --- limits


def _elsewhere(c: NumberCriterion, limit: Limit, knowledge: Knowledge) -> tuple[str, ...]:
    analyte = knowledge.terminology.analytes.get(c.name)
    if analyte is None or limit.unit not in analyte.factors:
        return ()
    canonical = analyte.to_canonical(limit.amount, limit.unit)
    return tuple(
        f"{rounded(amount)} {unit}"
        for unit in sorted(analyte.factors)
        if unit != limit.unit and (amount := _in_unit(canonical, unit, analyte)) is not None
    )


def _in_unit(canonical: Decimal, unit: str, analyte: Analyte) -> Decimal | None:
    factor = analyte.factors[unit]
    return (canonical - factor.plus) / factor.times if factor.times else None


def rounded(amount: Decimal) -> str:
    """Return four significant digits: enough to read, marked as a conversion by the page."""
    digits = max(0, _SIGNIFICANT - 1 - amount.adjusted()) if amount else 0
    text = format(round(amount, digits), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


# --- names and codes


def _asked(c: Criterion) -> Iterator[tuple[str, str]]:
    if isinstance(c, NumberCriterion):
        yield c.kind, c.name
    elif isinstance(c, DrugCriterion):
        yield from (("drug", name) for name in c.names)
    elif isinstance(c, EventCriterion):
        yield from ((c.kind, name) for name in c.names)


def _members(kind: str, name: str, knowledge: Knowledge) -> Iterator[tuple[str, str]]:
    """Return what a name stands for: the ingredients of a drug set, a value set and all it includes."""
    terminology = knowledge.terminology
    if kind in ("drug", "allergy") and name in terminology.drug_sets:
        yield from (("drug", member) for member in terminology.drug_sets[name].members)
    elif kind == "drug":
        yield from (("order", name),) if name in terminology.orders else ()
    elif name not in knowledge.definitions:
        yield kind, name
        found = terminology.value_set(kind, name)
        for inner in () if found is None else found.includes:
            yield from _members(kind, inner, knowledge)


def _codes(kind: str, name: str, knowledge: Knowledge) -> tuple[Coding, ...]:
    terminology = knowledge.terminology
    if name in terminology.analytes and terminology.analytes[name].kind == kind:
        return terminology.analytes[name].codes
    if kind == "drug" and name in terminology.ingredients:
        return terminology.ingredients[name].codes
    if kind == "order":
        return terminology.orders[name].codes
    found = terminology.value_set(kind, name)
    return () if found is None else found.codes


def _by_system(codes: Iterable[Coding]) -> tuple[SystemCodes, ...]:
    ordered = sorted(dict.fromkeys(codes), key=lambda coding: (coding.system, coding.code))
    return tuple(
        SystemCodes(system, tuple(rows)) for system, rows in groupby(ordered, lambda coding: coding.system)
    )


# --- attributes of the patient


def _uses_of_age(rule: Rule, criteria: Iterable[Criterion], knowledge: Knowledge) -> Iterator[str]:
    say = knowledge.frames.say
    if any(branch.ages != "all" for branch in rule.branches):
        yield say("attribute_adults")
    yield from (LogicWords(knowledge).of(c) for c in criteria if isinstance(c, AgeCriterion))
    yield from (say("attribute_onset_age") for c in criteria if getattr(c, "onset_age", ()))
    ranged = _ranged(criteria, knowledge)
    if ranged:
        yield say("attribute_range", names=say("joined_or").join(ranged))


def _uses_of_sex(criteria: Iterable[Criterion], knowledge: Knowledge) -> Iterator[str]:
    say = knowledge.frames.say
    yield from (LogicWords(knowledge).of(c) for c in criteria if isinstance(c, SexCriterion))
    analytes = knowledge.terminology.analytes
    ranged = _ranged((c for c in criteria if _has_range_by_sex(c, analytes)), knowledge)
    if ranged:
        yield say("attribute_range", names=say("joined_or").join(ranged))


def _has_range_by_sex(c: Criterion, analytes: object) -> bool:
    known = analytes.get(c.name) if isinstance(c, NumberCriterion) else None  # type: ignore[attr-defined]
    return bool(known and known.range_by_sex)


def _ranged(criteria: Iterable[Criterion], knowledge: Knowledge) -> list[str]:
    """Return the titles of the results judged against a reference range, sorted."""
    judged = {
        title_of(c.kind, c.name, knowledge)
        for c in criteria
        if isinstance(c, NumberCriterion) and {"low", "high", "normal"} & set(c.states)
    }
    return sorted(judged)


def _uses_of_assessments(criteria: Iterable[Criterion], knowledge: Knowledge) -> Iterator[str]:
    asked = {c.name for c in criteria if isinstance(c, NumberCriterion) and c.kind == "survey"}
    yield from sorted(title_of("survey", name, knowledge) for name in asked)
