"""All content, loaded once: checked, immutable, with a version and a hash of every byte.

Everything wrong in any file is collected and raised at once, because the service must not start
with half its knowledge and a writer wants to see all faults in one run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from cds_service.collector import collector_paused
from cds_service.content import Document, content_root, read_document
from cds_service.errors import ContentError, Issue
from cds_service.frames import (
    CessationWords,
    Frames,
    TriageSettings,
    read_cessation,
    read_frames,
    read_triage,
)
from cds_service.narrative import Narrative, load_narrative
from cds_service.rules import (
    Criterion,
    Definition,
    Modifiers,
    OrderSet,
    Rule,
    parse_criterion,
    parse_definition,
    parse_modifiers,
    parse_rule,
)
from cds_service.schema import Passed, Schemas
from cds_service.services import Service as Service
from cds_service.services import read_services
from cds_service.site import NO_CHANGES, NO_SITE, Reviser, Site, SiteFile, SwitchedOff
from cds_service.terminology import Terminology, limit_fault, load_terminology, with_local_codes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reference:
    """One work of the bibliography. ``url`` is empty where the source gave none.

    ``tag`` says how much of it was seen: verified, abstract, summary, secondary, reproduced or memory.
    """

    key: str
    citation: str
    url: str = ""
    note: str = ""
    tag: str = ""
    year: int | None = None
    doi: str = ""
    pmid: str = ""


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """One coded reason offered when a card is dismissed. ``defect`` means it points at our content."""

    system: str
    code: str
    display: str
    defect: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """Everything the product knows; equal only to itself. Mappings are read-only and sorted by key.

    ``frames``, ``triage`` and ``cessation`` are typed here (``cds_service.frames``); ``wording`` is the
    checked content of its file, which ``cds_service.text.wording`` reads. ``documents`` gives the file
    of each rule, definition and order set (``rules/<id>``, ``definitions/<id>`` ...) and of each single
    file (``gates`` ...) for messages. ``site`` is what the site changed; rules it switched off stand
    there and not among ``rules``.
    """

    root: Path
    version: str
    released: str
    content_hash: str
    terminology: Terminology
    narrative: Narrative
    modifiers: Modifiers
    rules: Mapping[str, Rule]
    definitions: Mapping[str, Definition]
    gates: Mapping[str, Criterion]
    order_sets: Mapping[str, OrderSet]
    services: tuple[Service, ...]
    references: Mapping[str, Reference]
    override_reasons: tuple[OverrideReason, ...]
    frames: Frames
    triage: TriageSettings
    cessation: CessationWords
    wording: Mapping[str, Any]
    documents: Mapping[str, Document]
    site: Site = NO_CHANGES


@collector_paused()
def load_knowledge(root: Path | None = None, *, drafts: bool = False, site: SiteFile = NO_SITE) -> Knowledge:
    """Read, check and freeze all content below ``root`` (default: the content of this installation).

    ``drafts`` also loads rules of status ``draft``; retired rules are never loaded. ``site`` is what one
    site changes in it.

    Raises:
        ContentError: with every fault of every file, ``file:line`` each.
        SettingsError: with every fault of the site file, where the knowledge itself is fine.
    """
    loader = _Loader(root or content_root(), site)
    knowledge = loader.load(drafts)
    if knowledge is None or loader.issues or loader.reviser.issues:
        raise loader.reviser.error_of(loader.issues)
    return knowledge


def inspect_knowledge(
    root: Path | None = None, *, drafts: bool = False
) -> tuple[Knowledge | None, tuple[Issue, ...]]:
    """Return as much of the content as can be read, and every fault: for ``validate``, never for patients.

    None when a part is broken without which nothing can be judged.
    """
    try:
        loader = _Loader(root or content_root())
    except ContentError as error:
        return None, tuple(error.issues)
    knowledge = loader.load(drafts)
    return knowledge, tuple(sorted(set(loader.issues)))


class _Loader:
    """Reads the files of one root and keeps every fault it meets."""

    def __init__(self, root: Path, site: SiteFile = NO_SITE) -> None:
        self.root = root
        self.reviser = Reviser(site)
        self.off: dict[str, SwitchedOff] = {}
        self.cards = root / "cards"
        self.issues: list[Issue] = []
        self.schemas = Schemas(self.cards / "schema")
        self.passed = Passed.of_user()
        self.documents: dict[str, Document] = {}

    def load(self, drafts: bool) -> Knowledge | None:
        self.reviser.learn_switches(self.one("switches", "switches", _switches) or {})
        terminology = self.terminology()
        narrative = self.attempt(load_narrative, self.root)
        rules = self.rules(drafts)
        definitions = self.each("definitions", "definition", parse_definition)
        gates = self.one("gates", "gates", _gates)
        modifiers = self.one("modifiers", None, parse_modifiers)
        order_sets = self.each("order-sets", "order-set", _order_set)
        references = self.one("references", "references", _references)
        reasons = self.one("override-reasons", "override-reasons", _override_reasons)
        version = self.one("version", "version", _data)
        frames = self.frames()
        triage = self.one("triage", "triage", lambda document: read_triage(document.data))
        cessation = self.one("cessation", "cessation", lambda document: read_cessation(document.data))
        wording = self.one("wording", "wording", _data)
        self.one("source-attributes", "source-attributes", _data)
        site = self.reviser.finish(_frozen(self.off))
        services = self.one("services", "service", lambda document: read_services(document, terminology))
        self.passed.save()
        if not (terminology and narrative and modifiers and version and gates and frames and triage):
            return None
        return Knowledge(
            root=self.root,
            version=self.reviser.version_of(str(version["version"])),
            released=str(version["released"]),
            content_hash=content_hash(self.root, terminology.content_hash, site.digest),
            terminology=terminology,
            narrative=narrative,
            modifiers=modifiers,
            rules=_frozen(rules),
            definitions=_frozen(definitions),
            gates=_frozen(gates),
            order_sets=_frozen(order_sets),
            services=services or (),
            references=_frozen(references or {}),
            override_reasons=reasons or (),
            frames=frames,
            triage=triage,
            cessation=cessation or CessationWords(),
            wording=_frozen(wording or {}),
            documents=_frozen(self.documents),
            site=site,
        )

    def terminology(self) -> Terminology | None:
        """Return the terminology with what the site adds to it."""
        published = self.attempt(load_terminology, self.root, self.reviser.revised)
        self.reviser.check_value = partial(limit_fault, published)
        if published is None or not self.reviser.changes_anything:
            return published
        file = self.reviser.file
        local = with_local_codes(published, file.concept_maps, file.products, file.expansions)
        self.reviser.issues += local.faults
        self.reviser.notices += local.notices
        self.reviser.local_codes = local.counts
        return local.terminology

    def rules(self, drafts: bool) -> dict[str, Rule]:
        wanted = {"active", "draft"} if drafts else {"active"}
        found: dict[str, Rule] = {}
        for path in sorted((self.cards / "rules").glob("*/*.yaml")):
            document = self.document(path, "rule")
            rule = self.attempt(parse_rule, document, path.parent.name) if document else None
            if document and rule and self.claims(rule.id, found, document) and rule.status in wanted:
                if line := self.reviser.switched_off(document):
                    self.off[rule.id] = SwitchedOff(
                        rule.id, rule.title, rule.group, rule.version, line, document
                    )
                    continue
                found[rule.id] = rule
                self.documents[f"rules/{rule.id}"] = document
        return found

    def each(self, folder: str, schema: str, read: Callable[[Document], T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for path in sorted((self.cards / folder).glob("*.yaml")):
            document = self.document(path, schema)
            item = self.attempt(read, document) if document else None
            if document and item is not None and self.claims(document.data["id"], found, document):
                found[path.stem] = item
                self.documents[f"{folder}/{path.stem}"] = document
        return found

    def one(self, stem: str, schema: str | None, read: Callable[[Document], T]) -> T | None:
        document = self.document(self.cards / f"{stem}.yaml", schema)
        if document is not None:
            self.documents[stem] = document
        return self.attempt(read, document) if document else None

    def frames(self) -> Frames | None:
        found: dict[str, Mapping[str, Any]] = {}
        for path in sorted((self.cards / "frames").glob("*.yaml")):
            document = self.document(path, "frames")
            if document is not None:
                found[path.stem] = document.data
        return self.attempt(read_frames, found)

    def document(self, path: Path, schema: str | None) -> Document | None:
        """Return a file as it holds at this site; None when it cannot be read or its form is wrong."""
        document = self.published(path, schema)
        if document is None or not self.reviser.changes_anything:
            return document
        return self.reviser.adopted(document, lambda d: self.schemas.issues(d, schema) if schema else [])

    def published(self, path: Path, schema: str | None) -> Document | None:
        """Read a file and check its form; None when either fails."""
        document = self.attempt(read_document, path, self.root)
        if document is None or schema is None or schema not in self.schemas:
            return document
        key = hashlib.sha256(self.schemas.fingerprint(schema) + path.read_bytes()).hexdigest()
        if not self.passed.holds(key):
            faults = self.schemas.issues(document, schema)
            if faults:
                self.issues.extend(faults)
                return None
            self.passed.add(key)
        return document

    def claims(self, name: str, found: Mapping[str, Any], document: Document) -> bool:
        """Check that an id is the file's name and new."""
        if name != document.stem:
            self.issues.append(
                Issue(
                    document.where(("id",)),
                    "V111",
                    f"has the id {name!r} in a file of another name.",
                    "Give the file the name of its id.",
                )
            )
        elif name in found:
            self.issues.append(
                Issue(
                    document.where(("id",)),
                    "V111",
                    f"has the id {name!r}, which is taken.",
                    "Choose another id; ids are unique over all groups.",
                )
            )
        return name == document.stem and name not in found

    def attempt(self, read: Callable[..., T], *args: Any) -> T | None:
        try:
            return read(*args)
        except ContentError as error:
            self.issues.extend(error.issues)
            return None


