"""Read a release of RxNorm (RRF files) and tell which products hold which of our ingredients.

The files are large: they are read line by line into a scratch database on disk. Nothing of a release
comes with this product; a site imports its own.

Source of columns and meaning: RxNorm Technical Documentation, National Library of Medicine, sections
on RXNCONSO.RRF and RXNREL.RRF. A row of RXNREL says what the second concept is to the first: with
RELA ``has_ingredient``, RXCUI2 has the ingredient RXCUI1.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cds_service.errors import ContentError, Issue
from cds_service.terminology.products import Product, strength_in
from cds_service.terminology.store import Terminology
from cds_service.terminology.words import tokens

_SYSTEM: Final = "rxnorm"
_CONCEPTS: Final = "RXNCONSO.RRF"
_RELATIONS: Final = "RXNREL.RRF"

# columns of RXNCONSO: RXCUI LAT TS LUI STT SUI ISPREF RXAUI SAUI SCUI SDUI SAB TTY CODE STR SRL SUPPRESS CVF
_CONCEPT_WIDTH: Final = 18
_RXCUI, _SAB, _TTY, _STR, _SUPPRESS = 0, 11, 12, 14, 16
# columns of RXNREL: RXCUI1 RXAUI1 STYPE1 REL RXCUI2 RXAUI2 STYPE2 RELA RUI SRUI SAB SL DIR RG SUPPRESS CVF
_RELATION_WIDTH: Final = 16
_FIRST, _KIND1, _SECOND, _KIND2, _RELA, _REL_SAB, _REL_SUPPRESS = 0, 2, 4, 6, 7, 10, 14

#: Kinds of names: substances, and everything made of them. Dose forms (DF) tell the route.
_SUBSTANCES: Final = frozenset(("IN", "PIN"))
_KINDS: Final = _SUBSTANCES | frozenset(
    (
        *("MIN", "BN", "SCD", "SBD", "SCDC", "SBDC", "SCDF", "SBDF", "SCDG", "SBDG", "GPCK", "BPCK"),
        *("SCDFP", "SBDFP", "SCDGP", "DF"),
    )
)
#: What is suppressed by the editors is left out; obsolete names (O) stay, for old records hold them.
_LEFT_OUT: Final = frozenset(("Y", "E"))
#: "The second concept is made of the first", and the same said the other way round.
_MADE_OF: Final = frozenset(
    (
        *("has_ingredient", "has_ingredients", "has_precise_ingredient", "consists_of", "contains"),
        *("tradename_of", "has_part", "form_of"),
    )
)
_MAKES: Final = frozenset(
    (
        *("ingredient_of", "ingredients_of", "precise_ingredient_of", "constitutes", "contained_in"),
        *("has_tradename", "part_of", "has_form"),
    )
)
_FORM_OF: Final = "dose_form_of"
_HAS_FORM: Final = "has_dose_form"
_MOST_STEPS: Final = 8
_MAX_LINE: Final = 100_000
_BATCH: Final = 20_000

_TABLES: Final = """
create table concept (cui text primary key, kind text, name text) without rowid;
create table made_of (whole text, part text, primary key (whole, part)) without rowid;
create table form (whole text, form text, primary key (whole, form)) without rowid;
create table holds (cui text, ingredient text, primary key (cui, ingredient)) without rowid;
"""

#: Told how many lines of which file are read.
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Counted:
    """How much was read and found."""

    concepts: int
    relations: int
    products: int
    ingredients: int


def import_rxnorm(
    folder: Path, terminology: Terminology, scratch: Path, progress: Progress = lambda _name, _count: None
) -> tuple[list[Product], Counted]:
    """Return a row for every product code and each of our ingredients in it, sorted by code and ingredient.

    Args:
        folder: The unpacked release, or its ``rrf`` folder.
        terminology: Whose ingredients are looked for.
        scratch: File for the scratch database; must not exist.
        progress: Called now and then.

    Raises:
        ContentError: A file is missing, cannot be read or does not have the documented columns.
    """
    concepts, relations = _file(folder, _CONCEPTS), _file(folder, _RELATIONS)
    database = sqlite3.connect(scratch, isolation_level=None)
    try:
        database.executescript("pragma journal_mode = off; pragma synchronous = off;" + _TABLES)
        database.execute("begin")
        named = _store(database, "concept", 3, _concepts(concepts, progress))
        related = _store_relations(database, relations, progress)
        _find_ingredients(database, terminology)
        rows = sorted(_products(database, terminology), key=lambda row: (int(row.code), row.ingredient))
    except (OSError, UnicodeError, sqlite3.Error) as error:
        raise ContentError(Issue(folder.name, "T050", f"cannot be read ({type(error).__name__}).")) from None
    finally:
        database.close()
    codes, ingredients = {row.code for row in rows}, {row.ingredient for row in rows}
    return rows, Counted(named, related, len(codes), len(ingredients))


def _file(folder: Path, name: str) -> Path:
    for path in (folder / name, folder / "rrf" / name):
        if path.is_file():
            return path
    raise ContentError(Issue(folder.name, "T051", f"has no {name}.", "Unpack the release, name its folder."))


def _rows(path: Path, width: int, progress: Progress) -> Iterator[list[str]]:
    """Yield the cells of each line; a line of another form is a fault: the columns would mean nothing."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(_MAX_LINE):
            number += 1
            cells = line.decode("utf-8").rstrip("\r\n").split("|")
            if len(cells) != width + 1 or cells[-1] or not line.endswith(b"\n"):
                raise ContentError(
                    Issue(
                        f"{path.name}:{number}",
                        "T052",
                        f"has not the {width} columns of an RxNorm release.",
                        "Unpack the release again.",
                    )
                )
            if number % 100_000 == 0:
                progress(path.name, number)
            yield cells


