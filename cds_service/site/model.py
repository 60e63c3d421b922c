"""What a site file says, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cds_service.content import Document
from cds_service.errors import Issue

#: Word put into a changed criterion: the published wording of what the site replaced.
PUBLISHED = "published"

#: Words of an override that are not part of its address.
OWN_WORDS = frozenset(("rule", "definition", "file", "in", "places", "change", "use", "because", "by"))


@dataclass(frozen=True, slots=True)
class Override:
    """One published value a site replaces.

    ``kind`` is ``rule``, ``definition`` or ``file``; ``subject`` its id or path. ``address`` is a piece
    of the criterion as it is written; ``word`` leads to the value in it, ``use`` replaces that value.
    ``parts`` narrows the address to parts of the file, ``places`` says how many places are meant.
    """

    where: str
    kind: str
    subject: str
    address: Mapping[str, Any]
    word: tuple[str, ...]
    use: Any
    because: str
    by: str
    parts: tuple[str, ...] = ()
    places: int = 1

    @property
    def published(self) -> Any:
        """The value that is replaced."""
        value: Any = self.address
        for step in self.word:
            value = value[step]
        return value


@dataclass(frozen=True, slots=True)
class Change:
    """One value that was replaced: where it stands, what it was, what it is, why and by whom.

    ``kind`` and ``subject`` as in ``Override``; a switch that changes a value has the kind of the file
    changed. ``fact`` is what is judged ("lab potassium"), empty for a setting.
    """

    kind: str
    subject: str
    where: str
    fact: str
    word: str
    published: str
    used: str
    because: str
    by: str

    def as_json(self) -> dict[str, str]:
        """Return the change for explanations and lists; empty parts are left out."""
        entry = {
            self.kind: self.subject,
            "where": self.where,
            "fact": self.fact,
            "word": self.word,
            "published": self.published,
            "used": self.used,
            "because": self.because,
            "by": self.by,
        }
        return {name: value for name, value in entry.items() if value}


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """One line of ``switch_off``: a ``rule``, a ``group`` or a ``switch`` (``kind``), why and by whom."""

    where: str
    kind: str
    name: str
    because: str
    by: str


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """A rule that is not judged at this site: its file, and the line of the site file that did it."""

    id: str
    title: str
    group: str
    version: int
    switch: SwitchOff
    document: Document


@dataclass(frozen=True, slots=True)
class SiteFile:
    """A site file as read. Paths are absolute; ``digest`` is SHA-256 over the file and all it names."""

    path: Path
    name: str
    overrides: tuple[Override, ...] = ()
    switched_off: tuple[SwitchOff, ...] = ()
    concept_maps: tuple[Path, ...] = ()
    products: Path | None = None
    expansions: Path | None = None
    digest: str = ""


#: Stands for "no site file": everything as published.
NO_SITE = SiteFile(Path(), "")


@dataclass(frozen=True, slots=True)
class Site:
    """What a site changed in the knowledge; empty where no site file is named.

    ``path`` is where its file lies; None without one.
    ``notices`` are things the site should know and that stop nothing. ``local_codes`` counts the codes
    each concept map or import added, by what brought them.
    """

    name: str = ""
    digest: str = ""
    changes: tuple[Change, ...] = ()
    switched_off: Mapping[str, SwitchedOff] = field(default_factory=dict)
    switches: tuple[SwitchOff, ...] = ()
    local_codes: Mapping[str, int] = field(default_factory=dict)
    notices: tuple[Issue, ...] = ()
    path: Path | None = None

    def changes_of(self, kind: str, subject: str) -> tuple[Change, ...]:
        """Return the changes of one rule, definition or file."""
        return tuple(c for c in self.changes if c.kind == kind and c.subject == subject)


#: Stands for "nothing is changed".
NO_CHANGES = Site()
