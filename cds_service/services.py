"""The CDS services as discovery shows them, from ``cards/services.yaml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from cds_service.content import Document
from cds_service.errors import ContentError, Issue
from cds_service.schema import nearest
from cds_service.terminology import Terminology

#: Longest query a prefetch template may become; EHR and proxies cut URLs from 2,000 characters on.
_MAX_QUERY = 1_900


@dataclass(frozen=True, slots=True)
class Service:
    """One CDS service as discovery shows it; ``hook_version`` is the published version of its hook.

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
    hook_version: str = ""


def read_services(document: Document, terminology: Terminology | None) -> tuple[Service, ...]:
    """Read the services, their queries filled with codes. Raises ContentError for an unknown query."""
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
        hook_version=node["hook_version"],
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
    listed = (
        (coding.system, coding.code)
        for analyte in terminology.analytes.values()
        if analyte.kind == kind
        for coding in analyte.codes
    )
    local = (
        key
        for key in terminology.local_codes
        if any(terminology.analyte(row.name).kind == kind for row in terminology.analytes_for(*key))
    )
    return sorted({f"{terminology.systems.uris[system]}|{code}" for system, code in (*listed, *local)})