def _concepts(path: Path, progress: Progress) -> Iterator[tuple[str, ...]]:
    for cells in _rows(path, _CONCEPT_WIDTH, progress):
        is_wanted = cells[_SAB] == "RXNORM" and cells[_TTY] in _KINDS
        if is_wanted and cells[_SUPPRESS] not in _LEFT_OUT and _is_code(cells[_RXCUI]):
            yield cells[_RXCUI], cells[_TTY], cells[_STR][:1_000]


def _store_relations(database: sqlite3.Connection, path: Path, progress: Progress) -> int:
    tables: dict[str, list[tuple[str, ...]]] = {"made_of": [], "form": []}
    count = 0
    for table, row in _relations(path, progress):
        tables[table].append(row)
        if len(tables[table]) >= _BATCH:
            count += _store(database, table, 2, iter(tables[table]))
            tables[table].clear()
    return count + sum(_store(database, table, 2, iter(rows)) for table, rows in tables.items())


def _relations(path: Path, progress: Progress) -> Iterator[tuple[str, tuple[str, str]]]:
    for cells in _rows(path, _RELATION_WIDTH, progress):
        between_concepts = cells[_KIND1] == cells[_KIND2] == "CUI" and cells[_REL_SAB] == "RXNORM"
        if not between_concepts or cells[_REL_SUPPRESS] in _LEFT_OUT:
            continue
        first, second, relation = cells[_FIRST], cells[_SECOND], cells[_RELA]
        if relation in _MADE_OF:
            yield "made_of", (second, first)
        elif relation in _MAKES:
            yield "made_of", (first, second)
        elif relation in (_HAS_FORM, _FORM_OF):
            yield "form", (second, first) if relation == _HAS_FORM else (first, second)


def _store(database: sqlite3.Connection, table: str, width: int, rows: Iterator[tuple[str, ...]]) -> int:
    marks = ", ".join("?" * width)
    before = database.total_changes
    database.executemany(f"insert or ignore into {table} values ({marks})", rows)
    return database.total_changes - before


def _find_ingredients(database: sqlite3.Connection, terminology: Terminology) -> None:
    """Let every concept hold the ingredients of what it is made of, step by step.

    A brand name is a part of its products too, but may stand for other formulations with other
    ingredients: what it holds is never handed on.
    """
    known = (
        (code, product.ingredient)
        for code, kind in database.execute("select cui, kind from concept").fetchall()
        if kind in _SUBSTANCES
        for product in terminology.ingredients_for(_SYSTEM, code)
    )
    _store(database, "holds", 2, known)
    for _ in range(_MOST_STEPS):
        before = database.total_changes
        database.execute(
            "insert or ignore into holds select made_of.whole, holds.ingredient from holds"
            " join concept part on part.cui = holds.cui and part.kind <> 'BN'"
            " join made_of on made_of.part = holds.cui"
            " join concept whole on whole.cui = made_of.whole"
        )
        if database.total_changes == before:
            return


def _products(database: sqlite3.Connection, terminology: Terminology) -> Iterator[Product]:
    strengths = _strengths(database)
    routes: dict[str, str] = {}
    query = (
        "select holds.cui, concept.kind, concept.name, holds.ingredient,"
        " (select group_concat(dose.name, '|') from form join concept dose on dose.cui = form.form"
        " where form.whole = holds.cui) from holds join concept on concept.cui = holds.cui"
    )
    for code, kind, name, ingredient, forms in database.execute(query):
        words = forms or (name if kind not in _SUBSTANCES else "")
        if words not in routes:
            routes[words] = terminology.routes.in_words(tokens(words)) or ""
        amount, unit = strengths.get((code, ingredient), ("", ""))
        yield Product(code, ingredient, routes[words], amount, unit)


def _strengths(database: sqlite3.Connection) -> Mapping[tuple[str, str], tuple[str, str]]:
    """Return the plain strength of each ingredient of a product, where its components agree on one."""
    own = (
        "select made_of.whole, holds.ingredient, part.name from made_of"
        " join concept part on part.cui = made_of.part and part.kind in ('SCDC', 'SBDC')"
        " join holds on holds.cui = made_of.part"
    )
    found: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for whole, ingredient, name in database.execute(own):
        found.setdefault((whole, ingredient), set()).add(strength_in(name))
    return {key: next(iter(said)) for key, said in found.items() if len(said) == 1}


def _is_code(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10
