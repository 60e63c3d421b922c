"""Every finding fires on a call broken for it, and on no whole call."""

import json
from datetime import UTC, datetime
from functools import cache

import pytest

from cds_service.doctor import KINDS, Severity, Wishes, examine
from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings

from .broken import CASES, ROOT, body_of, bundled

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: Proven in test_token.py and test_server.py, or by a fault no call can have (D448, D702, D706 to D708).
ELSEWHERE = {ident for ident in KINDS if ident[:2] in ("D5", "D6")} | {
    "D448",
    "D702",
    "D706",
    "D707",
    "D708",
}


@pytest.fixture(scope="module")
def knowledge():
    return load_knowledge()


@pytest.fixture(scope="module")
def found(knowledge):
    def look(body, *, settings=(), **wishes):
        in_force = Settings(**{"allow_as_of": True, **{k: _frozen(v) for k, v in dict(settings).items()}})
        return examine(body, knowledge, in_force, Wishes(now=NOW, **wishes))

    return look


@pytest.fixture(scope="module")
def whole_call(found):
    return cache(lambda name: ids(found(json.dumps(bundled(name)).encode())))


def _frozen(value):
    return tuple(value) if isinstance(value, list) else value


def ids(examination):
    return {trouble.kind.id for trouble in examination.troubles}


def _discovery(case, knowledge):
    if "discovery" in case:
        return case["discovery"].encode()
    if case.get("discovery_of") != "old":
        return None
    rows = [{"id": item.id, "prefetch": dict(item.prefetch)} for item in knowledge.services]
    rows[0]["prefetch"]["labs"] += "&_lastUpdated=ge2025"
    return json.dumps({"services": [*rows, {"id": "twitch-of-old"}]}).encode()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_broken_call_has_exactly_the_findings_it_was_broken_for(case, found, whole_call, knowledge):
    whole = whole_call(case.get("of", "lip-twitching-on-furosemide"))
    wishes = {"discovery": _discovery(case, knowledge), "service_id": case.get("service", "")}
    examination = found(body_of(case), settings=case.get("settings", {}), **wishes)
    more = ids(examination) - whole
    assert {ident for ident in more if not ident.startswith("D7")} <= set(
        case["finds"]
    )  # D7: what comes of it
    assert more >= set(case["finds"])
    assert ids(examination) >= set(case.get("holds", []))


def test_every_finding_has_a_case():
    proven = {ident for case in CASES for ident in (*case["finds"], *case.get("holds", []))}
    assert set(KINDS) - proven - ELSEWHERE == set()


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("fixtures/calls/*.json"), *ROOT.glob("fixtures/patients/*/request.json")]),
    ids=lambda p: f"{p.parent.name}-{p.stem}",
)
def test_whole_calls_have_no_error(path, found):
    examination = found(path.read_bytes())
    assert [trouble for trouble in examination.troubles if trouble.kind.severity is Severity.ERROR] == [] or (
        path.parent.name == "nothing-known-but-the-patient"
    )
