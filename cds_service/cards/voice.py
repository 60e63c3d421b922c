"""What every part of a card needs: the patient, the knowledge, and harmless words for both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from cds_service.catalogue.titles import inside, title_of
from cds_service.facts import Measurement, PatientFacts
from cds_service.findings import Evidence, Line, spoken
from cds_service.knowledge import Knowledge
from cds_service.text.neutral import guarded, neutral
from cds_service.text.wording import Wording, read_wording
from cds_service.triage import Entry

#: Longest record text inside one line and longest piece of evidence, in characters.
SLOT_LIMIT = 80
EVIDENCE_LIMIT = 140


@dataclass(frozen=True, slots=True)
class Voice:
    """One patient and one knowledge, and how their words are put on a card."""

    facts: PatientFacts
    knowledge: Knowledge
    base_url: str

    def say(self, name: str, /, **slots: object) -> str:
        """Return a frame with its slots filled."""
        return self.knowledge.frames.say(name, **slots)

    @property
    def wording(self) -> Wording:
        """The wording rules of this knowledge."""
        return wording_of(self.knowledge)

    def text(self, line: Line, limit: int = SLOT_LIMIT) -> str:
        """Return a line of a rule as Markdown; record text in it is harmless and bounded."""
        said = spoken(line, lambda text: neutral(text, limit))
        return guarded(" ".join(said.split()))

    def texts(self, lines: Iterable[Line]) -> list[str]:
        """Return several lines, each wording once."""
        return list(dict.fromkeys(filter(None, (self.text(line) for line in lines))))

    def evidence(self, evidence: Evidence) -> str:
        """Return one cited fact as a clinician reads it."""
        text = neutral(evidence.text, EVIDENCE_LIMIT)
        local = self.facts.mapped.get(evidence.source.pointer) if evidence.source is not None else None
        return text if local is None else self.say("evidence_mapped", text=text, code=neutral(local, 40))

    def title(self, kind: str, name: str) -> str:
        """Return the title of a value set, analyte, drug or definition."""
        return title_of(kind, name, self.knowledge)

    def rule_title(self, rule_id: str) -> str:
        """Return the title of a rule; its id where the rule is not loaded."""
        rule = self.knowledge.rules.get(rule_id)
        return rule.title if rule is not None else rule_id.replace("-", " ")

    def rule_titles(self, rule_ids: Iterable[str]) -> str:
        """Return the titles of rules for the inside of a sentence."""
        return ", ".join(inside(self.rule_title(rule_id)) for rule_id in rule_ids)

    def rule_url(self, rule_id: str) -> str:
        """Return the absolute address of a rule's page."""
        return f"{self.base_url.rstrip('/')}/rules/{rule_id}"

    def capped(self, items: Sequence[str], limit: int) -> list[str]:
        """Return at most ``limit`` items, the rest counted in words."""
        if len(items) <= limit:
            return list(items)
        return [*items[:limit], self.say("more", count=len(items) - limit)]

    def latest(self, name: str) -> Measurement | None:
        """Return the newest usable result of an analyte inside its usual look-back, or None."""
        analyte = self.knowledge.terminology.analytes.get(name)
        results = self.facts.numbers.get(name, ())
        if analyte is None or not results:
            return None
        newest = results[-1]
        window = analyte.usual.get(self.facts.encounter.setting)
        return None if window is not None and newest.moment.latest < self.facts.now - window else newest

    def members(self, name: str) -> tuple[str, ...]:
        """Return the tests and derived numbers a derived number is made of, all the way down."""
        definition = self.knowledge.definitions.get(name)
        terms = definition.number.terms if definition is not None and definition.number is not None else ()
        names = [term.lab for term in terms if term.lab]
        return tuple(dict.fromkeys(part for lab in names for part in (lab, *self.members(lab))))

    def has_result(self, name: str) -> bool:
        """Return whether a test, or one that a derived number is made of, has a result of whatever age."""
        return any(self.facts.numbers.get(test) for test in (name, *self.members(name)))

    def value(self, m: Measurement) -> str:
        """Return "2.9 mmol/L (2026-11-18)"."""
        said = m.reported if m.value is not None else (m.direction or m.reported)
        return f"{neutral(said, 40)} ({neutral(m.moment.text[:10], 10)})"


@lru_cache(maxsize=8)
def wording_of(knowledge: Knowledge) -> Wording:
    """Return the wording rules of a knowledge; read once. Raises ContentError."""
    return read_wording(knowledge.wording)


def rules_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """Return every rule the entries speak for, each once, leading ones first."""
    return tuple(dict.fromkeys(rule_id for entry in entries for rule_id in entry.rule_ids))


def evidence_of(entries: Iterable[Entry]) -> tuple[Evidence, ...]:
    """Return the facts cited by the entries, each once."""
    found: dict[tuple[str, str], Evidence] = {}
    for entry in entries:
        for finding in entry.findings:
            for item in finding.evidence:
                found.setdefault((item.kind, item.text), item)
    return tuple(found.values())
