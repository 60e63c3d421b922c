"""The Markdown of cards as plain text: every word kept, nothing that formats or links."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.text.neutral import guarded, neutral
from cds_service.text.plain import plain_text


@pytest.mark.parametrize(
    ("markdown", "text"),
    [
        ("", ""),
        ("Potassium 2.9 mmol/L on 2026-11-18.", "Potassium 2.9 mmol/L on 2026-11-18."),
        ("#### Low potassium", "Low potassium"),
        ("## Title ##", "Title"),
        ("**Recorded:** K 2.9", "Recorded: K 2.9"),
        ("a **b** c **d**", "a b c d"),
        ("- one\n- two", "\u2022 one\n\u2022 two"),
        ("1. one\n2. two", "1. one\n2. two"),
        ("\\- no item", "- no item"),
        ("\\# no heading", "# no heading"),
        ("2026\\. no item", "2026. no item"),
        ("\\*\\*not bold\\*\\*", "**not bold**"),
        ("5 * 3 ** 2 and HLA-B*15:02", "5 * 3 ** 2 and HLA-B*15:02"),
        ("hypokalemia_drug __x__", "hypokalemia_drug x"),
        ("K <2.5 and >6.5 mmol/L", "K <2.5 and >6.5 mmol/L"),
        ("a `code` b", "a code b"),
        ("see [the rule](https://h.example/r) now", "see the rule (https://h.example/r) now"),
        ("<https://h.example/r>", "https://h.example/r"),
        ("> quoted", "quoted"),
        ("above\n\n---\n\nbelow", "above\n\n\nbelow"),
        (
            "| Test | Value | Date |\n|---|:-:|---|\n| K | 2.9 | 2026-11-18 |\n| Mg \\| x | | **low** |\n\nend",
            "\u2022 Test: K; Value: 2.9; Date: 2026-11-18\n\u2022 Test: Mg | x; Date: low\n\nend",
        ),
        ("**a \\** b**", "a ** b"),
    ],
)
def test_every_construct(markdown, text):
    assert plain_text(markdown) == text


@given(st.text(max_size=200))
def test_text_of_a_record_comes_out_as_it_went_in(text):
    harmless = neutral(text)
    assert plain_text(guarded(harmless)) == harmless


@given(st.text(alphabet="*_`[]()<>#|\\- \n1.aK", max_size=80))
def test_no_letter_and_no_number_is_ever_lost(text):
    def words(some):
        return re.findall(r"[1aK]", some)

    assert words(plain_text(text)) == words(text)


@given(st.text(max_size=300))
def test_it_never_fails_and_lines_stay_lines(text):
    assert plain_text(text).count("\n") <= text.count("\n")
