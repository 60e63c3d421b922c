"""Describe the routes of this service as OpenAPI 3.1, from the services and settings in force.

Source: OpenAPI Specification 3.1.0. The shapes of requests and answers are those of ``cds_service.protocol``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service import __version__
from cds_service.knowledge import Service
from cds_service.protocol import components, context_of

Json = dict[str, Any]

#: Media types of the files of the pages.
_FILES = ("text/css", "text/javascript", "image/svg+xml")
_TEXT: Json = {"type": "string", "minLength": 1}

#: What each status means, for the routes that can answer it.
_MEANINGS = {
    "400": "Not JSON, or not the request this route takes; the issue names the place",
    "401": "The client is not trusted; the operator's log says why",
    "404": "No such service or rule",
    "405": "Wrong method; see Allow",
    "412": "Nothing could be assessed with what was sent, or the data cannot be used",
    "413": "The body is too large",
    "415": "Not announced as JSON, or compressed",
    "416": "There is no such part of the file",
    "500": "A defect of the service; the text has a reference for the operator",
    "503": "Too many calls, or not kept; see Retry-After",
}
_ASKING = ("400", "404", "405", "413", "415", "500", "503")
_HEADERS = {
    "401": {"WWW-Authenticate": {"description": "How to prove who one is", "schema": {"const": "Bearer"}}},
    "405": {"Allow": {"description": "The methods there are", "schema": _TEXT}},
    "503": {"Retry-After": {"description": "Seconds", "schema": {"type": "integer"}}},
}


def description(
    services: Sequence[Service], base_url: str, *, trusted: bool, more: Mapping[str, Json] | None = None
) -> Json:
    """Return the document.

    ``trusted``: whether clients must prove with a token who they are; ``more``: further paths there are.
    """
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
        "paths": {
            **_hook_paths(services, trusted=trusted),
            **_page_paths(),
            **_operation_paths(),
            **(more or {}),
        },
        "components": {"schemas": components()},
    }
    if trusted:
        scheme = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        document["components"]["securitySchemes"] = {"client": scheme}
    return document


def _hook_paths(services: Sequence[Service], *, trusted: bool) -> Json:
    paths: Json = {
        "/cds-services": {"get": _read("discovery", "The services and the data they ask for", "Discovery")}
    }
    for service in services:
        name, request = service.id, _request(service)
        call = _asking(f"call-{name}", service.title, request, "Response", trusted, "412")
        feedback = _asking(
            f"feedback-{name}", "Tell what became of cards", _ref("Feedback"), "Receipt", trusted
        )
        explain = _asking(
            f"explain-{name}", "Why each rule fired or did not", request, "Explanation", trusted, "412"
        )
        explain["parameters"] = [_parameter("rule", "query", "Explain this rule only", required=False)]
        paths[f"/cds-services/{name}"] = {"post": call}
        paths[f"/cds-services/{name}/feedback"] = {"post": feedback}
        paths[f"/explain/{name}"] = {"post": explain}
    return paths


def _page_paths() -> Json:
    rule = _parameter("rule_id", "path", "Id of a rule")
    query = _parameter("q", "query", "Words to look for", required=False)
    group = _parameter("group", "query", "Group of rules", required=False)
    file = _parameter("filename", "path", "Name of the file")
    static = _page("static", "Style, icon and theme switch of the pages", file)
    static["responses"]["200"]["content"] = {kind: {"schema": _TEXT} for kind in _FILES}
    static["responses"] |= _refusals("416")
    return {
        "/": {"get": _page("front", "What this is")},
        "/rules": {"get": _page("rules", "The catalogue of rules", query, group)},
        "/rules/{rule_id}": {"get": _page("rule", "A rule, for a clinician", rule)},
        "/rules/static/{filename}": {"get": static},
    }


def _operation_paths() -> Json:
    ready = _read("readyz", "Whether every part works", "Health", tag="operations")
    ready["responses"]["503"] = _answer("Not ready, with the reasons", _ref("Health"))
    metrics = _read("metrics", "Counts for Prometheus", "Health", tag="operations")
    metrics["responses"]["200"] = {"description": "Counts", "content": {"text/plain": {"schema": _TEXT}}}
    document = _read("openapi", "This document", "Health", tag="operations")
    document["responses"]["200"] = _answer("Fine", {"type": "object", "required": ["openapi"]})
    return {
        "/livez": {"get": _read("livez", "Whether the process answers", "Health", tag="operations")},
        "/readyz": {"get": ready},
        "/metrics": {"get": metrics},
        "/openapi.json": {"get": document},
    }


def _read(name: str, summary: str, schema: str, *, tag: str = "cds-hooks") -> Json:
    answers = {"200": _answer("Fine", _ref(schema)), **_refusals("405", "500")}
    return {"operationId": name, "summary": summary, "tags": [tag], "responses": answers}


def _page(name: str, summary: str, *parameters: Json) -> Json:
    page: Json = {"description": "A page", "content": {"text/html": {"schema": _TEXT}}}
    answers = {"200": page, **_refusals("404", "405", "500")}
    operation: Json = {"operationId": name, "summary": summary, "tags": ["pages"], "responses": answers}
    return operation | ({"parameters": list(parameters)} if parameters else {})


def _asking(name: str, summary: str, request: Json, schema: str, trusted: bool, *more: str) -> Json:
    """Return an operation that takes a body; ``more``: statuses beside those all of them have."""
    statuses = (*_ASKING, *more, *(("401",) if trusted else ()))
    operation: Json = {
        "operationId": name,
        "summary": summary,
        "tags": ["cds-hooks"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": request}}},
        "responses": {"200": _answer("Fine", _ref(schema)), **_refusals(*statuses)},
    }
    return operation | ({"security": [{"client": []}]} if trusted else {})


def _refusals(*statuses: str) -> Json:
    found = {status: _answer(_MEANINGS[status], _ref("OperationOutcome")) for status in sorted(statuses)}
    for status in found.keys() & _HEADERS.keys():
        found[status]["headers"] = _HEADERS[status]
    return found


def _answer(words: str, schema: Json) -> Json:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, place: str, words: str, *, required: bool = True) -> Json:
    return {"name": name, "in": place, "description": words, "required": required, "schema": _TEXT}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _request(service: Service) -> Json:
    """Return the schema of a call of one service; unknown members are allowed."""
    prefetch = {name: {"description": asked} for name, asked in service.prefetch.items()}
    properties: Json = {
        "hook": {"const": service.hook},
        "context": _ref(context_of(service.hook)),
        "prefetch": {"properties": prefetch},
    }
    return {**_ref("Call"), "properties": properties}
