"""The immutable terminology in memory: every question is a dictionary look-up.

Systems may be given by short name (``loinc``) or by any address listed in ``systems.yaml``; a system
nobody listed knows no codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Generic, TypeVar

from cds_service.terminology.model import (
    SETTINGS,
    Analyte,
    AnalyteCode,
    DrugSet,
    Ingredient,
    OrderCode,
    ProductCode,
    Recency,
    TwitchCode,
    ValueSet,
)
from cds_service.terminology.results import ResultWords
from cds_service.terminology.words import PhraseIndex, Tokens, contains, parts, tokens
from cds_service.units import Units

Row = TypeVar("Row")

#: Kinds that are answered from the folder of another kind.
BORROWED = {"family": "condition", "allergy": "condition"}
ANALYTE_KINDS = frozenset({"lab", "vital", "survey"})


@dataclass(frozen=True, slots=True)
class Systems:
    """Code systems: every listed address to the short name, and which systems are trees.

    ``local`` are systems of a site: some of their codes are mapped, nothing is known of the others.
    """

    names: Mapping[str, str]
    uris: Mapping[str, str]
    dotted: frozenset[str]
    trees: frozenset[str]
    local: frozenset[str] = frozenset()

    def find(self, uri: str | None) -> str | None:
        """Return the short name of an address as sent, or None when nobody listed it."""
        if not uri:
            return None
        found = self.names.get(uri)
        return found or self.names.get(uri.strip().rstrip("/").lower())

    def tidy(self, system: str, code: str) -> str:
        """Return a code of a tree system as the content writes it: capitals, and the dot of ICD-10."""
        plain = code.strip().upper()
        if system in self.dotted and len(plain) > 3 and "." not in plain:
            return f"{plain[:3]}.{plain[3:]}"
        return plain


class CodeTable(Generic[Row]):
    """Codes to rows: exact codes first, then the listed parents of a code in a tree system."""

    __slots__ = ("_exact", "_parents", "_systems")

    def __init__(
        self,
        systems: Systems,
        exact: Mapping[tuple[str, str], tuple[Row, ...]],
        parents: Mapping[tuple[str, str], tuple[Row, ...]],
    ) -> None:
        """Take rows of exact codes and rows of codes that stand for all codes below them too."""
        self._systems = systems
        self._parents = dict(parents)
        self._exact = {key: unique(rows + self._above(*key)) for key, rows in exact.items()}
        for key in parents:
            self._exact.setdefault(key, unique(self._above(*key)))

    def extended(self, systems: Systems, more: Mapping[tuple[str, str], tuple[Row, ...]]) -> CodeTable[Row]:
        """Return a table with more codes, under systems that may have become more; what is known stands."""
        added = {
            key: unique((*self._exact.get(key, ()), *self._above(*key), *rows)) for key, rows in more.items()
        }
        return CodeTable(systems, {**self._exact, **added}, self._parents)

    def get(self, system: str, code: str) -> tuple[Row, ...]:
        """Return the rows for a code; empty when it is not known."""
        short = self._systems.find(system)
        if short is None:
            return ()
        rows = self._exact.get((short, code))
        if rows is not None:
            return rows
        if short not in self._systems.trees:
            return self._exact.get((short, code.strip()), ())
        tidy = self._systems.tidy(short, code)
        rows = self._exact.get((short, tidy))
        return unique(self._above(short, tidy)) if rows is None else rows

    def items(self) -> Iterator[tuple[tuple[str, str], tuple[Row, ...]]]:
        """Yield every listed code (short name of its system, code) with its rows, sorted."""
        yield from sorted(self._exact.items(), key=lambda item: item[0])

    def _above(self, system: str, code: str) -> tuple[Row, ...]:
        if system not in self._systems.trees:
            return ()
        found: tuple[Row, ...] = ()
        for end in range(1, min(len(code), 10) + 1):
            found += self._parents.get((system, code[:end]), ())
        return found


def unique(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return rows without repeats, in first-seen order."""
    kept: list[Row] = []
    for row in rows:
        if row not in kept:
            kept.append(row)
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class Routes:
    """Route words, how texts and codes name them, and which carry a drug into the whole body."""

    words: frozenset[str]
    systemic: frozenset[str]
    groups: Mapping[str, frozenset[str]]
    strong: PhraseIndex
    weak: PhraseIndex
    alone: Mapping[str, str]
    atc: tuple[tuple[str, str], ...]

    def word_for(self, text: str | None) -> str | None:
        """Return the route a route text or code means (``Oral``, ``IV``, ``PO``), or None."""
        if not text:
            return None
        words = tokens(text)
        return self.alone.get(" ".join(words)) or self.in_words(words)

    def named_in(self, text: str) -> str | None:
        """Return the route a text names, as ``word_for``, but never by a dose form alone (``inhaler``)."""
        words = tokens(text)
        return self.alone.get(" ".join(words)) or self._single(frozenset(self.strong.find_longest(words)))

    def in_words(self, words: tuple[str, ...]) -> str | None:
        """Return the one route the words of a drug's name or dose form mean; None when none or several.

        A word that names a route (``ophthalmic``) outranks a dose form (``ointment``).
        """
        for index in (self.strong, self.weak):
            found = frozenset(index.find_longest(words))
            if found:
                return self._single(found)
        return None

    def for_atc(self, code: str) -> str | None:
        """Return the route the ATC group of a code stands for, by the longest listed beginning."""
        for prefix, route in self.atc:
            if code.startswith(prefix):
                return route
        return None

    def _single(self, found: frozenset[str]) -> str | None:
        fine = {word for word in found if not self.groups.get(word, frozenset()) & found}
        return fine.pop() if len(fine) == 1 else None


