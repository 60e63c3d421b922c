"""What every route that takes a CDS Hooks request checks first: service, body, evaluation date."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import request
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from cds_service.errors import Issue
from cds_service.hook_call import Call
from cds_service.knowledge import Service
from cds_service.web.problems import Refusal
from cds_service.web.request_log import note
from cds_service.web.state import State


def known_service(state: State, service_id: str) -> Service:
    """Return the offered service of an id, noted for the log. Raises Refusal (404) when there is none."""
    service = state.service(service_id)
    if service is None:
        known = ", ".join(item.id for item in state.services)
        issue = Issue("/cds-services", "W404", "There is no such CDS service.", f"Services are: {known}.")
        raise Refusal(404, issue, "not-found")
    note(service=service.id)
    return service


def json_body() -> bytes:
    """Return the body, which must be announced as JSON.

    Raises:
        Refusal: Another media type, or compressed (415).
        BadRequest: Shorter than announced.
        RequestEntityTooLarge: Larger than the settings allow.
    """
    media_type = request.mimetype
    if media_type != "application/json" and not media_type.endswith("+json"):
        issue = Issue("Content-Type", "W415", "is not JSON.", "Send Content-Type: application/json.")
        raise Refusal(415, issue, "not-supported")
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        issue = Issue("Content-Encoding", "W415", "is not supported.", "Send the body uncompressed.")
        raise Refusal(415, issue, "not-supported")
    body = request.get_data(cache=False)
    if len(body) < (request.content_length or 0):
        raise BadRequest  # the sender went away before the end it announced
    if request.content_length is None and len(body) >= (request.max_content_length or len(body) + 1):
        raise RequestEntityTooLarge  # a body in chunks ends at the limit, whatever follows
    return body


def evaluation_date(call: Call, state: State) -> datetime:
    """Return the instant the patient is judged at: the service's clock, or the call's own where allowed."""
    if call.as_of is not None and state.settings.allow_as_of:
        return call.as_of
    return datetime.now(UTC).replace(microsecond=0)
