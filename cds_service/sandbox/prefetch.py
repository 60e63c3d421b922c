"""Fill in the prefetch of a service as an EHR does: its templates resolved over the records of a patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from cds_service.fetch import FetchFault, Style, filled
from cds_service.knowledge import Service
from cds_service.sandbox.records import Records
from cds_service.sandbox.search import entry_of, read_search


@dataclass(frozen=True, slots=True)
class Prefetch:
    """What stands for each prefetch key of a service, and the query it answers.

    ``found`` has a resource, a Bundle, or None where nothing was found. A key whose template needs what the
    context does not have is in neither.
    """

    found: Mapping[str, Any]
    queries: Mapping[str, str]


def prefetch_of(service: Service, context: Mapping[str, str], records: Records, base: str) -> Prefetch:
    """Return the prefetch an EHR with these records would send.

    Args:
        service: The service as discovery shows it.
        context: FHIR ids that replace ``{{context.name}}``.
        records: Where the answers are looked for.
        base: Address of the FHIR server, for the names of entries.

    Each search is answered whole, however many pages a server would make of it.
    """
    found: dict[str, Any] = {}
    queries: dict[str, str] = {}
    for key, template in service.prefetch.items():
        try:
            (query,) = filled(template, context, Style())
        except FetchFault:
            continue
        if query.is_search:
            pairs = "&".join(f"{name}={value}" for name, value in query.parameters)
            queries[key] = f"{query.resource_type}?{pairs}"
            found[key] = _searched(query.resource_type, pairs, records, base)
        else:
            queries[key] = f"{query.resource_type}/{query.ident}"
            stored = records.read(query.resource_type, query.ident)
            found[key] = None if stored is None else stored.resource
    return Prefetch(found, queries)


def _searched(resource_type: str, text: str, records: Records, base: str) -> dict[str, Any] | None:
    rows = read_search(resource_type, parse_qsl(text)).find(records)
    if not rows:
        return None
    entries = [entry_of(row, base) for row in rows]
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, "total": len(rows)}
