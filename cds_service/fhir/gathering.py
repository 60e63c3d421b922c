"""Collect what documents hold while a record is being read, and what speaks against its being whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import Raw

from cds_service.facts import SetAside, Source
from cds_service.fhir import scan
from cds_service.fhir.faults import not_fhir
from cds_service.fhir.records import MOST_ALIKE, Located, aside
from cds_service.fhir.resources import Resource
from cds_service.fhir.scan import Bundle, Entry

#: More resources than any one patient has; each costs memory, and an answer when it is not used.
MOST_RESOURCES: Final = 200_000
#: Resources that feed a fact; the others are dropped while reading.
READ_KINDS: Final = frozenset(scan.READ)


@dataclass(slots=True)
class Gathered:
    """Collects what several documents hold while a record is being read."""

    groups: dict[type[Resource], list[Located]] = field(default_factory=dict)
    set_aside: list[SetAside] = field(default_factory=list)
    failed_types: set[str] = field(default_factory=set)
    outcomes: int = 0
    unreadable: int = 0
    resources: int = 0
    incomplete: bool = False
    entries: int = 0
    most: int = MOST_RESOURCES
    alike: Counter[str] = field(default_factory=Counter)

    def expect(self, count: int, where: str) -> None:
        """Let ``count`` entries come. Raises NotFhir (F009) when they are more than a record may hold."""
        self.entries += count
        if self.entries > self.most:
            raise not_fhir("F009", where)

    def add(self, located: Located) -> None:
        """Take one decoded resource; types that feed no fact are dropped here."""
        kind = type(located[3])
        if kind in READ_KINDS:
            group = self.groups.get(kind)
            if group is None:
                self.groups[kind] = [located]
            else:
                group.append(located)

    def refuse(self, code: str, pointer: str, detail: str = "", type_name: str = "", ident: str = "") -> None:
        """Note a resource that could not be read at all; of many alike the first ones."""
        reference = f"{type_name}/{ident}" if type_name and ident else ""
        self.alike[code] += 1
        if self.alike[code] <= MOST_ALIKE:
            self.set_aside.append(aside(code, Source(reference, pointer or "/"), detail=detail))
        elif self.alike[code] == MOST_ALIKE + 1:
            self.set_aside.append(aside("F091", Source(reference, pointer or "/"), detail=code))
        if type_name:
            self.failed_types.add(type_name)


def is_incomplete(bundle: Bundle) -> bool:
    """Whether a Bundle says that more exists than it holds: a next link, or a larger total."""
    if any(link.relation == "next" for link in bundle.link or ()):
        return True
    return bundle.type == "searchset" and total_exceeds(bundle.total, _matches(bundle.entry or ()))


def _matches(entries: Iterable[Entry]) -> int:
    return sum(1 for entry in entries if entry.search is None or entry.search.mode in (None, "match"))


def total_exceeds(total: Raw, count: int) -> bool:
    """Return whether the total a Bundle names is more than the entries it holds."""
    text = bytes(total).strip(b'"')
    return text.isdigit() and len(text) < 12 and int(text) > count


def note_empty_entry(gathered: Gathered, bundle_type: str | None, pointer: str, index: int) -> None:
    """Report an entry without a resource, where one belongs."""
    if bundle_type not in ("batch-response", "transaction-response"):
        gathered.refuse("F012", f"{pointer}/entry/{index}")


def note_outcome(gathered: Gathered, entry: Entry, pointer: str) -> None:
    """Report an OperationOutcome; one that tells a failure makes the record incomplete."""
    gathered.refuse("F013", pointer)
    if _is_failure(entry.resource):
        gathered.outcomes += 1
        gathered.incomplete = True


def _is_failure(outcome: Any) -> bool:
    """Whether an OperationOutcome reports more than information or a warning."""
    issues = outcome.issue if isinstance(outcome.issue, list) else [outcome.issue]
    words = [item.get("severity") for item in issues if isinstance(item, dict)]
    return not words or any(word not in ("information", "warning", "success") for word in words)
