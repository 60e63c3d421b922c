"""Read the folder ``terminology/`` into one immutable Terminology, reporting every fault at once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cds_service.content import Document
from cds_service.terminology.analytes import read_analytes
from cds_service.terminology.desk import Desk
from cds_service.terminology.drugs import read_drugs
from cds_service.terminology.model import OrderCode, Recency, TwitchCode
from cds_service.terminology.recency import NO_TIME, read_recency
from cds_service.terminology.results import NO_WORDS, ResultWords, read_result_words
from cds_service.terminology.sets import SET_FOLDERS, read_sets
from cds_service.terminology.store import CodeTable, Routes, Systems, Terminology
from cds_service.terminology.words import PhraseIndex, tokens
from cds_service.units import Units

FOLDER = "terminology"

_SINGLE_FILES = ("units", "systems", "routes", "lookback", "equivalents", "twitch", "results")
_NO_PHRASES = PhraseIndex({}, {})
_NO_ROUTES = Routes(
    frozenset(), frozenset(), MappingProxyType({}), _NO_PHRASES, _NO_PHRASES, MappingProxyType({}), ()
)


def load_terminology(root: Path, revise: Callable[[Document], Document] | None = None) -> Terminology:
    """Load ``root/terminology``; ``revise`` gives each document as it holds at a site (None: as published).

    Raises:
        ContentError: with ``file:line`` for every fault of every file.
    """
    desk = Desk(root, revise)
    folder = root / FOLDER
    files = {name: desk.single(folder / f"{name}.yaml") for name in _SINGLE_FILES}
    units = desk.attempt(files["units"], lambda: _read_units(files["units"], desk), Units((), {}))
    systems = desk.attempt(files["systems"], lambda: _read_systems(files["systems"], desk), desk.systems)
    desk.systems = systems
    routes = desk.attempt(files["routes"], lambda: _read_routes(files["routes"], desk), _NO_ROUTES)
    shelf = read_analytes(desk, folder, units, files["lookback"])
    drugs = read_drugs(desk, folder, routes)
    sets = {kind: read_sets(desk, folder / name, kind) for kind, name in SET_FOLDERS.items()}
    orders = _read_orders(desk, folder / "orders", frozenset(shelf.analytes), frozenset(drugs.sets))
    names = frozenset(drugs.ingredients)
    nothing: dict[str, Mapping[str, Decimal]] = {}
    equivalents = desk.attempt(
        files["equivalents"], lambda: _read_equivalents(files["equivalents"], desk, names), nothing
    )
    twitch = desk.attempt(
        files["twitch"], lambda: _read_twitch(files["twitch"], desk), _Twitch(desk.book().table(), {}, {})
    )
    recency = desk.attempt(files["lookback"], lambda: _read_recency(files["lookback"]), NO_TIME)
    words = desk.attempt(files["results"], lambda: _read_words(files["results"]), NO_WORDS)
    desk.finish()
    return Terminology(
        units=units,
        systems=systems,
        routes=routes,
        analytes=MappingProxyType(shelf.analytes),
        ingredients=MappingProxyType(drugs.ingredients),
        drug_sets=MappingProxyType(drugs.sets),
        value_sets=MappingProxyType({kind: MappingProxyType(part.sets) for kind, part in sets.items()}),
        orders=MappingProxyType(orders),
        equivalents=MappingProxyType(equivalents),
        sites=MappingProxyType(twitch.sites),
        site_regions=MappingProxyType(twitch.regions),
        content_hash=_hash(folder),
        analyte_codes=shelf.codes,
        analyte_words=shelf.words,
        drug_codes=drugs.codes,
        drug_words=drugs.words,
        brands=MappingProxyType(drugs.brands),
        set_codes=MappingProxyType({kind: part.codes for kind, part in sets.items()}),
        set_words=MappingProxyType({kind: part.words for kind, part in sets.items()}),
        set_alone=MappingProxyType({kind: part.alone for kind, part in sets.items()}),
        set_parents=MappingProxyType({kind: part.parents for kind, part in sets.items()}),
        twitch_codes=twitch.codes,
        result_words=words,
        recency=recency,
    )


def _read_words(document: Document | None) -> ResultWords:
    return read_result_words(document) if document else NO_WORDS


def _read_recency(document: Document | None) -> Recency:
    return read_recency(document) if document else NO_TIME


def _read_units(document: Document | None, desk: Desk) -> Units:
    spellings: list[tuple[str, str]] = []
    ucum: dict[str, str] = {}
    for word, entry in desk.items(document, "units"):
        ucum[word] = str(entry["ucum"])
        for spelling in (word, ucum[word], *entry.get("spellings", ())):
            spellings.append((str(spelling), word))
    try:
        return Units(spellings, ucum)
    except ValueError as error:
        desk.fault(
            document, ("units",), "T020", f"is contradictory: {error}.", "Keep the spelling at one unit."
        )
        return Units((), ucum)


def _read_systems(document: Document | None, desk: Desk) -> Systems:
    names: dict[str, str] = {}
    uris: dict[str, str] = {}
    dotted: set[str] = set()
    trees: set[str] = set()
    for short, entry in desk.items(document, "systems"):
        uris[short] = str(entry["uri"])
        for alias in (short, uris[short], *entry.get("aliases", ())):
            for spelling in (str(alias), str(alias).strip().rstrip("/").lower()):
                if names.setdefault(spelling, short) != short:
                    desk.fault(
                        document,
                        ("systems", short),
                        "T021",
                        f"has an alias of {names[spelling]}.",
                        "Keep the alias at one system.",
                    )
        if entry.get("tree"):
            trees.add(short)
        if entry.get("dotted"):
            dotted.add(short)
        if "reads" in entry:
            desk.readers[short] = (str(entry["reads"]["system"]), int(entry["reads"]["longest"]))
    return Systems(MappingProxyType(names), MappingProxyType(uris), frozenset(dotted), frozenset(trees))


def _read_routes(document: Document | None, desk: Desk) -> Routes:
    strong: dict[str, list[str]] = {}
    weak: dict[str, list[str]] = {}
    alone: dict[str, str] = {}
    groups: dict[str, frozenset[str]] = {}
    systemic: set[str] = set()
    for word, entry in desk.items(document, "routes"):
        strong[word] = list(entry.get("words", ()))
        weak[word] = list(entry.get("forms", ()))
        for text in entry.get("alone", ()):
            alone[" ".join(tokens(str(text)))] = word
        if "includes" in entry:
            groups[word] = frozenset(entry["includes"])
        if entry.get("systemic"):
            systemic.add(word)
    prefixes = sorted(
        ((str(prefix), str(route)) for prefix, route in desk.pairs(document, "atc")),
        key=lambda pair: (-len(pair[0]), pair[0]),
    )
    words = frozenset(strong)
    leaves = {leaf for group in groups.values() for leaf in group}
    for route in sorted({*systemic, *leaves, *dict(prefixes).values()}):
        if route not in words:
            desk.fault(document, ("routes",), "T022", f"uses the unknown route {route!r}.", "Define it here.")
    return Routes(
        words,
        frozenset(systemic),
        MappingProxyType(groups),
        PhraseIndex(strong, {}),
        PhraseIndex(weak, {}),
        MappingProxyType(alone),
        tuple(prefixes),
    )


def _read_orders(
    desk: Desk, folder: Path, analytes: frozenset[str], drugs: frozenset[str]
) -> dict[str, OrderCode]:
    """Return the orders by name; a draft is asked for by name alone, so no drug may be called the same."""
    orders: dict[str, OrderCode] = {}
    for document in desk.folder(folder):
        if document.stem in drugs:
            desk.fault(
                document,
                ("id",),
                "T019",
                f"is called {document.stem!r} like a drug.",
                "Give the test another name, such as one ending in -level.",
            )
        with desk.guard(document):
            data = document.data
            result_of = tuple(map(str, data.get("result_of", ())))
            for place, name in enumerate(result_of):
                if name not in analytes:
                    desk.fault(
                        document,
                        ("result_of", place),
                        "T010",
                        f"names the unknown analyte {name!r}.",
                        "Use the id of a file in labs/, vitals/ or surveys/.",
                    )
            codes = tuple(coding for _, coding in desk.codings(document))
            orders[document.stem] = OrderCode(
                document.stem, str(data["title"]), str(data["category"]), codes, result_of
            )
    return orders


def _read_equivalents(
    document: Document | None, desk: Desk, ingredients: frozenset[str]
) -> dict[str, Mapping[str, Decimal]]:
    """Return per table: ingredient -> milligrams of the reference drug one milligram stands for."""
    tables: dict[str, Mapping[str, Decimal]] = {}
    for table, entry in desk.items(document, "tables"):
        amounts = entry["amounts"]
        factors: dict[str, Decimal] = {}
        for name, amount in amounts.items():
            if name not in ingredients:
                desk.fault(
                    document,
                    ("tables", table, "amounts", name),
                    "T011",
                    f"names the unknown ingredient {name!r}.",
                    "Use the id of a file in drugs/.",
                )
            factors[name] = Decimal(amounts[entry["expressed_as"]]) / Decimal(amount)
        tables[table] = MappingProxyType(factors)
    return tables


@dataclass(frozen=True, slots=True)
class _Twitch:
    codes: CodeTable[TwitchCode]
    sites: dict[str, str]
    regions: dict[str, str]


def _read_twitch(document: Document | None, desk: Desk) -> _Twitch:
    sites: dict[str, str] = {}
    regions: dict[str, str] = {}
    for site, entry in desk.items(document, "sites"):
        sites[site] = str(entry["title"])
        regions[site] = str(entry["region"])
    book = desk.book()
    data: Mapping[str, Any] = document.data if document else {}
    for place, entry in enumerate(data.get("codes", ())):
        row = TwitchCode(
            int(entry["level"]), tuple(entry.get("sites", ())), entry.get("side"), str(entry.get("title", ""))
        )
        for site in row.sites:
            if site not in sites and document:
                desk.fault(
                    document,
                    ("codes", place),
                    "T012",
                    f"names the unknown site {site!r}.",
                    "Define it under sites.",
                )
        book.add(str(entry["system"]), str(entry["code"]), row, below=bool(entry.get("descendants")))
    return _Twitch(book.table(), sites, regions)


def _hash(folder: Path) -> str:
    """Return one digest over names and bytes of all files, in sorted order."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".yaml", ".tsv"):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
