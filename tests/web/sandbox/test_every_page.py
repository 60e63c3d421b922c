"""Every page, in both themes and three widths: it fits, axe-core finds nothing, and it stays on this machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.web.sandbox.conftest import axe_violations, faults_in_every_corner, served, width_of
from tests.web.sandbox.history import write_history

pytestmark = pytest.mark.slow

RULES = ("hypokalemia", "lithium-toxicity", "caffeine", "no-rule-of-this-name")
REASONS = ("already-known", "not-relevant", "later")
#: Pages by what they are called here: the address below the service, and what is there once it is drawn.
PAGES = {
    "front": ("", ".doors"),
    "rules": ("rules", ".catalogue"),
    "rule": ("rules/lithium-toxicity", "#written"),
    "sandbox": ("sandbox/", ".patient, .beginnings"),
    "cards": ("sandbox/#/lithium-high-after-ibuprofen/cards", ".foot"),
    "why": ("sandbox/#/lithium-high-after-ibuprofen/why", ".why-section"),
    "chart": ("sandbox/#/lithium-high-after-ibuprofen/chart", ".tile, .singles"),
    "developer": ("sandbox/#/lithium-high-after-ibuprofen/developer", "json-view"),
    "no card": ("sandbox/#/no-twitching/cards", ".no-card"),
    "feedback": ("sandbox/feedback", ".by-rule"),
    # other contents of the same pages
    "rules of a group": ("rules?group=medication&q=lithium", ".catalogue"),
    "rules, none found": ("rules?q=nothing-of-that-name", ".block"),
    "rule with examples": ("rules/hypokalemia", "#written"),
    "rule of the workup": ("rules/baseline-workup-incomplete", "#written"),
    "feedback of a reason": ("sandbox/feedback#/90//code:not-relevant", ".reasons .is-chosen"),
    "feedback of a rule": ("sandbox/feedback#/30/caffeine", ".by-rule .is-chosen"),
}


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a service whose store holds months of answers."""
    folder = tmp_path_factory.mktemp("answered")
    url = f"sqlite:///{folder / 'store.sqlite3'}"
    write_history(url, RULES, REASONS, until=datetime.now(UTC), days=60)
    with served(folder) as address:
        yield address.removesuffix("sandbox/")


def open_all(page: Any) -> None:
    """Unfold everything: what is folded is read, too."""
    page.evaluate("document.querySelectorAll('details').forEach(place => { place.open = true })")


@pytest.mark.parametrize("name", PAGES)
def test_pages_fit_and_axe_finds_nothing(answered: str, visit: Any, name: str) -> None:
    address, sign = PAGES[name]
    page = visit(answered + address, width=360)
    page.locator(sign).first.wait_for()
    open_all(page)
    assert faults_in_every_corner(page) == {}


