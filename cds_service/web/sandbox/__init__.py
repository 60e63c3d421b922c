"""The sandbox EHR over HTTP: a page of synthetic patients, their FHIR endpoint, and the data of the page.

Registered only where the settings switch it on: everything here answers without asking who calls.
"""

from __future__ import annotations

from typing import Any

from flask import Flask

from cds_service.knowledge import Knowledge
from cds_service.settings import Settings
from cds_service.settings.refusals import refuse_exposed_sandbox
from cds_service.web.sandbox import data, fhir, page
from cds_service.web.sandbox.described import sandbox_paths
from cds_service.web.sandbox.shelf import fhir_addresses, keep_shelf

__all__ = ["described", "own_servers", "register"]


def register(app: Flask, settings: Settings, knowledge: Knowledge) -> None:
    """Add the routes of the sandbox where ``settings`` switch it on; else every one of them is not found.

    Raises:
        SettingsError: The sandbox is on, and others than this machine could reach it.
        ContentError: A bundled patient cannot be read.
    """
    if not settings.sandbox:
        return
    refuse_exposed_sandbox(settings)
    keep_shelf(app, settings.content_root, knowledge.terminology)
    app.register_blueprint(page.blueprint)
    app.register_blueprint(data.blueprint)
    app.register_blueprint(fhir.blueprint)


def own_servers(settings: Settings) -> list[str]:
    """Return the FHIR endpoints of the sandbox, which calls may name without a setting; none when off."""
    return list(fhir_addresses(settings).values()) if settings.sandbox else []


def described(settings: Settings) -> dict[str, Any]:
    """Return the paths of the sandbox for the OpenAPI document; none when it is off."""
    return sandbox_paths() if settings.sandbox else {}
