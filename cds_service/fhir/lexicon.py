"""What words and codes mean, asked once: the memory between the record and the terminology.

Reading a record asks the same few thousand concepts millions of times. A concept is looked up when it
is met first; after that its ``Sense`` is one dictionary look-up away. Long free texts are not kept.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple

from cds_service.content import content_root
from cds_service.fhir.datatypes import Concept
from cds_service.fhir.sense import EMPTY, Sense
from cds_service.narrative import Mentions, Narrative, load_narrative
from cds_service.terminology import AnalyteCode, ProductCode, Terminology, TwitchCode
from cds_service.terminology.words import tokens

#: The narrative's word for "said not to be there" (as against: of a relative, hypothetical, resolved).
NEGATED: Final = "negated"

_MAX_REMEMBERED: Final = 50_000
_MAX_KEY_TEXT: Final = 200
_MAX_CODINGS: Final = 30
_MAX_SENTENCE_WORDS: Final = 4_000
_SENTENCE: Final = re.compile(r"[.;\n\r!?]+\s*|\s+but\s+", re.IGNORECASE)
_WORD: Final = re.compile(r"\S+")
_SET_KINDS: Final = ("condition", "symptom", "procedure", "report", "encounter", "reason")


class Meaning(NamedTuple):
    """Everything the knowledge says about one code; empty parts mean "nothing"."""

    system: str | None
    analytes: tuple[AnalyteCode, ...] = ()
    drugs: tuple[ProductCode, ...] = ()
    twitch: TwitchCode | None = None
    names: Mapping[str, tuple[str, ...]] = {}


class Lexicon:
    """Terminology and narrative behind one memory; safe to share between threads (dict writes only)."""

    def __init__(self, terminology: Terminology, narrative: Narrative) -> None:
        """Start with an empty memory."""
        self.terminology = terminology
        self.narrative = narrative
        self.words = terminology.result_words
        self._codes: dict[tuple[str | None, str | None], Meaning] = {}
        self._senses: dict[object, Sense] = {}
        self._samples: dict[object, str] = {}
        self._orders = _orders_by_code(terminology)
        self._order_titles = {tokens(order.title): name for name, order in terminology.orders.items()}
        self._last: dict[str | None, tuple[Concept, Sense]] = {}

    def sense(self, concept: Concept | None) -> Sense:
        """Return what a concept means; the same object for the same codes and words.

        Records repeat a concept word for word: comparing it with the last one of its first code is
        cheaper than looking it up by all its parts.
        """
        if concept is None:
            return EMPTY
        codings = concept.coding
        if type(codings) is not list or not codings:
            return self._sense(concept)
        first = codings[0].code
        last = self._last.get(first)
        if last is not None and last[0] == concept:
            return last[1]
        found = self._sense(concept)
        if first and len(concept.text or "") <= _MAX_KEY_TEXT and len(codings) <= _MAX_CODINGS:
            _remember(self._last, first, (concept, found))
        return found

    def _sense(self, concept: Concept) -> Sense:
        key = _key(concept)
        found = self._senses.get(key)
        if found is None:
            found = Sense(self, concept)
            if len(concept.text or "") <= _MAX_KEY_TEXT:
                _remember(self._senses, key, found)
        return found

    def code(self, system: str | None, code: str | None) -> Meaning:
        """Return the meaning of a code; nothing without system, without code or in an unlisted system."""
        key = (system, code)
        found = self._codes.get(key)
        if found is None:
            found = self._look_up(system, code)
            _remember(self._codes, key, found)
        return found

    def _look_up(self, system: str | None, code: str | None) -> Meaning:
        ask = self.terminology
        short = ask.canonical_system(system) if system else None
        # a system of the site is not listed: nothing is known of the codes that are not mapped
        listed = None if short in ask.systems.local else short
        if not short or not code:
            return Meaning(listed)
        names = {kind: ask.names_for(kind, short, code) for kind in _SET_KINDS}
        return Meaning(
            listed,
            ask.analytes_for(short, code),
            ask.ingredients_for(short, code),
            ask.twitch_for(short, code),
            {kind: found for kind, found in names.items() if found},
        )

    def orders(self, sense: Sense) -> tuple[str, ...]:
        """Return the tests, procedures and referrals a concept orders: by its codes, else by its title."""
        short = self.terminology.canonical_system
        found = {name for system, code in sense.codes for name in self._orders.get((short(system), code), ())}
        if not found:
            titles = (self._order_titles.get(tokens(text[:_MAX_KEY_TEXT])) for text in sense.texts)
            found = {name for name in titles if name is not None}
        return tuple(sorted(found))

    def mentions(self, text: str) -> Mentions:
        """Return the mentions of twitching in a text that count as present, and those that do not."""
        return self.narrative.recognize(text)

    def sample(self, note: str) -> str:
        """Return what a note or flag says of the sample: unusable, doubtful or nothing."""
        found = self._samples.get(note)
        if found is None:
            found = self.words.sample(note)
            if len(note) <= _MAX_KEY_TEXT:
                _remember(self._samples, note, found)
        return found

    # ------------------------------------------------------------- names in texts

    def said(self, kind: str, text: str) -> tuple[tuple[str, str], ...]:
        """Return the value sets a text names, sorted, each with why it does not count ("" when it does).

        A name that counts in one sentence counts, whatever another sentence says of it.
        """
        if not self.terminology.names_for_text(kind, text):
            return ()
        found: dict[str, str] = {}
        for start, sentence in _sentences(text):
            for name in self.terminology.names_for_text(kind, sentence):
                first, last = self._place(kind, name, sentence)
                against = self.narrative.context(text, start + first, start + last)
                found[name] = min(against, found.get(name, against))
        return tuple(sorted(found.items()))

    def asserted(self, kind: str, text: str) -> tuple[str, ...]:
        """Return the value sets a text names as present (whole words, not negated), sorted."""
        return tuple(name for name, against in self.said(kind, text) if not against)

    def _place(self, kind: str, name: str, sentence: str) -> tuple[int, int]:
        """Return where in a sentence the words of a name begin and end; the whole of it when it is too long.

        A longer beginning of the sentence holds what a shorter one holds: each end is found by halving.
        """
        words = list(_WORD.finditer(sentence))[:_MAX_SENTENCE_WORDS]

        def holds(start: int, end: int) -> bool:
            return name in self.terminology.names_for_text(kind, sentence[start:end])

        places = range(len(words))
        last = bisect_left(places, True, key=lambda place: holds(0, words[place].end()))
        if last == len(words):
            return 0, len(sentence)
        end = words[last].end()
        after = bisect_left(places[: last + 1], True, key=lambda place: not holds(words[place].start(), end))
        return words[max(after - 1, 0)].start(), end


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Yield each sentence with its place in the text."""
    start = 0
    for mark in _SENTENCE.finditer(text):
        if mark.start() > start:
            yield start, text[start : mark.start()]
        start = mark.end()
    if start < len(text):
        yield start, text[start:]


