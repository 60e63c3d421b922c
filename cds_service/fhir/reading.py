"""The working state of one extraction: what has been read so far, and the checks every resource passes.

Domain modules (observations, medications ...) take a ``Reading`` and add to it; ``extract`` makes the
facts of it. Nothing here outlives one call of ``extract_facts``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import msgspec

from cds_service.facts import DrugUse, Event, Measurement, Moment, SetAside, Source
from cds_service.fhir.datatypes import ABSENT, Annotation, Concept, Period, Reference
from cds_service.fhir.lexicon import Lexicon
from cds_service.fhir.records import Located, Record, aside, pointer_of, source_of
from cds_service.fhir.references import References
from cds_service.fhir.resources import Resource
from cds_service.fhir.sense import Sense
from cds_service.fhir.subjects import Subject
from cds_service.fhir.times import Times
from cds_service.terminology import Recency, ResultWords

#: A measurement after what orders it: first and last second, order of reading, whether it is corrected.
Row: TypeAlias = tuple[int, int, int, bool, Measurement]

MAX_UNREAD = 2_000
MAX_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Sighting:
    """One record of the twitch: what one resource or sentence says about it.

    ``since`` is the day since when it lasts at least, where a duration was told but no onset.
    """

    level: int
    source: Source
    display: str
    sites: frozenset[str] = frozenset()
    side: str | None = None
    course: str | None = None
    traits: Mapping[str, bool] = field(default_factory=dict)
    onset: Moment | None = None
    recorded: Moment | None = None
    active: bool = False
    in_encounter: bool = False
    patient_reported: bool = False
    origin: str = ""
    since: Moment | None = None


@dataclass(slots=True)
class Reading:
    """Everything one extraction needs and gathers."""

    record: Record
    lexicon: Lexicon
    times: Times
    subject: Subject
    references: References
    without: frozenset[str] = frozenset()
    numbers_for_days: int | None = None
    encounter_key: str | None = None
    encounter_reasons: frozenset[str] = frozenset()
    set_aside: list[SetAside] = field(default_factory=list)
    numbers: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    drugs: dict[str, list[DrugUse]] = field(default_factory=dict)
    events: dict[str, dict[str, list[Event]]] = field(default_factory=dict)
    sightings: list[Sighting] = field(default_factory=list)
    _unread: dict[tuple[str, Sense], int] = field(default_factory=dict)
    doubtful_types: set[str] = field(default_factory=set)
    _usable: dict[type[Resource], list[Located]] = field(default_factory=dict)
    #: The resource that is being read, None between them.
    at: Located | None = None

    @property
    def words(self) -> ResultWords:
        """The words of results and answers."""
        return self.lexicon.words

    @property
    def recency(self) -> Recency:
        """How long what the record says counts as being so now."""
        return self.lexicon.terminology.recency

    # ------------------------------------------------------------- what may be used

    def usable(self, *kinds: type[Resource]) -> Iterator[Located]:
        """Yield the resources of the given types that are this patient's and may be read."""
        for kind in kinds:
            found = self._usable.get(kind)
            if found is None:
                found = self._usable[kind] = self._check(kind)
            for self.at in found:
                yield self.at
        self.at = None

    def _check(self, kind: type[Resource]) -> list[Located]:
        group = self.record.of(kind)
        rows = group if len({located[3].id for located in group}) == len(group) else _newest(group, self)
        owned = self.subject.answers
        plain = [
            located
            for located in rows
            if (resource := located[3]).modifierExtension is ABSENT
            and resource.implicitRules is None
            and (named := resource.subject or resource.patient) is not None
            and owned.get(named.reference)
        ]
        if len(plain) == len(rows) and not self.without:
            return plain
        return [located for located in rows if self._may_use(located)]

    def _may_use(self, located: Located, *, draft: bool = False) -> bool:
        resource = located[3]
        if self.without and self._left_out(located):
            self.doubtful_types.add(type(resource).__name__)
            return False
        owned = self.subject.owns(resource.subject or resource.patient)
        if owned is False:
            if (
                self.record.patient_id
            ):  # a query about this patient brought another one: what did it leave out?
                self.doubtful_types.add(type(resource).__name__)
            return self.refuse("F014", located)
        if owned is None and not draft:
            self.doubtful_types.add(type(resource).__name__)
            return self.refuse("F015", located)
        if resource.implicitRules is not None or _has_content(bytes(resource.modifierExtension)):
            self.doubtful_types.add(type(resource).__name__)
            return self.refuse("F016", located)
        return True

    def usable_drafts(self, *kinds: type[Resource]) -> Iterator[Located]:
        """Yield the draft orders of the given types; the hook's context says whose they are."""
        for located in self.record.drafts:
            if type(located[3]) not in kinds:
                continue
            if self._may_use(located, draft=True):
                self.at = located
                yield located
            else:
                self.doubtful_types.add(type(located[3]).__name__)
        self.at = None

    def _left_out(self, located: Located) -> bool:
        source = source_of(located)
        return source.pointer in self.without or source.reference in self.without

    # ------------------------------------------------------------- what is noted

    def refuse(self, code: str, located: Located, **about: Any) -> bool:
        """Note that a resource or value is not used; always False, so that checks can return it."""
        self.set_aside.append(aside(code, source_of(located), **about))
        return False

    def refuse_text(self, source: Source, moment: Moment | None) -> None:
        """Note that only the first part of a long text was read."""
        self.set_aside.append(aside("F051", source, moment=moment))

    def count_unread(self, kind: str, sense: Sense) -> None:
        """Count a concept no value set knows."""
        key = (kind, sense)
        self._unread[key] = self._unread.get(key, 0) + 1

    def unread_codes(self) -> dict[tuple[str, str, str], int]:
        """Return how often each (kind, system, code) no value set knows was met (bounded, sorted)."""
        counts: dict[tuple[str, str, str], int] = {}
        for (kind, sense), times in self._unread.items():
            for system, code in sense.codes:
                key = (kind, system, code)
                if key in counts or len(counts) < MAX_UNREAD:
                    counts[key] = counts.get(key, 0) + times
        return dict(sorted(counts.items()))

    def count_all_unread(self, kind: str, senses: Iterable[Sense]) -> None:
        """Count many concepts no value set knows."""
        for sense, times in Counter(senses).items():
            self._unread[kind, sense] = self._unread.get((kind, sense), 0) + times

    def add_number(self, measurement: Measurement, *, is_corrected: bool) -> None:
        """Take one measurement."""
        moment = measurement.moment
        rows = self.numbers[measurement.name]
        rows.append((moment.earliest, moment.latest, len(rows), is_corrected, measurement))

    def add_event(self, event: Event) -> None:
        """Take one event."""
        self.events.setdefault(event.kind, {}).setdefault(event.name, []).append(event)

    def sense(self, concept: Concept | None) -> Sense:
        """Return what a concept means."""
        return self.lexicon.sense(concept)

    # ------------------------------------------------------------- small common readings

    def period_start(self, period: Period | None) -> Moment | None:
        """Return the start of a period."""
        return self.times.read(period.start) if period else None

    def period_end(self, period: Period | None) -> Moment | None:
        """Return the end of a period."""
        return self.times.read(period.end) if period else None

    def is_current_encounter(self, *references: Reference | None) -> bool:
        """Whether one of the references names the current encounter."""
        if not self.encounter_key:
            return False
        for reference in references:
            if reference is not None and reference.reference:
                target = self.references.find(reference.reference)
                key = source_of(target).reference if target else ""
                if self.encounter_key in (key, reference.reference) or _ends_with(
                    reference.reference, self.encounter_key
                ):
                    return True
        return False


