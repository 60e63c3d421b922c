"""Read a file of described patients and what is expected of each of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from cds_service.content import Document, Pointer, read_document
from cds_service.facts import PatientFacts
from cds_service.validate.case_facts import AS_OF, facts_from_case
from tests.fhir_builder import STYLES, Style, resources_of
from tests.fhir_builder.coding import terminology
from tests.fhir_builder.rendering import drafts_of


@dataclass(frozen=True)
class Vignette:
    """One described patient: the places of its parts in the file, and what must come out."""

    name: str
    document: Document
    parts: tuple[Pointer, ...]
    expect: dict[str, Any]
    reason: str = ""
    raw: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    only_patient: bool = False
    later: tuple[str, ...] = field(default=())

    @property
    def as_of(self) -> datetime:
        return AS_OF

    def facts(self) -> PatientFacts:
        return facts_from_case(self.document, self.parts, terminology())

    def resources(self, style: Style) -> list[dict[str, Any]]:
        """The patient as FHIR resources in one style, with the raw resources of the description."""
        resources = resources_of(self.facts(), style, self.reason)
        if self.only_patient:
            return resources[:1]
        return resources + [plain(self.document.data["resources"][name]) for name in self.raw]

    def drafts(self, style: Style) -> list[dict[str, Any]]:
        return drafts_of(self.facts(), style)

    @property
    def hook(self) -> str:
        return self.facts().hook


def plain(value: Any) -> Any:
    """Content as JSON data: a Decimal becomes a float."""
    return json.loads(
        json.dumps(
            value, default=lambda number: float(number) if isinstance(number, Decimal) else str(number)
        )
    )


@cache
def read_file(path: Path) -> Document:
    return read_document(path, path.parent)


def vignettes_of(path: Path) -> Iterator[Vignette]:
    """Yield every vignette that has an expectation, and each of its variants."""
    document = read_file(path)
    for number, row in enumerate(document.data["vignettes"]):
        at: Pointer = ("vignettes", number)
        if "expect" not in row:
            continue
        base = (("normal",),) if row.get("on") == "normal" else ()
        parts: tuple[Pointer, ...] = (*base, (*at, "patient"))
        styles = tuple(row.get("styles", STYLES))
        common = {
            "document": document,
            "styles": styles,
            "only_patient": bool(row.get("only_patient")),
            "later": tuple(row.get("later", ())),
        }
        yield Vignette(
            row["id"],
            parts=parts,
            expect=row["expect"],
            reason=row.get("reason", ""),
            raw=tuple(row.get("raw", ())),
            **common,
        )
        for index, variant in enumerate(row.get("each", ())):
            changed = (*parts, (*at, "each", index, "but")) if "but" in variant else parts
            yield Vignette(
                f"{row['id']}-{index + 2}",
                parts=changed,
                expect=variant["expect"],
                reason=variant.get("reason", row.get("reason", "")),
                raw=tuple(variant.get("raw", row.get("raw", ()))),
                **common,
            )
