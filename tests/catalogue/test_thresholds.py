"""Thresholds of analytes are those of the rules, in the canonical unit."""

from __future__ import annotations

from decimal import Decimal

from cds_service.catalogue.thresholds import Threshold, analyte_frames, analyte_thresholds
from cds_service.knowledge import load_knowledge
from tests.batch.finished import knowledge


def _values(name: str) -> dict[Decimal, Threshold]:
    return {cut.value: cut for cut in analyte_thresholds(knowledge())[name]}


def test_a_threshold_names_its_side_and_every_rule_that_rests_on_it() -> None:
    potassium = _values("potassium")
    assert [str(value) for value in potassium] == ["2.5", "3", "3.5", "5.5", "6", "6.5"]
    assert potassium[Decimal("2.5")].side == "low"
    assert "hypokalemia" in potassium[Decimal("3.5")].rules  # through a definition
    assert potassium[Decimal("6.5")].side == "high"
    assert "hyperkalemia" in potassium[Decimal("6.5")].rules


def test_a_limit_on_the_best_of_several_results_counts_for_each() -> None:
    assert Decimal("1.9") in _values("calcium-total")
    assert Decimal("0.9") in _values("calcium-ionized")
    assert Decimal("0.9") not in _values("calcium-total")


def test_a_limit_in_another_spelling_is_understood() -> None:
    assert Decimal(60) in _values("egfr")  # mL/min/1.73m2 in the rules
    assert Decimal(354) in _values("creatinine")  # umol/L in the rules
    assert Decimal("38.5") in _values("temperature")  # C in the rules


def test_every_threshold_is_plausible_and_none_comes_twice() -> None:
    for name, cuts in analyte_thresholds(knowledge()).items():
        analyte = knowledge().terminology.analytes[name]
        values = [cut.value for cut in cuts]
        assert values == sorted(set(values)) and cuts
        assert all(analyte.is_plausible(value) and value for value in values)
        assert all("E" not in str(value) for value in values)
        assert all(cut.rules and cut.side in ("low", "high", "both") for cut in cuts)


def test_the_frames_have_every_analyte_and_no_second_reading_differs() -> None:
    frames = analyte_frames(knowledge())
    assert set(frames) == set(knowledge().terminology.analytes)
    assert frames["potassium"]["unit"] == "mmol/L"
    assert frames["potassium"]["range"] == ["3.5", "5.0"]
    assert frames["potassium"]["thresholds"][0]["value"] == "2.5"
    assert frames == analyte_frames(load_knowledge())
