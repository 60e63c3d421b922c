"""Every clause of section 10 of the specification, as patients through the whole product."""

from pathlib import Path

import pytest

from cds_service.content import content_root
from cds_service.text.wording import assert_clean
from tests.populations.test_every_rule import WAYS
from tests.vignettes.judging import differences
from tests.vignettes.reading import read_file, vignettes_of
from tests.vignettes.test_section_15 import knowledge, review

PATH = Path(__file__).with_name("section-10.yaml")
CLAUSES = read_file(PATH).data["vignettes"]
ALL = {vignette.name: vignette for vignette in vignettes_of(PATH)}


@pytest.mark.parametrize(
    ("name", "style"), [(name, style) for name, vignette in ALL.items() for style in vignette.styles]
)
def test_clause(name, style):
    found = review(ALL[name], style).response()
    assert differences(found, ALL[name].expect) == []
    assert_clean(found["cards"])
    actions = [
        action
        for card in found["cards"]
        for suggestion in card.get("suggestions", ())
        for action in suggestion["actions"]
    ]
    assert {action["resource"]["resourceType"] for action in actions} <= {"ServiceRequest"}, "no card doses"


def test_every_clause_has_its_words_and_a_proof():
    assert [row["id"] for row in CLAUSES if not row.get("sentence")] == []
    assert [row["id"] for row in CLAUSES if "expect" not in row] == []
    assert {row["every_rule"] for row in CLAUSES if "every_rule" in row} == set(WAYS)


def test_every_paragraph_is_there_in_its_order():
    paragraphs = read_file(PATH).data["paragraphs"]
    order = [paragraphs.index(row["paragraph"]) for row in CLAUSES]
    assert order == sorted(order)
    assert set(order) == set(range(len(paragraphs)))


def test_paragraphs_are_those_of_the_specification():
    specification = content_root() / ".." / "shared" / "clinical-knowledge.md"
    if not specification.is_file():
        pytest.skip("the specification is not beside the project")
    text = specification.read_text(encoding="utf-8").partition("\n## 10. ")[2].partition("\n## 11. ")[0]
    titles = [line.split("**")[1].lower() for line in text.splitlines() if line.startswith("**")]
    words = {
        "children": "children",
        "pregnancy": "pregnancy",
        "kidney": "ckd",
        "older": "older",
        "frailty": "frailty",
    }
    paragraphs = read_file(PATH).data["paragraphs"]
    assert len(titles) == len(paragraphs)
    assert all(words[name] in title for name, title in zip(paragraphs, titles, strict=True))


def test_every_rule_that_is_named_exists():
    named = {rule for vignette in ALL.values() for rule in vignette.expect.get("rules", {})}
    named |= {rule for vignette in ALL.values() for rule in vignette.expect.get("silent", ())}
    assert named <= set(knowledge().rules)
