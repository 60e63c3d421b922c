"""Synthetic patients as FHIR R4: short descriptions in the case language, rendered in a chosen coding style.

``facts_of_case`` reads a description (docs/rule-language.md part 3), ``resources_of`` renders the facts as
FHIR resources, ``bundle_of`` and ``request_of`` pack them. No code is typed here: all of them are looked up
in the terminology, and what has no code there is written in words.
"""

from tests.fhir_builder.packing import bundle_of, prefetch_of, request_of
from tests.fhir_builder.rendering import resources_of
from tests.fhir_builder.styles import STYLES, Style

__all__ = ["STYLES", "Style", "bundle_of", "prefetch_of", "request_of", "resources_of"]
