"""Why no card appears, or a wrong one: a captured call examined, every finding with a fix."""

from cds_service.doctor.examine import Examination, Wishes, examine
from cds_service.doctor.report import SCHEMA, as_data, catalogue_page, counts
from cds_service.doctor.troubles import KINDS, Kind, Severity, Trouble

__all__ = [
    "KINDS",
    "SCHEMA",
    "Examination",
    "Kind",
    "Severity",
    "Trouble",
    "Wishes",
    "as_data",
    "catalogue_page",
    "counts",
    "examine",
]
