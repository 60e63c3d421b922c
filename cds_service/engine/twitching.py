"""Judge the twitch itself: its sites and facets."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.engine.context import Context
from cds_service.engine.facets import age_at, excluded, lasted, matches_side, within_limits
from cds_service.engine.logic import Answer, Answer3, all_of, any_of
from cds_service.engine.text import describe_twitch
from cds_service.engine.windows import AnchorDates, detail_gap, in_last, resolve
from cds_service.facts import Moment, Twitch
from cds_service.findings import Evidence, Missing
from cds_service.rules.criteria import TwitchCriterion

_LIPS = frozenset(("upper-lip", "lower-lip", "lip"))
_EYELID = frozenset(("eyelid",))
_FACE = _LIPS | _EYELID | {"perioral", "chin", "cheek", "face", "hemiface", "jaw", "tongue"}
_BODY = frozenset(("limb", "trunk", "generalized"))
#: Words of the rule language that stand for several sites (specification 2: TWF, TWL, TWG).
_GROUPS = {"face": _FACE, "face-beyond-eyelid": _FACE - _EYELID, "body": _BODY, "lip": _LIPS}
_ALONE = {"eyelid-only": _EYELID, "chin-only": frozenset(("chin",))}


@dataclass(frozen=True, slots=True)
class TwitchLeaf:
    """A ``twitch`` criterion, ready to judge."""

    criterion: TwitchCriterion
    anchor_dates: AnchorDates | None = None

    def verdict(self, ctx: Context) -> Answer3:
        """Judge the criterion for one patient."""
        twitch = ctx.facts.twitch
        if twitch is None:
            return False if ctx.facts.twitch_state.is_known else None
        return self._judge(twitch, ctx)

    def answer(self, ctx: Context) -> Answer:
        """Judge the criterion and show the twitch it rests on."""
        twitch = ctx.facts.twitch
        if twitch is None:
            if ctx.facts.twitch_state.is_known:
                return Answer(False)
            return Answer(None, missing=(Missing("symptom", "twitch", "not-sent"),))
        verdict = self._judge(twitch, ctx)
        evidence = (twitch_evidence(twitch),)
        if verdict is None:
            return Answer(None, evidence, (Missing("symptom", "twitch", self._gap(twitch), self._asked()),))
        return Answer(verdict, evidence)

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """Return the onset, for anchors."""
        answer = self.answer(ctx)
        twitch = ctx.facts.twitch
        if answer.verdict is True and twitch is not None and twitch.onset is not None:
            return (twitch.onset,), True
        return (), answer.verdict

    def _judge(self, twitch: Twitch, ctx: Context) -> Answer3:
        c = self.criterion
        return all_of(
            (
                any_of(_at_site(site, twitch.sites) for site in c.sites),
                matches_side(twitch.side, c.side, ctx) if c.side else True,
                (None if twitch.course is None else twitch.course == c.course) if c.course else True,
                twitch.traits.get(c.trait) if c.trait else True,
                not excluded(c.excluded, twitch.side, twitch.course, twitch.traits, ctx),
                lasted(twitch.onset, c.for_at_least, c.for_less_than, ctx, twitch.first_recorded),
                within_limits(age_at(twitch.onset, ctx), c.onset_age) if c.onset_age else True,
                self._began(twitch, ctx),
            )
        )

    def _began(self, twitch: Twitch, ctx: Context) -> Answer3:
        c = self.criterion
        if c.onset_within is None and c.window.is_open:
            return not c.onset_stated or twitch.onset is not None
        onset = twitch.onset
        if onset is None and not c.onset_stated:
            first = twitch.first_recorded
            if first is not None and min(first.latest, ctx.now) >= ctx.encounter_start:
                onset = first
        if onset is None:
            return None
        if c.window.is_open:
            return in_last(c.onset_within or 0, onset, ctx)
        spans = resolve(c.window, c.onset_within, ctx, self.anchor_dates)
        return any_of(span.holds(onset) for span in spans.spans) if spans.spans else spans.verdict

    def _gap(self, twitch: Twitch) -> str:
        c = self.criterion
        words = (c.onset_within, c.for_at_least, c.for_less_than)
        is_timed = not c.window.is_open or any(word is not None for word in words)
        return detail_gap((twitch.onset,), is_timed=is_timed)

    def _asked(self) -> str:
        c = self.criterion
        asked = [
            word for word, value in (("side", c.side), ("course", c.course), ("trait", c.trait)) if value
        ]
        if c.for_at_least is not None or c.for_less_than is not None or c.onset_within is not None:
            asked.append("onset")
        return ", ".join(asked or ["site"])


def _at_site(site: str, sites: frozenset[str]) -> Answer3:
    if site == "any":
        return True
    if site == "unknown":
        return not sites
    if not sites:
        return None
    if site in _ALONE:
        return sites == _ALONE[site]
    return bool(sites & _GROUPS.get(site, frozenset((site,))))


def is_isolated_eyelid(twitch: Twitch | None) -> bool:
    """Whether the twitch is at one eyelid only, the side being single or not recorded."""
    return twitch is not None and twitch.sites == _EYELID and twitch.side != "both"


def twitch_evidence(twitch: Twitch) -> Evidence:
    """Return the twitch as evidence."""
    return Evidence(
        "symptom",
        "twitch",
        describe_twitch(twitch),
        twitch.source,
        twitch.onset or twitch.first_recorded,
        sources=twitch.sources,
    )
