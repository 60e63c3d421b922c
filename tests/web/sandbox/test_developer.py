"""The developer panel in a real browser: what goes over the wire, and every way to send it otherwise."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.request import urlopen

import pytest

from tests.web.sandbox.conftest import ROOT, axe_violations, faults_in_every_corner

pytestmark = pytest.mark.slow

LITHIUM = "lithium-high-after-ibuprofen"
SERVICE = "/cds-services/twitch-patient-view"


def opened(visit: Any, sandbox: str, **window: Any) -> tuple[Any, Any]:
    """Return the page with the developer panel, and the answer of the service it shows."""
    page = visit(sandbox, **window)
    page.locator(".beginnings").wait_for()
    with page.expect_response(lambda answer: answer.url.endswith(SERVICE)) as answered:
        page.evaluate(f"location.hash = '#/{LITHIUM}/developer'")
    page.locator("json-view").wait_for()
    return page, answered.value


def acted(page: Any, act: Any) -> Any:
    """Do what calls the service; return its answer, once the page shows it."""
    with page.expect_response(lambda answer: answer.url.endswith(SERVICE)) as answered:
        act()
    page.locator(".developer", has_not=page.locator("[aria-busy]")).wait_for()
    return answered.value


def clipboard(page: Any) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def allow_clipboard(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])


def unfold_sending(page: Any) -> None:
    page.get_by_role("button", name=re.compile("^Prefetch and faults")).click()


def editor(page: Any) -> Any:
    return page.get_by_role("textbox", name="Request as JSON")


def write(page: Any, text: str) -> None:
    """Paste a whole text into the editor, as a person would."""
    allow_clipboard(page)
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    editor(page).focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+v")


def summaries(answer: Any) -> list[str]:
    return [card["summary"] for card in answer.json()["cards"]]


def test_what_went_over_the_wire_is_shown(sandbox: str, visit: Any) -> None:
    page, answer = opened(visit, sandbox)
    sent = answer.request.post_data
    assert json.loads(editor(page).input_value()) == json.loads(sent)
    facts = page.locator(".wire-facts").inner_text()
    assert "200" in facts and f"{len(sent.encode()) / 1000:.1f} kB sent" in facts
    assert f"{len(answer.body()) / 1000:.1f} kB received" in facts and re.search(r"\d m?s", facts)
    assert answer.headers["x-request-id"] in page.locator(".wire").first.inner_text()
    assert f"POST {SERVICE}" in page.locator(".wire").first.inner_text()
    page.locator("json-view summary", has_text=summaries(answer)[0][:40]).click()
    uuid = answer.json()["cards"][0]["uuid"]
    page.locator("json-view .json-line", has_text=f'uuid: "{uuid}"').wait_for()


def test_request_and_response_are_copied_whole(sandbox: str, visit: Any) -> None:
    page, answer = opened(visit, sandbox)
    allow_clipboard(page)
    page.get_by_role("button", name="Copy", exact=True).first.click()
    page.get_by_text("Request copied").wait_for()
    assert json.loads(clipboard(page)) == json.loads(answer.request.post_data)
    page.get_by_role("button", name="Copy", exact=True).last.click()
    page.get_by_text("Response copied").wait_for()
    assert json.loads(clipboard(page)) == answer.json()


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_call_runs_as_a_command_in_a_shell(sandbox: str, visit: Any, shell: str) -> None:
    if not (shutil.which(shell) and shutil.which("curl")):
        pytest.skip(f"no {shell} or no curl on this machine")
    page, answer = opened(visit, sandbox)
    allow_clipboard(page)
    page.get_by_role("button", name="Copy as curl").click()
    page.get_by_text("Command copied").wait_for()
    done = subprocess.run([shell, "-c", clipboard(page)], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout)["cards"] == answer.json()["cards"]


class _Kept(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.body = self.rfile.read(int(self.headers["Content-Length"]))  # type: ignore[attr-defined]
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def keeper() -> Iterator[HTTPServer]:
    """A server that keeps what it is sent."""
    server = HTTPServer(("127.0.0.1", 0), _Kept)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


HARD = {
    "quotes": "it's a \"test\" '' \\' \\\\ '\\''",
    "expansions": "$HOME $(id) `id` ${x} !! !1 !$ wow!x ~ * ? [a] {b,c} #d %e & | ; < > \\$",
    "lines": "REQUEST\nREQUEST\n\tREQUEST_\r\n",
    "signs": "Ünïcödé é 中文 🧪 \u2028",
    "long": "x" * 300_000,
}


@pytest.mark.parametrize("arguments", [["sh"], ["bash"], ["bash", "--norc", "-i"]], ids=" ".join)
@pytest.mark.parametrize("indented", [True, False], ids=["as shown", "one line"])
def test_a_command_holds_whatever_the_request_holds(
    sandbox: str, visit: Any, keeper: HTTPServer, arguments: list[str], indented: bool
) -> None:
    if not (shutil.which(arguments[0]) and shutil.which("curl")):
        pytest.skip(f"no {arguments[0]} or no curl on this machine")
    page = visit(sandbox)
    body = json.dumps(HARD, indent=2 if indented else None, ensure_ascii=False)
    address = f"http://127.0.0.1:{keeper.server_port}/it's?a=$b&c='d'"
    write = "([address, body]) => import('./static/js/curl.js').then(curl => curl.curlCommand(address, body))"
    command = page.evaluate(write, [address, body])
    subprocess.run(arguments, input=command.encode(), capture_output=True, check=True, timeout=60)
    assert json.loads(keeper.body) == HARD  # type: ignore[attr-defined]


def test_a_request_that_is_no_json_goes_into_the_command_letter_by_letter(
    sandbox: str, visit: Any, keeper: HTTPServer
) -> None:
    if not (shutil.which("sh") and shutil.which("curl")):
        pytest.skip("no sh or no curl on this machine")
    page = visit(sandbox)
    body = "{'REQUEST'\nREQUEST\nREQUEST_\n$(id) `id`"
    write = "([address, body]) => import('./static/js/curl.js').then(curl => curl.curlCommand(address, body))"
    command = page.evaluate(write, [f"http://127.0.0.1:{keeper.server_port}/", body])
    subprocess.run(["sh"], input=command.encode(), capture_output=True, check=True, timeout=60)
    assert keeper.body.decode() == body + "\n"  # type: ignore[attr-defined]


def test_a_key_that_is_left_out_is_fetched_by_the_service(sandbox: str, visit: Any) -> None:
    page, before = opened(visit, sandbox)
    unfold_sending(page)
    page.get_by_role("checkbox", name=re.compile("^problems")).uncheck()
    assert "Calls are changed: 1 prefetch key is left out." in page.locator(".sending-notice").inner_text()
    answer = acted(page, page.get_by_role("button", name="Call patient-view like this").click)
    sent = json.loads(answer.request.post_data)
    assert sorted(set(json.loads(before.request.post_data)["prefetch"]) - set(sent["prefetch"])) == [
        "problems"
    ]
    with urlopen(f"{sandbox}patients.json", timeout=30) as listed:
        assert sent["fhirServer"] == json.load(listed)["fhirServer"]
    assert summaries(answer) == summaries(before)
    assert "left out" in page.locator(".key", has_text="problems").inner_text()


def test_all_keys_off_and_on_again(sandbox: str, visit: Any) -> None:
    page, before = opened(visit, sandbox)
    unfold_sending(page)
    page.get_by_role("button", name="All off").click()
    assert page.locator(".keys input:checked").count() == 0
    answer = acted(page, page.get_by_role("button", name="Call patient-view like this").click)
    assert json.loads(answer.request.post_data)["prefetch"] == {}
    assert summaries(answer) == summaries(before)
    page.get_by_role("button", name="All on").click()
    again = acted(page, page.get_by_role("button", name="Call patient-view like this").click)
    sent, first = json.loads(again.request.post_data), json.loads(before.request.post_data)
    assert sent["prefetch"] == first["prefetch"] and "fhirServer" not in sent
    assert page.locator(".sending-notice").count() == 0


def told_missing(page: Any, answer: Any) -> None:
    """Check that a failed look at the record is an error, or a card of its own where lists came back empty."""
    if answer.status == 412:
        assert "The service answered 412." in page.get_by_role("alert").inner_text()
    page.get_by_role("tab", name="Cards").click()
    told = "The assessment is missing." if answer.status == 412 else "Twitching rules not fully assessed"
    assert told in page.get_by_role("tabpanel").inner_text()


@pytest.mark.parametrize("fault", ["slow", "error", "html", "other-patient", "cut"])
def test_a_fault_of_the_server_is_never_all_clear(sandbox: str, visit: Any, fault: str) -> None:
    page, _ = opened(visit, sandbox)
    unfold_sending(page)
    page.get_by_label("When the service fetches").select_option(fault)
    assert page.locator(".keys input:checked").count() == 0  # else nothing would be fetched
    answer = acted(page, page.get_by_role("button", name="Call patient-view like this").click)
    assert f"/sandbox/faults/{fault}/fhir" in json.loads(answer.request.post_data)["fhirServer"]
    told_missing(page, answer)
    page.get_by_role("button", name="As usual again").click()
    page.get_by_role("tab", name="Developer").click()
    assert acted(page, page.get_by_role("button", name="Call patient-view like this").click).status == 200
    visit.complaints.clear()  # the browser tells of 412, too


def test_a_request_is_changed_sent_letter_by_letter_and_reset(sandbox: str, visit: Any) -> None:
    page, before = opened(visit, sandbox)
    original = editor(page).input_value()
    changed = original.replace("2026-11-20T12:00:00Z", "2026-11-21T12:00:00Z")
    changed = changed.replace('"hook": "patient-view"', '"hook":   "patient-view"')
    write(page, changed)
    assert "changed, not sent" in page.get_by_role("button", name=re.compile("^Request")).inner_text()
    answer = acted(page, page.get_by_role("button", name="Send", exact=True).click)
    assert answer.request.post_data == changed
    assert answer.json()["extension"]["org.twitch-cds.review"]["asOf"].startswith("2026-11-21")
    assert "written by hand" in page.get_by_role("button", name=re.compile("^Request")).inner_text()
    assert editor(page).input_value() == changed
    page.get_by_role("button", name="Reset").click()
    assert editor(page).input_value() == original
    answer = acted(page, page.get_by_role("button", name="Send", exact=True).click)
    assert answer.request.post_data == before.request.post_data
    page.get_by_role("tab", name="Cards").click()
    assert page.locator(".card").count() == len(before.json()["cards"])


def test_bad_json_is_told_with_its_place_and_can_be_sent_all_the_same(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    original = editor(page).input_value()
    at = original.index('"context"')
    write(page, original[:at] + "context" + original[at + len('"context"') :])
    page.get_by_role("button", name="Send", exact=True).click()
    said = page.locator("#request-fault").inner_text()
    line = original[:at].count("\n") + 1
    assert f"This is not JSON at line {line}, column 3." in said and "double quotes" in said
    assert page.evaluate("document.activeElement.id") == "request-text"
    assert page.evaluate("document.activeElement.selectionStart") == at
    assert axe_violations(page) == []
    answer = acted(page, page.get_by_role("button", name="Send it all the same").click)
    assert answer.status == 400
    assert "The service answered 400." in page.get_by_role("alert").inner_text()
    page.get_by_role("button", name="Reset").click()
    assert editor(page).input_value() == original
    visit.complaints.clear()  # the browser tells of 400, too


BAD = {
    "": (1, 1, "There is nothing"),
    "  \n ": (2, 2, "There is nothing"),
    "{": (1, 2, "before } closes"),
    '{"a"': (1, 5, "after a name"),
    '{"a" 1}': (1, 6, "A colon is missing"),
    '{"a":}': (1, 6, "A value is missing before }"),
    '{"a":1,}': (1, 8, "a comma too many before }"),
    '{"a":1 "b":2}': (1, 8, "A comma or } is missing"),
    "[1,\n 2,\n]": (3, 1, "A value is missing before ]"),
    "[1 2]": (1, 4, "A comma or ] is missing"),
    "[1}": (1, 3, "A comma or ] is missing"),
    "{a:1}": (1, 2, "A name in double quotes"),
    "{'a':1}": (1, 2, "A name in double quotes"),
    "[01]": (1, 2, "A value must stand here"),
    "[1.]": (1, 2, "A value must stand here"),
    "[NaN]": (1, 2, "A value must stand here"),
    "[nulll]": (1, 2, "A value must stand here"),
    "1 2": (1, 3, "the value ended before"),
    "{}}": (1, 3, "the value ended before"),
    '["a': (1, 2, "no closing quote"),
    '["a\nb"]': (1, 4, "A line break"),
    '["\\x"]': (1, 3, "no such escape"),
    '["\\u12g4"]': (1, 3, "no such escape"),
    '{"a": [1, {"b": "c"}, tru]}': (1, 23, "A value must stand here"),
}


def test_where_json_ends_to_be_json(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    find = "texts => import('./static/js/json_fault.js').then(json => texts.map(json.faultOf))"
    found = page.evaluate(find, list(BAD))
    for text, fault, (line, column, words) in zip(BAD, found, BAD.values(), strict=True):
        assert (fault["line"], fault["column"]) == (line, column), text
        assert words in fault["message"], (text, fault["message"])
    good = ["{}", '{"a": [1, -0.5e+3, "\\u00e9\\n", null, true, false, {}]}', ' "x" ', "0"]
    assert page.evaluate(find, good) == [None] * len(good)
    assert page.evaluate(find, ["[" * 50_000])[0]["column"] == 50_001


def with_own_record(sandbox: str, visit: Any, path: str) -> Any:
    """Return the developer panel of a file of one's own, with what is sent unfolded."""
    page = visit(sandbox)
    page.locator(".beginnings").wait_for()
    page.locator("input[type=file]").first.set_input_files(ROOT / "fixtures" / path)
    page.get_by_role("tab", name="Developer").click()
    page.locator("json-view").wait_for()
    unfold_sending(page)
    return page


