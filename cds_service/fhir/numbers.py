"""Read numbers from FHIR JSON exactly and within bounds; never through binary floating point.

A number keeps the digits the laboratory printed ("3.50" stays 3.50). Nothing here decides what a
number means.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, NamedTuple

#: More digits than any instrument prints; beyond it a number is an error or an attack.
MAX_DIGITS: Final = 40
#: Exponents beyond this belong to no quantity in a health record.
MAX_EXPONENT: Final = 20

_SHORT = 18
_SHAPE = re.compile(r"-?(?P<whole>\d+)(?:\.(?P<part>\d+))?(?:[eE](?P<exp>[+-]?\d+))?", re.ASCII)
_PLAIN = re.compile(r"-?\d+(?:\.\d+)?", re.ASCII).fullmatch
_TEXT = re.compile(
    r"\s*(<=|>=|<|>)?\s*(-?[0-9]{1,20}(?:\.[0-9]{1,20})?)\s*([^\s\d<>=.,;:+-]\S{0,29}(?: \S{1,20}){0,3})?\s*"
)
_SPAN = re.compile(
    r"\s*(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(?:-|–|to)\s*(-?[0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([^\d\s].{0,40})?"
)
_COMPARATORS = frozenset(("<", "<=", ">", ">="))


class NumberFault(Exception):
    """A value that is no usable number; ``code`` is one of ``fhir.faults.CODES``."""

    def __init__(self, code: str) -> None:
        """Keep the code only: the value itself must not reach a log."""
        super().__init__(code)
        self.code = code


class TextNumber(NamedTuple):
    """A number found as the whole of a text: comparator or "", digits as printed, unit or None."""

    comparator: str
    digits: str
    unit: str | None


def read_number(raw: bytes) -> Decimal:
    """Return the exact value of a JSON number.

    Raises:
        NumberFault: F020 when there is no number, F021 when it is not a JSON number,
            F022 when it has more than 40 digits or an exponent beyond 20.
    """
    return number_in(raw.decode("utf-8", "replace"))


def number_in(text: str) -> Decimal:
    """Return the exact value of the text of a JSON number. Raises NumberFault as ``read_number``."""
    if len(text) <= _SHORT and _PLAIN(text):
        return Decimal(text)
    if not text or text == "null":
        raise NumberFault("F020")
    return _read_long(text)


def _read_long(text: str) -> Decimal:
    if len(text) > MAX_DIGITS + 12:
        raise NumberFault("F022" if (text[0] == "-" or text[0].isdigit()) else "F021")
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise NumberFault("F021")
    digits = len(match["whole"]) + len(match["part"] or "")
    if digits > MAX_DIGITS or abs(int(match["exp"] or 0)) > MAX_EXPONENT:
        raise NumberFault("F022")
    return Decimal(match[0])


def printed(raw: bytes) -> str:
    """Return the digits of a number as the sender printed them, cut to a length fit for a card."""
    return raw.decode("utf-8", "replace")[:60]


def read_text_number(text: str) -> TextNumber | None:
    """Return the number a text consists of ("5.1 mg/dL", "<0.2"), or None for any other text.

    A decimal comma is not read: it cannot be told from a thousands separator.
    """
    if len(text) > 80:
        return None
    match = _TEXT.fullmatch(text)
    return TextNumber(match[1] or "", match[2], match[3]) if match else None


def read_text_range(text: str) -> tuple[Decimal, Decimal] | None:
    """Return the limits of a range printed as "3.5-5.0" or "3.5 to 5.0 mmol/L", else None."""
    match = _SPAN.fullmatch(text) if len(text) <= 80 else None
    if match is None:
        return None
    low, high = Decimal(match[1]), Decimal(match[2])
    return (low, high) if low < high else None


def is_comparator(text: str | None) -> bool:
    """Whether a quantity's comparator is absent or one the engine knows how to compare."""
    return not text or text in _COMPARATORS
