"""Whatever is sent: a search is read or refused, a record is looked through, and nothing breaks."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import RequestError
from cds_service.knowledge import load_knowledge
from cds_service.sandbox.parameters import KNOWN_TYPES, parameters_of
from cds_service.sandbox.prefetch import prefetch_of
from cds_service.sandbox.records import load_library, read_json, read_records
from cds_service.sandbox.search import read_search, searchset

LIBRARY = load_library()
SERVICE = next(item for item in load_knowledge().services if item.hook == "patient-view")
NAMES = sorted({name for kind in KNOWN_TYPES for name in parameters_of(kind)})
WORDS = st.text(max_size=20) | st.sampled_from(
    [
        "ge2026-11-20",
        "ne0001",
        "eb9999-12-31T23:59:59-14:00",
        "a|b",
        "|",
        ",",
        "\\",
        "\\,",
        "-date",
        "9" * 30,
        "Patient/x",
    ]
)
PAIRS = st.lists(
    st.tuples(
        st.sampled_from([*NAMES, "_sort", "_count", "_offset", "_summary", "code:not"]) | st.text(max_size=8),
        WORDS,
    ),
    max_size=6,
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=10)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = [
    "id",
    "subject",
    "patient",
    "code",
    "category",
    "status",
    "effectiveDateTime",
    "period",
    "meta",
    "name",
]
RESOURCES = st.builds(
    lambda kind, rest: {**rest, "resourceType": kind},
    st.sampled_from([*sorted(KNOWN_TYPES), "", "Ünknown"]),
    st.dictionaries(st.sampled_from(MEMBERS), VALUES, max_size=5),
)


@given(st.sampled_from(sorted(KNOWN_TYPES)), PAIRS, st.booleans())
@settings(deadline=None)
def test_any_search_is_answered_or_refused(kind, pairs, strict):
    try:
        search = read_search(kind, pairs, strict=strict)
    except RequestError as refused:
        assert refused.issues[0].code in ("E001", "E002", "E003", "E004")
        return
    bundle = searchset(search, search.find(LIBRARY.records), "https://x/fhir")
    assert bundle["total"] <= len(LIBRARY.records.of_type(kind))
    assert all(link["url"].isascii() and " " not in link["url"] for link in bundle["link"])


@given(st.lists(RESOURCES | VALUES, min_size=1, max_size=5))
@settings(deadline=None)
def test_any_record_is_looked_through(sent):
    data = json.dumps([*sent, {"resourceType": "Patient", "id": "p"}]).encode()
    records = read_records(read_json(data))
    found = prefetch_of(SERVICE, {"patientId": "p", "encounterId": "e"}, records, "https://x/fhir")
    assert list(found.found) == list(SERVICE.prefetch)
    msgspec.json.Encoder(decimal_format="number").encode(found.found)
    for kind in records.types:
        for row in records.of_type(kind):
            assert isinstance(row.patient_id, str)


@given(st.binary(max_size=60))
def test_any_bytes_are_json_or_refused(data):
    try:
        read_json(data)
    except ValueError as error:
        assert str(error) == "is no JSON"
