"""Say the numbers of an analyte in the unit its laboratory prints: what a person knows from the report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cds_service.catalogue.dossier import rounded
from cds_service.catalogue.logic import LogicWords
from cds_service.catalogue.thresholds import Cut
from cds_service.facts import Measurement
from cds_service.knowledge import Knowledge
from cds_service.rules.criteria import Limit
from cds_service.terminology import Analyte
from cds_service.units import Factor, Units

_PRINTED = re.compile(r"\D{0,3}?(-?\d+(?:\.\d+)?)(?![\d.,/])", re.ASCII)


@dataclass(frozen=True, slots=True)
class ShownUnit:
    """A unit of an analyte and the way to it from the canonical one."""

    unit: str
    factor: Factor
    units: Units

    def is_of(self, row: Measurement) -> bool:
        """Return whether a result was reported in this unit, in whatever spelling."""
        return house_unit(row, self.units) == self.unit

    def number(self, canonical: Decimal) -> str:
        """Return a canonical value in this unit, rounded to four significant digits."""
        return rounded((canonical - self.factor.plus) / self.factor.times)

    def point(self, row: Measurement) -> Mapping[str, str | None] | None:
        """Return value and range of a result; as it was printed where that was in this unit.

        None for a result without a number.
        """
        if row.value is None:
            return None
        printed = printed_number(row) if self.is_of(row) else None
        value = self.number(row.value) if printed is None else format(printed, "f")
        return {"value": value, **self.range(row.low, row.high)}

    def range(self, low: Decimal | None, high: Decimal | None) -> Mapping[str, str | None]:
        """Return a canonical range in this unit; None for a side that is open."""
        return {
            "low": None if low is None else self.number(low),
            "high": None if high is None else self.number(high),
        }

    def cut(self, cut: Cut, knowledge: Knowledge) -> Mapping[str, str]:
        """Return a limit of rules: its value, and in words with the unit."""
        value = self.number(cut.value)
        text = LogicWords(knowledge).limits((Limit(cut.op, Decimal(value), self.unit),))
        return {"shown": value, "shownText": text}


def shown_unit(rows: Iterable[Measurement], analyte: Analyte, units: Units) -> ShownUnit | None:
    """Return the unit of the newest result with a number, as it was reported.

    None where there is none, or where the factors of the analyte do not lead from a printed number to the
    value that was read: a code of its own kind (urea and urea nitrogen) has other factors than the limits.
    """
    known = [row for row in rows if row.value is not None and house_unit(row, units) in analyte.factors]
    if not known:
        return None
    newest = max(known, key=lambda row: (row.moment.latest, row.source.reference))
    unit = house_unit(newest, units)
    found = ShownUnit(unit, analyte.factors[unit], units)
    return found if found.factor.times and all(_is_so(row, found) for row in known) else None


def house_unit(row: Measurement, units: Units) -> str:
    """Return the unit a result was reported in, in the spelling of the product: `umol/L` is `µmol/L`.

    A spelling that is not listed is returned as it is.
    """
    reported = row.unit_reported
    return units.parse(reported) if reported and units.knows(reported) else reported


def _is_so(row: Measurement, shown: ShownUnit) -> bool:
    printed = printed_number(row)
    if not shown.is_of(row) or printed is None or row.value is None:
        return True
    return printed * shown.factor.times + shown.factor.plus == row.value


def printed_number(row: Measurement) -> Decimal | None:
    """Return the number of a result as the laboratory printed it; None where its text begins with none."""
    found = _PRINTED.match(row.reported)
    return Decimal(found[1]) if found else None
