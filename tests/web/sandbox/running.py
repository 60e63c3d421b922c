"""A service with its sandbox on a port of this machine, so that it can fetch from itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.serving import make_server

from cds_service.knowledge import Knowledge
from cds_service.settings import Settings
from cds_service.web import create_app

INSTANCE = "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40"
#: What a page sends so that the service may fetch: the sandbox asks for no token, the service needs one.
AUTHORIZATION = {
    "access_token": "sandbox",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.read",
    "subject": "sandbox",
}


@dataclass(frozen=True, slots=True)
class Running:
    """A running service: its application and the address it listens on."""

    app: Any
    base: str


def settings_of(folder: Path, **more: Any) -> Settings:
    """Settings of an evaluation with a store in ``folder``."""
    store = f"sqlite:///{folder / 'feedback.sqlite3'}"
    return Settings(
        **{"store_url": store, "allow_as_of": True, "sandbox": True, "log_level": "error", **more}
    )


@contextmanager
def running(folder: Path, knowledge: Knowledge, **more: Any) -> Iterator[Running]:
    """Run a service until the end of the context."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = settings_of(folder, port=port, **more)
    app = create_app(settings, knowledge)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Running(app, settings.base_url)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
