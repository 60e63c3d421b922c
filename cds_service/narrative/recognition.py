"""Recognizes twitching in a text: mentions with site, side, course, traits, duration, or why not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from cds_service.narrative.contexts import ContextJudge
from cds_service.narrative.details import assign_details
from cds_service.narrative.facets import SiteFinder, Whereabouts
from cds_service.narrative.lexicon import Lexicon, Mark, Movement, Reading, load_lexicon
from cds_service.narrative.page import Page, read_page
from cds_service.narrative.tokens import cut, fold, fold_plain

#: For a word anywhere in a long text its neighborhood is judged: this many characters to either side.
_NEIGHBORHOOD = 1_500
#: So many texts are kept ready while a record is read.
_MOST_PAGES = 64
FALSE_FRIEND = "false-friend"
#: Words up to this length are not taken as the beginning of longer ones.
_SHORT = 3


@dataclass(frozen=True, slots=True)
class Mention:
    """One movement word in a text, with what the words around it say.

    ``level`` is the evidence level of clinical specification 4.1: 2 twitching, 1 related
    irritability, 0 a false friend. ``sites`` are names of ``terminology/narrative.yaml``, empty when
    none is named. ``side`` is left, right, both or None. ``course`` and the entries of ``traits``
    are absent when not said. ``negated`` is true when the mention must not count; ``reason`` then
    says why: ``negated``, ``family``, ``hypothetical``, ``historic``, ``resolved`` or
    ``false-friend``. ``duration_days`` is the stated duration at its least, None when not stated;
    ``longest_days`` at its most, None when open ("several weeks"). ``symptom`` names the symptom of
    ``terminology/symptoms/`` that the movement also is. ``start``/``end`` is the place in the text.
    """

    level: int
    text: str
    start: int
    end: int
    sites: frozenset[str] = frozenset()
    side: str | None = None
    course: str | None = None
    traits: Mapping[str, bool] = field(default_factory=dict)
    negated: bool = False
    reason: str = ""
    duration_days: int | None = None
    longest_days: int | None = None
    symptom: str | None = None


class Mentions(tuple[Mention, ...]):
    """The mentions of one text in order; ``is_cut`` says that the text was too long to be read whole."""

    is_cut: bool = False


_NONE = Mentions()


class Narrative:
    """Recognition with the words of one lexicon; immutable and safe to share between threads."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Prepare the one cheap check that most texts end with."""
        self._lexicon = lexicon
        self._judge = ContextJudge(lexicon)
        self._sites = SiteFinder(lexicon)
        self._any_movement = re.compile(_movement_pattern(lexicon))
        self._kept_page = lru_cache(_MOST_PAGES)(self._read_page)

    def forget(self) -> None:
        """Drop the texts kept ready: no prose of a patient outlasts the reading of the record."""
        self._kept_page.cache_clear()

    def recognize(self, text: str) -> Mentions:
        """Return the twitch mentions of a text in order, those that do not count included.

        A text over MAX_LENGTH characters is read up to there, and ``is_cut`` of the answer is true.
        """
        head, was_cut = cut(text)
        if self._any_movement.search(fold_plain(head)) is None:
            mentions = _NONE
        else:
            mentions = Mentions(self._mentions(head))
        if was_cut:
            mentions = Mentions(mentions)
            mentions.is_cut = True
        return mentions

    def context(self, text: str, start: int, end: int) -> str:
        """Return why the words at ``text[start:end]`` do not count, "" when they do.

        One of ``family``, ``negated``, ``hypothetical``, ``historic``, ``resolved``.

        Raises:
            ValueError: when the span is empty or outside the text.
        """
        if not 0 <= start < end <= len(text):
            raise ValueError("the span is empty or outside the text")
        begin = _at_space(text, max(0, start - _NEIGHBORHOOD), -1)
        stop = _at_space(text, min(len(text), end + _NEIGHBORHOOD), 1)
        page = self._page(text[begin:stop])
        return self._reason(page, page.covered(start - begin, end - begin))

    def asserted(self, text: str, words: Iterable[str]) -> bool:
        """Whether any of the words or phrases stands in the text, whole, and counts (see ``context``).

        A text over MAX_LENGTH characters is read up to there.
        """
        pattern = _words_pattern(tuple(sorted(words)))
        if pattern is None:
            return False
        head, _ = cut(text)
        if pattern.search(fold_plain(head)) is None:
            return False
        page = self._page(head)
        folded = page.folded
        return any(
            self._reason(page, page.covered(*folded.original(match.start(), match.end()))) == ""
            for match in pattern.finditer(folded.text)
        )

    def _page(self, text: str) -> Page:
        """Return a text made ready; the last ones are kept: one text is asked about many things in a row."""
        return self._kept_page(text) if len(text) <= 2 * _NEIGHBORHOOD else self._read_page(text)

    def _read_page(self, text: str) -> Page:
        return read_page(fold(text), self._lexicon)

    def _reason(self, page: Page, tokens: range) -> str:
        return self._judge.reason(page, tokens.start, tokens.stop - 1) if tokens else ""

    def _mentions(self, text: str) -> list[Mention]:
        page = self._page(text)
        found: list[tuple[Mark, Mention]] = []
        for mark in page.marks("movement", "friend"):
            if mark.kind == "friend" or self._is_friend_here(page, mark):
                found.append((mark, self._friend(page, mark, text)))
                continue
            mention = self._mention(page, mark, text)
            if mention is not None:
                found.append((mark, mention))
        return assign_details(page, found, self._lexicon, self._sites)

    def _mention(self, page: Page, mark: Mark, text: str) -> Mention | None:
        where = self._sites.find(page, mark)
        movement: Movement = mark.value
        reading = next((reading for reading in movement.readings if _applies(reading, where)), None)
        if reading is None:
            return None
        reason = self._judge.reason(page, where.first, where.last)
        start, end = _place(page, where.first, where.last)
        return Mention(
            reading.level, text[start:end], start, end, frozenset(where.sites), where.side,
            negated=reason != "", reason=reason, symptom=reading.symptom,
        )  # fmt: skip

    def _friend(self, page: Page, mark: Mark, text: str) -> Mention:
        start, end = _place(page, mark.first, mark.last)
        return Mention(0, text[start:end], start, end, negated=True, reason=FALSE_FRIEND)

    def _is_friend_here(self, page: Page, mark: Mark) -> bool:
        phrase = tuple(page.words[mark.first : mark.last + 1])
        for phrases, index in self._lexicon.friend_sentences:
            if phrase in phrases:
                words = page.words[max(0, mark.first - 60) : mark.last + 60]
                inside = [
                    word
                    for offset, word in enumerate(words, max(0, mark.first - 60))
                    if page.same_sentence(offset, mark.first)
                ]
                if any(found is not None for found in index.marks(inside)):
                    return True
        return False


