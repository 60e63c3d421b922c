"""Pack resources as a Bundle, as prefetch, and as a CDS Hooks request."""

from datetime import datetime
from typing import Any

from cds_service.knowledge import Service

INSTANCE = "7c9d2f64-5a0b-4b7e-9d53-2f1f0a6f6a10"


def bundle_of(resources: list[dict[str, Any]], kind: str = "collection") -> dict[str, Any]:
    """A Bundle of the resources."""
    entries = [
        {"fullUrl": f"https://ehr.example/fhir/{item['resourceType']}/{item['id']}", "resource": item}
        for item in resources
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def prefetch_of(resources: list[dict[str, Any]], service: Service) -> dict[str, Any]:
    """The prefetch an EHR would send: each key of discovery with what its search would find, or null."""
    prefetch: dict[str, Any] = {}
    for key, query in service.prefetch.items():
        found = [item for item in resources if _answers(item, key, query)]
        if query.startswith("Patient/"):
            prefetch[key] = found[0] if found else None
        else:
            prefetch[key] = bundle_of(found, "searchset") | {"total": len(found)} if found else None
    return prefetch


def _answers(resource: dict[str, Any], key: str, query: str) -> bool:
    """Whether a search would find a resource; laboratory tests without a code come with the first of them."""
    if query.partition("?")[0].partition("/")[0] != resource["resourceType"]:
        return False
    if "category=" in query:
        wanted = query.partition("category=")[2].partition("&")[0].split(",")
        return _category(resource) in wanted
    if "&code=" in query:
        return _category(resource) == "laboratory" and _has_code(resource, key, query)
    return True


def _has_code(resource: dict[str, Any], key: str, query: str) -> bool:
    asked = query.partition("&code=")[2].partition("&")[0].split(",")
    sent = [f"{row['system']}|{row['code']}" for row in resource["code"].get("coding", ())]
    return any(code in asked for code in sent) if sent else key == "labs"


def _category(resource: dict[str, Any]) -> str:
    rows = [row["code"] for item in resource.get("category", ()) for row in item.get("coding", ())]
    return rows[0] if rows else ""


def request_of(
    resources: list[dict[str, Any]],
    service: Service,
    as_of: datetime,
    context: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """A CDS Hooks request of this service about the patient of the resources.

    ``context`` holds the draft orders or added problems of a hook whose context has some; all of the
    drafts are selected.
    """
    return {
        "hook": service.hook,
        "hookInstance": INSTANCE,
        "context": context_of(resources, service, context or []),
        "prefetch": prefetch_of(resources, service),
        "extension": {"org.twitch-cds.asOf": as_of.isoformat()},
    }


def context_of(
    resources: list[dict[str, Any]], service: Service, more: list[dict[str, Any]]
) -> dict[str, Any]:
    """The context the definition of the hook asks for."""
    ids = {item["resourceType"]: item["id"] for item in reversed(resources)}
    context: dict[str, Any] = {"userId": "Practitioner/example", "patientId": ids["Patient"]}
    if service.hook.startswith("encounter-"):
        context["encounterId"] = ids.get("Encounter", "unknown")
    if service.hook in _BUNDLES:
        context[_BUNDLES[service.hook]] = bundle_of(more)
    if service.hook == "order-select":
        context["selections"] = [f"{item['resourceType']}/{item['id']}" for item in more]
    return context


_BUNDLES = {
    "order-select": "draftOrders",
    "order-sign": "draftOrders",
    "medication-refill": "medications",
    "problem-list-item-create": "conditions",
}
