"""Say what the FHIR endpoint of the sandbox can do: the CapabilityStatement at ``metadata``."""

from __future__ import annotations

from typing import Any

from cds_service import __version__
from cds_service.sandbox.parameters import KNOWN_TYPES, parameters_of

#: When this list of abilities was last changed; FHIR wants a date.
_CHANGED = "2026-11-21"
_READS = ({"code": "read"}, {"code": "search-type"})


def capability_statement(base: str) -> dict[str, Any]:
    """Return the CapabilityStatement of the endpoint at ``base``, its absolute address."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _CHANGED,
        "kind": "instance",
        "software": {"name": "twitch-cds sandbox", "version": __version__},
        "implementation": {"description": "Synthetic patients, read only", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/json+fhir", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {"cors": True, "description": "None: nobody is asked who they are."},
                "resource": [_of_type(name) for name in sorted(KNOWN_TYPES)],
            }
        ],
    }


def _of_type(name: str) -> dict[str, Any]:
    rows = [{"name": row.name, "type": row.kind.value} for row in parameters_of(name).values()]
    found: dict[str, Any] = {"type": name, "interaction": list(_READS), "searchParam": rows}
    if name == "Patient":
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        found["operation"] = [{"name": "everything", "definition": definition}]
    return found
