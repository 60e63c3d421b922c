"""Every rule at the ages section 10 of the specification speaks of, on the patient the rule fires for.

What is expected stands in ``section-10.yaml``, written from the specification; the patients are the
sentinels of the rule files, so that a rule that is silent here is one that fires in an adult.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.content import Document
from cds_service.findings import Verdict
from cds_service.review import Review
from tests.vignettes.judging import differences
from tests.vignettes.reading import Vignette, read_file
from tests.vignettes.test_section_15 import knowledge, review

PATH = Path(__file__).with_name("section-10.yaml")
DATA = read_file(PATH).data
LISTS: dict[str, list[str]] = DATA["rules"]
ON, BY_RANGE = LISTS["enabled"], LISTS["by_range"]
OFF = [*LISTS["adult_only"], *LISTS["off_by_default"], *LISTS["not_named"]]
ALL = sorted([*ON, *BY_RANGE, *OFF])
CHILDREN = (7, 16)
OLDEST_NEWBORN = "27 days"
STYLES = ("american", "billing", "european", "words")

#: What a clause may name as its proof (``every_rule``), and the test here that proves it.
WAYS = {
    "enabled": "test_rule_that_is_on_fires_in_a_child",
    "outside its own range": "test_result_outside_its_own_range_fires_in_a_child",
    "inside its own range": "test_result_inside_its_own_range_is_normal_for_a_child",
    "without a range": "test_result_without_a_range_is_not_judged_in_a_child",
    "silent": "test_rule_that_is_off_is_silent_in_a_child",
    "newborn": "test_newborn_gets_no_card",
    "unknown age": "test_without_an_age_only_rules_that_need_none_run",
    "unknown sex": "test_without_a_sex_only_rules_that_need_none_run",
}


@cache
def judged(rule: str, age: int | str = "as written", ranges: str = "", sex: str = "as written") -> Review:
    """The review of the rule's patient at another age or sex, the results with ranges of their own."""
    return review(_vignette(rule, age, ranges, sex), STYLES[sum(map(ord, rule)) % len(STYLES)])


def _vignette(rule: str, age: int | str, ranges: str, sex: str) -> Vignette:
    patient = DATA["patients"].get(rule) or knowledge().documents[f"rules/{rule}"].data["sentinels"]["fires"]
    but: dict[str, Any] = {"age": age, "sex": sex}
    if "labs" in patient and ranges:
        but["labs"] = {lab: _ranged(lab, said, ranges) for lab, said in patient["labs"].items()}
    patch = {key: value for key, value in but.items() if value != "as written"}
    document = Document(f"{rule} of section 10", {"patient": patient, "but": patch}, {})
    return Vignette(rule, document, (("patient",), ("but",)), {})


def _ranged(lab: str, said: Any, which: str) -> Any:
    if isinstance(said, list):
        return [_ranged(lab, item, which) for item in said]
    if lab not in DATA["ranges"] or said == "none":
        return said
    return f"{said.partition(', range')[0]}, range {DATA['ranges'][lab][which]}"


def verdict(found: Review, rule: str) -> Verdict:
    return next(finding.verdict for finding in found.findings if finding.rule_id == rule)


def missing(found: Review, rule: str) -> set[str]:
    return {gap.name for finding in found.findings if finding.rule_id == rule for gap in finding.missing}


def test_every_specified_rule_is_in_exactly_one_list():
    """A rule beyond the specification needs no list of section 10: its own file says its ages."""
    assert len(ALL) == len(set(ALL)) == 108
    assert set(ALL) <= set(knowledge().rules)


@pytest.mark.parametrize("rule", ALL)
def test_the_patient_fires_the_rule_as_an_adult(rule):
    """Otherwise silence in a child would prove nothing."""
    assert verdict(judged(rule, *([30] if rule in DATA["patients"] else [])), rule) is Verdict.MATCH


@pytest.mark.parametrize("age", CHILDREN)
@pytest.mark.parametrize("rule", ON)
def test_rule_that_is_on_fires_in_a_child(rule, age):
    assert verdict(judged(rule, age), rule) is Verdict.MATCH


@pytest.mark.parametrize("age", CHILDREN)
@pytest.mark.parametrize("rule", BY_RANGE)
def test_result_outside_its_own_range_fires_in_a_child(rule, age):
    assert verdict(judged(rule, age, "own"), rule) is Verdict.MATCH


@pytest.mark.parametrize("age", CHILDREN)
@pytest.mark.parametrize("rule", [rule for rule in BY_RANGE if rule not in DATA["no_wide"]])
def test_result_inside_its_own_range_is_normal_for_a_child(rule, age):
    assert verdict(judged(rule, age, "wide"), rule) is not Verdict.MATCH


@pytest.mark.parametrize("age", CHILDREN)
@pytest.mark.parametrize("rule", BY_RANGE)
def test_result_without_a_range_is_not_judged_in_a_child(rule, age):
    found = judged(rule, age)
    assert verdict(found, rule) is Verdict.UNKNOWN
    assert rule in {row["ruleId"] for row in found.extension()["notAssessed"]}


@pytest.mark.parametrize("age", CHILDREN)
@pytest.mark.parametrize("rule", OFF)
def test_rule_that_is_off_is_silent_in_a_child(rule, age):
    for ranges in ("", "own"):
        assert verdict(judged(rule, age, ranges), rule) is Verdict.NO_MATCH


@pytest.mark.parametrize("rule", ALL)
def test_newborn_gets_no_card(rule):
    assert differences(judged(rule, OLDEST_NEWBORN).response(), {"outside": "newborn", "cards": 0}) == []


@pytest.mark.parametrize("rule", ALL)
def test_without_an_age_only_rules_that_need_none_run(rule):
    bare, ranged = judged(rule, "unknown"), judged(rule, "unknown", "own")
    if rule in OFF or rule in DATA["needs_age"]:
        assert verdict(bare, rule) is Verdict.UNKNOWN
        assert {"age", "twitch"} & (missing(bare, rule) | missing(ranged, rule)), (
            "the twitch lacks its onset age"
        )
    else:
        assert verdict(ranged, rule) is Verdict.MATCH
    if rule in BY_RANGE:
        assert verdict(bare, rule) is Verdict.UNKNOWN


@pytest.mark.parametrize("rule", ALL)
def test_without_a_sex_only_rules_that_need_none_run(rule):
    found = judged(rule, 30 if rule in DATA["patients"] else "as written", sex="unknown")
    if rule in DATA["needs_sex"]:
        assert verdict(found, rule) is Verdict.UNKNOWN
        assert "sex" in missing(found, rule)
    else:
        assert verdict(found, rule) is Verdict.MATCH


def test_every_way_names_a_test_of_this_file():
    assert {name for name in globals() if name in WAYS.values()} == set(WAYS.values())
