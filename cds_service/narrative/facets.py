"""Finds where a movement is: its sites and side, and whether a muscle is named, by the words around it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cds_service.narrative.lexicon import Lexicon, Mark, Movement
from cds_service.narrative.page import Page

_MOST_STEPS = 40
_MOST_CLAUSES = 8
_OPENING_SIGNS = frozenset(",(-:")
_SIDED_KINDS = frozenset(("site", "movement", "course", "muscle", "side", "trait"))


@dataclass(slots=True)
class Whereabouts:
    """Sites, sides and extent of one movement while they are being collected."""

    first: int
    last: int
    sites: set[str] = field(default_factory=set)
    sides: set[str] = field(default_factory=set)
    muscle: bool = False

    @property
    def side(self) -> str | None:
        """left, right, both, or None when no side is named."""
        if not self.sides:
            return None
        return next(iter(self.sides)) if len(self.sides) == 1 else "both"


class SiteFinder:
    """Walks from a movement to the site words near it."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Keep the word sets that every walk needs."""
        self._reach = lexicon.site_reach
        self._ends = lexicon.sets["site_search_ends"]
        self._symptoms = lexicon.sets["symptom_words"]
        self._places = lexicon.sets["place_words"]
        self._links = lexicon.sets["links"]
        self._small = lexicon.sets["small_words"]

    def find(self, page: Page, mark: Mark) -> Whereabouts:
        """Return where the movement at ``mark`` is.

        Words joined to it come first ("left lower lip and chin twitching", "twitching of the lip");
        only when there are none are sites within reach across other words taken.
        """
        movement: Movement = mark.value
        found = Whereabouts(mark.first, mark.last, set(movement.sites))
        self._walk(page, mark, -1, 0, found)
        self._walk(page, mark, 1, 0, found)
        if not found.sites:
            self._apart(page, mark, found)
        if not found.sites and not found.muscle:
            reach = movement.reach or self._reach
            self._walk(page, mark, -1, reach, found)
            self._walk(page, mark, 1, reach, found)
            found.first, found.last = mark.first, mark.last
        return found

    def _apart(self, page: Page, mark: Mark, found: Whereabouts) -> None:
        """Take sites and sides from bare clauses after it: "spasm, facial", "twitching (lips, chin)"."""
        place = mark.last + 1
        for _ in range(_MOST_CLAUSES):
            if not page.same_sentence(place, mark.first) or page.words[place] not in _OPENING_SIGNS:
                return
            clause = page.clause(place + 1) if page.same_sentence(place + 1, place) else range(0)
            details = [detail for token in clause if (detail := page.details[token]) is not None]
            kinds = {detail.kind for detail in details}
            if "site" not in kinds or "movement" in kinds or any(page.is_foreign(token) for token in clause):
                return
            for detail in details:
                if detail.kind == "site":
                    found.sites |= detail.value
                elif detail.kind == "side":
                    found.sides.add(detail.value)
            place = clause.stop - 1

    def spread(self, page: Page, mark: Mark) -> frozenset[str]:
        """Return the sites that follow a phrase such as "spreading to"."""
        found = Whereabouts(mark.first, mark.last)
        self._walk(page, mark, 1, 0, found)
        return frozenset(found.sites)

    def _walk(self, page: Page, mark: Mark, step: int, budget: int, found: Whereabouts) -> None:
        place = mark.last + 1 if step > 0 else mark.first - 1
        chained = {mark.first}
        waiting: list[Mark] = []
        met_site = False
        for _ in range(_MOST_STEPS):
            if not page.same_sentence(place, mark.first):
                break
            word, detail = page.words[place], page.details[place]
            if self._stops(page, place, step, met_site):
                break
            if detail is not None and detail.kind == "site":
                if self._is_owned(page, detail, chained):
                    break
                met_site = True
                self._take(detail, waiting, found)
            elif detail is not None and detail.kind == "side":
                waiting = self._side(page, detail, step, met_site, waiting, found)
            elif detail is not None and detail.kind == "muscle":
                found.muscle = True
                if detail.last + 1 == found.first:
                    found.first = detail.first
                waiting = self._settle(waiting, found) if step < 0 else waiting
            elif detail is not None and detail.kind == "movement":
                if met_site or not self._is_joined(page, detail, step):
                    break
                chained.add(detail.first)
            elif page.is_foreign(place):
                waiting = []
                budget -= 1
                if budget < 0 or met_site:
                    break
            elif word not in self._places:
                waiting = self._settle(waiting, found) if step > 0 and not met_site else waiting
            place = (detail.last if step > 0 else detail.first) + step if detail is not None else place + step
        else:
            return
        if step > 0 and self._ends_plainly(page, place, mark):
            self._settle(waiting, found)

    def _ends_plainly(self, page: Page, place: int, mark: Mark) -> bool:
        """Whether a walk ended at a sign or a small word, so that a side before it stands by itself."""
        if not page.same_sentence(place, mark.first) or page.is_sign(place):
            return True
        return page.words[place] in self._ends and page.words[place] not in self._symptoms

    def _stops(self, page: Page, place: int, step: int, met_site: bool) -> bool:
        word = page.words[place]
        if word in self._ends or word in self._symptoms:
            return True
        detail = page.details[place]
        if detail is not None and detail.kind in ("friend", "other"):
            return True
        if page.words[place] in ",()-" and page.is_sign(place):
            return not (met_site and self._list_goes_on(page, place, step))
        return False

    def _list_goes_on(self, page: Page, comma: int, step: int) -> bool:
        """Whether beyond a comma stands a bare site: "lips, chin and cheek"."""
        place = comma + step
        while page.same_sentence(place, comma) and self._is_between(page, place):
            place += step
        detail = page.detail(place)
        if not page.same_sentence(place, comma) or detail is None or detail.kind != "site":
            return False
        outer = (detail.last if step > 0 else detail.first) + step
        if step > 0:
            return not page.is_foreign(outer)
        return all(not page.is_foreign(p) for p in page.clause(detail.first) if p < detail.first)

    def _is_between(self, page: Page, place: int) -> bool:
        detail = page.details[place]
        return (
            page.words[place] in self._links
            or page.words[place] in self._small
            or (detail is not None and detail.kind == "side")
        )

    def _is_owned(self, page: Page, site: Mark, chained: set[int]) -> bool:
        """Whether another word has the site: "leg cramps", "pain in the arm", "arm fasciculations"."""
        after, beyond = page.detail(site.last + 1), site.last + 1
        if beyond in chained:
            return False
        if page.same_clause(beyond, site.last):
            if page.words[beyond] in self._symptoms:
                return True
            if after is not None and after.kind in ("movement", "other"):
                return True
        place = site.first - 1
        met_place = False
        while page.same_clause(place, site.first) and self._leads_to_site(page, place):
            met_place = met_place or page.words[place] in self._places
            place -= 1
        if not met_place or not page.same_clause(place, site.first):
            return False
        before = page.details[place]
        other = before is not None and before.kind == "movement" and before.first not in chained
        return page.words[place] in self._symptoms or other

    def _leads_to_site(self, page: Page, place: int) -> bool:
        detail = page.details[place]
        if detail is not None and detail.kind in ("side", "site"):
            return True
        return page.words[place] in self._places or (detail is None and page.words[place] in self._small)

    def _is_joined(self, page: Page, other: Mark, step: int) -> bool:
        """Whether a further movement stands beside the last one, joined by "and", "or" or a sign."""
        place = other.first - 1 if step > 0 else other.last + 1
        return page.words[place] in self._links or page.words[place] == ","

    def _take(self, site: Mark, waiting: list[Mark], found: Whereabouts) -> None:
        found.sites |= site.value
        found.first, found.last = min(found.first, site.first), max(found.last, site.last)
        self._settle(waiting, found)

    def _side(
        self, page: Page, side: Mark, step: int, met_site: bool, waiting: list[Mark], found: Whereabouts
    ) -> list[Mark]:
        """Keep a side until what it belongs to is known; before its site, walking back, it is known."""
        if step > 0:
            return [*waiting, side]
        following = page.detail(side.last + 1)
        place = side.last + 1
        while page.same_clause(place, side.last) and following is None and page.words[place] in self._small:
            place += 1
            following = page.detail(place)
        if following is not None and following.kind in _SIDED_KINDS:
            return self._settle([side], found)
        return waiting

    def _settle(self, waiting: list[Mark], found: Whereabouts) -> list[Mark]:
        for side in waiting:
            found.sides.add(side.value)
            found.first, found.last = min(found.first, side.first), max(found.last, side.last)
        waiting.clear()
        return waiting