def _ends_with(reference: str, key: str) -> bool:
    return reference.endswith("/" + key) or f"{key}/_history/" in reference


def _has_content(raw: bytes) -> bool:
    return raw not in (b"", b"null") and raw.strip(b"[] \n\r\t") != b""


def notes_of(notes: list[Annotation] | None) -> list[str]:
    """Return the texts of notes."""
    return [note.text for note in notes or () if note.text]


def _newest(group: tuple[Located, ...], reading: Reading) -> list[Located]:
    """Return a group with each id once: the newest version; differing repeats are reported."""
    seen: dict[str, int] = {}
    kept: list[Located] = []
    for located in group:
        ident = located[3].id
        position = seen.get(ident) if ident else None
        if position is None:
            if ident:
                seen[ident] = len(kept)
            kept.append(located)
            continue
        other = kept[position]
        if other[3] == located[3]:
            continue
        kept[position], dropped = (
            (located, other) if _version(located) > _version(other) else (other, located)
        )
        reading.refuse("F017", dropped)
    return kept


def _version(located: Located) -> tuple[str, int, bytes]:
    """Return what orders two versions: update time, version number, then the content itself.

    The content as bytes: the ``repr`` of unread JSON tells where it lies in memory.
    """
    meta = located[3].meta
    number = meta.versionId if meta and meta.versionId and meta.versionId.isdigit() else "0"
    return (meta.lastUpdated or "" if meta else "", int(number[:12]), msgspec.json.encode(located[3]))


def pointer(located: Located) -> str:
    """Return the JSON pointer of a resource."""
    return pointer_of(located)
