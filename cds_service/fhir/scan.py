"""The shapes of FHIR resources, naming only the fields the facts need (R4, and plain DSTU2, STU3, R5).

msgspec decodes these in one pass and skips everything else in C. Types are as wide as real data
are (one object where a list belongs, a word where a concept belongs); what still does not fit is
read again resource by resource in ``records``. Numbers stay raw text: see ``numbers``.
"""

from __future__ import annotations

import functools
import operator
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, field

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
    dosageInstruction: list[Dosage] | Dosage | None = None
    dispenseRequest: DispenseRequest | None = None
    priorPrescription: Reference | None = None


class MedicationOrder(_Drug):
    """MedicationOrder (DSTU2)."""

    dateWritten: str | None = None
    dateEnded: str | None = None
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


class Search(Struct, gc=False):
    """Bundle.entry.search."""

    mode: str | None = None


class Link(Struct, gc=False):
    """Bundle.link."""

    relation: str | None = None


_OTHER_NAMES: Final = """
Account ActivityDefinition ActorDefinition AdministrableProductDefinition AdverseEvent Appointment
AppointmentResponse ArtifactAssessment AuditEvent Basic Binary BiologicallyDerivedProduct
BiologicallyDerivedProductDispense BodySite BodyStructure CapabilityStatement CareTeam CatalogEntry
ChargeItem ChargeItemDefinition Citation Claim ClaimResponse ClinicalImpression ClinicalUseDefinition
CodeSystem Communication CommunicationRequest CompartmentDefinition Composition ConceptMap
ConditionDefinition Consent Conformance Contract Coverage CoverageEligibilityRequest
CoverageEligibilityResponse DataElement DetectedIssue Device DeviceAssociation DeviceComponent
DeviceDefinition DeviceDispense DeviceMetric DeviceRequest DeviceUsage DeviceUseRequest DeviceUseStatement
DiagnosticOrder DocumentManifest DocumentReference EffectEvidenceSynthesis EligibilityRequest
EligibilityResponse EncounterHistory Endpoint EnrollmentRequest EnrollmentResponse EpisodeOfCare
EventDefinition Evidence EvidenceReport EvidenceVariable ExampleScenario ExpansionProfile
ExplanationOfBenefit Flag FormularyItem GenomicStudy Goal GraphDefinition Group GuidanceResponse
HealthcareService ImagingManifest ImagingObjectSelection ImagingSelection ImagingStudy
ImmunizationEvaluation ImmunizationRecommendation ImplementationGuide Ingredient InsurancePlan InventoryItem
InventoryReport Invoice Library Linkage List Location ManufacturedItemDefinition Measure MeasureReport Media
MedicationKnowledge MedicinalProduct MedicinalProductAuthorization MedicinalProductContraindication
MedicinalProductDefinition MedicinalProductIndication MedicinalProductIngredient MedicinalProductInteraction
MedicinalProductManufactured MedicinalProductPackaged MedicinalProductPharmaceutical
MedicinalProductUndesirableEffect MessageDefinition MessageHeader MolecularSequence NamingSystem
NutritionIntake NutritionOrder NutritionProduct ObservationDefinition OperationDefinition Order
OrderResponse Organization OrganizationAffiliation PackagedProductDefinition Parameters PaymentNotice
PaymentReconciliation Permission Person PlanDefinition Practitioner PractitionerRole ProcessRequest
ProcessResponse Provenance Questionnaire ReferralRequest RegulatedAuthorization RelatedPerson RequestGroup
RequestOrchestration Requirements ResearchDefinition ResearchElementDefinition ResearchStudy ResearchSubject
RiskAssessment RiskEvidenceSynthesis Schedule SearchParameter Sequence ServiceDefinition Slot Specimen
SpecimenDefinition StructureDefinition StructureMap Subscription SubscriptionStatus SubscriptionTopic
Substance SubstanceDefinition SubstanceNucleicAcid SubstancePolymer SubstanceProtein
SubstanceReferenceInformation SubstanceSourceMaterial SubstanceSpecification SupplyDelivery SupplyRequest
Task TerminologyCapabilities TestPlan TestReport TestScript Transport ValueSet VerificationResult
VisionPrescription
"""
_OTHER: Final = tuple(_OTHER_NAMES.split())

#: The resource types the facts are read from.
READ: Final[tuple[type[Resource], ...]] = (
    Patient,
    Encounter,
    Condition,
    Observation,
    MedicationRequest,
    MedicationOrder,
    MedicationStatement,
    MedicationUsage,
    MedicationAdministration,
    MedicationDispense,
    Medication,
    Procedure,
    Immunization,
    DiagnosticReport,
    FamilyMemberHistory,
    AllergyIntolerance,
    ServiceRequest,
    ProcedureRequest,
    QuestionnaireResponse,
    CarePlan,
    OperationOutcome,
)

#: Types that are FHIR but feed no fact: decoded as empty objects, skipped in C.
SKIPPED: Final[tuple[type[Struct], ...]] = tuple(
    msgspec.defstruct(
        name,
        [],
        bases=(Resource,),
        namespace={"__doc__": f"{name}, not read."},
        gc=False,
        tag_field="resourceType",
        tag=name,
    )
    for name in _OTHER
)

READ_BY_NAME: Final = {kind.__name__: kind for kind in READ}
SKIPPED_NAMES: Final = frozenset(_OTHER)

AnyResource: Any = functools.reduce(operator.or_, READ + SKIPPED)


class Entry(Struct, gc=False):
    """Bundle.entry with its resource decoded."""

    resource: AnyResource | None = None
    fullUrl: str | None = None
    search: Search | None = None


class Bundle(Struct, gc=False, tag_field="resourceType", tag="Bundle"):
    """Bundle with its resources decoded."""

    type: str | None = None
    total: Raw = ABSENT
    link: list[Link] | None = None
    entry: list[Entry] | None = None


class RawEntry(Struct, gc=False):
    """Bundle.entry with its resource left as JSON text."""

    resource: Raw = ABSENT
    fullUrl: Any = None
    search: Any = None


class RawBundle(Struct, gc=False):
    """Any JSON object that may be a Bundle; nothing in it is trusted."""

    resourceType: Any = None
    type: Any = None
    total: Raw = ABSENT
    link: Any = None
    entry: Raw = ABSENT


# A union, because a tagged type alone would be taken for granted where resourceType is missing.
decode_bundle: Final = msgspec.json.Decoder(Bundle | OperationOutcome).decode
decode_resource: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(AnyResource)
decode_raw_bundle: Final = msgspec.json.Decoder(RawBundle).decode
decode_raw_list: Final = msgspec.json.Decoder(list[Raw]).decode
decode_raw_entry: Final = msgspec.json.Decoder(RawEntry).decode
