"""Every cause, drug, red flag, test and remedy the source articles name has its card, its words or its reason."""

import re
from pathlib import Path
from typing import Any

import pytest

from cds_service.text.wording import assert_clean
from tests.articles import specification
from tests.articles.corrections import assert_corrected
from tests.articles.specification import needs_specification
from tests.articles.texts import rule_texts
from tests.fhir_builder import STYLES
from tests.vignettes.judging import EXTENSION, differences
from tests.vignettes.reading import Vignette, read_file
from tests.vignettes.test_section_15 import review

PATH = Path(__file__).with_name("section-13.yaml")
TABLES = {"causes": "13.1", "drugs": "13.2", "context": "13.3"}
DATA = read_file(PATH).data
#: Each item by its place: table, number of the row, number of the item.
ITEMS = {
    f"{table}-{row}-{number}": (table, row, number)
    for table in TABLES
    for row, entry in enumerate(DATA[table])
    for number, _ in enumerate(entry["items"])
}
FIRING = [
    name for name, (table, row, number) in ITEMS.items() if "fires" in DATA[table][row]["items"][number]
]
_JOINING = {"and", "or", "of", "the", "with"}


def item(name: str) -> dict[str, Any]:
    table, row, number = ITEMS[name]
    return DATA[table][row]["items"][number]


def answer(name: str, style: str, *parts: str) -> dict[str, Any]:
    """The response for a patient with the base and these parts of the item."""
    table, row, number = ITEMS[name]
    places = tuple((table, row, "items", number, part) for part in parts if part in item(name))
    vignette = Vignette(name, read_file(PATH), (("base",), *places), {})
    return review(vignette, style).response()


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", FIRING)
def test_the_item_makes_its_rule_fire_and_its_absence_does_not(name, style):
    wanted = item(name)
    with_it = answer(name, style, "beside", "but")
    checks = {key: wanted[key] for key in ("silent", "not_shown", "orders", "not_orders") if key in wanted}
    assert differences(with_it, {"rules": wanted["fires"], **checks}) == []
    assert_clean(with_it["cards"])
    assert_corrected(with_it["cards"])
    without_it = answer(name, style, "beside")
    instead = wanted.get("without", {})
    quiet = [rule for rule in wanted["fires"] if rule not in instead]
    assert differences(without_it, {"rules": instead, "silent": quiet}) == []


@pytest.mark.parametrize("name", FIRING)
def test_what_is_said_of_the_item_differs_once_it_is_gone(name):
    """An item whose rule answers without it as well says what changes."""
    for rule, parts in item(name).get("without", {}).items():
        assert parts != item(name)["fires"][rule], rule


@pytest.mark.parametrize("name", [name for name in ITEMS if "told" in item(name)])
def test_the_rule_tells_it_in_these_words(name):
    for rule, words in item(name)["told"].items():
        assert any(words in text for text in rule_texts()[rule]), (rule, words)


@pytest.mark.parametrize("name", ITEMS)
def test_each_item_has_one_answer_and_words_of_its_row(name):
    table, row, _ = ITEMS[name]
    assert sum(key in item(name) for key in ("fires", "told", "left")) == 1
    assert [words for words in item(name)["words"] if words not in DATA[table][row]["row"]] == []
    assert ("but" in item(name)) == ("fires" in item(name))


@pytest.mark.parametrize("table", TABLES)
def test_no_word_of_a_row_is_forgotten(table):
    for entry in DATA[table]:
        rest = entry["row"]
        for words in sorted({w for part in entry["items"] for w in part["words"]}, key=len, reverse=True):
            rest = rest.replace(words, " ")
        assert set(re.findall(r"\w+", rest)) <= _JOINING, entry["row"]


@needs_specification
@pytest.mark.parametrize("table", TABLES)
def test_every_row_of_the_specification_is_here(table):
    rows = specification.rows(TABLES[table])
    assert [entry["row"] for entry in DATA[table]] == [row[0] for row in rows]


@needs_specification
@pytest.mark.parametrize("table", TABLES)
def test_every_rule_a_row_names_is_proven(table):
    for entry, row in zip(DATA[table], specification.rows(TABLES[table]), strict=True):
        proven = {rule for part in entry["items"] for rule in _rules_of(part)}
        assert specification.rules_in(row[-1]) - proven == set(), row[0]


def _rules_of(part: dict[str, Any]) -> set[str]:
    return {*part.get("fires", ()), *part.get("told", ()), *([part["rule"]] if "rule" in part else ())}


def test_the_response_tells_the_findings():
    """The expectation above would see nothing if the findings stood elsewhere."""
    assert answer(FIRING[0], next(iter(STYLES)), "beside", "but")["extension"][EXTENSION]["findings"]
