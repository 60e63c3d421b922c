"""No mark of a patient, a person or a token in anything the service writes (R14, R15).

Marks are put wherever text can come from outside: requests, tokens, what FHIR and key servers answer, their names
and certificates. Then every byte is searched: log at every level, standard output, metrics, database, temporary
files. `make canaries` sends 10,000 requests; here it is a part of them.
"""

import contextlib
import json
import os
import random
import re
import socket
import threading
import time
import uuid
from pathlib import Path

import jwt
import pytest
from shipped import ISSUER, PATH, ROOT, read_answer

from ..fetch.test_wire import Authority
from .broken import ARMED
from .marks import FAULTS, MarkedServer, Marks

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("CANARIES", "300"))
SEED = 20261121
_THREADS = 4
#: Level of the log, whether comments are kept, and the part of the requests; the levels that write least come last.
_RUNS = [("debug", False, 1), ("info", True, 1), ("warning", True, 10), ("error", False, 10)]
_IS_WHOLE = REQUESTS >= 5_000
_RUNS = _RUNS if _IS_WHOLE else _RUNS[:2]
#: Faults of a server that issues keys.
_KEY_FAULTS = (
    "well",
    "error_500",
    "no_http",
    "redirect_to_a_name",
    "truncated_json",
    "marked_html",
    "bad_utf8",
)
#: Where the settings stand that name the servers; we wrote them.
_OURS = {"site.toml", "jwks.json", "ca.pem", "server.pem"}


# --- what is sent


