"""What a text is and whose: read from its head, or saved from what is broken."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.batch.shuffle.sorting import Sorted, sort_text
from tests.batch.broken import encoded, patient, result


def owner(reference):
    return sort_text(encoded(result("o", reference))).owner


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("Patient/1", "Patient/1"),
        ("https://h/fhir/Patient/1", "Patient/1"),
        ("https://h/fhir/Patient/1/_history/4", "Patient/1"),
        ("Patient/1/_history/4", "Patient/1"),
        ("urn:uuid:ab", "Patient/ab"),
        ("urn:oid:1.2", "urn:oid:1.2"),
        ("1", "1"),
        ("#p", ""),
        ("Group/1", ""),
        ("Practitioner/1", ""),
        ("Patient?identifier=1", ""),
        ("http://h/Patient?identifier=1", ""),
        ("x" * 2000, ""),
    ],
)
def test_the_owner_by_every_form_of_reference(reference, expected):
    assert owner(reference) == expected


def test_a_patient_owns_himself_and_subject_comes_before_patient():
    assert sort_text(encoded(patient("1"))) == Sorted("Patient", "Patient/1", "1")
    both = result("o", "Patient/1", patient={"reference": "Patient/2"})
    assert sort_text(encoded(both)).owner == "Patient/1"
    assert sort_text(encoded(result("o", "Group/1", patient={"reference": "Patient/2"}))).owner == "Patient/2"


@pytest.mark.parametrize(("ending", "code"), [(b"", "F001"), (b',"x":"\xff"}', "B031")])
def test_what_is_broken_still_tells_its_owner(ending, code):
    sort = sort_text(encoded(result("o", "Patient/1"))[:-1] + ending)
    assert (sort.type_name, sort.owner, sort.code, sort.is_broken) == ("Observation", "Patient/1", code, True)


def test_a_reference_that_is_cut_names_nobody():
    text = encoded({"resourceType": "Observation", "subject": {"reference": "Patient/1234"}})
    sort = sort_text(text[: text.index(b"34")])
    assert (sort.owner, sort.is_somebodys) == ("", True)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_raise(data):
    assert sort_text(data).code
    assert sort_text(b'{"resourceType":"Observation","subject":{"reference":"Patient/1"},"x":"' + data)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["resourceType", "id", "subject", "patient", "reference"]), inner, max_size=4
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_raises(value):
    sort = sort_text(json.dumps(value).encode())
    assert not sort.is_broken
