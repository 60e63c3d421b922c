"""FHIR JSON to facts: lenient scan, data states, facts; strict second look; draft orders back to FHIR.

``read_bundle`` or ``read_prefetch`` (and ``read_drafts``, ``read_added``) make a ``Record`` of what was sent;
``extract_facts`` makes the facts about one patient of it; ``second_look`` reads again, strictly,
what a card is about to cite.
"""

from cds_service.fhir.documents import read_added, read_bundle, read_drafts
from cds_service.fhir.extract import extract_facts
from cds_service.fhir.faults import CODES
from cds_service.fhir.latest import latest_clinical_date
from cds_service.fhir.orders import draft_service_request, order_concept
from cds_service.fhir.patients import count_patients, split_by_patient
from cds_service.fhir.prefetch import read_prefetch
from cds_service.fhir.records import Record, first_alike
from cds_service.fhir.strict import second_look

__all__ = [
    "CODES",
    "Record",
    "count_patients",
    "draft_service_request",
    "extract_facts",
    "first_alike",
    "latest_clinical_date",
    "order_concept",
    "read_added",
    "read_bundle",
    "read_drafts",
    "read_prefetch",
    "second_look",
    "split_by_patient",
]
