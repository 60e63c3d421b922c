"""The sandbox EHR over HTTP: a page of synthetic patients, their FHIR endpoint, and the data of the page.

Registered only where the settings switch it on: everything here answers without asking who calls.
"""

from __future__ import annotations

from flask import Flask

from cds_service.settings import Settings
from cds_service.settings_refusals import refuse_exposed_sandbox
from cds_service.web.sandbox import data, fhir, page
from cds_service.web.sandbox.shelf import fhir_addresses, keep_library

__all__ = ["own_servers", "register"]


def register(app: Flask, settings: Settings) -> None:
    """Add the routes of the sandbox where ``settings`` switch it on; else every one of them is not found.

    Raises:
        SettingsError: The sandbox is on, and others than this machine could reach it.
        ContentError: A bundled patient cannot be read.
    """
    if not settings.sandbox:
        return
    refuse_exposed_sandbox(settings)
    keep_library(app, settings.content_root)
    app.register_blueprint(page.blueprint)
    app.register_blueprint(data.blueprint)
    app.register_blueprint(fhir.blueprint)


def own_servers(settings: Settings) -> list[str]:
    """Return the FHIR endpoints of the sandbox, which calls may name without a setting; none when off."""
    return list(fhir_addresses(settings).values()) if settings.sandbox else []
