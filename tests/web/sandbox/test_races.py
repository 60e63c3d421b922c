"""Answers that come late or in another order: what is shown always belongs to the patient and the day on the page."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.web.sandbox.conftest import ROOT
from tests.web.sandbox.test_own_data import bundle, fixture, give

pytestmark = pytest.mark.slow

LITHIUM = "lithium-high-after-ibuprofen"
PATIENT_VIEW = "**/cds-services/twitch-patient-view"
_PEOPLE = {"lithea": "Lithea Mockup", "thyra": "Thyra Testcase", "delphine": "Delphine Marchand"}


class Held:
    """Holds requests back, and lets them go in whatever order a test wants."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self._routes: list[Any] = []
        page.route(address, lambda route: self._routes.append(route))

    def asked(self, count: int) -> list[str]:
        """Wait until so many are held; return their bodies, in the order they came."""
        for _ in range(200):
            if len(self._routes) >= count:
                break
            self.page.wait_for_timeout(50)
        assert len(self._routes) == count
        return [route.request.post_data or "" for route in self._routes]

    def answer(self, place: int) -> None:
        """Let one of those that are held go, and wait for its answer."""
        with self.page.expect_response(self.address):
            self._routes.pop(place).continue_()
        self.page.wait_for_timeout(100)

    def end(self) -> None:
        """Hold nothing any more."""
        self.page.unroute(self.address)


def drawn(page: Any) -> tuple[str, str]:
    """Return the name over the chart and all that stands in the panel."""
    name, panel = page.get_by_role("heading", level=1), page.locator(".tab-panel")
    return name.inner_text(), panel.inner_text()


def go(page: Any, story: str, tab: str = "cards") -> None:
    page.evaluate("place => { location.hash = place }", f"#/{story}/{tab}")


def stories(page: Any) -> dict[str, dict[str, Any]]:
    page.locator(".patient").first.wait_for()
    script = "() => import('./static/js/state.js').then(({state}) => state.patients.list)"
    return {row["patientId"]: row for row in page.evaluate(script)}


def expected(page: Any, story: str) -> list[str]:
    """Return the summaries of a patient's cards as they are without any haste."""
    go(page, story)
    page.locator(".foot").wait_for()
    found: list[str] = page.locator(".card h2").all_inner_texts()
    assert found
    return found


