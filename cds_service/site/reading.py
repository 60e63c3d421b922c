"""Read the file of a site strictly: form, addresses, paths; every fault with its line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cds_service.content import Document, Pointer, read_document
from cds_service.errors import ContentError, Issue, SettingsError
from cds_service.schema import Schemas
from cds_service.site.model import OWN_WORDS, Override, SiteFile, SwitchOff

#: Words of the rule language whose value is a number, a duration or a count (docs/rule-language.md).
VALUE_WORDS = frozenset(
    (
        *("below", "at_most", "above", "at_least", "falls_by", "rises_by", "over", "within", "older_than"),
        *("taken_within", "started_within", "stopped_within", "reduced_within", "by", "for_at_least"),
        *("for_less_than", "total_at_least", "onset_within", "new_within", "apart", "drawn_within"),
        *("by_at_most", "times", "plus", "agents"),
    )
)
_KINDS = ("rule", "definition", "file")
_MAX_NAMED_BYTES = 200_000_000


def read_site(path: Path, root: Path) -> SiteFile:
    """Return what a site file says; ``root`` is the content root whose schema it is checked against.

    Raises:
        SettingsError: with every fault of form, or a file it names that is not there.
    """
    try:
        document = read_document(path, path.parent)
        faults = Schemas(root / "cards" / "schema").issues(document, "site")
    except ContentError as error:
        raise SettingsError(*error.issues) from None
    if faults:
        raise SettingsError(*faults)
    reader = _Reader(document, path.resolve().parent)
    site = reader.site(path.resolve())
    if reader.issues:
        raise SettingsError(*reader.issues)
    return site


class _Reader:
    """Walks one site file and keeps every fault."""

    def __init__(self, document: Document, folder: Path) -> None:
        self.document = document
        self.folder = folder
        self.issues: list[Issue] = []

    def site(self, path: Path) -> SiteFile:
        data: Mapping[str, Any] = self.document.data
        maps = tuple(
            self.file(("concept_maps", i), name) for i, name in enumerate(data.get("concept_maps", []))
        )
        named = {key: self.file((key,), data[key]) for key in ("rxnorm", "expansions") if key in data}
        return SiteFile(
            path=path,
            name=data["site"],
            overrides=tuple(self.overrides(data.get("thresholds", []))),
            switched_off=tuple(self.switch_off(data.get("switch_off", []))),
            concept_maps=maps,
            products=named.get("rxnorm"),
            expansions=named.get("expansions"),
            digest=_digest([path, *maps, *named.values()]),
        )

    def overrides(self, nodes: list[Mapping[str, Any]]) -> Iterator[Override]:
        for index, node in enumerate(nodes):
            found = self.override(node, ("thresholds", index))
            if found is not None:
                yield found

    def override(self, node: Mapping[str, Any], at: Pointer) -> Override | None:
        address = {key: value for key, value in node.items() if key not in OWN_WORDS}
        words = list(_leaves(address, ()))
        wanted = [word for word in words if word[-1] == node.get("change", word[-1])]
        if len(wanted) > 1 and "change" not in node:
            wanted = [word for word in wanted if word[-1] in VALUE_WORDS]
        if len(wanted) != 1:
            self.unclear(node, at, words)
            return None
        kind = next(word for word in _KINDS if word in node)
        return Override(
            where=self.document.where(at),
            kind=kind,
            subject=node[kind],
            address=address,
            word=wanted[0],
            use=node["use"],
            because=node["because"],
            by=node["by"],
            parts=tuple(node.get("in", ())),
            places=node.get("places", 1),
        )

    def unclear(self, node: Mapping[str, Any], at: Pointer, words: list[tuple[str, ...]]) -> None:
        said = ", ".join(".".join(word) for word in words)
        self.issues.append(
            Issue(
                self.document.where(at),
                "S101",
                f"does not say which one value is replaced (it names: {said or 'none'}).",
                "Copy the criterion from the page of the rule; with several values, say 'change: below'.",
            )
        )

    def switch_off(self, nodes: list[Mapping[str, Any]]) -> Iterator[SwitchOff]:
        for index, node in enumerate(nodes):
            kind = next(word for word in ("rule", "group", "switch") if word in node)
            where = self.document.where(("switch_off", index))
            yield SwitchOff(where, kind, node[kind], node["because"], node["by"])

    def file(self, at: Pointer, name: str) -> Path:
        path = (self.folder / name).resolve()
        if not path.is_file():
            self.fault(at, "S102", "names a file that is not there.", "Names are relative to the site file.")
        elif path.stat().st_size > _MAX_NAMED_BYTES:
            self.fault(at, "S103", "names a file larger than 200 MB.", "Split it, or import it again.")
        return path

    def fault(self, at: Pointer, code: str, what: str, remedy: str) -> None:
        self.issues.append(Issue(self.document.where(at), code, what, remedy))


def _leaves(node: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*at, key))
        else:
            yield (*at, key)


def _digest(paths: list[Path]) -> str:
    """Return SHA-256 over the bytes of the files, in the order named; a missing one is empty."""
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        digest.update(b"\0")
    return digest.hexdigest()
