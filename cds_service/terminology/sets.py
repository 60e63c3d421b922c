"""Read value sets of conditions, symptoms, procedures, reports, encounters and reasons to end a drug."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cds_service.content import Document
from cds_service.terminology.desk import Book, Desk
from cds_service.terminology.model import Coding, ValueSet
from cds_service.terminology.store import CodeTable
from cds_service.terminology.words import PhraseIndex, Tokens, tokens

SET_FOLDERS = {
    "condition": "conditions",
    "symptom": "symptoms",
    "procedure": "procedures",
    "report": "reports",
    "encounter": "encounters",
    "reason": "reasons",
}


@dataclass(frozen=True, slots=True)
class SetShelf:
    """The value sets of one kind.

    ``parents`` maps a name to itself and all sets that include it; ``alone`` the words of a whole text
    to the names it stands for.
    """

    sets: dict[str, ValueSet]
    codes: CodeTable[str]
    words: PhraseIndex
    parents: Mapping[str, tuple[str, ...]]
    alone: Mapping[Tokens, tuple[str, ...]]


def read_sets(desk: Desk, folder: Path, kind: str) -> SetShelf:
    """Read one folder; faults go to the desk."""
    documents = {document.stem: document for document in desk.folder(folder)}
    sets: dict[str, ValueSet] = {}
    for name, document in documents.items():
        with desk.guard(document):
            sets[name] = _read_set(desk, document, kind, frozenset(documents))
    parents = _parents(sets)
    book: Book[str] = desk.book()
    wanted: dict[str, list[str]] = {}
    forbidden: dict[str, list[str]] = {}
    alone: dict[Tokens, tuple[str, ...]] = {}
    for name in sets:
        with desk.guard(documents[name]):
            data = documents[name].data
            for entry, coding in desk.codings(documents[name]):
                for up in parents[name]:
                    book.add(coding.system, coding.code, up, below=bool(entry.get("descendants")))
            text = data.get("text", {})
            wanted[name] = list(text.get("words", ()))
            forbidden[name] = list(text.get("not", ()))
            for whole in map(tokens, text.get("alone", ())):
                alone[whole] = (*alone.get(whole, ()), name)
    phrases = PhraseIndex(wanted, forbidden)
    return SetShelf(sets, book.table(), phrases, MappingProxyType(parents), MappingProxyType(alone))


def _read_set(desk: Desk, document: Document, kind: str, known: frozenset[str]) -> ValueSet:
    data = document.data
    includes = tuple(map(str, data.get("includes", ())))
    for place, other in enumerate(includes):
        if other not in known or other == document.stem:
            desk.fault(
                document,
                ("includes", place),
                "T009",
                f"includes {other!r}, no other set here.",
                "Use the id of another file of this folder.",
            )
    codes = tuple(
        Coding(str(entry["system"]), str(entry["code"]), str(entry.get("title", "")))
        for entry in data.get("codes", ())
    )
    return ValueSet(document.stem, kind, str(data["title"]), codes, includes)


def _parents(sets: Mapping[str, ValueSet]) -> dict[str, tuple[str, ...]]:
    """Return for each set itself and every set that includes it, directly or through others, sorted."""
    result: dict[str, set[str]] = {name: {name} for name in sets}
    changed = True
    while changed:
        changed = False
        for name, value_set in sets.items():
            for part in value_set.includes:
                missing = result[name] - result.get(part, result[name])
                if missing:
                    result[part] |= missing
                    changed = True
    return {name: tuple(sorted(ups)) for name, ups in result.items()}