def test_a_theme_chosen_on_one_page_holds_on_all(answered: str, visit: Any) -> None:
    page = visit(f"{answered}rules/hypokalemia", scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    dark = page.evaluate(paper)
    assert dark != light
    for address, sign in PAGES.values():
        page.goto(answered + address)
        page.locator(sign).first.wait_for()
        assert page.evaluate(paper) == dark, address
        assert page.get_by_role("button", name="Theme: dark").is_visible(), address


def test_every_page_leads_to_the_others(answered: str, visit: Any) -> None:
    for start in ("", "rules", "rules/caffeine", "sandbox/", "sandbox/feedback"):
        page = visit(answered + start)
        places = page.get_by_role("navigation", name="Other pages")
        places.get_by_role("link", name="Rules").wait_for()
        assert places.get_by_role("link").all_inner_texts() == ["Sandbox", "Rules", "Feedback"], start
        for name, end in (("Feedback", "/sandbox/feedback"), ("Rules", "/rules"), ("Sandbox", "/sandbox/")):
            places.get_by_role("link", name=name).click()
            page.wait_for_url(re.compile(rf"{end}(#/)?$"))


def test_a_rule_page_is_whole_without_scripts(answered: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{answered}rules/hypokalemia")
    assert page.get_by_role("heading", name="When it fires").is_visible()
    assert page.locator("#theme").is_hidden()
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Evidence").click()
    assert page.url.endswith("#evidence")
    context.close()


def test_a_printed_rule_page_tells_what_was_folded_and_hides_what_is_pressed(
    answered: str, visit: Any
) -> None:
    page = visit(f"{answered}rules/hypokalemia", scheme="dark")
    page.emulate_media(media="print")
    assert page.locator(".topbar").is_hidden() and page.locator(".contents").is_hidden()
    assert page.locator(".codes").first.evaluate("place => place.getBoundingClientRect().height") > 0
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_feedback_tells_the_same_as_figures_and_as_pictures(answered: str, visit: Any) -> None:
    page = visit(f"{answered}sandbox/feedback")
    row = page.get_by_role("row", name=re.compile("Low potassium"))
    row.wait_for()  # texts of what is not there yet are no texts
    shown, accepted, dismissed, silent = (int(text) for text in row.locator("td:not(.bar)").all_inner_texts())
    assert min(shown, accepted, dismissed, silent) > 0 and accepted + dismissed + silent == shown
    said = row.get_by_role("img").get_attribute("aria-label")
    assert said == f"{accepted} accepted, {dismissed} dismissed, {silent} no answer"
    assert "Not clinically relevant" in row.locator(".why").inner_text()
    row.get_by_role("link", name="Low potassium", exact=True).click()
    page.get_by_role("heading", name="By week: Low potassium").wait_for()
    assert page.url.endswith("#/90/hypokalemia")
    assert page.locator(".figures dd:not(.soft)").all_inner_texts() == [
        str(number) for number in (shown, accepted, dismissed, silent)
    ]
    page.get_by_text("Show figures").first.click()
    weeks = page.locator(".scroller").first.get_by_role("row").all_inner_texts()[1:]
    assert sum(int(week.split("\t")[1]) for week in weeks) == shown
    reasons = page.locator(".reasons td:nth-child(3)").all_inner_texts()
    assert sum(map(int, reasons)) == dismissed
    page.go_back()
    page.get_by_role("heading", name="By week", exact=True).wait_for()
    unknown = page.get_by_role("row", name=re.compile("no-rule-of-this-name"))
    assert unknown.get_by_role("link").count() == 1  # there is no page to lead to


def test_reasons_are_plotted_over_time_and_filter_what_is_shown(answered: str, visit: Any) -> None:
    page = visit(f"{answered}sandbox/feedback")
    reasons = page.locator(".reasons tbody tr")
    reasons.first.wait_for()
    counts = {row.split("\t")[0]: int(row.split("\t")[2]) for row in reasons.all_inner_texts()}
    assert list(counts)[-1] == "No coded reason" and len(counts) == len(REASONS) + 1
    coded = list(counts.values())[:-1]
    assert coded == sorted(coded, reverse=True) and min(coded) > 0
    page.get_by_text("Show figures").last.click()
    rows = [
        row.split("\t")[1:] for row in page.locator(".scroller").last.get_by_role("row").all_inner_texts()
    ]
    assert (
        dict(zip(rows[0], map(sum, zip(*(map(int, row) for row in rows[1:]), strict=True)), strict=True))
        == counts
    )
    picture = page.get_by_role(
        "img", name=re.compile(f"^Not clinically relevant: {counts['Not clinically relevant']} in 90 days")
    )
    assert picture.locator("rect").count() == sum(
        row[rows[0].index("Not clinically relevant")] != "0" for row in rows[1:]
    )

    page.get_by_role("combobox", name="Reason").select_option("Not clinically relevant")
    page.wait_for_url(re.compile(r"#/90//code%3Anot-relevant$"))
    page.get_by_text("dismissed: Not clinically relevant").wait_for()
    given = page.locator(".by-rule .why").all_inner_texts()
    assert (
        sum(int(words.removeprefix("Not clinically relevant ")) for words in given)
        == counts["Not clinically relevant"]
    )
    assert axe_violations(page) == []
    page.get_by_role("combobox", name="Rule").select_option("Low potassium")
    page.wait_for_url(re.compile(r"#/90/hypokalemia/code%3Anot-relevant$"))
    page.get_by_role("heading", name="By week: Low potassium").wait_for()
    assert page.locator(".by-rule .is-chosen .why").inner_text() in page.locator(".by-rule").inner_text()
    page.go_back()
    page.go_back()
    page.get_by_role("heading", name="By week", exact=True).wait_for()
    assert page.get_by_role("combobox", name="Reason").input_value() == ""
    page.goto(f"{answered}sandbox/feedback#/90//none")
    page.get_by_text("dismissed: No coded reason").wait_for()
    assert page.get_by_role("combobox", name="Reason").input_value() == "none"
    page.goto(f"{answered}sandbox/feedback#/7/no-rule-of-this-name/code:never-given")
    page.get_by_text("dismissed: never-given").wait_for()
    page.get_by_role("link", name="Show all").click()
    page.get_by_role("heading", name="By day", exact=True).wait_for()


def test_reasons_of_a_day_are_counted_in_its_week(answered: str, visit: Any) -> None:
    page = visit(f"{answered}sandbox/feedback")
    found = page.evaluate(
        """async () => {
          const {reasonsOf} = await import('./static/js/feedback/counts.js');
          const day = (day, overridden, ...reasons) => ({day, overridden, reasons: reasons.map(([code, count]) => ({code, count}))});
          const one = {reasons: [{code: 'b', display: 'Bee', count: 3}], byDay: [day('2026-11-21', 2, ['b', 1]), day('2026-11-15', 2, ['b', 2])]};
          const other = {reasons: [{code: 'a', display: 'Ay', count: 4}], byDay: [day('2026-11-14', 4, ['a', 4]), day('2026-11-13', 0)]};
          return reasonsOf([one, other], '2026-11-21', 90).map(({key, display, count, counts}) => [key, display, count, counts.slice(-2)]);
        }"""
    )
    assert found == [
        ["code:a", "Ay", 4, [4, 0]],
        ["code:b", "Bee", 3, [0, 3]],
        ["none", "No coded reason", 1, [0, 1]],
    ]


def test_the_course_is_drawn_with_every_answer_in_its_week(answered: str, visit: Any) -> None:
    page = visit(f"{answered}sandbox/feedback")
    page.locator("step-plot canvas").wait_for()
    painted = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(value => value)"
    assert page.locator("step-plot canvas").evaluate(painted)
    steps = page.evaluate(
        """async () => {
          const {stepsOf} = await import('./static/js/feedback/counts.js');
          const byDay = [['2026-11-21', 1], ['2026-11-15', 2], ['2026-11-14', 4], ['2026-08-23', 8], ['2026-08-01', 16]]
            .map(([day, shown]) => ({day, shown, accepted: 0, overridden: 0}));
          return [stepsOf([{byDay}], '2026-11-21', 90), stepsOf([{byDay}], '2026-11-21', 7)];
        }"""
    )
    weeks, days = ([(step["day"], step["shown"]) for step in part] for part in steps)
    assert len(weeks) == 13 and weeks[-2:] == [("2026-11-08", 4), ("2026-11-15", 3)]
    assert weeks[0] == ("2026-08-23", 8)  # what lies before the time is not counted
    assert len(days) == 7 and days[0] == ("2026-11-15", 2) and days[-1] == ("2026-11-21", 1)


def test_a_store_without_cards_says_what_to_do(tmp_path: Path, visit: Any) -> None:
    with served(tmp_path) as address:
        page = visit(f"{address}feedback")
        page.get_by_role("heading", name="No card was given in the last 90 days").wait_for()
        assert (width_of(page), axe_violations(page)) == (1440, [])
        page.get_by_role("link", name="Open the sandbox").click()
        page.locator(".patient", has_text="Lithea Mockup").click()
        page.locator(".foot").wait_for()
        page.goto(f"{address}feedback")
        page.get_by_text("Nobody has answered yet.").wait_for()
        assert "Lithium neurotoxicity" in page.locator(".by-rule").inner_text()


def test_figures_that_do_not_come_are_a_fault_and_no_zeros(answered: str, visit: Any) -> None:
    page = visit(f"{answered}sandbox/feedback")
    page.locator(".figures").wait_for()
    page.context.set_offline(True)
    page.get_by_role("button", name="Renew").click()
    page.get_by_role("alert").wait_for()
    assert page.locator(".figures").count() == 0
    visit.complaints.clear()  # the browser tells of it, too
