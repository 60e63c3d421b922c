"""Put the findings of one patient in order: what gives way, what folds together, what comes first.

Pure and total: every finding handed in is found again in ``Triaged.findings``, whatever became of
it. Source of the order and of the silences: content specification 5.2, 5.4, 7.2, 7.4, 8 and 9.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from cds_service.facts import PatientFacts
from cds_service.findings import INDICATORS, STRENGTHS, Finding, Verdict
from cds_service.frames import TriageSettings
from cds_service.rules import Rule
from cds_service.triage.answers import Answered, nothing_answered
from cds_service.triage.folding import EVIDENCE_ONLY, fold, give_way, highest
from cds_service.triage.repeats import Known

#: Why a finding is held back where the cards of its indicator are switched off (``held_back``).
SWITCHED_OFF = "switched-off"
#: Why one is held back whose card was answered a short time ago.
ANSWERED = "answered"
_NOTHING_KNOWN: Mapping[str, Known] = MappingProxyType({})
_NO_RANK = (EVIDENCE_ONLY, "argues-against")
#: The kind of card a kind of finding stands on; every other kind stands on the consolidated one.
_CARDS = {"red-flag": "red-flag", "critical": "critical", "order-safety": "order", "workup": "workup"}


@dataclass(frozen=True, slots=True)
class Entry:
    """What is shown as one line: the leading finding and those that share its line."""

    lead: Finding
    others: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The leading finding and the others."""
        return (self.lead, *self.others)

    @property
    def indicator(self) -> str:
        """The highest indicator among the findings of this line."""
        return highest(finding.indicator for finding in self.findings)

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """Every rule this line speaks for, folded ones included, the leading one first."""
        ids = [rule_id for finding in self.findings for rule_id in (finding.rule_id, *finding.merged_rules)]
        return tuple(dict.fromkeys(ids))


@dataclass(frozen=True, slots=True)
class Triaged:
    """The findings sorted into the kinds of cards, each kind best first.

    ``findings`` holds every finding: ranked ones, then matched ones without rank, then unknown,
    then the rest. ``held`` names rules that matched and are told in the review only, with a word
    why (``outside``, ``below-least``, ``not-at-this-hook``, ``switched-off``,
    ``shown-at-order-select``, ``shown-within-365-days``, ``answered``). ``before`` are the findings that
    were answered, best first, each with the day it was shown. ``hook`` chooses the card plan.
    """

    hook: str
    findings: tuple[Finding, ...]
    red_flags: tuple[Entry, ...] = ()
    critical: tuple[Entry, ...] = ()
    contributors: tuple[Entry, ...] = ()
    against: tuple[Entry, ...] = ()
    orders: tuple[Entry, ...] = ()
    workup: tuple[Entry, ...] = ()
    also_on_record: tuple[Finding, ...] = ()
    unknown: tuple[Finding, ...] = ()
    held: tuple[tuple[str, str], ...] = ()
    outside: str = ""
    before: tuple[tuple[Finding, str], ...] = ()

    @property
    def shown(self) -> tuple[Entry, ...]:
        """Every line that asks for a place on a card, kind by kind."""
        return (
            *self.red_flags,
            *self.critical,
            *self.orders,
            *self.contributors,
            *self.against,
            *self.workup,
        )


