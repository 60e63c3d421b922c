"""The rows of patients.ndjson, findings.ndjson and quarantine.ndjson as typed objects, read one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

#: Bytes read at a time; a row is far shorter.
_BLOCK: Final = 1 << 20


class EvidenceRow(msgspec.Struct, rename="camel", frozen=True):
    """One fact a finding rests on. ``value`` is exact; absent members are None or empty."""

    text: str = ""
    source: str = ""
    mapped_from: str = ""
    value: Decimal | None = None
    unit: str = ""
    effective: str = ""
    file: str = ""
    line: int | None = None
    pointer: str = ""


class MissingRow(msgspec.Struct, frozen=True):
    """One thing that was not known where a criterion asked for it; ``reason`` as in ``findings.Missing``.

    ``rules`` is how many rules of a patient could not tell without it; 0 in the row of a finding.
    """

    kind: str = ""
    name: str = ""
    reason: str = ""
    detail: str = ""
    rules: int = 0


class _OfPatient(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """A row about a patient in one document. ``line`` is None where the document is a file of its own."""

    patient: str
    file: str = ""
    line: int | None = None

    @property
    def place(self) -> tuple[str, str, int | None]:
        """Whose it is and where the record stands: the same for a patient and all that was found."""
        return self.patient, self.file, self.line


class FindingRow(_OfPatient, frozen=True, kw_only=True):
    """One matched finding. ``rank`` is None where it stands on no card."""

    rule_id: str
    cause: str = ""
    branch: str = ""
    rank: int | None = None
    role: str = ""
    strength: str = ""
    indicator: str = ""
    summary: str = ""
    evidence: tuple[EvidenceRow, ...] = ()
    missing: tuple[MissingRow, ...] = ()
    folded_into: str = ""
    gave_way_to: str = ""
    held: str = ""
    shown_on: str = ""
    stale: str = ""
    unproposed: str = ""


class PatientRow(_OfPatient, frozen=True, kw_only=True):
    """One reviewed patient: counts of rules by answer, states by kind of data.

    ``documents`` is the number of documents that name this patient, each with a row of its own. ``missing``
    is what rules lack that could not tell, what most of them ask for first.
    """

    as_of: str
    counts: dict[str, int] = {}
    states: dict[str, str] = {}
    outside: str = ""
    documents: int = 1
    missing: tuple[MissingRow, ...] = ()


class QuarantinedRow(msgspec.Struct, frozen=True):
    """One thing that could not be used. ``scope`` is file, document, patient or resource."""

    file: str = ""
    line: int | None = None
    pointer: str = ""
    patient: str = ""
    resource: str = ""
    code: str = ""
    message: str = ""
    scope: str = ""


def rows_of(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the rows of a finished file in its order, in constant memory.

    Raises:
        msgspec.DecodeError: the file was not written by this product.
    """
    decode = msgspec.json.Decoder(kind).decode
    with path.open("rb", buffering=_BLOCK) as lines:
        for line in lines:
            yield decode(line)
