"""An address is a piece of the criterion as it is written on the page of the rule."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.content import parse_document
from cds_service.site.addresses import criteria_like, fact_of, in_words, places_of, same

RULE = parse_document(
    """\
id: low
branches:
  - id: mild
    when: {lab: potassium, below: 3.5 mmol/L, within: usual}
  - id: severe
    when:
      any:
        - {lab: potassium, below: 2.5 mmol/L, within: fresh}
        - {drug: [digoxin, lithium], daily_dose: {at_least: 20 mg/d}}
indicator:
  critical: {lab: potassium, below: 2.5 mmol/L, within: fresh}
sentinels:
  fires: {lab: potassium, below: 2.5 mmol/L}
""",
    "cards/rules/x/low.yaml",
)


@pytest.mark.parametrize(
    ("address", "parts", "count"),
    [
        ({"lab": "potassium", "below": "3.5 mmol/L"}, (), 1),
        ({"lab": "potassium", "below": "3.50 mmol/L"}, (), 1),
        ({"lab": "potassium", "below": "3.5 mg/dL"}, (), 0),
        ({"lab": "sodium", "below": "3.5 mmol/L"}, (), 0),
        ({"lab": "potassium", "below": "2.5 mmol/L"}, (), 2),
        ({"lab": "potassium", "below": "2.5 mmol/L"}, ("critical",), 1),
        ({"lab": "potassium", "below": "2.5 mmol/L"}, ("severe",), 1),
        ({"lab": "potassium", "below": "2.5 mmol/L"}, ("mild",), 0),
        ({"drug": "digoxin", "daily_dose": {"at_least": "20 mg/d"}}, (), 1),
        ({"drug": ["digoxin"], "daily_dose": {"at_least": "20 mg/d"}}, (), 0),
    ],
)
def test_places(address: dict[str, object], parts: tuple[str, ...], count: int) -> None:
    assert len(places_of(RULE, address, parts)) == count


def test_candidates_are_what_is_said_of_the_same_fact() -> None:
    told = criteria_like(RULE, {"lab": "potassium", "below": "9 mmol/L"})
    assert len(told) == 3
    assert told[0] == "cards/rules/x/low.yaml:4 says lab: potassium, below: 3.5 mmol/L, within: usual"


def test_words_and_fact_of_a_criterion() -> None:
    assert (
        in_words({"lab": "potassium", "is": ["low", "high"], "note": "x"})
        == "lab: potassium, is: [low, high]"
    )
    assert fact_of({"lab": "potassium", "below": "1 g"}) == "lab potassium"
    assert fact_of({"temporal": {}}) == ""


@given(st.decimals(min_value=0, max_value=999, places=2), st.integers(0, 3))
def test_zeros_at_the_end_mean_nothing(number: Decimal, zeros: int) -> None:
    assert same(f"{number} mg", f"{number}{'0' * zeros} mg")
    assert not same(f"{number} mg", f"{number + 1} mg")
