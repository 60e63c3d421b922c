"""Find listed phrases in free text as whole words, quickly; negation is decided elsewhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping

Tokens = tuple[str, ...]

_WORD = re.compile(r"[a-z0-9]+")
_BETWEEN = re.compile(r"[^\w\s'\u2019]+")
_MAX_TEXT = 20_000


def tokens(text: str) -> Tokens:
    """Return the words of a text: lower case, without accents, punctuation or apostrophes."""
    folded = unicodedata.normalize("NFKD", text[:_MAX_TEXT].casefold())
    bare = folded if folded.isascii() else "".join(c for c in folded if not unicodedata.combining(c))
    return tuple(_WORD.findall(bare.replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")))


class PhraseIndex:
    """Phrases, each standing for a name; every name may have phrases that forbid it."""

    __slots__ = ("_by_first", "_forbidden")

    def __init__(self, wanted: Mapping[str, Iterable[str]], forbidden: Mapping[str, Iterable[str]]) -> None:
        """Index ``name -> phrases`` that mean it and ``name -> phrases`` that rule it out."""
        by_first: dict[str, list[tuple[Tokens, str]]] = {}
        for name in sorted(wanted):
            for phrase in wanted[name]:
                words = tokens(phrase)
                if words:
                    by_first.setdefault(words[0], []).append((words, name))
        self._by_first = {first: tuple(rows) for first, rows in by_first.items()}
        self._forbidden = {name: tuple(map(tokens, group)) for name, group in forbidden.items() if group}

    def find(self, words: Tokens) -> tuple[str, ...]:
        """Return the names whose phrases occur in ``words`` and whose forbidding phrases do not, sorted."""
        found: set[str] = set()
        for start, word in enumerate(words):
            for phrase, name in self._by_first.get(word, ()):
                if name not in found and words[start : start + len(phrase)] == phrase:
                    found.add(name)
        return tuple(sorted(name for name in found if not self.forbids(name, words)))

    def find_longest(self, words: Tokens) -> tuple[str, ...]:
        """Return the names of the longest phrases that occur, in the order of the text."""
        names: list[str] = []
        start = 0
        while start < len(words):
            hits = [
                (len(phrase), name)
                for phrase, name in self._by_first.get(words[start], ())
                if words[start : start + len(phrase)] == phrase
            ]
            length = max((size for size, _ in hits), default=1)
            names += (name for size, name in hits if size == length)
            start += length
        return tuple(names)

    def find_longest_allowed(self, words: Tokens) -> tuple[str, ...]:
        """Return what :meth:`find_longest` finds, without names that a phrase rules out, sorted."""
        found = set(self.find_longest(words))
        return tuple(sorted(name for name in found if not self.forbids(name, words)))

    def forbids(self, name: str, words: Tokens) -> bool:
        """Return whether a phrase in ``words`` rules the name out."""
        return any(contains(words, phrase) for phrase in self._forbidden.get(name, ()))


def parts(text: str) -> frozenset[Tokens]:
    """Return the words of each part of a text between punctuation marks."""
    return frozenset(tokens(part) for part in _BETWEEN.split(text[:_MAX_TEXT]))


def contains(words: Tokens, phrase: Tokens) -> bool:
    """Return whether ``phrase`` occurs in ``words`` as neighboring whole words."""
    if phrase and phrase[0] not in words:
        return False
    size = len(phrase)
    return any(words[start : start + size] == phrase for start in range(len(words) - size + 1))
