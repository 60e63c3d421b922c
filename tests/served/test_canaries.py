"""No mark of a patient, a person or a token in anything the service writes (R14, R15).

Marks are put wherever a request can hold text; then every byte is searched: log at level debug, standard
output, metrics, database. `make canaries` sends 10,000 requests; here it is a part of them.
"""

import copy
import json
import os
import random
import socket
import uuid
from contextlib import closing

import pytest
from shipped import PATH, read_answer

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("CANARIES", "500"))
SEED = 20261121
_STRUCTURE = ("resourceType", "system", "status", "type", "hook", "hookInstance", "relation", "mode")


class Marks:
    """Makes marks and knows each it made; all hold one word, so that a search for it finds any of them."""

    WORD = "Zebrafinch"

    def __init__(self):
        self.made = 0

    def new(self):
        self.made += 1
        return f"{self.WORD}{self.made}"

    def into(self, node, share, chance):
        """Return the JSON data with a mark in a share of its texts, those that steer the reading not."""
        if isinstance(node, dict):
            return {
                name: value if name in _STRUCTURE else self.into(value, share, chance)
                for name, value in node.items()
            }
        if isinstance(node, list):
            return [self.into(value, share, chance) for value in node]
        if isinstance(node, str) and chance.random() < share:
            return self.new() if chance.random() < 0.5 else f"{node} {self.new()}"
        return node


def _records(call, marks, chance):
    """A call whose record holds marks: in a few texts, or in every one of them."""
    marked = marks.into(call, chance.choice([0.02, 0.1, 1.0]), chance)
    mark = marks.new()
    patient = marked["prefetch"].get("patient")
    if isinstance(patient, dict):
        patient["name"] = [{"family": mark, "given": [mark], "text": mark}]
        patient["identifier"] = [{"system": f"urn:{mark}", "value": mark}]
    for value in marked["prefetch"].values():
        for entry in (value or {}).get("entry", []) if isinstance(value, dict) else []:
            resource = entry["resource"]
            resource["note"] = [{"text": mark}]
            resource["text"] = {"status": "generated", "div": f"<div>{mark}</div>"}
    if chance.random() < 0.5:  # still a call that is assessed
        marked["context"], marked["prefetch"]["patient"]["id"] = call["context"], call["context"]["patientId"]
    return marked


def _body(call, marks, chance):
    """Return the bytes of a call, well or badly made."""
    marked = _records(copy.deepcopy(call), marks, chance)
    kind = chance.randrange(12)
    if kind == 0:
        marked["fhirServer"] = f"http://127.0.0.1:9/{marks.new()}"
        scope = f"patient/*.read {marks.new()}"
        marked["fhirAuthorization"] = {"access_token": marks.new(), "token_type": "Bearer", "expires_in": 300}
        marked["fhirAuthorization"] |= {"scope": scope, "subject": marks.new()}
        marked["prefetch"].pop("labs", None)
    if kind == 1:
        marked["prefetch"] = {marks.new(): marks.new()}
    if kind == 2:
        marked[marks.new()] = marked["extension"] = {marks.new(): marks.new()}
    if kind == 3:
        marked["hook"] = marked["hookInstance"] = marks.new()
    if kind == 4:
        marked["extension"] = {"org.twitch-cds.asOf": marks.new()}
    text = json.dumps(marked)
    if kind == 5:
        text = text[: chance.randrange(len(text))]
    if kind == 6:
        text = text.replace('"context"', f'"{marks.new()}": 1, "context": {{}}, "context"', 1)
    if kind == 7:
        text = text.replace("null", f'{{"{marks.new()}": 1e99999, "value": NaN}}', 1)
    if kind == 8:
        return marks.new().encode("utf-16")
    return text.encode()


def _feedback(marks, chance):
    reason = {"code": marks.new(), "system": f"urn:{marks.new()}"} if chance.random() < 0.3 else None
    item = {
        "card": chance.choice([str(uuid.UUID(int=chance.getrandbits(128))), marks.new()]),
        "outcome": chance.choice(["overridden", "overridden", marks.new()]),
        "overrideReason": {"userComment": marks.new()} | ({"reason": reason} if reason else {}),
        "outcomeTimestamp": "2026-11-20T10:05:31Z",
        marks.new(): marks.new(),
    }
    return json.dumps({"feedback": [item]}).encode(), bool(reason)


