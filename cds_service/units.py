"""Read how a unit was written and convert an amount, in Decimal, refusing to guess.

The spellings and factors are content (`terminology/units.yaml`, `terminology/labs/` ...); this module only
knows how to look them up. Letter case is kept, because in UCUM it changes the meaning (``mmol`` is a
thousandth, ``Mmol`` a million); a spelling that is not listed is refused.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from cds_service.errors import Issue, UnitError

#: The names under which a sender may declare that a unit code is UCUM.
UCUM_SYSTEMS: Final = frozenset(
    {"ucum", "http://unitsofmeasure.org", "http://unitsofmeasure.org/", "urn:oid:2.16.840.1.113883.6.8"}
)

_MAX_LENGTH = 80
_SPACES = re.compile(r"\s+")
_SLASH = re.compile(r"\s*/\s*")


@dataclass(frozen=True, slots=True)
class Factor:
    """How an amount in one unit becomes canonical: ``amount * times + plus``."""

    times: Decimal
    plus: Decimal = Decimal(0)


def convert(value: Decimal, unit: str, factors: Mapping[str, Factor]) -> Decimal:
    """Return ``value`` (in ``unit``, a printed word) in the canonical unit of these factors.

    Raises:
        UnitError: when the unit has no factor here; nothing is ever assumed.
    """
    factor = factors.get(unit)
    if factor is None:
        raise _fault(
            "U004",
            "has a unit that does not belong to this kind of result.",
            "Look at the result itself; add the unit to the analyte if it is right.",
        )
    return value * factor.times + factor.plus


def fold_spelling(text: str) -> str:
    """Return a unit spelling without what never changes its meaning.

    Compatibility characters (superscripts, the micro sign), Greek mu, blanks and blanks around a
    slash go; letter case stays.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\N{GREEK SMALL LETTER MU}", "u")
    return _SLASH.sub("/", _SPACES.sub(" ", plain.strip()))


class Units:
    """All units the content knows: every accepted spelling, its printed word and its UCUM code."""

    __slots__ = ("_spellings", "ucum", "words")

    def __init__(self, spellings: Iterable[tuple[str, str]], ucum: Mapping[str, str]) -> None:
        """Take pairs of spelling and printed word, and ``printed word -> UCUM code``.

        Raises:
            ValueError: when one spelling stands for two units.
        """
        folded: dict[str, str] = {}
        for spelling, word in spellings:
            if folded.setdefault(fold_spelling(spelling), word) != word:
                raise ValueError(f"the spelling {spelling!r} stands for two units")
        self._spellings: Mapping[str, str] = MappingProxyType(folded)
        self.ucum: Mapping[str, str] = MappingProxyType(dict(ucum))
        self.words: frozenset[str] = frozenset(ucum)

    def parse(self, text: str | None, code: str | None = None, system: str | None = None) -> str:
        """Return the printed word for a unit as sent: its text, its code and the code's system.

        A code counts when its system is UCUM or absent. Where text and code are both readable they
        must mean the same unit. A code of another system (SNOMED CT units) is not read; the text then
        decides.

        Raises:
            UnitError: unit absent (U001), not understood (U002) or text against code (U003).
        """
        shown = text if text and text.strip() else None
        coded = code if code and code.strip() and (not system or system in UCUM_SYSTEMS) else None
        if shown is None and coded is None:
            if code and code.strip():
                raise _fault(
                    "U002",
                    "has a unit code of a system that is not UCUM, and no unit text.",
                    "Send the UCUM code.",
                )
            raise _fault("U001", "has no unit.", "Send the unit as UCUM code; it is never assumed.")
        by_code = self._find(coded) if coded else None
        by_text = self._find(shown) if shown else None
        if by_code and by_text and by_code != by_text:
            raise _fault(
                "U003", "has a unit text that contradicts its unit code.", "Send the same unit in both."
            )
        word = by_code or by_text
        if word is None:
            raise _fault("U002", "has a unit that is not understood.", "Send the UCUM code of the unit.")
        return word

    def knows(self, text: str) -> bool:
        """Return whether this spelling is listed."""
        return self._find(text) is not None

    def _find(self, text: str) -> str | None:
        if len(text) > _MAX_LENGTH:
            return None
        return self._spellings.get(text) or self._spellings.get(fold_spelling(text))


def _fault(code: str, what: str, remedy: str) -> UnitError:
    return UnitError(Issue("unit", code, what, remedy))
