import json

import pytest

from cds_service.json_log import configure_logging

from .conftest import INSTANCE, PATH

_MARK = "Zebrafinch"


@pytest.fixture
def marked(call):
    """Return a call with a mark wherever a record can hold text."""
    call["context"]["userId"] = f"Practitioner/{_MARK}"
    call["prefetch"]["patient"]["name"] = [{"family": _MARK, "given": [_MARK]}]
    call["fhirServer"] = f"https://{_MARK}.example"
    call["fhirAuthorization"] = {"access_token": _MARK, "token_type": "Bearer"}
    for value in call["prefetch"].values():
        for entry in (value or {}).get("entry", []):
            entry["resource"]["note"] = [{"text": _MARK}]
            for coding in entry["resource"].get("code", {}).get("coding", []):
                coding["display"] = _MARK
    return call


def _lines(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_call_is_one_line_with_counts(client, call, capsys, knowledge):
    configure_logging("info")  # to the captured stream
    client.post(PATH, json=call)
    (line,) = _lines(capsys)
    assert line["event"] == "request"
    assert line["service"] == "twitch-patient-view"
    assert line["hookInstance"] == INSTANCE
    assert line["knowledge"] == knowledge.version
    assert line["status"] == 200
    assert line["rules"] == line["matched"] + line["notMatched"] + line["unknown"] + line["errored"]
    assert line["ms"] >= 0


def test_nothing_of_a_patient_or_user_is_logged(client, marked, capsys):
    configure_logging("debug")
    headers = {"Authorization": f"Bearer {_MARK}"}
    assert client.post(f"{PATH}?q={_MARK}", json=marked, headers=headers).status_code == 200
    marked["context"]["patientId"] = f"{_MARK}/1"
    assert client.post(PATH, json=marked, headers=headers).status_code == 400
    client.get(f"/{_MARK}")
    client.get(f"/rules/{_MARK}")
    client.post(f"/cds-services/{_MARK}", json=marked)
    log = capsys.readouterr().err
    assert log.count('"event": "request"') == 5
    assert _MARK.lower() not in log.lower()
    assert "delphine" not in log


def test_a_refusal_is_logged_with_its_code(client, capsys):
    configure_logging("info")
    client.post(PATH, data=b"no json", headers={"Content-Type": "application/json"})
    (line,) = _lines(capsys)
    assert (line["status"], line["issues"]) == (400, ["H002"])


def test_the_level_silences_requests(client, call, capsys):
    configure_logging("error")
    client.post(PATH, json=call)
    assert capsys.readouterr().err == ""


def test_every_request_has_an_id_that_the_sender_may_choose(client, capsys):
    configure_logging("debug")
    chosen = client.get("/livez", headers={"X-Request-ID": INSTANCE.upper()})
    other = client.get("/livez", headers={"X-Request-ID": _MARK})
    lines = _lines(capsys)
    assert [line["requestId"] for line in lines] == [
        chosen.headers["X-Request-ID"],
        other.headers["X-Request-ID"],
    ]
    assert lines[0]["requestId"] == INSTANCE
    assert _MARK not in other.headers["X-Request-ID"]


def test_the_line_says_what_came_of_the_request(client, call, capsys):
    configure_logging("info")
    client.post(PATH, json=call)
    client.post(PATH, json={})
    assert [line["outcome"] for line in _lines(capsys)] == ["answered", "refused"]
