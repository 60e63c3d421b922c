"""Check digits hold for every code of the terminology, and for no code with one digit changed."""

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.content import content_root
from cds_service.terminology import Coding, load_terminology
from cds_service.terminology.check_digits import digit_issues, mod10_holds, verhoeff_holds

SNOMED = ("55300003", "13645005", "900000000000207008")
LOINC = ("2823-3", "2951-2", "17861-6", "1994-3")


@pytest.mark.parametrize("code", SNOMED)
def test_verhoeff_holds_for_real_codes(code: str) -> None:
    assert verhoeff_holds(code)


@pytest.mark.parametrize("code", LOINC)
def test_mod_10_holds_for_real_codes(code: str) -> None:
    assert mod10_holds(code)


@given(st.sampled_from(SNOMED), st.data())
def test_one_wrong_digit_is_always_seen(code: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(code) - 1))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != code[place]]))
    assert not verhoeff_holds(code[:place] + digit + code[place + 1 :])


@given(st.sampled_from(SNOMED), st.data())
def test_two_neighbors_exchanged_are_always_seen(code: str, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([i for i in range(len(code) - 1) if code[i] != code[i + 1]]))
    assert not verhoeff_holds(code[:place] + code[place + 1] + code[place] + code[place + 2 :])


@pytest.mark.parametrize("code", ["2823-4", "2823", "2823-", "-3", "a-1", "2823-33", "٢٨٢٣-3"])
def test_wrong_loinc_codes_are_seen(code: str) -> None:
    assert not mod10_holds(code)


@pytest.mark.parametrize("code", ["", "x", "5530000٣", "5" * 19])
def test_what_is_no_snomed_code_is_seen(code: str) -> None:
    assert not verhoeff_holds(code)


def test_every_code_of_the_terminology_holds_and_a_wrong_one_is_told() -> None:
    terminology = load_terminology(content_root())
    assert digit_issues(terminology) == []
    wrong = replace(terminology.analyte("potassium"), codes=(Coding("loinc", "2823-4"),))
    broken = replace(terminology, analytes=MappingProxyType({"potassium": wrong}))
    (issue,) = digit_issues(broken)
    assert (issue.where, issue.code) == ("terminology/labs/potassium.yaml", "T080")
