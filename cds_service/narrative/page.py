"""A text made ready for judging: its words with every known phrase and duration marked."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from cds_service.narrative.durations import Duration, durations
from cds_service.narrative.lexicon import Lexicon, Mark
from cds_service.narrative.tokens import Folded, Passage, cut_into_words

_CLEAR_KINDS = frozenset(("site", "side", "course", "trait", "muscle", "since", "movement"))


@dataclass(frozen=True, slots=True)
class Page:
    """Words and marks of one text.

    ``clear`` says of each token that it carries no foreign meaning: a sign, a small word, a facet,
    a movement or part of a duration. Details reach their movement across clear tokens only.
    ``timed`` holds the first tokens of the durations.
    """

    folded: Folded
    passage: Passage
    details: Sequence[Mark | None]
    cues: Sequence[Mark | None]
    durations: Sequence[Duration]
    clear: Sequence[bool]
    timed: Set[int]
    sentence_ends: Sequence[int]

    @property
    def words(self) -> Sequence[str]:
        """The folded words and signs."""
        return self.passage.words

    def marks(self, *kinds: str) -> Iterator[Mark]:
        """Yield the detail marks of some kinds, in order."""
        for place, mark in enumerate(self.details):
            if mark is not None and mark.first == place and mark.kind in kinds:
                yield mark

    def detail(self, place: int) -> Mark | None:
        """Return the detail mark at a token, or None there or outside the text."""
        return self.details[place] if 0 <= place < len(self.details) else None

    def covered(self, start: int, end: int) -> range:
        """Return the tokens that a span of the original text touches."""
        spans = self.passage.spans
        first = bisect_right(spans, start, key=lambda span: self.folded.original(*span)[1])
        last = bisect_left(spans, end, key=lambda span: self.folded.original(*span)[0])
        return range(first, last)

    def same_sentence(self, one: int, other: int) -> bool:
        """Whether two tokens exist and stand in one sentence."""
        sentences = self.passage.sentences
        inside = 0 <= one < len(sentences) and 0 <= other < len(sentences)
        return inside and sentences[one] == sentences[other]

    def same_clause(self, one: int, other: int) -> bool:
        """Whether two tokens exist and stand in one clause (between commas, brackets, dashes)."""
        clauses = self.passage.clauses
        inside = 0 <= one < len(clauses) and 0 <= other < len(clauses)
        return inside and clauses[one] == clauses[other]

    def is_sign(self, place: int) -> bool:
        """Whether the token is a sign between words (comma, colon, full stop ...)."""
        return not self.passage.is_word[place]

    def is_foreign(self, place: int) -> bool:
        """Whether the token exists in the text and has a meaning of its own."""
        return 0 <= place < len(self.clear) and not self.clear[place]

    def clause(self, place: int, most: int = 40) -> range:
        """Return the tokens of the clause around a token, at most ``most`` to either side."""
        first = last = place
        while first > max(0, place - most) and self.same_clause(first - 1, place):
            first -= 1
        while last < place + most and self.same_clause(last + 1, place):
            last += 1
        return range(first, last + 1)


def read_page(folded: Folded, lexicon: Lexicon) -> Page:
    """Cut and mark a folded text."""
    sets = lexicon.sets
    passage = cut_into_words(folded.text, sets["abbreviations"], sets["open_line_ends"])
    details = lexicon.details.marks(passage.words)
    found = durations(passage, details, lexicon.durations)
    small = sets["small_words"]
    clear = [
        not is_word or word in small or (mark is not None and mark.kind in _CLEAR_KINDS)
        for word, is_word, mark in zip(passage.words, passage.is_word, details, strict=True)
    ]
    for place, mark in enumerate(details):
        if mark is not None and mark.kind not in _CLEAR_KINDS:
            clear[place] = False
    for duration in found:
        clear[duration.first : duration.last + 1] = [True] * (duration.last + 1 - duration.first)
    cues = lexicon.cues.marks(passage.words)
    timed = frozenset(duration.first for duration in found)
    return Page(folded, passage, details, cues, found, clear, timed, _sentence_ends(passage.sentences))


def _sentence_ends(sentences: Sequence[int]) -> list[int]:
    ends = [len(sentences) - 1] * len(sentences)
    for place in range(len(sentences) - 2, -1, -1):
        same = sentences[place] == sentences[place + 1]
        ends[place] = ends[place + 1] if same else place
    return ends
