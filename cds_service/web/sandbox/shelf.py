"""What every request of the sandbox may look at: the bundled patients, and where they are served."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from flask import Flask, current_app, request

from cds_service.sandbox.faults import FaultKind
from cds_service.sandbox.orderables import Orderables
from cds_service.sandbox.records import Library, load_library
from cds_service.settings import Settings
from cds_service.terminology import Terminology
from cds_service.web.paths import prefix_of
from cds_service.web.state import current_state
from cds_service.web.turns import Turns

_PATIENTS, _ORDERABLES = "twitch-cds.sandbox-patients", "twitch-cds.sandbox-orderables"
_QUEUES = "twitch-cds.sandbox-queues"
#: Searches worked at once, and waiting: they compute in one interpreter with the calls, which come first.
#: One call that fetches asks six things at the same time.
_SEARCHING, _SEARCHES_WAITING = 1, 64
#: Slow answers that wait at once: each holds one of the 512 threads of the server.
_SLOW_AT_ONCE = 32
FHIR_PATH = "/sandbox/fhir"
#: A name this machine has for itself, and a port; what else a ``Host`` may hold is not looked at.
_LOOPBACK = re.compile(r"(localhost|[a-z0-9-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])\.?", re.ASCII)
_NAME_AND_PORT = re.compile(
    r"(?P<name>[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:(?P<port>\d{0,5}))?", re.ASCII
)
_LAST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Queues:
    """Turns of the FHIR endpoint: of ``searches`` that compute, and of ``slow`` answers that only wait."""

    searches: Turns
    slow: Turns


def is_fhir_path(path: str) -> bool:
    """Return whether a path is one of the FHIR endpoint, with or without a fault."""
    return path == FHIR_PATH or path.startswith((f"{FHIR_PATH}/", "/sandbox/faults/"))


def fault_path(fault: str) -> str:
    """Return the path of the FHIR endpoint with a fault; without one that of the good endpoint."""
    return f"/sandbox/faults/{fault}/fhir" if fault else FHIR_PATH


def keep_shelf(app: Flask, root: Path | None, terminology: Terminology) -> None:
    """Load the bundled patients and what can be ordered for an application; ``root`` as in the settings."""
    app.extensions[_PATIENTS] = load_library(root)
    app.extensions[_ORDERABLES] = Orderables(terminology)
    app.extensions[_QUEUES] = Queues(Turns(_SEARCHING, _SEARCHES_WAITING), Turns(_SLOW_AT_ONCE, 0))


def current_library() -> Library:
    """Return the bundled patients."""
    return cast(Library, current_app.extensions[_PATIENTS])


def current_queues() -> Queues:
    """Return the turns of the FHIR endpoint."""
    return cast(Queues, current_app.extensions[_QUEUES])


def current_orderables() -> Orderables:
    """Return what the order pad can order."""
    return cast(Orderables, current_app.extensions[_ORDERABLES])


def asked_base() -> str:
    """Return the address of this service as the asker reached it: links must lead where the asker can go.

    Where the asker names none of the names of this service, it is the address it listens on.
    """
    settings = current_state().settings
    base, host = settings.base_url, own_host()
    if not host:
        return _listening_base(settings)
    if host == urlsplit(base).netloc.casefold():
        return base
    return f"{request.scheme}://{host}{prefix_of(base)}"


def own_host() -> str:
    """Return the ``Host`` of this request where it is a name of this service; empty for every other.

    A name of this service is a loopback one, that of the setting ``host`` and that of ``public_base_url``.
    """
    found = _NAME_AND_PORT.fullmatch(request.headers.get("Host", "").casefold())
    if found is None or int(found["port"] or 0) > _LAST_PORT:
        return ""
    settings, name = current_state().settings, found["name"]
    named = (settings.host.casefold(), urlsplit(settings.base_url).hostname)
    if _LOOPBACK.fullmatch(name) is None and name.strip("[]") not in named:
        return ""
    return f"{name}:{found['port']}" if found["port"] else name


def fhir_addresses(settings: Settings) -> dict[str, str]:
    """Return where the service itself reaches the FHIR endpoints of its sandbox, by fault ("": the good one).

    Always on the address it listens on, whatever stands before it.
    """
    base = _listening_base(settings)
    return {fault: base + fault_path(fault) for fault in ("", *(kind.value for kind in FaultKind))}


def _listening_base(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}{prefix_of(settings.base_url)}"
