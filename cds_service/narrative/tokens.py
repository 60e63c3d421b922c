"""Folds a text to one spelling and cuts it into words, clauses and sentences, remembering the places.

Folding is Unicode NFKC and case folding, with typographic quotes, dashes and signs made plain and
invisible characters taken out. Everything is linear in the length of the text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass

#: Longer texts are cut here (at a space), and the answer says so.
MAX_LENGTH = 20_000

_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_PLAIN = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u00b4": "'", "\u2010": "-", "\u2011": "-", "\u2012": "-",
     "\u2013": "-", "\u2014": " - ", "\u2212": "-", "\u00d7": "x", "\u2022": ";", "\u00b7": ";",
     "\u00b6": "\n", "\u2028": "\n", "\u2029": "\n", "\u0085": "\n"} | dict.fromkeys(_INVISIBLE)
)  # fmt: skip
# One plain character (a base a mark may belong to) and a bounded run of others: NFKC of a run is
# quadratic in its combining marks, so runs stay short.
_FOREIGN = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]{1,32}")
_TOKEN = re.compile(
    r"""(?P<word>[+-]ve\b|(?<![^\W_])(?:[^\W\d_]\.){2,}|\d+(?:\.\d+)?|[^\W\d_]+(?:'[^\W\d_]+)*
          |\([-+lr]\)|\[[ ]?\]|\u2610|[<>\u2265\u2264~\u2248+=@])
      |(?P<mark>[,:)&/]|\((?!e?s\))|(?<=\s)-+(?=\s))
      |(?P<end>[.;!?|\n])
      |\(e?s\)""",
    re.VERBOSE,
)
_CLAUSE_MARKS = frozenset(",()-")


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text; ``starts`` and ``ends`` give each character's place in the original, None if equal."""

    text: str
    starts: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the original text of a span (not empty) of the folded one."""
        if self.starts is None or self.ends is None:
            return start, end
        return self.starts[start], self.ends[end - 1]


def cut(text: str) -> tuple[str, bool]:
    """Return the text, at most MAX_LENGTH characters and ended at white space, and whether it was cut."""
    if len(text) <= MAX_LENGTH:
        return text, False
    head = text[:MAX_LENGTH]
    space = max(head.rfind(" "), head.rfind("\n"))
    return (head[:space] if space > 0 else head), True


def fold_plain(text: str) -> str:
    """Return the folded text without the places: enough to ask whether a word occurs."""
    if text.isascii():
        return text.lower()
    return _FOREIGN.sub(lambda run: _fold_run(run.group()), text).casefold()


def fold(text: str) -> Folded:
    """Return the folded text with the place of every character."""
    if text.isascii():
        return Folded(text.lower())
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for run in _FOREIGN.finditer(text):
        _append_plain(text, position, run.start(), pieces, starts, ends)
        folded = _fold_run(run.group()).casefold()
        pieces.append(folded)
        exact = len(folded) == run.end() - run.start()
        for offset in range(len(folded)):
            starts.append(run.start() + offset if exact else run.start())
            ends.append(run.start() + offset + 1 if exact else run.end())
        position = run.end()
    _append_plain(text, position, len(text), pieces, starts, ends)
    return Folded("".join(pieces), starts, ends)


def _append_plain(
    text: str, start: int, end: int, pieces: list[str], starts: list[int], ends: list[int]
) -> None:
    pieces.append(text[start:end].lower())
    starts.extend(range(start, end))
    ends.extend(range(start + 1, end + 1))


def _fold_run(run: str) -> str:
    return unicodedata.normalize("NFKC", run.translate(_PLAIN)).translate(_PLAIN)


@dataclass(frozen=True, slots=True)
class Passage:
    """A folded text cut into tokens: parallel sequences, one entry for each word or sign.

    ``words`` are folded; ``spans`` are places in the folded text. ``clauses`` and ``sentences``
    number the clause and sentence of each token; ``is_word`` is false for signs between words.
    """

    words: Sequence[str]
    spans: Sequence[tuple[int, int]]
    clauses: Sequence[int]
    sentences: Sequence[int]
    is_word: Sequence[bool]


def words_of(phrase: str) -> tuple[str, ...]:
    """Return the tokens of a phrase of the content, as they would stand in a text."""
    return tuple(match.group() for match in _TOKEN.finditer(fold_plain(phrase)))


def cut_into_words(text: str, abbreviations: Set[str], open_line_ends: Set[str]) -> Passage:
    """Cut a folded text. A full stop after an abbreviation and some line ends do not end the sentence."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    clauses: list[int] = []
    sentences: list[int] = []
    is_word: list[bool] = []
    clause = sentence = 0
    for match in _TOKEN.finditer(text):
        word, kind = match.group(), match.lastgroup
        if kind is None:  # a plural in brackets: eyelid(s)
            continue
        previous = words[-1] if words else ""
        goes_on = _goes_on(text, match.end(), word, previous, abbreviations, open_line_ends)
        ends = kind == "end" and not goes_on
        if kind == "end" and not ends and word != "?":
            continue
        words.append(word)
        spans.append(match.span())
        clauses.append(clause)
        sentences.append(sentence)
        is_word.append(kind == "word")
        sentence += ends
        clause += ends or (kind == "mark" and word[0] in _CLAUSE_MARKS)
    return Passage(words, spans, clauses, sentences, is_word)


def _goes_on(
    text: str, after: int, sign: str, previous: str, abbreviations: Set[str], open_line_ends: Set[str]
) -> bool:
    if sign == ".":
        return previous in abbreviations
    if sign == "\n":
        return previous in (",", ":") or previous in open_line_ends
    return sign == "?" and text[after : after + 1].isalpha()
