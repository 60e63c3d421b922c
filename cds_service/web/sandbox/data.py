"""Give the page of the sandbox its data: the list of patients, and the prefetch an EHR would send."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Blueprint, Response, request

from cds_service.errors import Issue, RequestError
from cds_service.feedback import history_by_rule
from cds_service.json_text.bounds import is_crowded, is_deeper
from cds_service.sandbox.chart import chart_of
from cds_service.sandbox.history import told_history
from cds_service.sandbox.intake import Intake, patient_of, strangers_to, taken_in
from cds_service.sandbox.listing import listed_patient
from cds_service.sandbox.prefetch import prefetch_of
from cds_service.sandbox.records import Records, read_json
from cds_service.web.asked import json_body, known_service
from cds_service.web.problems import Refusal, json_response
from cds_service.web.sandbox.shelf import (
    FHIR_PATH,
    asked_base,
    current_library,
    current_orderables,
    fhir_addresses,
    own_host,
)
from cds_service.web.state import current_state

blueprint = Blueprint("sandbox_data", __name__)

_MOST_DAYS = 366
_YEARS = (1900, 2200)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


@blueprint.before_request
def _refuse_other_names() -> None:
    """Refuse a name that is not of this machine: a page of the internet may point one of its own here.

    To the browser such a page ("DNS rebinding") is of the same origin as this service, and could read answers
    to cards and have them forgotten.

    Raises:
        Refusal: The name (421) is neither a loopback one nor that of ``host`` or ``public_base_url``.
    """
    if own_host():
        return
    what = "is no name of this service."
    remedy = "Open it by 127.0.0.1, or name the address it is reached at in public_base_url."
    raise Refusal(421, Issue("Host", "E026", what, remedy), "forbidden")


@blueprint.get("/sandbox/patients.json")
def patients() -> Response:
    """Return the bundled patients, and where the service reaches the FHIR endpoint they are served from."""
    state = current_state()
    addresses = fhir_addresses(state.settings)
    good = addresses.pop("")
    rows = [listed_patient(story, state.knowledge) for story in current_library().stories]
    found = {"patients": rows, "fhirServer": good, "faults": addresses, "canForget": True}
    return json_response(found | {"maxBodyMib": state.settings.max_body_mib})


@blueprint.post("/sandbox/record")
def record() -> Response:
    """Return a record of one's own as a server would have it, with ids and plain references; none is kept."""
    body = asked_object()
    with current_state().turns.turn():
        found = asked_record(body)
        patient_id = _patient(body, found.records)
        strangers = strangers_to(found.records, patient_id).told(found.empty)
    return json_response({"patientId": patient_id, "bundle": _bundle(found.records), "strangers": strangers})


@blueprint.post("/sandbox/prefetch")
def prefetch() -> Response:
    """Return what an EHR with the named or sent record would prefetch for a service; nothing is kept."""
    body = asked_object()
    state = current_state()
    service = known_service(state, _text(body, "service"))
    context = body.get("context", {})
    if not isinstance(context, Mapping):
        raise _wrong("/context", "E020", "is no object.", "Send the context of the call.")
    base = asked_base() + FHIR_PATH
    ids = {name: value for name, value in context.items() if isinstance(value, str)}
    with state.turns.turn():
        found = asked_record(body)
        ids["patientId"] = _patient(body, found.records)
        filled = prefetch_of(service, ids, found.records, base)
        strangers = strangers_to(found.records, ids["patientId"]).told(found.empty)
    return json_response({"prefetch": filled.found, "queries": filled.queries, "strangers": strangers})


@blueprint.post("/sandbox/chart")
def chart() -> Response:
    """Return the results of a record as the product reads them, with the limits of rules."""
    body = asked_object()
    as_of, state = _instant(body), current_state()
    with state.turns.turn():
        taken = asked_record(body)
        named = body.get("patientId")
        patient_id = named if isinstance(named, str) and named else None
        bundle = _ENCODER.encode(_bundle(taken.records))
        found = chart_of(bundle, state.knowledge, as_of=as_of, patient_id=patient_id)
        strangers = strangers_to(taken.records, _patient(body, taken.records)).told(taken.empty)
    return json_response(found | {"strangers": strangers})


