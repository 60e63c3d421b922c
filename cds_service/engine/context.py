"""One patient being judged: the facts, the terminology, and what has been worked out so far."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from cds_service.facts import DAY, Measurement, PatientFacts, SetAside
from cds_service.findings import Evidence, Missing
from cds_service.rules import Definition, Modifiers
from cds_service.terminology import Terminology

if TYPE_CHECKING:
    from cds_service.engine.blank import Blank
    from cds_service.engine.exposures import Agents, Exposure
    from cds_service.engine.logic import Answer
    from cds_service.engine.nodes import Node
    from cds_service.engine.spec import NumberSpec
    from cds_service.engine.windows import Spans


@dataclass(frozen=True, slots=True)
class Knowhow:
    """What judging needs beside the facts: shared by all patients, unchanged once compiled.

    ``specs`` fills as numbers are first asked for; it depends on the content only, so that threads that
    fill it at the same time write equal values.
    """

    terminology: Terminology
    modifiers: Modifiers
    definitions: Mapping[str, Definition]
    criteria: dict[str, Node] = field(default_factory=dict)
    gates: dict[str, Node] = field(default_factory=dict)
    specs: dict[str, NumberSpec] = field(default_factory=dict)


@dataclass
class Context:
    """The working memory of one evaluation; answers are remembered by key.

    ``fresh_is_usual`` reads every ``within: fresh`` as ``within: usual``: used to find out whether
    a value would be critical if it were newer. ``blank`` knows what the criteria answer whose keys are
    not ``touched`` by a fact of the patient.
    """

    facts: PatientFacts
    knowhow: Knowhow
    fresh_is_usual: bool = False
    verdicts: dict[int, bool | None] = field(default_factory=dict)
    answers: dict[int, Answer] = field(default_factory=dict)
    spans: dict[tuple[int | None, int | None], Spans] = field(default_factory=dict)
    series: dict[str, tuple[Measurement, ...]] = field(default_factory=dict)
    newest: dict[str, tuple[Measurement, ...]] = field(default_factory=dict)
    absences: dict[str, str] = field(default_factory=dict)
    shown: dict[int, Evidence] = field(default_factory=dict)
    gaps: dict[int, tuple[Missing, ...]] = field(default_factory=dict)
    exposures: dict[str, tuple[Exposure, ...]] = field(default_factory=dict)
    agents: dict[str, Agents] = field(default_factory=dict)
    blank: Blank | None = None
    touched: Collection[int] = ()

    def where(self, key: int) -> Context:
        """Return where the criterion of a key is judged: on the blank record if nothing here touches it."""
        return self if self.blank is None or key in self.touched else self.blank.ctx

    @cached_property
    def now(self) -> int:
        """``as_of`` in seconds."""
        return self.facts.now

    @cached_property
    def years(self) -> int | None:
        """Completed years of age, or None when the age is not known."""
        return self.facts.years

    @cached_property
    def days(self) -> int | None:
        """Age in days, or None when it is not known."""
        return self.facts.days

    @cached_property
    def is_adult(self) -> bool | None:
        """Whether adult ranges and rules apply; None when the age is not known (specification I9)."""
        return self.facts.is_adult

    @cached_property
    def refused(self) -> Mapping[str, tuple[SetAside, ...]]:
        """What was set aside of each result, by its name."""
        found: dict[str, list[SetAside]] = {}
        for item in self.facts.set_aside:
            if item.name:
                found.setdefault(item.name, []).append(item)
        return {name: tuple(items) for name, items in found.items()}

    @cached_property
    def encounter_start(self) -> int:
        """Start of the current encounter in seconds; without one, ``as_of`` less one day."""
        start = self.facts.encounter.start
        return self.now - DAY if start is None else start.earliest

    @cached_property
    def widened(self) -> Context:
        """The same patient with every ``fresh`` read as ``usual``."""
        return Context(
            self.facts,
            self.knowhow,
            True,
            series=self.series,
            newest=self.newest,
            absences=self.absences,
            shown=self.shown,
            exposures=self.exposures,
            agents=self.agents,
        )
