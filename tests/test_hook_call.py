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


_BUNDLE = {"resourceType": "Bundle", "type": "collection"}
_WHO = {"patientId": "p1", "userId": "Practitioner/u1"}
#: What the hook definitions of CDS Hooks require in the context of each hook.
_CONTEXTS = {
    "patient-view": _WHO,
    "order-select": {**_WHO, "selections": ["MedicationRequest/1"], "draftOrders": _BUNDLE},
    "order-sign": {**_WHO, "draftOrders": _BUNDLE},
    "encounter-start": {**_WHO, "encounterId": "e1"},
    "encounter-discharge": {**_WHO, "encounterId": "e1"},
    "medication-refill": {"patientId": "p1", "medications": _BUNDLE},
    "problem-list-item-create": {**_WHO, "conditions": _BUNDLE},
}


@pytest.mark.parametrize("hook", _CONTEXTS)
def test_the_least_context_of_every_hook_is_read(hook):
    call = read_call(_call(hook=hook, context=_CONTEXTS[hook]), hook)
    assert call.hook == hook
    assert call.user_id == _CONTEXTS[hook].get("userId", "")
    assert call.encounter_id == _CONTEXTS[hook].get("encounterId")


@pytest.mark.parametrize(
    ("hook", "name"), [(hook, name) for hook, context in _CONTEXTS.items() for name in context]
)
def test_every_required_member_of_a_context_is_required(hook, name):
    context = {key: value for key, value in _CONTEXTS[hook].items() if key != name}
    with pytest.raises(RequestError) as error:
        read_call(_call(hook=hook, context=context), hook)
    assert (error.value.issues[0].code, error.value.issues[0].where) == ("H008", f"/context/{name}")


@pytest.mark.parametrize("hook", _CONTEXTS)
@pytest.mark.parametrize("body", [{}, {"context": {}}, {"prefetch": {}, "context": {"extra": 1}}])
def test_every_missing_member_is_named_at_once(hook, body):
    with pytest.raises(RequestError) as error:
        read_call(json.dumps(body).encode(), hook)
    context = [] if "context" in body else ["/context"]
    needed = {"patientId", *_CONTEXTS[hook]}
    assert {issue.code for issue in error.value.issues} == {"H008"}
    where = [issue.where for issue in error.value.issues]
    assert where[:2] == ["/hook", "/hookInstance"]
    assert sorted(where[2:]) == sorted([*context, *(f"/context/{name}" for name in needed)])


def test_another_hook_is_told_before_what_its_context_lacks():
    with pytest.raises(RequestError) as error:
        read_call(json.dumps({"hook": "patient-view"}).encode(), "order-sign")
    assert [issue.code for issue in error.value.issues] == ["H006"]


def test_a_refill_may_name_its_user_or_send_null():
    context = _CONTEXTS["medication-refill"]
    hook = "medication-refill"
    assert read_call(_call(hook=hook, context={**context, **_WHO}), hook).user_id == "Practitioner/u1"
    assert read_call(_call(hook=hook, context={**context, "userId": None}), hook).user_id == ""


def test_an_encounter_that_is_no_id_is_refused():
    context = {**_WHO, "encounterId": "Encounter/e1"}
    with pytest.raises(RequestError) as error:
        read_call(_call(hook="encounter-start", context=context), "encounter-start")
    assert error.value.issues[0].code == "H010"


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
