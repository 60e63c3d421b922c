"""Dose per day, route and planned length from Dosage; what is not plainly said stays None."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from cds_service.facts import DAY, HOUR, MINUTE, Dose, Moment
from cds_service.fhir import vocabulary as words
from cds_service.fhir.datatypes import Concept, Dosage, Quantity, Repeat
from cds_service.fhir.numbers import NumberFault, read_number
from cds_service.fhir.reading import Reading
from cds_service.terminology import Strength

Dosages = list[Dosage] | Dosage | None

#: UCUM units of time, and the words FHIR servers print for them, in seconds.
SECONDS: Final = {
    "s": 1,
    "min": MINUTE,
    "h": HOUR,
    "d": DAY,
    "wk": 7 * DAY,
    "mo": 30 * DAY,
    "a": 365 * DAY,
    "day": DAY,
    "days": DAY,
    "week": 7 * DAY,
    "weeks": 7 * DAY,
    "month": 30 * DAY,
    "months": 30 * DAY,
    "year": 365 * DAY,
    "years": 365 * DAY,
    "hour": HOUR,
    "hours": HOUR,
    "minute": MINUTE,
    "minutes": MINUTE,
}
#: v3-GTSAbbreviation and v3-TimingEvent: times a day.
_TIMES_A_DAY: Final = {
    "QD": Decimal(1),
    "BID": Decimal(2),
    "TID": Decimal(3),
    "QID": Decimal(4),
    "AM": Decimal(1),
    "PM": Decimal(1),
    "QAM": Decimal(1),
    "QPM": Decimal(1),
    "QHS": Decimal(1),
    "HS": Decimal(1),
    "BED": Decimal(1),
    "QOD": Decimal("0.5"),
    "Q1H": Decimal(24),
    "Q2H": Decimal(12),
    "Q3H": Decimal(8),
    "Q4H": Decimal(6),
    "Q6H": Decimal(4),
    "Q8H": Decimal(3),
    "Q12H": Decimal(2),
    "Q24H": Decimal(1),
    "WK": Decimal(1) / 7,
}
_MILLIGRAMS: Final = {
    "mg": Decimal(1),
    "g": Decimal(1000),
    "ug": Decimal("0.001"),
    "mcg": Decimal("0.001"),
    "milligram": Decimal(1),
    "milligrams": Decimal(1),
    "gram": Decimal(1000),
}
_DOSE_UNITS: Final = frozenset(
    (
        "tablet",
        "tablets",
        "tab",
        "tabs",
        "tbl",
        "capsule",
        "capsules",
        "cap",
        "caps",
        "pill",
        "pills",
        "tablet(s)",
        "capsule(s)",
        "{tbl}",
        "{tablet}",
        "{tab}",
        "{capsule}",
        "{cap}",
        "{pill}",
        "caplet",
        "caplets",
        "tabl",
        "cpd",
    )
)
_CENT: Final = Decimal("0.0001")


def dosages_of(dosage: Dosages) -> list[Dosage]:
    """Return dosages as a list."""
    if dosage is None:
        return []
    return [dosage] if isinstance(dosage, Dosage) else dosage


def route_of(reading: Reading, dosages: list[Dosage], form: str) -> str | None:
    """Return the route the record itself names: coded route, its words, the dosage text, the dose form.

    Different routes in one record give None.
    """
    find = reading.lexicon.terminology.routes.named_in
    stated = {route for dosage in dosages if (route := _coded_route(reading, dosage.route))}
    if not stated:
        stated = {route for dosage in dosages if dosage.text and (route := find(dosage.text[:200]))}
    if not stated and form:
        stated = {route for route in [find(form)] if route}
    return stated.pop() if len(stated) == 1 else None


def route_hint(reading: Reading, dosages: list[Dosage], form: str) -> str | None:
    """Return the route a dose form in the record suggests ("2 puffs"): weaker than the name of the drug."""
    find = reading.lexicon.terminology.routes.word_for
    texts = [*(dosage.text[:200] for dosage in dosages if dosage.text), form]
    found = {route for text in texts if (route := find(text))}
    return found.pop() if len(found) == 1 else None


def _coded_route(reading: Reading, route: Concept | None) -> str | None:
    find = reading.lexicon.terminology.routes.word_for
    texts = words.words_of(route) + [coding.code for coding in words.codings(route) if coding.code]
    return next((found for text in texts if (found := find(text[:120]))), None)


def daily_dose(dosages: list[Dosage], strength: Strength | None, *, single_ingredient: bool) -> Dose | None:
    """Return the dose in mg per day, or None when it is not plainly said.

    Plain means: one dosage, not "as needed", a dose in a unit of mass (single ingredient) or in tablets
    or capsules of known strength, and a frequency.
    """
    if len(dosages) != 1:
        return None
    dosage = dosages[0]
    if dosage.asNeededBoolean or dosage.asNeeded or dosage.asNeededCodeableConcept is not None:
        return None
    each = _milligrams(_quantity(dosage), strength, single_ingredient)
    times = _times_a_day(dosage)
    if each is None or times is None or each < 0:
        return None
    amount = (each * times).quantize(_CENT).normalize()
    return Dose(Decimal(f"{amount:f}"))


def _quantity(dosage: Dosage) -> Quantity | None:
    rows = dosage.doseAndRate or []
    if len(rows) > 1:
        return None
    return (rows[0].doseQuantity if rows else None) or dosage.doseQuantity or dosage.dose


def _milligrams(
    quantity: Quantity | None, strength: Strength | None, single_ingredient: bool
) -> Decimal | None:
    if quantity is None or quantity.comparator:
        return None
    value = number_of(bytes(quantity.value))
    unit = (quantity.code or quantity.unit or "").strip()
    if value is None or not unit:
        return None
    if unit in _MILLIGRAMS or (quantity.unit or "").lower() in _MILLIGRAMS:
        factor = _MILLIGRAMS.get(unit) or _MILLIGRAMS[(quantity.unit or "").lower()]
        return value * factor if single_ingredient else None
    names = {unit.lower(), (quantity.unit or "").strip().lower()}
    if strength is None or not names & _DOSE_UNITS or strength.unit not in _MILLIGRAMS:
        return None
    return value * strength.amount * _MILLIGRAMS[strength.unit]


def _times_a_day(dosage: Dosage) -> Decimal | None:
    timing = dosage.timing
    if timing is None:
        return None
    repeat = timing.repeat
    if repeat is not None and (len(repeat.period) or len(repeat.frequency)):
        return _from_repeat(repeat)
    for coding in words.codings(timing.code):
        found = _TIMES_A_DAY.get((coding.code or "").strip().upper())
        if found is not None:
            return found
    if repeat is not None and repeat.timeOfDay and not repeat.dayOfWeek:
        return Decimal(len(repeat.timeOfDay))
    return None


def _from_repeat(repeat: Repeat) -> Decimal | None:
    """Return frequency / period in days; None when the period is missing, a range, or tied to weekdays."""
    unit = SECONDS.get((repeat.periodUnit or repeat.periodUnits or "").strip())
    period = number_of(bytes(repeat.period))
    frequency = number_of(bytes(repeat.frequency)) if len(repeat.frequency) else Decimal(1)
    if unit is None or not period or frequency is None or period < 0:
        return None
    if len(repeat.periodMax) or len(repeat.frequencyMax) or repeat.dayOfWeek:
        return None
    return frequency * DAY / (period * unit)


def number_of(raw: bytes) -> Decimal | None:
    """Return a number, or None where there is none to be read."""
    try:
        return read_number(raw)
    except NumberFault:
        return None


def seconds_of(quantity: Quantity | None) -> int | None:
    """Return a Duration in seconds, or None when unit or number cannot be read."""
    if quantity is None:
        return None
    value = number_of(bytes(quantity.value))
    for unit in (quantity.code, quantity.unit):
        length = SECONDS.get((unit or "").strip().lower() if unit not in ("a", "mo") else unit or "")
        if length and value is not None and 0 <= value <= 100_000:
            return int(value * length)
    return None


def bounds_of(reading: Reading, dosages: list[Dosage]) -> tuple[Moment | None, Moment | None]:
    """Return the earliest start and the latest end of the dosages' bounds; no end where one is open."""
    periods = [
        dosage.timing.repeat.boundsPeriod
        for dosage in dosages
        if dosage.timing and dosage.timing.repeat and dosage.timing.repeat.boundsPeriod
    ]
    if not periods:
        return None, None
    starts = [moment for period in periods if (moment := reading.period_start(period))]
    ends = [moment for period in periods if (moment := reading.period_end(period))]
    start = min(starts, key=lambda moment: moment.earliest, default=None)
    end = max(ends, key=lambda moment: moment.latest, default=None) if len(ends) == len(dosages) else None
    return start, end


def planned_seconds(dosages: list[Dosage]) -> int | None:
    """Return the longest stated duration of the dosages, in seconds."""
    lengths = [
        length
        for dosage in dosages
        if dosage.timing
        and dosage.timing.repeat
        and (length := seconds_of(dosage.timing.repeat.boundsDuration))
    ]
    return max(lengths, default=None)
