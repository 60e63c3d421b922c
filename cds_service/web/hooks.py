"""The CDS Hooks endpoints: discovery and the service call.

No answer is a silent empty: ``cards: []`` is said only when every applicable rule was evaluated;
what could not be judged stands on a card, and where nothing could be judged the answer is 412.

Source: CDS Hooks 2.0.1, "Discovery" and "Calling a CDS Service".
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from cds_service.errors import Issue
from cds_service.hook_call import Call, answer_call, read_call
from cds_service.json_log import LOGGER
from cds_service.knowledge import Service
from cds_service.repeats import Mark, Recall
from cds_service.review import Review
from cds_service.web.problems import Refusal, json_response
from cds_service.web.request_log import note
from cds_service.web.state import State, current_state

blueprint = Blueprint("hooks", __name__)

_SPECIFICATION = "2.0.1"
_ALLOWED_HEADERS = "authorization, content-type"
#: Calls judged at the same time in one process; whose body is still arriving does not count.
_TURNS = threading.BoundedSemaphore(4)


@blueprint.get("/cds-services", strict_slashes=False)
def discovery() -> Response:
    """Return the services of this installation and the data they ask for."""
    return json_response({"services": [_described(item) for item in current_state().services]})


@blueprint.post("/cds-services/<service_id>", strict_slashes=False)
@blueprint.post("/cds-services//<service_id>")
def call_service(service_id: str) -> Response:
    """Assess the patient of a call and return the cards."""
    state = current_state()
    service = _known_service(state, service_id)
    note(service=service.id)
    body = _json_body()
    with _TURNS:
        return _answered(body, service, state)


def _answered(body: bytes, service: Service, state: State) -> Response:
    call = read_call(body, service.hook)
    note(hookInstance=call.hook_instance)
    now = int(time.time())
    review = answer_call(
        call,
        service,
        state.knowledge,
        as_of=_evaluation_date(call, state),
        base_url=state.settings.base_url,
        recall=_recall(call, state, now),
    )
    if not review.assessable:
        raise _nothing_assessable(call, service)
    _remember(call, review, state, now)
    answer = review.response()
    note(cards=len(answer["cards"]), **review.counts)
    _note_failed_rules(review)
    response = json_response(answer)
    response.headers["Cache-Control"] = "no-store"
    return response


def _recall(call: Call, state: State, now: int) -> Recall:
    """Return what tells which cautions were told before, about this patient or to this user."""
    memory = state.store.shown(state.settings.memory_key)

    def recall(marks: Collection[Mark]) -> Collection[Mark]:
        known: set[Mark] = set()
        for scope, group in _by_scope(call, marks):
            found = memory.recall(scope, _seconds(group), now=now, instance=call.hook_instance)
            known.update(mark for mark in group if mark.text in found)
        return known

    return recall


def _remember(call: Call, review: Review, state: State, now: int) -> None:
    """Keep which cautions were shown, where somebody will ask."""
    memory = state.store.shown(state.settings.memory_key)
    for scope, group in _by_scope(call, review.marks):
        if not memory.keep(scope, _seconds(group), now=now, instance=call.hook_instance):
            LOGGER.warning("what was shown could not be remembered; it is told again")


def _by_scope(call: Call, marks: Collection[Mark]) -> Iterator[tuple[str, list[Mark]]]:
    """Yield the marks that hold for the patient, and those that hold for the user too, with their scope."""
    server = call.server.decode(errors="replace")
    for for_all, who in ((True, [server, call.patient_id]), (False, [server, call.user_id, call.patient_id])):
        group = [mark for mark in marks if mark.for_all == for_all]
        if group:
            yield json.dumps(who), group


def _seconds(marks: Collection[Mark]) -> dict[str, int]:
    return {mark.text: mark.seconds for mark in marks}


def _note_failed_rules(review: Review) -> None:
    """Tell the operator which rules failed inside; the cards tell the clinician."""
    failed = {finding.rule_id: finding.error for finding in review.findings if finding.error}
    if failed:
        LOGGER.error("rules failed", extra={"fields": {"failed": failed}})


@blueprint.after_request
def _allow_origins(response: Response) -> Response:
    """Let browsers of the allowed origins read the answer, errors included."""
    origins = current_state().settings.cors_origins
    origin = request.headers.get("Origin", "")
    is_open = request.endpoint == "hooks.discovery" or "*" in origins
    if is_open:
        response.headers["Access-Control-Allow-Origin"] = "*"
    elif origin and origin in origins:
        response.headers["Access-Control-Allow-Origin"] = origin
    response.vary.add("Origin")
    if request.method == "OPTIONS" and "Access-Control-Allow-Origin" in response.headers:
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
        response.headers["Access-Control-Max-Age"] = "600"
    return response


def _described(service: Service) -> dict[str, Any]:
    """Return a service as discovery lists it; members without a value are left out."""
    entry = {
        "hook": service.hook,
        "id": service.id,
        "title": service.title,
        "description": service.description,
        "usageRequirements": service.usage_requirements,
        "prefetch": dict(service.prefetch),
        "version": _SPECIFICATION,
    }
    return {name: value for name, value in entry.items() if value}


def _known_service(state: State, service_id: str) -> Service:
    service = state.service(service_id)
    if service is None:
        known = ", ".join(item.id for item in state.services)
        issue = Issue("/cds-services", "W404", "There is no such CDS service.", f"Services are: {known}.")
        raise Refusal(404, issue, "not-found")
    return service


def _json_body() -> bytes:
    media_type = request.mimetype
    if media_type != "application/json" and not media_type.endswith("+json"):
        issue = Issue("Content-Type", "W415", "is not JSON.", "Send Content-Type: application/json.")
        raise Refusal(415, issue, "not-supported")
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        issue = Issue("Content-Encoding", "W415", "is not supported.", "Send the body uncompressed.")
        raise Refusal(415, issue, "not-supported")
    body = request.get_data(cache=False)
    if request.content_length is None and len(body) >= (request.max_content_length or len(body) + 1):
        raise RequestEntityTooLarge  # a body in chunks ends at the limit, whatever follows
    return body


def _evaluation_date(call: Call, state: State) -> datetime:
    """Return the instant the patient is judged at: the service's clock, or the call's own where allowed."""
    if call.as_of is not None and state.settings.allow_as_of:
        return call.as_of
    return datetime.now(UTC).replace(microsecond=0)


def _nothing_assessable(call: Call, service: Service) -> Refusal:
    absent = [key for key in sorted(service.prefetch) if key not in call.prefetch]
    named = f" Not sent: {', '.join(absent)}." if absent else ""
    issue = Issue(
        "/prefetch",
        "W412",
        f"Nothing could be assessed with what was sent.{named}",
        "Send the prefetch that discovery asks for. No card does not mean no finding.",
    )
    return Refusal(412, issue, "incomplete")
