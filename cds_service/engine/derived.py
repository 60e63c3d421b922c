"""Numbers worked out from results: sums, ratios, and the first usable of several (definitions)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from cds_service.engine.context import Context
from cds_service.engine.judging import judge
from cds_service.facts import Measurement
from cds_service.rules.criteria import Definition, DerivedNumber, NumberCriterion, NumberTerm

#: Digits a derived number is shown with, in the canonical and in another unit; comparison is exact.
_PLACES = Decimal("0.01")
_PLACES_OTHER = Decimal("0.1")


def series_of(name: str, ctx: Context) -> tuple[Measurement, ...]:
    """Return every usable result of an analyte or derived number, oldest first."""
    found = ctx.series.get(name)
    if found is None:
        definition = ctx.knowhow.definitions.get(name)
        if definition is None or definition.number is None:
            found = tuple(ctx.facts.numbers.get(name, ()))
        else:
            found = _derive(definition, definition.number, ctx)
        ctx.series[name] = found
    return found


def _derive(definition: Definition, number: DerivedNumber, ctx: Context) -> tuple[Measurement, ...]:
    if number.form == "first_of":
        return _first_of(number, ctx)
    computed = (_compute(definition, number, base, ctx) for base in series_of(number.terms[0].lab, ctx))
    return tuple(m for m in computed if m is not None)


def _first_of(number: DerivedNumber, ctx: Context) -> tuple[Measurement, ...]:
    """Members with a condition win outright; the others replace one another sample by sample."""
    merged: list[Measurement] = []
    for term in number.terms:
        series = _admitted(term, ctx)
        if term.within is not None or term.not_older_than:
            if series:
                return series
            continue
        for m in series:
            if not _drawn_with(m, merged, number.drawn_within):
                merged.append(m)
    return tuple(sorted(merged, key=lambda m: (m.moment.latest, m.moment.earliest, m.source.reference)))


def _admitted(term: NumberTerm, ctx: Context) -> tuple[Measurement, ...]:
    series = series_of(term.lab, ctx)
    if term.within is not None:
        series = tuple(m for m in series if min(m.moment.latest, ctx.now) >= ctx.now - (term.within or 0))
    if term.not_older_than:
        other = series_of(term.not_older_than, ctx)
        if other:
            series = tuple(
                m for m in series if m.moment.latest >= other[-1].moment.earliest - term.by_at_most
            )
    return series


def _drawn_with(one: Measurement, others: Iterable[Measurement], tolerance: int) -> list[Measurement]:
    """Return those of the results that may be of the same sample, by their times."""
    first, last = one.moment.earliest - tolerance, one.moment.latest + tolerance
    return [m for m in others if m.moment.latest >= first and m.moment.earliest <= last]


def _compute(
    definition: Definition, number: DerivedNumber, base: Measurement, ctx: Context
) -> Measurement | None:
    """Combine one result of the first member with the nearest results of the others."""
    usable: list[Measurement] = []
    for place, term in enumerate(number.terms):
        if term.lab:
            part = _nearest(term, base, number, ctx) if place else base
            if part is None or not part.is_exact:
                return None
            usable.append(part)
    if not _allowed(number, usable, ctx):
        return None
    value = _combine(number, usable)
    if value is None:
        return None
    shown = _shown(value, base, number, ctx)
    own_range = (
        (base.low, base.high, base.range_reported) if number.range_of == base.name else (None, None, "")
    )
    return Measurement(
        definition.id,
        value,
        base.moment,
        base.source,
        f"{shown} (calculated)",
        number.unit,
        low=own_range[0],
        high=own_range[1],
        preliminary=any(p.preliminary for p in usable),
        range_reported=own_range[2],
        also_from=tuple(p.source for p in usable[1:]),
    )


def _shown(value: Decimal, base: Measurement, number: DerivedNumber, ctx: Context) -> str:
    """Print a derived number in the unit the laboratory printed its first member in."""
    unit, places = number.unit, _PLACES
    analyte = ctx.knowhow.terminology.analytes.get(base.name)
    factor = analyte.factors.get(base.unit_reported) if analyte else None
    if factor is not None and base.unit_reported != unit and analyte is not None and analyte.unit == unit:
        value, unit, places = (value - factor.plus) / factor.times, base.unit_reported, _PLACES_OTHER
    return f"{value.quantize(places, ROUND_HALF_EVEN)} {unit}".strip()


def _nearest(term: NumberTerm, base: Measurement, number: DerivedNumber, ctx: Context) -> Measurement | None:
    near = _drawn_with(base, series_of(term.lab, ctx), number.drawn_within)
    return min(
        near, key=lambda m: (abs(m.moment.latest - base.moment.latest), m.source.reference), default=None
    )


def _allowed(number: DerivedNumber, parts: list[Measurement], ctx: Context) -> bool:
    """Whether ``only_if`` holds for the very member that was used (specification 3.2, rule 1)."""
    condition = number.only_if
    if condition is None:
        return True
    if not isinstance(condition, NumberCriterion):
        return False
    used = next((p for p in parts if p.name == condition.name), None)
    return used is not None and judge(condition, used, ctx) is True


def _combine(number: DerivedNumber, parts: list[Measurement]) -> Decimal | None:
    values = [p.value for p in parts if p.value is not None]
    if number.form == "ratio":
        return values[0] / values[1] if values[1] != 0 else None
    total = sum((term.plus for term in number.terms), Decimal(0))
    factors = [term.times for term in number.terms if term.lab]
    return total + sum((factor * value for factor, value in zip(factors, values, strict=True)), Decimal(0))
