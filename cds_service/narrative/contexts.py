"""Judges why a phrase in a text does not count: negated, family, hypothetical, historic or resolved.

A cue reaches a phrase within its sentence, over a bounded number of words, unless a word that ends
its scope, a foreign list or a word that voids the cue ("no change in ...") stands in between.
"""

from __future__ import annotations

from collections.abc import Iterator

from cds_service.narrative.lexicon import REASONS, Context, Lexicon, Mark
from cds_service.narrative.page import Page

_WINDOW = 60
_REVERSAL_WINDOW = 14
_ASKING_SIGNS = frozenset((":", "?", "=", "-"))


class ContextJudge:
    """Finds the reason why a span of a page does not count."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Keep the word sets that every judgement needs."""
        self._small = lexicon.sets["small_words"]
        self._links = lexicon.sets["links"]
        self._symptoms = lexicon.sets["symptom_words"]
        self._asserting = lexicon.sets["asserting_words"]
        self._questions = lexicon.sets["questions"]
        self._ranks = {reason: rank for rank, reason in enumerate(REASONS)}

    def reason(self, page: Page, first: int, last: int) -> str:
        """Return why tokens ``first`` to ``last`` do not count: one of REASONS, or "" when they do.

        Where several reasons hold the first in the order of REASONS is given.
        """
        answer = self._answer(page, last)
        if answer is not None:
            return answer
        found = {context.reason for context in self._before(page, first, last)}
        found |= {context.reason for context in self._after(page, last)}
        if not found:
            return "hypothetical" if self._is_asked(page, first) else ""
        return min(found, key=self._ranks.__getitem__)

    # A question and its answer

    def _answer(self, page: Page, last: int) -> str | None:
        """Return "" after "...: yes", "negated" after "...: no", None when there is no answer."""
        place = last + 1
        while place < min(len(page.words), last + 8) and (page.is_sign(place) or page.clear[place]):
            mark = page.cues[place]
            if mark is not None and _roles(mark, "answer"):
                break
            if page.words[place] in (",", ".", ";", "\n") or page.words[place] in self._links:
                return None
            place += 1
        mark = page.cues[place] if place < len(page.words) else None
        if mark is None or not any(role == "answer" for role, _ in mark.value):
            return None
        after = mark.last + 1
        if after < len(page.words) and (page.passage.is_word[after] or page.words[after] == "/"):
            return None
        asked = page.words[mark.first - 1] in _ASKING_SIGNS
        if any(role == "answer" and value == "yes" for role, value in mark.value):
            return "" if asked else None
        return "negated" if asked or page.same_sentence(last, mark.first) else None

    def _is_asked(self, page: Page, first: int) -> bool:
        end = page.sentence_ends[first]
        start = first
        while start > max(0, first - _WINDOW) and page.same_sentence(start - 1, first):
            start -= 1
        return page.words[end] == "?" and page.words[start] in self._questions

    # Cues before

    def _before(self, page: Page, first: int, last: int) -> Iterator[Context]:
        place = first - 1
        while place >= max(0, first - _WINDOW) and page.same_sentence(place, first):
            mark = page.cues[place]
            if mark is not None and mark.last < first:
                for role, context in mark.value:
                    if role == "before" and self._reaches(page, mark, context, first, last):
                        yield context
                place = mark.first
            place -= 1

    def _reaches(self, page: Page, cue: Mark, context: Context, first: int, last: int) -> bool:
        between = range(cue.last + 1, first)
        return (
            self._in_reach(page, between, context)
            and not any(page.words[place] in context.ends for place in between[1:])
            and not self._is_voided(page, cue, context, between)
            and not (page.words[cue.first] in context.informants and self._is_told(page, cue, context))
            and self._crosses_commas(page, cue, context, first)
            and not self._is_reversed(page, cue.last, first, context)
            and not self._is_reversed(page, last, len(page.words), context)
        )

    def _in_reach(self, page: Page, between: range, context: Context) -> bool:
        item = 0
        for place in between:
            word = page.words[place]
            if context.commas == "list" and (word == "," or word in self._links):
                item = 0
            elif page.passage.is_word[place] and word not in self._small:
                item += 1
                if item > context.reach:
                    return False
        return True

    def _is_voided(self, page: Page, cue: Mark, context: Context, between: range) -> bool:
        near = [page.words[place] for place in between if page.words[place] not in self._small]
        if any(word in context.voided_by for word in near[: 3 if context.informants else 2]):
            return True
        if any(page.words[place] in context.voided_by for place in between[:2]):
            return True
        place = cue.first - 1
        while page.same_sentence(place, cue.first) and page.words[place] in self._small:
            if page.words[place] in context.voided_after:
                return True
            place -= 1
        return page.same_sentence(place, cue.first) and page.words[place] in context.voided_after

    def _is_told(self, page: Page, cue: Mark, context: Context) -> bool:
        """Whether somebody else in the sentence tells about the person the cue names."""
        for place in range(max(0, cue.first - 12), cue.first):
            mark = page.cues[place]
            if mark is None or mark.last >= cue.first or not page.same_sentence(place, cue.first):
                continue
            between = range(mark.last + 1, cue.first)
            for role, other in mark.value:
                if role == "before" and other is context and self._is_voided(page, mark, other, between):
                    return True
        return False

    def _crosses_commas(self, page: Page, cue: Mark, context: Context, first: int) -> bool:
        if page.same_clause(cue.last, first):
            return True
        if context.commas == "stop":
            return False
        clause = page.clause(first)
        opens = page.words[clause.start]
        if opens in self._links:
            return True
        if context.asserts and self._is_statement(page, clause):
            return False
        return context.commas == "list" or all(
            page.clear[place] or page.words[place] in self._symptoms for place in range(cue.last + 1, first)
        )

    def _is_statement(self, page: Page, clause: range) -> bool:
        """Whether a clause says by itself that something is there: a duration, a course, "persists"."""
        for place in clause:
            mark = page.details[place]
            if page.words[place] in self._asserting or place in page.timed:
                return True
            if mark is not None and mark.kind == "course":
                return True
        return False

    def _is_reversed(self, page: Page, last: int, before: int, context: Context) -> bool:
        """Whether after token ``last`` ("until", "other than", "but recurred") the cue is taken back."""
        end = min(page.sentence_ends[last], last + _REVERSAL_WINDOW, before - 1)
        for place in range(last + 1, end + 1):
            mark = page.cues[place]
            if mark is not None and any(value is context for value in _roles(mark, "reversed_by")):
                return True
        return False

    # Cues after

    def _after(self, page: Page, last: int) -> Iterator[Context]:
        place = last + 1
        plain = True
        while place < min(len(page.words), last + _WINDOW):
            if not (plain or page.same_clause(last, place)):
                return
            mark = page.cues[place]
            if mark is not None and mark.first == place:
                for context in _roles(mark, "after"):
                    if self._reaches_back(page, last, mark, context, plain):
                        yield context
            plain = plain and page.clear[place]
            place += 1

    def _reaches_back(self, page: Page, last: int, cue: Mark, context: Context, plain: bool) -> bool:
        if not plain and (context.plain_path or not page.same_clause(last, cue.first)):
            return False
        between = range(last + 1, cue.first)
        after = cue.last + 1
        if not page.same_clause(last, cue.first):
            around = (place for place in page.clause(cue.first) if not cue.first <= place < after)
            if any(page.is_foreign(place) for place in around):
                return False
        elif context.final and page.is_foreign(after) and page.same_clause(cue.last, after):
            return False
        before = page.words[cue.first - 1]
        return (
            self._in_reach(page, between, context)
            and not any(page.words[place] in context.ends for place in between[:-1])
            and before not in context.voided_after
            and not (context.voided_after and any(page.words[p] in context.voided_after for p in between))
            and not self._is_reversed(page, cue.last, len(page.words), context)
        )


def _roles(mark: Mark, role: str) -> list[Context]:
    return [value for known, value in mark.value if known == role]