@dataclass(frozen=True, slots=True)
class Terminology:
    """All names, codes, words and units; see the package for how to load one.

    ``local_codes`` tells of each code a site has mapped (short name of the system, code) to what.
    """

    units: Units
    systems: Systems
    routes: Routes
    analytes: Mapping[str, Analyte]
    ingredients: Mapping[str, Ingredient]
    drug_sets: Mapping[str, DrugSet]
    value_sets: Mapping[str, Mapping[str, ValueSet]]
    orders: Mapping[str, OrderCode]
    equivalents: Mapping[str, Mapping[str, Decimal]]
    sites: Mapping[str, str]
    site_regions: Mapping[str, str]
    content_hash: str
    analyte_codes: CodeTable[AnalyteCode]
    analyte_words: PhraseIndex
    drug_codes: CodeTable[ProductCode]
    drug_words: PhraseIndex
    brands: Mapping[str, tuple[ProductCode, ...]]
    set_codes: Mapping[str, CodeTable[str]]
    set_words: Mapping[str, PhraseIndex]
    set_alone: Mapping[str, Mapping[Tokens, tuple[str, ...]]]
    set_parents: Mapping[str, Mapping[str, tuple[str, ...]]]
    twitch_codes: CodeTable[TwitchCode]
    result_words: ResultWords
    recency: Recency
    local_codes: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def canonical_system(self, uri: str | None) -> str | None:
        """Return the short name of a code system, or None when it is not listed."""
        return self.systems.find(uri)

    def analyte(self, name: str) -> Analyte:
        """Return an analyte. Raises KeyError when there is none of this name."""
        return self.analytes[name]

    def analytes_for(self, system: str, code: str) -> tuple[AnalyteCode, ...]:
        """Return what a code measures; empty when unknown."""
        return self.analyte_codes.get(system, code)

    def analytes_for_text(self, text: str) -> tuple[AnalyteCode, ...]:
        """Return what a test's name means by its words; the last resort, marked ``by_text``."""
        return tuple(AnalyteCode(name, by_text=True) for name in self.analyte_words.find(tokens(text)))

    def drug_set(self, name: str) -> DrugSet:
        """Return a drug set, or an ingredient as a set of one. Raises KeyError when neither exists."""
        return self.drug_sets[name]

    def ingredients_for(self, system: str, code: str) -> tuple[ProductCode, ...]:
        """Return the known ingredients of a drug code; empty when unknown."""
        return self.drug_codes.get(system, code)

    def ingredients_for_text(self, text: str) -> tuple[ProductCode, ...]:
        """Return the known ingredients a drug's name holds, with the route its words tell."""
        words = tokens(text)
        names = self.drug_words.find_longest_allowed(words)
        if not names:
            return ()
        told = self.routes.in_words(words)
        found: dict[str, ProductCode] = {}
        for name in names:
            usual = None if name in self.brands else self.ingredients[name].usual_route
            for product in self.brands.get(name, (ProductCode(name, usual),)):
                found[product.ingredient] = ProductCode(product.ingredient, told or product.route)
        return tuple(found[name] for name in sorted(found))

    def names_for(self, kind: str, system: str, code: str) -> tuple[str, ...]:
        """Return the value sets of a kind (condition, symptom ...) that hold this code, sorted."""
        return self.set_codes[BORROWED.get(kind, kind)].get(system, code)

    def names_for_text(self, kind: str, text: str) -> tuple[str, ...]:
        """Return the value sets whose words the text holds, sorted; negation is not looked at."""
        home = BORROWED.get(kind, kind)
        parents = self.set_parents[home]
        words = tokens(text)
        found = (*self.set_words[home].find(words), *self._standing_alone(home, text, words))
        return tuple(sorted({up for name in found for up in parents[name]}))

    def _standing_alone(self, home: str, text: str, words: Tokens) -> tuple[str, ...]:
        """Return the names whose abbreviation is a whole part of the text ("ALS", "History: ALS")."""
        near = [whole for whole in self.set_alone[home] if contains(words, whole)]
        if not near:
            return ()
        whole_parts, forbids = parts(text), self.set_words[home].forbids
        named = (name for whole in near if whole in whole_parts for name in self.set_alone[home][whole])
        return tuple(name for name in named if not forbids(name, words))

    def value_set(self, kind: str, name: str) -> ValueSet | None:
        """Return a value set of a kind (condition, symptom ...), or None."""
        return self.value_sets.get(BORROWED.get(kind, kind), {}).get(name)

    def twitch_for(self, system: str, code: str) -> TwitchCode | None:
        """Return what a code says about the twitch itself, or None."""
        rows = self.twitch_codes.get(system, code)
        return rows[0] if rows else None

    def exists(self, kind: str, name: str) -> bool:
        """Return whether a rule may use this name with this kind (a kind of facts, or ``order``)."""
        return self._title(kind, name) is not None

    def title(self, kind: str, name: str) -> str:
        """Return the words for a name as printed on a card. Raises KeyError when unknown."""
        found = self._title(kind, name)
        if found is None:
            raise KeyError(f"{kind}: {name}")
        return found

    def _title(self, kind: str, name: str) -> str | None:
        if kind in ANALYTE_KINDS:
            analyte = self.analytes.get(name)
            return analyte.title if analyte and analyte.kind == kind else None
        if kind == "drug" or (kind == "allergy" and name in self.drug_sets):
            drug_set = self.drug_sets.get(name)
            return drug_set.title if drug_set else None
        if kind == "order":
            order = self.orders.get(name)
            return order.title if order else None
        if kind == "encounter" and name in SETTINGS:  # the class of the encounter, not a value set
            return name
        value_set = self.value_set(kind, name)
        return value_set.title if value_set else None
