"""Apply a site file to the documents of the knowledge while they are read; keep what was changed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from cds_service.content import Document, Pointer
from cds_service.errors import CdsError, ContentError, Issue, SettingsError
from cds_service.site.addresses import fact_of, places_of, same, shown
from cds_service.site.model import (
    NO_CHANGES,
    PUBLISHED,
    Change,
    Override,
    Site,
    SiteFile,
    SwitchedOff,
    SwitchOff,
)
from cds_service.site.remedies import not_found, several_found
from cds_service.site.switching import Switchboard
from cds_service.site.values import form_fault

#: Says what is wrong with a value: (fact judged, published value, value to use) to words, empty when fine.
ValueCheck = Callable[[str, Any, Any], str]

_FOLDERS = {"rule": "cards/rules/", "definition": "cards/definitions/"}


def any_value(_fact: str, _published: Any, _used: Any) -> str:
    """Return that every value is fine: for documents without amounts of analytes."""
    return ""


class Reviser:
    """Replaces what a site replaces, one document at a time; ``finish`` tells what became of it all.

    ``check_value`` may be set once the analytes are known. ``issues`` gathers every fault, ``notices`` and
    ``local_codes`` what the terminology tells of the site's codes.
    """

    def __init__(self, file: SiteFile) -> None:
        """Take what a site file says."""
        self.file = file
        self.issues: list[Issue] = []
        self.notices: list[Issue] = []
        self.local_codes: dict[str, int] = {}
        self.check_value: ValueCheck = any_value
        self._board = Switchboard((), {}, self.issues)
        self._changes: list[Change] = []
        self._marks: dict[str, list[tuple[dict[str, Any], str]]] = {}
        self._met: set[str] = set()

    @property
    def changes_anything(self) -> bool:
        """Whether there is a site file at all."""
        return bool(self.file.name)

    def learn_switches(self, switches: Mapping[str, Mapping[str, Any]]) -> None:
        """Take the switches of the knowledge (id to entry of ``cards/switches.yaml``), before any file."""
        self._board = Switchboard(self.file.switched_off, switches, self.issues)

    def adopted(self, document: Document, faults_of: Callable[[Document], list[Issue]]) -> Document | None:
        """Return a document as it holds at this site; None and a fault where that is malformed.

        ``faults_of`` checks the form of a document; it is asked only where something was changed.
        """
        revised = self.revised(document)
        faults = [] if revised is document else faults_of(revised)
        self.issues += [self._own(fault) for fault in faults]
        return None if faults else self.marked(revised)

    def error_of(self, faults: Iterable[Issue]) -> CdsError:
        """Return the error for faults of the content and of the site file: whoever is to blame.

        A fault in a document the site has changed is the site's, for the published one was tried.
        """
        changed = {change.where.rpartition(":")[0] for change in self._changes}
        told = {self._own(f) if f.where.rpartition(":")[0] in changed else f for f in faults}
        if self.issues or told - set(faults):
            return SettingsError(*sorted({*self.issues, *told}))
        return ContentError(*sorted(told))

    def _own(self, fault: Issue) -> Issue:
        path = fault.where.rpartition(":")[0]
        lines = [o.where for o in self.file.overrides if _path_is_of(path, o)]
        return Issue(
            ", ".join(lines) or self.file.path.name,
            "S113",
            f"makes {fault.where} wrong: {fault.what}",
            fault.remedy or "Write the value in the form of the published one.",
        )

    def version_of(self, published: str) -> str:
        """Return the version of the knowledge at this site: the published one and the mark of the file."""
        return f"{published}+site.{self.file.digest[:8]}" if self.changes_anything else published

    def revised(self, document: Document) -> Document:
        """Return a document as it holds at this site; the very same one where nothing is changed."""
        overrides = [o for o in self.file.overrides if _is_of(document, o)]
        if not overrides and not self._board.concerns(document):
            return document
        changed = Document(document.path, copy.deepcopy(document.data), document.marks)
        taken: dict[tuple[Pointer, tuple[str, ...]], str] = {}
        for override in overrides:
            self._met.add(override.where)
            for pointer in self._places(override, document):
                other = taken.setdefault((pointer, override.word), override.where)
                if other == override.where:
                    self._replace(override, pointer, changed)
                else:
                    self._fault(
                        override,
                        "S105",
                        f"replaces what {other} has replaced already.",
                        "Keep one of the two lines.",
                    )
        self._changes += self._board.apply(changed)
        return changed

    def marked(self, document: Document) -> Document:
        """Return a document whose changed criteria tell the published value too.

        Done after its form was checked: the word is none that a rule file may use.
        """
        for node, words in self._marks.pop(document.path, ()):
            node[PUBLISHED] = f"{node[PUBLISHED]}; {words}" if PUBLISHED in node else words
        return document

    def switched_off(self, document: Document) -> SwitchOff | None:
        """Return the line of the site file that switches the rule of a document off, or None."""
        return self._board.line_for(document)

    def finish(self, switched_off: Mapping[str, SwitchedOff]) -> Site:
        """Return what the site changed; lines that met nothing are faults by now."""
        for override in self.file.overrides:
            if override.where not in self._met:
                self._fault(
                    override,
                    "S106",
                    f"names the {override.kind} {override.subject!r}, which the knowledge does not hold.",
                    "Copy the name from the page of the rule.",
                )
        self._board.finish()
        if not self.changes_anything:
            return NO_CHANGES
        return Site(
            name=self.file.name,
            digest=self.file.digest,
            path=self.file.path,
            changes=tuple(sorted(self._changes, key=_place)),
            switched_off=switched_off,
            switches=tuple(line for line in self.file.switched_off if line.kind == "switch"),
            local_codes=dict(sorted(self.local_codes.items())),
            notices=tuple(self.notices),
        )

    def _places(self, override: Override, document: Document) -> list[Pointer]:
        places = places_of(document, override.address, override.parts)
        if len(places) == override.places:
            return places
        if not places:
            self._fault(override, *not_found(override, document))
        else:
            self._fault(override, *several_found(override, document, places))
        return []

    def _replace(self, override: Override, pointer: Pointer, changed: Document) -> None:
        whole: Any = changed.data
        for step in pointer:
            whole = whole[step]
        node = whole
        for step in override.word[:-1]:
            node = node[step]
        word = override.word[-1]
        published = node[word]
        if same(published, override.use):
            self._fault(override, "S107", "uses the published value.", "Take the line away.")
            return
        if wrong := form_fault(published, override.use) or self.check_value(
            fact_of(whole), published, override.use
        ):
            self._fault(override, "S108", wrong, "Write the value in the form of the published one.")
            return
        node[word] = override.use
        self._marks.setdefault(changed.path, []).append((whole, f"{word} {shown(published)}"))
        self._changes.append(
            Change(
                kind=override.kind,
                subject=override.subject,
                where=changed.where((*pointer, *override.word)),
                fact=fact_of(whole),
                word=" ".join(override.word),
                published=shown(published),
                used=shown(override.use),
                because=override.because,
                by=override.by,
            )
        )

    def _fault(self, override: Override, code: str, what: str, remedy: str) -> None:
        self.issues.append(Issue(override.where, code, what, remedy))


def _place(change: Change) -> tuple[str, int, str]:
    path, _, line = change.where.rpartition(":")
    return path, int(line), change.word


def _is_of(document: Document, override: Override) -> bool:
    return _path_is_of(document.path, override)


def _path_is_of(path: str, override: Override) -> bool:
    if override.kind == "file":
        return path == override.subject
    return path.startswith(_FOLDERS[override.kind]) and PurePosixPath(path).stem == override.subject
