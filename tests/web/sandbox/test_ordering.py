"""Orders, encounters, problems and refills at the page of the sandbox: each hook is called as CDS Hooks defines it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.protocol import faults
from tests.web.sandbox.conftest import ROOT, faults_in_every_corner

pytestmark = pytest.mark.slow

LITHIUM = "#/lithium-high-after-ibuprofen/cards"
WITHOUT_ENCOUNTER = "#/no-twitching/cards"


def called(page: Any, hook: str) -> Any:
    """Wait for a call of a hook while the block lasts; its value is the request."""
    return page.expect_request(
        lambda asked: asked.method == "POST" and asked.url.endswith(f"/cds-services/twitch-{hook}")
    )


def order(page: Any, words: str, title: str) -> dict[str, Any]:
    """Type, take the match of this title, and return what order-select was asked."""
    page.get_by_role("combobox", name="Order a drug or a test").fill(words)
    with called(page, "order-select") as asked:
        page.get_by_role("option").filter(has=page.get_by_text(title, exact=True)).click()
    return read(asked)


def read(asked: Any) -> dict[str, Any]:
    """Return the body of a request; it must be a CDS Hooks request with resources that are valid FHIR R4."""
    body: dict[str, Any] = json.loads(asked.value.post_data)
    assert faults("request.schema.json", body) == []
    for bundle in (value for value in body["context"].values() if isinstance(value, dict)):
        get_fhir_model_class("Bundle").model_validate(bundle)
    return body


def open_encounter(story: str) -> str:
    """Return the id of the one encounter of a bundled patient that has not ended."""
    bundle = json.loads((ROOT / "fixtures/patients" / story / "bundle.json").read_text(encoding="utf-8"))
    resources = [entry["resource"] for entry in bundle["entry"]]
    (found,) = [
        item["id"]
        for item in resources
        if item["resourceType"] == "Encounter" and item["status"] == "in-progress"
    ]
    return str(found)


def shown_cards(page: Any) -> Any:
    return page.get_by_role("tabpanel").get_by_role("article")


def test_lithium_for_a_patient_on_ibuprofen_gives_an_order_card(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    page.get_by_role("button", name="Refill Lithium").wait_for()
    body = order(page, "lithium", "Lithium")
    draft = body["context"]["draftOrders"]["entry"][0]["resource"]
    assert body["context"]["selections"] == [f"MedicationRequest/{draft['id']}"]
    assert draft["subject"] == {"reference": "Patient/lithea"}
    assert draft["status"] == "draft"
    assert body["context"]["encounterId"] == open_encounter("lithium-high-after-ibuprofen")
    page.get_by_role("button", name="order-select", pressed=True).wait_for()
    assert "Lithium ordered together with a drug that raises it" in shown_cards(page).first.inner_text()
    with called(page, "order-sign") as asked:
        page.get_by_role("button", name="Sign 1 order").click()
    signed = read(asked)
    assert signed["context"]["draftOrders"] == body["context"]["draftOrders"]
    assert "selections" not in signed["context"]
    page.get_by_text("Signed: Lithium.").wait_for()
    assert page.get_by_role("list", name="Drafts").count() == 0
    shown_cards(page).first.wait_for()


def test_every_draft_goes_along_and_only_the_chosen_one_is_selected(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + "#/cramps-on-omeprazole-magnesium-unknown/cards")
    order(page, "naprox", "Naproxen")
    body = order(page, "magnesium", "Magnesium, serum")
    drafts = [entry["resource"] for entry in body["context"]["draftOrders"]["entry"]]
    assert [draft["resourceType"] for draft in drafts] == ["MedicationRequest", "ServiceRequest"]
    assert body["context"]["selections"] == [f"ServiceRequest/{drafts[1]['id']}"]
    page.get_by_role("button", name="Remove Naproxen").click()
    assert page.get_by_role("list", name="Drafts").get_by_role("listitem").count() == 1
    with called(page, "order-sign") as asked:
        page.get_by_role("button", name="Sign 1 order").click()
    assert [entry["resource"] for entry in read(asked)["context"]["draftOrders"]["entry"]] == drafts[1:]


def test_the_keyboard_alone_orders_signs_and_closes(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    box = page.get_by_role("combobox", name="Order a drug or a test")
    box.press_sequentially("lith")
    page.get_by_role("option").first.wait_for()
    page.get_by_role("option", name="Licorice").wait_for(state="detached")  # of "li", where typing was slow
    assert box.get_attribute("aria-activedescendant") == page.get_by_role(
        "option", selected=True
    ).get_attribute("id")
    box.press("ArrowDown")
    assert page.get_by_role("option", selected=True).inner_text().startswith("Lithium 150 mg")
    box.press("ArrowUp")
    box.press("ArrowUp")
    assert page.get_by_role("option", selected=True).inner_text().startswith("Lithium, serum")
    box.press("Escape")
    assert box.get_attribute("aria-expanded") == "false"
    assert box.input_value() == "lith"
    box.press("ArrowDown")
    with called(page, "order-select"):
        box.press("Enter")
    assert box.input_value() == ""
    page.get_by_role("button", name="Sign 1 order").focus()
    with called(page, "order-sign"):
        page.keyboard.press("Enter")
    page.get_by_text("Signed: Lithium.").wait_for()


def test_enter_never_takes_a_match_of_an_earlier_text(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    box = page.get_by_role("combobox", name="Order a drug or a test")
    box.fill("lithium")
    page.get_by_role("option").first.wait_for()
    page.route("**/orderables.json?*", lambda _: None)
    box.fill("naproxen")
    box.press("Enter")
    page.get_by_role("option").first.click()
    assert box.input_value() == "naproxen"
    assert page.get_by_role("list", name="Drafts").count() == 0


def test_what_is_not_known_is_said(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    page.get_by_role("combobox", name="Order a drug or a test").fill("qqqq")
    page.get_by_text("Nothing of this name is known to the service.").wait_for()
    assert page.get_by_role("option").count() == 0


def test_without_an_answer_nothing_counts_as_signed(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    order(page, "lithium", "Lithium")
    page.route("**/cds-services/twitch-order-sign", lambda route: route.abort())
    page.get_by_role("button", name="Sign 1 order").click()
    page.get_by_text("The assessment is missing.").wait_for()
    assert page.get_by_role("list", name="Drafts").get_by_role("listitem").count() == 1
    assert page.get_by_text("Signed:").count() == 0
    assert page.get_by_role("button", name="Sign 1 order").is_enabled()
    visit.complaints.clear()


@pytest.mark.parametrize(
    ("button", "hook"), [("Start encounter", "encounter-start"), ("Discharge", "encounter-discharge")]
)
def test_the_open_encounter_of_the_record_is_sent(sandbox: str, visit: Any, button: str, hook: str) -> None:
    page = visit(sandbox + LITHIUM)
    with called(page, hook) as asked:
        page.get_by_role("button", name=button).click()
    assert read(asked)["context"]["encounterId"] == open_encounter("lithium-high-after-ibuprofen")
    page.get_by_role("button", name=hook, pressed=True).wait_for()
    assert "of 2026-11-20" in page.locator(".action-note").inner_text()


def test_a_made_up_encounter_is_said_to_be_one(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + WITHOUT_ENCOUNTER)
    with called(page, "encounter-start") as asked:
        page.get_by_role("button", name="Start encounter").click()
    made_up = read(asked)["context"]["encounterId"]
    page.get_by_text(f"No encounter is open on record: a made-up one ({made_up}) was sent.").wait_for()
    page.get_by_text("No card. That excludes nothing.").first.wait_for()


def test_a_twitch_added_as_a_problem_asks_for_red_flags(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + "#/arm-fasciculation-with-wasting/cards")
    page.get_by_role("button", name="Refill").first.or_(page.get_by_text("No drug on record.")).wait_for()
    page.get_by_role("button", name="Add problem").click()
    box = page.get_by_role("combobox", name="Add a problem")
    box.press_sequentially("fascic")
    page.get_by_role("option").first.wait_for()
    with called(page, "problem-list-item-create") as asked:
        box.press("Enter")
    (entry,) = read(asked)["context"]["conditions"]["entry"]
    assert entry["resource"]["category"][0]["coding"][0]["code"] == "problem-list-item"
    assert entry["resource"]["subject"] == {"reference": "Patient/motora"}
    page.get_by_role("button", name="problem-list-item-create", pressed=True).wait_for()
    shown_cards(page).first.wait_for()
    assert box.count() == 0


def test_escape_leaves_adding_a_problem(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    button = page.get_by_role("button", name="Add problem")
    button.click()
    box = page.get_by_role("combobox", name="Add a problem")
    box.press_sequentially("tremor")
    page.get_by_role("option").first.wait_for()
    for _ in ("the list", "the text", "the field"):
        assert box.count() == 1
        page.keyboard.press("Escape")
    assert box.count() == 0
    assert button.evaluate("button => button === document.activeElement")


def test_a_refill_names_the_prescription_and_carries_its_drug(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    with called(page, "medication-refill") as asked:
        page.get_by_role("button", name="Refill Lithium").click()
    (entry,) = read(asked)["context"]["medications"]["entry"]
    refill = entry["resource"]
    assert refill["status"] == "draft"
    assert refill["priorPrescription"]["reference"].startswith("MedicationRequest/")
    assert refill["id"] not in refill["priorPrescription"]["reference"]
    assert "lithium" in json.dumps(refill["medicationCodeableConcept"]).lower()
    page.get_by_role("button", name="medication-refill", pressed=True).wait_for()
    shown_cards(page).first.wait_for()


def test_a_refill_of_ibuprofen_on_lithium_gives_an_order_card(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    with called(page, "medication-refill") as asked:
        page.get_by_role("button", name="Refill Ibuprofen").click()
    (entry,) = read(asked)["context"]["medications"]["entry"]
    assert "ibuprofen" in json.dumps(entry["resource"]["medicationCodeableConcept"]).lower()
    page.get_by_role("button", name="medication-refill", pressed=True).wait_for()
    card = shown_cards(page).filter(has_text="Lithium ordered together with a drug that raises it")
    card.first.wait_for()
    assert "Ibuprofen with lithium may raise lithium level" in card.first.inner_text()


def test_an_accepted_suggestion_is_a_draft_that_is_signed_with_the_others(
    own_sandbox: str, visit: Any
) -> None:
    page = visit(own_sandbox + LITHIUM)
    with page.expect_response(lambda answer: answer.url.endswith("/feedback")) as told:
        page.get_by_role("button", name="12-lead ECG").first.click()
    assert told.value.ok
    drafts = page.get_by_role("list", name="Drafts").get_by_role("listitem")
    assert drafts.count() == 1
    order(page, "lithium", "Lithium")
    with called(page, "order-sign") as asked:
        page.get_by_role("button", name="Sign 2 orders").click()
    sent = [entry["resource"] for entry in read(asked)["context"]["draftOrders"]["entry"]]
    assert [item["resourceType"] for item in sent] == ["ServiceRequest", "MedicationRequest"]
    page.get_by_text("Signed: ").wait_for()
    assert drafts.count() == 0


def test_drafts_stay_with_their_patient(sandbox: str, visit: Any) -> None:
    page = visit(sandbox + LITHIUM)
    order(page, "lithium", "Lithium")
    page.goto(sandbox + WITHOUT_ENCOUNTER)
    page.get_by_role("heading", level=1, name="Well").or_(page.get_by_text("id well")).first.wait_for()
    assert page.get_by_role("list", name="Drafts").count() == 0


@pytest.mark.parametrize("width", [360, 1440])
def test_the_pad_is_accessible_and_fits(sandbox: str, visit: Any, width: int) -> None:
    tab = "chart" if width == 360 else "cards"
    page = visit(f"{sandbox}#/lithium-high-after-ibuprofen/{tab}", width=width)
    order(page, "lithium", "Lithium")
    if width == 360:
        page.get_by_text("order-select: 1 card.").wait_for()
    page.get_by_role("button", name="Add problem").click()
    page.get_by_role("combobox", name="Add a problem").fill("fascic")
    page.get_by_role("option").first.wait_for()
    assert faults_in_every_corner(page) == {}
