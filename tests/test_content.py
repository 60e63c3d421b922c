"""The strict YAML reader: what it refuses, what stays text, where each fault stands."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.content import content_root, iter_documents, parse_document, read_document
from cds_service.errors import ContentError


def codes(error: ContentError) -> list[str]:
    return [issue.code for issue in error.issues]


def test_values_are_text_except_plain_numbers_and_booleans() -> None:
    document = parse_document(
        "a: 3.50\nb: 07\nc: 2024-01-01\nd: 1e3\ne: .5\nf: 12\ng: true\nh: 'true'\ni: -0.02\nj: 0o17\n",
        "x.yaml",
    )
    assert document.data == {
        "a": Decimal("3.50"), "b": "07", "c": "2024-01-01", "d": "1e3", "e": ".5", "f": 12, "g": True,
        "h": "true", "i": Decimal("-0.02"), "j": "0o17",
    }  # fmt: skip
    assert str(document.data["a"]) == "3.50"


@pytest.mark.parametrize("word", ["no", "Yes", "ON", "off", "null", "~", "y", "nil", ""])
def test_words_yaml_would_turn_into_something_else_are_refused(word: str) -> None:
    with pytest.raises(ContentError) as caught:
        parse_document(f"a: 1\nb: {word}\n", "x.yaml")
    assert codes(caught.value) == ["C010"]
    assert caught.value.issues[0].where == "x.yaml:2"


@pytest.mark.parametrize(
    ("text", "code", "where"),
    [
        ("a: 1\na: 2\n", "C008", "x.yaml:2"),
        ("a: &x 1\nb: *x\n", "C006", "x.yaml:1"),
        ("a: !!python/object:os.system 1\n", "C009", "x.yaml:1"),
        ("a: !!python/object/apply:os.system [id]\n", "C009", "x.yaml:1"),
        ("a: !!set {b: c}\n", "C009", "x.yaml:1"),
        ("a: [1, 2\n", "C004", "x.yaml:2"),
        ("? [a]\n: 1\n", "C007", "x.yaml:1"),
        ("", "C003", "x.yaml:1"),
        ("a: 1\n---\nb: 2\n", "C004", "x.yaml:2"),
        ("[" * 60 + "]" * 60, "C005", "x.yaml:1"),
    ],
)
def test_faults_name_line_and_code(text: str, code: str, where: str) -> None:
    with pytest.raises(ContentError) as caught:
        parse_document(text, "x.yaml")
    assert code in codes(caught.value)
    assert any(issue.where == where for issue in caught.value.issues if issue.code == code)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ContentError) as caught:
        parse_document("a: no\nb: 1\nb: 2\nc: yes\n", "x.yaml")
    assert sorted(codes(caught.value)) == ["C008", "C010", "C010"]


def test_lines_are_kept_for_every_node() -> None:
    document = parse_document("a:\n  - b: 1\n    c:\n      d: 2\n  - e\n", "x.yaml")
    assert document.line(("a", 0, "c", "d")) == 4
    assert document.line(("a", 1)) == 5
    assert document.where(("a", 0, "c", "not-there")) == "x.yaml:3"


def test_deep_nesting_is_a_fault_not_a_crash() -> None:
    with pytest.raises(ContentError):
        parse_document("[" * 100_000, "x.yaml")


def test_a_missing_file_is_a_content_fault(tmp_path: Path) -> None:
    with pytest.raises(ContentError) as caught:
        read_document(tmp_path / "gone.yaml", tmp_path)
    assert codes(caught.value) == ["C001"]


def test_all_documents_of_a_folder_are_read_before_faults_are_raised(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text("a: no\n")
    (tmp_path / "a.yaml").write_text("a: off\n")
    (tmp_path / "c.yaml").write_text("a: 1\n")
    with pytest.raises(ContentError) as caught:
        list(iter_documents(tmp_path, tmp_path))
    assert [issue.where for issue in caught.value.issues] == ["a.yaml:1", "b.yaml:1"]


def test_the_checkout_holds_the_content() -> None:
    assert (content_root() / "cards").is_dir()
    assert (content_root() / "terminology").is_dir()


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_as_content_fault(text: str) -> None:
    try:
        parse_document(text, "x.yaml")
    except ContentError as error:
        assert error.issues
