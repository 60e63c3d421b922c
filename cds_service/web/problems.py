"""Answer every error as JSON with a FHIR OperationOutcome: what, where, what to do; never a trace.

    400 not JSON, or not a CDS Hooks call      413 body larger than the limit
    404 unknown service, rule or path          415 not JSON by its headers
    405 wrong method                           416 no such part of a file
    412 nothing can be assessed with what was sent
    500 a defect of ours, with a reference     503 not ready, too many calls, or not kept; Retry-After

The id of the OperationOutcome is that of the request, as ``X-Request-ID`` and the log have it.
Source: CDS Hooks 2.0.1 "HTTP Status Codes"; CDS Hooks 3.0 ballot (OperationOutcome on errors).
"""

from __future__ import annotations

import logging
import traceback
import uuid
from dataclasses import replace
from typing import Any

import msgspec
from flask import Flask, Response, g
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from cds_service.errors import CdsError, Issue, PatientDataError, RequestError, StoreError
from cds_service.json_log import tell
from cds_service.text.neutral import exact

#: FHIR issue type and words for what the framework itself refuses.
_REFUSALS = {
    400: (
        "W400",
        "invalid",
        "The request is no HTTP this service can read.",
        "Send it again whole, as CDS Hooks describes it.",
    ),
    404: ("W404", "not-found", "There is nothing at this address.", "GET /cds-services lists what there is."),
    405: ("W405", "not-supported", "This address does not take this method.", "See the Allow header."),
    413: ("W413", "too-long", "The body is larger than this service accepts.", "Send a narrower prefetch."),
    415: (
        "W415",
        "not-supported",
        "The body is not announced as JSON.",
        "Send Content-Type: application/json.",
    ),
    416: ("W416", "invalid", "The file has no such part.", "Ask for the whole file."),
}

_STORE_RETRY_SECONDS = 5


class Refusal(Exception):
    """A request is refused with a status and an issue that this module writes."""

    def __init__(self, status: int, issue: Issue, kind: str, retry_after: int | None = None) -> None:
        """Keep status, issue and FHIR issue type; ``retry_after``: seconds to wait, None: do not retry."""
        super().__init__(str(issue))
        self.status = status
        self.issue = issue
        self.kind = kind
        self.retry_after = retry_after


def register(app: Flask) -> None:
    """Let every error of the application be answered here."""
    app.register_error_handler(Refusal, _refused)
    app.register_error_handler(RequestError, _wrong_request)
    app.register_error_handler(StoreError, _not_kept)
    app.register_error_handler(PatientDataError, _unusable_data)
    app.register_error_handler(HTTPException, _framework_refusal)
    app.register_error_handler(Exception, _defect)


def json_response(body: Any, status: int = 200, media_type: str = "application/json") -> Response:
    """Return a JSON answer; decimals are written as exact numbers, members in the order given."""
    return Response(_ENCODER.encode(body), status=status, content_type=media_type)


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def _issue(kind: str, issue: Issue) -> dict[str, Any]:
    where = exact(issue.where)  # a pointer may hold the name of a member, which anybody chose
    text = f"{_sentence(issue.what, where)} {issue.remedy}".strip()
    entry: dict[str, Any] = {"severity": "error", "code": kind}
    entry["details"] = {"coding": [{"system": "urn:twitch-cds:errors", "code": issue.code}], "text": text}
    entry["diagnostics"] = str(replace(issue, where=where))
    if issue.where.startswith("/"):
        entry["extension"] = [
            {"url": "urn:twitch-cds:json-pointer", "valueString": where},
        ]
    return entry


def _sentence(what: str, where: str) -> str:
    """Return what is wrong as a sentence that stands alone: many EHRs show nothing but this text."""
    if not what[:1].islower():
        return what
    if what.startswith("the "):
        return f"T{what[1:]}"
    return f"{'The body' if where == '/' else where} {what}"


def _answer(status: int, kind: str, *issues: Issue) -> Response:
    g.issue_codes = sorted({issue.code for issue in issues})
    body: dict[str, Any] = {"resourceType": "OperationOutcome"}
    if status != 401:  # refusals of a token are alike to the last byte
        body["id"] = g.request_id
    body["issue"] = [_issue(kind, issue) for issue in issues]
    return json_response(body, status)


def _refused(refusal: Refusal) -> Response:
    response = _answer(refusal.status, refusal.kind, refusal.issue)
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _not_kept(error: StoreError) -> Response:
    """Answer that the store cannot be used: never 200 for what was not kept."""
    tell(logging.ERROR, "store", issues=[str(issue) for issue in error.issues])
    response = _answer(503, "no-store", *error.issues)
    response.headers["Retry-After"] = str(_STORE_RETRY_SECONDS)
    return response


def _wrong_request(error: RequestError) -> Response:
    return _answer(400, "invalid", *error.issues)


def _unusable_data(error: CdsError) -> Response:
    return _answer(412, "incomplete", *error.issues)


def _framework_refusal(error: HTTPException) -> Response:
    status = error.code if error.code in _REFUSALS else 400
    code, kind, what, remedy = _REFUSALS[status]
    response = _answer(status, kind, Issue("request", code, what, remedy))
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _defect(error: Exception) -> Response:
    """Answer a defect of ours; the log gets kind and place, never its words: they may quote the record."""
    reference = str(uuid.uuid4())
    frames = [
        f"{frame.filename.rpartition('/')[2]}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    tell(logging.ERROR, "defect", reference=reference, kind=type(error).__name__, frames=frames)
    issue = Issue(
        "service",
        "W500",
        f"An error of this service stopped the assessment (reference {reference}).",
        "No card does not mean no finding. Report the reference to the operator.",
    )
    return _answer(500, "exception", issue)
