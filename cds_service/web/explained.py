"""Answer a CDS Hooks call with why every rule fired, did not, or could not tell.

The request is that of the service, with the same checks. Where nothing could be assessed the explanation
says so rule by rule, while the service itself answers 412. Nothing is remembered: looking changes nothing.
"""

from __future__ import annotations

import time
from typing import Any

from flask import Blueprint, Response, request

from cds_service.errors import Issue
from cds_service.explain import explain_patient
from cds_service.hook_call import Call
from cds_service.knowledge import Knowledge, Service
from cds_service.web.asked import json_body, known_service
from cds_service.web.fetching import in_turn
from cds_service.web.hooks import judged
from cds_service.web.problems import Refusal, json_response
from cds_service.web.request_log import note
from cds_service.web.state import State, current_state

blueprint = Blueprint("explained", __name__)


@blueprint.post("/explain/<service_id>")
def explain_call(service_id: str) -> Response:
    """Return the explanation of every rule for the patient of a call, or of ``?rule=ID`` alone."""
    state = current_state()
    service = known_service(state, service_id)
    rule_id = _asked_rule(state.knowledge)
    body = json_body()
    return in_turn(body, service, state, lambda call: _explained(call, service, state, rule_id))


def _explained(call: Call, service: Service, state: State, rule_id: str | None) -> Response:
    review = judged(call, service, state, int(time.time()))
    answer: dict[str, Any] = {
        "service": service.id,
        "hook": service.hook,
        "knowledgeVersion": review.knowledge_version,
        "asOf": review.facts.as_of.isoformat(timespec="seconds"),
        "assessable": review.assessable,
        "counts": review.counts,
        **explain_patient(review, state.knowledge, rule_id),
    }
    state.metrics.count("explanations", service.id)
    note(**review.counts)
    return json_response(answer)


def _asked_rule(knowledge: Knowledge) -> str | None:
    """Return the rule of ``?rule=ID``, None when all are asked for. Raises Refusal (404)."""
    rule_id = request.args.get("rule")
    if rule_id is None or rule_id in knowledge.rules or rule_id in knowledge.site.switched_off:
        return rule_id
    issue = Issue("rule", "W404", "There is no such rule.", "GET /rules lists what there is.")
    raise Refusal(404, issue, "not-found")
