"""The page of the sandbox: patients, chart, cards, feedback; with the mouse, with the keyboard, in every window."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.request import urlopen

import pytest

from tests.web.sandbox.conftest import axe_violations, faults_in_every_corner, width_of

pytestmark = pytest.mark.slow

LITHIUM = "lithium-high-after-ibuprofen"
CALCIUM = "perioral-tingling-after-thyroidectomy"
QUIET = "no-twitching"


def patients(sandbox: str) -> list[dict[str, Any]]:
    with urlopen(f"{sandbox}patients.json", timeout=30) as answer:
        found: list[dict[str, Any]] = json.load(answer)["patients"]
    return found


def opened(visit: Any, sandbox: str, story: str = LITHIUM, tab: str = "cards", **window: Any) -> Any:
    """Return the page with a patient, once the cards are there."""
    page = visit(f"{sandbox}#/{story}/{tab}", **window)
    page.locator(".foot").wait_for() if tab == "cards" else page.locator(".tile, .singles").first.wait_for()
    return page


def feedback_of(page: Any, act: Any) -> dict[str, Any]:
    """Do what sends feedback; return the one item that was sent, which the service must have kept."""
    with page.expect_response(lambda answer: answer.url.endswith("/feedback")) as answered:
        act()
    assert answered.value.status == 200
    (item,) = json.loads(answered.value.request.post_data)["feedback"]
    return dict(item)


def test_every_patient_is_listed_and_found_by_words(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    stories = patients(sandbox)
    page.locator(".patient").first.wait_for()
    assert page.locator(".patient").count() == len(stories)
    for story in stories:
        assert page.locator(".patient", has_text=story["sentence"]).count() == 1
    page.get_by_role("searchbox", name="Filter patients").fill("IBUPROFEN woman")
    assert [row.split("\n")[0] for row in page.locator(".patient").all_inner_texts()] == ["Lithea Mockup"]
    page.get_by_role("searchbox", name="Filter patients").fill("nobody of that name")
    assert "No patient matches all of these words." in page.locator(".groups").inner_text()


def test_a_patient_opens_with_chart_and_cards_worst_first(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.locator(".patient", has_text="Lithea Mockup").click()
    page.locator(".foot").wait_for()
    assert page.url.endswith(f"#/{LITHIUM}/cards")
    assert page.get_by_role("heading", level=1).inner_text() == "Lithea Mockup"
    assert "47 years" in page.locator(".banner").inner_text()
    assert page.locator(".card .indicator").all_inner_texts() == ["Warning", "Information"]
    lithium = page.locator(".tile", has_text="Lithium").first
    lithium.wait_for()
    assert "1.8 mmol/L" in lithium.inner_text() and "high" in lithium.inner_text()
    assert "newest 1.8 mmol/L on 2026-11-20" in str(lithium.locator("lab-plot").get_attribute("aria-label"))
    page.wait_for_function("() => document.getElementById('live').textContent === '2 cards'")
    assert page.title().startswith("Lithea Mockup")


def test_a_trend_is_drawn_and_its_values_are_a_table(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox)
    tile = page.locator(".tile", has_text="Lithium").first
    painted = tile.locator("canvas").evaluate(
        "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v)"
    )
    assert painted
    tile.get_by_role("button", name="Show values of Lithium").click()
    rows = tile.get_by_role("row").all_inner_texts()
    assert len(rows) == 6
    assert re.match(r"2026-11-20 10:00\s+1.8 mmol/L high\s+0.6 to 1", rows[1])
    tile.get_by_text("at least 1.5 mmol/L").click()
    assert (
        tile.get_by_role("link", name="Lithium neurotoxicity").first.get_attribute("href")
        == "../rules/lithium-toxicity"
    )


def test_the_day_can_be_moved_and_what_is_later_is_said_to_be(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox)
    with page.expect_request(lambda asked: asked.url.endswith("/cds-services/twitch-patient-view")) as asked:
        page.get_by_label("As of", exact=True).fill("2026-09-01")
        page.get_by_label("As of", exact=True).press("Enter")
    assert json.loads(asked.value.post_data)["extension"]["org.twitch-cds.asOf"] == "2026-09-01T12:00:00Z"
    page.get_by_text("as of 2026-09-01").wait_for()
    assert axe_violations(page) == []
    drugs = page.locator(".block", has=page.get_by_role("heading", name=re.compile("^Drugs")))
    assert "after 2026-09-01" in drugs.locator(".row", has_text="Ibuprofen").inner_text()
    assert "after" not in drugs.locator(".row", has_text="Lithium carbonate").inner_text()
    page.locator(".tile", has_text="Lithium").first.get_by_text("0.8 mmol/L").wait_for()
    page.get_by_role("button", name=re.compile("Later entry: 2026-11-")).click()
    page.get_by_role("button", name="Back to 2026-11-20").click()
    page.get_by_text("as of 2026-11-20").wait_for()
    page.get_by_label("As of", exact=True).fill("yesterday")
    page.get_by_label("As of", exact=True).press("Enter")
    assert page.get_by_label("As of", exact=True).input_value() == "2026-11-20"


def test_an_accepted_suggestion_goes_on_the_pad_and_to_the_service(own_sandbox: str, visit: Any) -> None:
    page = opened(visit, own_sandbox)
    suggestion = page.locator(".suggestions button").first
    label = suggestion.inner_text()
    item = feedback_of(page, suggestion.click)
    assert item["outcome"] == "accepted" and len(item["acceptedSuggestions"]) == 1
    assert "on the pad" in suggestion.inner_text() and suggestion.get_attribute("aria-disabled") == "true"
    suggestion.press("Enter")
    assert page.locator(".order-pad .row").count() == 1
    assert label.removeprefix("Draft order: ") in page.get_by_role("region", name="Order pad").inner_text()


def test_a_card_is_dismissed_with_a_reason_and_stays_quiet(own_sandbox: str, visit: Any) -> None:
    page = opened(visit, own_sandbox)
    card = page.locator(".card").nth(1)
    card.get_by_role("button", name="Dismiss").click()
    card.get_by_label("Not clinically relevant").check()
    card.get_by_label("In your own words").fill("seen last week")
    item = feedback_of(page, card.get_by_role("button", name="Dismiss the card").click)
    assert item["outcome"] == "overridden"
    assert item["overrideReason"]["reason"]["code"] == "not-relevant"
    assert item["overrideReason"]["userComment"] == "seen last week"
    assert "Not clinically relevant: seen last week" in page.locator(".card.is-dismissed").inner_text()
    page.reload()
    page.locator(".foot").wait_for()
    assert page.locator(".card").count() == 1
    assert "answered by a clinician" in page.locator(".quiet").inner_text()
    assert axe_violations(page) == []
    page.get_by_role("button", name="Forget the answers and ask again").click()
    page.locator(".card").nth(1).wait_for()
    assert page.locator(".quiet").count() == 0


def test_no_card_is_never_all_clear(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox, QUIET)
    said = page.locator(".no-card").inner_text()
    assert "No card. That excludes nothing." in said
    assert re.search(r"\d+ rules did not fire, \d+ could not tell", said)
    page.wait_for_function(
        "() => document.getElementById('live').textContent === 'No card. That excludes nothing.'"
    )


def test_a_service_that_does_not_answer_or_refuses_is_a_fault_and_no_empty_list(
    sandbox: str, visit: Any
) -> None:
    page = opened(visit, sandbox)
    page.evaluate(
        "import('./static/js/calls.js').then(calls => calls.sendAgain('patient-view', 'twitch-patient-view', '{'))"
    )
    page.get_by_role("alert").wait_for()
    assert "The service answered 400." in page.get_by_role("alert").inner_text()
    assert "The assessment is missing." in page.get_by_role("tabpanel").inner_text()
    page.context.set_offline(True)
    page.get_by_role("button", name=re.compile("Earlier entry")).click()
    page.get_by_role("tabpanel").get_by_text("No answer came.").wait_for()
    assert "The assessment is missing." in page.get_by_role("tabpanel").inner_text()
    visit.complaints.clear()  # the browser tells of both faults, too


def test_every_view_has_an_address_and_back_works(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox)
    page.get_by_role("tab", name="Why").click()
    assert page.url.endswith(f"#/{LITHIUM}/why")
    page.locator(".patient", has_text="Thyra Testcase").click()
    page.get_by_role("heading", name="Thyra Testcase", level=1).wait_for()
    page.go_back()
    page.get_by_role("heading", name="Lithea Mockup", level=1).wait_for()
    assert page.get_by_role("tab", name="Why").get_attribute("aria-selected") == "true"
    page.go_back()
    assert page.get_by_role("tab", name="Cards").get_attribute("aria-selected") == "true"


def test_the_keyboard_is_enough(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.locator(".patient").first.wait_for()
    page.get_by_role("searchbox", name="Filter patients").focus()
    page.keyboard.type("Lithea")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".foot").wait_for()
    page.locator(".brand").focus()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "tab-cards"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-why"
    assert page.url.endswith("/why")
    page.keyboard.press("Home")
    assert page.url.endswith("/cards")
    page.get_by_role("button", name="Dismiss").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("radio").first.wait_for()
    page.get_by_role("radio").first.focus()
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.id.startsWith('dismiss-')")
    assert page.get_by_role("radio").count() == 0


def focused(page: Any) -> str:
    """The words of what has the focus."""
    return str(
        page.evaluate("document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText")
    )


def test_from_the_start_to_an_order_and_back_by_keyboard_alone(own_sandbox: str, visit: Any) -> None:
    page = visit(own_sandbox)
    page.locator(".patient").first.wait_for()
    page.get_by_role("searchbox", name="Filter patients").focus()
    page.keyboard.type("Lithea")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator(".foot").wait_for()
    for _ in range(3):  # the file of one's own, the way to the cards
        if focused(page) == "Skip to the cards":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for _ in range(6):
        page.keyboard.press("Tab")
        if focused(page).startswith("Draft order"):
            break
    feedback_of(page, lambda: page.keyboard.press("Enter"))
    page.locator(".order-pad .row").wait_for()
    assert focused(page).startswith("Draft order")
    page.get_by_role("button", name="Remove Lithium").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'order-input'")
    assert page.locator(".order-pad .row").count() == 0


def test_the_list_over_a_narrow_page_closes_with_escape(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox, width=700)
    page.get_by_role("button", name="Patients").click()
    assert page.get_by_role("dialog").get_by_role("link", name=re.compile("Thyra Testcase")).is_visible()
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0
    page.get_by_role("button", name="Patients").click()
    page.get_by_role("dialog").get_by_role("link", name=re.compile("Thyra Testcase")).click()
    page.get_by_role("heading", name="Thyra Testcase", level=1).wait_for()
    assert page.get_by_role("dialog").count() == 0


def test_the_theme_is_chosen_and_kept(sandbox: str, visit: Any) -> None:
    page = visit(sandbox, scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.reload()
    page.get_by_role("button", name="Theme: dark").wait_for()
    assert page.evaluate(paper) == dark


def test_it_fits_and_axe_finds_nothing(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.locator(".beginnings").wait_for()
    assert faults_in_every_corner(page) == {}
    page.evaluate(f"location.hash = '#/{LITHIUM}/cards'")
    page.locator(".foot").wait_for()
    page.evaluate("document.querySelectorAll('.detail + button').forEach(button => button.click())")
    page.get_by_role("button", name="Dismiss").first.click()
    page.get_by_role("radio").first.wait_for()
    assert faults_in_every_corner(page) == {}
    page.evaluate(f"location.hash = '#/{CALCIUM}/chart'")
    page.get_by_role("button", name=re.compile("^Show values")).first.wait_for()
    for button in page.get_by_role("button", name=re.compile("^Show values")).all()[:1]:
        button.click()
    assert faults_in_every_corner(page) == {}


def test_at_200_percent_nothing_is_cut_off(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox, width=640, height=400)  # what is left of 1280 x 800
    assert width_of(page) == 640
    assert page.locator(".card").first.is_visible()
    page.get_by_role("tab", name="Chart").click()
    page.locator(".tile").first.wait_for()
    assert width_of(page) == 640


def test_what_could_be_pressed_is_large_enough(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox, width=360)
    small = """() => [...document.querySelectorAll('button, input, summary, [role=tab]')]
      .map(place => [place.textContent.trim() || place.name || place.type, place.getBoundingClientRect()])
      .filter(([, box]) => box.width && box.height && (box.width < 24 || box.height < 24))
      .map(([words, box]) => `${words} ${box.width}x${box.height}`)"""
    assert page.evaluate(small) == []


HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "[look](javascript:alert(1))",
    "![look](https://elsewhere.example/pixel.png)",
    "<a href='https://a.example' style='position:fixed' class='main' onclick='alert(1)'>x</a>",
    "<form action='https://a.example'><input name=q><button>go</button></form>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<svg><style>@import 'https://a.example'</style><set onbegin=alert(1)></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<meta http-equiv=refresh content='0;url=https://a.example'><base href='https://a.example'>",
]


def test_markdown_of_a_card_cannot_run_load_or_pose_as_the_page(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.on("dialog", lambda dialog: visit.complaints.append("a script ran"))
    found = page.evaluate(
        """async texts => {
          const {markdown} = await import('./static/js/markdown.js');
          return texts.map(text => {
            const place = document.body.appendChild(document.createElement('div'));
            place.append(markdown(text));
            return [...place.querySelectorAll('*')].map(node => [node.localName, node.getAttributeNames().sort().join(' '), node.getAttribute('href') ?? '']);
          });
        }""",
        HOSTILE,
    )
    nodes = [tuple(node) for text in found for node in text]
    assert {name for name, _, _ in nodes} == {"p", "a"}
    assert {names for _, names, _ in nodes} <= {"", "href rel target"}
    assert {href for _, _, href in nodes} <= {
        "",
        "https://a.example",
    }  # plain addresses are links in Markdown
    assert HOSTILE[0] in page.locator("body").inner_text()


def test_the_page_may_load_from_its_own_process_only(sandbox: str) -> None:
    with urlopen(sandbox, timeout=30) as answer:
        policy = dict(
            part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
        )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["style-src"] == "'self'"


def test_results_are_shown_in_the_unit_of_the_record(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox, CALCIUM)
    tile = page.locator(".tile", has=page.get_by_role("heading", name="Total calcium"))
    tile.wait_for()
    assert re.search(r"7\.3 mg/dL\s+low", tile.inner_text())
    assert "range 8.8 to 10.4" in tile.inner_text()
    tile.get_by_role("button", name="Show values of Total calcium").click()
    assert "mmol/L" not in tile.inner_text()