@blueprint.post("/sandbox/forget")
def forget() -> Response:
    """Forget what was shown and answered, so that every card is given again; the feedback itself stays.

    Only as JSON, which a page of another origin may not send.
    """
    json_body()
    state = current_state()
    with state.writes.turn():
        state.store.forget()
    return json_response({})


@blueprint.get("/sandbox/orderables.json")
def orderables() -> Response:
    """Return what can be ordered or recorded under a name, best first."""
    shelves = current_orderables()
    kind = request.args.get("kind", "")
    if kind not in shelves.kinds:
        known = ", ".join(shelves.kinds)
        raise _wrong("?kind", "E021", "is no kind of what can be ordered.", f"Kinds are: {known}.")
    return json_response({"matches": shelves.find(kind, request.args.get("q", ""))})


@blueprint.get("/sandbox/feedback.json")
def feedback() -> Response:
    """Return by rule and day what was shown and what was answered in the last ``?days=`` (90)."""
    state = current_state()
    text = request.args.get("days", "90")
    days = int(text) if text.isascii() and text.isdigit() and len(text) < 5 else 0
    if not 1 <= days <= _MOST_DAYS:
        raise _wrong("?days", "E022", f"is no number from 1 to {_MOST_DAYS}.", "Write a number such as 90.")
    ledger = state.store.ledger
    found = history_by_rule(ledger.answers(), ledger.given(), until=datetime.now(UTC), days=days)
    return json_response(told_history(found, state.knowledge, days))


def _instant(body: Mapping[str, Any]) -> datetime:
    text = _text(body, "asOf")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = datetime.min
    if found.tzinfo is None or not _YEARS[0] <= found.year <= _YEARS[1]:
        what = f"is no instant with a zone from {_YEARS[0]} to {_YEARS[1]}."
        raise _wrong("/asOf", "E024", what, "Write 2026-11-20T12:00:00Z.")
    return found


def asked_object() -> Mapping[str, Any]:
    """Return the body, a JSON object. Raises RequestError for what is none, or is deeper than any record."""
    body = json_body()
    if is_deeper(body) or is_crowded(body):
        raise _wrong("/", "E020", "is deeper or more crowded than any record.", "Send a smaller record.")
    try:
        found = read_json(body)
    except ValueError:
        found = None
    if not isinstance(found, Mapping):
        raise _wrong("/", "E020", "is no JSON object.", "Send an object with patientId or bundle.")
    return found


def asked_record(body: Mapping[str, Any]) -> Intake:
    """Return the record a request is about: a bundled patient's, or the one sent with it.

    Raises:
        RequestError: Neither is there, or the one sent holds no resource.
        Refusal: There is no such bundled patient (404).
    """
    if "bundle" in body:
        try:
            return taken_in(body["bundle"])
        except ValueError as error:
            raise _wrong("/bundle", "E023", f"{error}.", "Send a FHIR R4 Bundle.") from None
    story = current_library().of_patient(_text(body, "patientId"))
    if story is None:
        issue = Issue("/patientId", "E013", "There is no such patient.", "See GET /sandbox/patients.json.")
        raise Refusal(404, issue, "not-found")
    return Intake(story.record, 0)


def _patient(body: Mapping[str, Any], records: Records) -> str:
    """Return whose record it is: whom the context names, else the request, else the one there is."""
    context = body.get("context")
    places = (("/context/patientId", context), ("/patientId", body))
    said = ((where, part) for where, part in places if isinstance(part, Mapping) and "patientId" in part)
    where, holder = next(said, ("/patientId", {"patientId": ""}))
    wanted = holder["patientId"]
    if not isinstance(wanted, str):
        raise _wrong(where, "E020", "is missing or no text.", "Send it as text.")
    try:
        return patient_of(records, wanted)
    except ValueError as error:
        remedy = "Send the Patient, and name it by its id alone."
        raise _wrong(where, "E025", f"names no one patient of the record: {error}.", remedy) from None


def _bundle(records: Records) -> dict[str, Any]:
    entries = [{"resource": row.resource} for row in records.resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if isinstance(value, str) and value:
        return value
    raise _wrong(f"/{name}", "E020", "is missing or no text.", "Send it as text.")


def _wrong(where: str, code: str, what: str, remedy: str) -> RequestError:
    return RequestError(Issue(where, code, what, remedy))
