"""The pure function of the batch: the bytes of a record go in, rows come out.

It reads no clock and no file, so a worker process and a Spark task give the same rows for the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cds_service.batch.faults import CODES, NOTES
from cds_service.batch.rows import Place, Rows
from cds_service.batch.shuffle.sorting import sort_text
from cds_service.batch.tally import top_indicator
from cds_service.errors import PatientDataError
from cds_service.facts import DataState, SetAside
from cds_service.fhir import Record, count_patients, latest_clinical_date, read_bundle, split_by_patient
from cds_service.fhir.faults import wrong_subject
from cds_service.findings import Verdict
from cds_service.knowledge import Knowledge
from cds_service.review import Review, missing_json, review_patient
from cds_service.text.neutral import exact, neutral

__all__ = ["Reviewer", "joined", "of_broken"]

_SEVERAL_PATIENTS: Final = "F007"
_ENTRY: Final = "/entry/"
#: Things the rules lack that the row of a patient names.
_MOST_MISSING: Final = 12
#: Gives the place of a resource by its JSON pointer, and the pointer that is left inside that place.
_Locate = Callable[[str], tuple[Place, str]]


@dataclass(frozen=True, slots=True)
class Reviewer:
    """How every patient of a run is judged.

    ``as_of`` None is the newest clinical date of each record. ``only`` None judges all rules. ``states``
    tells of resource types what is known of them when a patient has none in a record of lines (a bulk
    export without the file of a type says nothing about it).
    """

    knowledge: Knowledge
    as_of: datetime | None
    only: Collection[str] | None = None
    states: Mapping[str, DataState] = field(default_factory=dict)

    def of_document(self, data: bytes, place: Place) -> Rows:
        """Return the rows of a document that is a record of its own: a Bundle of one or more patients."""
        rows = Rows()
        rows.tally.given["documents"] += 1

        def locate(pointer: str) -> tuple[Place, str]:
            return place, pointer

        record = self._read(data, place, rows)
        if record is None:
            return rows
        rows.tally.given["resources"] += record.entries
        refused = self._of_record(record, place, locate, rows)
        _close(rows, refused, record.entries)
        return rows

    def of_patient(
        self,
        patient: str,
        lines: Iterable[tuple[Place, bytes]],
        shared: Iterable[tuple[Place, bytes]] = (),
        broken: Collection[str] = (),
    ) -> Rows:
        """Return the rows of one patient whose resources stood on lines of their own, in any order.

        ``shared`` are resources of nobody that the patient's refer to; they are counted elsewhere. ``broken``
        are the types of texts of this patient that could not be read: of those more exists than was read.
        """
        rows = Rows()
        places, texts = _ordered(lines)
        lines, shared = list(zip(places, texts, strict=True)), list(shared)
        own = len(places)
        more, more_texts = _ordered(shared)
        places += more
        rows.tally.given["patients"] += 1
        record = self._read(joined((*texts, *more_texts)), places[0], rows, patient)
        if record is None:
            return self._without_worst(patient, lines, shared, broken) or _lost(rows, own)

        def locate(pointer: str) -> tuple[Place, str]:
            index, _, rest = pointer.removeprefix(_ENTRY).partition("/")
            known = pointer.startswith(_ENTRY) and index.isdigit()
            return (places[int(index)], rest.removeprefix("resource")) if known else (places[0], pointer)

        record = replace(record, patient_id=patient.removeprefix("Patient/"))
        states = {**self.states, **dict.fromkeys(broken, DataState.INCOMPLETE)}
        record = _of_export(record, states)
        refused: set[str] = set()
        self._of_one(record, places[0], locate, rows, refused, patient)
        lost = sum(int(place.rpartition("/")[2]) < own for place in refused)
        is_lost = not rows.tally.reviewed["patients"]
        rows.tally.quarantined["resources"] += own if is_lost else lost
        rows.tally.reviewed["resources"] += 0 if is_lost else own - lost
        return rows

    def _without_worst(
        self,
        patient: str,
        lines: Sequence[tuple[Place, bytes]],
        shared: Sequence[tuple[Place, bytes]],
        broken: Collection[str],
    ) -> Rows | None:
        """Return the rows of a patient without the texts nobody can read; None where each can be read."""
        faults = [(place, text, error) for place, text in lines if (error := _fault_of(text)) is not None]
        usable = [row for row in shared if _fault_of(row[1]) is None]
        if not faults and len(usable) == len(shared):
            return None
        worst = {(place, text) for place, text, _ in faults}
        rest = [line for line in lines if line not in worst]
        sorts = [sort_text(text) for _, text, _ in faults]
        gaps = {*broken, *(sort.type_name for sort in sorts)}
        found = (
            self.of_patient(patient, rest, usable, sorted(gaps))
            if rest
            else of_broken(patient, [faults[0][0]])
        )
        for (place, _, error), sort in zip(faults, sorts, strict=True):
            _refuse(found, error, place, "resource", patient, sort.reference)
        return found

    def _read(self, data: bytes, place: Place, rows: Rows, patient: str = "") -> Record | None:
        """Return the record, or None when it cannot be read: then a row says so."""
        scope = "patient" if patient else "document"
        try:
            return read_bundle(data, where=place.file)
        except PatientDataError as error:
            _refuse(rows, error, place, scope, patient)
        except Exception as error:
            _broke(rows, error, place, scope, patient)
        return None

    def _of_record(self, record: Record, place: Place, locate: _Locate, rows: Rows) -> set[str]:
        """Add the rows of all patients of a record; return the places of what was not used."""
        refused: set[str] = set()
        count = count_patients(record)
        if not count:
            _add_nobody(rows, record, place)
            return refused
        if count == 1:
            rows.tally.given["patients"] += 1
            self._of_one(record, place, locate, rows, refused)
            return refused
        parts, nobody = split_by_patient(record)
        for aside in (*record.set_aside, *nobody):
            _add_aside(rows, aside, locate, refused)
        rows.tally.given["patients"] += len(parts)
        for part in parts:
            self._of_one(part, place, locate, rows, refused, _reference(part))
        return refused

    def _of_one(
        self,
        record: Record,
        place: Place,
        locate: _Locate,
        rows: Rows,
        refused: set[str],
        patient: str = "",
    ) -> None:
        """Add the rows of one patient."""
        try:
            as_of = self.as_of or latest_clinical_date(record)
            if as_of is None:
                message = f"{CODES['B029'][0]} {CODES['B029'][1]}"
                who = exact(patient or _only(record))
                rows.set_aside(place, "B029", message, scope="patient", patient=who)
                rows.tally.quarantined["patients"] += 1
                return
            review = review_patient(record, self.knowledge, as_of=as_of, only=self.only, with_cards=False)
            made = _rows_of(review, place, locate, refused)
        except PatientDataError as error:
            _refuse(rows, error, place, "patient", patient or _only(record))
            return
        except Exception as error:
            _broke(rows, error, place, "patient", patient or _only(record))
            return
        rows.add(made)


def of_broken(patient: str, places: Iterable[Place]) -> Rows:
    """Return the rows of a patient of whom no text can be read."""
    rows = Rows()
    rows.tally.given["patients"] += 1
    rows.tally.quarantined["patients"] += 1
    place = min(places, key=lambda place: place.key)
    rows.set_aside(place, "B034", " ".join(CODES["B034"]), scope="patient", patient=exact(patient))
    return rows


def _lost(rows: Rows, own: int) -> Rows:
    """Count the resources of a patient that could not be read as a whole."""
    rows.tally.quarantined["resources"] += own
    return rows


def _fault_of(text: bytes) -> PatientDataError | None:
    """Return why a single resource cannot be read; None when it can."""
    try:
        read_bundle(text)
    except PatientDataError as error:
        return error
    return None


def joined(texts: Iterable[bytes]) -> bytes:
    """Return resources as one Bundle; entry n is text n."""
    entries = b'},\n{"resource":'.join(texts)
    return b'{"resourceType":"Bundle","type":"collection","entry":[{"resource":' + entries + b"}]}"


def _reference(part: Record) -> str:
    """Return how the patient of a part of a record is told."""
    ident = part.patient_id or ""
    return ident if ident.startswith("urn:") else f"Patient/{ident}"


def _only(record: Record) -> str:
    """Return how the patient of a record of one is told."""
    parts, _ = split_by_patient(record)
    return _reference(parts[0]) if parts else ""


def _add_nobody(rows: Rows, record: Record, place: Place) -> None:
    """Add the row of a document that names no patient, or holds nothing a patient could have."""
    is_plain = not record.groups and not record.set_aside and record.default_state is DataState.NONE_FOUND
    if is_plain and record.entries:
        rows.set_aside(place, "B036", " ".join(CODES["B036"]), scope="document")
        rows.tally.quarantined["documents"] += 1
    else:
        _refuse(rows, wrong_subject("F006", place.file), place, "document", "")


def _ordered(lines: Iterable[tuple[Place, bytes]]) -> tuple[list[Place], list[bytes]]:
    """Return places and texts in one order, whatever order they came in."""
    ordered = sorted(lines, key=lambda row: (row[0].key, row[1]))
    return [place for place, _ in ordered], [text for _, text in ordered]


def _of_export(record: Record, states: Mapping[str, DataState]) -> Record:
    """Return the record with what an export of many patients leaves open."""
    gaps = {name: state for name, state in states.items() if state is DataState.INCOMPLETE}
    if record.default_state is not DataState.NONE_FOUND:  # something nobody could tell the type of is lost
        return replace(record, states={**record.states, **gaps})
    known = {**states, **record.states}
    return replace(record, states={**known, **gaps}, default_state=DataState.NOT_SENT)


def _rows_of(review: Review, place: Place, locate: _Locate, refused: set[str]) -> Rows:
    """Return the rows of a reviewed patient."""
    rows = Rows()
    facts = review.facts
    patient = exact(facts.patient)
    findings = [_finding_row(row, patient, place, review, locate) for row in review.told_findings()]
    rows.found(patient, place, findings)
    for aside in facts.set_aside:
        _add_aside(rows, aside, locate, refused, patient)
    top = next((f.rule_id for f in review.findings if f.rank == 1 and not f.folded_into), "")
    rows.reviewed(
        patient,
        place,
        {
            "patient": patient,
            **place.members,
            "asOf": facts.as_of.isoformat(timespec="seconds"),
            "counts": review.counts,
            **({"indicator": top_indicator(review), "topFinding": top} if top else {}),
            "findings": len(findings),
            "setAside": len(facts.set_aside),
            "states": {kind: facts.states[kind].value for kind in sorted(facts.states)},
            **({"missing": missing} if (missing := _missing(review)) else {}),
            **({"outside": review.triaged.outside} if review.triaged.outside else {}),
        },
    )
    rows.tally.count(review)
    return rows


def _missing(review: Review) -> list[dict[str, Any]]:
    """Return what the rules lack that could not tell: what most of them ask for first, and how many do."""
    rules = Counter([gap for f in review.findings if f.verdict is Verdict.UNKNOWN for gap in f.missing])
    most = sorted(rules.items(), key=lambda row: (-row[1], row[0]))[:_MOST_MISSING]
    return [{**missing_json(gap), "rules": count} for gap, count in most]


def _finding_row(
    row: Mapping[str, Any], patient: str, place: Place, review: Review, locate: _Locate
) -> dict[str, Any]:
    """Return the row of a finding: whose it is, where it stands, and the finding as an answer tells it."""
    finding = next(f for f in review.findings if f.rule_id == row["ruleId"])
    evidence = []
    for told, known in zip(row["evidence"], finding.evidence, strict=True):
        if known.source is not None and known.source.pointer:
            at, pointer = locate(known.source.pointer)
            told = {**told, **at.members, "pointer": pointer} if pointer else {**told, **at.members}
        evidence.append(told)
    return {"patient": patient, **place.members, **row, "evidence": evidence}


def _add_aside(rows: Rows, aside: SetAside, locate: _Locate, refused: set[str], patient: str = "") -> None:
    """Add the row of a resource, or part of one, that was not used."""
    place, pointer = locate(aside.source.pointer)
    is_note = aside.code in NOTES
    if aside.source.pointer.startswith(_ENTRY) and not is_note:
        refused.add("/".join(aside.source.pointer.split("/")[:3]))
    rows.set_aside(
        place,
        aside.code,
        _message(aside.reason),
        scope="note" if is_note else "resource",
        pointer=exact(pointer + aside.part),
        patient=patient,
        resource=exact(aside.source.reference),
    )


@lru_cache(maxsize=1024)
def _message(reason: str) -> str:
    """Return a reason as it is told: they are few, and every patient has some."""
    return neutral(reason)


def _refuse(
    rows: Rows, error: PatientDataError, place: Place, scope: str, patient: str, resource: str = ""
) -> None:
    issue = error.issues[0]
    message = f"{issue.what} {issue.remedy}".strip()
    rows.set_aside(place, issue.code, message, scope=scope, patient=exact(patient), resource=exact(resource))
    rows.tally.quarantined[f"{scope}s"] += 1


def _broke(rows: Rows, error: Exception, place: Place, scope: str, patient: str) -> None:
    """Add the row of a defect of ours; only its kind is told, its words may hold the record's."""
    what, remedy = CODES["B028"]
    message = f"{what[:-1]} ({type(error).__name__}). {remedy}"
    rows.set_aside(place, "B028", message, scope=scope, patient=exact(patient))
    rows.tally.quarantined[f"{scope}s"] += 1
    rows.tally.quarantined["defects"] += 1


def _close(rows: Rows, refused: set[str], entries: int) -> None:
    """Count what became of a document and of its resources."""
    tally = rows.tally
    is_lost = not tally.reviewed["patients"]
    tally.quarantined["resources"] += entries if is_lost else len(refused)
    tally.reviewed["resources"] += 0 if is_lost else entries - len(refused)
    tally.reviewed["documents"] += not is_lost
    tally.quarantined["documents"] = int(is_lost)
