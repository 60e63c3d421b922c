"""Goal R4: ten thousand adversarial numbers in every place a number is read: none is slow, none changes in silence."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from random import Random

import pytest

from cds_service.fhir import read_bundle
from cds_service.fhir.numbers import (
    MAX_DIGITS,
    MAX_EXPONENT,
    NumberFault,
    number_in,
    read_number,
    read_text_number,
    read_text_range,
)
from cds_service.knowledge import load_knowledge
from cds_service.review import review_patient
from tests.fhir.builders import AS_OF, ME, PATIENT, bundle, codes, facts, lab, order
from tests.fuzz.atoms import NO_NUMBERS, NUMBERS
from tests.fuzz.harness import watched

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_MARK = 987654321
_ODD = (
    *(
        "1.2E+2",
        "1E-7",
        "1e20",
        "1e-20",
        "1e21",
        "1e-21",
        "-0",
        "-0.0",
        "0e0",
        "0E+999999999",
        "5e-324",
        "1.7976931348623157e308",
    ),
    *(
        "1e1000000000",
        "1E+9999999",
        "1e-1000000000",
        "1e" + "9" * 1000,
        "9" * 1_000_000,
        "0." + "0" * 1_000_000 + "1",
        "9" * 40,
        "9" * 41,
    ),
    *(
        "1e" + "0" * 8 + "2",
        "1e" + "0" * 100 + "2",
        "2." + "9" * 100_000,
        "1" + "0" * 400 + "e-400",
        "0.1" * 1,
        "18446744073709551616",
    ),
)


def number_of(seed: int) -> str:
    """Return one adversarial JSON number."""
    random = Random(seed)
    if random.random() < 0.1:
        return random.choice((*_ODD, *NUMBERS))
    whole = random.choice(("0", str(random.randrange(1, 10 ** random.choice((1, 2, 5, 19, 39, 60))))))
    part = (
        "." + "".join(random.choices("0123456789", k=random.choice((1, 2, 10, 40))))
        if random.random() < 0.5
        else ""
    )
    exponent = ""
    if random.random() < 0.5:
        size = random.choice((3, 20, 21, 308, 10_000, 10**9))
        exponent = random.choice("eE") + random.choice(("", "+", "-")) + str(random.randrange(size + 1))
    return random.choice(("", "-")) + whole + part + exponent


@pytest.mark.slow
def test_r4_ten_thousand_numbers_are_exact_or_refused_and_never_expanded() -> None:
    taken = 0
    with watched(60):
        for seed in range(10_000):
            text = number_of(seed)
            assert _JSON_NUMBER.fullmatch(text), "the generator writes JSON"
            try:
                value = read_number(text.encode())
            except NumberFault as fault:
                assert fault.code == "F022", text[:60]
                continue
            taken += 1
            assert value == Decimal(text), "never another value"
            assert (
                len(value.as_tuple().digits) <= MAX_DIGITS
                and abs(value.adjusted()) <= MAX_DIGITS + MAX_EXPONENT
            )
    assert taken > 2_000


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.2E+2", 120), ("1e2", 100), ("2.90", Decimal("2.90")), ("-0", 0), ("25E-1", Decimal("2.5"))],
)
def test_r4_sane_exponents_are_taken(text: str, value: Decimal) -> None:
    assert number_in(text) == value


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1e1e1", "٣", "1 ", " 1", "1\n", "--", "e5", "-", "1-1"])
def test_r4_what_is_no_number_is_none(text: str) -> None:
    if text not in ("01",):
        with pytest.raises(NumberFault):
            number_in(text)


#: Every member of a record that holds a number, with the resource it stands in.
_PLACES = {
    "value": lab(valueQuantity={"value": _MARK, "unit": "mmol/L"}),
    "range": lab(
        referenceRange=[
            {"low": {"value": _MARK, "unit": "mmol/L"}, "high": {"value": _MARK, "unit": "mmol/L"}}
        ]
    ),
    "component": lab(
        valueQuantity=None,
        component=[{"code": {"text": "x"}, "valueQuantity": {"value": _MARK, "unit": "mmol/L"}}],
    ),
    "integer": lab(valueQuantity=None, valueInteger=_MARK),
    "dose": order(
        dosageInstruction=[
            {
                "timing": {
                    "repeat": {
                        "frequency": _MARK,
                        "period": _MARK,
                        "periodMax": _MARK,
                        "count": _MARK,
                        "periodUnit": "d",
                    }
                },
                "doseAndRate": [{"doseQuantity": {"value": _MARK, "unit": "mg"}}],
            }
        ]
    ),
    "supply": order(
        dispenseRequest={
            "numberOfRepeatsAllowed": _MARK,
            "expectedSupplyDuration": {"value": _MARK, "unit": "d"},
        }
    ),
    "age": {
        "resourceType": "Condition",
        "id": "c",
        "subject": ME,
        "code": {"text": "Fasciculation"},
        "onsetAge": {"value": _MARK, "unit": "a", "code": "a", "system": "http://unitsofmeasure.org"},
        "abatementAge": {"value": _MARK, "unit": "a"},
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("place", sorted(_PLACES))
def test_r4_no_number_anywhere_in_a_record_stops_or_slows_a_review(place: str) -> None:
    knowledge = load_knowledge()
    body = bundle(PATIENT, _PLACES[place])
    assert str(_MARK).encode() in body
    for number in (*_ODD, *(number_of(seed) for seed in range(10))):
        with watched(20):
            review = review_patient(
                read_bundle(body.replace(str(_MARK).encode(), number.encode())), knowledge, as_of=AS_OF
            )
        assert review.counts["errored"] == 0
        json.dumps(review.response(), default=str)


@pytest.mark.parametrize(
    "number", [number for number in _ODD if number not in ("1.2E+2", "-0", "-0.0", "0e0", "0.1")]
)
def test_r4_a_result_that_cannot_be_true_is_set_aside_by_name(number: str) -> None:
    body = bundle(PATIENT, lab(valueQuantity={"value": _MARK, "unit": "mmol/L"})).replace(
        str(_MARK).encode(), number.encode()
    )
    found = facts(read_bundle(body))
    assert not found.numbers
    assert set(codes(found)) & {"F022", "F027"}


@pytest.mark.parametrize(
    "text",
    [
        "1" * 100_000,
        "<" * 5_000,
        "1." * 5_000,
        " " * 100_000 + "1",
        "1" + " " * 100_000,
        "-" * 1_000,
        "1-" * 40,
        "1 " * 39,
    ],
)
def test_r4_texts_that_look_like_numbers_are_read_at_once_or_not(text: str) -> None:
    with watched(5):
        assert read_text_number(text) is None
        assert read_text_range(text) is None
