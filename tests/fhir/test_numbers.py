"""Numbers: exact, bounded, never through binary floating point."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.numbers import (
    NumberFault,
    printed,
    read_number,
    read_text_number,
    read_text_range,
)


@pytest.mark.parametrize(
    "raw", ["3.50", "0", "-1", "1.2E+2", "1234567890123456789.0", "0.1", "1e-20", "9" * 40]
)
def test_digits_are_kept_exactly(raw: str) -> None:
    assert read_number(raw.encode()) == Decimal(raw)
    assert str(read_number(raw.encode())) == str(Decimal(raw))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "F020"),
        ("null", "F020"),
        ('"3.5"', "F021"),
        ("true", "F021"),
        ("NaN", "F021"),
        ("Infinity", "F021"),
        ("[1]", "F021"),
        ("1_000", "F021"),
        ("1E+9999999", "F022"),
        ("1e21", "F022"),
        ("1e-21", "F022"),
        ("9" * 41, "F022"),
        ("9" * 100_000, "F022"),
        ("0." + "1" * 40, "F022"),
    ],
)
def test_what_is_no_usable_number_is_refused(raw: str, code: str) -> None:
    with pytest.raises(NumberFault) as fault:
        read_number(raw.encode())
    assert fault.value.code == code


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12))
def test_every_plain_decimal_reads_as_itself(value: Decimal) -> None:
    assert read_number(f"{value:f}".encode()) == value


@given(st.binary(max_size=80))
def test_any_bytes_give_a_number_or_a_fault(raw: bytes) -> None:
    try:
        assert isinstance(read_number(raw), Decimal)
    except NumberFault as fault:
        assert fault.code in {"F020", "F021", "F022"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5.1 mg/dL", ("", "5.1", "mg/dL")),
        ("<0.2", ("<", "0.2", None)),
        (" >= 3 mmol/L ", (">=", "3", "mmol/L")),
        ("4.10mmol/l", ("", "4.10", "mmol/l")),
        ("92 mL/min/1.73 m2", ("", "92", "mL/min/1.73 m2")),
        ("5,1 mg/dL", None),
        ("Test Not Performed mmol/L", None),
        ("3.5-5.0", None),
        ("2+", None),
        ("", None),
        ("1:40", None),
        ("12 of 14 areas with movement seen today", None),
        ("7" * 100, None),
    ],
)
def test_a_text_that_is_only_a_number_is_read(
    text: str, expected: tuple[str, str, str | None] | None
) -> None:
    found = read_text_number(text)
    assert (None if found is None else tuple(found)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3.5-5.0", ("3.5", "5.0")),
        ("3.5 to 5.0 mmol/L", ("3.5", "5.0")),
        ("5.0-3.5", None),
        ("<5", None),
        ("normal", None),
    ],
)
def test_a_printed_range_is_read(text: str, expected: tuple[str, str] | None) -> None:
    found = read_text_range(text)
    assert found == (None if expected is None else tuple(map(Decimal, expected)))


def test_printed_digits_are_cut() -> None:
    assert printed(b"3.50") == "3.50"
    assert len(printed(b"1" * 500)) == 60
