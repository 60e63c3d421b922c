"""A bundled patient: who it is, and the rows of the record; made into one FHIR Bundle."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.fhir_builder.packing import bundle_of
from tests.fhir_builder.rows import Resource, Row, instant


@dataclass(frozen=True)
class Person:
    """An invented person; ``key`` is the id of the Patient and begins every other id of the story."""

    key: str
    given: str
    family: str
    sex: str
    born: str
    died: str = ""

    def resource(self) -> Resource:
        """The Patient resource."""
        return {
            "resourceType": "Patient",
            "id": self.key,
            "identifier": [{"system": "https://ehr.example/synthetic-patients", "value": self.key}],
            "active": True,
            "name": [{"use": "official", "family": self.family, "given": self.given.split()}],
            "gender": self.sex,
            "birthDate": self.born,
            **({"deceasedDateTime": instant(self.died)} if self.died else {}),
        }


@dataclass(frozen=True)
class Story:
    """One folder of ``fixtures/patients``: its name, the person, and the record in the order of the chart."""

    name: str
    person: Person
    rows: tuple[Row | list[Row], ...] = ()

    def bundle(self) -> dict[str, Any]:
        """The whole record as a Bundle of type collection."""
        rows = list(_flat(self.rows))
        visits = _visits(self.person.key, rows)
        named = zip(rows, _ids(self.person.key, rows), strict=True)
        return bundle_of([self.person.resource(), *(self._placed(row, name, visits) for row, name in named)])

    def _placed(self, row: Row, name: str, visits: list[tuple[str, dict[str, str]]]) -> Resource:
        resource = row.resource
        me = {"reference": f"Patient/{self.person.key}"}
        where = "patient" if resource["resourceType"] in _OF_PATIENT else "subject"
        head = {"resourceType": resource["resourceType"], "id": name}
        link = _visit_at(row.when, visits) if resource["resourceType"] in _IN_A_VISIT else None
        rest = {key: value for key, value in resource.items() if key != "resourceType"}
        return head | rest | {where: me} | ({"encounter": {"reference": f"Encounter/{link}"}} if link else {})


_OF_PATIENT = {"FamilyMemberHistory", "AllergyIntolerance", "Immunization"}
_IN_A_VISIT = {"Condition", "Observation", "MedicationRequest", "Procedure", "QuestionnaireResponse"}


def _flat(rows: Iterable[Row | list[Row]]) -> Iterable[Row]:
    for row in rows:
        yield from row if isinstance(row, list) else [row]


def _ids(key: str, rows: list[Row]) -> Iterable[str]:
    used: Counter[tuple[str, str]] = Counter()
    for row in rows:
        used[row.resource["resourceType"], row.slug] += 1
        number = used[row.resource["resourceType"], row.slug]
        yield f"{key}-{row.slug}" + (f"-{number}" if number > 1 else "")


def _visits(key: str, rows: list[Row]) -> list[tuple[str, dict[str, str]]]:
    named = zip(rows, _ids(key, rows), strict=True)
    return [
        (name, row.resource["period"]) for row, name in named if row.resource["resourceType"] == "Encounter"
    ]


def _visit_at(when: str, visits: list[tuple[str, dict[str, str]]]) -> str | None:
    """The visit something belongs to: the one whose time it falls into; a mere date belongs to none."""
    if " " not in when:
        return None
    moment = instant(when)
    found = [name for name, period in visits if period["start"] <= moment <= period.get("end", "9999")]
    return found[-1] if found else None
