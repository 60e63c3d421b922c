"""Goal R3: what is JSON is taken and what is none is refused with a code, through the door of HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cds_service.errors import NotFhir
from cds_service.fhir import read_bundle
from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app
from tests.fuzz.grammar import ROOT
from tests.fuzz.json_corpus import ACCEPT, EITHER, REJECT

PATH = "/cds-services/twitch-patient-view"


@pytest.fixture(scope="module")
def post(tmp_path_factory: pytest.TempPathFactory) -> Any:
    url = f"sqlite:///{tmp_path_factory.mktemp('corpus') / 'x.sqlite3'}"
    client = create_app(
        Settings(store_url=url, allow_as_of=True, log_level="error"), load_knowledge()
    ).test_client()
    return lambda body: client.post(PATH, data=body, content_type="application/json")


@pytest.fixture(scope="module")
def call() -> bytes:
    path = ROOT / "fixtures" / "patients" / "nothing-known-but-the-patient" / "request.json"
    return json.dumps(json.loads(path.read_bytes())).encode()


def _code(answer: Any) -> str:
    (code,) = {issue["details"]["coding"][0]["code"] for issue in answer.get_json()["issue"]}
    return str(code)


def _with(call: bytes, text: bytes) -> bytes:
    """Return the call with a JSON text as the value of a member nobody reads."""
    return call[:-1] + b', "other": ' + text + b"}"


def test_there_are_as_many_cases_as_the_goal_names() -> None:
    assert len(set(ACCEPT)) >= 95 and len(set(REJECT)) >= 188 and len(EITHER) >= 35
    assert not set(ACCEPT) & set(REJECT)


@pytest.mark.slow
def test_r3_what_is_json_is_taken_wherever_it_stands(post: Any, call: bytes) -> None:
    whole = post(call).get_json()["cards"]
    for text in ACCEPT:
        answer = post(_with(call, text))
        assert answer.status_code == 200, text
        assert answer.get_json()["cards"] == whole
        alone = post(text)
        assert (alone.status_code, _code(alone)) == (400, "H008" if text[:1] in b"{" else "H004"), text


@pytest.mark.slow
def test_r3_what_is_no_json_is_refused_wherever_it_stands(post: Any, call: bytes) -> None:
    for text in REJECT:
        answer = post(text)
        assert answer.status_code == 400, text[:80]
        assert _code(answer) in ("H002", "H003", "H004"), text[:80]
        if _closes_what_it_opens(text):
            assert post(_with(call, text)).status_code == 400, text[:80]


def _closes_what_it_opens(text: bytes) -> bool:
    """Whether the text, put inside an object, leaves that object no JSON either: a stray end or comma may mend it."""
    try:
        json.loads(b'{"other": ' + text + b"}")
    except (ValueError, RecursionError):
        return True
    return False


@pytest.mark.parametrize(("text", "is_taken", "why"), EITHER, ids=range(len(EITHER)))
def test_r3_what_may_be_either_follows_the_written_policy(
    post: Any, call: bytes, text: bytes, is_taken: bool, why: str
) -> None:
    assert why
    assert post(_with(call, text)).status_code == (200 if is_taken else 400)
    assert post(text).status_code == 400


@pytest.mark.slow
def test_r3_a_record_that_is_no_json_is_refused_by_name() -> None:
    for text in REJECT:
        with pytest.raises(NotFhir) as refused:
            read_bundle(b'{"resourceType":"Bundle","entry":[{"resource":' + text)
        assert refused.value.issues[0].code in ("F001", "F003")
