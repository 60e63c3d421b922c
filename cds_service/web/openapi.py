"""Describe the routes of this service as OpenAPI 3.1, from the services and settings in force.

Source: OpenAPI Specification 3.1.0; CDS Hooks 2.0.1 for the shapes of requests and answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service import __version__
from cds_service.knowledge import Service

Json = dict[str, Any]

_UUID: Json = {"type": "string", "format": "uuid"}
_TEXT: Json = {"type": "string", "minLength": 1}
_INSTANT: Json = {"type": "string", "format": "date-time"}
_FREE: Json = {"type": "object"}

#: What each status means, for the routes that can answer it.
_MEANINGS = {
    "400": "Not JSON, or not the request this route takes; the issue names the place",
    "401": "The client is not trusted (only where trusted clients are configured)",
    "404": "No such service or rule",
    "405": "Wrong method; see Allow",
    "412": "Nothing could be assessed with what was sent, or the data cannot be used",
    "413": "The body is too large",
    "415": "Not announced as JSON, or compressed",
    "500": "A defect of the service; the text has a reference for the operator",
    "503": "Too many calls, or not kept; see Retry-After",
}
_ASKING = ("400", "401", "404", "405", "413", "415", "500", "503")


def description(services: Sequence[Service], base_url: str, *, trusted: bool) -> Json:
    """Return the document; ``trusted``: whether clients must prove with a token who they are."""
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "twitch-cds",
            "version": __version__,
            "description": "CDS Hooks service for involuntary muscle twitching. No card is not an all-clear.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url}],
        "tags": [{"name": name} for name in ("cds-hooks", "pages", "operations")],
        "paths": {**_hook_paths(services, trusted=trusted), **_page_paths(), **_operation_paths()},
        "components": {"schemas": _schemas()},
    }
    if trusted:
        scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        document["components"]["securitySchemes"] = {"client": scheme}
    return document


def _hook_paths(services: Sequence[Service], *, trusted: bool) -> Json:
    paths: Json = {
        "/cds-services": {"get": _read("discovery", "The services and the data they ask for", "Services")}
    }
    for service in services:
        name, request = service.id, _request(service)
        paths[f"/cds-services/{name}"] = {
            "post": _asking(f"call-{name}", service.title, request, "Cards", ("412",), trusted)
        }
        paths[f"/cds-services/{name}/feedback"] = {
            "post": _asking(
                f"feedback-{name}", "Tell what became of cards", _ref("Feedback"), "Receipt", (), trusted
            )
        }
        explain = _asking(
            f"explain-{name}", "Why each rule fired or did not", request, "Explanation", ("412",), trusted
        )
        explain["parameters"] = [_parameter("rule", "query", "Explain this rule only", required=False)]
        paths[f"/explain/{name}"] = {"post": explain}
    return paths


def _page_paths() -> Json:
    rule = _parameter("rule_id", "path", "Id of a rule")
    query = _parameter("q", "query", "Words to look for", required=False)
    return {
        "/": {"get": _page("front", "What this is")},
        "/rules": {"get": _page("rules", "The catalogue of rules", query)},
        "/rules/{rule_id}": {"get": _page("rule", "A rule, for a clinician", rule)},
    }


def _operation_paths() -> Json:
    ready = _read("readyz", "Whether every part works", "Ready", tag="operations")
    ready["responses"]["503"] = _answer("Not ready, with the reasons", _ref("Ready"))
    metrics = _read("metrics", "Counts for Prometheus", "", tag="operations")
    metrics["responses"]["200"] = {"description": "Counts", "content": {"text/plain": {"schema": _TEXT}}}
    return {
        "/livez": {"get": _read("livez", "Whether the process answers", "Alive", tag="operations")},
        "/readyz": {"get": ready},
        "/metrics": {"get": metrics},
        "/openapi.json": {"get": _read("openapi", "This document", "OpenApi", tag="operations")},
    }


def _read(name: str, summary: str, schema: str, *, tag: str = "cds-hooks") -> Json:
    answers = {"200": _answer("Fine", _ref(schema or "Alive")), **_refusals(("405", "500"))}
    return {"operationId": name, "summary": summary, "tags": [tag], "responses": answers}


def _page(name: str, summary: str, *parameters: Json) -> Json:
    page = {"description": "A page", "content": {"text/html": {"schema": _TEXT}}}
    answers = {"200": page, **_refusals(("404", "405", "500"))}
    operation: Json = {"operationId": name, "summary": summary, "tags": ["pages"], "responses": answers}
    return operation | ({"parameters": list(parameters)} if parameters else {})


def _asking(name: str, summary: str, request: Json, schema: str, more: Sequence[str], trusted: bool) -> Json:
    answers = {"200": _answer("Fine", _ref(schema)), **_refusals((*_ASKING, *more))}
    operation: Json = {
        "operationId": name,
        "summary": summary,
        "tags": ["cds-hooks"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": answers,
    }
    return operation | ({"security": [{"client": []}]} if trusted else {})


def _refusals(statuses: Sequence[str]) -> Json:
    found = {status: _answer(_MEANINGS[status], _ref("OperationOutcome")) for status in sorted(statuses)}
    if "503" in found:
        found["503"]["headers"] = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}}
    return found


def _answer(words: str, schema: Json) -> Json:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, place: str, words: str, *, required: bool = True) -> Json:
    return {"name": name, "in": place, "description": words, "required": required, "schema": _TEXT}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Mapping[str, Json], required: Sequence[str] = (), **more: Any) -> Json:
    needed = {"required": list(required)} if required else {}
    return {"type": "object", "properties": dict(properties), **needed, **more}


def _list(item: Json) -> Json:
    return {"type": "array", "items": item}


def _request(service: Service) -> Json:
    """Return the schema of a call of one service; unknown members are allowed."""
    prefetch = {
        name: {"type": ["object", "null"], "description": asked} for name, asked in service.prefetch.items()
    }
    properties: Json = {
        "hook": {"const": service.hook},
        "hookInstance": _UUID,
        "fhirServer": {"type": "string", "format": "uri"},
        "fhirAuthorization": _FREE,
        "context": _object({"patientId": _TEXT, "userId": _TEXT, "encounterId": _TEXT}, ["patientId"]),
        "prefetch": _object(prefetch),
        "extension": _object({"org.twitch-cds.asOf": _INSTANT}),
    }
    return _object(properties, ["hook", "hookInstance", "context"])


def _schemas() -> Json:
    return {**_answers(), **_feedback()}


def _answers() -> Json:
    coding = _object({"code": _TEXT, "system": _TEXT, "display": _TEXT}, ["code"])
    source = _object({"label": _TEXT, "url": _TEXT, "topic": coding}, ["label"])
    service = _object(
        {
            "hook": _TEXT,
            "id": _TEXT,
            "title": _TEXT,
            "description": _TEXT,
            "prefetch": _FREE,
            "version": _TEXT,
        },
        ["hook", "id", "description"],
    )
    card = _object(
        {
            "uuid": _UUID,
            "summary": {"type": "string", "minLength": 1, "maxLength": 140},
            "detail": _TEXT,
            "indicator": {"enum": ["info", "warning", "critical"]},
            "source": source,
            "suggestions": _list(
                _object({"label": _TEXT, "uuid": _UUID, "actions": _list(_FREE)}, ["label"])
            ),
            "selectionBehavior": {"enum": ["any", "at-most-one"]},
            "overrideReasons": _list(coding),
            "links": _list(_object({"label": _TEXT, "url": _TEXT, "type": _TEXT}, ["label", "url", "type"])),
            "extension": _FREE,
        },
        ["uuid", "summary", "indicator", "source"],
    )
    issue = _object(
        {"severity": _TEXT, "code": _TEXT, "details": _FREE, "diagnostics": _TEXT}, ["severity", "code"]
    )
    explained = {"service": _TEXT, "asOf": _INSTANT, "assessable": {"type": "boolean"}, "counts": _FREE}
    return {
        "Services": _object({"services": _list(service)}, ["services"]),
        "Card": card,
        "Cards": _object({"cards": _list(_ref("Card")), "extension": _FREE}, ["cards"]),
        "Explanation": _object(
            {**explained, "rules": _list(_FREE), "definitions": _FREE}, ["rules", "counts"]
        ),
        "OperationOutcome": _object(
            {"resourceType": {"const": "OperationOutcome"}, "issue": _list(issue)}, ["resourceType", "issue"]
        ),
        "Alive": _object({"status": _TEXT}, ["status"]),
        "Ready": _object({"status": _TEXT, "knowledgeVersion": _TEXT, "reasons": _list(_TEXT)}, ["status"]),
        "OpenApi": _object({"openapi": _TEXT}, ["openapi"]),
    }


def _feedback() -> Json:
    reason = _object({"code": _TEXT, "system": _TEXT, "display": {"type": "string"}}, ["code"])
    override = _object({"reason": reason, "userComment": _TEXT}, minProperties=1)
    item = _object(
        {
            "card": _UUID,
            "outcome": {"enum": ["accepted", "overridden"]},
            "acceptedSuggestions": {**_list(_object({"id": _UUID}, ["id"])), "minItems": 1},
            "overrideReason": override,
            "outcomeTimestamp": _INSTANT,
        },
        ["card", "outcome", "outcomeTimestamp"],
    )
    whole: Json = {"type": "integer", "minimum": 0}
    accepted = {"properties": {"outcome": {"const": "accepted"}}}
    item |= {"if": accepted, "then": {"required": ["acceptedSuggestions"]}}
    return {
        "FeedbackItem": item,
        "Feedback": _object({"feedback": {**_list(_ref("FeedbackItem")), "maxItems": 1000}}, ["feedback"]),
        "Receipt": _object(
            {"received": whole, "new": whole, "repeated": whole}, ["received", "new", "repeated"]
        ),
    }
