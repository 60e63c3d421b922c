"""Pack resources as a Bundle, as prefetch, and as a CDS Hooks request."""

from datetime import datetime
from typing import Any

from cds_service.knowledge import Service
from cds_service.sandbox.prefetch import prefetch_of as filled_in
from cds_service.sandbox.records import Records, Stored

BASE = "https://ehr.example/fhir"
INSTANCE = "7c9d2f64-5a0b-4b7e-9d53-2f1f0a6f6a10"


def bundle_of(resources: list[dict[str, Any]], kind: str = "collection") -> dict[str, Any]:
    """A Bundle of the resources."""
    entries = [
        {"fullUrl": f"{BASE}/{item['resourceType']}/{item['id']}", "resource": item} for item in resources
    ]
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def prefetch_of(resources: list[dict[str, Any]], service: Service) -> dict[str, Any]:
    """The prefetch an EHR would send: each key of discovery with what its search would find, or null.

    Laboratory tests without a code, which no search by code finds, come with the first of the others.
    """
    ids = {item["resourceType"]: item["id"] for item in reversed(resources)}
    records = Records.of(Stored(item) for item in resources)
    context = {"patientId": ids["Patient"], "encounterId": ids.get("Encounter", "unknown")}
    prefetch = dict(filled_in(service, context, records, BASE).found)
    uncoded = [item for item in resources if _is_uncoded_test(item)]
    if uncoded:
        found = [entry["resource"] for entry in (prefetch["labs"] or {}).get("entry", ())]
        prefetch["labs"] = bundle_of([*found, *uncoded], "searchset") | {"total": len(found) + len(uncoded)}
    return prefetch


def _is_uncoded_test(resource: dict[str, Any]) -> bool:
    rows = [row["code"] for item in resource.get("category", ()) for row in item.get("coding", ())]
    return rows[:1] == ["laboratory"] and not resource["code"].get("coding")


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
