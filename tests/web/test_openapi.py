"""The description of the routes is complete, hangs together, and is what the service does."""

import json
import re
import uuid

import pytest
from flask import Response
from jsonschema import Draft202012Validator

from tests.protocol import Described

from .conftest import PATH


@pytest.fixture
def document(client):
    response = client.get("/openapi.json")
    assert response.status_code == 200
    return response.get_json()


def _operations(document):
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _resolved(schema, document):
    return {**schema, "components": document["components"]}


def _check(value, schema, document):
    Draft202012Validator(_resolved(schema, document)).validate(value)


def _refs(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for part in node.values():
            yield from _refs(part)
    elif isinstance(node, list):
        for part in node:
            yield from _refs(part)


def test_it_is_openapi_3_1_with_what_that_requires(document):
    assert document["openapi"].startswith("3.1.")
    assert document["info"]["title"] and document["info"]["version"]
    names = [operation["operationId"] for _path, _method, operation in _operations(document)]
    assert len(names) == len(set(names))
    for path, _method, operation in _operations(document):
        assert operation["responses"]
        assert all(answer["description"] for answer in operation["responses"].values())
        declared = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "path"}
        assert set(re.findall(r"\{(\w+)\}", path)) == declared


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere(document):
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(_refs(document)) <= known


def test_the_meta_schema_of_openapi_accepts_it(document, make_app):
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(document)
    validator.validate(make_app(sandbox=True).test_client().get("/openapi.json").get_json())


@pytest.mark.parametrize("sandbox", [False, True])
def test_every_route_is_described_and_every_description_is_a_route(make_app, sandbox):
    app = make_app(sandbox=sandbox)
    document = app.test_client().get("/openapi.json").get_json()
    services = [item.id for item in app.extensions["twitch-cds"].services]
    routes = set()
    for rule in app.url_map.iter_rules():
        if "//" in rule.rule:
            continue
        plain = re.sub(r"<(\w+:)?(\w+)>", r"{\2}", rule.rule)
        routes |= (
            {plain.replace("{service_id}", name) for name in services} if "{service_id}" in plain else {plain}
        )
    assert routes == set(document["paths"])
    assert any(path.startswith("/sandbox") for path in routes) == sandbox


def test_calls_answers_and_feedback_fit_their_schemas(client, call, document):
    operation = document["paths"][PATH]["post"]
    _check(call, operation["requestBody"]["content"]["application/json"]["schema"], document)
    answer = client.post(PATH, json=call).get_json()
    _check(answer, operation["responses"]["200"]["content"]["application/json"]["schema"], document)
    refused = client.post(PATH, json={}).get_json()
    _check(refused, operation["responses"]["400"]["content"]["application/json"]["schema"], document)
    explain = document["paths"]["/explain/twitch-patient-view"]["post"]["responses"]["200"]
    told = client.post("/explain/twitch-patient-view", json=call).get_json()
    _check(told, explain["content"]["application/json"]["schema"], document)
    _check(client.get("/cds-services").get_json(), {"$ref": "#/components/schemas/Discovery"}, document)
    _check(client.get("/readyz").get_json(), {"$ref": "#/components/schemas/Health"}, document)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"outcome": "overridden"}, 200),
        ({"outcome": "accepted"}, 400),
        ({"outcome": "accepted", "acceptedSuggestions": []}, 400),
        ({"outcome": "accepted", "acceptedSuggestions": [{"id": str(uuid.UUID(int=1))}]}, 200),
        ({"outcome": "overridden", "overrideReason": {}}, 400),
        ({"outcome": "overridden", "overrideReason": {"userComment": "x"}}, 200),
        ({"outcome": "ignored"}, 400),
    ],
)
def test_the_schema_of_feedback_says_what_the_route_takes(client, document, more, status):
    body = {"feedback": [{"card": str(uuid.UUID(int=2)), "outcomeTimestamp": "2026-11-20T10:00:00Z"} | more]}
    assert client.post(f"{PATH}/feedback", json=body).status_code == status
    schema = _resolved({"$ref": "#/components/schemas/Feedback"}, document)
    assert Draft202012Validator(schema).is_valid(body) == (status == 200)


def test_what_is_not_described_fails_every_test(client, call):
    """The check of ``tests/conftest.py`` sees a wrong answer, status, media type, and a request taken against its schema."""
    described = Described(client.application)
    good = client.post(PATH, json=call)
    sent = json.dumps(call).encode()
    assert list(described.faults("POST", PATH, sent, good)) == []
    wrong = good.get_json()
    wrong["cards"][0]["summary"] = "x" * 140
    assert list(
        described.faults("POST", PATH, sent, Response(json.dumps(wrong), mimetype="application/json"))
    )
    assert list(described.faults("POST", PATH, sent, Response("{}", 418, mimetype="application/json")))
    assert list(described.faults("POST", PATH, sent, Response(good.data, mimetype="text/plain")))
    assert list(described.faults("GET", "/elsewhere", None, good))
    assert list(described.faults("POST", PATH, sent.replace(b'"hook"', b'"hooks"'), good))
    refused = client.post(PATH, json={})
    assert list(described.faults("POST", PATH, sent, refused))
