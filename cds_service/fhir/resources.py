"""FHIR resources the facts are read from, naming only the fields they need (R4; plain DSTU2, STU3, R5).

Types are as wide as real data are: one object where a list belongs, a word where a concept belongs.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, field

from cds_service.fhir.datatypes import (
    ABSENT,
    Annotation,
    AnyReason,
    Coding,
    Concept,
    Concepts,
    Dosage,
    Identifier,
    Meta,
    Period,
    Quantity,
    Ratio,
    Reference,
)


class Resource(Struct, gc=False, tag_field="resourceType", tag=True):
    """Any resource; the class name is its ``resourceType``."""


class Clinical(Resource):
    """What all resources read here may carry."""

    id: str | None = None
    meta: Meta | None = None
    implicitRules: str | None = None
    modifierExtension: Raw = ABSENT
    status: str | None = None
    subject: Reference | None = None
    patient: Reference | None = None
    contained: Raw = ABSENT


class ReferenceRange(Struct, gc=False):
    """Observation.referenceRange."""

    low: Quantity | None = None
    high: Quantity | None = None
    type: Concept | None = None
    text: str | None = None


class Component(Struct, gc=False):
    """Observation.component, and the value part of an Observation."""

    code: Concept | None = None
    valueQuantity: Quantity | None = None
    valueString: str | None = None
    valueCodeableConcept: Concept | None = None
    valueBoolean: bool | None = None
    valueInteger: Raw = ABSENT
    dataAbsentReason: Concept | None = None
    interpretation: Concepts = None
    referenceRange: list[ReferenceRange] | None = None


class Observation(Clinical):
    """Observation."""

    code: Concept | None = None
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    effectiveInstant: str | None = None
    valueQuantity: Quantity | None = None
    valueString: str | None = None
    valueCodeableConcept: Concept | None = None
    valueBoolean: bool | None = None
    valueInteger: Raw = ABSENT
    dataAbsentReason: Concept | None = None
    interpretation: Concepts = None
    referenceRange: list[ReferenceRange] | None = None
    component: list[Component] | None = None
    hasMember: list[Reference] | None = None
    note: list[Annotation] | None = None
    comment: str | None = None
    comments: str | None = None
    bodySite: Concept | None = None
    encounter: Reference | None = None
    context: Reference | None = None
    performer: list[Reference] | Reference | None = None
    focus: list[Reference] | Reference | None = None


class Condition(Clinical):
    """Condition."""

    clinicalStatus: Concept | str | None = None
    verificationStatus: Concept | str | None = None
    code: Concept | None = None
    bodySite: Concepts = None
    onsetDateTime: str | None = None
    onsetPeriod: Period | None = None
    onsetAge: Quantity | None = None
    onsetString: str | None = None
    abatementDateTime: str | None = None
    abatementPeriod: Period | None = None
    abatementAge: Quantity | None = None
    abatementString: str | None = None
    abatementBoolean: bool | None = None
    recordedDate: str | None = None
    assertedDate: str | None = None
    dateRecorded: str | None = None
    encounter: Reference | None = None
    context: Reference | None = None
    note: list[Annotation] | None = None


class EncounterDiagnosis(Struct, gc=False):
    """Encounter.diagnosis."""

    condition: list[AnyReason] | AnyReason | None = None


class Encounter(Clinical):
    """Encounter."""

    kind: Coding | list[Concept] | str | None = field(default=None, name="class")
    type: list[Concept] | None = None
    period: Period | None = None
    actualPeriod: Period | None = None
    reasonCode: list[Concept] | None = None
    reasonReference: list[Reference] | None = None
    reason: list[AnyReason] | None = None
    diagnosis: list[EncounterDiagnosis] | None = None
    serviceType: Concepts = None


class DispenseRequest(Struct, gc=False):
    """MedicationRequest.dispenseRequest."""

    validityPeriod: Period | None = None
    expectedSupplyDuration: Quantity | None = None


class _Drug(Clinical):
    medicationCodeableConcept: Concept | None = None
    medicationReference: Reference | None = None
    medication: AnyReason | None = None
    encounter: Reference | None = None
    context: Reference | None = None
    category: Any = None


class MedicationRequest(_Drug):
    """MedicationRequest (R4, STU3, R5)."""

    intent: str | None = None
    doNotPerform: bool | None = None
    authoredOn: str | None = None
    statusChanged: str | None = None
    statusReason: Concept | None = None
    dosageInstruction: list[Dosage] | Dosage | None = None
    dispenseRequest: DispenseRequest | None = None
    priorPrescription: Reference | None = None


class MedicationOrder(_Drug):
    """MedicationOrder (DSTU2)."""

    dateWritten: str | None = None
    dateEnded: str | None = None
    reasonEnded: Concept | None = None
    dosageInstruction: list[Dosage] | Dosage | None = None
    dispenseRequest: DispenseRequest | None = None


class MedicationStatement(_Drug):
    """MedicationStatement (R4, STU3, R5)."""

    taken: str | None = None
    wasNotTaken: bool | None = None
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    dateAsserted: str | None = None
    dosage: list[Dosage] | Dosage | None = None
    adherence: Adherence | None = None


class Adherence(Struct, gc=False):
    """MedicationStatement.adherence (R5)."""

    code: Concept | None = None


class MedicationUsage(MedicationStatement):
    """MedicationStatement under its name in early R5 builds."""


class MedicationAdministration(_Drug):
    """MedicationAdministration."""

    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    occurenceDateTime: str | None = None
    occurencePeriod: Period | None = None
    occurrenceDateTime: str | None = None
    occurrencePeriod: Period | None = None
    notGiven: bool | None = None
    wasNotGiven: bool | None = None
    dosage: list[Dosage] | Dosage | None = None


class MedicationDispense(_Drug):
    """MedicationDispense."""

    whenHandedOver: str | None = None
    whenPrepared: str | None = None
    daysSupply: Quantity | None = None
    quantity: Quantity | None = None
    dosageInstruction: list[Dosage] | Dosage | None = None
    authorizingPrescription: list[Reference] | None = None


class Ingredient(Struct, gc=False):
    """Medication.ingredient (R4 and R5), Medication.product.ingredient (DSTU2)."""

    itemCodeableConcept: Concept | None = None
    itemReference: Reference | None = None
    item: AnyReason | None = None
    strength: Ratio | None = None
    strengthRatio: Ratio | None = None


class Medication(Clinical):
    """Medication."""

    code: Concept | None = None
    form: Concept | None = None
    doseForm: Concept | None = None
    ingredient: list[Ingredient] | None = None


class Procedure(Clinical):
    """Procedure."""

    code: Concept | None = None
    bodySite: Concepts = None
    performedDateTime: str | None = None
    performedPeriod: Period | None = None
    performedString: str | None = None
    occurrenceDateTime: str | None = None
    occurrencePeriod: Period | None = None
    notDone: bool | None = None
    notPerformed: bool | None = None
    encounter: Reference | None = None


class Immunization(Clinical):
    """Immunization."""

    vaccineCode: Concept | None = None
    occurrenceDateTime: str | None = None
    date: str | None = None
    notGiven: bool | None = None
    wasNotGiven: bool | None = None


class DiagnosticReport(Clinical):
    """DiagnosticReport."""

    code: Concept | None = None
    effectiveDateTime: str | None = None
    effectivePeriod: Period | None = None
    issued: str | None = None
    conclusion: str | None = None
    conclusionCode: list[AnyReason] | None = None
    codedDiagnosis: list[Concept] | None = None


class FamilyCondition(Struct, gc=False):
    """FamilyMemberHistory.condition."""

    code: Concept | None = None


class FamilyMemberHistory(Clinical):
    """FamilyMemberHistory."""

    date: str | None = None
    relationship: Concept | None = None
    condition: list[FamilyCondition] | None = None


class Reaction(Struct, gc=False):
    """AllergyIntolerance.reaction."""

    substance: Concept | None = None
    manifestation: list[AnyReason] | None = None


class AllergyIntolerance(Clinical):
    """AllergyIntolerance."""

    clinicalStatus: Concept | str | None = None
    verificationStatus: Concept | str | None = None
    code: Concept | None = None
    substance: Concept | None = None
    recordedDate: str | None = None
    assertedDate: str | None = None
    onsetDateTime: str | None = None
    reaction: list[Reaction] | None = None


class ServiceRequest(Clinical):
    """ServiceRequest."""

    intent: str | None = None
    doNotPerform: bool | None = None
    code: AnyReason | None = None
    authoredOn: str | None = None
    reasonCode: list[Concept] | None = None
    reason: list[AnyReason] | None = None
    encounter: Reference | None = None


class ProcedureRequest(ServiceRequest):
    """ServiceRequest under its name in STU3."""


class Answer(Struct, gc=False):
    """QuestionnaireResponse.item.answer."""

    valueBoolean: bool | None = None
    valueString: str | None = None
    valueCoding: Coding | None = None
    valueInteger: Raw = ABSENT
    valueDecimal: Raw = ABSENT
    valueQuantity: Quantity | None = None
    item: list[Item] | None = None


class Item(Struct, gc=False):
    """QuestionnaireResponse.item."""

    linkId: str | None = None
    text: str | None = None
    answer: list[Answer] | Answer | None = None
    item: list[Item] | None = None


class QuestionnaireResponse(Clinical):
    """QuestionnaireResponse."""

    authored: str | None = None
    source: Reference | None = None
    author: Reference | None = None
    item: list[Item] | None = None


class CarePlan(Clinical):
    """CarePlan."""

    category: list[Concept] | None = None
    period: Period | None = None


class PatientLink(Struct, gc=False):
    """Patient.link."""

    other: Reference | None = None
    type: str | None = None


class Patient(Resource):
    """Patient."""

    id: str | None = None
    meta: Meta | None = None
    implicitRules: str | None = None
    modifierExtension: Raw = ABSENT
    identifier: list[Identifier] | None = None
    birthDate: str | None = None
    gender: str | None = None
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None
    link: list[PatientLink] | None = None


class OperationOutcome(Resource):
    """OperationOutcome: a failure where data were asked for."""

    issue: Any = None
