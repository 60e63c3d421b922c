"""Counted values as a distribution: even bins between round edges, what lies far outside told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from cds_service.batch.report.drawing import Cut, Histogram

#: About so many bars in a distribution.
_BINS: Final = 28
#: The share of the values at each end that may not stretch the axis.
_TAIL: Final = Decimal("0.005")
#: Most thresholds drawn; those that most rules rest on come first.
_MOST_CUTS: Final = 12
_STEPS: Final = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution ready to draw, with what is said of it.

    ``beyond`` counts the values outside the axis; ``least``, ``median`` and ``greatest`` are values.
    """

    histogram: Histogram
    least: Decimal
    median: Decimal
    greatest: Decimal
    beyond: int


def distribution(analyte: Mapping[str, Any]) -> Distribution | None:
    """Return the distribution of the values of one analyte of summary.json; None where there is none."""
    values = _numbers(analyte.get("values", {}))
    total = sum(count for _, count in values)
    if not total:
        return None
    usual = _limits(analyte.get("range") or ())
    cuts = _cuts_of(analyte)
    first, last = _reach(values, total, [*cuts, *(limit for limit in usual if limit is not None)])
    edges = _edges(first, last)
    counts = [0] * (len(edges) - 1)
    step, beyond = edges[1] - edges[0], 0
    for value, count in values:
        place = int((value - edges[0]) // step)
        if 0 <= place < len(counts) and value >= edges[0]:
            counts[place] += count
        else:
            beyond += count
    drawn = tuple(Cut(float(cut), _plain(cut)) for cut in cuts if edges[0] < cut < edges[-1])
    low, high = (None if limit is None else float(limit) for limit in usual)
    histogram = Histogram(tuple(map(float, edges)), tuple(counts), (low, high), drawn)
    return Distribution(
        histogram, values[0][0], _quantile(values, total, Decimal("0.5")), values[-1][0], beyond
    )


def _cuts_of(analyte: Mapping[str, Any]) -> list[Decimal]:
    told = analyte.get("thresholds", ())
    by_use = sorted(told, key=lambda cut: -len(cut.get("rules", ())))  # of equal ones the lower first
    return sorted(
        {cut for cut in (_number(one.get("value")) for one in by_use[:_MOST_CUTS]) if cut is not None}
    )


def _reach(
    values: Sequence[tuple[Decimal, int]], total: int, marks: Sequence[Decimal]
) -> tuple[Decimal, Decimal]:
    """Return the ends of the axis: nearly all values, and the marks that lie near them."""
    low, high = _quantile(values, total, _TAIL), _quantile(values, total, 1 - _TAIL)
    room = (high - low) or abs(high) / 5 or Decimal(1)
    near = [mark for mark in marks if low - room <= mark <= high + room]
    first, last = min([low, *near]), max([high, *near])
    margin = (last - first) / 20 or room / 2
    return (max(first - margin, Decimal(0)) if first >= 0 else first - margin), last + margin


def _edges(first: Decimal, last: Decimal) -> list[Decimal]:
    """Return even edges on round numbers that hold both ends."""
    raw = (last - first) / _BINS
    power = Decimal(1).scaleb(raw.adjusted())
    step = next(power * factor for factor in _STEPS if power * factor >= raw)
    start = (first // step) * step
    start -= step if start > first else 0
    edges = [start]
    while edges[-1] <= last:
        edges.append(edges[-1] + step)
    return edges


def _quantile(values: Sequence[tuple[Decimal, int]], total: int, share: Decimal) -> Decimal:
    """Return the value below or at which this share of the values lies."""
    wanted, seen = share * total, 0
    for value, count in values:
        seen += count
        if seen >= wanted:
            return value
    return values[-1][0]


def _numbers(counts: Mapping[str, int]) -> list[tuple[Decimal, int]]:
    found = ((_number(value), count) for value, count in counts.items())
    return sorted((value, count) for value, count in found if value is not None and count > 0)


def _limits(limits: Sequence[Any]) -> tuple[Decimal | None, Decimal | None]:
    low, high = (_number(limit) for limit in limits) if len(limits) == 2 else (None, None)
    return low, high


def _number(value: Any) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
