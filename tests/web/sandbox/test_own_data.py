"""Files of one's own at the page of the sandbox: what can be opened is, and what cannot is told why."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.web.sandbox.conftest import ROOT, axe_violations, faults_in_every_corner

pytestmark = pytest.mark.slow

_PATIENT = {"resourceType": "Patient", "id": "one"}


def give(page: Any, content: bytes | dict[str, Any], name: str = "record.json") -> None:
    """Choose a file."""
    page.locator(".own-choose").wait_for()
    body = json.dumps(content).encode() if isinstance(content, dict) else content
    file = {"name": name, "mimeType": "application/json", "buffer": body}
    page.set_input_files(".own-data input[type=file]", files=[file])


def drop(page: Any, content: dict[str, Any]) -> None:
    """Drop a file on the middle of the page."""
    page.locator(".own-choose").wait_for()
    script = """text => {
        const files = new DataTransfer();
        files.items.add(new File([text], "dropped.json", {type: "application/json"}));
        const place = document.querySelector("main");
        for (const type of ["dragover", "drop"]) {
            place.dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, dataTransfer: files}));
        }
    }"""
    page.evaluate(script, json.dumps(content))


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": item} for item in resources],
    }


def fixture(path: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / "fixtures" / path).read_text(encoding="utf-8"))
    return found


def request_to(page: Any, hook: str) -> Any:
    return page.expect_request(
        lambda asked: asked.method == "POST" and asked.url.endswith(f"/cds-services/twitch-{hook}")
    )


REFUSED = {
    "a PDF": (b"%PDF-1.7\n...", "This is a PDF, not JSON."),
    "a zip": (b"PK\x03\x04rest", "This is a ZIP archive or an Office document, not JSON."),
    "gzip": (b"\x1f\x8b\x08rest", "This is a compressed file (gzip), not JSON."),
    "nothing": (b"", "The file is empty."),
    "only spaces": (b" \n ", "The file is empty."),
    "XML": (b'<Bundle xmlns="http://hl7.org/fhir"/>', "This is XML or HTML, not JSON."),
    "words": (b"Patient: Jane", "This is not JSON."),
    "cut off": (b'{"resourceType": "Bundle",\n "entry": [', "The JSON is broken"),
    "a comma too many": (b'{\n  "resourceType": "Bundle",\n}', "The JSON is broken at line 3, column 1."),
    "Latin-1": ('{"name": "Jörg"}'.encode("latin-1"), "The file is not text in UTF-8."),
    "a name twice": (
        b'{"resourceType": "Bundle", "a": {"value": 1},\n "a": {"value": 18}}',
        "The file says a name twice at line 2, column 2.",
    ),
    "a name twice, spelled otherwise": (b'{"ab": [{"ab": ":"}], "\\u0061b": 1}', "column 23."),
    "a list": (b"[]", "This JSON is not an object."),
    "something else": (b'{"a": 1}', "This is JSON, but neither a FHIR Bundle nor a CDS Hooks request."),
    "a bulk export": (
        b'{"resourceType":"Patient"}\n{"resourceType":"Patient"}\n',
        "These are many JSON texts, one a line (NDJSON).",
    ),
    "one resource": (_PATIENT, "This is one Patient, not a record."),
    "an empty Bundle": ({"resourceType": "Bundle", "type": "collection"}, "The Bundle holds no resource."),
    "no patient": (bundle({"resourceType": "Condition", "id": "c"}), "The Bundle holds no Patient."),
    "two patients": (
        bundle(_PATIENT, {"resourceType": "Patient", "id": "two"}),
        "The Bundle holds 2 patients.",
    ),
    "no hook": ({"context": {}}, "A CDS Hooks request without hook."),
    "no context": ({"hook": "patient-view"}, "A CDS Hooks request without context."),
    "an unknown hook": (
        {"hook": "appointment-book", "context": {}},
        "No service answers the hook appointment-book.",
    ),
    "nobody": ({"hook": "patient-view", "context": {"userId": "x"}}, "The request names no patient."),
}


def test_what_cannot_be_opened_is_told_why(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    asked: list[str] = []
    page.on("request", lambda request: request.method == "POST" and asked.append(request.url))
    for name, (content, words) in REFUSED.items():
        give(page, content)
        page.get_by_role("alert").get_by_text(words).wait_for()
        assert page.get_by_role("alert").locator("p").inner_text().strip(), name
    assert page.url == sandbox
    page.get_by_role("button", name="Close the message").click()
    assert page.get_by_role("alert").count() == 0
    assert asked == []


def test_a_patient_without_an_id_is_refused_by_the_service(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    give(page, bundle({"resourceType": "Patient"}))
    alert = page.get_by_role("alert")
    alert.get_by_text("The Bundle cannot be opened.").wait_for()
    assert "no Patient with a FHIR id" in alert.inner_text()
    assert page.url == sandbox
    visit.complaints[:] = [said for said in visit.complaints if "status of 400" not in said]


def test_a_file_too_large_is_not_even_read(sandbox: str, visit: Any, tmp_path: Path) -> None:
    with (tmp_path / "large.json").open("wb") as large:
        large.truncate(30 * 1024 * 1024)
    page = visit(sandbox)
    page.set_input_files(".own-data input[type=file]", tmp_path / "large.json")
    page.get_by_role("alert").get_by_text("The file has 30 MiB: too much for one patient.").wait_for()
    page.get_by_role("alert").get_by_text("The service takes at most 10 MiB in one call.").wait_for()


def test_the_patients_are_named_when_they_are_two(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    drop(page, bundle(_PATIENT, {"resourceType": "Patient", "id": "two"}))
    page.get_by_role("alert").get_by_text("It has: one, two.").wait_for()


def test_a_refusal_is_seen_in_the_drawer_too(sandbox: str, visit: Any) -> None:
    page = visit(sandbox, width=1024)
    page.get_by_role("button", name="Patients").click()
    give(page, b"%PDF")
    alert = page.get_by_role("dialog").get_by_role("alert")
    alert.wait_for()
    box = alert.bounding_box()
    at = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]
    assert page.evaluate("([x, y]) => !!document.elementFromPoint(x, y).closest('[role=alert]')", at)
    assert axe_violations(page) == []


@pytest.mark.parametrize("by", [give, drop])
def test_a_bundle_is_judged_like_the_bundled_patient(sandbox: str, visit: Any, by: Any) -> None:
    story = "lip-twitching-on-furosemide"
    page = visit(f"{sandbox}#/{story}/cards")
    page.locator(".card").first.wait_for()
    expected = page.locator(".card").get_by_role("heading", level=2).all_inner_texts()
    page.goto(sandbox)
    page.clock.set_fixed_time("2027-02-01T09:00:00Z")
    by(page, fixture(f"patients/{story}/bundle.json"))
    page.get_by_text("as of 2027-02-01").wait_for()
    with request_to(page, "patient-view") as asked:
        page.get_by_text("Look at it as of that day").click()
    body = json.loads(asked.value.post_data)
    assert body["extension"]["org.twitch-cds.asOf"] == "2026-11-20T23:59:59Z"
    assert "fhirServer" not in body
    page.get_by_text("as of 2026-11-20").wait_for()
    assert page.locator(".card").get_by_role("heading", level=2).all_inner_texts() == expected
    assert page.url.endswith("#/own/cards")
    assert page.get_by_role("heading", level=1).inner_text() == "Delphine Marchand"


def test_a_record_of_a_bundle_with_local_references_is_read(sandbox: str, visit: Any) -> None:
    """Synthea and others write ``urn:uuid:`` references to the ``fullUrl`` of an entry."""
    patient = "urn:uuid:6a1f6a0e-6f0b-4c7e-8a53-1d5b8e0f2a11"
    record = fixture("patients/lip-twitching-on-furosemide/bundle.json")
    text = json.dumps(record)
    own = next(e["resource"] for e in record["entry"] if e["resource"]["resourceType"] == "Patient")
    changed = json.loads(text.replace(f'"Patient/{own["id"]}"', f'"{patient}"'))
    for entry in changed["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            entry["fullUrl"] = patient
        else:
            del entry["resource"]["id"]
            del entry["fullUrl"]
    page = visit(sandbox)
    page.clock.set_fixed_time("2026-11-21T09:00:00Z")
    give(page, changed)
    page.locator(".card").first.wait_for()
    assert "name another patient" not in page.locator("main").inner_text()
    assert "K 2.9 mmol/L" in page.locator(".card").first.inner_text()


def test_entries_of_nobody_are_counted_not_passed_over(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    mine = {
        "resourceType": "Condition",
        "id": "a",
        "subject": {"reference": "https://ehr.example/fhir/Patient/one"},
    }
    others = [
        {"resourceType": "Condition", "id": "b", "subject": {"reference": "Patient/two"}},
        {"resourceType": "Observation", "id": "c", "status": "final", "code": {"text": "Potassium"}},
    ]
    give(page, bundle(_PATIENT, mine, *others, {"resourceType": "Medication", "id": "m"}))
    page.get_by_text(
        "2 entries name another patient or none: not sent to the service (Condition/b, Observation/c)."
    ).wait_for()


def test_a_request_is_sent_with_what_it_holds_and_nothing_more(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    sent = fixture("calls/order-select.json")
    del sent["prefetch"]["reports"]
    with request_to(page, "order-select") as asked:
        give(page, sent)
    body = json.loads(asked.value.post_data)
    assert body["hookInstance"] != sent["hookInstance"]
    assert {name: body[name] for name in ("hook", "context", "prefetch")} == {
        name: sent[name] for name in ("hook", "context", "prefetch")
    }
    drafts = page.get_by_role("list", name="Drafts")
    assert "naproxen" in drafts.inner_text()
    with request_to(page, "order-sign") as asked:
        page.get_by_role("button", name="Sign 1 order").click()
    body = json.loads(asked.value.post_data)
    assert body["prefetch"] == sent["prefetch"]
    assert body["context"]["userId"] == "Practitioner/example"
    assert body["context"]["draftOrders"]["entry"][0]["resource"]["id"] == "draft-naproxen"
    assert "selections" not in body["context"]


def test_keys_switched_off_are_not_sent_of_a_request_either(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    sent = fixture("calls/order-select.json")
    give(page, sent)
    page.get_by_role("list", name="Drafts").wait_for()
    for change, server in (
        ("state.sending = {omitted: ['reports'], fault: null}", None),
        ("state.sending = {omitted: ['reports'], fault: 'html'}", "faults/html/fhir"),
    ):
        with request_to(page, "order-select") as asked:
            page.evaluate(
                f"""async () => {{
                    const {{state, update}} = await import("./static/js/state.js");
                    const {{callHook}} = await import("./static/js/calls.js");
                    update(() => {{ {change}; }});
                    await callHook("order-select");
                }}"""
            )
        body = json.loads(asked.value.post_data)
        assert set(body["prefetch"]) == set(sent["prefetch"]) - {"reports"}
        assert body["context"] == sent["context"]
        if server is None:
            assert body.get("fhirServer") == sent.get("fhirServer")
        else:
            assert body["fhirServer"].endswith(server)
            assert body["fhirAuthorization"]["patient"] == sent["context"]["patientId"]


#: Numbers whose digits JavaScript would change, as a record may have them.
DIGITS = ("2.90", "0.10", "12345678901234567890", "-0.0", "0.12345678901234567890", "100.0", "1.0E+2")


def with_digits(record: dict[str, Any], owner: str) -> str:
    """Return a Bundle or request as JSON with results that have those numbers, in that order."""
    rows = [
        {
            "resourceType": "Observation",
            "id": f"digits-{place}",
            "status": "final",
            "category": [{"coding": [{"code": "exam"}]}],
            "code": {"text": "Some other test"},
            "subject": {"reference": owner},
            "effectiveDateTime": "2026-11-19",
            "valueQuantity": {"value": f"@{digits}@", "unit": "mm"},
        }
        for place, digits in enumerate(DIGITS)
    ]
    entries = record["entry"] if "entry" in record else record["prefetch"]["labs"]["entry"]
    entries.extend({"resource": row} for row in rows)
    return re.sub(r'"@([^"]*)@"', r"\1", json.dumps(record))


def digits_in(request: str) -> list[str]:
    """Return those numbers of a request as they are written in it."""
    body = json.loads(request, parse_float=str, parse_int=str)
    bundles = [value for value in body["prefetch"].values() if value and value["resourceType"] == "Bundle"]
    rows = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    return [row["valueQuantity"]["value"] for row in rows if row["id"].startswith("digits-")]


def test_numbers_are_sent_and_shown_with_the_digits_of_the_file(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.clock.set_fixed_time("2026-11-21T09:00:00Z")
    story = fixture("patients/lip-twitching-on-furosemide/bundle.json")
    request = fixture("calls/order-select.json")
    for content, name, hook in (
        (with_digits(story, "Patient/delphine"), "delphine", "patient-view"),
        (with_digits(request, "Patient/lithea"), "lithea", "order-select"),
    ):
        with request_to(page, hook) as asked:
            give(page, content.encode())
        assert digits_in(asked.value.post_data) == list(DIGITS), name
        page.get_by_text(f"id {name}").wait_for()
        rows = page.locator(".row", has_text="Some other test")
        rows.first.wait_for()
        assert rows.locator(".note").all_inner_texts() == [f"{digits} mm" for digits in DIGITS]
        page.get_by_role("tab", name="Developer").click()
        editor = page.get_by_role("textbox", name="Request as JSON")
        editor.wait_for()
        assert digits_in(editor.input_value()) == list(DIGITS)


def test_numbers_of_bundled_patients_are_sent_as_they_are_written(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    page.locator(".patient").first.wait_for()
    with request_to(page, "patient-view") as asked:
        page.evaluate("location.hash = '#/lip-twitching-on-furosemide/cards'")
    text = (ROOT / "fixtures/patients/lip-twitching-on-furosemide/bundle.json").read_text(encoding="utf-8")
    written = set(re.findall(r'"value": (-?[\d.eE+-]+)', text))
    sent = set(re.findall(r'"value":(-?[\d.eE+-]+)', asked.value.post_data))
    assert sent and sent <= written


def test_a_browser_that_changes_numbers_opens_no_file(sandbox: str, visit: Any) -> None:
    page = visit(f"{sandbox}feedback")
    page.context.add_init_script("delete JSON.rawJSON")
    page.goto(sandbox)
    give(page, fixture("patients/lip-twitching-on-furosemide/bundle.json"))
    page.get_by_role("alert").get_by_text("This browser would change numbers of the file.").wait_for()
    page.locator(".patient", has_text="Lithea Mockup").click()
    page.get_by_role("article").first.wait_for()


def test_back_finds_the_own_record_again_and_no_other_stands_in_for_it(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    give(page, fixture("patients/lip-twitching-on-furosemide/bundle.json"))
    page.get_by_text("id delphine").wait_for()
    page.locator(".patient", has_text="Lithea Mockup").click()
    page.get_by_text("id lithea").wait_for()
    page.go_back()
    page.get_by_text("id delphine").wait_for()
    page.goto(f"{sandbox}#/no-such-story/cards")
    page.get_by_role("heading", name="Why does this muscle twitch?").wait_for()
    page.goto(f"{sandbox}#/own/cards")
    page.get_by_text("id delphine").wait_for()


def test_hostile_names_stay_text(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    words = "<img src=x onerror=alert(1)>"
    patient = _PATIENT | {"name": [{"family": words}], "birthDate": "1970-01-01"}
    give(
        page,
        bundle(patient, {"resourceType": "Condition", "id": "c", "code": {"text": words}}),
        f"{words}.json",
    )
    page.get_by_role("heading", level=1, name=words).wait_for()
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("width", [360, 1440])
def test_own_data_is_accessible_and_fits(sandbox: str, visit: Any, width: int) -> None:
    page = visit(sandbox, width=width)
    page.clock.set_fixed_time("2027-02-01T09:00:00Z")
    give(page, fixture("patients/lip-twitching-on-furosemide/bundle.json"))
    page.get_by_text("Look at it as of that day").wait_for()
    if width == 360:
        page.get_by_role("button", name="Patients").click()
    give(page, b"%PDF")
    page.get_by_role("alert").wait_for()
    assert faults_in_every_corner(page) == {}


def test_entries_without_a_resource_are_counted(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    record = bundle(
        _PATIENT, {"resourceType": "Condition", "id": "b", "subject": {"reference": "Patient/two"}}
    )
    record["entry"] += [{"fullUrl": "urn:uuid:6a1f6a0e-6f0b-4c7e-8a53-1d5b8e0f2a11"}]
    give(page, record)
    words = page.locator(".own-words")
    words.get_by_text("1 entry holds no resource.").wait_for()
    assert (
        "1 entry names another patient or none: not sent to the service (Condition/b)." in words.inner_text()
    )
    record["entry"] += [{}]
    give(page, record)
    words.get_by_text("2 entries hold no resource.").wait_for()
    visit.complaints = [text for text in visit.complaints if " 412 " not in text]


def test_a_request_with_another_patient_is_never_shown_under_that_name(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    sent = fixture("calls/order-select.json")
    sent["prefetch"]["patient"] |= {"id": "thyra", "name": [{"family": "Testcase", "given": ["Thyra"]}]}
    foreign = {"resourceType": "Condition", "id": "f", "code": {"text": "Gout of somebody"}}
    sent["prefetch"]["problems"]["entry"].append(
        {"resource": foreign | {"subject": {"reference": "https://ehr.example/fhir/Patient/thyra"}}}
    )
    with request_to(page, "order-select") as asked:
        give(page, sent)
    assert json.loads(asked.value.post_data)["prefetch"] == sent["prefetch"]
    page.get_by_role("heading", level=1, name="Patient lithea", exact=True).wait_for()
    warning = page.get_by_role("alert").filter(has_text="asks about the patient lithea")
    assert "but brings the Patient thyra." in warning.inner_text()
    assert "Chart and cards are those of lithea (context.patientId)." in warning.inner_text()
    assert "2 entries are of another patient: sent as in the file" in page.locator(".own-words").inner_text()
    assert "Condition/f" in page.locator(".own-words").inner_text()
    page.locator(".foot").wait_for()
    page.locator(".tile", has_text="Lithium").first.get_by_text("1.8 mmol/L").wait_for()
    shown = page.locator("main").inner_text()
    assert "Testcase" not in shown and "Gout of somebody" not in shown
    assert axe_violations(page) == []


def test_a_request_about_its_own_patient_is_not_warned_about(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    give(page, fixture("calls/order-select.json"))
    page.get_by_role("heading", level=1, name="Lithea Mockup").wait_for()
    page.locator(".foot").wait_for()
    assert page.get_by_role("alert").count() == 0
    assert "another patient" not in page.locator("main").inner_text()
