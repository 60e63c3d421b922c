"""Check digits: a mistyped code of SNOMED CT or LOINC is seen without asking anybody.

Source: SNOMED CT Technical Implementation Guide, "Check-digit" (Verhoeff's scheme); LOINC Users' Guide,
appendix on the calculation of check digits (mod 10).
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.errors import Issue
from cds_service.terminology.analytes import FOLDERS
from cds_service.terminology.model import Coding
from cds_service.terminology.sets import SET_FOLDERS
from cds_service.terminology.store import Terminology

_SIDES = 5
_LONGEST = 18


def verhoeff_holds(code: str) -> bool:
    """Return whether the last digit of a SNOMED CT identifier fits the others."""
    if not (code.isascii() and code.isdigit() and len(code) <= _LONGEST):
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _turned(check, _permuted(place, int(digit)))
    return check == 0


def mod10_holds(code: str) -> bool:
    """Return whether the digit after the hyphen of a LOINC code fits those before it."""
    number, _, check = code.partition("-")
    if not (
        number.isascii() and number.isdigit() and len(check) == 1 and check.isascii() and check.isdigit()
    ):
        return False
    doubled = (
        int(digit) * 2 if place % 2 == 0 else int(digit) for place, digit in enumerate(reversed(number))
    )
    return (sum(sum(divmod(value, 10)) for value in doubled) + int(check)) % 10 == 0


_HOLDS = {"snomed": verhoeff_holds, "loinc": mod10_holds}


def digit_issues(terminology: Terminology) -> list[Issue]:
    """Return every code of the terminology whose check digit is wrong, by place."""
    return sorted(
        Issue(
            where, "T080", f"has the code {coding.code!r}, whose check digit is wrong.", "Look it up again."
        )
        for where, coding in _codings(terminology)
        if coding.system in _HOLDS and not _HOLDS[coding.system](coding.code)
    )


def _codings(terminology: Terminology) -> Iterator[tuple[str, Coding]]:
    for analyte in terminology.analytes.values():
        yield from ((f"terminology/{FOLDERS[analyte.kind]}/{analyte.name}.yaml", c) for c in analyte.codes)
    for ingredient in terminology.ingredients.values():
        yield from ((f"terminology/drugs/{ingredient.name}.yaml", c) for c in ingredient.codes)
    for order in terminology.orders.values():
        yield from ((f"terminology/orders/{order.name}.yaml", c) for c in order.codes)
    for kind, sets in terminology.value_sets.items():
        for value_set in sets.values():
            where = f"terminology/{SET_FOLDERS[kind]}/{value_set.name}.yaml"
            yield from ((where, coding) for coding in value_set.codes)


def _turned(one: int, other: int) -> int:
    """Return the product of two elements of the symmetry group of the pentagon: 0-4 turn, 5-9 flip."""
    if one < _SIDES:
        turned = (one + other) % _SIDES
        return turned if other < _SIDES else turned + _SIDES
    turned = (one - other) % _SIDES
    return turned + _SIDES if other < _SIDES else turned


def _permuted(place: int, digit: int) -> int:
    """Return the digit after as many steps of the scheme's permutation as its place says (period 8)."""
    for _ in range(place % 8):
        digit = _STEP[digit]
    return digit


_STEP = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
