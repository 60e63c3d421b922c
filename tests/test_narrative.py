"""Recognition of twitching in text: sentences as data, properties, and the reading of the words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.content import content_root, read_document
from cds_service.narrative import MAX_LENGTH, Mention, Narrative, load_narrative

SENTENCES = Path(__file__).parent / "data" / "narrative-sentences.yaml"


def _sentences() -> list[Any]:
    groups = read_document(SENTENCES, SENTENCES.parent).data
    return [
        pytest.param(entry, id=f"{group['group']}: {entry['text']}".encode("ascii", "replace").decode())
        for group in groups
        for entry in group["sentences"]
    ]


@pytest.fixture(scope="session")
def narrative() -> Narrative:
    return load_narrative(content_root())


def _shown(mention: Mention, keys: set[str]) -> dict[str, Any]:
    values = {
        "sites": sorted(mention.sites),
        "side": mention.side or "none",
        "course": mention.course or "none",
        "days": "none" if mention.duration_days is None else str(mention.duration_days),
        "longest": "none" if mention.longest_days is None else str(mention.longest_days),
        "level": str(mention.level),
        "symptom": mention.symptom or "none",
        "traits": {name: str(value).lower() for name, value in mention.traits.items()},
    }
    return {key: values[key] for key in sorted(keys)}


def _expected(entry: dict[str, Any]) -> dict[str, Any]:
    def as_text(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: str(one).lower() for name, one in value.items()}
        return value if isinstance(value, list) else str(value)

    return {key: as_text(entry[key]) for key in sorted(entry) if key != "text"}


@pytest.mark.parametrize("entry", _sentences())
def test_sentence(narrative: Narrative, entry: dict[str, Any]) -> None:
    mentions = narrative.recognize(entry["text"])
    counted = [mention for mention in mentions if not mention.negated]
    if "none" in entry:
        assert mentions == ()
    elif "not" in entry:
        assert counted == []
        assert mentions[0].reason == entry["not"]
    else:
        assert counted, [mention.reason for mention in mentions]
        expected = _expected(entry)
        assert _shown(counted[0], set(expected)) == expected