class Sender:
    """Makes requests full of marks, each from its own number, and sends them over connections that are kept."""

    def __init__(self, service, call, marks, bases, issuers):
        self.service = service
        self.call = call
        self.marks = marks
        self.bases = bases
        self.issuers = issuers
        self.statuses = {}
        self._lock = threading.Lock()

    def send_all(self, count):
        """Send so many requests with a few threads."""
        numbers = iter(range(count))
        threads = [threading.Thread(target=self._send_some, args=(numbers,)) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _send_some(self, numbers):
        connection = None
        while True:
            with self._lock:
                number = next(numbers, None)
            if number is None:
                break
            message = self._request(random.Random(SEED + number))
            status, connection = self._sent(message, connection)
            with self._lock:
                self.statuses[status] = self.statuses.get(status, 0) + 1
        if connection is not None:
            connection.close()

    def _sent(self, message, kept):
        """Return status and the connection if it is kept; one that was closed meanwhile is opened again."""
        for connection in [kept] * (kept is not None) + [None]:
            used = connection or socket.create_connection(("127.0.0.1", self.service.port), timeout=60)
            try:
                used.sendall(message)
                status, headers, _body = read_answer(used)
            except OSError:
                used.close()
                continue
            if status < 400 and headers.get("connection", "").lower() != "close":
                return status, used
            used.close()
            return status, None
        return 0, None

    def _request(self, chance):
        marks = self.marks
        if chance.random() < 0.3:  # well made in all but what the FHIR server says to it
            path = chance.choice([PATH, PATH, "/explain/twitch-patient-view"])
            body = json.dumps(self._to_be_fetched(self._record(chance), chance)).encode()
            return self.service.message(body, path, {"User-Agent": marks.new()})
        path = chance.choice([PATH, PATH, PATH, f"{PATH}/feedback", "/explain/twitch-patient-view"])
        body = self._feedback(chance) if path.endswith("feedback") else self._body(chance)
        headers = self._headers(path, chance)
        target = path
        if chance.random() < 0.3:
            target = f"{path}?rule={marks.new()}&{marks.new()}={marks.new()}"
        if chance.random() < 0.1:
            target = f"/cds-services/{marks.new()}/{marks.new()}"
        message = self.service.message(body, path, headers)
        if chance.random() < 0.05:
            message = message.replace(b"POST", marks.new().upper().encode(), 1)
        return message.replace(path.encode(), target.encode(), 1)

    # --- the call

    def _body(self, chance):
        """Return the bytes of a call, well or badly made."""
        marks = self.marks
        marked = self._record(chance)
        kind = chance.randrange(12)
        if kind == 0:
            marked = self._to_be_fetched(marked, chance)
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

    def _record(self, chance):
        """Return a call whose record holds marks: in a few texts, or in every one of them."""
        mark = self.marks.new()
        marked = self.marks.into(self.call, chance.choice([0.02, 0.1, 1.0]), chance)
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
            marked["context"] = self.call["context"]
            marked["prefetch"]["patient"]["id"] = self.call["context"]["patientId"]
        return marked

    def _to_be_fetched(self, marked, chance):
        """Return the call with a token instead of some values; what is asked fails in every way or succeeds."""
        marks = self.marks
        scope = chance.choice(["patient/*.read", f"patient/*.read {marks.new()}", marks.new()])
        token = {"access_token": marks.new(), "token_type": "Bearer", "expires_in": 300, "scope": scope}
        token |= {"subject": marks.new(), marks.new(): marks.new()}
        base = chance.choice([*self.bases] * 9 + [f"http://127.0.0.1:9/{marks.new()}", marks.new()])
        keys = sorted(marked["prefetch"])
        kept = [key for key in keys if key == "patient" or chance.random() < 0.5]
        prefetch = {key: marked["prefetch"][key] for key in kept}
        if chance.random() < 0.3:  # further pages, at an address of the caller's
            link = [{"relation": "next", "url": f"{base}/{marks.new()}?name={marks.new()}"}]
            prefetch[keys[0]] = {"resourceType": "Bundle", "type": "searchset", "link": link}
        whole = {"context": self.call["context"], "hook": self.call["hook"]}
        whole |= {"hookInstance": str(uuid.UUID(int=chance.getrandbits(128)))}
        return {**marked, **whole, "fhirServer": base, "fhirAuthorization": token, "prefetch": prefetch}

    # --- feedback

    def _feedback(self, chance):
        """Return answers to a card; what may be kept holds the word for that."""
        marks = self.marks
        code = marks.new(Marks.KEPT)  # the code of a reason is kept, as documented
        reason = {"code": code, "system": f"urn:{code}", "display": marks.new()}
        comment = marks.new(self.comments)
        item = {
            "card": str(uuid.UUID(int=chance.getrandbits(128))),
            "outcome": "overridden",
            "overrideReason": {"userComment": comment}
            | ({"reason": reason} if chance.random() < 0.3 else {}),
            "outcomeTimestamp": "2026-11-20T10:05:31Z",
            marks.new(): marks.new(),
        }
        if chance.random() < 0.4:
            wrong = chance.choice(["card", "outcome", "outcomeTimestamp", "overrideReason"])
            item = json.loads(json.dumps(item).replace(Marks.KEPT, Marks.WORD)) | {wrong: marks.new()}
        return json.dumps({"feedback": [item]}).encode()

    #: Word of the comments: they may be kept only where the settings say so.
    comments = Marks.WORD

    # --- headers and tokens

    def _headers(self, path, chance):
        """Return headers full of marks; every third request has a token that must be refused."""
        mark = self.marks.new()
        headers = {"User-Agent": mark, "Origin": f"https://{mark}.example", "X-Request-Id": mark, mark: mark}
        headers |= {"Referer": mark, "Cookie": f"{mark}={mark}", "Forwarded": mark, "Accept": mark}
        kind = chance.randrange(18)
        token = (
            self._token(path, chance)
            if kind < 4
            else self.service.token(path, jti=mark, sub=mark, tenant=mark)
        )
        headers["Authorization"] = f"Bearer {token}"
        if kind == 4:
            headers["Authorization"] = f"Bearer {mark}"
        if kind == 5:
            headers["Authorization"] = f"{mark} {mark}.{mark}.{mark}"
        if kind == 6:
            headers["Content-Type"] = mark
        if kind == 7:
            headers["Content-Encoding"] = mark
        return headers

    def _token(self, path, chance):
        """Return a token with marks in claims and header, signed by the right key or by another."""
        mark, now = self.marks.new(), int(time.time())
        claims = {"iss": ISSUER, "aud": self.service.base + path, "iat": now, "exp": now + 300, "jti": mark}
        head = {"kid": "one", "typ": "JWT"}
        changes = [
            {"iss": mark}, {"aud": mark}, {"aud": [mark, mark]}, {"exp": mark}, {"nbf": mark}, {"jti": mark * 40},
            {"tenant": {mark: mark}}, {"tenant": mark, "sub": mark, mark: mark}, {"iat": mark}, {"jti": [mark]},
        ]  # fmt: skip
        heads = [
            {"kid": mark}, {"jku": f"https://{mark}.example/{mark}"}, {"jku": mark, "kid": mark}, {"typ": mark},
            {"x5u": mark}, {"jwk": {"kty": mark}}, {"crit": [mark], mark: mark}, {"cty": mark}, {mark: mark},
        ]  # fmt: skip
        choice = chance.random()
        if choice < 0.4:
            claims |= chance.choice(changes)
        elif choice < 0.8:
            head |= chance.choice(heads)
        else:  # of a client whose keys are fetched from a server that fails
            claims |= {"iss": chance.choice(self.issuers)}
            head |= {"kid": mark}
        if chance.random() < 0.1:
            return jwt.encode(claims, mark * 9, algorithm="HS512", headers=head)
        token = jwt.encode(claims, self.service.key, algorithm="ES384", headers=head)
        return token if chance.random() < 0.9 else f"{token[:-20]}{mark}"


# --- the servers it asks


@pytest.fixture
def marks():
    return Marks()


@pytest.fixture
def servers(body, marks, tmp_path):
    """FHIR servers on loopback that play every fault, well made and failing; and what the settings say of them."""
    prefetch = json.loads(body)["prefetch"].values()
    found = [entry["resource"] for value in prefetch for entry in (value or {}).get("entry", ())]
    resources = [value for value in prefetch if (value or {}).get("resourceType") == "Patient"] + found
    authority, name = Authority(tmp_path), f"{marks.new()}.example".lower()
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    with contextlib.ExitStack() as stack:
        plain = [MarkedServer(resources, marks, faults={0: fault}, page=3) for fault in FAULTS]
        plain += [MarkedServer(resources, marks, page=3) for _ in range(8)]
        tls = [(authority, "127.0.0.1", {}), (authority, name, {}), (stranger, "127.0.0.1", {})]
        tls += [(authority, "127.0.0.1", {"ended_days_ago": 2})]
        secure = [MarkedServer(resources, marks, tls=a.context(n, **more)) for a, n, more in tls]
        keys = [MarkedServer([], marks, faults={0: fault}) for fault in _KEY_FAULTS]
        for server in (*plain, *secure, *keys):
            stack.enter_context(server)
        bases = [server.base for server in plain] + [
            server.base.replace("http:", "https:") for server in secure
        ]
        bases += [f"https://{name[:-8]}.invalid/fhir", f"https://{name}:{secure[1].port}/{marks.new()}"]
        bases += [secure[0].base]  # no encryption where it is expected
        issuers = {
            f"https://issuer{n}.example": f"http://127.0.0.1:{s.port}/jwks" for n, s in enumerate(keys)
        }
        told = {
            "fhir_servers": [*bases, "http://127.0.0.1:9"],
            "fhir_networks": ["127.0.0.0/8"],
            "fhir_ca_file": str(authority.file),
            "fhir_deadline_ms": 300,
            "clients": [{"issuer": issuer, "jwks_url": url} for issuer, url in issuers.items()],
        }
        yield bases, sorted(issuers), told


def _environment(folder, *first):
    """Return the variables of the service: its temporary files come where they are searched."""
    folder.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TWITCH_CDS_")}
    path = os.pathsep.join([*first, str(ROOT)])
    return {**kept, "PYTHONPATH": path, "TMPDIR": str(folder), "HOME": str(folder)}


def _written(*folders):
    """Return every file below the folders but those we wrote."""
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.name: path.read_bytes() for path in files if path.name not in _OURS}


