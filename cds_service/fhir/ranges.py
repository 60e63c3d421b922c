"""A result's own reference range, converted with its own unit; and whether it fits the stated unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from cds_service.errors import UnitError
from cds_service.fhir.datatypes import Quantity
from cds_service.fhir.numbers import NumberFault, printed, read_number, read_text_range
from cds_service.fhir.reading import Reading
from cds_service.fhir.resources import ReferenceRange
from cds_service.fhir.vocabulary import word_of
from cds_service.terminology import Analyte
from cds_service.units import Factor


@dataclass(frozen=True, slots=True)
class OwnRange:
    """The limits of one result in the canonical unit (None: not sent) and as printed.

    ``raw_low``/``raw_high`` are the numbers before conversion. ``is_foreign`` means a limit carries a
    known unit that this analyte cannot have: the range, and so perhaps the result, is another test's.
    """

    low: Decimal | None
    high: Decimal | None
    raw_low: Decimal | None
    raw_high: Decimal | None
    unit: str
    printed: str
    is_foreign: bool = False


def read_range(
    reading: Reading, ranges: list[ReferenceRange] | None, unit: str, factors: Mapping[str, Factor]
) -> OwnRange | None:
    """Return the one range that applies; None when none was sent or several could apply.

    A limit without unit is read in the unit of the result. Ranges of another type than "normal"
    (therapeutic, treatment, critical) are not the reference range.
    """
    rows = [row for row in ranges or () if word_of(row.type) in (None, "normal")]
    found = {own for row in rows if (own := _read_row(reading, row, unit, factors)) is not None}
    return found.pop() if len(found) == 1 else None


def _read_row(
    reading: Reading, row: ReferenceRange, unit: str, factors: Mapping[str, Factor]
) -> OwnRange | None:
    if row.low is None and row.high is None:
        return _read_text_row(row.text, unit, factors)
    low, low_unit = _limit(reading, row.low, unit)
    high, high_unit = _limit(reading, row.high, unit)
    text = _printed(row)
    if (low is not None and low_unit not in factors and low_unit) or (
        high is not None and high_unit not in factors and high_unit
    ):
        return OwnRange(None, None, low, high, unit, text, is_foreign=True)
    limits = [_convert(low, low_unit, factors), _convert(high, high_unit, factors)]
    if limits == [None, None] or (None not in limits and limits[0] > limits[1]):  # type: ignore[operator]
        return None
    return OwnRange(limits[0], limits[1], low, high, low_unit or high_unit or unit, text)


def _read_text_row(text: str | None, unit: str, factors: Mapping[str, Factor]) -> OwnRange | None:
    limits = read_text_range(text) if text else None
    if limits is None or text is None:
        return None
    low, high = (_convert(limit, unit, factors) for limit in limits)
    return OwnRange(low, high, limits[0], limits[1], unit, text)


def _limit(reading: Reading, quantity: Quantity | None, unit: str) -> tuple[Decimal | None, str]:
    """Return a limit and its unit word; the word is "" when the unit cannot be read (limit not used)."""
    if quantity is None:
        return None, ""
    try:
        value = read_number(bytes(quantity.value))
    except NumberFault:
        return None, ""
    if not (quantity.unit or quantity.code):
        return value, unit
    try:
        return value, reading.lexicon.terminology.units.parse(quantity.unit, quantity.code, quantity.system)
    except UnitError:
        return None, ""


def _convert(value: Decimal | None, unit: str, factors: Mapping[str, Factor]) -> Decimal | None:
    factor = factors.get(unit)
    return None if value is None or factor is None else value * factor.times + factor.plus


def _printed(row: ReferenceRange) -> str:
    low = printed(bytes(row.low.value)) if row.low else ""
    high = printed(bytes(row.high.value)) if row.high else ""
    if low and high:
        return f"{low}-{high}"
    return f">={low}" if low else f"<={high}" if high else ""


def is_unit_doubtful(own: OwnRange, analyte: Analyte, factors: Mapping[str, Factor]) -> bool:
    """Whether the range contradicts the stated unit but fits another unit (specification 3.1)."""
    if own.low is None or own.high is None or analyte.low is None or analyte.high is None:
        return False
    if _overlaps(own.low, own.high, analyte.low, analyte.high):
        return False
    for other in factors:
        low, high = _convert(own.raw_low, other, factors), _convert(own.raw_high, other, factors)
        if (
            other != own.unit
            and low is not None
            and high is not None
            and _overlaps(low, high, analyte.low, analyte.high)
        ):
            return True
    return False


def _overlaps(low: Decimal, high: Decimal, other_low: Decimal, other_high: Decimal) -> bool:
    return low <= other_high and high >= other_low
