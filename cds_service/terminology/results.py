"""Words in which results, answers and names of entries are written (``terminology/results.yaml``)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from cds_service.content import Document
from cds_service.terminology.words import PhraseIndex, tokens

DIRECTIONS: Final = ("low", "normal", "high")
SIDES: Final = ("left", "right", "both")
DOUBTFUL: Final = "doubtful"
UNUSABLE: Final = "unusable"

_DENIED: Final = ""
_CLAUSE: Final = re.compile(r"[.;,!?()\n\r]+")
_MAX_NOTE: Final = 20_000


@dataclass(frozen=True, slots=True)
class ResultWords:
    """The words of results, looked up by their lower-case form with single blanks.

    ``directions`` gives (direction, whether the word is a panic mark); ``answers`` whether a word affirms.
    """

    directions: Mapping[str, tuple[str, bool]]
    answers: Mapping[str, bool]
    samples: PhraseIndex
    past: tuple[str, ...]
    sides: Mapping[str, str]

    def direction(self, text: str | None) -> tuple[str, bool] | None:
        """Return (direction, marked) when the whole text is a direction word, else None."""
        return self.directions.get(plain(text)) if text else None

    def answer(self, text: str | None) -> bool | None:
        """Return whether an answer word affirms or denies; None for anything else."""
        return self.answers.get(plain(text.strip().strip(".()"))) if text else None

    def sample(self, text: str) -> str:
        """Return what a note says of the sample: ``unusable``, ``doubtful`` or ``""`` (nothing)."""
        found: set[str] = set()
        for clause in _CLAUSE.split(text[:_MAX_NOTE]):
            found.update(self.samples.find_longest(tokens(clause)))
        return UNUSABLE if UNUSABLE in found else DOUBTFUL if DOUBTFUL in found else ""

    def is_past(self, texts: Iterable[str]) -> bool:
        """Whether a name itself says that it speaks of the past ("History of seizure (situation)")."""
        return any(f"{plain(text)} ".startswith(self.past) for text in texts)

    def side(self, texts: Iterable[str]) -> str | None:
        """Return left, right or both when the texts name exactly that, else None."""
        words = tokens(" ".join(texts))
        found = {self.sides[word] for word in words if word in self.sides}
        if "both" in found or len(found) > 1:
            return "both"
        return next(iter(found), None)


NO_WORDS: Final = ResultWords(
    MappingProxyType({}), MappingProxyType({}), PhraseIndex({}, {}), (), MappingProxyType({})
)


def plain(text: str | None) -> str:
    """Return a text in lower case with single blanks."""
    return " ".join((text or "").lower().split())


def read_result_words(document: Document) -> ResultWords:
    """Make the words of one file.

    Raises:
        KeyError: a section is missing.
        ValueError: a word stands for two things.
    """
    data = document.data
    directions: dict[str, tuple[str, bool]] = {}
    for name in DIRECTIONS:
        entry = data["directions"][name]
        for key in ("words", "marked"):
            _add_all(directions, entry.get(key, ()), (name, key == "marked"))
    answers: dict[str, bool] = {}
    _add_all(answers, data["answers"]["affirming"], True)
    _add_all(answers, data["answers"]["denying"], False)
    sides: dict[str, str] = {}
    for side in SIDES:
        _add_all(sides, data["sides"][side], side)
    return ResultWords(
        MappingProxyType(directions),
        MappingProxyType(answers),
        _samples(data["samples"]),
        tuple(f"{plain(str(beginning))} " for beginning in data["past"]),
        MappingProxyType(sides),
    )


def _add_all(table: dict[str, Any], words: Iterable[object], meaning: object) -> None:
    for word in words:
        if table.setdefault(plain(str(word)), meaning) != meaning:
            raise ValueError(f"{str(word)!r} stands for two things")


def _samples(part: Mapping[str, Any]) -> PhraseIndex:
    """Index the remarks with their denials: of phrases that begin at one word the longest counts."""
    wanted: dict[str, list[str]] = {name: list(part[name]["words"]) for name in (DOUBTFUL, UNUSABLE)}
    remarks = [remark for group in wanted.values() for remark in group]
    wanted[_DENIED] = [f"{cue} {remark}" for cue in part["denied_before"] for remark in remarks]
    wanted[_DENIED] += [f"{remark} {cue}" for cue in part["denied_after"] for remark in remarks]
    return PhraseIndex(wanted, {})
