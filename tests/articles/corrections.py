"""What no text may say, because the articles say it and are wrong (specification 13.4)."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.vignettes.reading import read_file

PATH = Path(__file__).with_name("section-13-4.yaml")


@cache
def forbidden() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Return every pattern with the claim of the article it stands for."""
    rows = read_file(PATH).data["corrections"]
    return tuple((row["article"], re.compile(form, re.IGNORECASE)) for row in rows for form in row["never"])


def repeated_claims(text: str) -> list[str]:
    """Return the claims of the articles that a text repeats, with its words."""
    found = ((claim, form.search(text)) for claim, form in forbidden())
    return [f"{claim}: {match[0]!r}" for claim, match in found if match]


def assert_corrected(cards: Iterable[Mapping[str, Any]]) -> None:
    """Raise AssertionError for every claim of the articles a card repeats.

    Lines that quote the titles of works are not ours.
    """
    faults = [
        fault
        for card in cards
        for line in [card["summary"], *card.get("detail", "").splitlines()]
        if not line.startswith("**Sources:**")
        for fault in repeated_claims(line)
    ]
    assert faults == []
