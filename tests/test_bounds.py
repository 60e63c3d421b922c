"""Depth and number of values of a JSON text, told before it is decoded."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.json_text.bounds import MAX_DEPTH, is_crowded, is_deeper
from cds_service.json_text.members import TooMany, members_of

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = sorted((ROOT / "fixtures").rglob("*.json"))

_TEXT = st.text('[]{}"\\,: aé\n', max_size=6)
_TREES = st.recursive(
    st.none() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=12,
)


def _depth(tree):
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else None
    return 0 if inner is None else 1 + max(map(_depth, inner), default=0)


@given(_TREES, st.integers(1, 6), st.booleans())
def test_depth_is_that_of_the_decoded_tree_whatever_its_texts_hold(tree, most, is_ascii):
    assert is_deeper(json.dumps(tree, ensure_ascii=is_ascii).encode(), most) == (_depth(tree) > most)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[[],{"x":"[\\"]"},', b'["\\\\",'])
def test_the_limit_is_exact(opening):
    closing = b"}" if opening.startswith(b"{") else b"]"
    inner = 1 if b"{" in opening[1:] else 0
    for depth, is_too_deep in ((MAX_DEPTH, False), (MAX_DEPTH + 1, True)):
        text = opening * (depth - inner) + (b"[1]" if inner else b"1") + closing * (depth - inner)
        json.loads(text)
        assert is_deeper(text) == is_too_deep


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: "/".join(path.parts[-2:]))
def test_real_records_are_far_from_both_limits(path):
    tree = json.loads(path.read_bytes())
    text = json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()
    assert _depth(tree) < MAX_DEPTH // 2
    assert not is_crowded(text * (1 + 1_000_000 // len(text)))


@pytest.mark.parametrize("item", [b"1,", b"[],", b'{"a":1},', b"[[[[[[[[[["])
def test_a_text_of_nothing_but_values_is_crowded(item):
    assert is_crowded(item * 600_000)


def test_an_object_of_too_many_members_is_not_read_to_its_end():
    def members(count):
        return b"{" + b",".join(b'"%d":1' % number for number in range(count)) + b"}"

    assert len(members_of(members(10_000))) == 10_000
    with pytest.raises(TooMany):
        members_of(members(10_001))
