"""What holds for every examination: no crash, no silence where the service refuses, nothing of the patient."""

import copy
import dataclasses
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.doctor import KINDS, Severity, as_data
from cds_service.doctor.outcome import note_outcome
from cds_service.doctor.reading import OF_READER, note_set_aside
from cds_service.doctor.troubles import Notes
from cds_service.errors import CdsError
from cds_service.facts import SetAside, Source
from cds_service.fhir import CODES, read_bundle
from cds_service.hook_call import answer_call, read_call
from cds_service.review import review_patient

from .broken import CASES, ROOT, body_of, bundled
from .conftest import NOW, ids

JUNK = [
    None,
    5,
    -1,
    True,
    "",
    " ",
    "x",
    "{{context.patientId}}",
    "<html>",
    [],
    {},
    [None],
    {"resourceType": "Bundle", "entry": 5},
    "Patient/1",
    "\ud800",
    1e400,
    "2026-13-40",
]


def places(node, at=()):
    """Return every place of a document."""
    found = [at]
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, value in items:
        found += places(value, (*at, name))
    return found


def replaced(document, place, value):
    if not place:
        return value
    changed = copy.deepcopy(document)
    node = changed
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    return changed


CALLS = {
    name: bundled(name)
    for name in ("lip-twitching-on-furosemide", "order-select", "encounter-start", "problem-list-item-create")
}


PLACES = {name: places(document) for name, document in CALLS.items()}


def status_of(body, service, knowledge):
    """Return the status the service would answer, worked out without the doctor."""
    try:
        call = read_call(body, service.hook)
    except CdsError:
        return 400
    try:
        review = answer_call(call, service, knowledge, as_of=call.as_of or NOW, base_url="http://127.0.0.1")
    except CdsError:
        return 412
    return 200 if review.assessable else 412


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(sorted(CALLS)), st.integers(0, 100_000), st.sampled_from(JUNK))
def test_every_refusal_of_the_service_is_an_error_of_the_doctor_and_no_other_is(
    look, knowledge, name, at, junk
):
    document = CALLS[name]
    places = PLACES[name]
    place = places[at % len(places)]
    body = json.dumps(replaced(document, place, junk)).encode()
    service = next(item for item in knowledge.services if item.hook == document["hook"])
    found = look(body, service_id=service.id)
    errors = [t for t in found.troubles if t.kind.severity is Severity.ERROR]
    status = status_of(body, service, knowledge)
    is_fhir = found.is_call is False
    assert is_fhir or found.answer.status == status
    assert is_fhir or bool(errors) == (status != 200), (place, ids(found), status)


def test_an_empty_object_is_a_call_that_lacks_everything(look):
    found = look(b"{}")
    assert {"D101", "D105", "D106"} <= set(ids(found)) and found.answer.status == 400


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_whatever_the_file_holds_there_is_a_finding_and_no_crash(look, data):
    found = look(data)
    assert any(trouble.kind.severity is Severity.ERROR for trouble in found.troubles) or not found.is_call


@pytest.mark.parametrize("case", CASES[::9], ids=[case["name"] for case in CASES[::9]])
def test_an_examination_gives_the_same_bytes_every_time(look, case):
    body = body_of(case)
    assert json.dumps(as_data(look(body))) == json.dumps(as_data(look(body)))


def test_nothing_of_the_patient_stands_in_a_report(look):
    document = bundled()
    text = json.dumps(document).replace("delphine", "canary-id").replace('"Delphine"', '"canary-name"')
    text = text.replace("2.9", "2.875").replace("82470000", "canary-code").replace("1968-04-02", "1968-04-03")
    text = text.replace("Twitching of the", "canary-text of the").replace("mmol/L", "canary-unit")
    for body in (text, text.replace('"context"', '"contexts"'), text.replace("final", "canary-status")):
        report = json.dumps(as_data(look(body.encode())))
        for canary in ("canary", "2.875", "1968", "313988", "2823-3", "EL-0", "furosemide"):
            assert canary not in report
    shown = json.dumps(as_data(look(json.dumps(document).encode(), with_values=True)))
    assert "2.9 mmol/L" in shown


def test_a_bare_bundle_is_examined(look):
    path = ROOT / "fixtures" / "patients" / "potassium-result-without-unit" / "bundle.json"
    found = look(path.read_bytes())
    assert found.is_call is False
    assert "D410" in ids(found)
    assert found.answer.status == 200


def test_data_are_examined_under_a_wrong_envelope(look):
    document = bundled()
    document["context"]["patientId"] = "Patient/delphine"
    document["hookInstance"] = 5
    document["prefetch"]["labs-2"]["entry"][0]["resource"]["valueQuantity"] = {"value": 2.9}
    found = look(json.dumps(document).encode())
    assert {"D105", "D108", "D410"} <= ids(found)
    assert (found.answer.status, found.answer.mended) == (400, True)
    assert found.answer.cards


def test_every_code_of_the_reader_has_a_finding():
    told = {"F080", "F081", "F082", "F083", "F084", "F085"}
    refused = {code for code in CODES if code < "F010"}
    assert set(CODES) - set(OF_READER) - told - refused == {"F075"}
    assert set(OF_READER.values()) <= set(KINDS)


def test_what_is_set_aside_beyond_the_list_is_told(look):
    call = bundled("lip-twitching-on-furosemide")
    entries = call["prefetch"]["labs"]["entry"]
    assert "D450" not in ids(look(json.dumps(call).encode()))
    entries += [
        {"resource": {"resourceType": "Observation", "id": f"bad-{n}", "status": n}} for n in range(600)
    ]
    assert "D450" in ids(look(json.dumps(call).encode()))


def test_a_reason_without_an_entry_is_told_by_its_code():
    notes = Notes()
    note_set_aside((SetAside(Source("", "/prefetch/labs"), "F075", "could not be found again."),), notes)
    (trouble,) = notes.troubles()
    assert (trouble.kind.id, trouble.detail) == ("D448", "F075")


def test_a_refusal_no_check_foresaw_is_told_by_its_code(look):
    document = bundled("order-select")
    document["context"]["selections"] = ["MedicationRequest/draft-naproxen"] * 1001
    found = look(json.dumps(document).encode())
    assert [(t.kind.id, t.detail) for t in found.troubles if t.kind.severity is Severity.ERROR] == [
        ("D702", "H013")
    ]


def test_a_service_that_is_switched_off_is_told(look, knowledge):
    off = tuple(dataclasses.replace(item, active=False) for item in knowledge.services)
    found = look(json.dumps(bundled()).encode(), knowledge=dataclasses.replace(knowledge, services=off))
    assert "D708" in ids(found)
    assert found.answer.status == 404


def test_rules_that_failed_and_rules_that_are_off_are_told(knowledge):
    bundle = (ROOT / "fixtures" / "patients" / "no-twitching" / "bundle.json").read_bytes()
    review = review_patient(read_bundle(bundle), knowledge, as_of=NOW)
    first, *rest = review.findings
    failed = dataclasses.replace(
        review.triaged, findings=(dataclasses.replace(first, error="ValueError"), *rest)
    )
    notes = Notes()
    note_outcome(
        dataclasses.replace(review, triaged=failed, switched_off=("EL-01",)), "patient-view", 0, notes
    )
    assert {"D706", "D707"} <= {trouble.kind.id for trouble in notes.troubles()}


def test_E10_there_are_more_than_forty_findings_each_with_a_fix():
    assert len(KINDS) >= 100
    for kind in KINDS.values():
        for text in (kind.what, kind.why, kind.fix):
            assert len(text) > 5
            assert text.endswith(".")
