"""Requests that lie, by attack or by carelessness: the right status, a reason, nothing quoted, nothing silent."""

import io
import json
import os
import subprocess
import sys

import pytest

import cds_service.engine.program as program
from cds_service.facts import DataState

from .conftest import INSTANCE, PATH, ROOT

_DEEP = b"[" * 100_000 + b"]" * 100_000
_REVIEW = "org.twitch-cds.review"
_CANARY = "ZQXCANARY"


def _post(client, body, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(PATH, data=data, headers={"Content-Type": "application/json", **headers})


def _told(response):
    """Return the first issue of an error answer, after checking that it is one."""
    body = response.get_json()
    assert body["resourceType"] == "OperationOutcome"
    assert "Traceback" not in response.text
    (issue,) = body["issue"]
    assert issue["severity"] == "error"
    assert issue["details"]["text"].count(".") >= 2, "what and what to do"
    return issue


def _set_aside(response):
    return [item["code"] for item in response.get_json()["extension"][_REVIEW]["dataConsidered"]["setAside"]]


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body[:-1] + b',"x":' + _DEEP + b"}",
        lambda body: body.replace(b'"userId"', b'"x":' + _DEEP + b',"userId"'),
        lambda body: body.replace(
            b'"resourceType": "Observation",', b'"resourceType": "Observation","x":' + _DEEP + b","
        ),
        lambda body: body.replace(b"null", _DEEP, 1),
        lambda body: body[:-1] + b',"hook":"patient-view"}',
        lambda body: body[:-1] + b',"h\\u006fok":"patient-view"}',
        lambda body: body.replace(b'"userId"', b'"patientId":"another","userId"'),
        lambda body: body.replace(b"null", b'null,"patient":null', 1),
        lambda body: body.replace(b"null", b"NaN", 1),
        lambda body: body.decode().encode("utf-16"),
        lambda body: b"\xef\xbb\xbf" + body,
        lambda body: b"\0" + body,
        lambda body: body + body,
        lambda body: body.replace(INSTANCE.encode(), INSTANCE.encode() + b"\\n"),
    ],
)
def test_a_hostile_envelope_is_refused_with_a_reason(client, call, change):
    response = _post(client, change(json.dumps(call).encode()))
    assert response.status_code == 400
    _told(response)
    assert _post(client, call).status_code == 200


@pytest.mark.parametrize(
    "number", ["1E+9999999", "1e400", "9" * 1_000_000, "2." + "9" * 100_000, "-0", "1234567890123456789.0"]
)
def test_a_number_no_body_can_have_is_named_and_not_used(client, call, number):
    body = json.dumps(call).replace('"value": 2.9', f'"value": {number}')
    response = _post(client, body.encode())
    assert response.status_code == 200
    assert _set_aside(response)
    assert "Potassium" not in json.dumps([card["summary"] for card in response.get_json()["cards"]])


@pytest.mark.parametrize(
    "value", ["x", 5, [], {}, True, [None], "<html>", {"resourceType": "Nonsense"}, {"entry": []}]
)
def test_a_value_that_is_no_fhir_is_a_gap_told_on_a_card(client, call, value):
    for key in call["prefetch"]:
        if key.startswith(("labs", "problems")):
            call["prefetch"][key] = value
    response = _post(client, call)
    assert response.status_code == 200
    assert "F080" in _set_aside(response)
    assert response.get_json()["cards"], "a gap is never silent"
    kinds = response.get_json()["extension"][_REVIEW]["dataConsidered"]["kinds"]
    assert kinds["lab"] == DataState.FAILED.value


def test_a_twitch_that_cannot_be_trusted_is_not_passed_over_in_silence(client, call):
    body = json.dumps(call).replace('"clinicalStatus"', '"clinicalStatus": {}, "clinicalStatus"')
    response = _post(client, body.encode())
    assert "F070" in _set_aside(response)
    assert response.get_json()["cards"]


