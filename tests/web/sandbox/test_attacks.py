"""Records that break the rules of FHIR, and answers that come late or not at all: never another patient's cards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.sandbox.test_own_data import bundle, give

pytestmark = pytest.mark.slow

LITHIUM = "lithium-high-after-ibuprofen"
_SUBJECT = {"reference": "Patient/one"}
_PATIENT = {"resourceType": "Patient", "id": "one", "name": [{"family": "Own"}], "birthDate": "1970-01-01"}


def about(resource_type: str, **members: Any) -> dict[str, Any]:
    return {"resourceType": resource_type, "id": "x", "subject": _SUBJECT, **members}


MALFORMED = {
    "a word of JavaScript as a class": about("Encounter", **{"class": {"code": "constructor"}}),
    "a prototype as a class": about("Encounter", **{"class": {"code": "__proto__"}}),
    "an object for a list": about("Observation", category={"coding": []}),
    "one coding for a list": about("Condition", code={"coding": {"code": "x"}}),
    "one place for a list": about("Condition", bodySite={"text": "arm"}),
    "nothing in a list": about("Observation", component=[None]),
    "one contained": about("MedicationRequest", contained={}, medicationReference={"reference": "#x"}),
    "one answer": about("QuestionnaireResponse", item=[{"answer": {"a": 1}}]),
    "one item": about("QuestionnaireResponse", item={"a": 1}),
    "one reason": about("Encounter", reasonCode={"text": "x"}),
    "one reaction": about("AllergyIntolerance", reaction={"manifestation": 5}),
    "a template as a sex": _PATIENT | {"gender": {"_$litType$": 1, "strings": ["<b>"], "values": []}},
    "one name": _PATIENT | {"name": {"family": "Own"}},
    "no name in a list": _PATIENT | {"name": [None]},
}


def test_a_malformed_record_never_stands_beside_the_cards_of_another(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    for name, odd in MALFORMED.items():
        page.locator(".patient", has_text="Lithea Mockup").click()
        page.get_by_role("article").first.wait_for()
        give(page, bundle(*([odd] if odd["resourceType"] == "Patient" else [_PATIENT, odd])))
        page.get_by_text("id one").wait_for()
        page.locator(".foot").wait_for()
        assert "Lithea" not in page.locator("main").inner_text(), name
        assert "Lithium" not in page.locator(".panel").inner_text(), name
    visit.complaints = [text for text in visit.complaints if " 412 " not in text]


def test_what_cannot_be_read_keeps_its_line(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    odd = about("QuestionnaireResponse", item=[{"answer": {"a": 1}}])
    give(page, bundle(_PATIENT, odd, about("Condition", code={"text": "Tremor"})))
    page.get_by_text("QuestionnaireResponse/x").wait_for()
    assert "this page cannot read it" in page.locator(".chart").inner_text()
    assert page.locator(".chart").get_by_text("Tremor").count() == 1


def test_a_page_that_cannot_be_drawn_shows_nobody(sandbox: str, visit: Any) -> None:
    """A fault of the page itself, made here by an answer no service gives."""
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.get_by_role("article").first.wait_for()
    page.route("**/sandbox/chart", lambda route: route.fulfill(json={"labs": [{"kind": "lab"}]}))
    page.locator(".patient", has_text="furosemide").first.click()
    page.get_by_role("alert").get_by_text("This record cannot be shown.").wait_for()
    assert "Lithium" not in page.locator("body").inner_text()
    assert page.locator(".card").count() == 0
    page.unroute("**/sandbox/chart")
    page.get_by_role("link", name="Back to the start").click()
    page.locator(".patient").first.wait_for()


def patient(page: Any, name: str) -> None:
    page.locator(".patient", has_text=name).first.click()


def test_a_late_answer_never_stands_beside_another_patient(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.locator(".patient").first.wait_for()
    held: list[Any] = []
    page.route(
        "**/cds-services/twitch-patient-view",
        lambda route: held.append(route) if "lithea" in route.request.post_data else route.continue_(),
    )
    with page.expect_request("**/cds-services/twitch-patient-view"):
        patient(page, "Lithea Mockup")
    patient(page, "furosemide")
    page.locator(".foot").wait_for()
    before = page.locator(".panel").inner_text()
    said = page.evaluate("() => document.getElementById('live').textContent")
    with page.expect_response("**/cds-services/twitch-patient-view"):
        held.pop().continue_()
    page.wait_for_timeout(300)
    assert page.locator(".panel").inner_text() == before
    assert "Lithium" not in before
    assert page.evaluate("() => document.getElementById('live').textContent") == said or said == ""


def test_a_moved_day_never_passes_for_the_one_that_was_judged(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.locator(".foot").wait_for()
    held: list[Any] = []
    page.route("**/sandbox/chart", lambda route: held.append(route))
    page.route("**/cds-services/twitch-patient-view", lambda route: route.fulfill(status=500, json={}))
    page.get_by_role("button", name="Earlier entry").click()
    page.get_by_text("The assessment is missing.").wait_for()
    assert page.locator(".tile").count() == 0
    page.wait_for_function("() => document.querySelector('.chart').innerText.includes('Loading.')")
    held.pop().fulfill(status=503, json={})
    page.get_by_text("The results could not be read.").wait_for()
    assert "None on record that" not in page.locator(".chart").inner_text()
    visit.complaints.clear()


def test_an_answer_to_another_day_is_told(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.locator(".foot").wait_for()
    page.get_by_role("button", name="Start encounter").click()
    page.get_by_role("group", name="Answers by hook").wait_for()
    page.get_by_role("button", name="Earlier entry").click()
    page.locator(".foot", has_text="patient-view").wait_for()
    assert page.get_by_text("Not about what the chart shows.").count() == 0
    page.get_by_role("button", name="encounter-start").click()
    page.get_by_text("This answer was given as of 2026-11-20").wait_for()


def test_a_record_that_is_not_read_is_no_empty_record(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.locator(".patient").first.wait_for()
    page.route("**/fhir/Patient/**", lambda route: route.fulfill(status=503, json={}))
    patient(page, "Lithea Mockup")
    page.get_by_text("The record could not be read whole.").wait_for()
    assert "No drug on record." not in page.locator(".chart").inner_text()
    assert "Not read." in page.locator(".chart").inner_text()
    visit.complaints.clear()


def test_services_that_are_not_known_are_no_silence(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.route("**/cds-services", lambda route: route.fulfill(status=503, json={}))
    page.reload()
    page.get_by_role("alert").get_by_text("No service is known that answers patient-view.").wait_for()
    page.get_by_text("The assessment is missing.").wait_for()
    visit.complaints.clear()
