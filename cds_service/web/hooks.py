"""The CDS Hooks endpoints: discovery and the service call.

No answer is a silent empty: ``cards: []`` is said only when every applicable rule was evaluated;
what could not be judged stands on a card, and where nothing could be judged the answer is 412.

Source: CDS Hooks 2.0.1, "Discovery" and "Calling a CDS Service".
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response

from cds_service.cards.limits import CardLimits, without_extensions
from cds_service.errors import Issue
from cds_service.hook_call import Call, answer_call
from cds_service.json_log import tell
from cds_service.knowledge import Service
from cds_service.review import Review
from cds_service.triage.answers import RecallAnswers, Telling
from cds_service.triage.repeats import Mark, Recall
from cds_service.web.asked import evaluation_date, json_body, known_service
from cds_service.web.fetching import in_turn
from cds_service.web.memory import recall_answers_of, recall_of, remember, rules_told
from cds_service.web.problems import Refusal, json_response
from cds_service.web.request_log import note, noted
from cds_service.web.state import State, current_state

blueprint = Blueprint("hooks", __name__)

_SPECIFICATION = "2.0.1"
#: Code of a resource on which the service itself broke (docs/errors.md).
_BROKEN = "F077"


@blueprint.get("/cds-services")
def discovery() -> Response:
    """Return the services of this installation and the data they ask for."""
    return json_response({"services": [_described(item) for item in current_state().services]})


@blueprint.post("/cds-services/<service_id>")
def call_service(service_id: str) -> Response:
    """Assess the patient of a call and return the cards."""
    state = current_state()
    service = known_service(state, service_id)
    body = json_body()
    return in_turn(body, service, state, lambda call: _answered(call, service, state))


def _answered(call: Call, service: Service, state: State) -> Response:
    now = int(time.time())
    review = judged(call, service, state, now)
    if not review.assessable:
        state.metrics.count("unassessable", service.id)
        raise _nothing_assessable(call, service, review)
    if not _remembered(call, service, review, state, now):
        state.metrics.count("memory_failures")
    answer = review.response()
    state.metrics.cards(service.id, answer["cards"], rules_told(review))
    note(cards=len(answer["cards"]), **review.counts)
    return json_response(answer if _limits(state).extensions else without_extensions(answer))


def _limits(state: State) -> CardLimits:
    """Return what the client of this request can show."""
    return state.settings.card_limits.of(noted("client"), state.settings.base_url)


def judged(call: Call, service: Service, state: State, now: int) -> Review:
    """Have the patient of a call of ``service`` reviewed; ``now`` is in seconds UTC.

    Raises:
        PatientDataError: Its data cannot be used at all.
    """
    started = time.perf_counter()
    review = answer_call(
        call,
        service,
        state.knowledge,
        as_of=evaluation_date(call, state),
        base_url=state.settings.base_url,
        recall=_recall(call, state, now),
        recall_answers=_recall_answers(call, state, now),
        limits=_limits(state),
    )
    state.metrics.review(service.id, review, time.perf_counter() - started)
    _note_failed(review)
    return review


def _recall(call: Call, state: State, now: int) -> Recall:
    """Return what tells which cautions were told before; where it fails they are told again."""

    def recall(marks: Collection[Mark]) -> Collection[Mark]:
        try:
            return recall_of(call, state, now)(marks)
        except Exception as error:
            _not_recalled("shown", error, state)
            return ()

    return recall


def _recall_answers(call: Call, state: State, now: int) -> RecallAnswers:
    """Return what tells which findings were answered; where it fails they have their cards."""

    def recall(tellings: Sequence[Telling]) -> Mapping[Telling, int]:
        try:
            return recall_answers_of(call, state, now)(tellings)
        except Exception as error:
            _not_recalled("answered", error, state)
            return {}

    return recall


def _not_recalled(memory: str, error: Exception, state: State) -> None:
    """Tell the operator that what was ``shown`` or ``answered`` could not be read, and is told again."""
    tell(logging.ERROR, "memory failed", memory=memory, kind=type(error).__name__)
    state.metrics.count("recall_failures", memory)


def _remembered(call: Call, service: Service, review: Review, state: State, now: int) -> bool:
    """Return whether what is shown could be kept; the cards are given in any case."""
    try:
        return remember(call, service, review, state, now)
    except Exception as error:
        tell(logging.ERROR, "memory failed", kind=type(error).__name__)
        return False


def _note_failed(review: Review) -> None:
    """Tell the operator what failed inside, rules and resources; the cards tell the clinician."""
    failed = {f.rule_id: f.error or f.unproposed for f in review.findings if f.error or f.unproposed}
    if failed:
        tell(logging.ERROR, "rules failed", failed=failed)
    broken = sum(row.code == _BROKEN for row in review.facts.set_aside)
    if broken:
        tell(logging.ERROR, "resources failed", code=_BROKEN, count=broken)


def _described(service: Service) -> dict[str, Any]:
    """Return a service as discovery lists it; members without a value are left out."""
    entry = {
        "hook": service.hook,
        "hookVersion": service.hook_version,
        "id": service.id,
        "title": service.title,
        "description": service.description,
        "usageRequirements": service.usage_requirements,
        "prefetch": dict(service.prefetch),
        "version": _SPECIFICATION,
    }
    return {name: value for name, value in entry.items() if value}


def _nothing_assessable(call: Call, service: Service, review: Review) -> Refusal:
    faults = call.fetched.faults
    absent = [key for key in sorted(service.prefetch) if key not in call.prefetch and key not in faults]
    rows = [row.source.pointer for row in review.facts.set_aside if row.code != "F082"]
    places = {row.split("/")[2] for row in rows if row.startswith("/prefetch/")}
    useless = [key for key in sorted(service.prefetch) if key in call.prefetch and key in places]
    named = f" Not sent: {', '.join(absent)}." if absent else ""
    named += f" Not usable: {', '.join(useless)}." if useless else ""
    named += "".join(f" {key}: {fault.value}." for key, fault in sorted(faults.items()))
    issue = Issue(
        "/prefetch",
        "W412",
        f"Nothing could be assessed with what was sent.{named}",
        "Send the prefetch that discovery asks for. No card does not mean no finding.",
    )
    return Refusal(412, issue, "incomplete")
