"""Write one JSON line for every request: id, service, hook instance, counts, outcome, milliseconds.

Never a patient id, a user, a value, a token or a query string: only what this module names is
written, so nothing of a record can slip in.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from typing import Any

from flask import Flask, Response, g, request

from cds_service.json_log import configure_logging, tell
from cds_service.web.metrics import method_of
from cds_service.web.state import current_state

_REQUEST_ID = "X-Request-ID"
#: Only such an id is taken over from the sender: any other text could hold anything.
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_QUIET = frozenset({"ops.livez", "ops.metrics", "ops.readyz"})


def register(app: Flask, level: str) -> None:
    """Log every request of the application from ``level`` on."""
    configure_logging(level)
    app.before_request(_start)
    app.after_request(_finish)


def note(**fields: Any) -> None:
    """Add fields to the line of the current request. Nothing of a patient may be among them."""
    g.setdefault("log_fields", {}).update(fields)


def noted(name: str) -> str:
    """Return a text noted for the line of the current request; empty when there is none."""
    return str(g.get("log_fields", {}).get(name, ""))


def _start() -> None:
    g.started = time.perf_counter()
    sent = request.headers.get(_REQUEST_ID, "")
    g.request_id = sent.lower() if _UUID.fullmatch(sent) else str(uuid.uuid4())


def _finish(response: Response) -> Response:
    elapsed = (time.perf_counter() - g.get("started", time.perf_counter())) * 1000
    if response.status_code != 401:  # refusals of a token are alike to the last byte
        response.headers[_REQUEST_ID] = g.request_id
    fields = {
        "requestId": g.request_id,
        "method": method_of(request.method),
        "route": str(request.url_rule) if request.url_rule else "unknown",
        "status": response.status_code,
        "outcome": _outcome(response.status_code),
        "ms": round(elapsed, 2),
        "knowledge": current_state().knowledge.version,
        **g.get("log_fields", {}),
    }
    if "issue_codes" in g:
        fields["issues"] = g.issue_codes
    level = logging.DEBUG if request.endpoint in _QUIET else logging.INFO
    tell(level, "request", **fields)
    return response


def _outcome(status: int) -> str:
    """Return a word for what came of a request: ``busy`` may be sent again, ``failed`` is our own fault."""
    if status == 503:
        return "busy"
    return "failed" if status >= 500 else "refused" if status >= 400 else "answered"
