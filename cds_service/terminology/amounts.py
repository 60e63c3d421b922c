"""Whether the limit somebody writes for an analyte can be one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from cds_service.errors import UnitError
from cds_service.site.values import amount_of
from cds_service.terminology.store import ANALYTE_KINDS, Terminology


def limit_fault(terminology: Terminology | None, fact: str, published: Any, used: Any) -> str:
    """Return what is wrong with a limit, as a sentence; empty when it is fine.

    Args:
        terminology: Units and plausible ranges; None finds nothing wrong.
        fact: What is judged, such as "lab potassium"; empty for a setting.
        published: The published limit. A multiple of a range stays one, a derived number keeps its unit.
        used: The limit to use instead, of the same form.
    """
    before, after = amount_of(published), amount_of(used)
    if terminology is None or before is None or after is None or not fact:
        return ""
    kind, _, name = fact.partition(" ")
    analyte = terminology.analytes.get(name) if kind in ANALYTE_KINDS else None
    if analyte is None or not _converts(terminology, name, *before):
        return "" if _is_same_scale(before[1], after[1]) else f"writes {after[1]!r} instead of {before[1]!r}."
    return _analyte_fault(terminology, name, *after)


def _analyte_fault(terminology: Terminology, name: str, amount: Decimal, unit: str) -> str:
    analyte = terminology.analytes[name]
    word = terminology.units.parse(unit) if terminology.units.knows(unit) else unit
    try:
        canonical = analyte.to_canonical(amount, word)
    except UnitError:
        units = ", ".join(analyte.factors)
        return f"writes {name} in {unit!r}, which does not convert; its units are {units}."
    return "" if analyte.is_plausible(canonical) else f"writes a {name} that cannot be survived or measured."


def _converts(terminology: Terminology, name: str, amount: Decimal, unit: str) -> bool:
    """Whether a limit is an amount of the analyte, in any spelling: neither a window nor a multiple."""
    if not terminology.units.knows(unit):
        return False
    try:
        terminology.analytes[name].to_canonical(amount, terminology.units.parse(unit))
    except UnitError:
        return False
    return True


def _is_same_scale(published: str, used: str) -> bool:
    """Whether both are durations, or the same unit."""
    durations = ("minutes", "hours", "days", "years")
    return published == used or (published in durations and used in durations)
