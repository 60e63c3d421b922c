"""The walk-through of the specification, section 13.5: a lip that twitches for five days and one further finding."""

from pathlib import Path
from typing import Any

import pytest

from tests.fhir_builder import STYLES
from tests.vignettes.judging import EXTENSION, differences
from tests.vignettes.reading import Vignette, read_file
from tests.vignettes.test_section_15 import knowledge, review

PATH = Path(__file__).with_name("vignettes") / "section-13-5.yaml"
WORKUP = "baseline-workup-incomplete"
ROWS = list(enumerate(read_file(PATH).data["lines"]))
LINES = {row["finding"]: (number, row) for number, row in ROWS if "but" in row}


def patient(finding: str) -> tuple[Vignette, dict[str, Any]]:
    number, row = LINES[finding]
    return Vignette(finding, read_file(PATH), (("base",), ("lines", number, "but")), {}), row


def _argues(finding: dict[str, Any]) -> bool:
    return finding.get("role") == "argues-against"


def _only_beside(finding: dict[str, Any]) -> bool:
    """Whether it is told beside the ranked lines, not among them."""
    return finding.get("role") in ("argues-against", "evidence-only")


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("finding", LINES)
def test_a_finding_gives_its_card_and_the_workup_joins(finding, style):
    vignette, row = patient(finding)
    answer = review(vignette, style).response()
    rule = row.get("rule")
    shown = {
        item["ruleId"]
        for item in answer["extension"][EXTENSION]["findings"]
        if not item.get("foldedInto")
        and not item.get("gaveWayTo")
        and (item["rank"] or _argues(item) or item["ruleId"] == rule)
    }
    assert shown == {WORKUP, *([rule] if rule else []), *row.get("also", ())}
    order = [WORKUP, rule] if row.get("below_workup") else [rule, WORKUP] if rule else [WORKUP]
    if rule and _only_beside(row["is"]):
        order = [WORKUP]
    assert (
        differences(
            answer,
            {"rules": {rule: row["is"], WORKUP: {"indicator": "info"}} if rule else {}, "order": order},
        )
        == []
    )


def test_every_line_is_judged_or_waits_for_a_rule():
    assert [row["finding"] for _, row in ROWS if "but" not in row and "later" not in row] == []
    waiting = {rule for _, row in ROWS for rule in row.get("later", ())}
    assert waiting & set(knowledge().rules) == set(), "these rules exist now: write the expectation"
