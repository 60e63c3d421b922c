"""Let browsers of the allowed origins read the answers, errors included (CORS)."""

from __future__ import annotations

from flask import Response, request

from cds_service.web.state import current_state

_ALLOWED_HEADERS = "authorization, content-type"
_OPEN = frozenset({"hooks.discovery"})


def allow_origins(response: Response) -> Response:
    """Add the headers that let a browser read ``response``, where its origin is allowed."""
    origins = current_state().settings.cors_origins
    origin = request.headers.get("Origin", "")
    is_open = request.endpoint in _OPEN or "*" in origins
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
