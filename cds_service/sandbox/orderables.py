"""Find by name what the order pad of the sandbox can order or record: drugs, tests, problems, coded.

Everything comes from the terminology: what the product could not read again is not offered.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.fhir import order_concept
from cds_service.terminology import Coding, ProductCode, Terminology
from cds_service.terminology.drugs import BRAND

#: Most matches of one question, and the longest question.
MOST_MATCHES = 20
_LONGEST = 100
_RXNORM = "rxnorm"
#: Systems a problem is coded in, the first first.
_PROBLEM_SYSTEMS = ("snomed", "icd-10-cm")
_PROBLEM_KINDS = ("condition", "symptom")
_HL7 = "http://terminology.hl7.org/CodeSystem"
_SURE = 3


@dataclass(frozen=True, slots=True)
class Orderable:
    """Something that can be ordered or recorded: ``words`` find it, ``note`` tells more of it.

    ``resource`` is a FHIR resource without id and subject. ``rank`` sorts those that are found equally well.
    """

    title: str
    note: str
    words: tuple[str, ...]
    resource: Mapping[str, Any]
    rank: int = 0


@dataclass(frozen=True, slots=True)
class _Found:
    """An orderable with its words as they are compared."""

    row: Orderable
    title: str
    of_title: tuple[str, ...]
    own: tuple[str, ...]

    @classmethod
    def by(cls, row: Orderable) -> _Found:
        title = _folded(row.title)
        of_title = tuple(title.split())
        return cls(row, title, of_title, (*of_title, *_folded(" ".join(row.words)).split()))

    def score(self, asked: list[str]) -> int | None:
        """Return how well it answers, 0 best; None when a word of the question begins none of its own."""
        if not all(any(word.startswith(part) for word in self.own) for part in asked):
            return None
        if self.title.startswith(" ".join(asked)):
            return 0
        return 1 if all(any(word.startswith(part) for word in self.of_title) for part in asked) else 2


class Orderables:
    """Everything that can be ordered or recorded, made once of a terminology; only read afterwards."""

    def __init__(self, terminology: Terminology) -> None:
        """Collect what the terminology knows by a code, and tests also without one."""
        self._shelves: Mapping[str, tuple[Orderable, ...]] = {
            "drug": tuple(_drugs_of(terminology)),
            "test": tuple(_tests_of(terminology)),
            "problem": (*_twitches(terminology), *_named_problems(terminology)),
        }
        self._indexes = {kind: tuple(map(_Found.by, rows)) for kind, rows in self._shelves.items()}

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of things that can be looked for."""
        return tuple(self._shelves)

    def find(self, kind: str, query: str) -> list[dict[str, Any]]:
        """Return what matches a question, best first (JSON-ready), at most ``MOST_MATCHES``.

        ``kind`` is one of ``kinds``; every word of ``query`` must begin a word of the name, a brand or the
        title of a code, without regard to accents and case. No question finds nothing.

        Raises:
            KeyError: There is no such kind.
        """
        index = self._indexes[kind]
        asked = _folded(query[:_LONGEST]).split()
        scored = [(score, it.row) for it in index if asked and (score := it.score(asked)) is not None]
        scored.sort(key=lambda pair: (pair[0], pair[1].rank, len(pair[1].title), pair[1].title))
        return [
            {"title": row.title, "note": row.note, "resource": row.resource}
            for _, row in scored[:MOST_MATCHES]
        ]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(
        re.findall(r"[^\W_]+(?:\.\d+)?", "".join(c for c in plain if not unicodedata.combining(c)))
    )


# ----------------------------------------------------------------------------- drugs


def _drugs_of(terminology: Terminology) -> Iterator[Orderable]:
    strengths = _strengths(terminology)
    brands: dict[str, list[str]] = defaultdict(list)
    for brand, products in sorted(terminology.brands.items()):
        for product in products:
            brands[product.ingredient].append(brand.removeprefix(BRAND))
    for name, drug in sorted(terminology.ingredients.items()):
        words = (name, *brands.get(name, ()))
        title = drug.title[:1].upper() + drug.title[1:]
        code = next((row.code for row in drug.codes if row.system == _RXNORM), None)
        note = ", ".join(filter(None, (drug.usual_route, *words[1:3])))
        yield Orderable(title, note, words, _medication(terminology, code, title, drug.usual_route))
        for rank, (product, its_code) in enumerate(strengths.get(name, ()), start=1):
            named = f"{title} {_amount(product)}"
            request = _medication(terminology, its_code, named, product.route)
            yield Orderable(named, product.route or "", words, request, rank)


