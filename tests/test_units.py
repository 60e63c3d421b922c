"""Units are read as written or refused, and amounts convert exactly in Decimal."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.content import content_root
from cds_service.errors import UnitError
from cds_service.terminology import Analyte, Terminology, load_terminology
from cds_service.units import Factor, Units, convert, fold_spelling

TERMINOLOGY: Terminology = load_terminology(content_root())
UNITS = TERMINOLOGY.units
CORPUS = [
    tuple(line.split("\t"))
    for line in (Path(__file__).parent / "data" / "unit-spellings.tsv").read_text("utf-8").splitlines()[1:]
]
UNDERSTOOD = [(spelling, word) for spelling, word in CORPUS if word != "refused"]
REFUSED = [spelling for spelling, word in CORPUS if word == "refused"]


def code_of(error: pytest.ExceptionInfo[UnitError]) -> str:
    return error.value.issues[0].code


def test_the_corpus_is_large_enough() -> None:
    assert len(UNDERSTOOD) >= 150
    assert len(REFUSED) >= 25


@pytest.mark.parametrize(("spelling", "word"), UNDERSTOOD)
def test_a_listed_spelling_is_read(spelling: str, word: str) -> None:
    assert UNITS.parse(spelling) == word
    assert UNITS.parse(None, spelling, "http://unitsofmeasure.org") == word


@pytest.mark.parametrize("spelling", REFUSED)
def test_anything_else_is_refused(spelling: str) -> None:
    with pytest.raises(UnitError):
        UNITS.parse(spelling)


CHANGED = [("mmol/L", "Mmol/L"), ("mg/dL", "Mg/dL"), ("ms", "Ms"), ("pmol/L", "Pmol/L")]


@pytest.mark.parametrize("pair", CHANGED)
def test_letter_case_that_changes_the_meaning_is_not_folded(pair: tuple[str, str]) -> None:
    assert UNITS.knows(pair[0])
    assert not UNITS.knows(pair[1])


def test_an_absent_unit_is_never_assumed() -> None:
    for text, code in ((None, None), ("", ""), ("  ", None)):
        with pytest.raises(UnitError) as error:
            UNITS.parse(text, code)
        assert code_of(error) == "U001"


def test_text_and_code_that_disagree_are_refused() -> None:
    with pytest.raises(UnitError) as error:
        UNITS.parse("mmol/L", "mg/dL", "http://unitsofmeasure.org")
    assert code_of(error) == "U003"


def test_text_decides_where_the_code_is_of_another_system() -> None:
    assert UNITS.parse("umol/L", "258814008", "http://snomed.info/sct") == "µmol/L"
    with pytest.raises(UnitError) as error:
        UNITS.parse(None, "258814008", "http://snomed.info/sct")
    assert code_of(error) == "U002"


def test_a_code_with_a_broken_system_is_still_ucum() -> None:
    assert UNITS.parse("milligram per deciliter", "mg/dL", "http://unitsofmeasure.org/") == "mg/dL"
    assert UNITS.parse(None, "mg/dL") == "mg/dL"


def test_a_very_long_unit_is_refused_without_work() -> None:
    with pytest.raises(UnitError):
        UNITS.parse("m" * 1_000_000)


def test_no_error_text_holds_what_the_record_said() -> None:
    with pytest.raises(UnitError) as error:
        UNITS.parse("secret-of-the-patient")
    assert "secret" not in str(error.value)


def test_printed_words_and_ucum_codes_are_themselves_spellings() -> None:
    for word, code in UNITS.ucum.items():
        assert UNITS.parse(word) == word
        assert UNITS.parse(None, code) == word


def test_one_spelling_cannot_stand_for_two_units() -> None:
    with pytest.raises(ValueError, match="two units"):
        Units([("mU/L", "mIU/L"), ("mU / L", "other")], {"mIU/L": "m[IU]/L", "other": "x"})


def test_a_unit_without_factor_is_refused() -> None:
    with pytest.raises(UnitError) as error:
        convert(Decimal(1), "kg", {"g": Factor(Decimal(1))})
    assert code_of(error) == "U004"


def test_fahrenheit_becomes_celsius() -> None:
    temperature = TERMINOLOGY.analyte("temperature")
    assert abs(temperature.to_canonical(Decimal("98.6"), "°F") - 37) < Decimal("0.000001")
    assert abs(temperature.to_canonical(Decimal("32"), "°F")) < Decimal("0.000001")


ANALYTES = [TERMINOLOGY.analytes[name] for name in sorted(TERMINOLOGY.analytes)]
AMOUNTS = st.decimals(min_value=Decimal("0.001"), max_value=Decimal(100_000), places=4)


@given(analyte=st.sampled_from(ANALYTES), value=AMOUNTS, data=st.data())
def test_there_and_back_again(analyte: Analyte, value: Decimal, data: st.DataObject) -> None:
    unit = data.draw(st.sampled_from(sorted(analyte.factors)))
    factor = analyte.factors[unit]
    canonical = analyte.to_canonical(value, unit)
    back = (canonical - factor.plus) / factor.times
    assert abs(back - value) <= abs(value) * Decimal("1e-20")


@given(analyte=st.sampled_from(ANALYTES), one=AMOUNTS, other=AMOUNTS)
def test_conversion_keeps_the_order_of_amounts(analyte: Analyte, one: Decimal, other: Decimal) -> None:
    for unit in analyte.factors:
        bigger = analyte.to_canonical(max(one, other), unit)
        assert bigger >= analyte.to_canonical(min(one, other), unit)


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused_but_never_crashes(text: str) -> None:
    try:
        assert UNITS.parse(text) in UNITS.words
    except UnitError as error:
        assert error.issues[0].code in {"U001", "U002"}


@given(st.text(max_size=60))
def test_folding_twice_changes_nothing_more(text: str) -> None:
    once = fold_spelling(text)
    assert fold_spelling(once) == once
