"""Meanings of codes and texts, remembered: each distinct code of a system is looked up once a process.

The terminology answers per kind; reading a record asks the same few hundred codes millions of times,
so one look-up here gives all answers at once. Texts are remembered only while short.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from cds_service.content import content_root
from cds_service.fhir.scan import Concept
from cds_service.fhir.vocabulary import codings, words_of
from cds_service.narrative import Mention, Narrative, load_narrative
from cds_service.terminology import AnalyteCode, ProductCode, Terminology, TwitchCode

_MAX_REMEMBERED: Final = 100_000
_MAX_TEXT_KEY: Final = 160
_MAX_SENTENCE_WORDS: Final = 80
_SENTENCE: Final = re.compile(r"[.;\n\r!?]+\s*|\s+but\s+", re.IGNORECASE)
#: The narrative's word for "said not to be there" (as against: of a relative, hypothetical, resolved).
NEGATED: Final = "negated"
_WORD: Final = re.compile(r"\S+")
_SET_KINDS: Final = ("condition", "symptom", "procedure", "report", "encounter")


class Meaning(NamedTuple):
    """Everything the knowledge says about one code; empty parts mean "nothing"."""

    system: str | None
    analytes: tuple[AnalyteCode, ...]
    drugs: tuple[ProductCode, ...]
    twitch: TwitchCode | None
    condition: tuple[str, ...]
    symptom: tuple[str, ...]
    procedure: tuple[str, ...]
    report: tuple[str, ...]
    encounter: tuple[str, ...]

    def names(self, kind: str) -> tuple[str, ...]:
        """Return the value sets of a kind that hold the code."""
        found: tuple[str, ...] = getattr(self, kind)
        return found


NOTHING: Final = Meaning(None, (), (), None, (), (), (), (), ())


class Lexicon:
    """Terminology and narrative behind one memory; safe to share between threads (dict writes only)."""

    def __init__(self, terminology: Terminology, narrative: Narrative) -> None:
        """Start with an empty memory."""
        self.terminology = terminology
        self.narrative = narrative
        self._codes: dict[tuple[str | None, str | None], Meaning] = {}
        self._texts: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
        self._drug_names: dict[str, frozenset[str]] = {}
        self.units: dict[tuple[object, ...], str] = {}
        self._pinned: dict[int, object] = {}

    def remember_unit(self, key: tuple[object, ...], word: str, factors: object) -> None:
        """Remember how a unit was read; ``factors`` is kept alive because its identity is in the key."""
        if len(self.units) > _MAX_REMEMBERED:
            self.units.clear()
        self._pinned[id(factors)] = factors
        self.units[key] = word

    def code(self, system: str | None, code: str | None) -> Meaning:
        """Return the meaning of a code; nothing without system, without code or in an unlisted system."""
        key = (system, code)
        found = self._codes.get(key)
        if found is None:
            if len(self._codes) > _MAX_REMEMBERED:
                self._codes.clear()
            found = self._codes[key] = self._look_up(system, code)
        return found

    def meanings(self, concept: Concept | None) -> list[Meaning]:
        """Return the meanings of all codings of a concept."""
        return [self.code(coding.system, coding.code) for coding in codings(concept)]

    def names(self, kind: str, concept: Concept | None) -> tuple[tuple[str, ...], bool]:
        """Return the value sets a concept is in and whether only its words told so.

        Words count only where no code did; words that are negated or said of a relative do not count.
        """
        by_code = dict.fromkeys(name for meaning in self.meanings(concept) for name in meaning.names(kind))
        if by_code:
            return tuple(by_code), False
        found = dict.fromkeys(name for text in words_of(concept) for name in self.asserted(kind, text))
        return tuple(found), True

    def denied(self, kind: str, concept: Concept | None) -> tuple[str, ...]:
        """Return the value sets the words of a concept say are not there."""
        said = [pair for text in words_of(concept) for pair in self.said(kind, text)]
        return tuple(dict.fromkeys(name for name, against in said if against == NEGATED))

    def drugs(self, concept: Concept | None) -> tuple[tuple[ProductCode, ...], bool]:
        """Return the ingredients of a drug and whether only its name told so."""
        by_code: dict[str, ProductCode] = {}
        for meaning in self.meanings(concept):
            for product in meaning.drugs:
                known = by_code.get(product.ingredient)
                if known is None or (known.route is None and product.route is not None):
                    by_code[product.ingredient] = product
        if by_code:
            return tuple(by_code.values()), False
        for text in words_of(concept):
            found = self.terminology.ingredients_for_text(text[:400])
            if found:
                return found, True
        return (), True

    def drugs_named(self, text: str) -> frozenset[str]:
        """Return the ingredients a drug's name holds (remembered: every order repeats its name)."""
        found = self._drug_names.get(text)
        if found is None:
            if len(self._drug_names) > _MAX_REMEMBERED:
                self._drug_names.clear()
            named = self.terminology.ingredients_for_text(text[:400])
            found = self._drug_names[text] = frozenset(product.ingredient for product in named)
        return found

    def asserted(self, kind: str, text: str) -> tuple[str, ...]:
        """Return the value sets a text names as present (whole words, not negated), sorted."""
        return tuple(name for name, against in self.said(kind, text) if not against)

    def said(self, kind: str, text: str) -> tuple[tuple[str, str], ...]:
        """Return the value sets a text names, sorted, each with why it does not count ("" when it does).

        A name that counts in one sentence counts, whatever another sentence says of it.
        """
        key = (kind, text)
        found = self._texts.get(key)
        if found is None:
            found = self._say(kind, text)
            if len(text) <= _MAX_TEXT_KEY:
                if len(self._texts) > _MAX_REMEMBERED:
                    self._texts.clear()
                self._texts[key] = found
        return found

    def mentions(self, text: str) -> tuple[Mention, ...]:
        """Return the mentions of twitching in a text."""
        return self.narrative.recognize(text)

    def _look_up(self, system: str | None, code: str | None) -> Meaning:
        short = self.terminology.canonical_system(system) if system else None
        if not short or not code:
            return NOTHING._replace(system=short)
        ask = self.terminology
        sets = [ask.names_for(kind, short, code) for kind in _SET_KINDS]
        return Meaning(
            short,
            ask.analytes_for(short, code),
            ask.ingredients_for(short, code),
            ask.twitch_for(short, code),
            *sets,
        )

    def _say(self, kind: str, text: str) -> tuple[tuple[str, str], ...]:
        if not self.terminology.names_for_text(kind, text):
            return ()
        found: dict[str, str] = {}
        for sentence in _SENTENCE.split(text):
            for name in self.terminology.names_for_text(kind, sentence):
                against = self._against(kind, name, sentence)
                found[name] = min(against, found.get(name, against))
        return tuple(sorted(found.items()))

    def _against(self, kind: str, name: str, sentence: str) -> str:
        """Return why a name in a sentence does not count: find its words, then ask the narrative."""
        words = list(_WORD.finditer(sentence))[:_MAX_SENTENCE_WORDS]
        holds = self.terminology.names_for_text
        last = next((word for word in words if name in holds(kind, sentence[: word.end()])), None)
        if last is None:
            return ""
        before = [word for word in reversed(words) if word.start() <= last.start()]
        first = next(
            (word for word in before if name in holds(kind, sentence[word.start() : last.end()])), words[0]
        )
        return self.narrative.context(sentence, first.start(), last.end())


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