#: The beginning of any JWT (RFC 7519: base64url of ``{"``), longer than chance writes it in the pages of a database.
_TOKEN = re.compile(rb"eyJ[\w-]{8}")


def _counts(written, word):
    """Return the files in which a word stands, however it is spelled, and how often."""
    small = word.lower().encode()
    counts = {name: content.lower().count(small) for name, content in written.items()}
    return {name: count for name, count in counts.items() if count}


def _ask_all(service, sender, count, temporary):
    """Send the requests, stop the service and return all it wrote, its metrics with it."""
    sender.send_all(count)
    status, metrics = service.get("/metrics")
    assert status == 200
    before = _written(temporary)
    assert service.stop() == 0
    return {**before, **_written(service.folder, temporary), "metrics": metrics}


def _told(label, count, marks, sender, found):
    statuses = dict(sorted(sender.statuses.items()))
    print(f"\n{label}: {count} requests, {marks.made} marks, statuses {statuses}, found {found}")


# --- what is found


@pytest.mark.parametrize(("level", "keeps_comments", "share"), _RUNS)
def test_r14_r15_no_mark_is_in_anything_that_is_written(
    serve, body, marks, servers, tmp_path, level, keeps_comments, share
):
    bases, issuers, told = servers
    count = REQUESTS // share
    temporary = tmp_path / "temporary"
    options = {"environment": _environment(temporary), "log_level": level, "keep_comments": keeps_comments}
    with serve(workers=2, **options, **told) as service:
        sender = Sender(service, json.loads(body), marks, bases, issuers)
        if keeps_comments:
            sender.comments = Marks.KEPT
        written = _ask_all(service, sender, count, temporary)
    found = _counts(written, Marks.WORD)
    _told(level, count, marks, sender, found)
    assert found == {}
    kept = _counts(written, Marks.KEPT)
    assert all(name.startswith("feedback.sqlite3") for name in kept), kept
    assert kept or share > 1
    statuses = sender.statuses
    assert statuses.get(200, 0) > count // 10, statuses
    assert not {0, 500} & set(statuses), statuses
    assert b"Bearer" not in written["err.txt"] and not _TOKEN.search(written["err.txt"])
    lines = [json.loads(line) for line in written["err.txt"].decode().splitlines()]
    assert all({"time", "level", "event"} <= set(fields) for fields in lines)
    requests = [fields for fields in lines if fields["event"] == "request"]
    assert all({"requestId", "knowledge", "ms", "outcome", "status"} <= set(fields) for fields in requests)
    if share == 1:
        assert {400, 401, 404, 415} <= set(statuses), statuses
        assert len(requests) >= count
        faults = {fault for fields in requests for fault in fields.get("fetchFaults", ())}
        assert len(faults) >= (15 if _IS_WHOLE else 5), faults


def test_r15_no_mark_is_in_what_faults_inside_leave(serve, body, marks, servers, tmp_path):
    """Errors whose words quote the record and the token, raised in rules, readers, stores and books."""
    bases, issuers, told = servers
    count = REQUESTS // 3
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "sitecustomize.py").write_text(
        "from tests.served.broken import break_all\n\nbreak_all()\n", encoding="utf-8"
    )
    temporary = tmp_path / "temporary"
    environment = _environment(temporary, str(tmp_path / "first"))
    with serve(environment=environment, log_level="debug", **told) as service:
        sender = Sender(service, json.loads(body), marks, bases, issuers)
        Path(service.folder, ARMED).touch()
        written = _ask_all(service, sender, count, temporary)
    found = _counts(written, Marks.WORD)
    _told("faults inside", count, marks, sender, found)
    assert found == {}
    assert not [name for name, content in written.items() if _TOKEN.search(content)]
    lines = [json.loads(line) for line in written["err.txt"].decode().splitlines()]
    events = {fields["event"] for fields in lines}
    assert {"defect", "rules failed", "metrics failed", "memory failed"} <= events
    assert {500, 200} <= set(sender.statuses) and 0 not in sender.statuses
