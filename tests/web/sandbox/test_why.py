"""The Why panel in a real browser: every rule with its answer, evidence that points into the chart, and filters."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.web.sandbox.conftest import axe_violations, faults_in_every_corner

pytestmark = pytest.mark.slow

LITHIUM = "lithium-high-after-ibuprofen"
LEVEL = "Observation/lithea-lithium-level-5"


def opened(visit: Any, sandbox: str, story: str = LITHIUM, **window: Any) -> tuple[Any, dict[str, Any]]:
    """Return the page with the Why panel of a patient, and the explanation it got."""
    page = visit(sandbox, **window)
    page.locator(".beginnings").wait_for()
    with page.expect_response(lambda answer: "/explain/" in answer.url) as answered:
        page.evaluate(f"location.hash = '#/{story}/why'")
    page.locator(".why-section").first.wait_for()
    return page, answered.value.json()


def rule(page: Any, title: str) -> Any:
    """Return the place of a rule."""
    return page.locator(".why-rule", has=page.get_by_role("heading", name=re.compile(f"^{re.escape(title)}")))


def unfold(page: Any, title: str) -> Any:
    place = rule(page, title)
    place.get_by_role("button").first.click()
    place.locator(".why-body").wait_for()
    return place


def titles(page: Any) -> list[str]:
    return list(page.locator(".why-name").all_text_contents())


def test_names_begin_with_a_capital_but_where_their_spelling_forbids_it(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    lines = page.locator(".why-aside", has_text="Missing:").all_inner_texts()
    names = [name for line in lines for name in line.removeprefix("Missing: ").split("; ")]
    assert "pH of blood" in names and "Ceruloplasmin" in names


def test_every_rule_is_listed_under_its_answer(sandbox: str, visit: Any) -> None:
    page, explanation = opened(visit, sandbox)
    assert page.locator(".why-rule").count() == len(explanation["rules"])
    for answer, words in {"match": "Fired", "unknown": "Could not tell", "no-match": "Not fired"}.items():
        expected = [item["title"] for item in explanation["rules"] if item["answer"] == answer]
        section = page.locator(f".why-section[data-answer={answer}]")
        assert section.get_by_role("heading", level=2).inner_text() == f"{words} {len(expected)}"
        assert titles(section) == expected != []
    assert sorted(titles(page)) == sorted(item["title"] for item in explanation["rules"])


def test_the_explanation_is_asked_with_the_request_of_the_cards(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.locator(".foot").wait_for()
    with page.expect_request(lambda asked: asked.url.endswith("/explain/twitch-patient-view")) as asked:
        page.get_by_role("tab", name="Why").click()
    sent = page.evaluate(
        "import('./static/js/state.js').then(({state}) => JSON.stringify(state.calls.at(-1).request))"
    )
    assert asked.value.post_data == sent
    asked_again: list[str] = []
    page.on("request", lambda request: "/explain/" in request.url and asked_again.append(request.url))
    page.locator(".why-section").first.wait_for()
    page.get_by_role("tab", name="Cards").click()
    page.get_by_role("tab", name="Why").click()
    page.locator(".why-section").first.wait_for()
    assert asked_again == []


def test_a_rule_that_fired_says_because_of_what_and_by_which_way(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    place = unfold(page, "Lithium neurotoxicity")
    reasons = place.locator(".reasons li").all_inner_texts()
    assert "lithium, oral, since 2019-03-20" in reasons
    assert "Lithium 1.8 mmol/L on 2026-11-20 (range 0.6-1)" in reasons
    assert re.match(
        r"Rank among causes\s+1\s+Strength\s+established", place.locator(".standing").inner_text()
    )
    high = place.locator(".node-line", has_text="lithium at least 1.5 mmol/L (last 30 days)")
    assert high.inner_text().split()[0] == "yes"
    signs = place.locator(".branch", has=page.get_by_role("heading", name="signs at any level"))
    assert signs.locator(".node-line", has_text="At least 2 of these").inner_text().split()[0] == "no"
    assert signs.locator(".node-line", has_text="seizure recorded").inner_text().split()[0] == "no"


def test_a_definition_is_laid_open_where_it_is_named(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    place = unfold(page, "Lithium neurotoxicity")
    assert place.get_by_text("age at least 65 years").count() == 0
    place.get_by_role("button", name="What this means here").first.click()
    assert place.locator(".node-line", has_text="age at least 65 years").inner_text().split()[0] == "no"


def test_a_rule_that_could_not_tell_says_what_would_change_that(sandbox: str, visit: Any) -> None:
    page, explanation = opened(visit, sandbox)
    item = next(item for item in explanation["rules"] if item["answer"] == "unknown")
    place = unfold(page, item["title"])
    shown = place.locator(".gaps li").all_inner_texts()
    assert shown == [f"{gap['title']}: {gap['reason'].replace('-', ' ')}" for gap in item["wouldChange"]]


def test_evidence_marks_its_resource_in_the_chart_and_lets_go_again(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    place = unfold(page, "Lithium neurotoxicity")
    button = place.locator(".reasons").get_by_role("button", name=re.compile("Lithium 1.8"))
    button.focus()
    page.keyboard.press("Enter")
    marked = page.locator(".tile.is-cited")
    marked.wait_for()
    assert LEVEL in str(marked.get_attribute("data-ref")).split()
    box, window = marked.bounding_box(), page.viewport_size
    assert box["y"] >= 0 and box["y"] + box["height"] <= window["height"]
    assert button.get_attribute("aria-pressed") == "true"
    page.get_by_text(f"Marked in the chart: {LEVEL}").wait_for()
    page.keyboard.press("Enter")
    marked.wait_for(state="detached")


def test_where_the_chart_is_a_tab_evidence_leads_there(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox, width=360)
    place = unfold(page, "Lithium neurotoxicity")
    place.locator(".reasons").get_by_role("button", name=re.compile("lithium, oral")).click()
    page.locator(".row.is-cited", has_text="Lithium carbonate").wait_for()
    assert page.url.endswith(f"#/{LITHIUM}/chart")
    page.get_by_text("Marked in the chart: MedicationRequest/lithea-lithium").wait_for()
    assert page.evaluate("document.activeElement.id") == "tab-chart"
    page.go_back()
    place.locator(".why-body").wait_for()


def test_rules_are_found_by_words_group_answer_and_by_what_they_read(sandbox: str, visit: Any) -> None:
    page, explanation = opened(visit, sandbox)
    rules = explanation["rules"]
    page.get_by_role("searchbox", name="Filter rules").fill("ALCOHOL withdrawal")
    assert "Alcohol withdrawal" in titles(page) and len(titles(page)) < 10
    page.get_by_role("searchbox", name="Filter rules").fill("no such rule at all")
    page.get_by_role("button", name="Show all").click()
    assert page.locator(".why-rule").count() == len(rules)
    page.get_by_label("Group of rules").select_option("withdrawal")
    assert titles(page) == [item["title"] for item in rules if item["group"] == "withdrawal"]
    page.get_by_label("Group of rules").select_option("")
    page.get_by_role("group", name="Answers").get_by_role("button", name=re.compile("could not tell")).click()
    assert titles(page) == [item["title"] for item in rules if item["answer"] == "unknown"]
    page.get_by_role("group", name="Answers").get_by_role("button", name=re.compile("could not tell")).click()
    page.locator(".row", has_text="Lithium carbonate").locator(".readers").click()
    assert "Lithium neurotoxicity" in titles(page) and len(titles(page)) < len(rules) / 4
    page.get_by_role("button", name="Show the others, too").click()
    assert page.locator(".why-rule").count() == len(rules)


def test_all_rules_can_stand_open_at_once(sandbox: str, visit: Any) -> None:
    page, explanation = opened(visit, sandbox)
    page.evaluate("document.querySelectorAll('.why-rule h3 button').forEach(button => button.click())")
    page.locator(".why-body").nth(len(explanation["rules"]) - 1).wait_for()
    assert page.locator(".why-body").count() == len(explanation["rules"])
    assert axe_violations(page) == []


def test_an_explanation_that_fails_is_told_and_can_be_asked_again(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}#/{LITHIUM}/cards")
    page.locator(".foot").wait_for()
    page.context.set_offline(True)
    page.get_by_role("tab", name="Why").click()
    page.get_by_role("tabpanel").get_by_text("No answer came.").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Ask again").click()
    page.locator(".why-section").first.wait_for()
    visit.complaints.clear()  # the browser tells of the fault, too


def test_nothing_assessable_is_said_rule_by_rule(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    request = json.dumps({"hook": "patient-view", "hookInstance": "9d2b4a9e-6f0b-4c1d-8a5e-1f2a3b4c5d6e",
                          "context": {"userId": "Practitioner/1", "patientId": "lithea"}, "prefetch": {"patient": {"resourceType": "Patient", "id": "lithea"}}})  # fmt: skip
    page.evaluate(
        "request => import('./static/js/calls.js').then(calls => calls.sendAgain('patient-view', 'twitch-patient-view', JSON.parse(request)))",
        request,
    )
    page.locator(".why-note", has_text="Nothing could be assessed").wait_for()
    assert page.locator(".why-rule").count() > 100
    visit.complaints.clear()  # 412 of the service


def test_it_fits_and_axe_finds_nothing(sandbox: str, visit: Any) -> None:
    page, explanation = opened(visit, sandbox)
    unknown = next(item for item in explanation["rules"] if item["answer"] == "unknown")
    place = unfold(page, "Lithium neurotoxicity")
    place.get_by_role("button", name="What this means here").first.click()
    place.locator(".logic summary").click()
    unfold(page, unknown["title"])
    place.locator(".reasons button").first.click()
    page.locator(".row", has_text="Lithium carbonate").locator(".readers").click()
    assert faults_in_every_corner(page) == {}
    small = """() => [...document.querySelectorAll('#tab-panel button, .readers')].map(b => [b.textContent.trim(), b.getBoundingClientRect()])
      .filter(([, box]) => box.width && box.height < 24).map(([words, box]) => `${words} ${box.height}`)"""
    assert page.evaluate(small) == []
