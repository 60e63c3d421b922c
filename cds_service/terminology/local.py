"""Everything a site adds to the terminology, from the files its site file names."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cds_service.errors import Issue
from cds_service.terminology.concept_maps import read_concept_map
from cds_service.terminology.expansion_file import add_expansions
from cds_service.terminology.extend import Additions, add_local_codes, extended
from cds_service.terminology.products import add_products
from cds_service.terminology.store import Terminology


@dataclass
class LocalKnowledge:
    """A terminology with what a site added.

    ``counts`` says how many codes each file brought; ``notices`` what of them was refused or is worth
    knowing; ``faults`` stop the start.
    """

    terminology: Terminology
    counts: dict[str, int] = field(default_factory=dict)
    notices: list[Issue] = field(default_factory=list)
    faults: list[Issue] = field(default_factory=list)


def with_local_codes(
    terminology: Terminology,
    concept_maps: tuple[Path, ...] = (),
    products: Path | None = None,
    expansions: Path | None = None,
) -> LocalKnowledge:
    """Return the terminology with the codes of a site added.

    Args:
        terminology: What is published, as it holds at the site.
        concept_maps: FHIR ConceptMap files; an earlier one wins where two map the same code.
        products: Table that ``import-rxnorm`` wrote.
        expansions: File that ``expand`` wrote.
    """
    found = LocalKnowledge(terminology)
    if products is not None:
        more = Additions()
        found.counts[products.name], faults = add_products(products, terminology, more)
        found.faults += faults
        found.terminology = extended(terminology, more)
    if expansions is not None:
        more = Additions()
        found.counts[expansions.name], notices, faults = add_expansions(expansions, terminology, more)
        found.notices += notices
        found.faults += faults
        found.terminology = extended(found.terminology, more)
    for path in concept_maps:
        more = Additions()
        concept_map, unusable = read_concept_map(path)
        added, refused = add_local_codes(concept_map.codes, found.terminology, more)
        found.faults += unusable
        found.notices += [*concept_map.refused, *refused]
        found.counts[path.name] = added
        found.terminology = extended(found.terminology, more)
    return found
