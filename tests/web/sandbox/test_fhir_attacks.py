"""The FHIR endpoint under requests nobody should send: refused as FHIR, no wrong number, nobody else held up."""

from __future__ import annotations

import json
from contextlib import ExitStack
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cds_service.content import content_root
from cds_service.sandbox.parameters import KNOWN_TYPES, Kind, parameters_of
from cds_service.sandbox.records import load_library
from cds_service.sandbox.search import USUAL_COUNT
from cds_service.web import create_app

from .running import settings_of

LIBRARY = load_library()
ME = LIBRARY.stories[0].patient_id
FHIR = "/sandbox/fhir"
FORM = "application/x-www-form-urlencoded"
_REFUSALS = frozenset({400, 404, 405, 406, 413, 414, 415})
_CALL = json.loads(
    (content_root() / "fixtures" / "patients" / LIBRARY.stories[0].name / "request.json").read_text("utf-8")
)
_OFTEN = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def app(knowledge, tmp_path_factory):
    return create_app(settings_of(tmp_path_factory.mktemp("attacks"), max_body_mib=1), knowledge)


@pytest.fixture(scope="module")
def client(app):
    return app.test_client()


def read(answer):
    return json.loads(answer.get_data())


def refused(answer, status, code):
    """Whether an answer is a refusal of a FHIR server."""
    assert (answer.status_code, answer.mimetype) == (status, "application/fhir+json")
    outcome = read(answer)
    assert outcome["resourceType"] == "OperationOutcome"
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == code
    return True


