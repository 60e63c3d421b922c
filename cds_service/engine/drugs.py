"""Judge drugs: in use, started, stopped, reduced, for how long, how much, by which route, drafted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cds_service.engine.context import Context
from cds_service.engine.ending import for_reason, stops_of
from cds_service.engine.exposures import Agents, Exposure, agents_of, begun, covered, in_use_until, renews
from cds_service.engine.facets import is_as_long
from cds_service.engine.logic import NOTHING, Answer, Answer3, all_of, any_of, not_sent
from cds_service.engine.windows import AnchorDates, Span, Spans, anchor_moments, detail_gap, resolve
from cds_service.facts import DAY, DrugUse, Moment
from cds_service.findings import Evidence, Missing
from cds_service.rules.criteria import DrugCriterion, Limit, Window
from cds_service.terminology import DrugSet


@dataclass(frozen=True, slots=True)
class DrugLeaf:
    """A ``drug``, ``draft`` or ``stopping`` criterion with its named sets, ready to judge."""

    criterion: DrugCriterion
    sets: tuple[DrugSet, ...]
    anchor_dates: AnchorDates | None = None

    def verdict(self, ctx: Context) -> Answer3:
        """Judge the criterion for one patient."""
        if self._has_none(ctx):
            return False if self._is_known(ctx) else None
        hits, unsure = self._search(ctx)
        verdict = self._count(hits, unsure)
        return verdict if verdict or self._is_known(ctx) else None

    def answer(self, ctx: Context) -> Answer:
        """Judge the criterion and show the uses it rests on."""
        if self._has_none(ctx):
            return NOTHING if self._is_known(ctx) else not_sent("drug", self.criterion.names)
        hits, unsure = self._search(ctx)
        verdict = self._count(hits, unsure)
        if verdict is True:
            return Answer(True, tuple(self._evidence(e, ctx) for e in hits))
        if not self._is_known(ctx):
            return not_sent("drug", self.criterion.names)
        if verdict is None:
            seen = tuple(self._evidence(e, ctx) for e in unsure)
            gaps = sorted({(e.ingredient, self._gap(e)) for e in unsure})
            return Answer(None, seen, tuple(Missing("drug", name, reason) for name, reason in gaps))
        return NOTHING

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """Return when the matching uses began (or ended, for stopped ones), for anchors."""
        answer = self.answer(ctx)
        moments = tuple(e.moment for e in answer.evidence if e.moment is not None) if answer.verdict else ()
        return moments, answer.verdict

    def _gap(self, e: Exposure) -> str:
        c = self.criterion
        words = (c.for_at_least, c.for_less_than, c.total_at_least, c.course_at_least)
        is_timed = c.has_timing or not c.window.is_open or any(word is not None for word in words)
        return detail_gap((moment for use in e.uses for moment in (use.start, use.end)), is_timed=is_timed)

    def _has_none(self, ctx: Context) -> bool:
        """Whether the record holds no drug of the sets: the usual case, and quickly told."""
        return all(s.members.isdisjoint(ctx.facts.drugs) for s in self.sets)

    def _is_known(self, ctx: Context) -> bool:
        return self.criterion.word != "drug" or ctx.facts.state("drug").is_known

    def _search(self, ctx: Context) -> tuple[list[Exposure], list[Exposure]]:
        hits: list[Exposure] = []
        unsure: list[Exposure] = []
        spans = self._spans(ctx)
        for drug_set in self.sets:
            agents = agents_of(drug_set, ctx)
            found = [(e, self._judge(e, agents, spans, ctx)) for e in agents.exposures]
            total = self._total(found, ctx)
            found = [(e, all_of((verdict, total))) for e, verdict in found]
            hits += [e for e, verdict in found if verdict is True]
            unsure += [e for e, verdict in found if verdict is None]
        return list(dict.fromkeys(hits)), list(dict.fromkeys(unsure))

    def _count(self, hits: list[Exposure], unsure: list[Exposure]) -> Answer3:
        c = self.criterion
        if c.times > 1:
            have = sum(use.supplies for e in hits for use in e.uses)
            return True if have >= c.times else (None if unsure else False)
        have = len({e.ingredient for e in hits})
        if have >= c.agents:
            return True
        could = len({e.ingredient for e in (*hits, *unsure)})
        return None if could >= c.agents else False

    # --- one exposure, all words

    def _judge(self, e: Exposure, agents: Agents, spans: Spans, ctx: Context) -> Answer3:
        c = self.criterion
        route = agents.drug_set.accepts(e.ingredient, e.current.route)
        if route is False:
            return False
        timing = self._timing(e, agents, spans, ctx)
        if timing is False:
            return False
        return all_of(
            (
                route,
                timing,
                self._lasting(e, agents, spans, ctx),
                self._course(e, agents, ctx),
                self._dose(e.current, ctx),
                _one_of(e.current.route, c.routes),
            )
        )

    def _spans(self, ctx: Context) -> Spans:
        c = self.criterion
        lengths = (c.taken_within, c.started_within, c.stopped_within, c.reduced_within)
        length = next((value for value in lengths if value is not None), None)
        if length is None and c.window.anchor_word:
            moments, verdict = anchor_moments(c.window, ctx, self.anchor_dates)
            return Spans(
                tuple(Span(m.earliest, m.latest, at=m) for m in moments), verdict if not moments else True
            )
        window = Window(length, None, c.window.anchor_word, c.window.anchor)
        return resolve(window, length, ctx, self.anchor_dates)

    def _timing(self, e: Exposure, agents: Agents, spans: Spans, ctx: Context) -> Answer3:
        c = self.criterion
        if c.word == "draft":
            return any(use.draft and use.selected and not use.stopping for use in e.uses)
        if c.word == "stopping":
            stops = stops_of(e)
            return bool(stops) and not agents.is_switched(e) and for_reason(stops, c)
        if not spans.spans:
            return spans.verdict
        if not c.has_timing:
            if c.window.anchor_word:
                return any_of(_covers(e, span) for span in spans.spans)
            return e.active and not e.ending
        return any_of(self._timed(e, agents, span, ctx) for span in spans.spans)

    def _timed(self, e: Exposure, agents: Agents, span: Span, ctx: Context) -> Answer3:
        c = self.criterion
        answers: list[Answer3] = []
        if c.taken_within is not None:
            answers.append(_taken(e, span))
        if c.started_within is not None:
            answers.append(_started(e, agents, _resized(span, c.started_within, ctx)))
        if c.stopped_within is not None:
            answers.append(_stopped(e, agents, _resized(span, c.stopped_within, ctx)))
        if c.reduced_within is not None:
            answers.append(_reduced(e, _resized(span, c.reduced_within, ctx), c.reduced_by or Decimal(0)))
        return all_of(answers)

    def _lasting(self, e: Exposure, agents: Agents, spans: Spans, ctx: Context) -> Answer3:
        """Judge how long the use is unbroken: over the whole named set, so that a switch does not end it.

        Beside ``started_within`` the exposure that started is meant, and no other agent of the set.
        """
        c = self.criterion
        if c.for_at_least is None and c.for_less_than is None:
            return True
        if c.word == "draft":
            days = e.current.planned_days
            lengths = None if days is None else (days * DAY, days * DAY)
        elif (e.start is None and not e.is_ordered) or (e.end is None and not e.active):
            lengths = None
        else:
            lengths = (
                self._length(e, agents, spans, ctx, surely=True),
                self._length(e, agents, spans, ctx, surely=False),
            )
        return None if lengths is None else is_as_long(*lengths, c.for_at_least, c.for_less_than)

    def _length(self, e: Exposure, agents: Agents, spans: Spans, ctx: Context, *, surely: bool) -> int:
        c = self.criterion
        anchored = c.window.anchor_word and not c.has_timing and spans.spans
        until = max(span.end for span in spans.spans) if anchored else in_use_until(e, ctx.now, surely=surely)
        alone = e.start if c.started_within is not None else None
        began = (
            agents.chain_start(e, ctx, surely=surely)
            if alone is None
            else begun(alone, ctx.now, surely=surely)
        )
        return max(0, until - began)

    def _course(self, e: Exposure, agents: Agents, ctx: Context) -> Answer3:
        """Judge a draft together with the unbroken use it goes on with; either length may not be known."""
        wanted = self.criterion.course_at_least
        if wanted is None:
            return True
        planned = e.current.planned_days
        shortest, longest = (
            ctx.now - agents.chain_start(e, ctx, surely=surely) + (planned or 0) * DAY
            for surely in (True, False)
        )
        if longest >= wanted:
            return True if shortest >= wanted else None
        is_open = any(
            other.active and not other.is_ordered and other.start is None for other in agents.members
        )
        return None if planned is None or is_open else False

    def _dose(self, use: DrugUse, ctx: Context) -> Answer3:
        c = self.criterion
        if not c.dose_limits:
            return True
        dose = use.dose
        if dose is None:
            return None
        factor: Decimal | None = Decimal(1)
        if c.dose_as_if:
            factor = ctx.knowhow.terminology.equivalents[c.dose_as_if].get(use.ingredient)
        if factor is None:
            return None
        return all_of(_dose_limit(limit, dose.amount * factor, dose.unit) for limit in c.dose_limits)

    def _total(self, found: list[tuple[Exposure, Answer3]], ctx: Context) -> Answer3:
        """Whether all uses of the set last long enough; a use of unknown length may be what lacks."""
        if self.criterion.total_at_least is None:
            return True
        counted = [e for e, verdict in found if verdict is not False or not e.active]
        dated = [e for e in counted if e.start is not None and (e.active or e.end is not None)]
        shortest, longest = (covered(dated, ctx.now, surely=surely) for surely in (True, False))
        if longest >= self.criterion.total_at_least:
            return True if shortest >= self.criterion.total_at_least else None
        return None if len(dated) < len(counted) else False

    # --- words

    def _evidence(self, e: Exposure, ctx: Context) -> Evidence:
        terms = ctx.knowhow.terminology
        title = terms.title("drug" if e.ingredient in terms.drug_sets else "order", e.ingredient)
        stopped = self.criterion.stopped_within is not None
        moment = e.end if stopped else self._began(e, ctx)
        shortest = self._lasted(e, ctx, surely=True)
        return Evidence(
            "drug",
            e.ingredient,
            _describe(e, title),
            e.current.source,
            moment,
            e.current.dose.amount if e.current.dose else None,
            e.current.dose.unit if e.current.dose else "",
            lasted=shortest,
            is_least=shortest != self._lasted(e, ctx, surely=False),
            sources=tuple(use.source for use in (*e.uses, *self._stops(e))),
        )

    def _stops(self, e: Exposure) -> tuple[DrugUse, ...]:
        return stops_of(e) if self.criterion.word == "stopping" else ()

    def _lasted(self, e: Exposure, ctx: Context, *, surely: bool) -> int | None:
        drug_set = next((one for one in self.sets if e.ingredient in one.members), None)
        if drug_set is None or e.start is None or (e.end is None and not e.active):
            return None
        until = in_use_until(e, ctx.now, surely=surely)
        return max(0, until - agents_of(drug_set, ctx).chain_start(e, ctx, surely=surely))

    def _began(self, e: Exposure, ctx: Context) -> Moment | None:
        """The moment a timing word was about: the latest rise or fall of dose, else the first start."""
        if self.criterion.reduced_within is not None:
            return _latest_fall(e) or e.start
        if self.criterion.started_within is None:
            return e.start
        known = [m for m in e.raised_at() if m is not None]
        return known[-1] if known else None


def _describe(e: Exposure, title: str) -> str:
    use = e.current
    parts = [title]
    if use.dose is not None:
        parts.append(f"{use.dose.amount.normalize():f} {use.dose.unit}")
    if use.route:
        parts.append(use.route)
    if use.stopping or e.ending:
        parts.append("ended by the draft order")
    elif use.draft:
        parts.append("ordered now")
    parts.extend(_span_words(e))
    if use.by_text:
        parts.append("recognized by name")
    return ", ".join(parts)


def _span_words(e: Exposure) -> list[str]:
    """Return when a drug was used; one single dose was given, and not taken since and until a day."""
    began, ended = (None if moment is None else moment.text[:10] for moment in (e.start, e.end))
    if e.current.administered and began is not None and began == ended:
        return [f"given {began}"]
    if began is None and e.current.draft:
        return []
    words = ["start not recorded" if began is None else f"since {began}"]
    return words if ended is None else [*words, f"until {ended}"]


def _one_of(value: str | None, wanted: tuple[str, ...]) -> Answer3:
    if not wanted:
        return True
    return None if value is None else value in wanted


def _resized(span: Span, length: int, ctx: Context) -> Span:
    """The span of one timing word where a leaf has several of different length."""
    if span.now is not None:
        return Span(ctx.now - length, span.end, span.now)
    return span


def _covers(e: Exposure, span: Span) -> Answer3:
    if e.end is not None and e.end.latest < span.start:
        return False
    if e.end is not None and e.end.is_vague and e.end.earliest < span.start:
        return None
    if e.start is None:
        return True if e.active else None
    return e.start.earliest <= span.end


def _taken(e: Exposure, span: Span) -> Answer3:
    """Any overlap of the exposure with the span."""
    if e.end is None and not e.active:
        return None
    return True if e.end is not None and span.holds(e.end) else _covers(e, span)


def _started(e: Exposure, agents: Agents, span: Span) -> Answer3:
    """A draft starts a drug that is not in use, or raises its dose; a renewal starts nothing."""
    if e.is_ordered:
        return span.now is not None and not any(renews(e.current, o) for o in agents.exposures)
    return any_of(None if moment is None else span.holds(moment) for moment in e.raised_at())


def _stopped(e: Exposure, agents: Agents, span: Span) -> Answer3:
    if agents.in_use:
        return False
    return None if e.end is None else span.holds(e.end)


def _reduced(e: Exposure, span: Span, percent: Decimal) -> Answer3:
    """Judge each dose begun in the span against every dose it follows there: several small cuts add up.

    Unknown where a dose was begun in the span and one of the two is not recorded.
    """
    answers: list[Answer3] = []
    followed: list[DrugUse] = []
    for earlier, later in zip(e.uses, e.uses[1:], strict=False):
        is_inside = False if later.start is None else span.holds(later.start)
        if is_inside is False:
            continue
        followed.append(earlier)
        answers += [all_of((is_inside, _fell(before, later, percent))) for before in followed]
    return any_of(answers)


def _fell(earlier: DrugUse, later: DrugUse, percent: Decimal) -> Answer3:
    if earlier.dose is None or later.dose is None or earlier.dose.unit != later.dose.unit:
        return None
    fall = (earlier.dose.amount - later.dose.amount) * 100
    return fall > 0 and fall >= percent * earlier.dose.amount


def _latest_fall(e: Exposure) -> Moment | None:
    """When the dose was last lowered; None where no recorded doses show it."""
    falls = [
        later.start
        for earlier, later in zip(e.uses, e.uses[1:], strict=False)
        if earlier.dose is not None
        and later.dose is not None
        and later.start is not None
        and earlier.dose.unit == later.dose.unit
        and later.dose.amount < earlier.dose.amount
    ]
    return falls[-1] if falls else None


def _dose_limit(limit: Limit, amount: Decimal, unit: str) -> Answer3:
    if limit.unit != unit:
        return None
    if limit.op == "below":
        return amount < limit.amount
    if limit.op == "at_most":
        return amount <= limit.amount
    return amount > limit.amount if limit.op == "above" else amount >= limit.amount
