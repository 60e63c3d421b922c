"""Which service the suite asks: one in this process, or the one of CONFORMANCE_URL (``make conformance URL=...``).

CONFORMANCE_TOKEN is a command that prints a token for the address it is given; CONFORMANCE_ORIGIN an
origin the service lets browsers of call.
"""

from __future__ import annotations

import copy
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .session import Answer, InProcess, Remote, Session

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"
URL = os.environ.get("CONFORMANCE_URL", "")
ORIGIN = os.environ.get("CONFORMANCE_ORIGIN", "" if URL else "https://ehr.example")
PATIENT_VIEW = FIXTURES / "patients" / "lip-twitching-on-furosemide" / "request.json"
HOOKS = ("patient-view", *sorted(path.stem for path in (FIXTURES / "calls").glob("*.json")))


def written_call(hook: str, patient: str = "") -> dict[str, Any]:
    """Return a bundled call; ``patient`` names another bundled patient for patient-view."""
    path = FIXTURES / "calls" / f"{hook}.json" if hook != "patient-view" else PATIENT_VIEW
    path = FIXTURES / "patients" / patient / "request.json" if patient else path
    call: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return call


@dataclass(frozen=True)
class Asked:
    """A service, a call it takes, and its first answer to it; tests change copies of the call only."""

    service: dict[str, Any]
    path: str
    written: dict[str, Any]
    answer: Answer
    session: Session

    @property
    def call(self) -> dict[str, Any]:
        return copy.deepcopy(self.written)

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = self.answer.json()
        return found

    @property
    def cards(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.body["cards"]
        return found

    def post(self, call: Any, **headers: str) -> Answer:
        return self.session.post(self.path, call, **headers)

    def changed(self, **members: Any) -> Answer:
        """Return the answer to the call with members of its top level replaced, or taken out by ``...``."""
        call = {**self.call, **members}
        return self.post({name: value for name, value in call.items() if value is not ...})


@pytest.fixture(scope="session")
def make_session(tmp_path_factory):
    """Return a way to start the service in this process with other settings or another knowledge."""
    if URL:
        pytest.skip("not testable from outside: needs settings of its own")
    from cds_service.knowledge import load_knowledge
    from cds_service.settings import Settings
    from cds_service.web import create_app

    whole = load_knowledge()

    def make(change_knowledge=lambda knowledge: knowledge, **settings: Any) -> Session:
        store = f"sqlite:///{tmp_path_factory.mktemp('conformance') / 'feedback.sqlite3'}"
        in_force = Settings(
            **{"store_url": store, "allow_as_of": True, "cors_origins": (ORIGIN,), **settings}
        )
        return Session(InProcess(create_app(in_force, change_knowledge(whole)).test_client()))

    return make


@pytest.fixture(scope="session")
def session(request):
    if URL:
        return Session(Remote(URL), foreign=True, token_command=os.environ.get("CONFORMANCE_TOKEN", ""))
    return request.getfixturevalue("make_session")()


@pytest.fixture(scope="session")
def services(session):
    return session.discovery()


@pytest.fixture(scope="session")
def ask(session, services):
    """Return a way to ask a hook's service; the first answer to its bundled call is kept."""
    kept: dict[str, Asked] = {}

    def asked(hook: str) -> Asked:
        if hook not in kept:
            service = next((item for item in services if item["hook"] == hook), None)
            if service is None:
                pytest.skip(f"no service for {hook} is offered")
            path, call = f"/cds-services/{service['id']}", written_call(hook)
            kept[hook] = Asked(service, path, call, session.post(path, call), session)
        return kept[hook]

    return asked


@pytest.fixture(params=HOOKS)
def asked(request, ask):
    """Each hook in turn: its service, a call, and the answer."""
    return ask(request.param)


@pytest.fixture
def viewed(ask):
    """The service of patient-view, a call, and the answer."""
    return ask("patient-view")


@pytest.fixture
def shown(asked):
    """Each hook in turn, as long as its answer has a card."""
    if not asked.cards:
        pytest.skip("the service gave no card for the bundled patient")
    return asked