def found(answer):
    """The ids on a page and its links."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    bundle = read(answer)
    entries = [e for e in bundle.get("entry", ()) if e["search"]["mode"] == "match"]
    return (
        bundle["total"],
        [e["resource"]["id"] for e in entries],
        {r["relation"]: r["url"] for r in bundle["link"]},
    )


def ids(client, resource_type, query):
    total, rows, _ = found(client.get(f"{FHIR}/{resource_type}?{query}&_count=1000"))
    return (total, rows)


# Addresses


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("localhost:9", "http://localhost:9"),
        ("LOCALHOST", "http://localhost"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("127.0.0.1:", "http://127.0.0.1"),
        *(
            (host, "http://127.0.0.1:8000")
            for host in (
                "evil.example",
                "localhost.evil.example",
                "a b",
                'x"y',
                "evil.example/x",
                "evil.example?x",
                "a@localhost",
                "localhost:99999",
                "localhost:80:80",
                "[::1",
                "\xe9.localhost",
                "",
            )
        ),
    ],
)
def test_links_lead_to_a_name_of_its_own(client, host, base):
    for path in ("Patient?_count=1", f"Patient/{ME}/$everything"):
        bundle = read(client.get(f"{FHIR}/{path}", headers={"Host": host}))
        links = [row["url"] for row in bundle["link"]] + [row["fullUrl"] for row in bundle["entry"]]
        assert links and all(
            link.startswith(f"{base}{FHIR}/Patient") or "/Patient/" not in link for link in links
        )
        assert all(link.startswith(f"{base}{FHIR}/") for link in links)
    assert (
        read(client.get(f"{FHIR}/metadata", headers={"Host": host}))["implementation"]["url"] == base + FHIR
    )


@pytest.mark.parametrize("host", ["..", "x" * 300])
def test_what_can_be_no_host_is_refused(client, host):
    assert refused(client.get(f"{FHIR}/Patient", headers={"Host": host}), 400, "W400")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("get", FHIR, 404, "W404"),
        ("get", f"{FHIR}/", 404, "W404"),
        ("post", FHIR, 404, "W404"),
        ("get", f"{FHIR}/Patient/x/y/z", 404, "W404"),
        ("put", f"{FHIR}/Patient/x", 405, "W405"),
        ("delete", f"{FHIR}/Patient", 405, "W405"),
        ("post", f"{FHIR}/metadata", 405, "W405"),
        ("get", "/sandbox/faults/slow/fhir", 404, "W404"),
        ("post", "/sandbox/faults/slow/fhir/Patient", 405, "W405"),
    ],
)
def test_what_is_refused_before_a_route_is_found_is_fhir_too(client, method, path, status, code):
    answer = getattr(client, method)(path)
    assert refused(answer, status, code)
    assert (
        getattr(client, method)(path, headers={"Accept": "application/json"}).mimetype == "application/json"
    )
    assert (status == 405) == ("Allow" in answer.headers)


def test_what_is_not_of_the_endpoint_stays_as_it_was(client):
    for path in ("/nothing", "/sandbox/nothing", "/sandbox/fhirs", "/explain/nothing"):
        assert client.get(path).mimetype == "application/json"


# Forms


def test_a_form_that_is_no_form_is_never_left_out(client):
    """Parameters that are not read would find the records of everybody."""
    path, body = f"{FHIR}/Observation/_search", f"patient={ME}"
    for headers in (
        {"Content-Type": ""},
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data"},
    ):
        assert refused(client.post(path, data=body, headers=headers), 415, "E012")
    total, rows, _ = found(client.post(path, data=body, content_type=f"{FORM}; charset=utf-8"))
    assert (total, rows) == found(client.get(f"{FHIR}/Observation?{body}"))[:2]
    assert total < len(LIBRARY.records.of_type("Observation"))
    assert found(client.post(f"{path}?{body}"))[0] == total


def test_a_form_too_large_is_refused_as_fhir(client):
    for size, status, code in ((600_000, 400, "E001"), (2_000_000, 413, "W413")):
        answer = client.post(f"{FHIR}/Observation/_search", data="code=" + "a" * size, content_type=FORM)
        assert refused(answer, status, code)


def test_a_form_and_an_address_are_heeded_together(client):
    path = f"{FHIR}/Observation/_search?patient={ME}"
    total, rows, _ = found(client.post(path, data="_sort=-date&_count=3", content_type=FORM))
    again = found(client.get(f"{FHIR}/Observation?patient={ME}&_sort=-date&_count=3"))
    assert (total, rows) == again[:2]
    assert client.post(path, data="_format=xml", content_type=FORM).status_code == 406


# Turns


def queues_of(app):
    return app.extensions["twitch-cds.sandbox-queues"]


def test_slow_answers_hold_a_bounded_number_of_threads(app, client):
    with ExitStack() as held:
        for _ in range(32):
            held.enter_context(queues_of(app).slow.turn())
        answer = client.get("/sandbox/faults/slow/fhir/Patient")
        assert refused(answer, 503, "W503") and answer.headers["Retry-After"] == "1"
        assert client.get(f"{FHIR}/Patient").status_code == 200
        assert client.post("/cds-services/twitch-patient-view", json=_CALL).status_code == 200


def test_searches_take_turns_and_calls_are_not_held_up(app, client):
    with ExitStack() as held:
        for _ in range(65):
            held.enter_context(queues_of(app).searches.place())
        for path in ("Patient", f"Patient/{ME}/$everything"):
            answer = client.get(f"{FHIR}/{path}")
            assert refused(answer, 503, "W503") and answer.headers["Retry-After"] == "1"
        assert refused(client.post(f"{FHIR}/Patient/_search"), 503, "W503")
        assert refused(client.get(f"{FHIR}/Observation?date=never"), 400, "E004")
        assert (
            client.get(f"{FHIR}/Patient/{ME}").status_code
            == client.get(f"{FHIR}/metadata").status_code
            == 200
        )
        assert client.post("/cds-services/twitch-patient-view", json=_CALL).status_code == 200
    assert client.get(f"{FHIR}/Patient").status_code == 200


# Anything at all

_WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", ",", "|", "\\", "a\\", "\\,", "%", "+", "&", "#", "\x00", "\ud83d", "\u0661", "١٢", "é" * 40]
    ),
    st.sampled_from(
        ["2026", "ge2026-11", "sa2026-02-30", "ne9999-12-31", "ap2026", "2026-11-20T12:00:00+14:00"]
    ),
    st.sampled_from(
        [ME, f"Patient/{ME}", "http://loinc.org|2823-3", "|final", "final", "9" * 5_000, "-1", "1e3"]
    ),
)
_NAMES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["_count", "_offset", "_sort", "_summary", "_format", "_id", "_lastUpdated", "_include", ""]
    ),
    st.sampled_from(sorted({name for row in KNOWN_TYPES for name in parameters_of(row)})),
    st.sampled_from(["subject:Patient", "code:in", "date:missing", "patient:Patient:x", ":"]),
)
_PAIRS = st.lists(st.tuples(_NAMES, _WORDS), max_size=5)


def encoded(pairs):
    return urlencode([tuple(part.encode("utf-8", "surrogatepass") for part in pair) for pair in pairs])


@_OFTEN
@given(st.sampled_from(["Observation", "Patient", "Encounter", "Condition"]), _PAIRS, st.booleans())
@example("Observation", [("_sort", "-date,date,-_id,status,code")], True)
@example("Observation", [("_format", "xml")], False)
def test_any_search_is_answered_or_refused_and_a_form_says_the_same(client, resource_type, pairs, is_strict):
    headers = {"Prefer": "handling=strict"} if is_strict else {}
    query = encoded(pairs)
    got = client.get(f"{FHIR}/{resource_type}?{query}", headers=headers)
    posted = client.post(f"{FHIR}/{resource_type}/_search", data=query, content_type=FORM, headers=headers)
    assert got.status_code == posted.status_code
    if got.status_code == 200:
        assert read(got) == read(posted)
        total, rows, _ = found(got)
        assert len(rows) <= total <= len(LIBRARY.records.of_type(resource_type))
    else:
        assert got.status_code in _REFUSALS
        assert read(got)["resourceType"] == read(posted)["resourceType"] == "OperationOutcome"
        assert read(got)["issue"][0]["details"] == read(posted)["issue"][0]["details"]


@_OFTEN
@given(
    st.lists(st.binary(max_size=9), max_size=6),
    st.binary(max_size=200),
    st.sampled_from(["GET", "POST", "PUT"]),
)
def test_any_bytes_are_answered_as_fhir(client, segments, query, method):
    path = "/".join(quote(part, safe="") for part in segments)
    answer = client.open(
        f"{FHIR}/{path}?{quote(query, safe='&=%')}", method=method, data=query, content_type=FORM
    )
    assert answer.status_code == 200 or answer.status_code in _REFUSALS
    assert read(answer)["resourceType"] in ("OperationOutcome", "Bundle", "CapabilityStatement")


# Numbers and pages

_ASKED = {
    "Observation": ("code", "http://loinc.org|"),
    "Condition": ("clinical-status", "active"),
    "Patient": ("gender", "female"),
    "Encounter": ("status", "finished"),
}
_SORTS = st.lists(
    st.sampled_from(["_id", "-_id", "_lastUpdated", "-_lastUpdated", "bogus", "date", "-date", "-code"]),
    max_size=3,
)


@settings(_OFTEN, max_examples=15)
@given(
    st.sampled_from(sorted(_ASKED)),
    _SORTS,
    st.sampled_from([7, 60, 199, 200, 500, 999, 1_000, 5_000]),
    st.booleans(),
)
def test_the_links_reach_every_entry_once(client, resource_type, sorts, count, is_asked):
    pairs = [_ASKED[resource_type]] if is_asked else []
    pairs += [("_sort", ",".join(sorts))] if sorts else []
    whole, expected = ids(client, resource_type, urlencode(pairs))
    assert len(expected) == min(whole, 1_000)
    address, seen = f"{FHIR}/{resource_type}?{urlencode([*pairs, ('_count', str(count))])}", []
    while address:
        parts = urlsplit(address)
        total, rows, links = found(client.get(f"{parts.path}?{parts.query}"))
        assert total == whole and rows
        seen += rows
        address = links.get("next")
    assert len(seen) == len(set(seen)) == whole
    assert seen[:1_000] == expected


def test_backwards_the_links_reach_the_first_page(client):
    path = f"{FHIR}/Observation?_sort=-date&_count=400"
    forth, address = [], path
    while address:
        parts = urlsplit(address)
        _, rows, links = found(client.get(f"{parts.path}?{parts.query}"))
        forth.append(rows)
        last, address = address, links.get("next")
    back, address = [], last
    while address:
        parts = urlsplit(address)
        _, rows, links = found(client.get(f"{parts.path}?{parts.query}"))
        back.append(rows)
        address = links.get("previous")
    assert back == forth[::-1] and len(forth) > 2


def test_a_page_past_the_end_is_empty_and_leads_back(client):
    for offset in ("100000", "9" * 400):
        total, rows, links = found(client.get(f"{FHIR}/Patient?_offset={offset}"))
        assert (total, rows, "next" in links) == (len(LIBRARY.stories), [], False)
        assert "previous" in links


def values_of(resource_type):
    """A few values of every token parameter that occur in the records."""
    rows = LIBRARY.records.of_type(resource_type)
    for name, parameter in parameters_of(resource_type).items():
        if parameter.kind is Kind.TOKEN:
            seen = {}
            for row in rows[:: max(1, len(rows) // 60)]:
                for value in parameter.values(row):
                    codings = value.get("coding", [value]) if isinstance(value, dict) else []
                    seen |= {
                        f"{coding.get('system', '')}|{coding['code']}": 1
                        for coding in codings
                        if "code" in coding
                    }
            yield from ((name, text) for text in list(seen)[:3])


@pytest.mark.parametrize("resource_type", sorted(KNOWN_TYPES))
def test_the_number_of_a_code_is_that_of_the_records_that_have_it(client, resource_type):
    """Counted here in another way: every coding anywhere below the element."""

    def codings(node):
        if isinstance(node, list):
            return [found for part in node for found in codings(part)]
        if isinstance(node, dict):
            own = [(node.get("system", ""), node.get("code"))] if "code" in node else []
            return own + [found for part in node.values() for found in codings(part)]
        return []

    for name, text in values_of(resource_type):
        places = [place.split(".")[0] for place in parameters_of(resource_type)[name].places]
        expected = [
            row.id
            for row in LIBRARY.records.of_type(resource_type)
            if tuple(text.split("|")) in codings([row.resource.get(place) for place in places])
        ]
        assert ids(client, resource_type, urlencode([(name, text)]))[1] == expected[:1_000], (name, text)


_DATES = st.builds(
    lambda prefix, year, rest: f"{prefix}{year}{rest}",
    st.sampled_from(["", "eq", "gt", "lt", "ge", "le", "sa", "eb"]),
    st.sampled_from(["2024", "2025", "2026"]),
    st.sampled_from(["", "-01", "-11", "-11-18", "-11-20T12:00:00Z", "-11-20T12:00:00.5+05:30"]),
)


@settings(_OFTEN, max_examples=40)
@given(_DATES, _DATES)
def test_alternatives_are_a_union_and_repetitions_an_intersection(client, one, other):
    first, second = (set(ids(client, "Encounter", f"date={quote(text)}")[1]) for text in (one, other))
    either = ids(client, "Encounter", f"date={quote(one)},{quote(other)}")
    both = ids(client, "Encounter", f"date={quote(one)}&date={quote(other)}")
    assert (either[0], set(either[1])) == (len(first | second), first | second)
    assert (both[0], set(both[1])) == (len(first & second), first & second)


@pytest.mark.parametrize("text", ["2026", "2026-11", "2026-11-18", "2026-11-18T08:00:00Z"])
def test_before_within_and_after_are_all_that_have_a_date(client, text):
    dated = [row for row in LIBRARY.records.of_type("Observation") if "effectiveDateTime" in row.resource]
    numbers = [ids(client, "Observation", f"date={prefix}{text}")[0] for prefix in ("eq", "ne")]
    assert sum(numbers) == len(dated) > numbers[0]
    below, above = (ids(client, "Observation", f"date={prefix}{text}")[0] for prefix in ("lt", "ge"))
    assert below + above >= len(dated)


def test_everybody_is_on_the_usual_page():
    assert len(LIBRARY.stories) <= USUAL_COUNT
