"""Names of things inside a sentence."""

import pytest

from cds_service.catalogue.titles import inside, named_inside, titles_of
from cds_service.knowledge import load_knowledge

KNOWLEDGE = load_knowledge()


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Magnesium, serum", "magnesium, serum"),
        ("QTc interval", "QTc interval"),
        ("PTH low", "PTH low"),
        ("Abnormal Involuntary Movement Scale (AIMS)", "Abnormal Involuntary Movement Scale (AIMS)"),
        ("St John's wort", "St John's wort"),
        ("Parkinson's disease", "Parkinson's disease"),
        ("A result", "a result"),
        ("", ""),
    ],
)
def test_headings_become_small_and_names_stay(title, expected):
    assert inside(title) == expected


def test_names_of_persons_in_value_sets_stay_as_written():
    assert titles_of("condition", ["bells-palsy"], KNOWLEDGE) == ["Bell palsy"]
    assert named_inside("symptom", "trousseau", KNOWLEDGE) == "Trousseau sign"
    assert named_inside("lab", "magnesium", KNOWLEDGE) == "magnesium"
