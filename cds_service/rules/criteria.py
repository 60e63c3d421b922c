"""The logic of a rule as typed, immutable trees: connectives over leaves.

The words are those of ``docs/rule-language.md``. Nothing here judges anything; units stay the
printed words of the terminology and are converted by the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

HOUR = 3600
DAY = 86_400
#: A year is 365.25 days, as the specification counts ages and look-backs.
SECONDS = {"minutes": 60, "hours": HOUR, "days": DAY, "years": 31_557_600}


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound on a number: ``op`` is below, at_most, above or at_least.

    Either ``unit`` is set, or ``of_range`` (``high``/``low``) makes ``amount`` a multiple of the
    result's own limit. A limit without a scale has unit ``1``.
    """

    op: str
    amount: Decimal
    unit: str = ""
    of_range: str = ""

    def __str__(self) -> str:
        """Return the bound as written in a rule."""
        scale = f"x range-{self.of_range}" if self.of_range else self.unit
        return f"{self.op.replace('_', ' ')} {self.amount} {scale}"


@dataclass(frozen=True, slots=True)
class Change:
    """A fall or rise of the latest result against each earlier one at most ``over`` seconds before."""

    direction: str
    amount: Decimal
    unit: str
    over: int


@dataclass(frozen=True, slots=True)
class Window:
    """When a fact must lie.

    ``within`` is seconds, or ``usual``/``fresh``/``encounter``, or None for any time.
    ``anchor_word`` (before, after, of) turns the window to ``anchor``: ``onset`` (of the twitch),
    ``encounter`` (its start), or a criterion whose dated matches count.
    """

    within: int | str | None = None
    older_than: int | None = None
    anchor_word: str = ""
    anchor: str | Criterion = ""

    @property
    def is_open(self) -> bool:
        """Whether no time is asked for."""
        return self.within is None and self.older_than is None and not self.anchor_word


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """Root of all criteria. ``line`` is its line in the file, ``alias`` its ``as`` name.

    ``published`` is what the site replaced in it ("below 3.5 mmol/L"), empty where it is as published.
    """

    line: int = 0
    alias: str = ""
    note: str = ""
    published: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination(Criterion):
    """A connective: ``all``, ``any``, ``none``, ``some`` (at least n) or ``first_known``."""

    op: str
    parts: tuple[Criterion, ...]
    at_least: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCriterion(Criterion):
    """A judgment on a laboratory result, vital sign or score (``kind``)."""

    kind: str
    name: str
    limits: tuple[Limit, ...] = ()
    states: tuple[str, ...] = ()
    change: Change | None = None
    pick: str = "latest"
    times: int = 1
    apart: int = 0
    doubtful_sample: bool = False
    window: Window = Window()


@dataclass(frozen=True, slots=True, kw_only=True)
class DrugCriterion(Criterion):
    """A drug in use (or as its timing words say), a draft order, or a drug a draft ends (``word``)."""

    word: str
    names: tuple[str, ...]
    taken_within: int | None = None
    started_within: int | None = None
    stopped_within: int | None = None
    reduced_within: int | None = None
    reduced_by: Decimal | None = None
    for_at_least: int | None = None
    for_less_than: int | None = None
    course_at_least: int | None = None
    total_at_least: int | None = None
    dose_limits: tuple[Limit, ...] = ()
    dose_as_if: str = ""
    routes: tuple[str, ...] = ()
    agents: int = 1
    times: int = 1
    reasons: tuple[str, ...] = ()
    excluded_reasons: tuple[str, ...] = ()
    window: Window = Window()

    @property
    def has_timing(self) -> bool:
        """Whether a timing word replaces "in use now"."""
        return any(
            value is not None
            for value in (self.taken_within, self.started_within, self.stopped_within, self.reduced_within)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCriterion(Criterion):
    """Something recorded: condition, symptom, procedure, report, family, allergy or encounter."""

    kind: str
    names: tuple[str, ...]
    status: str = ""
    onset_within: int | None = None
    onset_stated: bool = False
    new_within: int | None = None
    onset_age: tuple[Limit, ...] = ()
    for_at_least: int | None = None
    for_less_than: int | None = None
    side: str = ""
    course: str = ""
    excluded: tuple[tuple[str, str], ...] = ()
    times: int = 1
    window: Window = Window()


@dataclass(frozen=True, slots=True, kw_only=True)
class TwitchCriterion(Criterion):
    """The twitch itself: one of the sites, with facets."""

    sites: tuple[str, ...]
    side: str = ""
    course: str = ""
    trait: str = ""
    excluded: tuple[tuple[str, str], ...] = ()
    for_at_least: int | None = None
    for_less_than: int | None = None
    onset_within: int | None = None
    onset_stated: bool = False
    onset_age: tuple[Limit, ...] = ()
    window: Window = Window()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeCriterion(Criterion):
    """The age at ``as_of``; limits in ``days`` or ``years``."""

    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SexCriterion(Criterion):
    """The administrative sex on record: ``female`` or ``male``."""

    sex: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IrritabilityCriterion(Criterion):
    """Neuromuscular irritability of evidence level 1 or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetsCriterion(Criterion):
    """One of the named definitions holds."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NumberTerm:
    """One member of a derived number; see ``DerivedNumber``. ``times`` and ``plus`` are exact."""

    lab: str = ""
    times: Decimal = Decimal(1)
    plus: Decimal = Decimal(0)
    within: int | None = None
    not_older_than: str = ""
    by_at_most: int = 0


@dataclass(frozen=True, slots=True)
class DerivedNumber:
    """A number computed from results: ``sum``, ``ratio`` or ``first_of`` (the first usable).

    Members of a sum or ratio must lie within ``drawn_within`` seconds of the first member.
    ``range_of`` names the analyte whose adult range judges it. ``range_only`` forbids comparison
    with a number because members have different scales.
    """

    form: str
    terms: tuple[NumberTerm, ...]
    unit: str = ""
    drawn_within: int = 0
    only_if: Criterion | None = None
    range_of: str = ""
    range_only: bool = False


@dataclass(frozen=True, slots=True)
class Definition:
    """A named criterion (``when``) or a derived number, from ``cards/definitions/``."""

    id: str
    title: str
    when: Criterion | None = None
    number: DerivedNumber | None = None
    references: tuple[RuleReference, ...] = ()
    path: str = ""
    line: int = 1


@dataclass(frozen=True, slots=True)
class RuleReference:
    """A citation key with what it supports and how much of it was read."""

    key: str
    supports: str
    read: str
    says: str = ""


def walk(criterion: Criterion) -> list[Criterion]:
    """Return a criterion and everything inside it, anchors included, in reading order."""
    found = [criterion]
    if isinstance(criterion, Combination):
        for part in criterion.parts:
            found.extend(walk(part))
    window = getattr(criterion, "window", None)
    if isinstance(window, Window) and isinstance(window.anchor, Criterion):
        found.extend(walk(window.anchor))
    return found
