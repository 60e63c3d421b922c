"""The strict second look: what the fast scan forgives must not reach a card."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from cds_service.facts import Source
from cds_service.fhir import read_bundle, read_drafts, read_prefetch, second_look
from tests.fhir.builders import PATIENT, bundle, facts, lab, order

CITED = (Source("Observation/o", "/entry/1/resource"),)


def look(data: bytes, *sources: Source) -> list[str]:
    return [aside.code for aside in second_look(read_bundle(data), sources or CITED)]


def test_what_is_sound_stands() -> None:
    assert look(bundle(PATIENT, lab())) == []


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"value": 3.2', b'"value": 2.2, "value": 3.2', "F070"),
        (b'"status": "final"', b'"status": "cancelled", "status": "final"', "F070"),
        (b'"id": "o"', b'"id": "o", "code": {"text": "x"}', "F070"),
        (b'"status": "final"', b'"status": "final "', "F071"),
        (b'"status": "final"', b'"status": "Final"', "F071"),
        (b'"value": 3.2', b'"value": "3.2"', "F072"),
        (b'"unit": "mmol/L"', b'"unit": 5', "F073"),
        (b'"system": "http://loinc.org"', b'"system": 1', "F073"),
        (b'"subject": {"reference": "Patient/p"}', b'"subject": {"reference": 5}', "F074"),
        (b'"subject": {"reference": "Patient/p"}', b'"subject": []', "F074"),
        (b'"coding": [{', b'"coding": ["x", {', "F073"),
    ],
)
def test_what_the_scan_forgives_is_found(old: bytes, new: bytes, code: str) -> None:
    data = bundle(PATIENT, lab())
    assert data.count(old) >= 1
    assert look(data.replace(old, new)) == [code]


def test_a_double_key_deep_inside_is_found_with_its_name_only() -> None:
    data = bundle(PATIENT, lab(note=[{"text": "Rumpelstiltskin"}])).replace(
        b'"text": ', b'"text": "x", "text": '
    )
    (aside,) = second_look(read_bundle(data), CITED)
    assert (aside.code, aside.source) == ("F070", CITED[0])
    assert "Rumpelstiltskin" not in aside.reason


def test_only_what_is_cited_is_read_again() -> None:
    data = bundle(PATIENT, lab(), lab(id="b")).replace(b'"id": "b"', b'"id": "b", "id": "b"')
    assert look(data) == []
    assert look(data, Source("Observation/b", "/entry/2/resource")) == ["F070"]


def test_a_source_may_be_named_by_reference_alone() -> None:
    data = bundle(PATIENT, lab()).replace(b'"value": 3.2', b'"value": 2.2, "value": 3.2')
    assert look(data, Source("Observation/o")) == ["F070"]


@pytest.mark.parametrize(
    "pointer", ["/entry/9/resource", "/entry/x/resource", "/nothing", "/entry/1/resource/entry/0"]
)
def test_what_cannot_be_found_again_must_not_be_used(pointer: str) -> None:
    assert look(bundle(PATIENT, lab()), Source("", pointer)) == ["F075"]


def test_a_single_resource_and_a_bundle_within_a_bundle() -> None:
    doubled = json.dumps(lab()).encode().replace(b'"value": 3.2', b'"value": 2.2, "value": 3.2')
    assert look(doubled, Source("Observation/o", "")) == ["F070"]
    inner = b'{"resourceType": "Bundle", "entry": [{"resource": ' + doubled + b"}]}"
    outer = b'{"resourceType": "Bundle", "entry": [{"resource": ' + inner + b"}]}"
    assert look(outer, Source("", "/entry/0/resource/entry/0/resource")) == ["F070"]


def test_a_record_with_a_lone_surrogate_can_be_looked_at() -> None:
    tree: Any = json.loads(bundle(PATIENT, lab(note=[{"text": "\ud800"}])))
    text = json.dumps(tree).encode()
    assert look(text) == []
    assert look(text.replace(b'"value": 3.2', b'"value": 2.2, "value": 3.2')) == ["F070"]


@pytest.mark.parametrize("place", [b'"entry":', b'"resource":'])
def test_a_member_whose_name_is_a_lone_surrogate_hides_nothing(place: bytes) -> None:
    text = bundle(PATIENT, lab()).replace(place, rb'"\ud800": 1.50, ' + place)
    assert text.count(rb"\ud800") > 0
    assert look(text) == []
    assert look(text.replace(b'"value": 3.2', b'"value": 2.2, "value": 3.2')) == ["F070"]


def test_prefetch_and_drafts_are_found_by_their_place() -> None:
    doubled = bundle(lab(), kind="searchset").replace(b'"value": 3.2', b'"value": 2.2, "value": 3.2')
    record = read_prefetch({"labs": msgspec.Raw(doubled)}, patient_id="p", keys={"labs": ("Observation",)})
    drafts = bundle(order()).replace(b'"intent": "order"', b'"intent": "order", "intent": "order"')
    record = read_drafts(record, drafts)
    cited = [
        Source("", "/prefetch/labs/entry/0/resource"),
        Source("", "/context/draftOrders/entry/0/resource"),
    ]
    found = second_look(record, cited)
    assert [(aside.source.pointer, aside.code) for aside in found] == [
        ("/context/draftOrders/entry/0/resource", "F070"),
        ("/prefetch/labs/entry/0/resource", "F070"),
    ]


def test_what_failed_is_left_out_of_the_next_reading() -> None:
    data = bundle(PATIENT, lab()).replace(b'"value": 3.2', b'"value": 2.2, "value": 3.2')
    record = read_bundle(data)
    first = facts(record)
    failed = second_look(record, [first.numbers["potassium"][0].source])
    again = facts(record, without=frozenset(aside.source.pointer for aside in failed), refused=failed)
    assert not again.numbers
    assert [aside.code for aside in again.set_aside] == ["F070"]
