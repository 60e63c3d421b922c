"""R10: every error that HTTP can give has its status, stable code, request id, reason and remedy, and nothing more.

``PROVOKED`` is the snapshot: a code that changes its status or FHIR issue type changes a contract.
"""

import io
import json
import re
import sqlite3
import threading
import uuid
from contextlib import closing

import pytest

from cds_service.auth import Clients, TrustedClient

from ..auth import forge
from .conftest import PATH, ROOT
from .test_feedback import FEEDBACK, accepted, overridden

EXPLAIN = PATH.replace("/cds-services", "/explain")
TOKEN = {
    "access_token": "x",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "s",
}
_DEEP = b"[" * 100_000 + b"]" * 100_000


def _call(change):
    def request(client, call):
        body = change(call)
        data = body if isinstance(body, bytes) else json.dumps(call if body is None else body).encode()
        return client.post(PATH, data=data, content_type="application/json")

    return request


def _select(change):
    def request(client, _call):
        text = (ROOT / "fixtures" / "calls" / "order-select.json").read_text(encoding="utf-8")
        body = json.loads(text)
        change(body)
        return client.post("/cds-services/twitch-order-select", json=body)

    return request


def _feedback(*items):
    return lambda client, _call: client.post(FEEDBACK, json={"feedback": list(items)})


def _raw_feedback(body):
    return lambda client, _call: client.post(FEEDBACK, data=body, content_type="application/json")


def _open(method, path, **how):
    return lambda client, _call: client.open(path, method=method, **how)


def _patients(*told):
    def change(call):
        own = call["context"]["patientId"]
        found = [
            {"resourceType": "Patient", "id": own if i == "self" else i, "birthDate": d} for i, d in told
        ]
        entries = [{"resource": item} for item in found]
        call["prefetch"]["patient"] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}

    return _call(change)


def _drafts(raw):
    def request(client, _call):
        body = json.loads((ROOT / "fixtures" / "calls" / "order-select.json").read_text(encoding="utf-8"))
        body["context"]["draftOrders"] = "HERE"
        data = json.dumps(body).encode().replace(b'"HERE"', raw)
        return client.post("/cds-services/twitch-order-select", data=data, content_type="application/json")

    return request


def _bytes(call):
    return json.dumps(call).encode()


