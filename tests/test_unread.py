"""Unread codes are counted by system and code, bounded, whoever the patients are."""

from hypothesis import given
from hypothesis import strategies as st

from cds_service.unread import UnreadCodes, unread_rows

keys = st.tuples(
    st.sampled_from(["lab", "drug"]),
    st.sampled_from(["", "http://a", "http://b"]),
    st.text("xyz", max_size=3),
)
records = st.lists(st.dictionaries(keys, st.integers(1, 5), max_size=6), max_size=8)


@given(records, st.randoms())
def test_the_order_of_patients_changes_nothing(
    many: list[dict[tuple[str, str, str], int]], random: object
) -> None:
    first, second = UnreadCodes(), UnreadCodes()
    for unread in many:
        first.add(unread)
    for unread in sorted(many, key=lambda item: repr(item)):
        second.add(unread)
    assert first.rows() == second.rows()
    assert sum(row["count"] for row in first.rows()) == sum(sum(unread.values()) for unread in many)


@given(records, records)
def test_two_workers_count_as_one(
    one: list[dict[tuple[str, str, str], int]], two: list[dict[tuple[str, str, str], int]]
) -> None:
    whole, first, second = UnreadCodes(), UnreadCodes(), UnreadCodes()
    for unread in one:
        whole.add(unread)
        first.add(unread)
    for unread in two:
        whole.add(unread)
        second.add(unread)
    first.merge(second)
    assert first.rows() == whole.rows()


def test_what_does_not_fit_is_counted_all_the_same() -> None:
    counter = UnreadCodes(most=2)
    counter.add({("lab", "s", f"c{i}"): 3 for i in range(4)})
    assert len(counter.rows()) == 2
    assert counter.not_listed == 6


def test_rows_are_the_most_frequent_first_and_bounded() -> None:
    rows = unread_rows({("lab", "", "b" * 500): 1, ("lab", "http://a", "x"): 7})
    assert [row["count"] for row in rows] == [7, 1]
    assert rows[1]["system"] == "(no system)" and len(rows[1]["code"]) == 60


def test_patients_are_counted_too() -> None:
    counter = UnreadCodes()
    for _ in range(3):
        counter.add({("lab", "s", "c"): 2})
    assert counter.rows() == [{"kind": "lab", "system": "s", "code": "c", "count": 6, "patients": 3}]
