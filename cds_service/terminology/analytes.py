"""Read laboratory tests, vital signs and scores from ``labs/``, ``vitals/`` and ``surveys/``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content import Document, Pointer
from cds_service.facts import DAY, HOUR, MINUTE
from cds_service.terminology.desk import Book, Desk
from cds_service.terminology.model import SETTINGS, Analyte, AnalyteCode
from cds_service.terminology.store import CodeTable
from cds_service.terminology.words import PhraseIndex
from cds_service.units import Factor, Units

FOLDERS = {"lab": "labs", "vital": "vitals", "survey": "surveys"}

_DURATION = re.compile(r"(\d{1,5}) (minute|hour|day)s?")
_SECONDS = {"minute": MINUTE, "hour": HOUR, "day": DAY}

Windows = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shelf:
    """All analytes with their code table and their words."""

    analytes: dict[str, Analyte]
    codes: CodeTable[AnalyteCode]
    words: PhraseIndex


def read_analytes(desk: Desk, folder: Path, units: Units, lookback: Document | None) -> Shelf:
    """Read the three folders; faults go to the desk."""
    reader = _Reader(desk, units, lookback)
    for kind, name in FOLDERS.items():
        for document in desk.folder(folder / name):
            with desk.guard(document):
                reader.read(document, kind)
    return Shelf(reader.analytes, reader.book.table(), PhraseIndex(reader.wanted, reader.forbidden))


def seconds(text: object) -> int:
    """Return a duration such as ``30 days`` in seconds. Raises ValueError when it is not one."""
    match = _DURATION.fullmatch(str(text))
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as '30 days'")
    return int(match[1]) * _SECONDS[match[2]]


class _Reader:
    """Builds analytes one file at a time."""

    def __init__(self, desk: Desk, units: Units, lookback: Document | None) -> None:
        self.desk = desk
        self.units = units
        self.analytes: dict[str, Analyte] = {}
        self.book: Book[AnalyteCode] = desk.book()
        self.wanted: dict[str, list[str]] = {}
        self.forbidden: dict[str, list[str]] = {}
        self.defaults = dict(desk.items(lookback, "default"))

    def read(self, document: Document, kind: str) -> None:
        data = document.data
        name = document.stem
        if name in self.analytes:
            self.desk.fault(document, ("id",), "T006", "is the name of two analytes.", "Rename one of them.")
        factors = self._factors(document, ("units",), data["units"])
        if data["unit"] not in factors:
            self.desk.fault(
                document, ("unit",), "T007", "is not among the accepted units.", "Add it with factor 1."
            )
        self.analytes[name] = self._analyte(document, kind, factors)
        for entry, coding in self.desk.codings(document):
            own = self._factors(document, ("codes",), entry["units"]) if "units" in entry else None
            row = AnalyteCode(name, bool(entry.get("point_of_care")), own)
            self.book.add(coding.system, coding.code, row)
        text = data.get("text", {})
        self.wanted[name] = list(text.get("words", ()))
        self.forbidden[name] = list(text.get("not", ()))

    def _analyte(self, document: Document, kind: str, factors: Mapping[str, Factor]) -> Analyte:
        data = document.data
        reference = data.get("range", {})
        plausible = data.get("plausible", {})
        low, high = _limits(reference)
        by_sex = {sex: _limits({**reference, **part}) for sex, part in reference.get("by_sex", {}).items()}
        return Analyte(
            name=document.stem,
            kind=kind,
            title=str(data["title"]),
            abbreviation=str(data.get("abbreviation", "")),
            unit=str(data["unit"]),
            factors=factors,
            low=low,
            high=high,
            range_by_sex=MappingProxyType(by_sex),
            plausible_from=_number(plausible.get("from")),
            plausible_to=_number(plausible.get("to")),
            usual=self._windows(data, kind, "usual"),
            fresh=self._windows(data, kind, "fresh"),
            codes=tuple(coding for _, coding in self.desk.codings(document)),
            doubtful_is_upper_bound=data.get("doubtful_sample") == "upper-bound",
        )

    def _factors(
        self, document: Document, pointer: Pointer, entries: Mapping[str, Any]
    ) -> Mapping[str, Factor]:
        factors: dict[str, Factor] = {}
        for word, entry in entries.items():
            if word not in self.units.words:
                self.desk.fault(
                    document,
                    (*pointer, word),
                    "T008",
                    f"uses the unknown unit {word!r}.",
                    "Use a printed word of units.yaml.",
                )
            if isinstance(entry, dict):
                factors[word] = Factor(Decimal(entry["times"]), Decimal(entry.get("plus", 0)))
            else:
                factors[word] = Factor(Decimal(entry))
        return MappingProxyType(factors)

    def _windows(self, data: Mapping[str, Any], kind: str, key: str) -> Windows:
        """Return seconds per setting: the file's own, else the default of its kind."""
        own = data.get(key, {})
        default = self.defaults.get(kind, {}).get(key, {})
        return MappingProxyType({place: seconds(own.get(place, default.get(place))) for place in SETTINGS})


def _limits(part: Mapping[str, Any]) -> tuple[Decimal | None, Decimal | None]:
    return _number(part.get("low")), _number(part.get("high"))


def _number(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
