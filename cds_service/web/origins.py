"""Let browsers of the allowed origins read the answers, errors included (CORS).

Decided by path, not by route: what was refused before a route was found must be readable as well, or the
browser hides why. Credentials (cookies) are never allowed; a token goes in a header.

Sources: Fetch Standard, "CORS protocol"; CDS Hooks 2.0.1 "CORS"; WICG "Private Network Access".
"""

from __future__ import annotations

import re

from flask import Flask, Response, request

from cds_service.web.state import current_state

_ALLOWED_HEADERS = "authorization, content-type, x-request-id"
_EXPOSED_HEADERS = "Retry-After, WWW-Authenticate, X-Request-ID"
_KEPT_SECONDS = "600"
#: Discovery holds no patient data and may be read by every page; calls, feedback and explanations may not.
_DISCOVERY = "/cds-services"
_GUARDED = re.compile(r"/(cds-services|explain|sandbox/fhir|sandbox/faults)(/.*)?")
#: What FHIR clients send besides (FHIR R4 "RESTful API", "HTTP Headers").
_FHIR_HEADERS = ", prefer, accept, cache-control, if-none-match, x-requested-with"
#: A public page asks whether it may call a machine of its reader's own; only an evaluation is meant for that.
_ASKED_PRIVATE = "Access-Control-Request-Private-Network"


def register(app: Flask) -> None:
    """Add the headers to every answer of the application that a browser may be meant to read."""
    app.after_request(_allow)


def _allow(response: Response) -> Response:
    is_open = request.path == _DISCOVERY
    if not is_open and _GUARDED.fullmatch(request.path) is None:
        return response
    allowed = _allowed_origin(is_open)
    if allowed != "*":
        response.vary.add("Origin")
    if not allowed:
        return response
    response.headers["Access-Control-Allow-Origin"] = allowed
    if request.method == "OPTIONS":
        response.headers["Access-Control-Allow-Methods"] = response.headers.get("Allow", "")
        response.headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS + (
            _FHIR_HEADERS if request.path.startswith("/sandbox/") else ""
        )
        response.headers["Access-Control-Max-Age"] = _KEPT_SECONDS
        if current_state().settings.sandbox and _ASKED_PRIVATE in request.headers:
            response.headers["Access-Control-Allow-Private-Network"] = "true"
    else:
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED_HEADERS
    return response


def _allowed_origin(is_open: bool) -> str:
    """Return the origin to name: every one, the one that asks where it is listed, or none (empty)."""
    origins = current_state().settings.cors_origins
    if is_open or "*" in origins:
        return "*"
    origin = request.headers.get("Origin", "")
    return origin if origin in origins else ""