def test_back_and_forward_while_answers_are_outstanding(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    by_id = stories(page)
    names = {ident: by_id[ident]["story"] for ident in _PEOPLE}
    cards = {ident: expected(page, story) for ident, story in names.items()}
    page.goto("about:blank")
    page.goto(sandbox)
    page.locator(".patient").first.wait_for()
    held = Held(page, PATIENT_VIEW)
    for count, ident in enumerate(names, 1):
        go(page, names[ident])
        assert f'"{ident}"' in held.asked(count)[-1]
    page.go_back()
    held.asked(4)
    page.go_back()
    assert [json.loads(body)["context"]["patientId"] for body in held.asked(5)] == [
        "lithea", "thyra", "delphine", "thyra", "lithea"
    ]  # fmt: skip
    page.go_forward()
    held.asked(6)
    assert drawn(page)[0] == _PEOPLE["thyra"]
    for place in (2, 0, 2, 0, 0):  # all but the last, in disorder
        held.answer(place)
        name, panel = drawn(page)
        assert name == _PEOPLE["thyra"] and "Asking patient-view." in panel
        assert page.locator(".card").count() == 0
        assert not page.evaluate("document.getElementById('live').textContent")
    held.answer(0)
    page.locator(".foot").wait_for()
    assert page.locator(".card h2").all_inner_texts() == cards["thyra"]


def test_a_patient_left_before_the_call_was_built_is_not_called_about(sandbox: str, visit: Any) -> None:
    """The service keeps which cautions it gave: one that nobody saw would be kept quiet the next time."""
    page = visit(sandbox)
    by_id = stories(page)
    asked: list[str] = []
    page.on(
        "request", lambda request: "/cds-services/" in request.url and asked.append(request.post_data or "")
    )
    held = Held(page, "**/sandbox/prefetch")
    go(page, by_id["lithea"]["story"])
    held.asked(1)
    go(page, by_id["thyra"]["story"])
    held.asked(2)
    held.answer(0)
    held.answer(0)
    page.locator(".foot").wait_for()
    assert [json.loads(body)["context"]["patientId"] for body in asked] == ["thyra"]


@pytest.mark.parametrize("order", [(0, 0, 0), (2, 1, 0), (1, 1, 0)])
def test_days_moved_during_a_call(sandbox: str, visit: Any, order: tuple[int, ...]) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.locator(".foot").wait_for()
    held = Held(page, PATIENT_VIEW)
    days = ("2026-11-18", "2026-11-12", "2026-09-01")
    for count, day in enumerate(days, 1):
        page.get_by_label("As of", exact=True).fill(day)
        page.get_by_label("As of", exact=True).press("Enter")
        held.asked(count)
    left = list(days)
    for place in order:
        held.answer(place)
        left.pop(place)
        text = drawn(page)[1]
        if days[-1] in left:
            assert "Asking patient-view." in text and page.locator(".card").count() == 0
        else:
            assert f"as of {days[-1]}" in text
        assert page.get_by_text("Not about what the chart shows.").count() == 0
    assert page.get_by_label("As of", exact=True).input_value() == days[-1]


def test_a_day_moved_while_calls_are_built_asks_for_the_last_day_only(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.locator(".foot").wait_for()
    asked: list[str] = []
    page.on("request", lambda it: it.url.endswith("patient-view") and asked.append(it.post_data or ""))
    held = Held(page, "**/sandbox/prefetch")
    for count, day in enumerate(("2026-11-18", "2026-09-01"), 1):
        page.get_by_label("As of", exact=True).fill(day)
        page.get_by_label("As of", exact=True).press("Enter")
        held.asked(count)
    held.answer(1)
    page.get_by_text("as of 2026-09-01").wait_for()
    held.answer(0)
    assert [json.loads(body)["extension"]["org.twitch-cds.asOf"][:10] for body in asked] == ["2026-09-01"]
    page.get_by_role("tab", name="Developer").click()
    assert page.get_by_label("Call", exact=True).locator("option").count() == 2


def test_results_of_an_earlier_day_or_patient_are_not_drawn(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.locator(".tile").first.wait_for()
    by_id = stories(page)
    held = Held(page, "**/sandbox/chart")
    page.get_by_label("As of", exact=True).fill("2026-09-01")
    page.get_by_label("As of", exact=True).press("Enter")
    held.asked(1)
    page.get_by_role("button", name="Back to 2026-11-20").click()
    held.asked(2)
    held.answer(0)
    lithium = page.locator(".tile", has_text="Lithium").first
    assert "1.8 mmol/L" in lithium.inner_text()
    held.answer(0)
    assert "1.8 mmol/L" in lithium.inner_text()
    go(page, by_id["thyra"]["story"])
    held.asked(1)
    go(page, by_id["delphine"]["story"])
    held.asked(2)
    held.answer(0)
    assert page.locator(".tile").count() == 0
    held.answer(0)
    page.locator(".chart", has_text="2.9 mmol/L").wait_for()
    assert "7.3 mg/dL" not in page.locator(".chart").inner_text()


def test_reasons_of_another_patient_never_stand_under_why(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    by_id = stories(page)
    held = Held(page, "**/explain/**")
    go(page, by_id["lithea"]["story"], "why")
    held.asked(1)
    go(page, by_id["thyra"]["story"], "why")
    held.asked(2)
    held.answer(0)
    assert "Asking why, for patient-view." in drawn(page)[1]
    held.answer(0)
    page.locator(".why-section").first.wait_for()
    fired = page.locator(".why-section").first.inner_text()
    assert "calcium" in fired.lower() and "Lithium neurotoxicity" not in fired


def test_a_source_chosen_in_one_chart_does_not_filter_the_rules_of_the_next(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/why")
    page.locator(".why-section").first.wait_for()
    page.locator(".readers").first.click()
    page.locator(".why-source").wait_for()
    go(page, stories(page)["thyra"]["story"], "why")
    page.locator(".why-section").first.wait_for()
    assert page.locator(".why-source").count() == 0


def test_of_two_files_the_one_chosen_last_is_opened(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.locator(".own-choose").wait_for()
    held = Held(page, "**/sandbox/record")
    give(page, fixture("patients/lip-twitching-on-furosemide/bundle.json"))
    held.asked(1)
    give(page, bundle({"resourceType": "Patient", "id": "second", "name": [{"family": "Second"}]}))
    held.asked(2)
    held.answer(1)
    page.get_by_role("heading", level=1, name="Second").wait_for()
    held.answer(0)
    assert drawn(page)[0] == "Second"
    visit.complaints = [text for text in visit.complaints if " 412 " not in text]


def test_a_file_does_not_take_the_place_of_a_patient_opened_since(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    by_id = stories(page)
    held = Held(page, "**/sandbox/record")
    give(page, fixture("patients/lip-twitching-on-furosemide/bundle.json"))
    held.asked(1)
    go(page, by_id["thyra"]["story"])
    page.locator(".foot").wait_for()
    held.answer(0)
    assert drawn(page)[0] == _PEOPLE["thyra"] and "#/own" not in page.url


def test_what_was_typed_for_one_patient_is_not_offered_to_the_next(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.locator(".foot").wait_for()
    held = Held(page, "**/orderables.json**")
    page.get_by_role("combobox", name="Order a drug or a test").fill("naproxen")
    held.asked(2)
    go(page, stories(page)["thyra"]["story"])
    page.locator(".foot").wait_for()
    held.answer(0)
    held.answer(0)
    box = page.get_by_role("combobox", name="Order a drug or a test")
    assert box.input_value() == "" and page.get_by_role("option").count() == 0
    assert page.get_by_role("list", name="Drafts").count() == 0


def test_an_order_signed_late_leaves_the_pad_of_the_next_patient_alone(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    request = json.loads((ROOT / "fixtures/calls/order-select.json").read_text(encoding="utf-8"))
    give(page, request)
    page.get_by_role("list", name="Drafts").wait_for()
    page.locator(".foot").wait_for()
    held = Held(page, "**/cds-services/twitch-order-sign")
    page.get_by_role("button", name="Sign 1 order").click()
    held.asked(1)
    go(page, stories(page)["thyra"]["story"])
    page.locator(".foot").wait_for()
    before = drawn(page)
    held.answer(0)
    assert drawn(page) == before
    assert page.get_by_text("Signed:").count() == 0
