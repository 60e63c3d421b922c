"""Hold what goes in and out over HTTP against the project's own schemas, whatever the test is about."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from cds_service.protocol import documents
from cds_service.web.openapi import description
from cds_service.web.sandbox import described

#: Refused for what no schema can say: not JSON, a member twice, no such day, the token of another patient.
_BEYOND_SCHEMAS = {"H002", "H003", "H005", "H012", "H014", "H015", "E023", "E024", "E025"}
_LARGEST = 1_000_000
#: Where jsonschema_rs begins a reference that has no beginning of its own.
_QUICK_BASE = "json-schema:///"
_QUIET_METHODS = ("HEAD", "OPTIONS")


@cache
def _registry() -> Registry:
    resources = ((name, DRAFT202012.create_resource(node)) for name, node in documents().items())
    return Registry().with_resources(resources)


@cache
def _quick_registry() -> jsonschema_rs.Registry:
    return jsonschema_rs.Registry([(f"{_QUICK_BASE}{name}", node) for name, node in documents().items()])


@cache
def _quick(reference: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({"$ref": _QUICK_BASE + reference}, registry=_quick_registry())


def _is_quickly_valid(quick: jsonschema_rs.Draft202012Validator, value: Any) -> bool:
    """Whether a value is valid for sure: half of all the time of the tests went into jsonschema.

    Nothing is said where a text is no Unicode (half a surrogate pair), which this library does not take.
    """
    try:
        return bool(quick.is_valid(value))
    except ValueError:
        return False


@cache
def validator(reference: str) -> Draft202012Validator:
    """Return the validator of a schema file, or of a part of one (``response.schema.json#/$defs/Card``)."""
    return Draft202012Validator({"$ref": reference}, registry=_registry())


def faults(reference: str, value: Any) -> list[str]:
    """Return what is wrong with a value, with its place, in the words of jsonschema."""
    if _is_quickly_valid(_quick(reference), value):
        return []
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(reference).iter_errors(value)]


class Described:
    """What the OpenAPI document of one application says of its routes."""

    def __init__(self, app: Any) -> None:
        state = app.extensions["twitch-cds"]
        trusted, more = bool(state.settings.clients), described(state.settings)
        self._document = description(state.services, state.settings.base_url, trusted=trusted, more=more)
        self._prefix = urlsplit(state.settings.base_url).path
        self._validators: dict[str, tuple[jsonschema_rs.Draft202012Validator, Draft202012Validator]] = {}
        self._paths = [
            (re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), operations)
            for path, operations in self._document["paths"].items()
        ]

    def faults(self, method: str, path: str, sent: bytes | None, response: Any) -> Iterator[str]:
        """Yield what the answer, or the request that it took, does against the document."""
        operations = self._operations(path)
        operation = operations.get(method.lower())
        status = str(response.status_code)
        if operation is None:
            yield from self._unlisted(method, operations, response)
            return
        if status not in operation["responses"]:
            yield f"status {status} is not described for {method} {path}"
            return
        answer = operation["responses"][status]["content"]
        if response.mimetype not in answer:
            yield f"media type {response.mimetype} is not described"
        elif response.mimetype == "application/json":
            yield from self._wrong(answer["application/json"]["schema"], json.loads(response.data))
        if sent is not None and "requestBody" in operation:
            asked = operation["requestBody"]["content"].get("application/json")
            yield from self._request_faults(asked["schema"], sent, response) if asked else ()

    def _operations(self, path: str) -> dict[str, Any]:
        below = path.removeprefix(self._prefix) if path.startswith(f"{self._prefix}/") else path
        plain = re.sub("/+", "/", below).rstrip("/") or "/"
        return next((found for pattern, found in self._paths if pattern.fullmatch(plain)), {})

    def _unlisted(self, method: str, operations: dict[str, Any], response: Any) -> Iterator[str]:
        if method in _QUIET_METHODS:
            return
        if response.status_code not in ((401, 405) if operations else (401, 404, 405)):
            yield f"status {response.status_code} of a route that is not described"
        yield from faults("operation-outcome.schema.json", json.loads(response.data))

    def _request_faults(self, schema: dict[str, Any], sent: bytes, response: Any) -> Iterator[str]:
        """Yield where the schema of requests and what the route takes differ."""
        try:
            body = json.loads(sent)
        except (ValueError, RecursionError):
            return
        wrong = list(self._wrong(schema, body))
        if response.status_code in (200, 412):
            yield from (f"was taken, although {fault}" for fault in wrong)
        elif response.status_code == 400 and not wrong and not _codes(response) & _BEYOND_SCHEMAS:
            yield "was refused, although its schema allows it"

    def _wrong(self, schema: dict[str, Any], value: Any) -> Iterator[str]:
        key = json.dumps(schema)
        if key not in self._validators:
            whole = {**schema, "components": self._document["components"]}
            self._validators[key] = jsonschema_rs.Draft202012Validator(whole), Draft202012Validator(whole)
        quick, thorough = self._validators[key]
        if _is_quickly_valid(quick, value):
            return
        for error in thorough.iter_errors(value):
            yield f"{error.json_path}: {error.message[:300]}"


def _codes(response: Any) -> set[str]:
    return {issue["details"]["coding"][0]["code"] for issue in json.loads(response.data)["issue"]}


def body_sent(arguments: dict[str, Any]) -> bytes | None:
    """Return the body a test client was told to send; None where it is none a schema can judge."""
    if "json" in arguments:
        return json.dumps(arguments["json"]).encode()
    data = arguments.get("data")
    data = data.encode() if isinstance(data, str) else data
    return data if isinstance(data, bytes) and len(data) <= _LARGEST else None


def blanks(node: Any, place: str = "") -> Iterator[str]:
    """Yield the place of every null, empty text, empty list and empty object in JSON."""
    if node is None or (isinstance(node, str | list | dict) and not node):
        yield place
    elif isinstance(node, dict):
        for name, part in node.items():
            yield from blanks(part, f"{place}/{name}")
    elif isinstance(node, list):
        for number, part in enumerate(node):
            yield from blanks(part, f"{place}/{number}")
