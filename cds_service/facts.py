"""What is known about one patient at one moment: the neutral meeting place of FHIR and rules.

FHIR readers and case files build ``PatientFacts``; the engine only reads it. Nothing here knows
FHIR, rules or a clock: ``as_of`` is handed in. All names of analytes, ingredients, conditions and
so on are ids of files in ``terminology/``.

What a record holds hundreds of are frozen Structs: making one takes a tenth of the time a frozen
dataclass takes, and they hold no cycles the garbage collector would have to look for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

MINUTE = 60
HOUR = 3600
DAY = 86_400
_DAYS_IN_FOUR_YEARS = 1461
_ADULT_YEARS = 18


class DataState(StrEnum):
    """What can be said about one kind of data (CDS Hooks prefetch section; invariant I6).

    ``PRESENT`` and ``NONE_FOUND`` are knowledge; the other four are not, and a missing fact of
    such a kind makes an answer unknown.
    """

    PRESENT = "present"
    NONE_FOUND = "none-found"
    NOT_SENT = "not-sent"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    STALE = "stale"

    @property
    def is_known(self) -> bool:
        """Whether absence in data of this state may be read as "not recorded"."""
        return self in (DataState.PRESENT, DataState.NONE_FOUND)


#: Kinds of data a criterion can ask for; also the folders of ``terminology/`` (with an ``s``).
KINDS = (
    "lab",
    "vital",
    "survey",
    "drug",
    "condition",
    "symptom",
    "procedure",
    "report",
    "family",
    "allergy",
    "encounter",
)


class Source(Struct, frozen=True, gc=False):
    """Where a fact was read: ``Observation/123`` and the JSON pointer of the resource in the input.

    ``reference`` is empty for a resource without id; ``pointer`` then still names it.
    """

    reference: str
    pointer: str = ""

    def __str__(self) -> str:
        """Return the name shown to people."""
        return self.reference or self.pointer


class Moment(Struct, frozen=True, gc=False):
    """A point in time known to some precision: seconds since 1970 UTC, first and last possible.

    ``2026-11-15`` is the whole day in the zone of ``as_of``; a full instant has ``earliest ==
    latest``. ``text`` is ISO 8601 as precise as the record (a date stays a date).
    """

    earliest: int
    latest: int
    text: str

    @property
    def is_day_only(self) -> bool:
        """Whether the record gave no time of day."""
        return len(self.text) <= len("2026-11-15")

    @property
    def is_vague(self) -> bool:
        """Whether the record gave a month or a year only: ``2026-11``, ``2026``."""
        return len(self.text) < len("2026-11-15")


class Measurement(Struct, frozen=True, gc=False):
    """One usable result of an analyte, vital sign or score, in the analyte's canonical unit.

    ``value`` is None for a result that has only a direction. ``comparator`` is ``""``, ``<``,
    ``<=``, ``>`` or ``>=``. ``low``/``high`` are the result's own reference range, converted, each
    None when not sent. ``direction`` is what the laboratory said in words or codes: ``low``,
    ``normal`` or ``high``; ``marked`` says it used its panic code (LL, HH, AA). ``unit_doubtful``
    forbids numeric comparison except with its own range. ``sample_doubtful`` is hemolyzed and the
    like; ``sample_unusable`` was drawn from an infusion arm, diluted or contaminated: it says nothing.
    ``reported`` is number and unit as printed by the laboratory.
    ``also_from`` names the other results a calculated number was made of.
    """

    name: str
    value: Decimal | None
    moment: Moment
    source: Source
    reported: str
    unit: str = ""
    comparator: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    direction: str | None = None
    marked: bool = False
    unit_doubtful: bool = False
    sample_doubtful: bool = False
    sample_unusable: bool = False
    preliminary: bool = False
    point_of_care: bool = False
    unit_reported: str = ""
    range_reported: str = ""
    also_from: tuple[Source, ...] = ()

    @property
    def is_exact(self) -> bool:
        """Whether the number may be computed with: a plain value in a sure unit from a good sample."""
        return self.value is not None and not (
            self.comparator or self.unit_doubtful or self.sample_doubtful or self.sample_unusable
        )


class Dose(Struct, frozen=True, gc=False):
    """A daily dose: amount in ``unit`` per day (``mg/d``). None parts are never guessed."""

    amount: Decimal
    unit: str = "mg/d"


class DrugUse(Struct, frozen=True, gc=False):
    """One continuous use of one ingredient, as far as one resource tells it.

    ``start``/``end`` None with ``active`` means start unknown / still in use. ``route`` is a word
    of ``terminology/routes.yaml`` or None when neither the record nor the ingredient decides it.
    ``draft`` is an order being selected or signed, ``stopping`` a draft that ends the drug.
    ``planned_days`` is the ordered length of a draft. ``administered`` marks a single dose.
    ``supplies`` counts dispensed packages. ``by_text`` says the drug was recognised by its name only.
    ``reasons`` of a draft that ends the drug are the recorded reasons (names of ``terminology/reasons/``):
    empty where none is recorded, None where one is recorded that nobody could read.
    """

    ingredient: str
    source: Source
    display: str
    active: bool
    start: Moment | None = None
    end: Moment | None = None
    route: str | None = None
    dose: Dose | None = None
    draft: bool = False
    stopping: bool = False
    selected: bool = True
    planned_days: int | None = None
    administered: bool = False
    supplies: int = 1
    by_text: bool = False
    reasons: tuple[str, ...] | None = ()


class Event(Struct, frozen=True, gc=False):
    """One condition, symptom, procedure, report conclusion, family history, allergy or encounter.

    ``moment`` is when it was recorded (or performed); ``onset`` only what the record states as
    onset. ``status`` is ``active``, ``past`` or ``absent`` (documented as not there).
    ``side``: left, right, both or None. ``course``: intermittent, persistent, spreading,
    progressive, sudden or None. ``in_encounter`` is true for what the current encounter names as
    its reason or diagnosis. ``by_text`` marks recognition by words only.
    """

    kind: str
    name: str
    source: Source
    display: str
    status: str = "active"
    moment: Moment | None = None
    onset: Moment | None = None
    side: str | None = None
    course: str | None = None
    count: int = 1
    in_encounter: bool = False
    by_text: bool = False
    patient_reported: bool = False


@dataclass(frozen=True, slots=True)
class Twitch:
    """The twitching itself: evidence level 2 or 3 and its facets (specification 4.1 and 4.4).

    ``sites`` holds words of ``terminology/twitch.yaml`` (``upper-lip``, ``eyelid``, ``limb`` ...),
    empty when no site is recorded. ``onset`` is the stated onset; ``first_recorded`` the earliest
    record, used as "at least" duration. Facets None are unknown. ``traits`` maps ``suppressible``,
    ``sleep-persistent``, ``rhythmic``, ``tongue-involved`` to True or False; absent = unknown.
    """

    level: int
    source: Source
    display: str
    sites: frozenset[str] = frozenset()
    side: str | None = None
    onset: Moment | None = None
    first_recorded: Moment | None = None
    last_recorded: Moment | None = None
    course: str | None = None
    traits: Mapping[str, bool] = field(default_factory=dict)
    patient_reported: bool = False
    origin: str = ""
    sources: tuple[Source, ...] = ()


class SetAside(Struct, frozen=True, gc=False):
    """Something that was sent and could not be used: where, what, why.

    ``name`` is the analyte, ingredient or other id it would have fed, or None when even that is
    not known. ``code`` is stable and documented in ``docs/errors.md``; ``shown`` is the raw value
    for the clinician (never logged). ``part`` is the JSON pointer, inside the resource, of the one part
    it is about (``/component/1``); empty means the resource as a whole.
    """

    source: Source
    code: str
    reason: str
    kind: str | None = None
    name: str | None = None
    shown: str = ""
    moment: Moment | None = None
    part: str = ""


@dataclass(frozen=True, slots=True)
class Encounter:
    """The current encounter. ``setting`` is ``outpatient``, ``inpatient`` or ``emergency``."""

    setting: str = "outpatient"
    start: Moment | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """All facts about one patient as of one instant.

    ``birth_span`` is the first and last possible birth date where the record gives only a year or a
    month; ``birth_date`` and ``age_days`` are None then. ``numbers`` maps an analyte, vital or survey
    name to its results, oldest first, none later than ``as_of``. ``drugs`` maps an ingredient to its
    uses. ``events`` maps a kind to a mapping of name to events. ``states`` has an entry for every kind
    in KINDS. ``unread_codes`` counts codings no value set knows, keyed by (kind, system, code).
    ``outside`` names the reason why the patient is outside the scope (deceased, test patient, comfort
    care, newborn, or a problem was added that is no twitch), or is empty.
    ``mapped`` names the resources (JSON pointer) that are understood only because the site mapped their
    local code, with that code.
    """

    as_of: datetime
    patient: str = ""
    birth_date: date | None = None
    age_days: int | None = None
    sex: str | None = None
    hook: str = "patient-view"
    encounter: Encounter = Encounter()
    twitch: Twitch | None = None
    twitch_state: DataState = DataState.PRESENT
    numbers: Mapping[str, tuple[Measurement, ...]] = field(default_factory=dict)
    drugs: Mapping[str, tuple[DrugUse, ...]] = field(default_factory=dict)
    events: Mapping[str, Mapping[str, tuple[Event, ...]]] = field(default_factory=dict)
    states: Mapping[str, DataState] = field(default_factory=dict)
    set_aside: tuple[SetAside, ...] = ()
    unread_codes: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    outside: str = ""
    birth_span: tuple[date, date] | None = None
    mapped: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a naive ``as_of``: every window is measured from it."""
        if self.as_of.tzinfo is None:
            raise ValueError("as_of needs a time zone")

    @property
    def now(self) -> int:
        """``as_of`` in seconds since 1970 UTC."""
        return int(self.as_of.timestamp())

    @property
    def days(self) -> int | None:
        """Age in days, or None when it is not known."""
        if self.birth_date is not None:
            return (self.as_of.date() - self.birth_date).days
        return self.age_days

    @property
    def years(self) -> int | None:
        """Completed years of age, or None when the age is not known to the year."""
        bounds = self.age_bounds("years")
        return bounds[0] if bounds is not None and bounds[0] == bounds[1] else None

    @property
    def months(self) -> int | None:
        """Completed months of age, or None when neither birth date nor age is known to the day."""
        if self.birth_date is None:
            return None if self.age_days is None else self.age_days * 12 * 4 // _DAYS_IN_FOUR_YEARS
        today, born = self.as_of.date(), self.birth_date
        return (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)

    @property
    def is_adult(self) -> bool | None:
        """Whether adult ranges and rules apply; None when that is not known (specification I9)."""
        bounds = self.age_bounds("years")
        if bounds is None or (bounds[0] < _ADULT_YEARS <= bounds[1]):
            return None
        return bounds[0] >= _ADULT_YEARS

    def age_bounds(self, unit: str) -> tuple[int, int] | None:
        """Return the least and the greatest age the record allows, in completed ``years`` or in ``days``.

        Both are equal for a full birth date; a birth date known by year or month leaves a span.
        """
        today = self.as_of.date()
        span = self.birth_span or (None if self.birth_date is None else (self.birth_date, self.birth_date))
        if span is not None:
            ages = [_years(born, today) if unit == "years" else (today - born).days for born in span]
            return min(ages), max(ages)
        if self.age_days is None:
            return None
        age = self.age_days * 4 // _DAYS_IN_FOUR_YEARS if unit == "years" else self.age_days
        return age, age

    def state(self, kind: str) -> DataState:
        """Return what is known about a kind; a kind nobody mentioned was not sent."""
        return self.states.get(kind, DataState.NOT_SENT)


def _years(born: date, today: date) -> int:
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def moment_from_datetime(instant: datetime) -> Moment:
    """Return the Moment of a zone-aware instant. Raises ValueError when it has no zone."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    seconds = int(instant.timestamp())
    return Moment(seconds, seconds, instant.isoformat(timespec="seconds"))


def moment_from_date(day: date, as_of: datetime) -> Moment:
    """Return the Moment of a whole calendar day in the zone of ``as_of``."""
    start = int(datetime(day.year, day.month, day.day, tzinfo=as_of.tzinfo or UTC).timestamp())
    return Moment(start, start + DAY - 1, day.isoformat())