#: What is done, the status, the code, the FHIR issue type.
PROVOKED = {
    "H002 call": (_call(lambda call: _bytes(call)[:-3]), 400, "H002", "invalid"),
    "H002 encoding": (_call(lambda call: b"\xff" + _bytes(call)), 400, "H002", "invalid"),
    "H002 feedback": (_raw_feedback(b"{"), 400, "H002", "invalid"),
    "H003 call": (_call(lambda call: _bytes(call)[:-1] + b',"x":' + _DEEP + b"}"), 400, "H003", "invalid"),
    "H003 feedback": (_raw_feedback(b'{"feedback":' + _DEEP + b"}"), 400, "H003", "invalid"),
    "H004 call": (_call(lambda call: b"[]"), 400, "H004", "invalid"),
    "H004 context": (_call(lambda call: call.update(context=[])), 400, "H004", "invalid"),
    "H004 feedback": (_raw_feedback(b"[]"), 400, "H004", "invalid"),
    "H005 call": (_call(lambda call: _bytes(call)[:-1] + b',"hook":"x"}'), 400, "H005", "invalid"),
    "H005 feedback": (_raw_feedback(b'{"feedback":[],"feedback":[]}'), 400, "H005", "invalid"),
    "H006": (_call(lambda call: call.update(hook="order-sign")), 400, "H006", "invalid"),
    "H007": (_call(lambda call: call.update(hookInstance="1")), 400, "H007", "invalid"),
    "H008 call": (_call(lambda call: call.pop("hookInstance") and None), 400, "H008", "invalid"),
    "H008 feedback": (_feedback({}), 400, "H008", "invalid"),
    "H009": (_call(lambda call: call["context"].update(userId=" ")), 400, "H009", "invalid"),
    "H009 feedback": (_feedback(overridden(outcome=5)), 400, "H009", "invalid"),
    "H010": (_call(lambda call: call["context"].update(patientId="Patient/1")), 400, "H010", "invalid"),
    "H011": (_call(lambda call: call.update(fhirAuthorization=TOKEN)), 400, "H011", "invalid"),
    "H012": (_call(lambda call: call["extension"].update({"org.twitch-cds.asOf": "2026"})), 400, "H012", "invalid"),
    "H012 feedback": (_feedback(overridden(outcomeTimestamp="today")), 400, "H012", "invalid"),
    "H013": (_select(lambda body: body["context"].update(selections=5)), 400, "H013", "invalid"),
    "H014": (
        _call(lambda call: call.update(fhirServer="https://f.example", fhirAuthorization=TOKEN | {"patient": "p9"})),
        400,
        "H014",
        "invalid",
    ),
    "F009": (
        _select(lambda body: body["context"].update(
            draftOrders={"resourceType": "Bundle", "entry": [1] * 201_000}
        )),
        412,
        "F009",
        "incomplete",
    ),
    "H020": (_raw_feedback(b'{"feedback":5}'), 400, "H020", "invalid"),
    "H021": (_feedback(overridden("7")), 400, "H021", "invalid"),
    "H022": (_feedback(overridden(outcome="seen")), 400, "H022", "invalid"),
    "H023": (_feedback(accepted(acceptedSuggestions=[])), 400, "H023", "invalid"),
    "H024": (_feedback(overridden(overrideReason={})), 400, "H024", "invalid"),
    "W404 path": (_open("GET", "/nothing"), 404, "W404", "not-found"),
    "W404 service": (_open("POST", "/cds-services/nothing", json={}), 404, "W404", "not-found"),
    "W404 rule": (_open("GET", "/rules/nothing"), 404, "W404", "not-found"),
    "W404 explained rule": (_open("POST", f"{EXPLAIN}?rule=nothing", json={}), 404, "W404", "not-found"),
    "W404 file": (_open("GET", "/rules/static/nothing"), 404, "W404", "not-found"),
    "W405": (_open("GET", PATH), 405, "W405", "not-supported"),
    "W412": (_call(lambda call: call.update(prefetch={})), 412, "W412", "incomplete"),
    "F004": (_drafts(b"[]"), 412, "F004", "incomplete"),
    "F004 no type": (_drafts(b"{}"), 412, "F004", "incomplete"),
    "F005": (_drafts(b'{"resourceType":"Bundle","entry":5}'), 412, "F005", "incomplete"),
    "F007": (_patients(("self", "1970"), ("self", "2020")), 412, "F007", "incomplete"),
    "F070": (_drafts(b'{"resourceType":"Bundle","entry":[],"entry":[]}'), 412, "F070", "incomplete"),
    "W413": (_open("POST", PATH, data=b" " * 3_000_000, content_type="application/json"), 413, "W413", "too-long"),
    "W415": (_open("POST", PATH, data=b"{}", content_type="text/plain"), 415, "W415", "not-supported"),
    "W415 none": (_open("POST", FEEDBACK, data=b"{}"), 415, "W415", "not-supported"),
    "W415 compressed": (
        _open("POST", PATH, data=b"{}", content_type="application/json", headers={"Content-Encoding": "br"}),
        415,
        "W415",
        "not-supported",
    ),
    "W416": (_open("GET", "/rules/static/page.css", headers={"Range": "bytes=9999999-"}), 416, "W416", "invalid"),
}  # fmt: skip


#: Codes that refuse a whole record and that no call can bring about.
NOT_BY_HTTP = {
    "F001": "a call that is not JSON is refused before (H002)",
    "F002": "a body is bounded before (W413)",
    "F003": "a call that nests too deeply is refused before (H003)",
    "F006": "a call names its patient",
    "F008": "a Patient of another id is left out of a call (F014), the rest is judged",
}


def _rows():
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    return {
        row[0]: row[1:] for row in re.findall(r"^\| `([A-Z]\d{3})` \| (.*) \| (.*) \|$", text, re.MULTILINE)
    }


