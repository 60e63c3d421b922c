"""What content says about showing findings: sentence frames, order and caps of cards, sudden-stop warnings.

Read from ``cards/frames/*.yaml``, ``cards/triage.yaml`` and ``cards/cessation.yaml``. Python arranges;
every word a clinician reads, every number that limits and every drug set named stands in those files.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cds_service.errors import ContentError, Issue

T = TypeVar("T")

_SECONDS = {"minutes": 60, "hours": 3600, "days": 86_400}


@dataclass(frozen=True, slots=True)
class Frames:
    """Named sentence frames with ``{slots}``; what fills a slot is already harmless text."""

    texts: Mapping[str, str]

    def say(self, name: str, /, **slots: object) -> str:
        """Return the frame ``name`` with its slots filled. Raises KeyError for an unknown frame or slot."""
        return self.texts[name].format_map(slots)

    def has(self, name: str) -> bool:
        """Return whether there is such a frame."""
        return name in self.texts


@dataclass(frozen=True, slots=True)
class HookPlan:
    """What one hook may show: kinds of cards in order, how many in all and of each kind.

    ``least`` is the lowest indicator shown; ``at_most`` maps a kind of card to its own cap. What the
    hook ``shown_by`` returned at most ``shown_within`` seconds ago for the same draft is not repeated
    unless critical; an empty word: everything is.
    """

    cards: int
    kinds: tuple[str, ...]
    least: str = "info"
    at_most: Mapping[str, int] = field(default_factory=dict)
    shown_by: str = ""
    shown_within: int = 0


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """For how many seconds a finding whose card was answered has none of its own; other where critical."""

    usual: int
    critical: int

    def seconds(self, indicator: str) -> int:
        """Return the time for a finding of an indicator."""
        return self.critical if indicator == "critical" else self.usual


@dataclass(frozen=True, slots=True)
class TriageSettings:
    """Order, caps and silences of specification 7.2, 7.4, 8 and 9; durations in seconds.

    ``categories`` is the order of "treatable now first". ``below_workup`` are categories never
    ranked above an unmeasured one of ``basic_tests``. ``done_any``: any result so new settles a routine
    order; ``drafted`` are the kinds of orders that become suggestions (I4). ``danger_categories`` go to
    the critical-value
    card when critical. ``outside`` maps a reason to the roles still shown. ``tell_always`` and
    ``tell_with_twitch`` are reasons of missing data that ask for a "not assessed" card. ``held_back`` are
    indicators whose cards are switched off; what they hold back is told. ``answered`` maps a care setting
    to the times of 7.5; empty: an answer quiets nothing.
    """

    categories: tuple[str, ...]
    below_workup: frozenset[str]
    basic_tests: tuple[str, ...]
    also_on_record: tuple[str, ...]
    danger_categories: frozenset[str]
    hooks: Mapping[str, HookPlan]
    default_hook: str
    lines: int
    suggestions: int
    links: int
    done_any: int
    drafted: frozenset[str]
    outside: Mapping[str, frozenset[str]]
    tell_always: frozenset[str]
    tell_with_twitch: frozenset[str]
    held_back: frozenset[str] = frozenset()
    answered: Mapping[str, AnswerTimes] = field(default_factory=dict)

    def remembers(self, hook: str) -> int:
        """Return for how many seconds another hook asks what ``hook`` has shown; 0: none asks."""
        return max((plan.shown_within for plan in self.hooks.values() if plan.shown_by == hook), default=0)

    def plan(self, hook: str) -> HookPlan:
        """Return what ``hook`` may show; an unlisted hook is treated as the default one."""
        return self.hooks.get(hook) or self.hooks[self.default_hook]


@dataclass(frozen=True, slots=True)
class Cessation:
    """Drug sets, and the sentence about their sudden end; ``{drugs}`` is a slot.

    ``rules`` are empty for a warning; in an exception they are the rules that say what the label advises
    (I2), so that the warning would contradict them. ``said_by`` are words of rules that say the same.
    """

    drugs: tuple[str, ...]
    say: str
    rules: tuple[str, ...] = ()
    said_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CessationWords:
    """What is said of drugs whose sudden end is dangerous, and where the label advises otherwise."""

    warnings: tuple[Cessation, ...] = ()
    exceptions: tuple[Cessation, ...] = ()


def read_frames(files: Mapping[str, Mapping[str, Any]]) -> Frames:
    """Join the files of ``cards/frames/`` (stem to content). Raises ContentError with every fault."""
    texts: dict[str, str] = {}
    issues: list[Issue] = []
    for stem in sorted(files):
        for name, text in files[stem]["frames"].items():
            where = f"cards/frames/{stem}.yaml"
            if name in texts:
                issues.append(Issue(where, "P001", f"says the frame {name!r} a second time.", "Rename one."))
            issues.extend(_slot_faults(where, name, text))
            texts[name] = text
    if issues:
        raise ContentError(*issues)
    return Frames(texts)


def _slot_faults(where: str, name: str, text: str) -> list[Issue]:
    remedy = "Write slots as {name}."
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        return [Issue(where, "P002", f"has a broken slot in the frame {name!r} ({error}).", remedy)]
    bad = [
        slot for _, slot, form, way in pieces if slot is not None and (form or way or not slot.isidentifier())
    ]
    return [Issue(where, "P002", f"has the slot {slot!r} in the frame {name!r}.", remedy) for slot in bad]


def read_triage(data: Mapping[str, Any]) -> TriageSettings:
    """Read the content of ``cards/triage.yaml``. Raises ContentError for a part that lacks."""
    return _read("cards/triage.yaml", data, _triage)


def read_cessation(data: Mapping[str, Any]) -> CessationWords:
    """Read the content of ``cards/cessation.yaml``. Raises ContentError for a part that lacks."""
    return _read("cards/cessation.yaml", data, _cessation)


def _read(where: str, data: Mapping[str, Any], reader: Callable[[Mapping[str, Any]], T]) -> T:
    try:
        return reader(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ContentError(
            Issue(
                where,
                "P003",
                f"lacks or misspells a part ({error}).",
                "Compare with its schema in cards/schema/.",
            )
        ) from None


def _cessation(data: Mapping[str, Any]) -> CessationWords:
    warnings = tuple(_cessation_row(row) for row in data["warnings"])
    return CessationWords(warnings, tuple(_cessation_row(row) for row in data.get("exceptions", ())))


def _cessation_row(row: Mapping[str, Any]) -> Cessation:
    rules, said_by = row.get("rules", ()), row.get("said_by", ())
    return Cessation(tuple(row["drugs"]), row["say"], tuple(rules), tuple(said_by))


def _triage(data: Mapping[str, Any]) -> TriageSettings:
    caps, tell = data["caps"], data["not_assessed"]
    return TriageSettings(
        categories=tuple(data["categories"]),
        below_workup=frozenset(data["below_workup"]),
        basic_tests=tuple(data["basic_tests"]),
        also_on_record=tuple(data["also_on_record"]),
        danger_categories=frozenset(data["danger_categories"]),
        hooks={name: _hook(plan) for name, plan in data["hooks"].items()},
        default_hook=data["default_hook"],
        lines=caps["lines"],
        suggestions=caps["suggestions"],
        links=caps["links"],
        done_any=_seconds(data["done_within"]),
        drafted=frozenset(data["drafted"]),
        outside={row["reason"]: frozenset(row["keep"]) for row in data["outside"]},
        tell_always=frozenset(tell["always"]),
        tell_with_twitch=frozenset(tell["with_twitch"]),
        held_back=frozenset(data.get("held_back", ())),
        answered={
            setting: AnswerTimes(_seconds(times["for"]), _seconds(times["critical"]))
            for setting, times in data.get("answered", {}).items()
        },
    )


def _hook(plan: Mapping[str, Any]) -> HookPlan:
    shown = plan.get("not_again")
    return HookPlan(
        plan["cards"],
        tuple(plan["kinds"]),
        plan.get("least", "info"),
        dict(plan.get("at_most", {})),
        shown["shown_by"] if shown else "",
        _seconds(shown["within"]) if shown else 0,
    )


def _seconds(text: str) -> int:
    count, unit = text.split()
    return int(count) * _SECONDS[unit]
