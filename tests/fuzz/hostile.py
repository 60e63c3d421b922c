"""One hostile HTTP request from one seed: a valid one, changed; or one that never was valid.

A judged record costs ten times what a refusal does, so the kinds have fixed shares (``SHARES``, in percent):

=========  =========================================================================================
whole      a bundled patient as it is, one place of the record or several changed: judged in full
record     some entries of a record, changed anywhere: nearly all are judged, as a call or explained
made       a record out of the grammar of the readers' own types, never seen by anyone: judged
envelope   the members around the record changed (hook, context, prefetch keys, extension): mostly refused
bytes      the bytes of a small call changed: flips, cuts, splices, other encodings: mostly refused
feedback   what a clinician did with the cards, changed likewise
routes     any path by any method with any headers
=========  =========================================================================================

Of every kind ``SOCKET_PERCENT`` goes over a real socket to the command that is shipped, half of them in
framing that is no good HTTP (``framing.py``); all others go to the application in this process.
"""

from __future__ import annotations

import json
import marshal
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Any

from tests.fuzz.atoms import REFERENCES, TEXTS, hostile
from tests.fuzz.framing import FRAMINGS
from tests.fuzz.grammar import ROOT, bundle, resource
from tests.fuzz.mutation import Marks, change_bytes, change_tree

#: Stands for the patient, the user and the token in every request; no log may hold it.
CANARY = "zqx7canary"
_AS_OF = "2026-11-20T12:00:00Z"
_JSON = "application/json"
_INSTANCE = "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40"
_METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW")
_MEDIA = (
    _JSON,
    "application/fhir+json",
    "application/json; charset=utf-16",
    "text/plain",
    "",
    "application/xml",
    "json",
    "a/b+json;;;",
)
_ENCODINGS = ("identity", "gzip", "deflate", "br", "zstd", "gzip, gzip", "x", "")


@dataclass(frozen=True, slots=True)
class Hostile:
    """A request: what is sent, and where."""

    method: str
    path: str
    body: bytes = b""
    media: str = _JSON
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = ""
    #: How it is put on a socket; empty: it is not.
    framing: str = ""
    #: What was done to a good request.
    changes: tuple[str, ...] = ()

    @property
    def service(self) -> str:
        """Id of the CDS service, empty for any other route."""
        parts = self.path.partition("?")[0].strip("/").split("/")
        return parts[-1] if len(parts) == 2 and parts[0] == "cds-services" else ""


@cache
def calls() -> tuple[dict[str, Any], ...]:
    """Return the bundled calls: one of every hook, and one of every bundled patient."""
    return tuple(_read("calls/*.json")) * 4 + patients()


@cache
def patients() -> tuple[dict[str, Any], ...]:
    """Return the call of every bundled patient, whole."""
    return tuple(_read("patients/*/request.json"))


