"""Hold FHIR resources by type, and the bundled synthetic patients with the stories they tell.

Resources are kept as they were sent, numbers as decimals: what goes out is what came in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from cds_service.content import content_root
from cds_service.errors import ContentError, Issue

#: A FHIR resource as JSON; only read, never changed.
Resource: TypeAlias = Mapping[str, Any]

#: Resources one record may hold; the rest of a larger one is refused, not cut off.
MOST_RESOURCES = 100_000
_OWNERS = ("subject", "patient")
_JSON = msgspec.json.Decoder(float_hook=Decimal)
_PATIENTS = Path("fixtures") / "patients"


@dataclass(frozen=True, slots=True)
class Stored:
    """One resource of a record and what is known of it beside itself.

    ``updated`` stands for ``meta.lastUpdated`` where the resource has none: the date its story is judged at,
    None in a record that tells no story.
    """

    resource: Resource
    updated: str | None = None

    @property
    def type(self) -> str:
        """The resource type."""
        return str(self.resource["resourceType"])

    @property
    def id(self) -> str:
        """The logical id; empty for a resource without one."""
        found = self.resource.get("id")
        return found if isinstance(found, str) else ""

    @property
    def patient_id(self) -> str:
        """Id of the patient the resource is about, also of a Patient itself; empty when it names none."""
        return self.id if self.type == "Patient" else owner_of(self.resource)


@dataclass(frozen=True, slots=True)
class Expected:
    """A finding a story is expected to come out with, the first one first."""

    rule_id: str
    indicator: str


@dataclass(frozen=True, slots=True)
class Story:
    """A bundled patient: ``name`` is that of the folder, ``sentence`` tells the story.

    ``as_of`` is the instant the story is judged at. ``record`` holds every resource of the Bundle.
    """

    name: str
    title: str
    sentence: str
    as_of: datetime
    patient: Resource
    findings: tuple[Expected, ...]
    record: Records

    @property
    def patient_id(self) -> str:
        """Id of the one Patient of the story."""
        return str(self.patient["id"])


@dataclass(frozen=True, slots=True)
class Records:
    """Resources in the order they came, found by type and by type and id."""

    resources: tuple[Stored, ...]
    _by_type: Mapping[str, tuple[Stored, ...]] = field(default_factory=dict, repr=False, compare=False)
    _by_key: Mapping[tuple[str, str], Stored] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, resources: Iterable[Stored]) -> Records:
        """Return the records of resources; of two with the same type and id the first is found by it."""
        kept = tuple(resources)
        by_type: dict[str, list[Stored]] = defaultdict(list)
        by_key: dict[tuple[str, str], Stored] = {}
        for stored in kept:
            by_type[stored.type].append(stored)
            by_key.setdefault((stored.type, stored.id), stored)
        return cls(kept, {name: tuple(rows) for name, rows in by_type.items()}, by_key)

    @property
    def types(self) -> frozenset[str]:
        """The resource types there are."""
        return frozenset(self._by_type)

    def of_type(self, name: str) -> tuple[Stored, ...]:
        """Return all resources of a type, none for one that is not there."""
        return self._by_type.get(name, ())

    def read(self, resource_type: str, ident: str) -> Stored | None:
        """Return the resource of a type and id; None when there is none."""
        return self._by_key.get((resource_type, ident))


@dataclass(frozen=True, slots=True)
class Library:
    """All bundled stories, by folder name, and their resources together."""

    stories: tuple[Story, ...]
    records: Records

    def of_patient(self, patient_id: str) -> Story | None:
        """Return the story of a patient id; None when no bundled patient has it."""
        return next((story for story in self.stories if story.patient_id == patient_id), None)


def owner_of(resource: Resource) -> str:
    """Return the id of the patient a resource refers to as its subject; empty when it names none."""
    for name in _OWNERS:
        target = resource.get(name)
        reference = target.get("reference") if isinstance(target, Mapping) else None
        if isinstance(reference, str):
            parts = reference.partition("/_history/")[0].split("/")
            if parts[-2:-1] == ["Patient"]:
                return parts[-1]
    return ""


def read_json(data: bytes) -> Any:
    """Return the value of a JSON text, numbers with a point as decimals, as they were written.

    Raises:
        ValueError: Not JSON, or not UTF-8.
    """
    try:
        return _JSON.decode(data)
    except (msgspec.MsgspecError, RecursionError):
        raise ValueError("is no JSON") from None


def read_records(bundle: Any, updated: str | None = None) -> Records:
    """Return the records in a Bundle, a bare list of resources, or one resource; what is none is left out.

    Raises:
        ValueError: There is no resource in it, or there are more than ``MOST_RESOURCES``.
    """
    found = [node for node in _nodes(bundle) if _is_resource(node)]
    if not found:
        raise ValueError("holds no FHIR resource")
    if len(found) > MOST_RESOURCES:
        raise ValueError(f"holds more than {MOST_RESOURCES} resources")
    return Records.of(Stored(node, updated) for node in found)


def _nodes(bundle: Any) -> list[Any]:
    if isinstance(bundle, list):
        return bundle
    if isinstance(bundle, Mapping) and bundle.get("resourceType") == "Bundle":
        entries = bundle.get("entry")
        rows = entries if isinstance(entries, list) else []
        return [row.get("resource") for row in rows if isinstance(row, Mapping)]
    return [bundle]


def _is_resource(node: Any) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get("resourceType"), str)


def load_library(root: Path | None = None) -> Library:
    """Return the bundled stories below ``root`` (None: the bundled knowledge), sorted by folder name.

    A folder without patients gives an empty library. Raises ContentError for a story that cannot be read.
    """
    folder = (root or content_root()) / _PATIENTS
    if not folder.is_dir():
        folder = content_root() / _PATIENTS
    stories = tuple(_story(path.parent) for path in sorted(folder.glob("*/expected.json")))
    return Library(stories, Records.of(row for story in stories for row in story.record.resources))


def _story(folder: Path) -> Story:
    try:
        about, bundle = (_json(folder / name) for name in ("expected.json", "bundle.json"))
        as_of = datetime.fromisoformat(about["asOf"])
        record = read_records(bundle, about["asOf"])
        (patient,) = record.of_type("Patient")
        findings = tuple(Expected(row["ruleId"], row.get("indicator", "")) for row in about["findings"])
        title = about.get("title") or folder.name.replace("-", " ").capitalize()
        return Story(folder.name, title, about["story"], as_of, patient.resource, findings, record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"is no story: {type(error).__name__}."
        remedy = "A story has bundle.json with one Patient, and expected.json with story, asOf and findings."
        raise ContentError(Issue(f"{_PATIENTS.as_posix()}/{folder.name}", "C011", what, remedy)) from None


def _json(path: Path) -> Any:
    return read_json(path.read_bytes())
