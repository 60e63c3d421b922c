"""Which cards one call returns: kinds, members, caps; what does not fit is merged, never dropped.

Source: content specification 7.2, 8 and 9; every number comes from ``cards/triage.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from cds_service.cards.proposals import Steps, asked_by, proposals_of, steps_of
from cds_service.cards.voice import Voice, evidence_of
from cds_service.findings import INDICATORS, Finding, Proposal
from cds_service.triage import Entry, Triaged
from cds_service.triage.folding import highest, unique_proposals


@dataclass(frozen=True, slots=True)
class Draft:
    """One card before it is written.

    ``entries`` are its lines, best first; ``also`` are lines told in a word ("also present");
    ``elsewhere`` stand on cards of their own; ``overflow`` belong to cards that did not fit;
    ``unknown`` are undecided rules this card tells of; ``carried`` are workup findings whose tests
    stand among the options of this card; ``before`` are findings without a card of their own because they
    were answered, with the day they were shown.
    """

    kind: str
    entries: tuple[Entry, ...]
    also: tuple[Entry, ...] = ()
    against: tuple[Entry, ...] = ()
    on_record: tuple[Finding, ...] = ()
    elsewhere: tuple[Entry, ...] = ()
    overflow: tuple[Entry, ...] = ()
    unknown: tuple[Finding, ...] = ()
    steps: Steps = field(default_factory=Steps)
    carried: tuple[Entry, ...] = ()
    before: tuple[tuple[Finding, str], ...] = ()

    @property
    def told(self) -> tuple[Entry, ...]:
        """Every entry that speaks on this card, in the order of its lines."""
        return (*self.entries, *self.against, *self.also, *self.overflow, *self.carried)

    @property
    def indicator(self) -> str:
        """The highest indicator of its members."""
        return highest(entry.indicator for entry in self.told)

    @property
    def lead(self) -> Finding:
        """The finding that gives the card its summary and source."""
        return (*self.entries, *self.against)[0].lead

    def lines(self, most: int) -> tuple[Entry, ...]:
        """Return the entries that have a line of their own, at most so many causes on a list of causes."""
        causes = [entry for entry in self.entries if entry.lead.role != "workup"]
        hidden = causes[most:] if self.kind == "differential" else []
        return (*(entry for entry in self.entries if entry not in hidden), *self.against)


def plan_cards(triaged: Triaged, voice: Voice) -> tuple[Draft, ...]:
    """Return the cards of one call in the order they are shown, within the caps of the hook."""
    drafts, rest = _within_caps(_wanted(triaged, voice), voice)
    drafts = _with_workup(_with_steps(_sorted(drafts), voice), triaged, voice)
    if not drafts:
        return ()
    last = drafts[-1]
    drafts[-1] = replace(last, overflow=(*last.overflow, *rest))
    return tuple(_telling_before(_sorted(_telling_unknown(drafts, triaged, voice)), triaged))


def _sorted(drafts: Iterable[Draft]) -> list[Draft]:
    """Most urgent first; among equals the best ranked, and what carries no rank last."""
    return sorted(drafts, key=lambda d: (-INDICATORS.index(d.indicator), d.lead.rank == 0, d.lead.rank))


def _wanted(triaged: Triaged, voice: Voice) -> list[Draft]:
    """Return all cards that could be shown, in the order of the table of 7.2."""
    plan = voice.knowledge.triage.plan(triaged.hook)
    red = plan.at_most.get("red-flag", 1)
    found = [Draft("red-flag", (entry,)) for entry in triaged.red_flags[:red]]
    if found:
        found[0] = replace(found[0], also=triaged.red_flags[red:])
    if triaged.critical:
        found.append(Draft("critical", triaged.critical))
    found += [Draft("order", (entry,)) for entry in triaged.orders]
    if triaged.contributors or triaged.against:
        found.append(
            Draft(
                "differential",
                triaged.contributors,
                against=triaged.against,
                on_record=triaged.also_on_record,
                elsewhere=(*triaged.red_flags, *triaged.critical),
            )
        )
    return found


def _within_caps(drafts: Sequence[Draft], voice: Voice) -> tuple[list[Draft], tuple[Entry, ...]]:
    """Return the cards the hook allows, and the entries of those it does not."""
    plan = voice.knowledge.triage.plan(voice.facts.hook)
    allowed: list[tuple[int, int, Draft]] = []
    for place, kind in enumerate(plan.kinds):
        of_kind = _sorted(draft for draft in drafts if draft.kind == kind)
        room = plan.at_most.get(kind, plan.cards)
        allowed += [(turn, place, draft) for turn, draft in enumerate(of_kind[:room])]
    # one of each kind before a second of any
    kept = [draft for _, _, draft in sorted(allowed, key=lambda row: row[:2])[: plan.cards]]
    rest = [
        entry for draft in drafts if draft.kind in plan.kinds and draft not in kept for entry in draft.told
    ]
    return kept, tuple(rest)


def _with_steps(drafts: Iterable[Draft], voice: Voice) -> list[Draft]:
    taken: set[str] = set()
    done: list[Draft] = []
    for draft in drafts:
        steps = steps_of(proposals_of((*draft.entries, *draft.also)), evidence_of(draft.told), voice, taken)
        taken |= steps.orders
        done.append(replace(draft, steps=steps))
    return done


# --- the workup card (7.2, order 5)


def _with_workup(drafts: list[Draft], triaged: Triaged, voice: Voice) -> list[Draft]:
    """Put the workup on the consolidated card where its tests fit, else on a card of its own.

    Where earlier cards already propose every test, the first of them carries the workup rule.
    """
    listed = voice.facts.twitch is not None and not _workup_gave_way(triaged)
    own = proposals_of(triaged.workup)
    asked = asked_by(triaged.unknown, own, voice) if listed else ()
    wanted = unique_proposals((*own, *asked))
    place = next((i for i, draft in enumerate(drafts) if draft.kind == "differential"), None)
    if not wanted and not triaged.workup:
        return drafts
    if place is not None:
        joined = _joined(drafts, place, triaged.workup, wanted, voice)
        if joined is not None:
            return joined
    return _own_workup(drafts, triaged, wanted, voice)


def _workup_gave_way(triaged: Triaged) -> bool:
    """Whether another finding makes the workup pointless: then nothing is added to its list either (5.6)."""
    return any(finding.role == "workup" and finding.gave_way_to for finding in triaged.findings)


def _joined(
    drafts: list[Draft], place: int, workup: tuple[Entry, ...], wanted: Sequence[Proposal], voice: Voice
) -> list[Draft] | None:
    draft = drafts[place]
    taken = {order for other in drafts if other is not draft for order in other.steps.orders}
    own = proposals_of(draft.entries)
    known = {proposal.order for proposal in own}
    both = (*own, *(proposal for proposal in wanted if proposal.order not in known))
    steps = steps_of(both, evidence_of(draft.told), voice, taken)
    if steps.more and workup:
        return None
    entries = tuple(sorted((*draft.entries, *workup), key=lambda entry: entry.lead.rank))
    return [*drafts[:place], replace(draft, entries=entries, steps=steps), *drafts[place + 1 :]]


def _own_workup(
    drafts: list[Draft], triaged: Triaged, wanted: Sequence[Proposal], voice: Voice
) -> list[Draft]:
    if not triaged.workup:
        return drafts
    taken = {order for draft in drafts for order in draft.steps.orders}
    steps = replace(steps_of(wanted, evidence_of(triaged.workup), voice, taken), shared=())
    plan = voice.knowledge.triage.plan(triaged.hook)
    fits = "workup" in plan.kinds and len(drafts) < plan.cards
    if drafts and (not steps.draft or not fits):
        return [replace(drafts[0], carried=triaged.workup), *drafts[1:]]
    if not fits:
        return drafts
    card = Draft(
        "workup",
        triaged.workup,
        on_record=triaged.also_on_record,
        steps=steps,
        elsewhere=tuple(entry for draft in drafts for entry in draft.told),
    )
    return _sorted([*drafts, card])


# --- what could not be decided


def _telling_unknown(drafts: list[Draft], triaged: Triaged, voice: Voice) -> list[Draft]:
    """Let the consolidated or workup card tell which rules could not be decided.

    Without one the last card does, unless a card of its own will.
    """
    place = next((i for i, d in enumerate(drafts) if d.kind in ("differential", "workup")), None)
    unknown = tuple(triaged.unknown)
    if place is None:
        place, unknown = len(drafts) - 1, () if untold(triaged, voice) else unjudged(triaged, voice)
    return [*drafts[:place], replace(drafts[place], unknown=unknown), *drafts[place + 1 :]]


def _telling_before(drafts: list[Draft], triaged: Triaged) -> list[Draft]:
    """Let the consolidated card, else the last, tell what was shown before and answered (7.5)."""
    place = next((i for i, d in enumerate(drafts) if d.kind == "differential"), len(drafts) - 1)
    return [*drafts[:place], replace(drafts[place], before=triaged.before), *drafts[place + 1 :]]


def untold(triaged: Triaged, voice: Voice) -> bool:
    """Whether a rule failed, or data that did not come kept one from being judged.

    That asks for a card of its own, whatever else is shown: a reader of other cards takes them for all.
    """
    always = voice.knowledge.triage.tell_always
    return any(
        finding.error or any(gap.reason in always for gap in finding.missing)
        for finding in unjudged(triaged, voice)
    )


def unjudged(triaged: Triaged, voice: Voice) -> tuple[Finding, ...]:
    """Return undecided rules whose gap must not stay silent: data not sent or failed, or an error inside.

    A result that was merely never measured is no reason; section 8 then asks for no card.
    """
    if triaged.outside:
        return tuple(finding for finding in triaged.unknown if finding.error)
    reasons = voice.knowledge.triage.tell_always
    if voice.facts.twitch is not None:
        reasons |= voice.knowledge.triage.tell_with_twitch
    return tuple(
        finding
        for finding in triaged.unknown
        if finding.error or any(gap.reason in reasons for gap in finding.missing)
    )
