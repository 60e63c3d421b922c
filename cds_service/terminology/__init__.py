"""Turn codes, words and amounts into the names this product's knowledge is written in.

``load_terminology(root)`` reads the folder ``terminology/`` once into an immutable :class:`Terminology`;
everything asked of it afterwards is a dictionary look-up. ``schema_issues(root)`` checks the files against
their JSON Schemas and belongs to ``validate``, not to start-up.
"""

from cds_service.terminology.amounts import limit_fault
from cds_service.terminology.load import load_terminology
from cds_service.terminology.local import with_local_codes
from cds_service.terminology.model import (
    Analyte,
    AnalyteCode,
    Coding,
    DrugSet,
    Ingredient,
    OrderCode,
    ProductCode,
    Recency,
    Strength,
    TwitchCode,
)
from cds_service.terminology.results import DOUBTFUL, UNUSABLE, ResultWords
from cds_service.terminology.schema import schema_issues
from cds_service.terminology.store import Terminology

__all__ = [
    "DOUBTFUL",
    "UNUSABLE",
    "Analyte",
    "AnalyteCode",
    "Coding",
    "DrugSet",
    "Ingredient",
    "OrderCode",
    "ProductCode",
    "Recency",
    "ResultWords",
    "Strength",
    "Terminology",
    "TwitchCode",
    "limit_fault",
    "load_terminology",
    "schema_issues",
    "with_local_codes",
]
