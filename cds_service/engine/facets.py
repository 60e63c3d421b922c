"""Facets shared by symptoms and the twitch: side, course, traits, duration, age at onset.

A facet that must have a value is unknown when missing; one that must *not* have a value is
satisfied by unknown (specification, section 2).
"""

from __future__ import annotations

from collections.abc import Mapping

from cds_service.engine.context import Context
from cds_service.engine.logic import Answer3, all_of
from cds_service.facts import Moment
from cds_service.rules.criteria import SECONDS, Limit


def matches_side(side: str | None, wanted: str, ctx: Context) -> Answer3:
    """Judge a side word; ``same`` and ``opposite`` compare with the side of the twitch."""
    if side is None:
        return None
    if wanted == "one":
        return side in ("left", "right")
    if wanted in ("same", "opposite"):
        twitch = ctx.facts.twitch
        if twitch is None or twitch.side is None:
            return None
        if "both" in (side, twitch.side):
            return wanted == "same"
        return (side == twitch.side) == (wanted == "same")
    return side == wanted


def excluded(
    facets: tuple[tuple[str, str], ...],
    side: str | None,
    course: str | None,
    traits: Mapping[str, bool],
    ctx: Context,
) -> bool:
    """Whether any facet that must not hold is recorded."""
    for facet, value in facets:
        if facet == "side" and matches_side(side, value, ctx) is True:
            return True
        if facet == "course" and course == value:
            return True
        if facet == "trait" and traits.get(value) is True:
            return True
    return False


def lasted(
    onset: Moment | None,
    at_least: int | None,
    less_than: int | None,
    ctx: Context,
    first_recorded: Moment | None = None,
) -> Answer3:
    """Judge a duration since onset.

    Without a stated onset the first record gives "at least" that long: it can prove a long
    duration, never a short one. An onset stated by month or year answers where every day in it does.
    """
    if at_least is None and less_than is None:
        return True
    if onset is not None:
        longest = ctx.now - onset.earliest
        shortest = max(0, ctx.now - onset.latest) if onset.is_vague else longest
        return is_as_long(shortest, longest, at_least, less_than)
    if first_recorded is None:
        return None
    length = ctx.now - first_recorded.latest
    answers: list[Answer3] = []
    if at_least is not None:
        answers.append(True if length >= at_least else None)
    if less_than is not None:
        answers.append(False if length >= less_than else None)
    return all_of(answers)


def is_as_long(shortest: int, longest: int, at_least: int | None, less_than: int | None) -> Answer3:
    """Judge a length of which only the bounds are known, in seconds."""
    enough = at_least is None or (True if shortest >= at_least else None if longest >= at_least else False)
    short = less_than is None or (True if longest < less_than else None if shortest < less_than else False)
    return all_of((enough, short))


def age_at(moment: Moment | None, ctx: Context) -> int | None:
    """Return the age in seconds at a moment; None when onset or age is not known."""
    if moment is None or ctx.days is None:
        return None
    return ctx.days * SECONDS["days"] - max(0, ctx.now - moment.earliest)


def within_limits(value: int | None, limits: tuple[Limit, ...]) -> Answer3:
    """Judge an age in seconds against limits in days or years."""
    if value is None:
        return None
    return all(_holds(value, limit.op, int(limit.amount * SECONDS[limit.unit])) for limit in limits)


def _holds(value: int, op: str, bound: int) -> bool:
    if op == "below":
        return value < bound
    if op == "at_most":
        return value <= bound
    return value > bound if op == "above" else value >= bound


def age_answer(limits: tuple[Limit, ...], ctx: Context) -> Answer3:
    """Judge the present age: completed years for limits in years, days for limits in days.

    A birth date known only by year answers where every possible age gives the same answer.
    """
    return all_of(_age_limit(limit, ctx) for limit in limits)


def _age_limit(limit: Limit, ctx: Context) -> Answer3:
    bounds = ctx.facts.age_bounds(limit.unit)
    if bounds is None:
        return None
    youngest, oldest = (_holds(age, limit.op, int(limit.amount)) for age in bounds)
    return youngest if youngest == oldest else None
