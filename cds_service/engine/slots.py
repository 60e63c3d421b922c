"""Fill the texts of a rule: choose the lines that apply and put the patient's values into slots.

Record text goes into ``Slot`` parts unescaped; titles of value sets are ours and stay literal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cds_service.engine.context import Context
from cds_service.engine.derived import series_of
from cds_service.engine.nodes import Node
from cds_service.engine.numbers import evidence_of
from cds_service.engine.spec import spec_of
from cds_service.engine.text import day_of, describe_twitch, inside_sentence
from cds_service.engine.windows import days_ago
from cds_service.facts import DAY, HOUR, Measurement, Moment, Source
from cds_service.findings import Evidence, Line, Slot, sources_of
from cds_service.rules import Optional, SlotRef, Template

#: A drug slot holds at most two names of at most 24 characters (specification 6).
_NAMES_SHOWN = 2
_DRUG_LENGTH = 24
_NAME_LENGTH = 40
_NUMBER_KINDS = ("lab", "vital", "survey")
_HOURS_SHOWN = 48
_DAYS_A_MONTH = 30
_DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class RowNode:
    """One line of text with its condition, ready to choose."""

    say: Template
    when: Node | None = None
    hooks: frozenset[str] | None = None

    def applies(self, ctx: Context) -> bool:
        """Whether the line is said: only a condition that is true says it."""
        if self.hooks is not None and ctx.facts.hook not in self.hooks:
            return False
        return self.when is None or self.when.verdict(ctx) is True


@dataclass(frozen=True, slots=True)
class Writer:
    """Fills templates for one finding. ``named`` holds the evidence of each ``as`` name.

    ``cited`` gathers the resources whose facts were printed or chose a line, ``told`` the facts printed.
    """

    ctx: Context
    named: Mapping[str, list[Evidence]]
    phrases: Mapping[str, tuple[RowNode, ...]]
    cited: list[Source] = field(default_factory=list)
    told: list[Evidence] = field(default_factory=list)

    def lines(self, rows: tuple[RowNode, ...]) -> tuple[Line, ...]:
        """Return the lines that apply, filled."""
        return tuple(self._beside(row).sentence(row.say) for row in rows if row.applies(self.ctx))

    def _beside(self, row: RowNode) -> Writer:
        """Return a writer that knows the ``as`` names of the row's own condition as well."""
        if row.when is None:
            return self
        own: dict[str, list[Evidence]] = {}
        row.when.collect(self.ctx, own)
        self.cited.extend(sources_of(row.when.answer(self.ctx).evidence))
        return replace(self, named={**self.named, **own}) if own else self

    def sentence(self, template: Template) -> Line:
        """Return one filled line that begins like a sentence, also where a slot comes first."""
        line = self.line(template)
        return (_begin(line[0]), *line[1:]) if line else line

    def line(self, template: Template) -> Line:
        """Return one filled line; an optional piece with an empty slot is left out."""
        parts: list[str | Slot] = []
        for part in template.parts:
            if isinstance(part, Optional):
                inner = [self._part(piece) for piece in part.parts]
                if all(piece is not None for piece in inner):
                    parts.extend(piece for chunk in inner if chunk is not None for piece in chunk)
            else:
                parts.extend(self._part(part) or (_unfilled(part),))
        return tuple(parts)

    def _part(self, part: str | SlotRef) -> Line | None:
        if isinstance(part, str):
            return (part,)
        value = self._value(part)
        if value is None:
            return None if part.other is None else (part.other,)
        return value

    def _value(self, ref: SlotRef) -> Line | None:
        if ref.name in self.phrases:
            chosen = next((row for row in self.phrases[ref.name] if row.applies(self.ctx)), None)
            return None if chosen is None else self._beside(chosen).line(chosen.say)
        value = self._of_patient(ref)
        if value is None:
            return None
        return tuple(part if isinstance(part, Slot) else Slot(part, own=True) for part in value)

    def _of_patient(self, ref: SlotRef) -> Line | None:
        if ref.name in self.named:
            return self._from_evidence(self.named[ref.name], ref.part)
        if ref.name == "twitch":
            return self._twitch(ref.part)
        return self._number(ref) if self._is_number(ref.name) else None

    def _is_number(self, name: str) -> bool:
        definition = self.ctx.knowhow.definitions.get(name)
        return name in self.ctx.knowhow.terminology.analytes or (
            definition is not None and definition.number is not None
        )

    # --- parts

    def _number(self, ref: SlotRef) -> Line | None:
        m = self._latest(ref.name)
        if m is None:
            return None
        self.cited.extend((m.source, *m.also_from))
        self.told.append(evidence_of(m, self.ctx))
        if ref.part == "date":
            return (day_of(m.moment),)
        if ref.part == "ago":
            return (_ago(m.moment, self.ctx),)
        if ref.part == "range":
            return (Slot(m.range_reported),) if m.range_reported else None
        if m.value is None:
            return (f"reported as {m.direction or 'abnormal'}, no value",)
        return (Slot(m.reported),)

    def _latest(self, name: str) -> Measurement | None:
        usual = spec_of(name, self.ctx).usual(self.ctx)
        now = self.ctx.now
        return next(
            (m for m in reversed(series_of(name, self.ctx)) if min(m.moment.latest, now) >= now - usual), None
        )

    def _twitch(self, part: str) -> Line | None:
        twitch = self.ctx.facts.twitch
        if twitch is None:
            return None
        if part == "date":
            return None if twitch.onset is None else (day_of(twitch.onset),)
        if part == "duration":
            return self._since(twitch.onset or twitch.first_recorded, is_onset=twitch.onset is not None)
        return (describe_twitch(twitch),)

    def _from_evidence(self, found: list[Evidence], part: str) -> Line | None:
        if not found:
            return None
        self.cited.extend(sources_of(found))
        self.told.extend(found)
        first = found[0]
        if part in ("date", "ago", "year"):
            moments = [e.moment for e in found if e.moment is not None]
            return self._when(max(moments, key=lambda m: m.latest), part) if moments else None
        if part == "duration":
            return self._lasted(first)
        if part == "dose":
            return (f"{first.value.normalize():f} {first.unit}",) if first.value is not None else None
        if part == "count":
            return (str(len(found)),)
        return self._names(found[:1] if part == "first" else found)

    def _when(self, moment: Moment, part: str) -> Line:
        if part == "year":
            return (moment.text[:4],)
        return (day_of(moment),) if part == "date" else (_ago(moment, self.ctx),)

    def _lasted(self, e: Evidence) -> Line | None:
        if e.kind == "drug":
            return None if e.lasted is None else _at_least(e.lasted, is_least=e.is_least)
        return self._since(e.moment, is_onset=True)

    def _since(self, moment: Moment | None, *, is_onset: bool) -> Line | None:
        """How long ago; at least so long where the day is not known, or it may have begun before."""
        if moment is None:
            return None
        is_least = moment.is_vague or not is_onset
        return _at_least(self.ctx.now - (moment.latest if is_least else moment.earliest), is_least=is_least)

    def _names(self, found: list[Evidence]) -> Line:
        """Return the names of facts, each once; the values of results are never cut or left out."""
        longest = _DRUG_LENGTH if any(e.kind == "drug" for e in found) else _NAME_LENGTH
        names = list(dict.fromkeys(self._name(e, longest) for e in found))
        shown = names if all(e.kind in _NUMBER_KINDS for e in found) else names[:_NAMES_SHOWN]
        more = len(names) - len(shown)
        listed = [part for name in shown for part in (", ", *name)][1:]
        return (*listed, f" +{more}") if more else tuple(listed)

    def _name(self, e: Evidence, longest: int) -> Line:
        if e.kind in _NUMBER_KINDS:
            title = inside_sentence(spec_of(e.name, self.ctx).title)
            return (f"{title} ", Slot(e.reported)) if e.reported else (title,)
        if e.kind == "patient" or e.name == "twitch":
            return (_shortened(e.text, longest),)
        title = self.ctx.knowhow.terminology.title("condition" if e.kind == "family" else e.kind, e.name)
        # value sets are titled for a sentence already
        return (_shortened(inside_sentence(title) if e.kind == "drug" else title, longest),)


