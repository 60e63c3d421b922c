"""Every finding fires on a call broken for it, and on no whole call."""

import json
from functools import cache

import jsonschema
import pytest

from cds_service.doctor import KINDS, SCHEMA, Severity, as_data

from .broken import CASES, ROOT, body_of, bundled
from .conftest import ids

#: Proven in test_token.py, test_server.py and test_examination.py (D450), or by a fault no call can have (D448, D449, D702, D706 to D708).
ELSEWHERE = {ident for ident in KINDS if ident[:2] in ("D5", "D6")} | {
    "D448",
    "D449",
    "D450",
    "D702",
    "D706",
    "D707",
    "D708",
}


@pytest.fixture(scope="module")
def whole_call(look):
    return cache(lambda name: ids(look(json.dumps(bundled(name)).encode())))


def _discovery(case, knowledge):
    if "discovery" in case:
        return case["discovery"].encode()
    if case.get("discovery_of") != "old":
        return None
    rows = [{"id": item.id, "prefetch": dict(item.prefetch)} for item in knowledge.services]
    rows[0]["prefetch"]["labs"] += "&_lastUpdated=ge2025"
    return json.dumps({"services": [*rows, {"id": "twitch-of-old"}]}).encode()


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_broken_call_has_exactly_the_findings_it_was_broken_for(case, look, whole_call, knowledge):
    whole = whole_call(case.get("of", "lip-twitching-on-furosemide"))
    wishes = {"discovery": _discovery(case, knowledge), "service_id": case.get("service", "")}
    examination = look(body_of(case), settings=case.get("settings", {}), **wishes)
    more = ids(examination) - whole
    assert {ident for ident in more if not ident.startswith("D7")} <= set(
        case["finds"]
    )  # D7: what comes of it
    assert more >= set(case["finds"])
    jsonschema.validate(as_data(examination), SCHEMA, cls=jsonschema.Draft202012Validator)
    assert ids(examination) >= set(case.get("holds", []))


def test_every_finding_has_a_case():
    proven = {ident for case in CASES for ident in (*case["finds"], *case.get("holds", []))}
    assert set(KINDS) - proven - ELSEWHERE == set()


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("fixtures/calls/*.json"), *ROOT.glob("fixtures/patients/*/request.json")]),
    ids=lambda p: f"{p.parent.name}-{p.stem}",
)
def test_whole_calls_have_no_error(path, look):
    examination = look(path.read_bytes())
    assert [trouble for trouble in examination.troubles if trouble.kind.severity is Severity.ERROR] == [] or (
        path.parent.name == "nothing-known-but-the-patient"
    )
