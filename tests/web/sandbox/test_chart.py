"""The chart of the page tells the truth about records as they are: nothing wrong, withdrawn or doubtful looks current."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.sandbox.records import CREATININE, open_record, patient, quantity, result

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
