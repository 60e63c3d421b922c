"""What is answered about things that are not on record: judged once for all patients, not once for each.

Most names of the knowledge stand in no given record. What a criterion answers about a name that does not is
the same for all patients of whom the same kinds of data are known. So those answers are taken from a blank
record, and only what a fact of the patient touches is judged. ``Index`` must therefore hold every fact that
can change an answer; ``tests/engine/test_blank.py`` compares both ways of judging.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from cds_service.engine.compile import drug_set_of
from cds_service.engine.context import Context, Knowhow
from cds_service.engine.spec import spec_of
from cds_service.facts import KINDS, DataState, PatientFacts
from cds_service.findings import Finding
from cds_service.rules import criteria as c

#: Kind and name of a fact: an analyte, an ingredient, an event of some kind, or one of the two below.
Fact = tuple[str, str]
_NUMBER: Final = "number"
_TWITCH: Final[Fact] = ("twitch", "")
#: Age, sex and start of the encounter: every patient has his own.
_PERSON: Final[Fact] = ("person", "")
#: What the words for an anchor mean; one that is a criterion is walked to like any other.
_ANCHORS: Final[Mapping[Any, Fact]] = {"onset": _TWITCH, "encounter": _PERSON}
_NOBODY: Final[frozenset[int]] = frozenset()
_SOME_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)
#: An age in days for each answer to "adult?": criteria on the age itself are always judged anew.
_AGES: Final[Mapping[bool | None, int | None]] = {None: None, False: 0, True: 36_525}


class Likeness(NamedTuple):
    """What two patients must share for the same answers about what neither has on record."""

    hook: str
    is_adult: bool | None
    twitch_known: bool
    kinds_known: tuple[bool, ...]

    @classmethod
    def of(cls, facts: PatientFacts) -> Likeness:
        """Return that of a patient."""
        kinds = tuple([facts.state(kind).is_known for kind in KINDS])
        return cls(facts.hook, facts.is_adult, facts.twitch_state.is_known, kinds)

    def record(self) -> PatientFacts:
        """Return a record with nothing on it."""
        states = {kind: _state(known) for kind, known in zip(KINDS, self.kinds_known, strict=True)}
        return PatientFacts(
            _SOME_DAY,
            age_days=_AGES[self.is_adult],
            hook=self.hook,
            twitch_state=_state(self.twitch_known),
            states=states,
        )


def _state(is_known: bool) -> DataState:
    return DataState.NONE_FOUND if is_known else DataState.NOT_SENT


class Settled(NamedTuple):
    """What a rule answers on a blank record, and the keys of the criteria that answer rests on."""

    finding: Finding
    rests_on: frozenset[int]


@dataclass(frozen=True, slots=True)
class Blank:
    """A record with nothing on it, judged.

    ``rules`` lacks those that match: their words rest on more. ``verdicts`` are those the rules needed;
    ``ctx`` learns others when they are asked for.
    """

    ctx: Context
    rules: Mapping[str, Settled]
    verdicts: Mapping[int, bool | None]

    def context(self, facts: PatientFacts, touched: set[int]) -> Context:
        """Return the working memory for one patient of this likeness, who differs in what is ``touched``."""
        verdicts = {key: found for key, found in self.verdicts.items() if key not in touched}
        return Context(facts, self.ctx.knowhow, verdicts=verdicts, blank=self, touched=touched)


@dataclass(frozen=True, slots=True)
class Index:
    """The keys of the criteria whose answer a fact can change, by kind and name of the fact."""

    keys: Mapping[str, Mapping[str, frozenset[int]]] = field(default_factory=dict)

    def touched(self, facts: PatientFacts) -> set[int]:
        """Return the keys of all criteria that must be judged for this patient."""
        unusable = [aside.name for aside in facts.set_aside if aside.name]
        names: list[tuple[str, Iterable[str]]] = [
            (_PERSON[0], _PERSON[1:]),
            (_NUMBER, facts.numbers),
            (_NUMBER, unusable),  # a result nobody could read is not one that was never measured
            ("drug", facts.drugs),
            *facts.events.items(),
        ]
        if facts.twitch is not None:
            names.append((_TWITCH[0], _TWITCH[1:]))
        return set().union(
            *[known.get(name, _NOBODY) for kind, on in names if (known := self.keys.get(kind)) for name in on]
        )


def index_of(keys: Mapping[c.Criterion, int], knowhow: Knowhow) -> Index:
    """Return the index of criteria that are known by these keys."""
    reader = _Reader(Context(PatientFacts(_SOME_DAY), knowhow))
    found: dict[str, dict[str, set[int]]] = {}
    for criterion, key in keys.items():
        for kind, name in reader.asked(criterion):
            found.setdefault(kind, {}).setdefault(name, set()).add(key)
    return Index(
        {kind: {name: frozenset(held) for name, held in names.items()} for kind, names in found.items()}
    )


@dataclass(slots=True)
class _Reader:
    """Tells which facts criteria ask about; what a definition or a gate asks about is read once."""

    ctx: Context
    known: dict[tuple[str, str], frozenset[Fact]] = field(default_factory=dict)

    def asked(self, criterion: c.Criterion) -> frozenset[Fact]:
        """Return every fact that can change the answer of a criterion, also of those inside it."""
        return frozenset(fact for inner in c.walk(criterion) for fact in self._of_one(inner))

    def _of_one(self, criterion: c.Criterion) -> Iterator[Fact]:
        window = getattr(criterion, "window", c.Window())
        if window.anchor in _ANCHORS:
            yield _ANCHORS[window.anchor]
        if isinstance(criterion, c.NumberCriterion):
            yield from ((_NUMBER, name) for name in spec_of(criterion.name, self.ctx).members)
        elif isinstance(criterion, c.DrugCriterion):
            sets = (drug_set_of(name, self.ctx.knowhow.terminology) for name in criterion.names)
            yield from (("drug", name) for drug_set in sets for name in drug_set.members)
        elif isinstance(criterion, c.EventCriterion):
            yield from ((criterion.kind, name) for name in criterion.names)
        elif isinstance(criterion, c.TwitchCriterion):
            yield _TWITCH
        elif isinstance(criterion, c.MeetsCriterion):
            yield from (fact for name in criterion.names for fact in self._named("definition", name))
        elif isinstance(criterion, c.IrritabilityCriterion):
            yield from self._named("gate", "irritability")
        elif not isinstance(criterion, c.Combination):
            yield _PERSON

    def _named(self, what: str, name: str) -> frozenset[Fact]:
        nodes = self.ctx.knowhow.criteria if what == "definition" else self.ctx.knowhow.gates
        found = self.known.get((what, name))
        if found is None:
            found = self.known[what, name] = self.asked(nodes[name].criterion)
        return found
