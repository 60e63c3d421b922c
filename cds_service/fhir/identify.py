"""Which drug a resource means: by code, by reference, by ingredients, last by its name."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import Struct

from cds_service.fhir import vocabulary as words
from cds_service.fhir.datatypes import AnyReason, Concept, Reference
from cds_service.fhir.reading import Reading
from cds_service.fhir.records import Located
from cds_service.fhir.resources import Ingredient, Medication
from cds_service.fhir.sense import Sense
from cds_service.terminology import ProductCode

_MAX_DEPTH: Final = 3
_SEVERAL: Final = re.compile(
    r"/ ?(?!actuat|hour|dose|spray|puff|tablet|capsule)[a-z]{4,}| and | & |\+", re.IGNORECASE
)


class Identified(Struct, frozen=True, gc=False):
    """The drug of one resource: its known ingredients, how it is called, its dose form.

    ``fault`` is F040 or F041 when nothing at all says which drug it is; ``products`` may be empty
    without fault: a drug no rule asks for.
    """

    products: tuple[ProductCode, ...] = ()
    display: str = ""
    form: str = ""
    by_text: bool = False
    fault: str = ""
    senses: tuple[Sense, ...] = ()

    @property
    def is_combination(self) -> bool:
        """Whether the name lists several ingredients ("A 300 MG / B 30 MG"), known to us or not."""
        return _SEVERAL.search(self.display) is not None


def identify(reading: Reading, located: Located) -> Identified:
    """Return the drug a medication resource is about."""
    resource = located[3]
    concept: Concept | None = resource.medicationCodeableConcept
    reference: Reference | None = resource.medicationReference
    other: AnyReason | None = resource.medication
    if other is not None:
        concept = (
            concept
            or other.concept
            or (Concept(other.coding, other.text) if other.coding or other.text else None)
        )
        reference = reference or _as_reference(other)
    if concept is not None and (words.codings(concept) or concept.text):
        found = _of_concept(reading, concept)
        if found.products or reference is None:
            return found
    return _of_reference(reading, reference, located) if reference is not None else Identified(fault="F040")


def _as_reference(other: AnyReason) -> Reference | None:
    if isinstance(other.reference, Reference):
        return other.reference
    return Reference(other.reference, other.display) if other.reference or other.display else None


def _of_concept(reading: Reading, concept: Concept) -> Identified:
    sense = reading.sense(concept)
    if sense.has_drug_conflict:
        return Identified((), sense.display, fault="F044", senses=(sense,))
    products, by_text = sense.drugs
    is_readable = bool(products or sense.texts or sense.has_listed_system)
    return Identified(
        products, sense.display, by_text=by_text, fault="" if is_readable else "F040", senses=(sense,)
    )


def _of_reference(reading: Reading, reference: Reference, holder: Located) -> Identified:
    target = reading.references.find(reference.reference, holder)
    if target is not None and isinstance(target[3], Medication):
        return _of_medication(reading, target, reference.display or "", 0)
    if reference.display:
        found = _of_concept(reading, Concept(text=reference.display))
        return Identified(found.products, found.display, by_text=True, senses=found.senses)
    return Identified(fault="F041")


def _of_medication(reading: Reading, located: Located, display: str, depth: int) -> Identified:
    """Read a Medication: its own code, else the codes of its ingredients."""
    resource: Medication = located[3]
    form = " ".join(words.words_of(resource.form or resource.doseForm))[:200]
    own = _of_concept(reading, resource.code) if resource.code is not None else Identified(fault="F040")
    if own.products:
        return Identified(own.products, own.display or display, form, own.by_text, senses=own.senses)
    parts = [_of_ingredient(reading, item, located, depth) for item in resource.ingredient or ()]
    products = tuple(dict.fromkeys(product for part in parts for product in part.products))
    names = ", ".join(part.display for part in parts if part.display)[:200]
    shown = own.display or display or names
    readable = products or not own.fault or any(not part.fault for part in parts)
    if not readable and display:
        by_name = _of_concept(reading, Concept(text=display))
        return Identified(by_name.products, display, form, True, senses=by_name.senses)
    return Identified(
        products,
        shown,
        form,
        any(part.by_text for part in parts),
        "" if readable else "F040",
        (*own.senses, *(sense for part in parts for sense in part.senses)),
    )


def _of_ingredient(reading: Reading, item: Ingredient, holder: Located, depth: int) -> Identified:
    concept: Any = item.itemCodeableConcept
    reference = item.itemReference
    if item.item is not None:
        concept = concept or item.item.concept
        reference = reference or _as_reference(item.item)
    if concept is not None:
        return _of_concept(reading, concept)
    if reference is None or depth >= _MAX_DEPTH:
        return Identified(fault="F040")
    target = reading.references.find(reference.reference, holder)
    if target is not None and isinstance(target[3], Medication):
        return _of_medication(reading, target, reference.display or "", depth + 1)
    if reference.display:
        return _of_concept(reading, Concept(text=reference.display))
    return Identified(fault="F041")
