"""Serve the bundled patients as FHIR R4: read, search, everything of a patient; and the same with faults.

Source: FHIR R4 (4.0.1), "RESTful API" and "Search".
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import parse_options_header

from cds_service.errors import Issue
from cds_service.sandbox import faults
from cds_service.sandbox.capability import capability_statement
from cds_service.sandbox.faults import FaultKind
from cds_service.sandbox.parameters import KNOWN_TYPES
from cds_service.sandbox.records import Records
from cds_service.sandbox.search import FORM, entry_of, read_search, searchset, told_unheeded
from cds_service.web.problems import Refusal, json_response
from cds_service.web.sandbox.shelf import (
    asked_base,
    current_library,
    current_queues,
    fault_path,
    is_fhir_path,
)
from cds_service.web.state import current_state

blueprint = Blueprint("sandbox_fhir", __name__)

_FHIR = "application/fhir+json"
#: Media types an asker may want, the usual first; ``application/json+fhir`` is that of DSTU2.
_MEDIA_TYPES = (_FHIR, "application/json+fhir", "application/json")
_FORMATS = {"json": _FHIR, **{name: name for name in _MEDIA_TYPES}}
#: Ranges that hold every one of them, the wider first; and the version of FHIR there is.
_RANGES = ("*/*", "application/*")
_VERSION = "4"
_FORM = "application/x-www-form-urlencoded"
_PATIENT_PARAMETERS = frozenset({"patient", "subject", "patient:Patient", "subject:Patient"})
_STRICT = re.compile(r"(^|[,; ])handling\s*=\s*\"?strict\b", re.IGNORECASE)


def _fault() -> FaultKind | None:
    """Return the fault in the address of this request; None for the good endpoint. Raises Refusal (404)."""
    name = (request.view_args or {}).get("fault", "")
    found = faults.fault_of(name)
    if name and found is None:
        known = ", ".join(kind.value for kind in FaultKind)
        raise Refusal(
            404,
            Issue("/sandbox/faults", "E010", "There is no such fault.", f"Faults are: {known}."),
            "not-found",
        )
    return found


@blueprint.before_request
def _spoil() -> Response | None:
    """Give the answer of a fault that needs none of ours, or wait; None goes on as usual."""
    if request.method == "OPTIONS":
        return None
    kind = _fault()
    if kind is FaultKind.SLOW:
        with current_queues().slow.turn():
            time.sleep(faults.delay_seconds(current_state().settings.fhir_access.seconds))
    if kind is FaultKind.ERROR:
        return json_response(faults.SERVER_ERROR, 500)
    if kind is FaultKind.HTML:
        return Response(faults.HTML_PAGE, content_type="text/html; charset=utf-8")
    _media_type()
    return None


@blueprint.after_app_request
def _written(response: Response) -> Response:
    """Give JSON the media type that was asked for; cut the answer off where that is the fault.

    By path, not by route: what is refused before a route is found is an answer of a FHIR server, too.
    """
    if not is_fhir_path(request.path):
        return response
    if response.mimetype == "application/json":
        try:
            response.mimetype = _media_type()
        except (Refusal, HTTPException):  # the second: a form too large to be read
            response.mimetype = _FHIR
    if (request.view_args or {}).get("fault") == FaultKind.CUT.value:
        response.set_data(faults.cut_off(response.get_data()))
    return response


def _media_type() -> str:
    """Return the media type to answer with. Raises Refusal (406) where none of ours will do."""
    wanted = request.args.get("_format") or request.form.get("_format")
    if wanted:
        found = _FORMATS.get(wanted.partition(";")[0].strip().replace(" ", "+").casefold())
    elif not request.accept_mimetypes:
        found = _FHIR
    else:
        best = max(_MEDIA_TYPES, key=_quality)
        found = best if _quality(best) else None
    if found is None:
        what = "There is no answer in the form that is asked for."
        raise Refusal(406, Issue("Accept", "E011", what, f"Accept {_FHIR}."), "not-supported")
    return found


def _quality(media_type: str) -> float:
    """Return how much the asker wants a media type, 0 for not at all: as the nearest range it names says.

    Of its parameters only the version of FHIR counts; others, such as a character set, change no answer.
    """
    nearest, found = -1, 0.0
    for text, quality in request.accept_mimetypes:
        name, options = parse_options_header(text)
        version = options.get("fhirversion") or _VERSION
        near = (
            _RANGES.index(name) if name in _RANGES else len(_RANGES) if name.casefold() == media_type else -1
        )
        if near > nearest and version.startswith(_VERSION):
            nearest, found = near, quality
    return found


def _route(path: str, name: str, method: str = "GET") -> Callable[[Callable[..., Response]], Any]:
    """Add a view to the good endpoint and to those with faults."""

    def add(view: Callable[..., Response]) -> Callable[..., Response]:
        for fault, ending in (("", ""), ("<fault>", "_spoiled")):
            where = f"{fault_path(fault)}{path}"
            blueprint.add_url_rule(where, f"{name}{ending}", view, methods=[method])
        return view

    return add


@_route("/metadata", "metadata")
def metadata(fault: str = "") -> Response:
    """Return what this endpoint can do."""
    return json_response(capability_statement(asked_base() + fault_path(fault)))


@_route("/<resource_type>/<ident>", "read")
def read(resource_type: str, ident: str, fault: str = "") -> Response:
    """Return one resource."""
    _known(resource_type)
    wanted = _mixed(ident, fault) if resource_type == "Patient" else ident
    stored = current_library().records.read(resource_type, wanted)
    if stored is None:
        raise _absent(f"There is no {resource_type} of this id.", "Search for it.")
    return json_response(stored.resource)


@_route("/<resource_type>", "search")
def search(resource_type: str, fault: str = "") -> Response:
    """Return the Bundle of what is searched for with parameters in the address."""
    return _searched(resource_type, list(request.args.items(multi=True)), fault)


@_route("/<resource_type>/_search", "search_by_post", "POST")
def search_by_post(resource_type: str, fault: str = "") -> Response:
    """Return the Bundle of what is searched for with parameters in a form."""
    if request.mimetype != _FORM and (request.mimetype or request.get_data()):
        issue = Issue("Content-Type", "E012", "is no form.", f"Send {_FORM}.")
        raise Refusal(415, issue, "not-supported")
    pairs = [*request.args.items(multi=True), *request.form.items(multi=True)]
    return _searched(resource_type, pairs, fault)


@_route("/Patient/<ident>/$everything", "everything")
def everything(ident: str, fault: str = "") -> Response:
    """Return the whole record of a patient."""
    story = current_library().of_patient(_mixed(ident, fault))
    if story is None:
        raise _absent("There is no Patient of this id.", "Search for it.")
    base = asked_base() + fault_path(fault)
    unheeded = told_unheeded(sorted(set(request.args) - FORM))
    with current_queues().searches.turn():
        entries = [entry_of(row, base) | {"search": {"mode": "match"}} for row in story.record.resources]
        link = [{"relation": "self", "url": f"{base}/Patient/{quote(ident, safe='')}/$everything"}]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "link": link}
        return json_response(bundle | {"entry": entries + unheeded})


def _searched(resource_type: str, pairs: list[tuple[str, str]], fault: str) -> Response:
    records = _known(resource_type)
    strict = _STRICT.search(request.headers.get("Prefer", "")) is not None
    asked = [(name, _mixed(value, fault) if name in _PATIENT_PARAMETERS else value) for name, value in pairs]
    wanted = read_search(resource_type, asked, strict=strict)
    with current_queues().searches.turn():
        return json_response(searchset(wanted, wanted.find(records), asked_base() + fault_path(fault)))


def _mixed(patient_id: str, fault: str) -> str:
    """Return the patient that is answered about: another one where that is the fault."""
    if fault != FaultKind.OTHER_PATIENT.value:
        return patient_id
    return faults.of_another_patient(patient_id, current_library())


def _known(resource_type: str) -> Records:
    """Return the records, where the type is one they can be asked for. Raises Refusal (404)."""
    records = current_library().records
    if resource_type not in KNOWN_TYPES and resource_type not in records.types:
        raise _absent("There are no resources of this type.", "See metadata.")
    return records


def _absent(what: str, remedy: str) -> Refusal:
    return Refusal(404, Issue(request.path[:200], "E013", what, remedy), "not-found")
