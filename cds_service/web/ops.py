"""Say whether the process lives and whether it can do its work."""

from __future__ import annotations

from flask import Blueprint, Response

from cds_service.web.problems import json_response
from cds_service.web.state import current_state

blueprint = Blueprint("ops", __name__)


@blueprint.get("/livez")
def livez() -> Response:
    """Answer 200 as long as the process can answer at all."""
    return json_response({"status": "alive"})


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
