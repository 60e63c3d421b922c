"""When a fact counts: windows measured from ``as_of``, from the onset, or from other facts.

A fact dated only by day counts as new as that day allows; one dated by month or year is unknown
where some of its days lie in the window and some do not (docs/rule-language.md, 1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from cds_service.engine.context import Context
from cds_service.engine.logic import Answer3
from cds_service.facts import DAY, Moment
from cds_service.rules.criteria import Window

#: Gives the dated matches of an anchor criterion and its verdict.
AnchorDates = Callable[[Context], tuple[tuple[Moment, ...], Answer3]]

_BEGINNING = -(10**12)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time in seconds, both ends included.

    ``now`` set: measured back from ``as_of``, the newest possible time of a moment decides.
    ``now`` None: measured around another fact, any overlap counts. ``at`` is that other fact.
    """

    start: int
    end: int
    now: int | None = None
    at: Moment | None = None

    def holds(self, moment: Moment) -> Answer3:
        """Whether the moment lies in the span; None for a bare month or year only partly inside."""
        if not moment.is_vague:
            return self.may_hold(moment)
        latest = moment.latest if self.now is None else min(moment.latest, self.now)
        if latest < self.start or moment.earliest > self.end:
            return False
        return True if self.start <= moment.earliest and latest <= self.end else None

    def may_hold(self, moment: Moment) -> bool:
        """Whether the moment can lie in the span: what counts for a result, which is shown with its date."""
        if self.now is None:
            return moment.latest >= self.start and moment.earliest <= self.end
        return self.start <= min(moment.latest, self.now) <= self.end


@dataclass(frozen=True, slots=True)
class Spans:
    """All spans a window stands for in one patient; ``verdict`` answers for a window without any."""

    spans: tuple[Span, ...]
    verdict: Answer3 = True


def in_last(length: int, moment: Moment, ctx: Context) -> Answer3:
    """Whether the moment lies in the last ``length`` seconds before ``as_of``."""
    return Span(ctx.now - length, ctx.now, now=ctx.now).holds(moment)


def detail_gap(moments: Iterable[Moment | None], *, is_timed: bool) -> str:
    """Return why facts cannot tell: a bare month or year where a time is asked for, else a detail."""
    is_vague = is_timed and any(moment is not None and moment.is_vague for moment in moments)
    return "vague-date" if is_vague else "no-detail"


def length_of(within: int | str | None, ctx: Context, usual: int, fresh: int) -> int | None:
    """Return the length of a window word in seconds; None is "any time"."""
    if within == "usual":
        return usual
    if within == "fresh":
        return usual if ctx.fresh_is_usual else fresh
    if within == "encounter":
        return ctx.now - ctx.encounter_start
    return within if isinstance(within, int) else None


def resolve(window: Window, length: int | None, ctx: Context, dates: AnchorDates | None) -> Spans:
    """Return the spans of a window whose ``within`` is ``length`` seconds long."""
    if not window.anchor_word:
        key = (length, window.older_than)
        found = ctx.spans.get(key)
        if found is None:
            found = ctx.spans[key] = _from_now(length, window.older_than, ctx.now)
        return found
    moments, verdict = anchor_moments(window, ctx, dates)
    if not moments:
        return Spans((), verdict if verdict is not True else None)
    return Spans(tuple(_around(window.anchor_word, moment, length, ctx.now) for moment in moments))


def _from_now(length: int | None, older_than: int | None, now: int) -> Spans:
    start = _BEGINNING if length is None else now - length
    end = now if older_than is None else now - older_than - 1
    return Spans((Span(start, end, now=now),))


def anchor_moments(
    window: Window, ctx: Context, dates: AnchorDates | None
) -> tuple[tuple[Moment, ...], Answer3]:
    """Return the times a window is anchored to; an unknown onset is an unknown answer."""
    if window.anchor == "onset":
        twitch = ctx.facts.twitch
        onset = None if twitch is None else twitch.onset
        return ((onset,), True) if onset is not None else ((), None)
    if window.anchor == "encounter":
        start = ctx.facts.encounter.start
        return ((start,), True) if start is not None else ((), None)
    return ((), None) if dates is None else dates(ctx)


def _around(word: str, moment: Moment, length: int | None, now: int) -> Span:
    if word == "before":
        return Span(_BEGINNING if length is None else moment.earliest - length, moment.latest, at=moment)
    if word == "after":
        after = moment.earliest if moment.is_day_only else moment.latest + 1
        return Span(after, now if length is None else min(now, moment.latest + length), at=moment)
    reach = 0 if length is None else length
    return Span(moment.earliest - reach, moment.latest + reach, at=moment)


def days_between(earlier: int, later: int) -> int:
    """Return whole days between two times, never negative."""
    return max(0, (later - earlier) // DAY)


def days_ago(moment: Moment, now: int) -> int:
    """Return the days since a moment as a calendar counts them; a bare month or year as new as it allows."""
    since = moment.earliest if len(moment.text) >= len("2026-11-15") else moment.latest
    return days_between(min(since, now), now)