def _orders_by_code(terminology: Terminology) -> dict[tuple[str | None, str], tuple[str, ...]]:
    found: dict[tuple[str | None, str], tuple[str, ...]] = {}
    for name, order in sorted(terminology.orders.items()):
        for coding in order.codes:
            key = (coding.system, coding.code)
            found[key] = (*found.get(key, ()), name)
    return found


def _key(concept: Concept) -> object:
    codings = concept.coding
    rows = codings if isinstance(codings, list) else [codings] if codings is not None else []
    return (concept.text, tuple((row.system, row.code, row.display) for row in rows[:_MAX_CODINGS]))


def _remember(memory: dict, key: object, value: object) -> None:  # type: ignore[type-arg]
    """Keep a value; a full memory is emptied, so that it never grows without bound."""
    if len(memory) >= _MAX_REMEMBERED:
        memory.clear()
    memory[key] = value


_shared: list[Lexicon] = []


def lexicon_for(terminology: Terminology, narrative: Narrative | None = None) -> Lexicon:
    """Return the shared lexicon of a terminology (a new one when the terminology was exchanged).

    ``narrative`` None means the one of the content folder: text is never silently left unread.
    """
    words = narrative or _content_narrative()
    current = _shared[0] if _shared else None
    if current is None or current.terminology is not terminology or current.narrative is not words:
        current = Lexicon(terminology, words)
        _shared[:] = [current]
    return current


@cache
def _content_narrative() -> Narrative:
    return load_narrative(content_root())