def triage(
    findings: Iterable[Finding],
    rules: Mapping[str, Rule],
    settings: TriageSettings,
    facts: PatientFacts,
    quiet: Mapping[str, Known] = _NOTHING_KNOWN,
    answered: Answered = nothing_answered,
) -> Triaged:
    """Return all findings of one patient, folded, ranked and sorted into kinds of cards.

    The order of ``findings`` does not matter. A finding whose rule is not among ``rules`` keeps
    its place by indicator and id. ``quiet`` are rules told before, with the reason: they are not told
    again unless they have become more urgent. ``answered`` is asked about the findings that are left.
    """
    everything = sorted(findings, key=lambda finding: finding.rule_id)
    keys = _Ranking(rules, settings, facts, everything)
    matched = sorted((f for f in everything if f.verdict is Verdict.MATCH), key=keys)
    hidden = {f.rule_id for f in matched if _held_back(f, rules, settings, facts, quiet)}
    settled = fold(give_way(matched, rules, hidden), rules, hidden)
    shown, held = _admit(settled, rules, settings, facts, quiet)
    before = answered([finding for finding in settled if finding.rule_id in shown])
    shown = shown - before.keys()
    ranked = _number(settled, shown, keys)
    unknown = tuple(f for f in everything if f.verdict is Verdict.UNKNOWN)
    rest = tuple(f for f in everything if f.verdict is Verdict.NO_MATCH)
    kinds = _by_kind([f for f in ranked if f.rule_id in shown], rules, settings, facts)
    return Triaged(
        hook=facts.hook,
        findings=(*ranked, *unknown, *rest),
        red_flags=tuple(Entry(f) for f in kinds.get("red-flag", ())),
        critical=_lines(kinds.get("critical", ()), rules),
        contributors=_lines(kinds.get("contributor", ()), rules),
        against=tuple(Entry(f) for f in kinds.get("argues-against", ())),
        orders=_per_drug(kinds.get("order-safety", ()), facts),
        workup=tuple(Entry(f) for f in kinds.get("workup", ())),
        also_on_record=tuple(kinds.get(EVIDENCE_ONLY, ())),
        unknown=unknown,
        held=(*held, *((rule_id, ANSWERED) for rule_id in before)),
        outside=facts.outside,
        before=tuple((f, before[f.rule_id]) for f in ranked if f.rule_id in before),
    )


# --- ranking (7.4)


class _Ranking:
    """Sort key of a matched finding; a total order because the rule id comes last."""

    def __init__(
        self,
        rules: Mapping[str, Rule],
        settings: TriageSettings,
        facts: PatientFacts,
        findings: Sequence[Finding],
    ) -> None:
        self.rules = rules
        self.place = {category: index for index, category in enumerate(settings.categories)}
        self.below = settings.below_workup
        self.unmeasured = _something_unmeasured(settings, facts, findings)

    def __call__(self, finding: Finding) -> tuple[bool, bool, int, int, int, bool, int, str]:
        category = main_category(finding, self.rules)
        return (
            finding.role != "red-flag",
            self.unmeasured and category in self.below,
            -INDICATORS.index(finding.indicator),
            -STRENGTHS.index(finding.strength) if finding.strength in STRENGTHS else 1,
            self.place.get(category, len(self.place)),
            not finding.temporal,
            -_latest(finding),
            finding.rule_id,
        )


def main_category(finding: Finding, rules: Mapping[str, Rule]) -> str:
    """Return the first category of the finding's rule, or an empty word when the rule is not known."""
    rule = rules.get(finding.rule_id)
    return rule.category[0] if rule is not None and rule.category else ""


def _something_unmeasured(settings: TriageSettings, facts: PatientFacts, findings: Sequence[Finding]) -> bool:
    if any(f.role == "workup" and f.verdict is Verdict.MATCH for f in findings):
        return True
    return any(not facts.numbers.get(name) for name in settings.basic_tests)


def _latest(finding: Finding) -> int:
    return max((e.moment.latest for e in finding.evidence if e.moment is not None), default=0)


# --- who is shown (8, 9)


def _admit(
    findings: Sequence[Finding],
    rules: Mapping[str, Rule],
    settings: TriageSettings,
    facts: PatientFacts,
    quiet: Mapping[str, Known],
) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    """Return the ids of findings that ask for a place on a card, and those held back with the reason."""
    standing = [f for f in findings if not f.folded_into and not f.gave_way_to]
    reasons = {f.rule_id: _held_back(f, rules, settings, facts, quiet) for f in standing}
    held = tuple((rule_id, reason) for rule_id, reason in reasons.items() if reason)
    return frozenset(rule_id for rule_id, reason in reasons.items() if not reason), held


