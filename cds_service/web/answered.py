"""Take in what clinicians answered to cards: 200 only for what is kept for good.

Source: CDS Hooks 2.0.1 "Feedback".
"""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, Response

from cds_service.errors import StoreError
from cds_service.feedback import read_feedback
from cds_service.web.asked import json_body, known_service
from cds_service.web.memory import answerer
from cds_service.web.problems import json_response
from cds_service.web.request_log import note
from cds_service.web.state import current_state

blueprint = Blueprint("answered", __name__)


@blueprint.post("/cds-services/<service_id>/feedback")
def take_feedback(service_id: str) -> Response:
    """Keep the answers of a batch, all or none; the same ones sent again change nothing.

    A card this service does not know (any more) is no error: its answer is kept and counted as unmatched.
    """
    state = current_state()
    service = known_service(state, service_id)
    answers = read_feedback(json_body())
    try:
        with state.writes.turn():
            receipt = state.store.ledger.record(
                service.id,
                answers,
                received=datetime.now(UTC),
                keep_comments=state.settings.keep_comments,
                answerer=answerer(),
            )
    except StoreError as error:
        state.metrics.count("feedback_refused", service.id)
        note(storeFault=error.issues[0].what)
        raise
    state.metrics.feedback(service.id, receipt)
    note(answers=len(answers), new=receipt.new, repeated=receipt.repeated, unmatched=receipt.unmatched)
    body = {"received": len(answers), "new": receipt.new, "repeated": receipt.repeated}
    return json_response(body)