def _shortened(title: str, longest: int) -> str:
    """A name cut after a whole word, where it is too long for a summary."""
    if len(title) <= longest:
        return title
    return title[: longest + 1].rsplit(" ", 1)[0].rstrip(" ,;(")[:longest]


def _begin(part: str | Slot) -> str | Slot:
    """Write the first letter large, but leave words like pH and eGFR as they are."""
    text = part.text if isinstance(part, Slot) else part
    first = text.split(" ", 1)[0]
    if not first[:1].islower() or any(letter.isupper() for letter in first):
        return part
    large = text[0].upper() + text[1:]
    return Slot(large, part.own) if isinstance(part, Slot) else large


def _unfilled(part: str | SlotRef) -> str:
    """An obligatory slot without a value says so: never an empty string (specification 6)."""
    if isinstance(part, SlotRef) and part.part in ("date", "year", "ago", "duration"):
        return "date unknown"
    return "not recorded"


def _ago(moment: Moment, ctx: Context) -> str:
    hours = max(0, ctx.now - moment.latest) // HOUR
    if not moment.is_day_only and hours < _HOURS_SHOWN:
        return "less than 1 hour ago" if hours == 0 else "1 hour ago" if hours == 1 else f"{hours} hours ago"
    days = days_ago(moment, ctx.now)
    return "today" if days == 0 else "1 day ago" if days == 1 else f"{days} days ago"


def _at_least(seconds: int, *, is_least: bool) -> Line | None:
    """Return a length; None where nothing can be said: at least no day."""
    if is_least and seconds < DAY:
        return None
    return (f"{'at least ' * is_least}{_duration(seconds)}",)


def _duration(seconds: int) -> str:
    days = max(0, seconds) // DAY
    if days >= 2 * _DAYS_A_YEAR:
        return f"{days // _DAYS_A_YEAR} years"
    if days >= 3 * _DAYS_A_MONTH:
        return f"{days // _DAYS_A_MONTH} months"
    return "1 day" if days == 1 else f"{days} days"
