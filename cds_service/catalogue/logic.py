"""The criterion tree of a rule in readable sentences; every word comes from ``cards/frames/logic.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

from cds_service.catalogue.titles import inside, title_of, titles_of
from cds_service.fhir.gauges import is_bare
from cds_service.knowledge import Knowledge
from cds_service.rules import Branch, Criterion, Rule
from cds_service.rules.criteria import (
    DAY,
    HOUR,
    SECONDS,
    AgeCriterion,
    Combination,
    DrugCriterion,
    EventCriterion,
    IrritabilityCriterion,
    Limit,
    MeetsCriterion,
    NumberCriterion,
    SexCriterion,
    TwitchCriterion,
    Window,
)
from cds_service.site import Change
from cds_service.site_changes import changes_of_definition

#: Gates that ask for nothing beside the criterion itself: no words are needed for them.
OPEN_GATES = ("sign", "open", "danger")


def logic_in_words(rule: Rule, knowledge: Knowledge) -> list[str]:
    """Return the logic of a rule as sentences: one for each branch, one for what silences it."""
    words = LogicWords(knowledge)
    sentences = [words.branch(branch, alone=len(rule.branches) == 1) for branch in rule.branches]
    silences = [rule.unless, *(branch.unless for branch in rule.branches)]
    sentences += [words.say("not_when", words=words.of(item)) for item in silences if item is not None]
    return list(dict.fromkeys(sentence + "." for sentence in sentences))


@lru_cache(maxsize=4096)
def fired_in_words(rule_id: str, branch_id: str, knowledge: Knowledge, room: int | None = None) -> str:
    """Return the sentence of the branch that fired; of the first branch where its id is not known.

    Where it is longer than ``room`` characters, clauses are left out whole and the sentence says so.
    """
    rule = knowledge.rules[rule_id]
    branch = next((b for b in rule.branches if b.id == branch_id), rule.branches[0])
    alone = len(rule.branches) == 1
    words = LogicWords(knowledge).branch(branch, alone=alone)
    if room is not None and len(words) > room:
        words = LogicWords(knowledge).branch(branch, alone=alone, room=room)
    return words + "."


def criterion_in_words(criterion: Criterion, knowledge: Knowledge) -> str:
    """Return one criterion as words for the inside of a sentence."""
    return LogicWords(knowledge).of(criterion)


def definition_in_words(name: str, knowledge: Knowledge) -> str:
    """Return the title of a definition, and what the site changed in it or in what it rests on."""
    title = title_of("definition", name, knowledge)
    changes = changes_of_definition(name, knowledge)
    if not changes:
        return title
    told = "; ".join(changes_in_words(changes, knowledge))
    return knowledge.frames.say("site_definition", words=title, changes=told)


def changes_in_words(changes: Iterable[Change], knowledge: Knowledge) -> list[str]:
    """Return what a site changed in criteria, each wording once: the value here and the published one."""
    told = (
        knowledge.frames.say(
            "site_change",
            fact=change.fact.partition(" ")[2].replace("-", " "),
            word=change.word.replace("_", " "),
            used=change.used,
            published=change.published,
        )
        for change in changes
    )
    return list(dict.fromkeys(told))


def span(seconds: int) -> str:
    """Return "30 days": the largest unit that divides the duration without rest."""
    for unit in ("years", "days", "hours", "minutes"):
        count, rest = divmod(seconds, SECONDS[unit])
        if count and not rest and not (unit == "days" and count == 1):
            return f"{count} {unit if count != 1 else unit[:-1]}"
    return f"{seconds // HOUR} hours" if seconds < DAY else f"{seconds // DAY} days"


class LogicWords:
    """Says criteria with the frames and titles of one knowledge."""

    def __init__(self, knowledge: Knowledge) -> None:
        """Take the knowledge whose frames, titles and look-back windows are used."""
        self.knowledge = knowledge
        self.say = knowledge.frames.say

    def branch(self, branch: Branch, *, alone: bool, room: int | None = None) -> str:
        """Return the sentence of one branch: its gate, its ages and its criterion.

        ``room`` is about how many characters it may take, clauses left out whole; None: all of it.
        """
        parts = [] if branch.gate in OPEN_GATES else [self.say(f"gate_{branch.gate}")]
        parts += [] if branch.ages == "all" else [self.say(f"ages_{branch.ages}")]
        if room is None:
            parts.append(self.of(branch.when, inner=bool(parts)))
        else:
            parts.append(self._briefly(branch.when, room - sum(map(len, parts)), inner=bool(parts)))
        words = self.say("op_all").join(parts)
        if alone or not branch.id:
            return self.say("fires_when", words=words)
        return self.say("fires_branch", branch=branch.id.replace("-", " "), words=words)

    def of(self, criterion: Criterion, *, inner: bool = False) -> str:
        """Return the words of a criterion, with what the site changed; ``inner`` puts it in parentheses."""
        words = self._published(criterion, inner)
        if not criterion.published:
            return words
        return self.say("site_value", words=words, published=criterion.published.replace("_", " "))

    def _briefly(self, criterion: Criterion, room: int, inner: bool) -> str:
        """Return those clauses of a criterion that fit into the room, and that there are others."""
        if not isinstance(criterion, Combination) or criterion.op not in ("all", "any"):
            words = self.of(criterion, inner=inner)
            return words if len(words) <= room else self.say("further_all")
        kept: list[str] = []
        for part in criterion.parts:
            words = self.of(part, inner=_mixes(criterion.op, part))
            if len(words) <= room:
                kept.append(words)
                room -= len(words)
        if len(kept) < len(criterion.parts):
            kept.append(self.say(f"further_{criterion.op}"))
        words = self.say(f"op_{criterion.op}").join(kept)
        return self.say("group", parts=words) if inner and len(kept) > 1 else words

    def _published(self, criterion: Criterion, inner: bool) -> str:
        if isinstance(criterion, Combination):
            return self._combination(criterion, inner)
        if isinstance(criterion, NumberCriterion):
            return self._number(criterion)
        if isinstance(criterion, DrugCriterion):
            return self._drug(criterion)
        if isinstance(criterion, EventCriterion):
            return self._event(criterion)
        if isinstance(criterion, TwitchCriterion):
            return self._twitch(criterion)
        if isinstance(criterion, MeetsCriterion):
            return self.say("joined_or").join(
                inside(definition_in_words(name, self.knowledge)) for name in criterion.names
            )
        if isinstance(criterion, AgeCriterion):
            return self.say("age", limits=self.limits(criterion.limits))
        if isinstance(criterion, SexCriterion):
            return self.say("sex", sex=criterion.sex)
        if isinstance(criterion, IrritabilityCriterion):
            return self.say("irritability")
        raise TypeError(f"no words for {type(criterion).__name__}")

    def _combination(self, criterion: Combination, inner: bool) -> str:
        several = len(criterion.parts) > 1
        if criterion.op in ("all", "any"):
            words = self.say(f"op_{criterion.op}").join(
                self.of(part, inner=several and _mixes(criterion.op, part)) for part in criterion.parts
            )
            return self.say("group", parts=words) if inner and several else words
        parts = self.say("op_any").join(self.of(part, inner=several) for part in criterion.parts)
        if criterion.op == "none" and not several:
            return self.say("op_none_one", parts=parts)
        return self.say(f"op_{criterion.op}", parts=parts, count=criterion.at_least)

    # --- leaves

    def _number(self, c: NumberCriterion) -> str:
        title = inside(title_of(c.kind, c.name, self.knowledge))
        if c.pick != "latest":
            title = self.say(f"pick_{c.pick}", title=title)
        judged = (
            [self.say("joined_or").join(self.say(f"state_{state}") for state in c.states)] if c.states else []
        )
        judged += [self.limits(c.limits)] if c.limits else []
        if c.change is not None:
            amount = f"{c.change.amount} {c.change.unit}"
            judged.append(self.say(f"change_{c.change.direction}", amount=amount, over=span(c.change.over)))
        judgment = self.say("op_all").join(judged) or self.say("state_any")
        if c.times > 1:
            words = self.say("number_times", title=title, judgment=judgment, count=c.times)
        else:
            words = self.say("number", title=title, judgment=judgment)
        words = self.say("doubtful", title=words) if c.doubtful_sample else words
        return words + self._window(c.window, c.name)

    def limits(self, limits: tuple[Limit, ...]) -> str:
        """Return one bound, or two as a band."""
        said = [self.say(limit.op, amount=self._amount(limit)) for limit in limits]
        return said[0] if len(said) == 1 else self.say("band", first=said[0], second=said[1])

    def _amount(self, limit: Limit) -> str:
        amount = _plain(limit.amount)
        if limit.of_range:
            return self.say(f"times_{limit.of_range}", amount=amount)
        if limit.amount == 1 and limit.unit in SECONDS:
            return f"{amount} {limit.unit[:-1]}"
        is_plain = limit.unit in ("", "1") or is_bare(self.knowledge.terminology.units.ucum.get(limit.unit))
        return amount if is_plain else f"{amount} {limit.unit}"

    def _drug(self, c: DrugCriterion) -> str:
        names = self.say("joined_or").join(titles_of("drug", c.names, self.knowledge))
        frame = "drug_any" if c.word == "drug" and c.has_timing else c.word
        words = self.say(frame, names=names)
        for word in (
            "taken_within",
            "started_within",
            "stopped_within",
            "reduced_within",
            "for_at_least",
            "for_less_than",
            "course_at_least",
            "total_at_least",
        ):
            seconds = getattr(c, word)
            words += "" if seconds is None else self.say(word, span=span(seconds))
        words += self.say("reduced_by", amount=_plain(c.reduced_by)) if c.reduced_by else ""
        words += self._dose(c)
        words += self.say("route", routes=self.say("joined_or").join(c.routes)) if c.routes else ""
        words += self.say("agents", count=c.agents) if c.agents > 1 else ""
        words += self.say("times", count=c.times) if c.times > 1 else ""
        words += self._reasons("reason", c.reasons) + self._reasons("except_reason", c.excluded_reasons)
        return words + self._window(c.window)

    def _reasons(self, frame: str, names: tuple[str, ...]) -> str:
        titles = titles_of("reason", names, self.knowledge)
        return self.say(frame, names=self.say("joined_or").join(titles)) if names else ""

    def _dose(self, c: DrugCriterion) -> str:
        if not c.dose_limits:
            return ""
        limits = self.limits(c.dose_limits)
        return (
            self.say("dose_as_if", limits=limits, drug=c.dose_as_if)
            if c.dose_as_if
            else self.say("dose", limits=limits)
        )

    def _event(self, c: EventCriterion) -> str:
        names = self.say("joined_or").join(titles_of(c.kind, c.names, self.knowledge))
        frame = f"{c.kind}_{c.status}"
        words = self.say(frame if self.knowledge.frames.has(frame) else c.kind, names=names)
        words += self._facets(c)
        words += "" if c.new_within is None else self.say("new_within", span=span(c.new_within))
        words += self.say("times", count=c.times) if c.times > 1 else ""
        return words + self._window(c.window)

    def _twitch(self, c: TwitchCriterion) -> str:
        sites = self.say("joined_or").join(site.replace("-", " ") for site in c.sites)
        words = self.say("twitch", sites=sites) + self._facets(c)
        words += self.say("trait", trait=c.trait.replace("-", " ")) if c.trait else ""
        return words + self._window(c.window)

    def _facets(self, c: EventCriterion | TwitchCriterion) -> str:
        words = self.say("side", side=c.side) if c.side else ""
        words += self.say("course", course=c.course) if c.course else ""
        words += "" if c.onset_within is None else self.say("onset_within", span=span(c.onset_within))
        words += self.say("onset_stated") if c.onset_stated else ""
        words += "" if c.for_at_least is None else self.say("for_at_least", span=span(c.for_at_least))
        words += "" if c.for_less_than is None else self.say("for_less_than", span=span(c.for_less_than))
        words += self.say("onset_age", limits=self.limits(c.onset_age)) if c.onset_age else ""
        return words + "".join(self.say("except", facet=value.replace("-", " ")) for _, value in c.excluded)

    # --- times

    def _window(self, window: Window, analyte: str = "") -> str:
        if window.is_open:
            return ""
        if window.anchor_word:
            return self._anchored(window)
        within = window.within
        if isinstance(within, str):
            words = self._named_window(within, analyte)
        elif within is not None and window.older_than is not None:
            return self.say("span", older=span(window.older_than), within=span(within))
        else:
            words = "" if within is None else self.say("within", span=span(within))
        return words + (
            "" if window.older_than is None else self.say("older_than", span=span(window.older_than))
        )

    def _named_window(self, word: str, analyte: str) -> str:
        if word == "encounter":
            return self.say("within_encounter")
        known = self.knowledge.terminology.analytes.get(analyte)
        spans: Mapping[str, int] = {} if known is None else known.usual if word == "usual" else known.fresh
        outside, inpatient = spans.get("outpatient"), spans.get("inpatient")
        if outside is None:
            return self.say(f"within_{word}")
        if inpatient is None or inpatient == outside:
            return self.say("within", span=span(outside))
        return self.say("within_settings", span=span(outside), inside=span(inpatient))

    def _anchored(self, window: Window) -> str:
        anchor = window.anchor
        named = self.say(f"anchor_{anchor}") if isinstance(anchor, str) else self.of(anchor, inner=True)
        if isinstance(window.within, int):
            return self.say(f"within_{window.anchor_word}", span=span(window.within), anchor=named)
        return self.say(window.anchor_word, anchor=named)


def _mixes(op: str, part: Criterion) -> bool:
    return isinstance(part, Combination) and part.op in ("all", "any") and part.op != op


def _plain(number: Decimal) -> str:
    return format(number, "f")