def _headers(service, path, marks, chance):
    """Return headers full of marks; every third request has a token that must be refused."""
    mark = marks.new()
    headers = {"User-Agent": mark, "Origin": f"https://{mark}.example", "X-Request-Id": mark, mark: mark}
    headers |= {"Referer": mark, "Cookie": f"{mark}={mark}", "Forwarded": mark, "Accept": mark}
    kind = chance.randrange(18)
    if kind == 0:
        headers["Authorization"] = f"Bearer {mark}"
    if kind == 1:
        headers["Authorization"] = f"{mark} {mark}.{mark}.{mark}"
    if kind in (2, 3, 4, 5):
        claims = [{"iss": mark}, {"aud": mark}, {"tenant": mark, "exp": mark}, {"jti": mark * 40}][kind - 2]
        headers["Authorization"] = f"Bearer {service.token(path, **claims)}"
    else:
        headers.setdefault("Authorization", f"Bearer {service.token(path, jti=mark, sub=mark, tenant=mark)}")
    if kind == 6:
        headers["Content-Type"] = mark
    if kind == 7:
        headers["Content-Encoding"] = mark
    return headers


def _request(service, call, marks, chance):
    """Return one request and whether a mark of it may be kept (the code of a reason is, as documented)."""
    path = chance.choice([PATH, PATH, PATH, f"{PATH}/feedback", "/explain/twitch-patient-view"])
    body, kept = (
        _feedback(marks, chance) if path.endswith("feedback") else (_body(call, marks, chance), False)
    )
    headers = _headers(service, path, marks, chance)
    target = path
    if chance.random() < 0.3:
        target = f"{path}?rule={marks.new()}&{marks.new()}={marks.new()}"
    if chance.random() < 0.1:
        target = f"/cds-services/{marks.new()}/{marks.new()}"
    message = service.message(body, path, headers)
    if chance.random() < 0.05:
        message = message.replace(b"POST", marks.new().upper().encode(), 1)
    return message.replace(path.encode(), target.encode(), 1), kept


def _send(service, message):
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=60)) as connection:
        try:
            connection.sendall(message)
            return read_answer(connection)[0]
        except OSError:
            return 0


def test_r14_r15_no_mark_is_in_anything_that_is_written(serve, body):
    call = json.loads(body)
    marks, chance = Marks(), random.Random(SEED)
    statuses = {}
    allowed = ["http://127.0.0.1:9"]  # nobody is there: the service asks, and fails
    with serve(log_level="debug", workers=2, fhir_servers=allowed, fhir_networks=["127.0.0.0/8"]) as service:
        for _ in range(REQUESTS):
            message, kept = _request(service, call, marks, chance)
            if kept:
                message = message.replace(Marks.WORD.encode(), b"Greenfinch")
            status = _send(service, message)
            statuses[status] = statuses.get(status, 0) + 1
        status, metrics = service.get("/metrics")
        assert status == 200
        assert service.stop() == 0
        written = {name.name: name.read_bytes() for name in service.folder.iterdir()}
    assert statuses.get(200, 0) > REQUESTS // 10, statuses
    assert {400, 401, 404, 415} <= set(statuses), statuses
    assert 500 not in statuses
    assert statuses.get(0, 0) == 0, statuses
    found = {
        name: content.lower().count(Marks.WORD.lower().encode())
        for name, content in {**written, "metrics": metrics}.items()
    }
    print(
        f"{REQUESTS} requests, {marks.made} marks, statuses {dict(sorted(statuses.items()))}, found {found}"
    )
    assert sum(found.values()) == 0, found
    assert b"Bearer" not in written["err.txt"] and b"eyJ" not in written["err.txt"]
    lines = written["err.txt"].decode().splitlines()
    assert len(lines) >= REQUESTS
    for line in lines:
        fields = json.loads(line)
        assert {"time", "level", "event"} <= set(fields)
        if fields["event"] == "request":
            assert {"requestId", "knowledge", "ms", "outcome", "status"} <= set(fields)
