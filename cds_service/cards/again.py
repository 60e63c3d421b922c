"""Leave out of a rule's line what stands on the card already: no fact is read twice, none is lost."""

from __future__ import annotations

import re

from cds_service.cards.voice import Voice
from cds_service.findings import Line, Slot

_SENTENCE_END = re.compile(r"(?<=\.) ")
_WORD = re.compile(r"\w+")
#: "and two more", which names nothing that could be lost.
_COUNT = re.compile(r"\s*\+\d+")


def not_again(line: Line, said: str, voice: Voice) -> str:
    """Return the text of a line without its sentences that ``said`` holds, empty if it holds them all.

    A sentence is said again if it stands there word for word, or if everything it tells of the patient
    stands there and its own words are only those of the frame ``said_again``.
    """
    kept = [sentence for sentence in _sentences(line) if not _is_said(sentence, said.casefold(), voice)]
    return " ".join(filter(None, (voice.text(sentence) for sentence in kept)))


def _sentences(line: Line) -> list[Line]:
    sentences: list[list[str | Slot]] = [[]]
    for part in _joined(line):
        if isinstance(part, Slot):
            sentences[-1].append(part)
            continue
        for place, piece in enumerate(_SENTENCE_END.split(part)):
            if place:
                sentences.append([])
            sentences[-1].append(piece)
    return [tuple(sentence) for sentence in sentences]


def _joined(line: Line) -> list[str | Slot]:
    """Return the line with neighboring words of the rule in one piece."""
    parts: list[str | Slot] = []
    for part in line:
        before = parts[-1] if parts else None
        if isinstance(part, str) and isinstance(before, str):
            parts[-1] = before + part
        else:
            parts.append(part)
    return parts


def _is_said(sentence: Line, said: str, voice: Voice) -> bool:
    if _holds(said, voice.text(sentence).rstrip(".")):
        return True
    slots = [part for part in sentence if isinstance(part, Slot) and not _COUNT.fullmatch(part.text)]
    told = [text for slot in slots if (text := voice.text((slot,)).strip(" ,;"))]
    words = _WORD.findall(" ".join(part for part in sentence if isinstance(part, str)).casefold())
    spare = voice.say("said_again").split()
    return bool(told) and all(word in spare for word in words) and all(_holds(said, slot) for slot in told)


def _holds(said: str, words: str) -> bool:
    """Whether the words stand there as they are, not as a part of a longer number or word."""
    pattern = rf"(?<![\w.]){re.escape(words.casefold())}(?!\w|\.\d)"
    return bool(words) and re.search(pattern, said) is not None
