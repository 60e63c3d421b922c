"""The table of product codes a site has imported: written once, read at every start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from cds_service.errors import Issue
from cds_service.terminology.extend import Additions
from cds_service.terminology.model import ProductCode, Strength
from cds_service.terminology.store import Terminology

COLUMNS = ("product", "ingredient", "route", "amount", "unit")

_SYSTEM = "rxnorm"
_CODE = re.compile(r"\d{1,10}")
_AMOUNT = re.compile(r"(\d{1,7}(\.\d{1,9})?)?")
#: "furosemide 40 MG", "Lasix 40 MG [Lasix]": an amount for one dose unit; "10 MG/ML" is none.
_PLAIN = re.compile(r".* (\d{1,7}(?:\.\d{1,6})?) (MG|MCG|G|UNT)(?: \[[^\]]*\])?")
_SCALES = {
    "MG": (Decimal(1), "mg"),
    "MCG": (Decimal("0.001"), "mg"),
    "G": (Decimal(1000), "mg"),
    "UNT": (Decimal(1), "unit"),
}
_MOST_FAULTS = 20


class Product(NamedTuple):
    """One ingredient of one product code; ``route``, ``amount`` and ``unit`` empty where not plain."""

    code: str
    ingredient: str
    route: str = ""
    amount: str = ""
    unit: str = ""


def strength_in(name: str) -> tuple[str, str]:
    """Return amount and unit of the name of a drug component; empty words where it is not plain."""
    match = _PLAIN.fullmatch(name)
    if match is None:
        return "", ""
    times, unit = _SCALES[match[2]]
    amount = format((Decimal(match[1]) * times).normalize(), "f")
    return amount, unit


def write_products(path: Path, rows: Iterable[Product]) -> None:
    """Write the table; the file appears whole or not at all."""
    draft = path.with_name(path.name + ".part")
    with draft.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(COLUMNS) + "\n")
        file.writelines("\t".join(row) + "\n" for row in rows)
    draft.replace(path)


def add_products(path: Path, terminology: Terminology, more: Additions) -> tuple[int, list[Issue]]:
    """Add the product codes of a table; return how many codes are new, and the faults of the table.

    What is published of a product stands; ingredients it does not name are added.
    """
    faults: list[Issue] = []
    found: dict[str, list[ProductCode]] = {}
    for number, cells in _lines(path, faults):
        product = _read(cells, terminology)
        if product is None:
            faults.append(
                Issue(
                    f"{path.name}:{number}",
                    "T053",
                    "names an unknown ingredient or route, or has a cell that is none.",
                    "Import the release again: twitch-cds terminology import-rxnorm.",
                )
            )
            if len(faults) >= _MOST_FAULTS:
                break
        else:
            found.setdefault(cells[0], []).append(product)
    new = 0
    for code, products in found.items():
        published = {product.ingredient for product in terminology.ingredients_for(_SYSTEM, code)}
        rows = tuple(product for product in products if product.ingredient not in published)
        if rows:
            more.drugs[_SYSTEM, code] = rows
            new += not published
    return new, faults


def _lines(path: Path, faults: list[Issue]) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8") as file:
            head = file.readline(1_000).rstrip("\n").split("\t")
            if head != list(COLUMNS):
                raise ValueError
            for number, line in enumerate(file, start=2):
                yield number, line.rstrip("\n").split("\t")
    except (OSError, ValueError):
        faults.append(
            Issue(
                path.name, "T054", "is no table of product codes.", "Write it with terminology import-rxnorm."
            )
        )


def _read(cells: list[str], terminology: Terminology) -> ProductCode | None:
    if len(cells) != len(COLUMNS):
        return None
    code, name, route, amount, unit = cells
    ingredient = terminology.ingredients.get(name)
    is_fine = (
        _CODE.fullmatch(code)
        and _AMOUNT.fullmatch(amount)
        and (not route or route in terminology.routes.words)
    )
    if ingredient is None or not is_fine:
        return None
    strength = Strength(Decimal(amount), unit) if amount else None
    return ProductCode(name, route or ingredient.usual_route, strength)
