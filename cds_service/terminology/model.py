"""The things the terminology names: analytes, ingredients, drug sets, orders and the twitch codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from cds_service.units import Factor, convert

#: Care settings for which look-back windows differ (facts.Encounter.setting).
SETTINGS = ("outpatient", "inpatient", "emergency")


@dataclass(frozen=True, slots=True)
class Coding:
    """One code of one system (short name), with the title or remark the content gives it."""

    system: str
    code: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Analyte:
    """One laboratory test, vital sign, score or reported habit.

    ``kind`` is ``lab``, ``vital`` or ``survey``. ``unit`` is the canonical unit (printed word);
    ``factors`` the accepted units. ``low``/``high`` are the adult default range in the canonical unit,
    each None where only the laboratory's own range counts. Values outside ``plausible_from`` to
    ``plausible_to`` are set aside. ``usual`` and ``fresh`` give, per care setting, how many seconds old a
    result may be to count at all and to count as critical. ``doubtful_is_upper_bound``: a hemolyzed sample
    can only read too high, so its number bounds the true value from above (specification 3.1).
    """

    name: str
    kind: str
    title: str
    abbreviation: str
    unit: str
    factors: Mapping[str, Factor]
    low: Decimal | None = None
    high: Decimal | None = None
    range_by_sex: Mapping[str, tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)
    plausible_from: Decimal | None = None
    plausible_to: Decimal | None = None
    usual: Mapping[str, int] = field(default_factory=dict)
    fresh: Mapping[str, int] = field(default_factory=dict)
    codes: tuple[Coding, ...] = ()
    doubtful_is_upper_bound: bool = False

    def to_canonical(self, value: Decimal, unit: str) -> Decimal:
        """Return ``value`` in the canonical unit. Raises UnitError when the unit is not this analyte's."""
        return convert(value, unit, self.factors)

    def default_range(self, sex: str | None = None) -> tuple[Decimal | None, Decimal | None]:
        """Return the adult default range, by sex where the content knows a difference."""
        return self.range_by_sex.get(sex or "", (self.low, self.high))

    def is_plausible(self, canonical: Decimal) -> bool:
        """Return whether a canonical value lies inside the limits of survivable results."""
        if self.plausible_from is not None and canonical < self.plausible_from:
            return False
        return self.plausible_to is None or canonical <= self.plausible_to


@dataclass(frozen=True, slots=True)
class AnalyteCode:
    """What a code or text says about the analyte: its name and, where the code decides, its own factors.

    ``factors`` is None where the analyte's factors hold. (Urea and urea nitrogen are both sent in mg/dL:
    only the LOINC code tells which molecule was weighed.)
    """

    name: str
    point_of_care: bool = False
    factors: Mapping[str, Factor] | None = None
    by_text: bool = False


@dataclass(frozen=True, slots=True)
class Strength:
    """The amount of one ingredient in one dose unit (tablet, capsule) of a product."""

    amount: Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class ProductCode:
    """One ingredient a drug code or text stands for.

    ``route`` is a word of ``routes.yaml``, or None when the code does not decide it. ``strength`` is None
    where the amount per dose unit cannot be read plainly.
    """

    ingredient: str
    route: str | None = None
    strength: Strength | None = None


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One active ingredient. ``usual_route`` is set only where every product has that route."""

    name: str
    title: str
    usual_route: str | None = None
    codes: tuple[Coding, ...] = ()


#: Stands among accepted routes for "the record gives no route".
UNRECORDED = ""


@dataclass(frozen=True, slots=True)
class DrugSetPart:
    """Members of a drug set and the routes that count; ``accepted`` None means every route.

    ``accepted`` holds UNRECORDED where a route that is not recorded counts too: a set that only
    excludes routes takes it, one that needs a route does not.
    ``undecided`` holds route words too coarse to tell (``injection`` where only intravenous counts). With
    ``stated_only`` a route that is unknown or too coarse is no member: insulin without a route is
    maintenance insulin, not an infusion.
    """

    members: frozenset[str]
    accepted: frozenset[str] | None = None
    undecided: frozenset[str] = frozenset()
    stated_only: bool = False


@dataclass(frozen=True, slots=True)
class DrugSet:
    """A named set of ingredients, some of them only by certain routes."""

    name: str
    title: str
    members: frozenset[str]
    parts: tuple[DrugSetPart, ...]
    note: str = ""

    def accepts(self, ingredient: str, route: str | None = None) -> bool | None:
        """Return whether this drug by this route is in the set; None when the route matters and is unknown.

        ``route`` is a word of ``routes.yaml`` or None for unknown.
        """
        answer: bool | None = False
        for part in self.parts:
            if ingredient not in part.members:
                continue
            if part.accepted is None or (route or UNRECORDED) in part.accepted:
                return True
            if not part.stated_only and (route is None or route in part.undecided):
                answer = None
        return answer


@dataclass(frozen=True, slots=True)
class OrderCode:
    """A test, procedure or referral that can be proposed.

    ``codes`` may be empty: then it is ordered by its title only. ``result_of`` names the analytes whose
    recent results show the test as done.
    """

    name: str
    title: str
    category: str
    codes: tuple[Coding, ...] = ()
    result_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueSet:
    """One condition, symptom, procedure, report or encounter the rules speak of."""

    name: str
    kind: str
    title: str
    codes: tuple[Coding, ...] = ()
    includes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TwitchCode:
    """What a code says about the twitch: evidence level, sites (may be empty) and side."""

    level: int
    sites: tuple[str, ...] = ()
    side: str | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Recency:
    """How long what a record says counts as being so now, in seconds.

    ``terminology/lookback.yaml`` says what each length is for and where it comes from.
    """

    newborn: int = 0
    twitch: int = 0
    twitch_active: int = 0
    encounter: int = 0
    encounter_reason: int = 0
    statement_ended: int = 0
    administration: int = 0
    supply_grace: int = 0
