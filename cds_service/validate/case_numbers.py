"""Read laboratory results, vital signs and scores of a case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import structs

from cds_service.errors import UnitError
from cds_service.facts import Measurement, SetAside, Source
from cds_service.schema import nearest
from cds_service.terminology import Analyte
from cds_service.validate import case_words as words
from cds_service.validate.case_desk import Desk, Placed, items_of

#: Sections of a case and the kind of numbers each one holds.
NUMBER_SECTIONS = {"labs": "lab", "vitals": "vital", "surveys": "survey"}


def read_numbers(
    desk: Desk, patient: Mapping[str, Any], not_sent: frozenset[str]
) -> dict[str, tuple[Measurement, ...]]:
    """Return the results of each analyte, vital sign and score, oldest first."""
    found: dict[str, tuple[Measurement, ...]] = {}
    for section, kind in NUMBER_SECTIONS.items():
        for name, placed in sorted(patient.get(section, {}).items()):
            analyte = _analyte(desk, kind, name, placed)
            if analyte is None or placed.value == "none" or kind in not_sent:
                continue
            results = [
                _measurement(desk, analyte, item, f"{name}-{number}")
                for number, item in enumerate(items_of(placed), start=1)
            ]
            usable = sorted(
                (m for m in results if m is not None), key=lambda m: (m.moment.earliest, m.moment.latest)
            )
            if usable:
                found[name] = tuple(usable)
    return found


def _analyte(desk: Desk, kind: str, name: str, placed: Placed) -> Analyte | None:
    analyte = desk.terminology.analytes.get(name)
    if analyte is None or analyte.kind != kind:
        known = [a.name for a in desk.terminology.analytes.values() if a.kind == kind]
        desk.fault(placed, f"names the {kind} {name!r}, which does not exist", nearest(name, known))
        return None
    return analyte


def _measurement(desk: Desk, analyte: Analyte, item: Placed, number: str) -> Measurement | None:
    read = desk.read(item, words.read_number, str(item.value), desk.as_of)
    if read is None:
        return None
    source = Source(f"Observation/{number}")
    if read.unreadable:
        desk.set_aside.append(
            SetAside(source, "case", "unreadable in the case", analyte.kind, analyte.name, moment=read.moment)
        )
        return None
    unit, canonical = _convert(desk, analyte, read, item)
    value, low, high = (canonical(part) for part in (read.value, read.low, read.high))
    if value is not None and not analyte.is_plausible(value):
        desk.fault(
            item,
            f"gives {analyte.name} outside the plausible limits, where a result is set aside",
            "Write 'unreadable' if that is meant.",
        )
        return None
    measurement = Measurement(
        name=analyte.name,
        value=value,
        moment=read.moment,
        source=source,
        reported=read.printed.replace(">=", "≥ ").replace("<=", "≤ "),
        unit=analyte.unit,
        comparator=read.comparator,
        low=low,
        high=high,
        direction=read.direction,
        marked=read.marked,
        unit_reported=unit,
        range_reported=read.range_printed,
    )
    remarks: dict[str, Any] = dict.fromkeys(read.remarks, True)
    return structs.replace(measurement, **remarks)


def _convert(
    desk: Desk, analyte: Analyte, read: words.NumberWords, item: Placed
) -> tuple[str, Callable[[Decimal | None], Decimal | None]]:
    """Return the unit word and a function to canonical; no unit is needed for a pure number."""

    def canonical(value: Decimal | None) -> Decimal | None:
        return None if value is None else analyte.to_canonical(value, unit)

    unit = analyte.unit if analyte.unit == "1" or read.value is None else ""
    try:
        unit = desk.terminology.units.parse(read.unit) if read.unit else unit
        canonical(Decimal(1))
    except UnitError:
        desk.fault(
            item,
            f"gives {analyte.name} in {read.unit or 'no unit'}, which does not convert",
            f"Write one of: {', '.join(sorted(analyte.factors))}.",
        )
        return "", lambda _: None
    return unit, canonical
