"""Say whether the process lives and can do its work, what it did, and which routes it has."""

from __future__ import annotations

from flask import Blueprint, Response

from cds_service.web.metrics import page_of
from cds_service.web.openapi import description
from cds_service.web.problems import json_response
from cds_service.web.sandbox import described
from cds_service.web.state import current_state

blueprint = Blueprint("ops", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """Answer 200 as long as the process can answer at all."""
    return json_response({"status": "alive"})


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the description of every route as OpenAPI 3.1."""
    state = current_state()
    settings = state.settings
    document = description(
        state.services, settings.base_url, trusted=bool(settings.clients), more=described(settings)
    )
    return json_response(document)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the counts of this service in the text format of Prometheus."""
    state = current_state()
    return page_of(state.metrics, store_up=not state.store.fault())


@blueprint.get("/readyz")
def readyz() -> Response:
    """Answer 200 when every part works, else 503 with the reasons."""
    state = current_state()
    reasons = [state.store.fault(), *(str(issue) for issue in state.unproven)]
    if not state.knowledge.rules:
        reasons.append("the knowledge holds no rules")
    if not state.services:
        reasons.append("the knowledge announces no services")
    found = [reason for reason in reasons if reason]
    body = {"status": "not ready" if found else "ready", "knowledgeVersion": state.knowledge.version}
    return json_response({**body, "reasons": found} if found else body, 503 if found else 200)
