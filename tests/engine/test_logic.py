"""Three-valued logic: truth tables by hand, laws by property."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.engine.logic import all_of, any_of, as_verdict, at_least, negate
from cds_service.findings import Verdict

answers = st.sampled_from([True, False, None])
several = st.lists(answers, max_size=8)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], True), ([True, None], None), ([None, False], False), ([True, True], True), ([False, None], False)],
)
def test_all_lets_false_win_then_unknown(values: list[bool | None], expected: bool | None) -> None:
    assert all_of(values) is expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], False), ([False, None], None), ([None, True], True), ([False, False], False)],
)
def test_any_lets_true_win_then_unknown(values: list[bool | None], expected: bool | None) -> None:
    assert any_of(values) is expected


@pytest.mark.parametrize(
    ("values", "needed", "expected"),
    [
        ([True, True, False], 2, True),
        ([True, None, False], 2, None),
        ([True, False, False], 2, False),
        ([None, None], 3, False),
    ],
)
def test_some_is_unknown_only_while_it_could_still_be_reached(
    values: list[bool | None], needed: int, expected: bool | None
) -> None:
    assert at_least(values, needed) is expected


@given(several)
def test_de_morgan(values: list[bool | None]) -> None:
    assert negate(all_of(values)) is any_of(negate(value) for value in values)


@given(several, st.randoms(use_true_random=False))
def test_order_of_members_never_matters(values: list[bool | None], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert all_of(values) is all_of(shuffled)
    assert any_of(values) is any_of(shuffled)
    assert at_least(values, 2) is at_least(shuffled, 2)


@given(several)
def test_learning_more_never_turns_an_answer_round(values: list[bool | None]) -> None:
    """An unknown member that becomes known can only decide an unknown answer."""
    for index, value in enumerate(values):
        if value is not None:
            continue
        for learned in (True, False):
            known = [*values[:index], learned, *values[index + 1 :]]
            assert all_of(values) in (None, all_of(known))
            assert any_of(values) in (None, any_of(known))
            assert at_least(values, 2) in (None, at_least(known, 2))


def test_public_words() -> None:
    assert [as_verdict(v) for v in (True, False, None)] == [Verdict.MATCH, Verdict.NO_MATCH, Verdict.UNKNOWN]