def _read(pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted((ROOT / "fixtures").glob(pattern)):
        yield _marked(json.loads(path.read_bytes()))


def _marked(call: dict[str, Any]) -> dict[str, Any]:
    """Return the call with the canary as patient and user wherever they are named, in links too."""
    patient = re.escape(call["context"]["patientId"])
    text = re.sub(rf"(?<![\w-]){patient}(?![\w-])", CANARY, json.dumps(call))
    marked: dict[str, Any] = json.loads(text.replace('"Practitioner/', f'"Practitioner/{CANARY}-'))
    return marked


SHARES = {"whole": 10, "record": 8, "made": 3, "envelope": 30, "bytes": 16, "feedback": 16, "routes": 17}
SOCKET_PERCENT = 6


def request_of(seed: int) -> Hostile:
    """Return the request of a seed; the same seed is the same request, always."""
    random = Random(seed)
    (kind,) = random.choices(list(SHARES), list(SHARES.values()))
    made = _MAKERS[kind](random)
    framing = ""
    if random.random() * 100 < SOCKET_PERCENT:
        framing = "plain" if random.random() < 0.5 else random.choice(FRAMINGS)
    return replace(made, kind=kind, framing=framing)


def _whole(random: Random) -> Hostile:
    tree = marshal.loads(marshal.dumps(random.choice(patients())))
    if random.random() < 0.2:
        return _written(tree, Marks(), _service(tree), random)
    return _sent(tree, _service(tree), random)


def _record(random: Random) -> Hostile:
    tree = _trimmed(random.choice(calls()), random, (0, 3, 8, 30))
    if random.random() < 0.9:
        return _sent(tree, _service(tree), random)
    path = f"/explain/twitch-{tree['hook']}"
    if random.random() < 0.3:
        path += f"?rule={random.choice(('hypokalemia', 'x', '%00', '%ff', 'a' * 3000, ''))}"
    return _sent(tree, path, random)


def _envelope(random: Random) -> Hostile:
    tree = _trimmed(random.choice(calls()), random, (0, 0, 1))
    path = _service(tree if random.random() < 0.9 else random.choice(calls()))
    if random.random() < 0.1:
        path = path.replace("/cds-services/", "/explain/")
    depth = random.choice((1, 1, 2, 2, 3))
    return _sent(tree, path, random, random.choice((1, 3, 5, 8, 12)), depth)


def _bytes(random: Random) -> Hostile:
    tree = _trimmed(random.choice(calls()), random, (0, 1, 3))
    marks = Marks()
    body = change_bytes(marks.written(tree, random), random, marks.changes)
    return Hostile("POST", _service(tree), body, _JSON, _headers(random), changes=tuple(marks.changes))


def _service(call: dict[str, Any]) -> str:
    return f"/cds-services/twitch-{call['hook']}"


def _sent(tree: Any, path: str, random: Random, times: int = 0, depth: int = 10_000) -> Hostile:
    """Return the tree changed (0: some) ``times`` in its first ``depth`` levels, and written."""
    marks = Marks()
    change_tree(tree, random, marks, times or random.choice((1, 1, 2, 3, 5, 12)), depth)
    return _written(tree, marks, path, random)


def _written(tree: Any, marks: Marks, path: str, random: Random) -> Hostile:
    body = marks.written(tree, random)
    if random.random() < 0.05:
        body = change_bytes(body, random, marks.changes)
    return Hostile("POST", path, body, _JSON, _headers(random), changes=tuple(marks.changes))


def _trimmed(call: dict[str, Any], random: Random, sizes: tuple[int, ...]) -> dict[str, Any]:
    """Return a copy of a call with so many of the entries under each key: small requests are many requests."""
    most = random.choice(sizes)
    prefetch = {}
    for key, value in call["prefetch"].items():
        if isinstance(value, dict) and "entry" in value:
            some = random.sample(value["entry"], min(most, len(value["entry"])))
            value = {**value, "entry": some, "total": len(some)}
        prefetch[key] = value
    # marshal copies a tree of plain values, nothing shared, in a fifth of the time of json
    copied: dict[str, Any] = marshal.loads(marshal.dumps({**call, "prefetch": prefetch}))
    if random.random() < 0.1:
        copied["fhirServer"] = random.choice((*REFERENCES, f"https://{CANARY}.example/fhir"))
        copied["fhirAuthorization"] = {
            "access_token": CANARY,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.rs",
            "subject": "x",
        }
        copied["prefetch"].pop(random.choice(list(prefetch)), None)
    if random.random() < 0.15:
        copied["extension"] = {"org.twitch-cds.asOf": random.choice(_INSTANTS)}
    return copied


_INSTANTS = (
    _AS_OF,
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0001-01-01T00:00:00-14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-12:00",
    "1969-12-31T23:59:59+00:00",
    "2026-W47-5T12:00:00+23:59",
    "2026-11-20T12:00:00.999999+00:00:01",
    "1900-02-28T00:00:00Z",
    "2300-02-28T00:00:00Z",
)


def _made(random: Random) -> Hostile:
    """Return a call whose resources come out of the grammar."""
    call = random.choice(calls())
    resources = [resource(random, CANARY) for _ in range(random.choice((1, 3, 8, 20)))]
    prefetch: dict[str, Any] = dict.fromkeys(call["prefetch"])
    prefetch["patient"] = resource(random, CANARY, "Patient")
    for key in random.sample(sorted(prefetch), min(3, len(prefetch))):
        if key != "patient":
            prefetch[key] = bundle(random.sample(resources, len(resources)))
    tree = marshal.loads(marshal.dumps({**call, "prefetch": prefetch}))
    for name in ("draftOrders", "medications", "conditions"):
        if name in tree["context"]:
            tree["context"][name] = bundle(
                [item for item in resources if item["resourceType"] != "Patient"], "collection"
            )
    path = f"/cds-services/twitch-{tree['hook']}"
    if random.random() < 0.4:
        return _sent(tree, path, random)
    return Hostile("POST", path, json.dumps(tree).encode(), _JSON)


def _feedback(random: Random) -> Hostile:
    items = []
    for _ in range(random.choice((0, 1, 1, 2, 10))):
        item: dict[str, Any] = {
            "card": str(uuid.UUID(int=random.getrandbits(128))),
            "outcomeTimestamp": _AS_OF,
        }
        if random.random() < 0.5:
            item |= {
                "outcome": "accepted",
                "acceptedSuggestions": [{"id": str(uuid.UUID(int=random.getrandbits(128)))}],
            }
        else:
            reason = {"reason": {"code": "already-known", "system": "urn:twitch-cds:override-reason"}}
            item |= {"outcome": "overridden", "overrideReason": {**reason, "userComment": CANARY}}
        items.append(item)
    hook = random.choice(calls())["hook"]
    return _sent({"feedback": items}, f"/cds-services/twitch-{hook}/feedback", random)


_PATHS = (
    *(
        "/",
        "/cds-services",
        "/cds-services/",
        "/cds-services//",
        "/cds-services/x",
        "/cds-services//twitch-patient-view",
        "/livez",
    ),
    *(
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/rules",
        "/rules/",
        "/rules/hypokalemia",
        "/rules/x",
        "/rules/static/../x",
        "/rules/%00",
    ),
    *(
        "/rules/static/%2e%2e/%2e%2e/pyproject.toml",
        "/rules/" + "a" * 5000,
        "/rules/%ff%fe",
        "/explain/x",
        "/explain/",
        "/favicon.ico",
    ),
    *(
        "/cds-services/twitch-patient-view/",
        "/cds-services/twitch-patient-view/feedback/",
        "/cds-services/twitch-patient-view/x",
    ),
    *(
        "/cds-services/TWITCH-PATIENT-VIEW",
        "/cds-services/%F0%9F%A7%A0",
        "/cds-services/..%2f..%2fetc",
        "//evil.example/",
        "/.git/config",
    ),
)


def _routes(random: Random) -> Hostile:
    """Return a request to any route by any method with any headers."""
    path = random.choice(_PATHS)
    if random.random() < 0.4:
        query = random.choice((*TEXTS, *REFERENCES, CANARY))[:2000]
        path += f"?{random.choice(('q', 'rule', '', 'x[]'))}=" + "".join(
            f"%{byte:02x}" for byte in query.encode("utf-8", "replace")
        )
    method = random.choice(("GET", "GET", "POST", *_METHODS))
    body = hostile(random).encode("utf-8", "replace") if random.random() < 0.5 else b""
    return Hostile(method, path, body, random.choice(_MEDIA), _headers(random, often=True))


def _headers(random: Random, *, often: bool = False) -> dict[str, str]:
    if random.random() < (0.4 if often else 0.95):
        return {}
    choices = (
        ("Content-Encoding", random.choice(_ENCODINGS)),
        ("X-Request-ID", random.choice((CANARY, _INSTANCE, "x" * 4000, "", "é"))),
        (
            "Authorization",
            random.choice((f"Bearer {CANARY}", "Basic x", "Bearer", f"Bearer {'.'.join([CANARY] * 3)}")),
        ),
        ("Origin", random.choice(("null", "https://ehr.example", CANARY))),
        ("Accept", random.choice(("*/*", "text/html", "application/xml;q=9", ""))),
        ("Host", random.choice(("evil.example", "", "[::1", "a b"))),
        ("Expect", "100-continue"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", random.choice(("-1", "x", "0", "99999999999999999999"))),
        ("Cookie", CANARY),
        ("Range", "bytes=0-1"),
        ("If-None-Match", "*"),
    )
    return dict(random.sample(choices, random.choice((1, 1, 2, 4))))


_MAKERS = {
    "whole": _whole,
    "record": _record,
    "made": _made,
    "envelope": _envelope,
    "bytes": _bytes,
    "feedback": _feedback,
    "routes": _routes,
}
