"""Words of results: whole words only, denials take a remark back, no word stands for two things."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cds_service.content import content_root
from cds_service.errors import ContentError
from cds_service.terminology import DOUBTFUL, UNUSABLE, load_terminology, schema_issues

WORDS = load_terminology(content_root()).result_words


@pytest.mark.parametrize(
    ("note", "meaning"),
    [
        ("Specimen slightly HEMOLYSED", DOUBTFUL),
        ("Fasting: no. Hemolyzed.", DOUBTFUL),
        ("No hemolysis, drawn from drip arm", UNUSABLE),
        ("Clotted; contaminated with IV fluid", UNUSABLE),
        ("hemolysis: none", ""),
        ("Non-hemolysed", ""),
        ("no evidence of haemolysis", ""),
        ("Dr. Edtan called", ""),
        ("", ""),
    ],
)
def test_remarks_about_the_sample(note: str, meaning: str) -> None:
    assert WORDS.sample(note) == meaning


def test_whole_texts_are_directions_or_answers() -> None:
    assert WORDS.direction(" Critically  low ") == ("low", True)
    assert WORDS.direction("lower back") is None
    assert WORDS.direction(None) is None
    assert (WORDS.answer("(Yes)."), WORDS.answer("Not detected"), WORDS.answer("unsure")) == (
        True,
        False,
        None,
    )


def test_names_tell_past_and_side() -> None:
    assert WORDS.is_past(["History of seizure (situation)"])
    assert not WORDS.is_past(["Historical", "Prehistory of man"])
    assert (WORDS.side(["Left-sided"]), WORDS.side(["Left", "(right)"]), WORDS.side(["lefty"])) == (
        "left",
        "both",
        None,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(content_root() / "terminology", tmp_path / "terminology")
    shutil.copytree(content_root() / "cards" / "schema", tmp_path / "cards" / "schema")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("affirming: [", "affirming: [normal, ", "stands for two things"),
        ("past: [", "history: [", "KeyError"),
    ],
)
def test_a_contradiction_or_a_missing_section_is_refused(copy: Path, old: str, new: str, what: str) -> None:
    path = copy / "terminology" / "results.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ContentError, match=what) as error:
        load_terminology(copy)
    assert "terminology/results.yaml" in str(error.value)


def test_the_schema_finds_what_loading_forgives(copy: Path) -> None:
    path = copy / "terminology" / "results.yaml"
    path.write_text(path.read_text("utf-8") + "colors: [red]\n", encoding="utf-8")
    (issue,) = schema_issues(copy)
    assert issue.code == "T100" and issue.where.startswith("terminology/results.yaml:")


@pytest.mark.parametrize(
    ("old", "new"),
    [("newborn: 28 days", "newborn: a while"), ("  supply_grace:", "  grace:"), ("record:", "notes:")],
)
def test_a_length_of_time_that_is_missing_or_none_is_refused(copy: Path, old: str, new: str) -> None:
    path = copy / "terminology" / "lookback.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ContentError, match=r"terminology/lookback\.yaml"):
        load_terminology(copy)