def test_a_record_of_ones_own_has_no_server_to_fetch_from(sandbox: str, visit: Any) -> None:
    page = with_own_record(sandbox, visit, f"patients/{LITHIUM}/bundle.json")
    assert "A record of your own is on no FHIR server" in page.locator(".developer").inner_text()
    assert page.get_by_label("When the service fetches").locator("option").first.inner_text() == "is none"
    page.get_by_role("checkbox", name=re.compile("^labs-2")).uncheck()
    answer = acted(page, page.get_by_role("button", name="Call patient-view like this").click)
    sent = json.loads(answer.request.post_data)
    assert "labs-2" not in sent["prefetch"] and "labs" in sent["prefetch"] and "fhirServer" not in sent


@pytest.mark.parametrize("fault", ["error", "html", "other-patient", "cut"])
@pytest.mark.parametrize("hook", ["patient-view", "order-select"])
def test_a_fault_works_for_a_record_of_ones_own_too(sandbox: str, visit: Any, fault: str, hook: str) -> None:
    own = {"patient-view": f"patients/{LITHIUM}/bundle.json", "order-select": "calls/order-select.json"}
    page = with_own_record(sandbox, visit, own[hook])
    keys = page.locator(".keys input").count()
    page.get_by_label("When the service fetches").select_option(fault)
    call = page.get_by_role("button", name=f"Call {hook} like this")
    with page.expect_response(lambda answer: answer.url.endswith(f"/twitch-{hook}")) as answered:
        call.click()
    page.locator(".developer", has_not=page.locator("[aria-busy]")).wait_for()
    sent = json.loads(answered.value.request.post_data)
    assert sent["prefetch"] == {} and f"/sandbox/faults/{fault}/fhir" in sent["fhirServer"]
    assert f'the FHIR server has the fault "{fault}"' in page.locator(".sending-notice").inner_text()
    assert page.locator(".keys input").count() == keys  # what was left out can be sent again
    told_missing(page, answered.value)
    page.get_by_role("button", name="As usual again").click()
    page.get_by_role("tab", name="Developer").click()
    with page.expect_response(lambda answer: answer.url.endswith(f"/twitch-{hook}")) as answered:
        call.click()
    assert answered.value.status == 200 and "faults" not in answered.value.request.post_data
    visit.complaints.clear()  # the browser tells of 412, too


