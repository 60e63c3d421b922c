"""How long a summary may become when its slots hold the longest plausible values."""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.rules import Criterion, Rule, SlotRef, Template, parse_template, walk
from cds_service.rules.criteria import DrugCriterion, EventCriterion, MeetsCriterion, NumberCriterion
from cds_service.rules.text import Optional
from cds_service.validate.survey import Survey, every_criterion

#: A slot shows two names: drugs of at most 24 characters (specification 6), others of at most 40.
_SHOWN = 2
_DRUG_LENGTH = 24
_NAME_LENGTH = 40
_MORE = len(" +9")
_NUMBER_LENGTH = 5
_UNKNOWN_LENGTH = 30
_PART_LENGTH = {"date": 10, "ago": 12, "duration": 18, "dose": 14, "year": 4, "count": 2, "range": 9}


def longest_text(text: str, rule: Rule, survey: Survey) -> int:
    """Return the greatest length a text of a rule is expected to have, optional pieces included."""
    return _template(parse_template(text), rule, survey)


def _template(template: Template, rule: Rule, survey: Survey) -> int:
    total = 0
    for part in template.parts:
        pieces = part.parts if isinstance(part, Optional) else (part,)
        total += sum(len(p) if isinstance(p, str) else _slot(p, rule, survey) for p in pieces)
    return total


def _slot(slot: SlotRef, rule: Rule, survey: Survey) -> int:
    if slot.part in _PART_LENGTH:
        return _PART_LENGTH[slot.part]
    phrases = dict(rule.phrases)
    if slot.name in phrases:
        return max(_template(row.say, rule, survey) for row in phrases[slot.name])
    named = [c for c in every_criterion(rule) if c.alias == slot.name]
    if named:
        return _names(sorted({n for c in named for n in _printed(c, survey)}, key=len), slot.part == "first")
    return _number(slot.name, survey) or _UNKNOWN_LENGTH


def _names(titles: list[str], only_first: bool) -> int:
    shown = titles[-1:] if only_first else titles[-_SHOWN:]
    more = _MORE if len(titles) > _SHOWN and not only_first else 0
    return sum(map(len, shown)) + len(", ") * (len(shown) - 1) + more


def _number(name: str, survey: Survey) -> int:
    """Return the length of a value with its unit; 0 for what is no number."""
    analyte = survey.knowledge.terminology.analytes.get(name)
    definition = survey.knowledge.definitions.get(name)
    if analyte is not None:
        return _NUMBER_LENGTH + 1 + max(map(len, analyte.factors), default=0)
    if definition is not None and definition.number is not None:
        terms = [_number(term.lab, survey) for term in definition.number.terms if term.lab]
        return max(terms, default=0)
    return 0


def _printed(criterion: Criterion, survey: Survey) -> Iterator[str]:
    """Yield the names a criterion may put into its slot, cut as the engine cuts them."""
    terminology = survey.knowledge.terminology
    for leaf in walk(criterion):
        if isinstance(leaf, DrugCriterion):
            for name in leaf.names:
                members = terminology.drug_sets[name].members if name in terminology.drug_sets else ()
                yield from (terminology.ingredients[m].title[:_DRUG_LENGTH] for m in sorted(members))
        elif isinstance(leaf, EventCriterion):
            known = (name for name in leaf.names if terminology.exists(leaf.kind, name))
            yield from (terminology.title(leaf.kind, name)[:_NAME_LENGTH] for name in known)
        elif isinstance(leaf, NumberCriterion):
            analyte = terminology.analytes.get(leaf.name)
            title = analyte.title if analyte else leaf.name
            yield f"{title} ".ljust(len(title) + 1 + _number(leaf.name, survey))
        elif isinstance(leaf, MeetsCriterion):
            found = (survey.knowledge.definitions.get(name) for name in leaf.names)
            for definition in found:
                if definition is not None and definition.when is not None:
                    yield from _printed(definition.when, survey)
