"""What every request may look at: settings, knowledge, feedback store. Nothing of any patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import Flask, current_app

from cds_service.errors import Issue
from cds_service.fetch import FhirClient
from cds_service.knowledge import Knowledge, Service
from cds_service.settings import Settings
from cds_service.store import FeedbackStore
from cds_service.web.metrics import Metrics
from cds_service.web.turns import Turns

_KEY = "twitch-cds"


@dataclass(frozen=True, slots=True)
class State:
    """The surroundings of a request.

    ``turns`` are those of calls at being judged, ``writes`` those of all at what must be durable;
    ``unproven`` is what the sentinels found at the start.
    """

    settings: Settings
    knowledge: Knowledge
    store: FeedbackStore
    turns: Turns
    writes: Turns
    metrics: Metrics
    fhir: FhirClient
    unproven: tuple[Issue, ...] = ()

    @property
    def services(self) -> tuple[Service, ...]:
        """The CDS services that are offered."""
        return tuple(item for item in self.knowledge.services if item.active)

    def service(self, service_id: str) -> Service | None:
        """Return the offered CDS service of an id; None when there is none."""
        return next((item for item in self.services if item.id == service_id), None)


def keep_state(app: Flask, state: State) -> None:
    """Put the state where requests of this application find it."""
    app.extensions[_KEY] = state


def current_state() -> State:
    """Return the state of the application that answers this request."""
    return cast(State, current_app.extensions[_KEY])
