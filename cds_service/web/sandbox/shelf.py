"""What every request of the sandbox may look at: the bundled patients, and where they are served."""

from __future__ import annotations

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

_PATIENTS, _ORDERABLES = "twitch-cds.sandbox-patients", "twitch-cds.sandbox-orderables"
FHIR_PATH = "/sandbox/fhir"


def fault_path(fault: str) -> str:
    """Return the path of the FHIR endpoint with a fault; without one that of the good endpoint."""
    return f"/sandbox/faults/{fault}/fhir" if fault else FHIR_PATH


def keep_shelf(app: Flask, root: Path | None, terminology: Terminology) -> None:
    """Load the bundled patients and what can be ordered for an application; ``root`` as in the settings."""
    app.extensions[_PATIENTS] = load_library(root)
    app.extensions[_ORDERABLES] = Orderables(terminology)


def current_library() -> Library:
    """Return the bundled patients."""
    return cast(Library, current_app.extensions[_PATIENTS])


def current_orderables() -> Orderables:
    """Return what the order pad can order."""
    return cast(Orderables, current_app.extensions[_ORDERABLES])


def asked_base() -> str:
    """Return the address of this service as the asker reached it: links must lead where the asker can go."""
    base = current_state().settings.base_url
    if request.host.casefold() == urlsplit(base).netloc.casefold():
        return base
    return f"{request.scheme}://{request.host}{prefix_of(base)}"


def fhir_addresses(settings: Settings) -> dict[str, str]:
    """Return where the service itself reaches the FHIR endpoints of its sandbox, by fault ("": the good one).

    Always on the address it listens on, whatever stands before it.
    """
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    base = f"http://{host}:{settings.port}{prefix_of(settings.base_url)}"
    return {fault: base + fault_path(fault) for fault in ("", *(kind.value for kind in FaultKind))}
