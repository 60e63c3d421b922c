"""Judge what is recorded: conditions, symptoms, procedures, reports, family, allergies, encounters."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.engine.context import Context
from cds_service.engine.facets import age_at, excluded, lasted, matches_side, within_limits
from cds_service.engine.logic import NOTHING, Answer, Answer3, all_of, any_of, not_sent
from cds_service.engine.text import describe_event
from cds_service.engine.windows import AnchorDates, Spans, detail_gap, in_last, length_of, resolve
from cds_service.facts import Event, Moment
from cds_service.findings import Evidence, Missing
from cds_service.rules.criteria import EventCriterion


@dataclass(frozen=True, slots=True)
class EventLeaf:
    """A criterion on recorded events, ready to judge."""

    criterion: EventCriterion
    anchor_dates: AnchorDates | None = None

    def verdict(self, ctx: Context) -> Answer3:
        """Judge the criterion for one patient."""
        if self._has_none(ctx):
            return False if ctx.facts.state(self.criterion.kind).is_known else None
        hits, unsure = self._search(ctx)
        if hits and sum(event.count for event in hits) >= self.criterion.times:
            return True
        return None if unsure or not ctx.facts.state(self.criterion.kind).is_known else False

    def answer(self, ctx: Context) -> Answer:
        """Judge the criterion and show the events it rests on."""
        if self._has_none(ctx):
            known = ctx.facts.state(self.criterion.kind).is_known
            return NOTHING if known else not_sent(self.criterion.kind, self.criterion.names)
        return self._conclude(*self._search(ctx), ctx)

    def _has_none(self, ctx: Context) -> bool:
        """Whether the record holds none of the names: the usual case, and quickly told."""
        on_record = ctx.facts.events.get(self.criterion.kind)
        return not on_record or on_record.keys().isdisjoint(self.criterion.names)

    def _search(self, ctx: Context) -> tuple[list[Event], list[Event]]:
        """Return the events that satisfy the criterion, and those that cannot tell."""
        c = self.criterion
        on_record = ctx.facts.events.get(c.kind)
        events = [e for name in c.names for e in on_record.get(name, ())] if on_record else []
        hits: list[Event] = []
        unsure: list[Event] = []
        spans = self._spans(ctx) if events else None
        for event in events:
            verdict = self._judge(event, spans, ctx)
            if verdict is not False:
                (hits if verdict else unsure).append(event)
        return hits, unsure

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """Return when the matching events were, for anchors; undated matches give no date."""
        answer = self.answer(ctx)
        return (
            tuple(e.moment for e in answer.evidence if e.moment) if answer.verdict else ()
        ), answer.verdict

    def _conclude(self, hits: list[Event], unsure: list[Event], ctx: Context) -> Answer:
        c = self.criterion
        if sum(event.count for event in hits) >= c.times:
            return Answer(True, tuple(_evidence(e, ctx) for e in hits))
        if unsure:
            gaps = sorted({(event.name, self._gap(event)) for event in unsure})
            seen = tuple(_evidence(e, ctx) for e in unsure)
            return Answer(None, seen, tuple(Missing(c.kind, name, reason) for name, reason in gaps))
        return NOTHING if ctx.facts.state(c.kind).is_known else not_sent(c.kind, c.names)

    def _gap(self, event: Event) -> str:
        c = self.criterion
        words = (c.onset_within, c.new_within, c.for_at_least, c.for_less_than)
        is_timed = not c.window.is_open or any(word is not None for word in words)
        return detail_gap((event.onset, event.moment), is_timed=is_timed)

    def _spans(self, ctx: Context) -> Spans | None:
        window = self.criterion.window
        if window.is_open:
            return None
        episode = ctx.knowhow.modifiers.episode
        return resolve(window, length_of(window.within, ctx, episode, episode), ctx, self.anchor_dates)

    def _judge(self, event: Event, spans: Spans | None, ctx: Context) -> Answer3:
        c = self.criterion
        if not self._has_status(event):
            return False
        return all_of(
            (
                self._in_time(event, spans, ctx),
                self._began(event, ctx),
                self._is_new(event, ctx),
                self._lasted(event, ctx),
                within_limits(age_at(event.onset, ctx), c.onset_age) if c.onset_age else True,
                matches_side(event.side, c.side, ctx) if c.side else True,
                (None if event.course is None else event.course == c.course) if c.course else True,
                not excluded(c.excluded, event.side, event.course, {}, ctx),
            )
        )

    def _has_status(self, event: Event) -> bool:
        wanted = self.criterion.status
        if wanted == "absent" or event.status == "absent":
            return wanted == event.status
        timed = not self.criterion.window.is_open
        return (
            event.status == "active"
            or wanted == "ever"
            or timed
            or self.criterion.kind not in ("condition", "symptom")
        )

    def _in_time(self, event: Event, spans: Spans | None, ctx: Context) -> Answer3:
        c = self.criterion
        if spans is None:
            return _in_episode(event, ctx) if c.kind == "symptom" else True
        if c.window.within == "encounter":
            return event.in_encounter or (
                None if event.moment is None else any_of(span.holds(event.moment) for span in spans.spans)
            )
        when = _when(event)
        if not spans.spans:
            return spans.verdict
        return None if when is None else any_of(span.holds(when) for span in spans.spans)

    def _began(self, event: Event, ctx: Context) -> Answer3:
        """Stated onset in the window; else the first record, if made in the current encounter."""
        c = self.criterion
        if c.onset_within is None:
            return not c.onset_stated or event.onset is not None
        onset = event.onset
        if onset is None:
            first = _first_record(event, ctx)
            if c.onset_stated or first is None or not _in_encounter(event, first, ctx):
                return None
            onset = first
        return in_last(c.onset_within, onset, ctx)

    def _lasted(self, event: Event, ctx: Context) -> Answer3:
        """Whether it has lasted so long; without a stated onset the first record proves "at least"."""
        c = self.criterion
        if c.for_at_least is None and c.for_less_than is None:
            return True
        return lasted(event.onset, c.for_at_least, c.for_less_than, ctx, _first_record(event, ctx))

    def _is_new(self, event: Event, ctx: Context) -> Answer3:
        """Whether the same thing has no older record; one that has resolved does not hide its return."""
        length = self.criterion.new_within
        if length is None:
            return True
        moments = [m for e in _same(event, ctx) for m in (e.onset, e.moment) if m is not None]
        return all_of(in_last(length, m, ctx) for m in moments)


def _when(event: Event) -> Moment | None:
    return event.onset if event.onset is not None else event.moment


def _in_episode(event: Event, ctx: Context) -> bool:
    """Current encounter or the episode window; an undated symptom counts as current."""
    if event.in_encounter or event.moment is None:
        return event.in_encounter or event.onset is None or _recent(event.onset, ctx)
    return _recent(event.moment, ctx) or event.moment.latest >= ctx.encounter_start


def _recent(moment: Moment, ctx: Context) -> bool:
    return min(moment.latest, ctx.now) >= ctx.now - ctx.knowhow.modifiers.episode


def _first_record(event: Event, ctx: Context) -> Moment | None:
    moments = [e.moment for e in _same(event, ctx) if e.moment is not None]
    return min(moments, key=lambda m: m.earliest, default=None)


def _same(event: Event, ctx: Context) -> list[Event]:
    """The event and every unresolved record of the same thing."""
    on_record = ctx.facts.events.get(event.kind, {}).get(event.name, ())
    return [e for e in on_record if e is event or e.status == "active"]


def _in_encounter(event: Event, first: Moment, ctx: Context) -> bool:
    return min(first.latest, ctx.now) >= ctx.encounter_start


def _evidence(event: Event, ctx: Context) -> Evidence:
    title = ctx.knowhow.terminology.title(event.kind, event.name)
    return Evidence(event.kind, event.name, describe_event(event, title), event.source, _when(event))
