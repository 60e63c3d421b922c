"""Judge the end of a drug by a draft order: which orders end it, and for what recorded reason."""

from __future__ import annotations

from cds_service.engine.exposures import Exposure
from cds_service.engine.logic import Answer3, all_of, any_of, negate
from cds_service.facts import DrugUse
from cds_service.rules.criteria import DrugCriterion


def stops_of(e: Exposure) -> tuple[DrugUse, ...]:
    """Return the draft orders being chosen that end an exposure; none where it was over before."""
    if not e.active and not any(use.stopping for use in e.uses):
        return ()
    return tuple(use for use in e.stops if use.selected)


def for_reason(stops: tuple[DrugUse, ...], criterion: DrugCriterion) -> Answer3:
    """Judge the recorded reasons: ``reason`` asks for one of them, ``except`` fails on a known one only."""
    wanted = _one_of(stops, criterion.reasons) if criterion.reasons else True
    forbidden = criterion.excluded_reasons and _one_of(stops, criterion.excluded_reasons)
    return all_of((wanted, negate(forbidden is True)))


def _one_of(stops: tuple[DrugUse, ...], reasons: tuple[str, ...]) -> Answer3:
    """Whether one of the orders gives one of the reasons; unknown where a recorded reason is unread."""
    return any_of(None if use.reasons is None else not set(reasons).isdisjoint(use.reasons) for use in stops)
