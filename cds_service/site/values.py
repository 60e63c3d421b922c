"""Whether a value a site writes has the form of the published one."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

AMOUNT = re.compile(r"(-?\d{1,12}(?:\.\d{1,12})?) (\S.*)")
_DURATIONS = ("minutes", "hours", "days", "years")


def amount_of(value: Any) -> tuple[Decimal, str] | None:
    """Return number and unit of ``3.5 mmol/L``; None for anything else."""
    match = AMOUNT.fullmatch(value) if isinstance(value, str) else None
    return (Decimal(match[1]), match[2]) if match else None


def form_fault(published: Any, used: Any) -> str:
    """Return what is wrong with the form of a value, as a sentence; empty when it is fine.

    A number stays a number, a list a list, a duration a duration (or a word of the rule language such
    as ``usual``), an amount an amount; whether its unit converts is not asked here.
    """
    if isinstance(published, int | Decimal):
        kind = int if isinstance(published, int) else (int, Decimal)
        is_fine = isinstance(used, kind) and not isinstance(used, bool) and used >= 0
        return "" if is_fine else "writes something else where a number is published."
    if isinstance(published, list):
        return "" if isinstance(used, list) else "writes something else where a list is published."
    before, after = amount_of(published), amount_of(used)
    if before is None:
        return "" if isinstance(used, str) else "writes something else where a word is published."
    if after is None:
        is_word = isinstance(used, str) and used.isalpha() and _is_duration(before[1])
        return "" if is_word else "writes no amount with its unit."
    if _is_duration(before[1]) is not _is_duration(after[1]):
        return "mixes a duration and an amount."
    return "uses a negative amount." if after[0] < 0 <= before[0] else ""


def _is_duration(unit: str) -> bool:
    return unit in _DURATIONS
