"""Compare the discovery an EHR works with to that of today: EHRs keep it, and knowledge goes on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cds_service.doctor.troubles import Notes, pointer
from cds_service.knowledge import Service

_PLACE = "discovery"


def check_discovery(data: bytes, services: tuple[Service, ...], notes: Notes) -> None:
    """Note where a discovery document differs from what the service offers today."""
    try:
        document = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = None
    rows = document.get("services") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        notes.add("D801", _PLACE)
        return
    seen = {str(row.get("id")): row for row in rows if isinstance(row, dict)}
    offered = {service.id: service for service in services if service.active}
    for ident, service in sorted(offered.items()):
        if ident not in seen:
            notes.add("D802", _PLACE, ident)
        else:
            _check_templates(seen[ident].get("prefetch"), service, notes)
    for ident in sorted(set(seen) - set(offered)):
        notes.add("D804", _PLACE, ident)


def _check_templates(sent: Any, service: Service, notes: Notes) -> None:
    templates: Mapping[str, Any] = sent if isinstance(sent, dict) else {}
    for key in sorted({*templates, *service.prefetch}):
        if templates.get(key) != service.prefetch.get(key):
            notes.add("D803", pointer(_PLACE, service.id, key), service.id)
