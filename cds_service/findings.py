"""What judging one rule against one patient yields: verdict, evidence, gaps, words, proposals.

The engine makes findings; triage orders and folds them; cards, batch rows and explanations are
written from them. A finding holds no FHIR and no markup: text from the record stands in ``Slot``
parts, so that only the writer of a card decides how to escape it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from cds_service.facts import Moment, Source

STRENGTHS = ("possible", "probable", "established")
INDICATORS = ("info", "warning", "critical")


class Verdict(Enum):
    """The three answers of every criterion and every rule."""

    MATCH = "match"
    NO_MATCH = "no-match"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact a criterion rests on.

    ``kind`` and ``name`` are ids of terminology; ``text`` is the fact as a clinician reads it
    ("Potassium 2.9 mmol/L on 2026-11-18, range 3.5-5.0"), from the record and unescaped. ``value``
    and ``unit`` are canonical, ``reported`` is as printed by the laboratory. A result in a doubtful
    unit never makes a finding critical (specification 3.1). ``lasted`` is how long a drug was in
    unbroken use, in seconds, switches within the named set included; ``is_least``: at least so long.
    """

    kind: str
    name: str
    text: str
    source: Source | None = None
    moment: Moment | None = None
    value: Decimal | None = None
    unit: str = ""
    reported: str = ""
    reference_range: str = ""
    unit_doubtful: bool = False
    lasted: int | None = None
    is_least: bool = False
    sources: tuple[Source, ...] = ()


class Missing(NamedTuple):
    """One thing that was not known where a criterion asked for it.

    ``reason``: ``not-measured``, ``not-sent``, ``unreadable``, ``no-number``, ``no-range``,
    ``no-date``, ``vague-date`` (a month or year that does not tell), ``no-detail`` (side, dose, route,
    facet), ``too-few`` or ``contradictory`` (results that may all be the newest and answer differently).
    """

    kind: str
    name: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Slot:
    """A piece of text about this patient. Unless ``own``, it came from the record and is unescaped.

    ``own`` text is ours (a title of terminology, a date, a count): nothing to escape or cut in it.
    """

    text: str
    own: bool = False


#: Literal words of a rule file, and slots filled from the record.
Line = tuple[str | Slot, ...]


def sources_of(evidence: Iterable[Evidence]) -> list[Source]:
    """Return every resource the evidence names, repeats included, in order."""
    return [source for e in evidence for source in (e.source, *e.sources) if source is not None]


def spoken(line: Line, of_record: Callable[[str], str]) -> str:
    """Return a line as text; ``of_record`` makes text of the record harmless or short."""
    return "".join(_part(part, of_record) for part in line)


def plain(line: Line) -> str:
    """Return a line as bare text, record text unescaped: for tests and terminals only."""
    return spoken(line, str)


def _part(part: str | Slot, of_record: Callable[[str], str]) -> str:
    if isinstance(part, str):
        return part
    return part.text if part.own else of_record(part.text)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One draft order proposed for the workup: a name of ``terminology/orders/``.

    ``anew``: no result on record settles it.
    """

    order: str
    why: str = ""
    priority: str = "routine"
    rule_id: str = ""
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one rule for one patient.

    Only a MATCH has strength, indicator and words. ``strength`` may be ``not-scored``. ``stale``
    is the sentence "result is N days old: repeat" when a critical value was too old to be called
    critical, else empty. ``drugs`` are the ingredients cited, for one card per drug.
    ``temporal`` says the onset followed drug or abnormality closely. ``folded_into`` and
    ``gave_way_to`` (rule ids) and ``rank`` (1 = first) are set by triage. ``asks`` names the tests
    that would decide an UNKNOWN rule some of whose members hold (specification 5.6). ``cited`` are the
    resources the finding rests on or prints: condition, strength, indicator and texts. ``instead`` is what
    the rule says by its next matching branch, for where the branch that speaks gives way on its own.
    ``error`` is the kind of fault the rule broke with, ``unproposed`` that of its draft orders alone.
    ``points`` are those of the evidence that say most, for where not all can be shown: its own, best first,
    then those of each rule folded into it.
    """

    rule_id: str
    verdict: Verdict
    cause: str = ""
    branch: str = ""
    role: str = "contributor"
    strength: str = "not-scored"
    indicator: str = "info"
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    summary: Line = ()
    detail: tuple[Line, ...] = ()
    safety: tuple[Line, ...] = ()
    advice: tuple[Line, ...] = ()
    proposals: tuple[Proposal, ...] = ()
    stale: str = ""
    drugs: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    cited: tuple[Source, ...] = ()
    danger: bool = False
    temporal: bool = False
    raised_by: tuple[str, ...] = ()
    lowered_by: tuple[str, ...] = ()
    folded_into: str = ""
    gave_way_to: str = ""
    rank: int = 0
    error: str = ""
    slots: Mapping[str, str] = field(default_factory=dict)
    merged_rules: tuple[str, ...] = ()
    instead: Finding | None = None
    unproposed: str = ""
    points: tuple[tuple[Evidence, ...], ...] = ()