def _strengths(terminology: Terminology) -> dict[str, list[tuple[ProductCode, str]]]:
    """Return, by ingredient, the products of it alone with a strength: by route and amount, each once."""
    found: dict[tuple[str, str, str], tuple[ProductCode, str]] = {}
    for (system, code), rows in terminology.drug_codes.items():
        if system == _RXNORM and len(rows) == 1 and rows[0].strength is not None:
            row = rows[0]
            key = (row.ingredient, row.route or "", _amount(row))
            if key not in found or int(code) < int(found[key][1]):
                found[key] = (row, code)
    by_ingredient: dict[str, list[tuple[ProductCode, str]]] = defaultdict(list)
    for row, code in found.values():
        by_ingredient[row.ingredient].append((row, code))
    for rows_of_one in by_ingredient.values():
        rows_of_one.sort(key=lambda pair: (pair[0].route != "oral", pair[0].route or "", *_size(pair[0])))
    return by_ingredient


def _amount(product: ProductCode) -> str:
    strength = product.strength
    return "" if strength is None else f"{strength.amount:f} {strength.unit}"


def _size(product: ProductCode) -> tuple[Any, ...]:
    strength = product.strength
    return () if strength is None else (strength.unit, strength.amount)


def _medication(terminology: Terminology, code: str | None, title: str, route: str | None) -> dict[str, Any]:
    coding = [{"system": terminology.systems.uris[_RXNORM], "code": code, "display": title}] if code else []
    concept: dict[str, Any] = {"coding": coding, "text": title} if coding else {"text": title}
    draft = {"resourceType": "MedicationRequest", "status": "draft", "intent": "order"}
    dosage = {"dosageInstruction": [{"route": {"text": route}}]} if route else {}
    return {**draft, "medicationCodeableConcept": concept, **dosage}


# ----------------------------------------------------------------------------- tests and problems


def _tests_of(terminology: Terminology) -> Iterator[Orderable]:
    for name, order in sorted(terminology.orders.items()):
        resource = {
            "resourceType": "ServiceRequest",
            "status": "draft",
            "intent": "order",
            "category": [{"text": order.category}],
            "code": order_concept(order, terminology),
        }
        words = (name, *(code.title for code in order.codes))
        yield Orderable(order.title, order.category, words, resource)


def _named_problems(terminology: Terminology) -> Iterator[Orderable]:
    for kind in _PROBLEM_KINDS:
        for name, found in sorted(terminology.value_sets.get(kind, {}).items()):
            codings = [row for system in _PROBLEM_SYSTEMS for row in found.codes if row.system == system]
            first = {row.system: row for row in reversed(codings)}
            chosen = [first[system] for system in _PROBLEM_SYSTEMS if system in first]
            if chosen:
                title = found.title[:1].upper() + found.title[1:]
                yield _problem(title, kind, (name, *(row.title for row in chosen)), chosen, terminology, 1)


def _twitches(terminology: Terminology) -> Iterator[Orderable]:
    """Yield what says that there is a twitch: each title once, with the codes that share it."""
    by_title: dict[str, list[Coding]] = defaultdict(list)
    for (system, code), rows in terminology.twitch_codes.items():
        for row in rows:
            if row.level == _SURE and row.title and system in _PROBLEM_SYSTEMS:
                by_title[row.title].append(Coding(system, code, row.title))
    for title, codings in sorted(by_title.items()):
        first = {row.system: row for row in reversed(codings)}
        chosen = [first[system] for system in _PROBLEM_SYSTEMS if system in first]
        yield _problem(title, "twitching", (), chosen, terminology, 0)


def _problem(
    title: str,
    note: str,
    words: tuple[str, ...],
    codings: Iterable[Coding],
    terminology: Terminology,
    rank: int,
) -> Orderable:
    rows = [
        {"system": terminology.systems.uris[row.system], "code": row.code, "display": row.title or title}
        for row in codings
    ]
    resource = {
        "resourceType": "Condition",
        "clinicalStatus": _status("condition-clinical", "active"),
        "verificationStatus": _status("condition-ver-status", "confirmed"),
        "category": [_status("condition-category", "problem-list-item")],
        "code": {"coding": rows, "text": title},
    }
    return Orderable(title, note, words, resource, rank)


def _status(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": f"{_HL7}/{system}", "code": code}]}
