"""Files of one's own at the page of the sandbox: what can be opened is, and what cannot is told why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.web.sandbox.conftest import ROOT, axe_violations, width_of

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
    "a list": (b"[]", "This JSON is no object."),
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
    page.get_by_role("article").first.wait_for()
    expected = page.get_by_role("article").get_by_role("heading", level=2).all_inner_texts()
    page.goto(sandbox)
    page.clock.set_fixed_time("2027-02-01T09:00:00Z")
    by(page, fixture(f"patients/{story}/bundle.json"))
    page.get_by_text("as of 2027-02-01").wait_for()
    with request_to(page, "patient-view") as asked:
        page.get_by_text("Judge it on that day").click()
    body = json.loads(asked.value.post_data)
    assert body["extension"]["org.twitch-cds.asOf"] == "2026-11-20T23:59:59Z"
    assert "fhirServer" not in body
    page.get_by_text("as of 2026-11-20").wait_for()
    assert page.get_by_role("article").get_by_role("heading", level=2).all_inner_texts() == expected
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
    page.get_by_role("article").first.wait_for()
    assert "name another patient" not in page.locator("main").inner_text()
    assert "K 2.9 mmol/L" in page.get_by_role("article").first.inner_text()


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
    page.get_by_text("2 entries name another patient or none: not sent to the service.").wait_for()


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_own_data_is_accessible_and_fits(sandbox: str, visit: Any, width: int, scheme: str) -> None:
    page = visit(sandbox, width=width, scheme=scheme)
    page.clock.set_fixed_time("2027-02-01T09:00:00Z")
    give(page, fixture("patients/lip-twitching-on-furosemide/bundle.json"))
    page.get_by_text("Judge it on that day").wait_for()
    if width == 360:
        page.get_by_role("button", name="Patients").click()
    give(page, b"%PDF")
    page.get_by_role("alert").wait_for()
    assert axe_violations(page) == []
    assert width_of(page) == width
