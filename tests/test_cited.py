"""Which facts a line shows where there is no room for all of them."""

from __future__ import annotations

import pytest

from cds_service.cards.cited import facts_of
from cds_service.cards.voice import Voice
from cds_service.findings import Evidence
from cds_service.triage import Entry
from cds_service.triage.folding import absorb
from tests.carding import BASE, drug_evidence, evidence, facts, finding, knowledge

LITHIUM, LOSARTAN, FUROSEMIDE = (drug_evidence(name) for name in ("lithium", "losartan", "furosemide"))
NO_LEVEL = Evidence("lab", "lithium-level", "Lithium: none on record")
CALCIUM, EGFR, POTASSIUM, MAGNESIUM = (
    evidence(name, f"{name} 1", name) for name in ("calcium-total", "egfr", "potassium", "magnesium")
)
AGE = Evidence("patient", "age", "Age 70 years")


def told(entry: Entry, most: int) -> list[str]:
    voice = Voice(facts(), knowledge(), BASE)
    return [text.split(",")[0] for text in facts_of([entry], most, voice)]


def test_all_facts_are_told_in_their_order_where_there_is_room() -> None:
    entry = Entry(finding("a", evidence=(AGE, LITHIUM, CALCIUM), points=((CALCIUM,),)))
    assert told(entry, 3) == ["lithium", "calcium-total 1", "Age 70 years"]


def test_what_made_it_true_stays_before_what_accompanies() -> None:
    entry = Entry(
        finding("a", evidence=(AGE, LITHIUM, EGFR, NO_LEVEL, CALCIUM), points=((CALCIUM, LITHIUM),))
    )
    assert told(entry, 1) == ["lithium", "calcium-total 1", "+3 more"]
    assert told(entry, 3) == ["lithium", "egfr 1", "calcium-total 1", "+2 more"]
    assert told(entry, 4) == ["lithium", "egfr 1", "Lithium: none on record", "calcium-total 1", "+1 more"]


@pytest.mark.parametrize("most", [0, 1])
def test_a_rule_that_shares_the_line_names_its_own_drug(most: int) -> None:
    lead = finding("lithium-level-missing", evidence=(LITHIUM, NO_LEVEL), points=((),))
    other = finding("lithium-interaction", evidence=(LITHIUM, LOSARTAN), points=((LOSARTAN,),))
    assert told(Entry(lead, (other,)), most) == ["losartan", "+2 more"]


def test_a_rule_folded_into_another_names_its_own_drug() -> None:
    lead = finding("a", evidence=(POTASSIUM, MAGNESIUM), points=((POTASSIUM, MAGNESIUM),))
    drug = finding("b", evidence=(POTASSIUM, LITHIUM, FUROSEMIDE), points=((POTASSIUM, FUROSEMIDE),))
    low = finding("c", evidence=(POTASSIUM,), points=((POTASSIUM,),))
    entry = Entry(absorb(lead, [drug, low]))
    assert told(entry, 1) == ["potassium 1", "magnesium 1", "furosemide", "+1 more"]
    assert told(entry, 0) == ["potassium 1", "furosemide", "+2 more"]


def test_one_result_and_one_drug_of_the_rule_that_leads_stay_in_the_least_room() -> None:
    points = (POTASSIUM, MAGNESIUM, FUROSEMIDE, LOSARTAN)
    entry = Entry(finding("a", evidence=points, points=(points,)))
    assert told(entry, 0) == ["potassium 1", "furosemide", "+2 more"]


def test_a_finding_that_points_at_nothing_tells_what_is_on_record_first() -> None:
    entry = Entry(finding("a", evidence=(NO_LEVEL, AGE, LITHIUM)))
    assert told(entry, 1) == ["lithium", "+2 more"]
