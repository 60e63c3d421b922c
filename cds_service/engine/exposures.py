"""Join the uses of one ingredient into exposures, and look at the exposures of a named set together.

Everything is worked out once a patient, in a time that grows with the number of uses and not with
its square: a record may hold thousands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cds_service.engine.context import Context
from cds_service.facts import DrugUse, Moment
from cds_service.terminology import DrugSet


@dataclass(frozen=True, slots=True)
class Exposure:
    """One unbroken use of one ingredient, made of its uses in order of start.

    ``start`` None: in use for an unknown time. ``end`` None: still in use (``active``), or ended
    at an unknown time. ``stops`` are the draft orders that end it, of several alike the first.
    """

    ingredient: str
    uses: tuple[DrugUse, ...]
    start: Moment | None
    end: Moment | None
    active: bool
    stops: tuple[DrugUse, ...] = ()

    @property
    def ending(self) -> bool:
        """Whether a draft order ends it."""
        return bool(self.stops)

    @property
    def current(self) -> DrugUse:
        """The last use still active, else the last: its dose and route are the present ones."""
        return next((use for use in reversed(self.uses) if use.active), self.uses[-1])

    @property
    def is_ordered(self) -> bool:
        """Whether it is a draft order: it begins now, after whatever of its set is in use."""
        return self.active and any(use.draft and not use.stopping for use in self.uses)

    def raised_at(self) -> tuple[Moment | None, ...]:
        """When it began and when its dose was raised: a raised dose is a start."""
        raised = [
            later.start
            for earlier, later in zip(self.uses, self.uses[1:], strict=False)
            if earlier.dose
            and later.dose
            and earlier.dose.unit == later.dose.unit
            and later.dose.amount > earlier.dose.amount
        ]
        return (self.start, *raised)


def exposures_of(ingredient: str, ctx: Context) -> tuple[Exposure, ...]:
    """Return the exposures to one ingredient, oldest first; uses of unknown start come last."""
    found = ctx.exposures.get(ingredient)
    if found is None:
        found = ctx.exposures[ingredient] = _join(ingredient, ctx)
    return found


def gap_between(one: DrugUse, other: DrugUse, ctx: Context) -> int:
    """Return how far apart two uses may be to count as one: less for doses given one by one."""
    modifiers = ctx.knowhow.modifiers
    single = one.administered or other.administered
    return modifiers.administration_gap if single else modifiers.exposure_gap


def _join(ingredient: str, ctx: Context) -> tuple[Exposure, ...]:
    """Join the uses of each way into the body: a cream neither prolongs nor replaces a tablet.

    A stop order without a route ends all of them.
    """
    uses = ctx.facts.drugs.get(ingredient, ())
    ways = sorted({_way(use, ctx) for use in uses if use.route is not None or not use.stopping}) or [""]
    return tuple(
        exposure
        for way in ways
        for exposure in _joined(
            ingredient,
            [u for u in uses if _way(u, ctx) == way or (u.stopping and u.route is None)],
            ctx,
        )
    )


def _way(use: DrugUse, ctx: Context) -> str:
    """Return the route of a use that stays where it is given; empty for the whole body or not known."""
    routes = ctx.knowhow.terminology.routes
    reached = {use.route, *routes.groups.get(use.route or "", ())}
    return "" if use.route is None or not reached.isdisjoint(routes.systemic) else use.route


def _joined(ingredient: str, uses: Sequence[DrugUse], ctx: Context) -> tuple[Exposure, ...]:
    ended = [use for use in uses if use.stopping]
    stops = tuple({(use.selected, use.reasons): use for use in reversed(ended)}.values())
    dated = sorted((u for u in uses if u.start is not None and not u.draft and not u.stopping), key=_by_start)
    groups: list[_Stretch] = []
    for use in dated:
        if not groups or not groups[-1].reaches(use, ctx):
            groups.append(_Stretch())
        groups[-1].add(use)
    rest = [[u] for u in uses if u.start is None and not u.draft and not u.stopping]
    drafts = [[u] for u in uses if u.draft and not u.stopping]
    unseen = [[u] for u in ended if not dated and not rest]
    return tuple(
        _exposure(ingredient, group, stops) for group in [*(g.uses for g in groups), *rest, *drafts, *unseen]
    )


def _by_start(use: DrugUse) -> tuple[int, int, str]:
    return (
        use.start.earliest if use.start else 0,
        use.start.latest if use.start else 0,
        use.source.reference,
    )


@dataclass(slots=True)
class _Stretch:
    """Uses that follow one another, while they are being collected.

    ``is_open`` while one of them is in use without an end; ``last`` is the latest end in seconds,
    None where none is known.
    """

    uses: list[DrugUse] = field(default_factory=list)
    is_open: bool = False
    last: int | None = None

    def add(self, use: DrugUse) -> None:
        """Take the next use, in order of start."""
        self.uses.append(use)
        if use.end is not None:
            self.last = use.end.latest if self.last is None else max(self.last, use.end.latest)
        elif use.active:
            self.is_open = True

    def reaches(self, use: DrugUse, ctx: Context) -> bool:
        """Whether a later use begins before the gap after this stretch is over."""
        if self.is_open:
            return True
        last = ctx.now if self.last is None else self.last
        gap = gap_between(self.uses[-1], use, ctx)
        return use.start is not None and use.start.earliest <= last + gap


def _exposure(ingredient: str, group: list[DrugUse], stops: tuple[DrugUse, ...]) -> Exposure:
    active = any(use.active or (use.draft and not use.stopping) for use in group)
    ends = [use.end for use in group if use.end is not None]
    end = None if active or not ends else max(ends, key=lambda m: m.latest)
    starts = [use.start for use in group if use.start is not None]
    draft = any(use.draft for use in group)
    start = None if draft or not starts else min(starts, key=lambda m: m.earliest)
    return Exposure(ingredient, tuple(group), start, end, active, stops)


# --- the exposures of a named set


@dataclass(frozen=True, slots=True)
class Agents:
    """The exposures to the agents of one named set, and what they mean to one another.

    ``members`` are those the set does not exclude by their route; ``in_use``: one of them is active.
    ``chain`` holds those of the set's route with a known start, newest start first. ``drafted`` are the
    ingredients ordered now, ``replacing`` those ordered now without having been in use, or begun shortly
    before; both are empty where no draft ends anything.
    """

    drug_set: DrugSet
    exposures: tuple[Exposure, ...]
    members: tuple[Exposure, ...]
    in_use: bool
    chain: tuple[Exposure, ...]
    drafted: frozenset[str] = frozenset()
    replacing: frozenset[str] = frozenset()

    def is_switched(self, e: Exposure) -> bool:
        """Whether what a draft ends goes on as an agent of the set: as a taper, or switched to another.

        A draft of the drug itself is its taper. Another agent in use for long replaces nothing, nor does
        its renewal, nor one of which nobody knows since when it is in use: only a known switch is silent.
        """
        return e.ingredient in self.drafted or bool(self.replacing - {e.ingredient})

    def chain_start(self, e: Exposure, ctx: Context, *, surely: bool = False) -> int:
        """Earliest start of the agents that followed one another without a gap up to this use.

        ``surely``: a start known by month or year only counts from its end, an end from its beginning.
        """
        start = ctx.now if e.start is None else begun(e.start, ctx.now, surely=surely)
        # One pass is enough: newest first, so whoever was passed over begins after every later start.
        for other in self.chain:
            begins = start if other.start is None else begun(other.start, ctx.now, surely=surely)
            gap = gap_between(e.current, other.current, ctx)
            if begins < start <= in_use_until(other, ctx.now, surely=surely) + gap:
                start = begins
        return start


def agents_of(drug_set: DrugSet, ctx: Context) -> Agents:
    """Return the exposures of the patient to the agents of a named set."""
    found = ctx.agents.get(drug_set.name)
    if found is None:
        found = ctx.agents[drug_set.name] = _gathered(drug_set, ctx)
    return found


def _gathered(drug_set: DrugSet, ctx: Context) -> Agents:
    names = [name for name in ctx.facts.drugs if name in drug_set.members]
    exposures = tuple(e for name in names for e in exposures_of(name, ctx))
    judged = [(e, drug_set.accepts(e.ingredient, e.current.route)) for e in exposures]
    members = tuple(e for e, accepted in judged if accepted is not False)
    is_ended = any(e.ending for e in members)
    fitting = [(e.start.earliest, e) for e, accepted in judged if e.start is not None and accepted is True]
    return Agents(
        drug_set,
        exposures,
        members,
        in_use=any(e.active for e in members),
        chain=tuple(e for _, e in sorted(fitting, key=lambda row: -row[0])),
        drafted=frozenset(e.ingredient for e in members if is_ended and e.is_ordered),
        replacing=frozenset(e.ingredient for e in members if is_ended and _replaces(e, exposures, ctx)),
    )


def _replaces(e: Exposure, exposures: tuple[Exposure, ...], ctx: Context) -> bool:
    """Whether an agent is new: ordered now and no renewal, or in use and begun shortly before."""
    if e.is_ordered:
        return not any(renews(e.current, earlier) for earlier in exposures)
    begun = e.start.earliest if e.start is not None and e.active and not e.ending else None
    return begun is not None and begun >= ctx.now - ctx.knowhow.modifiers.switch


def renews(draft: DrugUse, earlier: Exposure) -> bool:
    """Whether a draft orders again, at no higher dose as far as is known, what is in use already."""
    if earlier.ingredient != draft.ingredient or earlier.is_ordered or not earlier.active:
        return False
    now, before = draft.dose, earlier.current.dose
    return now is None or before is None or now.unit != before.unit or now.amount <= before.amount


def begun(start: Moment, now: int, *, surely: bool) -> int:
    """Return when a use had begun at the earliest; ``surely``: at the latest, for a bare month or year."""
    return min(start.latest, now) if surely and start.is_vague else start.earliest


def in_use_until(e: Exposure, now: int, *, surely: bool = False) -> int:
    """Return the last moment of use in seconds, never later than ``now``; an unknown end is ``now``.

    ``surely``: of an end known by month or year only, the beginning.
    """
    if e.active or e.end is None:
        return now
    return min(e.end.earliest if surely and e.end.is_vague else e.end.latest, now)


def covered(exposures: Iterable[Exposure], now: int, *, surely: bool) -> int:
    """Return the seconds in which at least one of the exposures, whose starts are known, was in use."""
    stretches = sorted(
        (begun(e.start, now, surely=surely), in_use_until(e, now, surely=surely))
        for e in exposures
        if e.start is not None
    )
    total, reached = 0, -(10**12)
    for start, end in stretches:
        total += max(0, end - max(start, reached))
        reached = max(reached, end)
    return total
