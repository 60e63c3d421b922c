"""The walk-through of the specification, section 13.5: a lip that twitches for five days and one further finding."""

from pathlib import Path
from typing import Any

import pytest

from tests.articles import specification
from tests.articles.corrections import assert_corrected
from tests.articles.specification import needs_specification
from tests.fhir_builder import STYLES
from tests.vignettes.judging import EXTENSION, differences
from tests.vignettes.reading import Vignette, read_file
from tests.vignettes.test_section_15 import review

PATH = Path(__file__).with_name("vignettes") / "section-13-5.yaml"
WORKUP = "baseline-workup-incomplete"
ROWS = list(enumerate(read_file(PATH).data["lines"]))
TABLE = read_file(PATH).data["table"]
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
    assert_corrected(answer["cards"])
    rule = row.get("rule")
    shown = {
        item["ruleId"]
        for item in answer["extension"][EXTENSION]["findings"]
        if not item.get("foldedInto")
        and not item.get("gaveWayTo")
        and (item.get("rank") or _argues(item) or item["ruleId"] == rule)
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


def test_every_line_is_judged():
    assert [row["finding"] for _, row in ROWS if "but" not in row] == []


def test_every_line_stands_for_a_row_of_the_table():
    assert sorted(line for row in TABLE for line in row["lines"]) == sorted(row["finding"] for _, row in ROWS)


@needs_specification
def test_every_row_of_the_specification_has_its_lines():
    assert [row["row"] for row in TABLE] == [row[0] for row in specification.rows("13.5")]


@needs_specification
def test_the_lines_of_a_row_ask_for_the_rules_it_names():
    for row, (_, card) in zip(TABLE, specification.rows("13.5"), strict=True):
        asked = {WORKUP, *(rule for line in row["lines"] for rule in _rules(LINES[line][1]))}
        named = specification.rules_in(card)
        assert named <= asked, row["row"]


def _rules(row: dict[str, Any]) -> list[str]:
    return [*([row["rule"]] if "rule" in row else ()), *row.get("also", ())]