def load_narrative(root: Path) -> Narrative:
    """Read the words below ``root`` (the folder that holds ``terminology/``) and prepare recognition.

    Raises:
        ContentError: with ``file:line`` for every fault of ``terminology/narrative.yaml``.
    """
    return Narrative(load_lexicon(root))


def _applies(reading: Reading, where: Whereabouts) -> bool:
    if reading.sites is None and not reading.muscle:
        return True
    at_site = reading.sites is not None and bool(where.sites & reading.sites)
    return at_site or (reading.muscle and where.muscle and (reading.sites is None or at_site))


def _place(page: Page, first: int, last: int) -> tuple[int, int]:
    return page.folded.original(page.passage.spans[first][0], page.passage.spans[last][1])


def _at_space(text: str, place: int, step: int) -> int:
    """Move a place out to white space, over at most 60 characters, so that no word is cut in two."""
    for _ in range(60):
        if not 0 < place < len(text) or text[place].isspace():
            break
        place += step
    return place


def _movement_pattern(lexicon: Lexicon) -> str:
    words: set[str] = set()
    for phrase in lexicon.details.phrases("movement"):
        words.add(r"\W+".join(re.escape(word) for word in phrase[:2]))
    stems = sorted(word for word in words if not any(_is_stem(other, word) for other in words))
    whole = [stem if len(stem) > _SHORT else stem + r"\b" for stem in stems]
    # Grouped by first letter: twice as fast as one flat list of choices.
    groups = (
        first + "(?:" + "|".join(stem[1:] for stem in group) + ")"
        for first, group in groupby(whole, key=lambda stem: stem[0])
    )
    return r"\b(?:" + "|".join(groups) + ")"


def _is_stem(stem: str, word: str) -> bool:
    return len(stem) > _SHORT and stem != word and word.startswith(stem)


@lru_cache(maxsize=512)
def _words_pattern(words: tuple[str, ...]) -> re.Pattern[str] | None:
    forms = sorted({fold_plain(word).strip() for word in words} - {""})
    if not forms:
        return None
    choices = "|".join(r"\s+".join(re.escape(part) for part in form.split()) for form in forms)
    return re.compile(r"(?<!\w)(?:" + choices + r")(?!\w)")
