"""All content, loaded once: checked, immutable, with a version and a hash of every byte.

Everything wrong in any file is collected and raised at once, because the service must not start
with half its knowledge and a writer wants to see all faults in one run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from cds_service.content import Document, content_root, read_document
from cds_service.errors import ContentError, Issue
from cds_service.frames import Cessation, Frames, TriageSettings, read_cessation, read_frames, read_triage
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
from cds_service.schema import Passed, Schemas, nearest
from cds_service.terminology import Terminology, load_terminology

T = TypeVar("T")

#: Longest query a prefetch template may become; EHR and proxies cut URLs from 2,000 characters on.
_MAX_QUERY = 1_900


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


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service as discovery shows it.

    ``prefetch`` maps a key to a FHIR query with CDS Hooks tokens, ``promises`` the same key to the
    resource types it brings. Only ``active`` services are offered.
    """

    id: str
    hook: str
    title: str
    description: str
    active: bool
    prefetch: Mapping[str, str]
    promises: Mapping[str, tuple[str, ...]]
    usage_requirements: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Knowledge:
    """Everything the product knows; equal only to itself. Mappings are read-only and sorted by key.

    ``frames``, ``triage`` and ``cessation`` are typed here (``cds_service.frames``); ``wording`` is the
    checked content of its file, which ``cds_service.wording`` reads. ``documents`` gives the file
    of each rule, definition and order set (``rules/<id>``, ``definitions/<id>`` ...) and of each single
    file (``gates`` ...) for messages.
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
    cessation: tuple[Cessation, ...]
    wording: Mapping[str, Any]
    documents: Mapping[str, Document]


def load_knowledge(root: Path | None = None, *, drafts: bool = False) -> Knowledge:
    """Read, check and freeze all content below ``root`` (default: the content of this installation).

    ``drafts`` also loads rules of status ``draft``; retired rules are never loaded.

    Raises:
        ContentError: with every fault of every file, ``file:line`` each.
    """
    knowledge, issues = inspect_knowledge(root, drafts=drafts)
    if knowledge is None or issues:
        raise ContentError(*issues)
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

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cards = root / "cards"
        self.issues: list[Issue] = []
        self.schemas = Schemas(self.cards / "schema")
        self.passed = Passed.of_user()
        self.documents: dict[str, Document] = {}

    def load(self, drafts: bool) -> Knowledge | None:
        terminology = self.attempt(load_terminology, self.root)
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
        services = self.one("services", "service", lambda document: _services(document, terminology))
        self.passed.save()
        if not (terminology and narrative and modifiers and version and gates and frames and triage):
            return None
        return Knowledge(
            root=self.root,
            version=str(version["version"]),
            released=str(version["released"]),
            content_hash=content_hash(self.root, terminology.content_hash),
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
            cessation=cessation or (),
            wording=_frozen(wording or {}),
            documents=_frozen(self.documents),
        )

    def rules(self, drafts: bool) -> dict[str, Rule]:
        wanted = {"active", "draft"} if drafts else {"active"}
        found: dict[str, Rule] = {}
        for path in sorted((self.cards / "rules").glob("*/*.yaml")):
            document = self.document(path, "rule")
            rule = self.attempt(parse_rule, document, path.parent.name) if document else None
            if document and rule and self.claims(rule.id, found, document) and rule.status in wanted:
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


def content_hash(root: Path, terminology_hash: str) -> str:
    """Return SHA-256 (hex) over the names and bytes of every file in ``cards/`` and of the terminology."""
    digest = hashlib.sha256(terminology_hash.encode())
    for path in sorted(path for path in (root / "cards").rglob("*") if path.suffix in (".yaml", ".json")):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def _frozen(mapping: Mapping[str, T]) -> Mapping[str, T]:
    return MappingProxyType({key: mapping[key] for key in sorted(mapping)})


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


def _services(document: Document, terminology: Terminology | None) -> tuple[Service, ...]:
    queries = document.data["queries"]
    unknown = [
        Issue(
            document.where(("services", index, "prefetch")),
            "V112",
            f"asks for {key!r}, for which there is no query.",
            nearest(key, queries),
        )
        for index, node in enumerate(document.data["services"])
        for key in node["prefetch"]
        if key not in queries
    ]
    if unknown:
        raise ContentError(*unknown)
    return tuple(_service(node, queries, terminology) for node in document.data["services"])


def _service(node: Mapping[str, Any], queries: Mapping[str, Any], terminology: Terminology | None) -> Service:
    prefetch: dict[str, str] = {}
    promises: dict[str, tuple[str, ...]] = {}
    for key in node["prefetch"]:
        for number, query in enumerate(_queries(queries[key], terminology), start=1):
            name = key if number == 1 else f"{key}-{number}"
            prefetch[name], promises[name] = query, tuple(queries[key]["promises"])
    return Service(
        id=node["id"],
        hook=node["hook"],
        title=node["title"],
        description=node["description"],
        active=node["active"],
        prefetch=MappingProxyType(prefetch),
        promises=MappingProxyType(promises),
        usage_requirements=node["usage_requirements"],
    )


def _queries(query: Mapping[str, Any], terminology: Terminology | None) -> Iterator[str]:
    """Yield the query, once for each portion of codes where it asks for the codes of a kind."""
    if "codes_of" not in query:
        yield query["query"]
        return
    tokens = _code_tokens(query["codes_of"], terminology) if terminology else []
    room = (_MAX_QUERY - len(query["query"])) // (max(map(len, tokens), default=0) + 1)
    for start in range(0, len(tokens), room):
        yield query["query"].replace("{codes}", ",".join(tokens[start : start + room]))


def _code_tokens(kind: str, terminology: Terminology) -> list[str]:
    return sorted(
        {
            f"{terminology.systems.uris[coding.system]}|{coding.code}"
            for analyte in terminology.analytes.values()
            if analyte.kind == kind
            for coding in analyte.codes
        }
    )
