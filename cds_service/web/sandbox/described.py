"""Describe the routes of the sandbox as OpenAPI 3.1, for the document of the whole service.

Source: OpenAPI Specification 3.1.0. FHIR answers are described by their type alone: FHIR says the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

_TAG = "sandbox"
_TEXT: Json = {"type": "string"}
_FHIR_TYPES = ("application/fhir+json", "application/json+fhir", "application/json")
_FILES = ("text/css", "text/javascript", "text/html", "text/plain", "text/markdown", "application/json",
          "image/svg+xml", "image/png", "application/octet-stream")  # fmt: skip
_OUTCOME: Json = {"$ref": "#/components/schemas/OperationOutcome"}
_RESOURCE: Json = {"type": "object", "required": ["resourceType"], "properties": {"resourceType": _TEXT}}
_WORDS = {
    "200": "Fine",
    "304": "The file is the one the asker has",
    "308": "The page stands at the address with a slash",
    "400": "Parameter or body cannot be read; the issue names it",
    "404": "No such thing",
    "405": "Wrong method; see Allow",
    "406": "No answer in the form that is asked for",
    "412": "The record cannot be used",
    "413": "The body is too large",
    "415": "Body of the wrong media type, or compressed",
    "416": "There is no such part of the file",
    "421": "Asked by a name that is not the service's own",
    "500": "A defect of the service, or the fault that was asked for",
    "503": "The store cannot be used, or too many slow answers; see Retry-After",
}
#: JSON answers of the data routes: members they always have.
_MEMBERS = {
    "patients": ("patients", "fhirServer", "faults", "canForget", "maxBodyMib"),
    "orderables": ("matches",),
    "feedback": ("days", "rules", "totals"),
    "forget": (),
    "record": ("patientId", "bundle", "strangers"),
    "prefetch": ("prefetch", "queries", "strangers"),
    "chart": ("asOf", "labs", "setAside", "strangers"),
}
_COUNT: Json = {"type": "integer", "minimum": 0}
_COUNTS: Json = dict.fromkeys(("shown", "accepted", "overridden"), _COUNT)


def _rows(members: Json) -> Json:
    """Describe a list of objects that have all of these members and no others."""
    row = {"type": "object", "required": list(members), "properties": members, "additionalProperties": False}
    return {"type": "array", "items": row}


#: What the members of those answers are, where it is not seen at once.
_SHAPES: dict[str, Json] = {
    "feedback": {
        "days": {"type": "integer", "minimum": 1},
        "rules": _rows(
            {
                "ruleId": _TEXT,
                "title": _TEXT,
                **_COUNTS,
                "ignored": _COUNT,
                "reasons": _rows({"code": _TEXT, "display": _TEXT, "count": _COUNT}),
                "byDay": _rows(
                    {
                        "day": {"type": "string", "format": "date"},
                        **_COUNTS,
                        "reasons": _rows({"code": _TEXT, "count": _COUNT}),
                    }
                ),
            }
        ),
        "totals": {"type": "object", "properties": {**_COUNTS, "ignored": _COUNT}},
    }
}
#: Members of the bodies of the data routes; a record is named or sent.
_ASKED: Json = {
    "service": {"type": "string", "minLength": 1},
    "asOf": {"type": "string", "minLength": 1},
    "context": {"type": "object", "properties": {"patientId": _TEXT}},
    "patientId": _TEXT,
}
_RECORD: list[Json] = [
    {"required": ["patientId"], "properties": {"patientId": {"type": "string", "minLength": 1}}},
    {"required": ["bundle"]},
]


def sandbox_paths() -> Json:
    """Return the paths of the document; every route that is registered with the sandbox, and no other."""
    return {
        **_pages(),
        **_data(),
        **_fhir("/sandbox/fhir", ""),
        **_fhir("/sandbox/faults/{fault}/fhir", "fault"),
    }


def _pages() -> Json:
    page = {"text/html": {"schema": _TEXT}}
    files = {media: {"schema": _TEXT if media != "application/json" else {}} for media in _FILES}
    index = _operation("page", "The sandbox: synthetic patients and their cards", page, ("404", "405", "500"))
    index["responses"]["308"] = {"description": _WORDS["308"], "content": page}
    shown = _operation("feedback-page", "What was answered to cards", page, ("404", "405", "500"))
    file = _operation("file", "A file of the pages", files, ("404", "405", "416", "500"), ("filename",))
    file["responses"]["304"] = {"description": _WORDS["304"], "content": files}
    return {
        "/sandbox": {"get": index},
        "/sandbox/feedback": {"get": shown},
        "/sandbox/static/{filename}": {"get": file},
    }


def _data() -> Json:
    reads = ("400", "405", "421", "500", "503")
    asks = ("400", "404", "405", "412", "413", "415", "421", "500", "503")
    orderables = _json("orderables", "What can be ordered under a name", reads, query=("kind", "q"))
    prefetch = _json("prefetch", "What an EHR would prefetch for a service", asks, body=("service",))
    return {
        "/sandbox/patients.json": {"get": _json("patients", "The bundled patients", reads)},
        "/sandbox/orderables.json": {"get": orderables},
        "/sandbox/feedback.json": {
            "get": _json("feedback", "Answers by rule and day", reads, query=("days",))
        },
        "/sandbox/forget": {"post": _json("forget", "Forget what was shown and answered", (*reads, "415"))},
        "/sandbox/record": {"post": _json("record", "A record with plain references", asks, body=())},
        "/sandbox/prefetch": {"post": prefetch},
        "/sandbox/chart": {"post": _json("chart", "Results as the product reads them", asks, body=("asOf",))},
    }


def _json(
    name: str,
    words: str,
    statuses: Iterable[str],
    query: Iterable[str] = (),
    body: Iterable[str] | None = None,
) -> Json:
    schema = {"type": "object", "required": list(_MEMBERS[name]), "properties": _SHAPES.get(name, {})}
    operation = _operation(name, words, {"application/json": {"schema": schema}}, statuses, (), query)
    if body is not None:
        asked = {"type": "object", "required": list(body), "properties": _ASKED, "anyOf": _RECORD}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": asked}}}
    return operation


def _fhir(base: str, fault: str) -> Json:
    """Return the paths of a FHIR endpoint; those with fixed words before those they would fit, too."""
    content: Json = {media: {"schema": _RESOURCE} for media in _FHIR_TYPES}
    if fault:
        content["text/html"] = {"schema": _TEXT}
    statuses = ("400", "404", "405", "406", "413", "415", "500", "503")
    ending, first = (f"-with-{fault}", (fault,)) if fault else ("", ())

    def made(name: str, words: str, *places: str) -> Json:
        return _operation(f"fhir-{name}{ending}", words, content, statuses, (*first, *places))

    search = made("search-by-post", "Search with parameters in a form", "resource_type")
    form = {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}}
    search["requestBody"] = {"content": form}
    return {
        f"{base}/metadata": {"get": made("metadata", "What the endpoint can do")},
        f"{base}/Patient/{{ident}}/$everything": {"get": made("everything", "A whole record", "ident")},
        f"{base}/{{resource_type}}/_search": {"post": search},
        f"{base}/{{resource_type}}/{{ident}}": {"get": made("read", "A resource", "resource_type", "ident")},
        f"{base}/{{resource_type}}": {"get": made("search", "Search", "resource_type")},
    }


def _operation(
    name: str,
    words: str,
    content: Json,
    statuses: Iterable[str],
    places: Iterable[str] = (),
    query: Iterable[str] = (),
) -> Json:
    refused = {media: {"schema": _OUTCOME} for media in (*_FHIR_TYPES, "text/html")}
    answers: Json = {"200": {"description": _WORDS["200"], "content": content}}
    answers |= {status: {"description": _WORDS[status], "content": refused} for status in statuses}
    parameters = [
        {"name": item, "in": where, "required": where == "path", "schema": _TEXT}
        for where, names in (("path", places), ("query", query))
        for item in names
    ]
    found = {"operationId": f"sandbox-{name}", "summary": words, "tags": [_TAG], "responses": answers}
    return found | ({"parameters": parameters} if parameters else {})
