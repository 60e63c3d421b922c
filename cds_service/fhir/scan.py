"""The decoders: one pass over a whole Bundle, or resource by resource; all else is skipped in C.

What does not fit the shapes of ``resources`` is read again resource by resource in ``documents``.
"""

from __future__ import annotations

import functools
import operator
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from cds_service.fhir.datatypes import ABSENT
from cds_service.fhir.resources import (
    AllergyIntolerance,
    CarePlan,
    Condition,
    DiagnosticReport,
    Encounter,
    FamilyMemberHistory,
    Immunization,
    Medication,
    MedicationAdministration,
    MedicationDispense,
    MedicationOrder,
    MedicationRequest,
    MedicationStatement,
    MedicationUsage,
    Observation,
    OperationOutcome,
    Patient,
    Procedure,
    ProcedureRequest,
    QuestionnaireResponse,
    Resource,
    ServiceRequest,
)


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


#: What a decoder raises for text that is no JSON, no UTF-8 or too deep. A part that is skipped is not
#: looked at closely: its bytes may turn out to be no UTF-8 when they are decoded later.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


# A union, because a tagged type alone would be taken for granted where resourceType is missing.
decode_bundle: Final = msgspec.json.Decoder(Bundle | OperationOutcome).decode


decode_resource: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(AnyResource)


decode_raw_bundle: Final = msgspec.json.Decoder(RawBundle).decode


decode_raw_list: Final = msgspec.json.Decoder(list[Raw]).decode


decode_raw_entry: Final = msgspec.json.Decoder(RawEntry).decode
