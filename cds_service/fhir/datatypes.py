"""FHIR data types, naming only the fields the facts need; numbers stay raw JSON text (see ``numbers``)."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

ABSENT: Final = Raw()


class Coding(Struct, gc=False):
    """A code with its system and the sender's display."""

    system: str | None = None
    code: str | None = None
    display: str | None = None


class Concept(Struct, gc=False):
    """A CodeableConcept."""

    coding: list[Coding] | Coding | None = None
    text: str | None = None


Concepts = list[Concept] | Concept | None


class Identifier(Struct, gc=False):
    """A business identifier."""

    system: str | None = None
    value: str | None = None


class Reference(Struct, gc=False):
    """A reference; any of its parts may be absent."""

    reference: str | None = None
    display: str | None = None
    identifier: Identifier | None = None


class AnyReason(Struct, gc=False):
    """A CodeableConcept (R4), a CodeableReference (R5), a Reference, or an R5 Encounter.reason."""

    coding: list[Coding] | None = None
    text: str | None = None
    concept: Concept | None = None
    reference: Reference | str | None = None
    display: str | None = None
    value: list[AnyReason] | None = None


class Quantity(Struct, gc=False):
    """A Quantity, Age, Duration or SimpleQuantity; ``value`` is the raw JSON number."""

    value: Raw = ABSENT
    comparator: str | None = None
    unit: str | None = None
    system: str | None = None
    code: str | None = None


class Period(Struct, gc=False):
    """A Period."""

    start: str | None = None
    end: str | None = None


class Span(Struct, gc=False):
    """A Range."""

    low: Quantity | None = None
    high: Quantity | None = None


class Ratio(Struct, gc=False):
    """A Ratio."""

    numerator: Quantity | None = None
    denominator: Quantity | None = None


class Annotation(Struct, gc=False):
    """A note."""

    text: str | None = None


class Meta(Struct, gc=False):
    """What the server says about the resource."""

    lastUpdated: str | None = None
    versionId: str | None = None
    security: list[Coding] | None = None
    tag: list[Coding] | None = None


class Repeat(Struct, gc=False):
    """Timing.repeat."""

    boundsPeriod: Period | None = None
    boundsDuration: Quantity | None = None
    frequency: Raw = ABSENT
    frequencyMax: Raw = ABSENT
    period: Raw = ABSENT
    periodMax: Raw = ABSENT
    periodUnit: str | None = None
    periodUnits: str | None = None
    count: Raw = ABSENT
    timeOfDay: list[str] | None = None
    dayOfWeek: list[str] | None = None
    when: list[str] | str | None = None


class Timing(Struct, gc=False):
    """Timing."""

    event: list[str] | None = None
    repeat: Repeat | None = None
    code: Concept | None = None


class DoseAndRate(Struct, gc=False):
    """Dosage.doseAndRate."""

    doseQuantity: Quantity | None = None
    doseRange: Span | None = None
    rateQuantity: Quantity | None = None
    rateRatio: Ratio | None = None


class Dosage(Struct, gc=False):
    """Dosage, and MedicationAdministration.dosage."""

    text: str | None = None
    timing: Timing | None = None
    route: Concept | None = None
    asNeededBoolean: bool | None = None
    asNeeded: bool | None = None
    asNeededCodeableConcept: Concept | None = None
    doseAndRate: list[DoseAndRate] | None = None
    doseQuantity: Quantity | None = None
    dose: Quantity | None = None
    site: Concept | None = None
