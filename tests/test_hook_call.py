import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import RequestError
from cds_service.hook_call import read_call

INSTANCE = "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40"


def _call(**changes):
    call = {
        "hook": "patient-view",
        "hookInstance": INSTANCE,
        "context": {"patientId": "p1", "userId": "Practitioner/u1"},
    }
    return json.dumps({**call, **changes}).encode()


def test_the_least_call():
    call = read_call(_call(), "patient-view")
    assert (call.patient_id, call.user_id, call.encounter_id, call.as_of) == (
        "p1",
        "Practitioner/u1",
        None,
        None,
    )
    assert call.prefetch == {}


def test_prefetch_values_stay_as_sent():
    call = read_call(_call(prefetch={"a": None, "b": {"x": 1.50}}), "patient-view")
    assert {key: bytes(raw) for key, raw in call.prefetch.items()} == {"a": b"null", "b": b'{"x": 1.5}'}


def test_the_evaluation_date_keeps_its_zone():
    call = read_call(_call(extension={"org.twitch-cds.asOf": "2026-11-20T12:00:00+01:00"}), "patient-view")
    assert call.as_of.isoformat() == "2026-11-20T12:00:00+01:00"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(
    st.sampled_from(
        ["hook", "hookInstance", "context", "prefetch", "extension", "fhirServer", "fhirAuthorization"]
    ),
    _JSON,
)
def test_whatever_stands_in_a_member_is_read_or_refused(name, value):
    try:
        read_call(_call(**{name: value}), "patient-view")
    except RequestError as error:
        assert error.issues[0].where.startswith("/")


@given(st.binary(max_size=200))
def test_whatever_bytes_come_are_refused_in_our_own_words(data):
    with pytest.raises(RequestError):
        read_call(data, "patient-view")
