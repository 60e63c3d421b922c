"""Write the log as JSON lines on standard error, the server's own messages included."""

from __future__ import annotations

import json
import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

LOGGER = logging.getLogger("twitch-cds")

#: Configuration of a server library's own loggers, in the form of ``logging.config.dictConfig``.
SERVER_LOG: dict[str, Any] = {
    "formatters": {name: {"()": "cds_service.json_log.JsonLines"} for name in ("generic", "access")},
    "handlers": {
        name: {"formatter": "generic", "class": "logging.StreamHandler", "stream": "ext://sys.stderr"}
        for name in ("console", "access")
    },
}


class JsonLines(logging.Formatter):
    """One JSON object a line, with the ``fields`` of the record. Tracebacks are left out: they quote data."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        return json.dumps(line, ensure_ascii=True)


def tell(level: int, event: str, /, **fields: Any) -> None:
    """Write one line with fields; a log that cannot be written costs no answer."""
    with suppress(Exception):
        LOGGER.log(level, event, extra={"fields": fields})


def configure_logging(level: str) -> None:
    """Send the log of the service to standard error; ``level`` is a word of the setting ``log_level``."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    LOGGER.handlers[:] = [handler]
    LOGGER.setLevel(level.upper())
    LOGGER.propagate = False