def test_a_fault_that_changes_nothing_is_told(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    unfold_sending(page)
    page.get_by_label("When the service fetches").select_option("html")
    assert page.get_by_text("nothing is fetched, so the fault shows nothing").count() == 0
    page.get_by_role("button", name="All on").click()
    page.get_by_text("Every key is sent: nothing is fetched, so the fault shows nothing.").wait_for()


def test_earlier_calls_can_be_looked_at_again(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    acted(page, page.get_by_role("button", name="Send", exact=True).click)
    choice = page.get_by_label("Call", exact=True)
    labels = choice.locator("option").all_inner_texts()
    assert len(labels) == 2 and all(label.startswith("patient-view (call ") for label in labels)
    shown = page.locator(".wire").first.inner_text()
    choice.select_option(index=1)
    page.wait_for_timeout(50)
    assert page.locator(".wire").first.inner_text() != shown


def test_it_fits_and_axe_finds_nothing(sandbox: str, visit: Any) -> None:
    page, _ = opened(visit, sandbox)
    unfold_sending(page)
    page.get_by_role("checkbox", name=re.compile("^vitals")).uncheck()
    page.locator(".query summary").nth(3).click()
    page.locator("json-view summary").nth(2).click()
    page.locator(".headers summary").click()
    assert faults_in_every_corner(page) == {}
    small = """() => [...document.querySelectorAll('#tab-panel button, #tab-panel summary, #tab-panel select, .key label')]
      .map(place => [place.textContent.trim().slice(0, 40), place.getBoundingClientRect()])
      .filter(([, box]) => box.width && box.height < 24).map(([words, box]) => `${words} ${box.height}`)"""
    assert page.evaluate(small) == []