def content_hash(root: Path, terminology_hash: str, site_hash: str = "") -> str:
    """Return SHA-256 (hex) over names and bytes of every file in ``cards/``, terminology and site file."""
    digest = hashlib.sha256(f"{terminology_hash}{site_hash}".encode())
    for path in sorted(path for path in (root / "cards").rglob("*") if path.suffix in (".yaml", ".json")):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _frozen(mapping: Mapping[str, T]) -> Mapping[str, T]:
    return MappingProxyType({key: mapping[key] for key in sorted(mapping)})


def _switches(document: Document) -> dict[str, Mapping[str, Any]]:
    return {entry["id"]: entry for entry in document.data["switches"]}


def _data(document: Document) -> Mapping[str, Any]:
    data: Mapping[str, Any] = document.data
    return data


def _gates(document: Document) -> dict[str, Criterion]:
    return {name: parse_criterion(document, (name,)) for name in document.data}


def _order_set(document: Document) -> OrderSet:
    data = document.data
    return OrderSet(data["id"], data["title"], tuple(data["orders"]))


def _references(document: Document) -> dict[str, Reference]:
    found: dict[str, Reference] = {}
    for entry in document.data["references"]:
        found[entry["key"]] = Reference(**{**entry, "pmid": str(entry.get("pmid", ""))})
    return found


def _override_reasons(document: Document) -> tuple[OverrideReason, ...]:
    system = document.data["system"]
    return tuple(OverrideReason(system=system, **entry) for entry in document.data["reasons"])
