import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.fetch.faults import Fault, FetchFault
from cds_service.fetch.pages import Joined, has_next, read_one, read_page
from cds_service.fetch.queries import Query

SEARCH = Query("Condition", parameters=(("patient", "p1"), ("_count", "5")))
READ = Query("Patient", ident="p1")

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_entry = st.fixed_dictionaries(
    {},
    optional={
        "fullUrl": _json,
        "search": _json | st.fixed_dictionaries({"mode": st.sampled_from(["match", "outcome"]) | _json}),
        "resource": _json
        | st.fixed_dictionaries(
            {
                "subject": st.fixed_dictionaries(
                    {"reference": st.sampled_from(["Patient/p1", "Patient/p2", "x"]) | _json}
                )
            }
        ),
    },
)
_link = st.fixed_dictionaries(
    {},
    optional={
        "relation": st.sampled_from(["next", "self"]) | _json,
        "url": st.sampled_from(["https://[::1/", "https://a\uff0fb/?x=1", "?" + "a&" * 500]) | _json,
    },
)
_bundle = st.fixed_dictionaries(
    {"resourceType": st.sampled_from(["Bundle", "OperationOutcome", "Patient"]) | _json},
    optional={
        "id": _json,
        "total": _json,
        "link": st.lists(_link, max_size=3) | _json,
        "entry": st.lists(_entry, max_size=3) | _json,
    },
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault
@given(st.binary(max_size=60) | _bundle.map(lambda tree: json.dumps(tree).encode()))
def test_R1_whatever_a_server_says_is_read_or_refused(body):
    for read in (lambda: read_one(body, READ), lambda: read_page(body, SEARCH, first=True)):
        try:
            read()
        except FetchFault as fault:
            assert fault.fault in Fault


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b'{"resourceType":"Bundle","x":' + b"[" * 100_000, b"{}", b"null"]
)
def test_what_is_nested_too_deeply_or_no_resource_is_refused(body):
    with pytest.raises(FetchFault, match=Fault.NOT_FHIR.value):
        read_page(body, SEARCH, first=True)


def test_a_member_said_twice_is_refused():
    with pytest.raises(FetchFault, match=Fault.NOT_FHIR.value):
        read_page(b'{"resourceType":"Bundle","entry":[],"entry":[]}', SEARCH, first=True)


def _page(*patients):
    rows = [{"resource": {"resourceType": "Condition", "subject": {"reference": name}}} for name in patients]
    body = json.dumps({"resourceType": "Bundle", "entry": rows}).encode()
    return read_page(body, SEARCH, first=True), body


@pytest.mark.parametrize(
    "name",
    [
        "Patient/p1",
        "https://fhir.example/r4/Patient/p1",
        "Patient/p1/_history/3",
        "#p",
        "urn:uuid:1",
        "Group/2",
    ],
)
def test_CALL_19_references_that_may_be_the_patient_are_left_to_the_reader(name):
    assert _page(name)[0].patient_heeded


@pytest.mark.parametrize(
    "name", ["Patient/p2", "https://fhir.example/r4/Patient/p2", "Patient/p2/_history/3"]
)
def test_CALL_19_an_answer_about_others_alone_is_no_answer_and_a_mixed_one_proves_no_absence(name):
    with pytest.raises(FetchFault, match=Fault.OTHER_PATIENT.value):
        _page(name)
    assert not _page(name, "Patient/p1")[0].patient_heeded


def test_one_whole_page_stays_as_it_came():
    page, body = _page("Patient/p1")
    joined = Joined()
    joined.add(page, body)
    assert joined.bundle() == body
    joined.has_gap = True
    told = json.loads(joined.bundle())
    assert told["link"][0]["relation"] == "next"
    assert told["entry"] == json.loads(body)["entry"]


@pytest.mark.parametrize(
    ("body", "more"),
    [
        (b'{"resourceType":"Bundle","link":[{"relation":"next","url":"x"}]}', True),
        (b'{"resourceType":"Bundle","link":[{"relation":"self","url":"next"}]}', False),
        (b'{"resourceType":"Bundle","entry":["next"]}', False),
        (b'{"resourceType":"Patient","link":[{"relation":"next","url":"x"}]}', False),
        (b'{"resourceType":"Bundle","link":[{"relation":"next"', False),
        (b'{"resourceType":"Bundle","link":[{"relation":"next","url":5}]}', True),
        (b'["next"]', False),
        (b"null", False),
    ],
)
def test_CALL_12_only_a_bundle_with_a_next_link_has_more(body, more):
    assert has_next(body) == more
