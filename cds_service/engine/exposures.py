"""Join the uses of one ingredient into exposures: unbroken stretches with their doses."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.engine.context import Context
from cds_service.facts import DrugUse, Moment


@dataclass(frozen=True, slots=True)
class Exposure:
    """One unbroken use of one ingredient, made of its uses in order of start.

    ``start`` None: in use for an unknown time. ``end`` None: still in use (``active``), or ended
    at an unknown time. ``ending`` says a draft order ends it.
    """

    ingredient: str
    uses: tuple[DrugUse, ...]
    start: Moment | None
    end: Moment | None
    active: bool
    ending: bool

    @property
    def current(self) -> DrugUse:
        """The last use still active, else the last: its dose and route are the present ones."""
        return next((use for use in reversed(self.uses) if use.active), self.uses[-1])

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
    uses = ctx.facts.drugs.get(ingredient, ())
    ending = any(use.stopping for use in uses)
    dated = sorted((u for u in uses if u.start is not None and not u.draft and not u.stopping), key=_by_start)
    groups: list[list[DrugUse]] = []
    for use in dated:
        if groups and _continues(groups[-1], use, gap_between(groups[-1][-1], use, ctx), ctx.now):
            groups[-1].append(use)
        else:
            groups.append([use])
    rest = [[u] for u in uses if u.start is None and not u.draft and not u.stopping]
    drafts = [[u] for u in uses if u.draft and not u.stopping]
    stops = [[u] for u in uses if u.stopping and not dated and not rest]
    return tuple(_exposure(ingredient, group, ending) for group in [*groups, *rest, *drafts, *stops])


def _by_start(use: DrugUse) -> tuple[int, int, str]:
    return (
        use.start.earliest if use.start else 0,
        use.start.latest if use.start else 0,
        use.source.reference,
    )


def _continues(group: list[DrugUse], use: DrugUse, gap: int, now: int) -> bool:
    last = _last_end(group, now)
    return last is None or (use.start is not None and use.start.earliest <= last + gap)


def _last_end(group: list[DrugUse], now: int) -> int | None:
    """Latest end of a group in seconds; None while one of its uses has no end."""
    ends = [use.end.latest if use.end is not None else None for use in group]
    if any(end is None and use.active for end, use in zip(ends, group, strict=True)):
        return None
    known = [end for end in ends if end is not None]
    return max(known) if known else now


def _exposure(ingredient: str, group: list[DrugUse], ending: bool) -> Exposure:
    active = any(use.active or (use.draft and not use.stopping) for use in group)
    ends = [use.end for use in group if use.end is not None]
    end = None if active or not ends else max(ends, key=lambda m: m.latest)
    starts = [use.start for use in group if use.start is not None]
    draft = any(use.draft for use in group)
    start = None if draft or not starts else min(starts, key=lambda m: m.earliest)
    return Exposure(ingredient, tuple(group), start, end, active, ending)
