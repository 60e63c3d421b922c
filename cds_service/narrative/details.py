"""Gives courses, traits and durations to the mention they are said of.

A detail reaches a mention across clear words only: "twitching of the lip, intermittent, for 5 days",
but not "twitching, on prednisone for 5 days". A detail whose mention is doubtful is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from cds_service.narrative.durations import Duration
from cds_service.narrative.facets import SiteFinder
from cds_service.narrative.lexicon import Lexicon, Mark
from cds_service.narrative.page import Page

if TYPE_CHECKING:
    from cds_service.narrative.recognition import Mention

_WINDOW = 30


def assign_details(
    page: Page, found: Sequence[tuple[Mark, Mention]], lexicon: Lexicon, sites: SiteFinder
) -> list[Mention]:
    """Return the mentions with course, traits and duration filled in where the text says them."""
    mentions = {mark.first: mention for mark, mention in found}
    assigner = _Assigner(page, mentions, lexicon, sites)
    for mark in page.marks("course", "trait"):
        assigner.take_mark(mark)
    for mark in page.marks("side"):
        assigner.take_side(mark)
    for duration in page.durations:
        assigner.take_duration(duration)
    return [assigner.mentions[mark.first] for mark, _ in found]


class _Assigner:
    def __init__(self, page: Page, mentions: dict[int, Mention], lexicon: Lexicon, sites: SiteFinder) -> None:
        self.page = page
        self.mentions = mentions
        self._turning = lexicon.sets["turning_words"]
        self._symptoms = lexicon.sets["symptom_words"]
        self._courses = lexicon.courses
        self._sites = sites

    def take_mark(self, mark: Mark) -> None:
        place = self._mention_right(mark.last) if self._looks_right(mark) else None
        if place is None:
            place = self._mention_left(mark.first, mark.last)
        if place is None:
            place = self._mention_right(mark.last)
        if place is None:
            return
        turned = self.page.same_sentence(mark.first - 1, mark.first) and (
            self.page.words[mark.first - 1] in self._turning
        )
        mention = self.mentions[place]
        if mark.kind == "trait":
            name, value = mark.value
            self.mentions[place] = replace(mention, traits={**mention.traits, name: value is not turned})
        elif not turned:
            self.mentions[place] = self._with_course(mention, mark)

    def take_side(self, mark: Mark) -> None:
        """Give a side that stands apart ("hemifacial spasm, left") to the mention before it."""
        clause = self.page.clause(mark.first)
        details = [detail for place in clause if (detail := self.page.details[place]) is not None]
        if any(detail.kind in ("site", "movement", "friend", "other") for detail in details):
            return
        place = self._mention_left(mark.first, mark.last)
        if place is not None and self.mentions[place].side is None:
            self.mentions[place] = replace(self.mentions[place], side=mark.value)

    def _with_course(self, mention: Mention, mark: Mark) -> Mention:
        named = [course for course in (mention.course, mark.value) if course is not None]
        course = min(named, key=self._courses.index)
        sites = mention.sites
        if mark.value == self._courses[0]:
            sites = sites | self._sites.spread(self.page, mark)
        return replace(mention, course=course, sites=sites)

    def take_duration(self, duration: Duration) -> None:
        if duration.days is None:
            return
        place = None if duration.forward else self._mention_left(duration.first, duration.last)
        if place is None:
            place = self._mention_right(duration.last)
        while place is not None and self.mentions[place].duration_days is None:
            mention = self.mentions[place]
            self.mentions[place] = replace(mention, duration_days=duration.days, longest_days=duration.most)
            place = None if duration.forward else self._mention_left(place, place)

    def _looks_right(self, mark: Mark) -> bool:
        """Whether a facet stands as an adjective before something in its own clause."""
        right = self._mention_right(mark.last)
        left = self._mention_left(mark.first, mark.last)
        if right is None or not self.page.same_clause(mark.last, right):
            return False
        return (
            left is None
            or not self.page.same_clause(left, mark.first)
            or (right - mark.last <= mark.first - left)
        )

    def _mention_left(self, first: int, last: int) -> int | None:
        """Return the nearest counted mention to the left that clear words lead to, or None."""
        place = first - 1
        while place >= max(0, first - _WINDOW) and self.page.clear[place]:
            if place in self.mentions and not self.mentions[place].negated:
                return place if self._may_look_back(place, first, last) else None
            place -= 1
        return None

    def _may_look_back(self, place: int, first: int, last: int) -> bool:
        page = self.page
        if place == first:
            return True
        if page.is_foreign(last + 1) and page.same_clause(last, last + 1) and page.passage.is_word[last + 1]:
            return page.same_clause(place, first) and page.words[last + 1] not in self._symptoms
        if page.same_clause(place, first):
            return True
        return not any(page.is_foreign(p) for p in page.clause(first) if not first <= p <= last)

    def _mention_right(self, last: int) -> int | None:
        """Return the nearest counted mention to the right in the sentence that clear words lead to."""
        place = last + 1
        while place <= last + _WINDOW and self.page.same_sentence(place, last) and self.page.clear[place]:
            if place in self.mentions and not self.mentions[place].negated:
                return place if self._may_look_on(place, last) else None
            place += 1
        return None

    def _may_look_on(self, place: int, last: int) -> bool:
        page = self.page
        return page.same_clause(place, last) or not any(page.is_foreign(p) for p in page.clause(last))
