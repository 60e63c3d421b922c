"""What all readers of terminology files share: opening documents, collecting faults, building code tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from cds_service.content import Document, Pointer, read_document
from cds_service.errors import ContentError, Issue
from cds_service.terminology.model import Coding
from cds_service.terminology.store import CodeTable, Systems

Row = TypeVar("Row")
Result = TypeVar("Result")
_NO_SYSTEMS = Systems(MappingProxyType({}), MappingProxyType({}), frozenset(), frozenset())


class Desk:
    """Opens terminology files and keeps every fault until the end, so that one run shows them all."""

    def __init__(self, root: Path, revise: Callable[[Document], Document] | None = None) -> None:
        """Work below ``root``; places in messages are relative to it.

        ``revise`` gives each document as it holds at a site; None takes it as published.
        """
        self.root = root
        self.revise = revise
        self.issues: list[Issue] = []
        self.systems: Systems = _NO_SYSTEMS
        #: short name -> (system whose codes it understands too, longest code that means the same)
        self.readers: dict[str, tuple[str, int]] = {}

    def finish(self) -> None:
        """Raise ContentError with everything collected, sorted; return quietly when there is nothing."""
        if self.issues:
            raise ContentError(*sorted(set(self.issues)))

    def fault(self, document: Document | None, pointer: Pointer, code: str, what: str, remedy: str) -> None:
        """Note one fault at a place of a document."""
        where = document.where(pointer) if document else "terminology"
        self.issues.append(Issue(where, code, what, remedy))

    def single(self, path: Path) -> Document | None:
        """Read one file; None (and a fault) when it cannot be read or is no mapping."""
        try:
            document = read_document(path, self.root)
            document = document if self.revise is None else self.revise(document)
        except ContentError as error:
            self.issues.extend(error.issues)
            return None
        if isinstance(document.data, dict):
            return document
        self.fault(document, (), "T001", "is not a mapping.", "Write keys and values.")
        return None

    def folder(self, folder: Path) -> Iterator[Document]:
        """Yield every YAML file of a folder, sorted; an id that is not the file name is a fault."""
        for path in sorted(folder.glob("*.yaml")):
            document = self.single(path)
            if document is None:
                continue
            if document.data.get("id") != path.stem:
                self.fault(
                    document,
                    ("id",),
                    "T002",
                    "has an id that differs from its file name.",
                    "Make both the same.",
                )
            yield document

    @contextmanager
    def guard(self, document: Document) -> Iterator[None]:
        """Turn a malformed document into a fault; the JSON Schema check tells the details."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            self.fault(
                document,
                (),
                "T003",
                f"is malformed ({type(error).__name__}: {error}).",
                "Run `twitch-cds validate`: it names the key.",
            )

    def attempt(self, document: Document | None, build: Callable[[], Result], otherwise: Result) -> Result:
        """Return what ``build`` makes of a document; ``otherwise`` (and a fault) when it is malformed."""
        if document is not None:
            with self.guard(document):
                return build()
        return otherwise

    def items(self, document: Document | None, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the entries of a mapping of mappings under ``key``; anything else is a fault."""
        part = document.data.get(key, {}) if document else {}
        if not isinstance(part, dict):
            self.fault(document, (key,), "T004", f"has no mapping under {key!r}.", "Write names and entries.")
            return
        for name, entry in part.items():
            if not isinstance(entry, dict) or document is None:
                self.fault(
                    document, (key, name), "T004", f"has no mapping under {name!r}.", "Write keys and values."
                )
                continue
            yield name, entry

    def pairs(self, document: Document | None, key: str) -> Iterator[tuple[str, Any]]:
        """Yield the pairs of a plain mapping under ``key``."""
        part = document.data.get(key, {}) if document else {}
        if isinstance(part, dict):
            yield from part.items()

    def codings(self, document: Document) -> Iterator[tuple[dict[str, Any], Coding]]:
        """Yield each entry of ``codes`` with its Coding; an unknown system is a fault."""
        for place, entry in enumerate(document.data.get("codes", ())):
            system = str(entry["system"])
            if system not in self.systems.uris:
                self.fault(
                    document,
                    ("codes", place),
                    "T005",
                    f"names the unknown system {system!r}.",
                    "Use a short name of systems.yaml.",
                )
            yield entry, Coding(system, str(entry["code"]), str(entry.get("title", "")))

    def book(self) -> Book[Any]:
        """Return an empty code book that knows which systems understand codes of others."""
        return Book(self.systems, self.readers)


class Book(Generic[Row]):
    """Collects codes while files are read; becomes an immutable CodeTable."""

    def __init__(self, systems: Systems, readers: Mapping[str, tuple[str, int]]) -> None:
        """Start empty."""
        self._systems = systems
        self._readers = readers
        self._exact: dict[tuple[str, str], list[Row]] = {}
        self._parents: dict[tuple[str, str], list[Row]] = {}

    def add(self, system: str, code: str, row: Row, *, below: bool = False) -> None:
        """Let ``code`` stand for ``row``; with ``below`` all codes under it in a tree system do too."""
        readers = (
            short
            for short, (base, longest) in self._readers.items()
            if base == system and len(code) <= longest
        )
        for home in (system, *readers):
            shelf = self._parents if below and home in self._systems.trees else self._exact
            shelf.setdefault((home, code), []).append(row)

    def table(self) -> CodeTable[Row]:
        """Return the table."""
        return CodeTable(
            self._systems,
            {key: tuple(rows) for key, rows in self._exact.items()},
            {key: tuple(rows) for key, rows in self._parents.items()},
        )
