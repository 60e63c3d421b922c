"""The summary of a card: one plain sentence below the limit, whatever the record holds."""

from __future__ import annotations

import re

from cds_service.cards.voice import Voice
from cds_service.findings import Finding, Line, spoken
from cds_service.text.neutral import neutral

#: Record text is shortened step by step to these lengths; what starts as a number keeps its number.
_SLOT_LIMITS = (60, 40, 28, 20)
_STARTS_AS_NUMBER = re.compile(r"[<>]?=?\s?\d")
_DATE_TAIL = re.compile(r"\s*\([^()]*\)$")


def summary_of(finding: Finding, voice: Voice, more: int = 0) -> str:
    """Return the summary of a finding, with "(+2 more)" where ``more`` others stand on the card.

    Record text is shortened before anything else, a number never: if the sentence still does not
    fit, the count goes, and at last the title of the rule stands for the sentence.
    """
    room = voice.wording.summary_below - 1
    tail = voice.say("more_in_summary", count=more) if more else ""
    for suffix in dict.fromkeys((tail, "")):
        for limit in _SLOT_LIMITS:
            text = _filled(finding.summary, limit)
            if text and len(text) + len(suffix) <= room:
                return text + suffix
    return _fallback(finding, voice, room)


def _filled(line: Line, limit: int) -> str:
    said = spoken(line, lambda text: _slot(text, limit))
    return " ".join(said.split())


def _slot(text: str, limit: int) -> str:
    clean = neutral(text)
    if len(clean) <= limit:
        return clean
    if _STARTS_AS_NUMBER.match(clean):
        return _DATE_TAIL.sub("", clean)
    return neutral(clean, limit)


def _fallback(finding: Finding, voice: Voice, room: int) -> str:
    frame = "summary_against" if finding.role == "argues-against" else "summary_fallback"
    text = voice.say(frame, title=voice.rule_title(finding.rule_id))
    return text if len(text) <= room else text[: room - 1].rstrip() + "\u2026"
