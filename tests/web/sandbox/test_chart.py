"""The chart of the page tells the truth about records as they are: nothing wrong, withdrawn or doubtful looks current."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.web.sandbox.conftest import axe_violations, width_of
from tests.web.sandbox.records import (
    CREATININE,
    MAGNESIUM,
    drug,
    of_patient,
    open_record,
    patient,
    quantity,
    result,
)

pytestmark = pytest.mark.slow


def opened(visit: Any, sandbox: str, *resources: dict[str, Any], **window: Any) -> Any:
    page = visit(sandbox, **window)
    open_record(page, patient(), *resources)
    return page


def tile(page: Any, title: str) -> Any:
    return page.locator(".tile", has=page.get_by_role("heading", name=title, exact=True))


def test_a_single_result_stands_in_the_middle_of_its_own_time(sandbox: str, visit: Any) -> None:
    """The drawing library would show years to come."""
    page = opened(visit, sandbox, result("a", "2026-11-10T08:00:00Z", quantity(2.4, "mmol/L"), interpretation=[{"coding": [{"code": "L"}]}]))  # fmt: skip
    plot = tile(page, "Potassium").locator(".u-over")
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 20)
    point = plot.locator(".u-cursor-pt").first.bounding_box()
    middle = point["x"] + point["width"] / 2 - box["x"]
    assert abs(middle - box["width"] / 2) < 3


def test_the_newest_result_is_shown_as_it_was_reported_whatever_the_spelling_of_its_unit(
    sandbox: str, visit: Any
) -> None:
    page = opened(
        visit,
        sandbox,
        result("a", "2026-10-02T08:00:00Z", quantity(1.2, "mg/dL"), CREATININE),
        result("b", "2026-11-02T08:00:00Z", quantity(88, "umol/L"), CREATININE),
    )
    assert "88 µmol/L" in tile(page, "Creatinine").locator("header").inner_text()
    tile(page, "Creatinine").get_by_role("button", name="Show values of Creatinine").click()
    rows = tile(page, "Creatinine").get_by_role("row").all_inner_texts()
    assert rows[2].split("\t")[1:3] == ["106.1 µmol/L", "1.2 mg/dL"]


HARD = [
    result("sure", "2026-11-01T08:00:00Z", quantity(4.1, "mmol/L")),
    result("error", "2026-11-05T08:00:00Z", quantity(2.4, "mmol/L"), status="entered-in-error"),
    result("corrected", "2026-11-08T08:00:00Z", quantity(3.4, "mmol/L"), status="corrected"),
    result("early", "2026-11-10T08:00:00Z", quantity(3.1, "mmol/L"), status="preliminary"),
    result("cancelled", "2026-11-11T08:00:00Z", quantity(2.9, "mmol/L"), status="cancelled"),
    result("unitless", "2026-11-13T08:00:00Z", {"value": 29}),
    result("undated", "", quantity(3.2, "mmol/L")),
    result("absent", "2026-11-14T08:00:00Z", None, dataAbsentReason={"text": "not performed"}),
    result("hemolyzed", "2026-11-16T08:00:00Z", quantity(6.9, "mmol/L"), note=[{"text": "Sample hemolyzed"}]),
    result("ahead", "2027-02-01T08:00:00Z", quantity(1.9, "mmol/L")),
    result("yearly", "2026", quantity(3.8, "mmol/L")),
    result("limit", "2026-11-10T08:00:00Z", quantity(0.2, "mmol/L", "<"), MAGNESIUM),
]


def row(page: Any, title: str) -> Any:
    """The line of the chart with a title."""
    return page.locator(".chart .row", has=page.locator(".title", has_text=title)).first


def is_struck(page: Any, title: str) -> bool:
    line = row(page, title).locator(".title").first
    return bool(line.evaluate("place => getComputedStyle(place).textDecorationLine === 'line-through'"))


def test_results_that_are_less_than_final_say_so_in_series_and_table(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox, *HARD)
    head = tile(page, "Potassium").locator("header").inner_text()
    assert "6.9 mmol/L" in head and "sample doubtful" in head and "high" not in head
    assert "no range sent; usual 3.5 to 5" in tile(page, "Potassium").locator("footer").inner_text()
    assert "Open circle" in tile(page, "Potassium").inner_text()
    assert re.search(
        r"<0\.2 mmol/L\s+low", tile(page, "Magnesium").locator("header").inner_text()
    )  # it is below any range
    tile(page, "Potassium").get_by_role("button", name="Show values of Potassium").click()
    rows = [line.split("\t") for line in tile(page, "Potassium").get_by_role("row").all_inner_texts()[1:]]
    assert [line[0].removeprefix("2026-11-") for line in rows] == [
        "2027-02-01 08:00 after 2026-11-20",
        "16 08:00 sample doubtful",
        "10 08:00 preliminary",
        "08 08:00 corrected",
        "01 08:00",
        "2026",
    ]
    assert axe_violations(page) == []


def test_what_was_written_beside_an_entry_is_shown_as_text(sandbox: str, visit: Any) -> None:
    """A card may rest on it: cards and the Why panel mark the entry in the chart."""
    notes = [
        {"text": "lip twitching since Monday"},
        {"text": "<img src=x onerror=complain(1)>"},
        {"text": "x" * 900},
    ]
    problem = of_patient("Condition", "noted", code={"text": "Review"}, note=notes)
    page = opened(visit, sandbox, problem, drug("plain", "Ramipril"))
    words = row(page, "Review").locator(".remarks").inner_text()
    assert words.startswith("lip twitching since Monday; <img src=x onerror=complain(1)>; xxx")
    assert words.endswith("x ...") and len(words) < 500
    assert row(page, "Ramipril").locator(".remarks").count() == 0


def test_what_is_not_used_says_why_where_it_stands(sandbox: str, visit: Any) -> None:
    page = opened(visit, sandbox, *HARD)
    assert "29 no unit\nNot used: it has no unit." in row(page, "Test unitless").inner_text()
    assert "Not used: it has no date." in row(page, "Test undated").inner_text()
    assert "no value: not performed" in row(page, "Test absent").inner_text()
    assert is_struck(page, "Test error") and "entered in error" in row(page, "Test error").inner_text()
    assert is_struck(page, "Test cancelled") and not is_struck(page, "Test unitless")
    aside = page.locator(
        ".block", has=page.get_by_role("heading", name=re.compile("^Not used by the service"))
    )
    assert "Test unitless\nhas no unit." in aside.inner_text()
    assert "Observation/unitless" in aside.inner_text()


def test_the_same_result_sent_twice_is_told(sandbox: str, visit: Any) -> None:
    twice = [result(name, "2026-11-01T08:00:00Z", quantity(3.4, "mmol/L")) for name in ("a", "b")]
    page = opened(visit, sandbox, *twice)
    assert "the same result was sent twice" in page.locator(".chart .row .unused").inner_text()


def concept(code: str) -> dict[str, Any]:
    return {"coding": [{"code": code}]}


def test_what_is_not_so_looks_so_in_every_list(sandbox: str, visit: Any) -> None:
    page = opened(
        visit,
        sandbox,
        of_patient("Condition", "c1", code={"text": "Epilepsy"}, verificationStatus=concept("refuted")),
        of_patient("Condition", "c2", code={"text": "Tetany"}, verificationStatus=concept("entered-in-error")),
        of_patient("Condition", "c3", code={"text": "Sclerosis"}, verificationStatus=concept("provisional"),
                   clinicalStatus=concept("resolved")),
        of_patient("Condition", "c4", clinicalStatus=concept("active")),
        of_patient("AllergyIntolerance", "a1", code={"text": "Latex"}, verificationStatus=concept("refuted")),
        of_patient("Procedure", "p1", code={"text": "Thyroidectomy"}, status="not-done"),
        of_patient("Immunization", "i1", vaccineCode={"text": "Tetanus"}, status="not-done"),
        of_patient("Observation", "s1", code={"text": "Weakness"}, status="entered-in-error", valueBoolean=True),
        of_patient("FamilyMemberHistory", "f1", status="completed", relationship={"text": "mother"},
                   condition=[{"code": {"text": "Chin quivering"}}]),
        drug("d1", "Haloperidol", "entered-in-error"),
        drug("d2", "Clozapine", doNotPerform=True),
        drug("d3", "Omeprazole", "on-hold"),
        drug("d4", "Digoxin", authoredOn="2027-05-01"),
        drug("d5", "Furosemide", authoredOn="2026-10-01"),
        of_patient("MedicationAdministration", "d6", medicationCodeableConcept={"text": "Zoledronate"},
                   status="completed", effectiveDateTime="2026-11-10T09:00:00Z"),
    )  # fmt: skip
    struck = [
        "Epilepsy",
        "Tetany",
        "Latex",
        "Thyroidectomy",
        "Tetanus",
        "Weakness",
        "Haloperidol",
        "Clozapine",
    ]
    standing = ["Sclerosis", "Problem not named", "Omeprazole", "Digoxin", "Furosemide", "Zoledronate"]
    assert {title: is_struck(page, title) for title in struck + standing} == (
        dict.fromkeys(struck, True) | dict.fromkeys(standing, False)
    )
    assert "provisional, resolved" in row(page, "Sclerosis").inner_text()
    assert "not to be given" in row(page, "Clozapine").inner_text()
    assert "given" in row(page, "Zoledronate").locator(".status").inner_text()
    assert "after 2026-11-20" in row(page, "Digoxin").inner_text()
    assert "Family history: mother\nChin quivering" in row(page, "Family history").inner_text()
    assert page.get_by_role("button", name=re.compile("^Refill")).all_inner_texts() == ["Refill"]


AGES = {
    "born in 1990, by year only": ({"birthDate": "1990"}, "35 or 36 years"),
    "a child by month": ({"birthDate": "2024-11"}, "23 months or 2 years"),
    "a newborn": ({"birthDate": "2026-11-19"}, "1 day"),
    "an infant": ({"birthDate": "2026-02-23"}, "8 months"),
    "nobody knows": ({"birthDate": None, "gender": None}, "sex not on record"),
    "unknown sex": ({"gender": "unknown"}, "sex unknown"),
    "dead": ({"deceasedBoolean": True}, "deceased"),
    "dead since": ({"deceasedDateTime": "2026-11-15"}, "died 2026-11-15"),
}


def test_age_sex_and_death_are_told_as_well_as_they_are_known(sandbox: str, visit: Any) -> None:
    page = visit(sandbox)
    for name, (members, words) in AGES.items():
        known = {key: value for key, value in patient(**members).items() if value is not None}
        open_record(page, known)
        assert words in page.locator(".banner").inner_text(), name
        page.goto(sandbox)


def test_a_year_is_no_day_to_look_back_to(sandbox: str, visit: Any) -> None:
    page = opened(
        visit, sandbox, of_patient("Condition", "c", code={"text": "Twitching"}, onsetDateTime="2026")
    )
    assert page.get_by_text("The newest entry").count() == 0


def test_four_hundred_results_stay_a_chart(sandbox: str, visit: Any) -> None:
    many = [
        result(f"k{at}", f"{2016 + at // 40}-{1 + at % 12:02d}-{1 + at % 28:02d}T08:00:00Z", quantity(3.5 + at % 7 / 10, "mmol/L"))
        for at in range(400)
    ]  # fmt: skip
    page = opened(visit, sandbox, *many)
    tile(page, "Potassium").get_by_role("button", name="Show values of Potassium").click()
    table = tile(page, "Potassium").get_by_role("region")
    table.wait_for()
    assert table.get_by_role("row").count() > 300
    assert table.bounding_box()["height"] < 400
    assert axe_violations(page) == []


def test_a_name_without_a_blank_does_not_widen_the_page(sandbox: str, visit: Any) -> None:
    page = visit(sandbox, width=380)
    long = of_patient("Condition", "c", code={"text": "x" * 300})
    open_record(page, patient(name=[{"family": "B" * 200}]), long, is_narrow=True)
    page.get_by_role("tab", name="Chart").click()
    row(page, "xxx").wait_for()
    assert width_of(page) == 380