def _check(response, status, code, kind):
    """Whether an error answer has all it needs, and nothing that helps an attacker."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    body = response.get_json()
    assert body["resourceType"] == "OperationOutcome"
    if status != 401:
        assert body["id"] == response.headers["X-Request-ID"] == str(uuid.UUID(body["id"]))
    for issue in body["issue"]:
        assert (issue["severity"], issue["code"]) == ("error", kind)
        assert issue["details"]["coding"] == [{"system": "urn:twitch-cds:errors", "code": code}]
        assert issue["details"]["text"].endswith(".") and f": {code}: " in issue["diagnostics"]
    assert code in _rows()
    told = response.text + str(response.headers)
    for leak in (
        "Traceback",
        'File "',
        ".py",
        "werkzeug",
        "flask",
        "granian",
        "python",
        "sqlite",
        "site-packages",
    ):
        assert leak.lower() not in told.lower(), leak
    assert not re.search(r"\b\d+\.\d+\.\d+\b", told), "a version"


@pytest.mark.parametrize("name", sorted(PROVOKED))
def test_r10_an_error_is_told_by_status_code_reason_and_request_id(make_app, call, name):
    request, status, code, kind = PROVOKED[name]
    response = request(make_app(max_body_mib=1).test_client(), call)
    _check(response, status, code, kind)
    if status == 405:
        assert response.headers["Allow"]


def test_r10_the_request_id_of_the_caller_is_taken_over(client):
    sent = str(uuid.uuid4())
    response = client.get("/nothing", headers={"X-Request-ID": sent})
    assert response.get_json()["id"] == response.headers["X-Request-ID"] == sent


def test_r10_w400_a_body_that_ends_too_early(client):
    how = {"input_stream": io.BytesIO(b"{}"), "environ_overrides": {"CONTENT_LENGTH": "100"}}
    response = client.post(PATH, content_type="application/json", **how)
    _check(response, 400, "W400", "invalid")


def test_r10_w401(make_app, call, tmp_path):
    keys = tmp_path / "jwks.json"
    keys.write_bytes(forge.jwks("ec"))
    trusted = Clients([TrustedClient(forge.ISSUER, str(keys), forge.JKU)])
    client = make_app(clients=trusted, public_base_url=forge.BASE).test_client()
    response = client.post(PATH, json=call)
    _check(response, 401, "W401", "login")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "X-Request-ID" not in response.headers


def test_r10_w500(client, call, monkeypatch):
    monkeypatch.setattr("cds_service.web.hooks.answer_call", lambda *_a, **_n: 1 / 0)
    _check(client.post(PATH, json=call), 500, "W500", "exception")


def test_r10_w503_too_many_calls(make_app, call):
    app = make_app(max_waiting=0)
    turns = app.extensions["twitch-cds"].turns
    inside, leave = threading.Barrier(3), threading.Event()

    def hold():
        with turns.turn():
            inside.wait()
            leave.wait()

    holders = [threading.Thread(target=hold) for _ in range(2)]
    for holder in holders:
        holder.start()
    inside.wait()
    try:
        response = app.test_client().post(PATH, json=call)
    finally:
        leave.set()
        for holder in holders:
            holder.join()
    _check(response, 503, "W503", "throttled")
    assert response.headers["Retry-After"]


def test_r10_w507_feedback_that_cannot_be_kept(client, tmp_path):
    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        connection.execute("DROP TABLE card_answers")
        connection.commit()
    response = client.post(FEEDBACK, json={"feedback": [overridden()]})
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    issue = response.get_json()["issue"][0]
    assert issue["details"]["coding"][0]["code"] == "W507"
    assert "no such table" not in response.text


def test_r10_w508_a_store_that_cannot_tell_which_tokens_were_used(make_app, tmp_path, call):
    (tmp_path / "jwks.json").write_bytes(forge.jwks("ec"))
    trusted = Clients([TrustedClient(forge.ISSUER, str(tmp_path / "jwks.json"))])
    client = make_app(clients=trusted, public_base_url=forge.BASE).test_client()
    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        connection.execute("DROP TABLE used_tokens")
    sent = forge.bearer(forge.token(forge.claims(forge.BASE + PATH)))
    response = client.post(PATH, json=call, headers={"Authorization": sent})
    _check(response, 503, "W508", "no-store")
    assert response.headers["Retry-After"]


def test_r10_h015_more_values_than_any_call_has(make_app, call):
    client = make_app().test_client()
    body = _bytes(call)[:-1] + b',"x":[' + b"1," * 3_000_000 + b"1]}"
    _check(client.post(PATH, data=body, content_type="application/json"), 400, "H015", "invalid")


def test_r10_every_code_of_http_is_provoked_here():
    wanted = {code for code in _rows() if code[0] in "HW"}
    told = {code for _request, _status, code, _kind in PROVOKED.values()}
    alone = {name[9:].split("_")[0].upper() for name in globals() if re.match(r"test_r10_[hw]\d", name)}
    assert wanted == {code for code in told if code[0] in "HW"} | alone


def test_r10_every_code_that_refuses_a_whole_record_is_provoked_or_cannot_be():
    refusing = {code for code in _rows() if re.fullmatch(r"F00\d", code)}
    told = {code for _request, status, code, _kind in PROVOKED.values() if status == 412}
    assert refusing <= told | set(NOT_BY_HTTP)
    assert not told & set(NOT_BY_HTTP)


def test_r10_every_code_has_a_meaning_and_every_letter_says_where_it_is_told():
    rows = _rows()
    assert len(rows) > 200
    for code, (meaning, _remedy) in rows.items():
        assert meaning.strip(), code
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    letters = re.findall(r"^## ([A-Z]): .*\n\nTold: (.+)\.$", text, re.MULTILINE)
    assert {letter for letter, _ in letters} == {code[0] for code in rows}