def test_a_body_in_chunks_beyond_the_limit_is_too_large(make_app):
    app = make_app(max_body_mib=1)
    answer = app.test_client().post(
        PATH,
        input_stream=io.BytesIO(b" " * (2 * 1024 * 1024)),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413
    _told(answer)


@pytest.mark.parametrize(
    ("encoding", "status"), [("Identity", 200), ("gzip", 415), ("deflate, identity", 415)]
)
def test_the_content_encoding(client, call, encoding, status):
    assert _post(client, call, **{"Content-Encoding": encoding}).status_code == status


def test_a_rule_that_fails_inside_is_told_to_clinician_and_operator(client, call, monkeypatch, caplog):
    judge = program.RuleNode.judge

    def failing(node, ctx):
        if node.rule.id == "hypokalemia":
            raise KeyError(_CANARY)
        return judge(node, ctx)

    monkeypatch.setattr(program.RuleNode, "judge", failing)
    with caplog.at_level("ERROR", "twitch-cds"):
        response = _post(client, call)
    body = response.get_json()
    assert body["extension"][_REVIEW]["counts"]["errored"] == 1
    assert any("failed inside" in card["detail"] for card in body["cards"])
    (record,) = [record for record in caplog.records if record.message == "rules failed"]
    assert record.fields == {"failed": {"hypokalemia": "KeyError"}}
    assert _CANARY not in response.text


def _strings(node):
    """Replace every text of a resource that has no meaning to us by a mark."""
    kept = {"resourceType", "system", "code", "status", "reference", "unit", "birthDate", "gender", "type"}
    if isinstance(node, dict):
        return {
            key: value
            if key in kept or key.endswith(("DateTime", "Date", "On", "start", "end"))
            else _strings(value)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_strings(item) for item in node]
    return f"{_CANARY} {node}" if isinstance(node, str) else node


def test_no_text_of_a_record_reaches_the_log(make_app, call, capfd):
    app = make_app(log_level="debug")
    client = app.test_client()
    ident = call["context"]["patientId"]
    for key, value in call["prefetch"].items():
        call["prefetch"][key] = _strings(value)
    call["prefetch"]["patient"]["id"] = ident
    call["context"]["userId"] = f"Practitioner/{_CANARY}"
    call["fhirServer"] = f"https://{_CANARY}.example"
    call["fhirAuthorization"] = {"access_token": _CANARY}
    body = json.dumps(call).encode()
    answers = [_post(client, body), _post(client, body[:-9]), _post(client, body.replace(b"{", b"[", 3))]
    answers.append(client.post(f"{PATH}?q={_CANARY}", data=body, content_type="application/json"))
    answers.append(client.get(f"/cds-services/{_CANARY}/x", headers={"Authorization": f"Bearer {_CANARY}"}))
    answers.append(_post(client, body.replace(ident.encode(), _CANARY.encode(), 1)))
    out, err = capfd.readouterr()
    assert {answer.status_code for answer in answers} >= {200, 400, 404}
    assert err.count('"request"') == len(answers)
    assert _CANARY not in out + err
    assert ident not in out + err


_AGAIN = """
import sys
from cds_service.settings import Settings
from cds_service.web import create_app
app = create_app(Settings(store_url=sys.argv[2], allow_as_of=True, log_level="error"))
answer = app.test_client().post(sys.argv[1], data=sys.stdin.buffer.read(), content_type="application/json")
sys.stdout.buffer.write(answer.data)
"""


@pytest.mark.slow
def test_the_same_call_gives_the_same_bytes_in_another_process(client, call, tmp_path):
    body = json.dumps(call).encode()
    here = _post(client, body).data
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", _AGAIN, PATH, f"sqlite:///{tmp_path / seed}.sqlite3"]
        run = subprocess.run(command, input=body, env=environment, capture_output=True, check=True)
        assert run.stdout == here
