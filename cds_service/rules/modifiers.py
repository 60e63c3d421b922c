"""The generic numbers of the evaluation model: steps of strength, exposure gaps, staleness wording."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.content import Document
from cds_service.errors import ContentError, Issue
from cds_service.rules.reading import parse_duration


@dataclass(frozen=True, slots=True)
class Modifiers:
    """Settings of ``cards/modifiers.yaml`` (specification 5.3), all durations in seconds.

    ``no_eyelid_step`` names the groups in which an isolated eyelid twitch lowers nothing.
    ``stale`` is the sentence for a critical value too old to be called critical; ``{name}`` and
    ``{days}`` are filled in.
    """

    temporal_drug: int
    temporal_result: int
    raises_needed: int
    long_standing: int
    exposure_gap: int
    administration_gap: int
    switch: int
    episode: int
    no_eyelid_step: frozenset[str]
    stale: str


def parse_modifiers(document: Document) -> Modifiers:
    """Read ``cards/modifiers.yaml``. Raises ContentError."""
    data = document.data
    try:
        return Modifiers(
            temporal_drug=parse_duration(data["temporal"]["drug_started"]),
            temporal_result=parse_duration(data["temporal"]["result"]),
            raises_needed=data["raises_needed"],
            long_standing=parse_duration(data["long_standing"]),
            exposure_gap=parse_duration(data["exposure_gap"]),
            administration_gap=parse_duration(data["administration_gap"]),
            switch=parse_duration(data["switch"]),
            episode=parse_duration(data["episode"]),
            no_eyelid_step=frozenset(data["no_eyelid_step"]),
            stale=data["stale"],
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContentError(
            Issue(
                document.where(),
                "R002",
                f"misses or misspells a setting ({error}).",
                "Compare with docs/rule-language.md, part 2.",
            )
        ) from None
