"""Write one JSON line for every request: service, hook instance, counts, status, milliseconds.

Never a patient id, a user, a value, a token or a query string: only what this module names is
written, so nothing of a record can slip in.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, request

from cds_service.web.state import current_state

_LOG = logging.getLogger("twitch-cds")
_QUIET = frozenset({"ops.livez", "ops.readyz"})


class JsonLines(logging.Formatter):
    """One JSON object a line, with the ``fields`` of the record."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return json.dumps(line, ensure_ascii=True)


def configure_logging(level: str) -> None:
    """Send the log of the service to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    _LOG.handlers[:] = [handler]
    _LOG.setLevel(level.upper())
    _LOG.propagate = False


def register(app: Flask) -> None:
    """Log every request of the application."""
    configure_logging(current_level(app))
    app.before_request(_start)
    app.after_request(_finish)


def current_level(app: Flask) -> str:
    """Return the level the settings of an application ask for."""
    with app.app_context():
        return current_state().settings.log_level


def note(**fields: Any) -> None:
    """Add fields to the line of the current request. Nothing of a patient may be among them."""
    g.setdefault("log_fields", {}).update(fields)


def _start() -> None:
    g.started = time.perf_counter()


def _finish(response: Response) -> Response:
    elapsed = (time.perf_counter() - g.get("started", time.perf_counter())) * 1000
    fields = {
        "method": request.method,
        "route": str(request.url_rule) if request.url_rule else "unknown",
        "status": response.status_code,
        "ms": round(elapsed, 2),
        "knowledge": current_state().knowledge.version,
        **g.get("log_fields", {}),
    }
    if "issue_codes" in g:
        fields["issues"] = g.issue_codes
    level = logging.DEBUG if request.endpoint in _QUIET else logging.INFO
    _LOG.log(level, "request", extra={"fields": fields})
    return response
