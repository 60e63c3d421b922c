"""Counts: sums that do not depend on the order, and what an export says of types nobody has."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.batch.tally import Tally
from cds_service.facts import DataState

COUNTS = st.dictionaries(st.text(max_size=4), st.integers(0, 9), max_size=4).map(Counter)
TALLIES = st.builds(
    Tally, given=COUNTS, reviewed=COUNTS, rules=COUNTS, resources=COUNTS, damaged=COUNTS, promised=COUNTS
)


def total(tallies):
    found = Tally()
    for tally in tallies:
        found.add(Tally.from_json(tally.to_json()))
    return found


@settings(deadline=None)
@given(tallies=st.lists(TALLIES, max_size=5), chance=st.randoms())
def test_sums_do_not_depend_on_the_order(tallies, chance):
    first = total(tallies)
    chance.shuffle(tallies)
    again = total(tallies)
    assert again.to_json() == first.to_json()
    assert again.states() == first.states()


def test_a_type_is_known_to_be_empty_only_where_it_was_sent_whole():
    tally = Tally(
        resources=Counter({"Observation": 3, "Condition": 0, "Procedure": 2}),
        damaged=Counter({"Procedure": 1}),
        promised=Counter({"Observation": 1, "Encounter": 1}),
    )
    assert tally.states() == {
        "Observation": DataState.NONE_FOUND,
        "Condition": DataState.NONE_FOUND,
        "Procedure": DataState.INCOMPLETE,
        "Encounter": DataState.INCOMPLETE,
    }
