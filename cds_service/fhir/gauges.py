"""One analyte as one code measures it: the way from a sent number and unit to the canonical value.

A gauge is made once for a concept and remembers the unit it met last: results of a test hardly ever
change their unit, and comparing three texts is cheaper than looking them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal
from typing import Final, NamedTuple

from cds_service.errors import UnitError
from cds_service.fhir.numbers import NumberFault
from cds_service.terminology import Analyte, AnalyteCode, Terminology
from cds_service.units import Factor

#: Every number of at most 40 digits times every factor is exact in this context.
_EXACT: Final = Context(prec=100)
_UNIT_FAULTS: Final = {"U001": "F023", "U002": "F024", "U003": "F025", "U004": "F026"}
_NO_UNIT: Final = frozenset(("", "1", "[pH]"))
_SAME: Final = Factor(Decimal(1))
_MAX_UNITS: Final = 100

_SentUnit = tuple[str | None, str | None, str | None]


class Scale(NamedTuple):
    """How a number in one unit becomes canonical; ``factor`` is None where it already is."""

    unit: str
    factor: Factor | None


class Gauge:
    """Converts the results of one code; safe to share between threads (whole-value writes only)."""

    __slots__ = (
        "_last",
        "_scales",
        "_terminology",
        "analyte",
        "factors",
        "high",
        "low",
        "name",
        "point_of_care",
        "unit",
    )

    def __init__(self, code: AnalyteCode, terminology: Terminology) -> None:
        """Take what the code measures and the analyte's limits of survivable results."""
        analyte: Analyte = terminology.analytes[code.name]
        self._terminology = terminology
        self._scales: dict[_SentUnit, Scale | str] = {}
        self._last: tuple[str | None, str | None, str | None, Scale] | None = None
        self.analyte = analyte
        self.name = code.name
        self.point_of_care = code.point_of_care
        self.unit = analyte.unit
        self.factors: Mapping[str, Factor] = code.factors or analyte.factors
        self.low, self.high = analyte.plausible_from, analyte.plausible_to

    def scale(self, text: str | None, code: str | None, system: str | None) -> Scale:
        """Return the scale of a unit as sent.

        A score or ratio has no unit to send; for everything else an absent unit is a fault.

        Raises:
            NumberFault: F023 to F026, when the unit is absent or not one of this analyte.
        """
        last = self._last
        if last is not None and last[0] == text and last[1] == code and last[2] == system:
            return last[3]
        sent = (text, code, system)
        found = self._scales.get(sent)
        if found is None:
            found = self._find(*sent)
            if len(self._scales) < _MAX_UNITS:
                self._scales[sent] = found
        if isinstance(found, str):
            raise NumberFault(found)
        self._last = (text, code, system, found)
        return found

    def canonical(self, number: Decimal, scale: Scale) -> Decimal:
        """Return a number in the canonical unit. Raises NumberFault F027 when nobody could survive it."""
        factor = scale.factor
        value = number if factor is None else _EXACT.fma(number, factor.times, factor.plus)
        low, high = self.low, self.high
        if (low is not None and value < low) or (high is not None and value > high):
            raise NumberFault("F027")
        return value

    def _find(self, text: str | None, code: str | None, system: str | None) -> Scale | str:
        units = self._terminology.units
        is_sent = bool((text and text.strip()) or (code and code.strip()))
        if not is_sent and is_bare(units.ucum.get(self.unit)):
            return self._scale(self.unit) if self.unit in self.factors else "F023"
        try:
            word = units.parse(text, code, system)
        except UnitError as error:
            return _UNIT_FAULTS.get(error.issues[0].code, "F024")
        return self._scale(word) if word in self.factors else "F026"

    def _scale(self, word: str) -> Scale:
        factor = self.factors[word]
        return Scale(word, None if factor == _SAME else factor)


def is_bare(ucum: str | None) -> bool:
    """Whether a unit is no unit at all: a plain number, a score in braces, or pH."""
    if ucum is None:
        return False
    return ucum in _NO_UNIT or (ucum.startswith("{") and ucum.endswith("}") and "/" not in ucum)
