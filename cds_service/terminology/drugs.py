"""Read ingredients, drug sets and the product table from ``drugs/``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from cds_service.content import Document
from cds_service.errors import Issue
from cds_service.terminology.desk import Book, Desk
from cds_service.terminology.model import UNRECORDED, DrugSet, DrugSetPart, Ingredient, ProductCode, Strength
from cds_service.terminology.store import CodeTable, Routes
from cds_service.terminology.words import PhraseIndex

#: Begins the name of a brand among the names of ingredients.
BRAND = "="

_AMOUNT = re.compile(r"(\d{1,7}(\.\d{1,6})?)?")


class _Part(NamedTuple):
    """A part of a set, groups of routes not yet worked out: members, accepted leaf routes (None: all)."""

    members: frozenset[str]
    accepted: frozenset[str] | None = None
    stated_only: bool = False


@dataclass(frozen=True, slots=True)
class Pharmacy:
    """All ingredients and sets; every ingredient is also a set of one."""

    ingredients: dict[str, Ingredient]
    sets: dict[str, DrugSet]
    brands: dict[str, tuple[ProductCode, ...]]
    codes: CodeTable[ProductCode]
    words: PhraseIndex


def read_drugs(desk: Desk, folder: Path, routes: Routes) -> Pharmacy:
    """Read ``drugs/*.yaml`` and ``drugs/products.tsv``; faults go to the desk."""
    documents = {document.stem: document for document in desk.folder(folder / "drugs")}
    ingredients: dict[str, Ingredient] = {}
    for name, document in documents.items():
        if not _is_set(document):
            with desk.guard(document):
                ingredients[name] = _read_ingredient(desk, document, routes)
    book: Book[ProductCode] = desk.book()
    for name, ingredient in ingredients.items():
        with desk.guard(documents[name]):
            _add_codes(desk, documents[name], ingredient, routes, book)
    _read_products(desk, folder / "drugs" / "products.tsv", ingredients, routes, book)
    brands = _read_brands(desk, folder / "drugs" / "brands.tsv", ingredients, routes)
    texts = {name: documents[name].data.get("text", {}) for name in ingredients}
    wanted = {name: text.get("words", ()) for name, text in texts.items()}
    wanted.update({brand: (brand.removeprefix(BRAND),) for brand in brands})
    words = PhraseIndex(wanted, {name: text.get("not", ()) for name, text in texts.items()})
    sets = _Sets(desk, documents, ingredients, routes).build()
    return Pharmacy(ingredients, sets, brands, book.table(), words)


def _is_set(document: Document) -> bool:
    return "members" in document.data or "parts" in document.data


def _read_ingredient(desk: Desk, document: Document, routes: Routes) -> Ingredient:
    usual = document.data.get("usual_route")
    if usual is not None and usual not in routes.words:
        desk.fault(
            document,
            ("usual_route",),
            "T013",
            f"is the unknown route {usual!r}.",
            "Use a word of routes.yaml.",
        )
    codes = tuple(coding for _, coding in desk.codings(document))
    return Ingredient(document.stem, str(document.data["title"]), usual, codes)


def _add_codes(
    desk: Desk, document: Document, ingredient: Ingredient, routes: Routes, book: Book[ProductCode]
) -> None:
    for entry, coding in desk.codings(document):
        by_group = routes.for_atc(coding.code) if coding.system == "atc" else None
        route = entry.get("route") or ingredient.usual_route or by_group
        book.add(
            coding.system,
            coding.code,
            ProductCode(ingredient.name, route),
            below=bool(entry.get("descendants")),
        )


def _read_products(
    desk: Desk, path: Path, ingredients: Mapping[str, Ingredient], routes: Routes, book: Book[ProductCode]
) -> None:
    """Read the table by plain splitting: it has thousands of lines and no quoting."""
    for number, (product, name, route, amount, unit, _form) in _lines(desk, path, 6):
        ingredient = ingredients.get(name)
        if ingredient is None or (route and route not in routes.words) or not _AMOUNT.fullmatch(amount):
            desk.issues.append(
                Issue(
                    f"{path.relative_to(desk.root).as_posix()}:{number}",
                    "T014",
                    "names an unknown ingredient or route, or an amount that is no number.",
                    "Correct the row.",
                )
            )
            continue
        strength = Strength(Decimal(amount), unit) if amount else None
        book.add("rxnorm", product, ProductCode(name, route or ingredient.usual_route, strength))


def _read_brands(
    desk: Desk, path: Path, ingredients: Mapping[str, Ingredient], routes: Routes
) -> dict[str, tuple[ProductCode, ...]]:
    """Return ``=brand`` to its known ingredients; the route stands there where all its products share one."""
    brands: dict[str, tuple[ProductCode, ...]] = {}
    for number, cells in _lines(desk, path, 3):
        names = cells[1].split(",")
        route = cells[2] or None
        if not all(name in ingredients for name in names) or (route and route not in routes.words):
            desk.issues.append(
                Issue(
                    f"{path.relative_to(desk.root).as_posix()}:{number}",
                    "T014",
                    "names an unknown ingredient or route.",
                    "Correct the row.",
                )
            )
            continue
        brands[BRAND + cells[0]] = tuple(
            ProductCode(name, route or ingredients[name].usual_route) for name in names
        )
    return brands


def _lines(desk: Desk, path: Path, width: int) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells of each row of a table; a row of another width is a fault."""
    shown = path.relative_to(desk.root).as_posix()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        desk.issues.append(Issue(shown, "C001", f"cannot be read ({error.strerror})."))
        return
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) == width:
            yield number, cells
        else:
            desk.issues.append(
                Issue(f"{shown}:{number}", "T014", f"has not {width} cells.", "Correct the row.")
            )


class _Sets:
    """Works out drug sets: sets of sets, and routes given as words or groups."""

    def __init__(
        self,
        desk: Desk,
        documents: Mapping[str, Document],
        ingredients: Mapping[str, Ingredient],
        routes: Routes,
    ) -> None:
        self.desk = desk
        self.documents = documents
        self.ingredients = ingredients
        self.routes = routes
        self.leaves = frozenset(routes.words - routes.groups.keys())
        self._open: list[str] = []
        self._done: dict[str, tuple[_Part, ...]] = {}

    def build(self) -> dict[str, DrugSet]:
        result: dict[str, DrugSet] = {}
        for name in sorted(self.documents):
            document = self.documents[name]
            with self.desk.guard(document):
                parts = tuple(self._finish(part) for part in self._parts(name))
                members = frozenset[str]().union(*(part.members for part in parts))
                result[name] = DrugSet(
                    name, str(document.data["title"]), members, parts, str(document.data.get("note", ""))
                )
        return result

    def _parts(self, name: str) -> tuple[_Part, ...]:
        if name in self._done:
            return self._done[name]
        if name in self.ingredients:
            return (_Part(frozenset({name})),)
        if name in self._open:
            self.desk.fault(self.documents[name], (), "T016", "is a member of itself.", "Break the circle.")
            return ()
        self._open.append(name)
        document = self.documents[name]
        found: list[_Part] = []
        for block in self._blocks(document):
            found.extend(self._block(document, block))
        self._open.pop()
        self._done[name] = tuple(found)
        return self._done[name]

    @staticmethod
    def _blocks(document: Document) -> Iterator[Mapping[str, Any]]:
        if "members" in document.data:
            yield document.data
        yield from document.data.get("parts", ())

    def _block(self, document: Document, block: Mapping[str, Any]) -> Iterator[_Part]:
        accepted = self._accepted(document, block)
        stated_only = bool(block.get("stated_route_only"))
        for member in block["members"]:
            if member not in self.documents:
                self.desk.fault(
                    document,
                    ("members",),
                    "T017",
                    f"names the unknown member {member!r}.",
                    "Use the id of a file in drugs/.",
                )
                continue
            for inner in self._parts(str(member)):
                routes = _narrower(accepted, inner.accepted)
                yield _Part(inner.members, routes, stated_only or inner.stated_only)

    def _accepted(self, document: Document, block: Mapping[str, Any]) -> frozenset[str] | None:
        if "routes" in block:
            return self._leaves(document, block["routes"])
        if "exclude_routes" in block:
            unrecorded = frozenset[str]() if block.get("route_needed") else frozenset({UNRECORDED})
            return (self.leaves - self._leaves(document, block["exclude_routes"])) | unrecorded
        return None

    def _leaves(self, document: Document, words: Any) -> frozenset[str]:
        found: set[str] = set()
        for word in words:
            if word not in self.routes.words:
                self.desk.fault(
                    document,
                    ("routes",),
                    "T018",
                    f"names the unknown route {word!r}.",
                    "Use a word of routes.yaml.",
                )
            found |= self.routes.groups.get(word, frozenset({word}))
        return frozenset(found)

    def _finish(self, part: _Part) -> DrugSetPart:
        if part.accepted is None:
            return DrugSetPart(part.members)
        groups = self.routes.groups
        whole = {word for word, leaves in groups.items() if leaves <= part.accepted}
        partly = {word for word, leaves in groups.items() if leaves & part.accepted} - whole
        return DrugSetPart(part.members, part.accepted | whole, frozenset(partly), part.stated_only)


def _narrower(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """Return the routes both allow; None allows all."""
    if one is None or other is None:
        return other if one is None else one
    return one & other