def _held_back(
    finding: Finding,
    rules: Mapping[str, Rule],
    settings: TriageSettings,
    facts: PatientFacts,
    quiet: Mapping[str, Known],
) -> str:
    """Return why a finding stands in the review only, or an empty word."""
    if facts.outside and finding.role not in settings.outside.get(_reason(facts.outside), frozenset()):
        return "outside"
    if finding.role == EVIDENCE_ONLY:
        return ""
    plan = settings.plan(facts.hook)
    if INDICATORS.index(finding.indicator) < INDICATORS.index(plan.least):
        return "below-least"
    known = quiet.get(finding.rule_id)
    if known is not None and INDICATORS.index(finding.indicator) <= INDICATORS.index(known.indicator):
        return known.reason
    card = _CARDS.get(_kind(finding, rules, settings, facts), "differential")
    if card not in plan.kinds:
        return "not-at-this-hook"
    return SWITCHED_OFF if finding.indicator in settings.held_back else ""


def _reason(text: str) -> str:
    return "-".join(text.casefold().split())


def _number(findings: Sequence[Finding], shown: frozenset[str], keys: _Ranking) -> tuple[Finding, ...]:
    """Give rank 1, 2, 3 ... to what is shown as a cause or step; the rest keeps rank 0 and comes after.

    Sorted again because folding may have raised an indicator or added newer evidence.
    """
    places = [f for f in findings if f.rule_id in shown and f.role not in _NO_RANK]
    ranked = [replace(f, rank=place) for place, f in enumerate(sorted(places, key=keys), 1)]
    known = {f.rule_id for f in ranked}
    return (*ranked, *sorted((f for f in findings if f.rule_id not in known), key=keys))


# --- kinds of cards (7.2)


def _by_kind(
    shown: Sequence[Finding], rules: Mapping[str, Rule], settings: TriageSettings, facts: PatientFacts
) -> dict[str, list[Finding]]:
    kinds: dict[str, list[Finding]] = {}
    for finding in shown:
        kinds.setdefault(_kind(finding, rules, settings, facts), []).append(finding)
    return kinds


def _kind(finding: Finding, rules: Mapping[str, Rule], settings: TriageSettings, facts: PatientFacts) -> str:
    if finding.role not in ("contributor", "argues-against"):
        return finding.role
    if is_critical_value(finding, rules, settings, facts):
        return "critical"
    plan = settings.plan(facts.hook)
    if "differential" not in plan.kinds and _drafted(finding, facts):
        return "order-safety"
    return finding.role


def is_critical_value(
    finding: Finding, rules: Mapping[str, Rule], settings: TriageSettings, facts: PatientFacts
) -> bool:
    """Whether a finding belongs on the critical-value card (7.2, order 2).

    That is any critical finding of a listed category, and any danger value of a patient without
    recorded twitching, for whom a list of possible contributors to twitching would make no sense.
    """
    if finding.danger and facts.twitch is None:
        return True
    return finding.indicator == "critical" and main_category(finding, rules) in settings.danger_categories


def _drafted(finding: Finding, facts: PatientFacts) -> list[str]:
    return sorted(d for d in finding.drugs if any(use.draft for use in facts.drugs.get(d, ())))


def _lines(findings: Sequence[Finding], rules: Mapping[str, Rule]) -> tuple[Entry, ...]:
    """Join findings whose rules name the same ``line``; the best ranked leads."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        rule = rules.get(finding.rule_id)
        word = rule.line if rule is not None else ""
        groups.setdefault(f"line {word}" if word else f"rule {finding.rule_id}", []).append(finding)
    return tuple(Entry(group[0], tuple(group[1:])) for group in groups.values())


def _per_drug(findings: Sequence[Finding], facts: PatientFacts) -> tuple[Entry, ...]:
    """Join order cautions that speak of the same ordered drug (7.2, order 4)."""
    groups: list[tuple[set[str], list[Finding]]] = []
    for finding in findings:
        drugs = set(_drafted(finding, facts)) or set(finding.drugs)
        touching = [group for group in groups if group[0] & drugs]
        if not touching:
            groups.append((drugs, [finding]))
            continue
        first = touching[0]
        first[0].update(drugs)
        first[1].append(finding)
        for other in touching[1:]:
            first[0].update(other[0])
            first[1].extend(other[1])
            groups.remove(other)
    joined = sorted((sorted(group, key=lambda f: f.rank) for _, group in groups), key=lambda g: g[0].rank)
    return tuple(Entry(group[0], tuple(group[1:])) for group in joined)
