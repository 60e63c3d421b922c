"""Write a synthetic cohort of any size: many patients made of few templates, a share of them twitching.

    python -m bench.cohort --out DIR --gigabytes 10 --form export --seed 1 --shuffled

Templates are whole records: Synthea's where the folder of public test data lies beside the project, else
bundled patients without a twitch. Stories are the bundled patients: some patients get one. Every patient
has ids of his own, his dates moved, his laboratory values drawn anew. The same seed writes the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal

ROOT: Final = Path(__file__).resolve().parents[1]
SYNTHEA: Final = ROOT.parent / "shared" / "fhir-data" / "synthea-2019-bundles"
FORMS: Final = ("export", "bundles", "lines")
Form = Literal["export", "bundles", "lines"]

#: The day on which the bundled patients are seen; every record ends shortly before it.
TODAY: Final = date(2026, 11, 20)
#: Shares of the patients: who twitches, who takes drugs of somebody who does, whose one value is far off.
_TWITCHING, _ON_DRUGS, _FAR_OFF = 0.15, 0.2, 0.04
_LATEST_DAYS: Final = (1, 400)
_FILE_BYTES: Final = 512_000_000
_FEWEST_FILES: Final = 3
_FOLDER_FILES: Final = 1_000
_SMALLEST_TEMPLATE: Final = 100
_WELL: Final = ("no-twitching", "nothing-known-but-the-patient", "denied-twitching-fast-twitch-fibers")
_SHARED: Final = frozenset(("Organization", "Practitioner", "PractitionerRole", "Location", "Medication"))
_DRUGS: Final = frozenset(("MedicationRequest", "MedicationStatement"))
_DATED: Final = frozenset(("Observation", "Encounter", "Condition", "Procedure", "MedicationRequest"))
#: Types an export of these records tells of even when nobody has any.
_ASKED: Final = frozenset(
    (
        "AllergyIntolerance",
        "CarePlan",
        "Condition",
        "DiagnosticReport",
        "Encounter",
        "FamilyMemberHistory",
        "Immunization",
        "MedicationAdministration",
        "MedicationDispense",
        "MedicationRequest",
        "MedicationStatement",
        "Observation",
        "Patient",
        "Procedure",
        "QuestionnaireResponse",
        "ServiceRequest",
    )
)

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})")
_DAY: Final = re.compile(r"(?:1[89]|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])(?=T|$)")
# Marks that stand where something is put in, from the area no text uses.
_ID, _DATE, _VALUE, _PATIENT = "\ue000", "\ue001", "\ue002", "\ue003"
_SLOT: Final = re.compile(f'({_ID})|({_PATIENT})|{_DATE}([-0-9]{{10}})|"{_VALUE}([^"]*)"')
_DAYS: Final = [date.fromordinal(n).isoformat().encode() for n in range(1, date(2200, 1, 1).toordinal())]
_STEPS: Final = 1 << 32


@dataclass(frozen=True, slots=True)
class Person:
    """What is put into the templates of one patient; ``shift`` in days."""

    prefix: bytes
    reference: bytes
    shift: int
    factor: Callable[[str], float]


class Plan:
    """A text with places to fill: the bytes between them once, and what goes where."""

    def __init__(self, text: str) -> None:
        """Part a marked text."""
        self._fixed: list[bytes] = []
        self._order: list[int] = []
        self._days: dict[int, int] = {}
        self._values: list[tuple[str, float, int]] = []
        self._parts(text)

    def _parts(self, text: str) -> None:
        order: list[tuple[str, int]] = []
        place = 0
        for found in _SLOT.finditer(text):
            order.append(("fixed", len(self._fixed)))
            self._fixed.append(text[place : found.start()].encode())
            place = found.end()
            if found[3]:
                day = date.fromisoformat(found[3]).toordinal()
                order.append(("day", self._days.setdefault(day, len(self._days))))
            elif found[4]:
                code, value, digits = found[4].split("|")
                order.append(("value", len(self._values)))
                self._values.append((code, float(value), int(digits)))
            else:
                order.append(("person", int(bool(found[2]))))
        order.append(("fixed", len(self._fixed)))
        self._fixed.append(text[place:].encode())
        first = {"fixed": 0, "person": len(self._fixed), "day": len(self._fixed) + 2}
        first["value"] = first["day"] + len(self._days)
        self._order = [first[kind] + number for kind, number in order]

    def of(self, person: Person) -> bytes:
        """Return the text of one patient."""
        shift = person.shift - 1
        days = [_DAYS[day + shift] for day in self._days]
        factors = {code: person.factor(code) for code in {code for code, _, _ in self._values}}
        values = [
            b"%.*f" % (digits, value * factors[code] * (1 + (n * 37 + shift) % 64 / 1600))
            for n, (code, value, digits) in enumerate(self._values)
        ]
        every = [*self._fixed, person.prefix, person.reference, *days, *values]
        return b"".join(map(every.__getitem__, self._order))


@dataclass(frozen=True, slots=True)
class Chart:
    """A record: a plan for each type of resource. ``newest`` is its last day, as an ordinal."""

    plans: dict[str, Plan]
    shared: dict[str, str]
    newest: int
    reference: bytes


def chart_of(bundle: dict[str, Any], form: Form, *, is_story: bool) -> Chart:
    """Return a Bundle as a chart; a story leaves out its Patient, for it becomes another's."""
    entries = bundle["entry"]
    own = {entry["resource"]["id"] for entry in entries if entry["resource"]["resourceType"] not in _SHARED}
    patient = next(e["resource"] for e in entries if e["resource"]["resourceType"] == "Patient")
    types = {entry["resource"]["id"]: entry["resource"]["resourceType"] for entry in entries}
    marker = _Marker(own, types, patient["id"] if is_story else "", form)
    texts: dict[str, list[str]] = defaultdict(list)
    shared: dict[str, str] = {}
    newest = 0
    for entry in entries:
        name = entry["resource"]["resourceType"]
        if is_story and name == "Patient":
            continue
        told = entry["resource"] if form == "export" else entry
        text = json.dumps(marker.marked(told), ensure_ascii=False, separators=(",", ":"))
        if name in _SHARED:
            shared[f"{name}/{entry['resource']['id']}"] = text
        else:
            texts[name].append(text)
        if name in _DATED:
            newest = max([newest, *(date.fromisoformat(d).toordinal() for d in _dates(text))])
    joint, end = ("\n", "\n") if form == "export" else (",", "")
    plans = {name: Plan(joint.join(rows) + end) for name, rows in texts.items()}
    is_urn = form != "export" and str(entries[0].get("fullUrl", "")).startswith("urn:uuid:")
    told_id = marker.ident(patient["id"])
    return Chart(plans, shared, newest, f"{'urn:uuid:' if is_urn else 'Patient/'}{told_id}".encode())


def _dates(text: str) -> list[str]:
    return re.findall(f"{_DATE}([-0-9]{{10}})", text)


class _Marker:
    """Puts marks into a record where every patient has something of his own."""

    def __init__(self, own: Collection[str], types: dict[str, str], story_of: str, form: Form) -> None:
        self._own = own
        self._types = types
        self._story_of = story_of
        self._form = form

    def ident(self, ident: str) -> str:
        """Return an id with its mark: a UUID stays one."""
        return _UUID.sub(rf"{_ID}\1", ident) if _UUID.fullmatch(ident) else f"{_ID}-{ident}"

    def marked(self, tree: Any, name: str = "") -> Any:
        """Return a part of a record with marks."""
        if isinstance(tree, dict):
            found = {key: self.marked(value, key) for key, value in tree.items()}
            if tree.get("resourceType") == "Observation" and "valueQuantity" in tree:
                self._mark_value(tree, found)
            return found
        if isinstance(tree, list):
            return [self.marked(value, name) for value in tree]
        return self._text(tree, name) if isinstance(tree, str) else tree

    def _text(self, text: str, name: str) -> str:
        if name == "reference" and self._form == "export" and text.startswith("urn:uuid:"):
            ident = text.removeprefix("urn:uuid:")
            text = f"{self._types[ident]}/{ident}" if ident in self._types else text
        if name == "reference" and self._story_of and text == f"Patient/{self._story_of}":
            return _PATIENT
        if found := _DAY.match(text):
            return f"{_DATE}{text}" if _is_day(found[0]) else text
        if name in ("id", "reference", "fullUrl"):
            head, sep, ident = text.rpartition("/")
            if ident in self._own and not _UUID.fullmatch(ident) and (sep or name == "id"):
                return f"{head}{sep}{self.ident(ident)}"
        return _UUID.sub(lambda m: f"{_ID}{m[1]}" if m[0] in self._own else m[0], text)

    def _mark_value(self, tree: dict[str, Any], found: dict[str, Any]) -> None:
        """Have a laboratory value drawn anew."""
        kinds = {c.get("code") for row in tree.get("category", ()) for c in row.get("coding", ())}
        value = tree["valueQuantity"].get("value")
        codes = tree["code"].get("coding")
        if "laboratory" in kinds and codes and isinstance(value, (int, float)):
            digits = len(str(value).partition(".")[2][:3])
            found["valueQuantity"]["value"] = f"{_VALUE}{codes[0]['code']}|{value}|{digits}"


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class Cohort:
    """Patients by number; the same seed and number give the same patient."""

    def __init__(self, form: Form, seed: int = 1, *, today: date = TODAY, synthea: Path = SYNTHEA) -> None:
        """Read templates and stories."""
        self.form = form
        self.is_synthea = synthea.is_dir()
        self._seed = seed
        self._today = today.toordinal()
        stories = {path.parent.name: json.loads(path.read_bytes()) for path in _stories()}
        hosts = list(_synthea(synthea)) if self.is_synthea else [stories[name] for name in _WELL]
        self._charts = [chart_of(bundle, form, is_story=False) for bundle in hosts]
        self._stories = [chart_of(bundle, form, is_story=True) for _, bundle in sorted(stories.items())]
        self.types = sorted({name for chart in (*self._charts, *self._stories) for name in chart.plans})
        self.shared = {
            key: text for chart in (*self._charts, *self._stories) for key, text in chart.shared.items()
        }

    def texts(self, number: int, types: Collection[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the resources of these types of one patient, a text a type and record they came from."""
        draw = random.Random(f"{self._seed}/{number}")
        chart = draw.choice(self._charts)
        prefix = b"%08x" % ((number * 2_654_435_761 + self._seed * 40_503) % _STEPS)
        reference = chart.reference.replace(_ID.encode(), prefix)
        last = self._today - draw.randint(*_LATEST_DAYS)

        def factor(code: str) -> float:
            chance = zlib.crc32(f"{self._seed}/{number}/{code}".encode()) / _STEPS
            far = _FAR_OFF / 2
            spread = 0.93 + 0.1 * chance
            return spread * (0.6 if chance < far else 1.5 if chance > 1 - far else 1)

        host = Person(prefix, reference, last - chart.newest if chart.newest else 0, factor)
        yield from ((name, plan.of(host)) for name, plan in chart.plans.items() if name in types)
        shift = self._today - TODAY.toordinal() - draw.randint(0, 1)
        is_twitching, is_on_drugs = draw.random() < _TWITCHING, draw.random() < _ON_DRUGS
        for mark, is_so, only in ((b"s", is_twitching, None), (b"d", is_on_drugs, _DRUGS)):
            story = draw.choice(self._stories)
            guest = Person(prefix + mark, reference, shift, factor)
            for name, plan in story.plans.items() if is_so else ():
                if name in types and (only is None or name in only):
                    yield name, plan.of(guest)

    def bundle(self, number: int) -> bytes:
        """Return the Bundle of one patient."""
        rows = [text for _, text in self.texts(number, self.types)]
        chart = random.Random(f"{self._seed}/{number}").choice(self._charts)
        rows += [text.encode() for text in chart.shared.values()]
        return b'{"resourceType":"Bundle","type":"collection","entry":[' + b",".join(rows) + b"]}"

    def lines(self, number: int, name: str) -> bytes:
        """Return the resources of one type of one patient, as lines."""
        return b"".join(text for _, text in self.texts(number, (name,)))

    def mean_bytes(self) -> float:
        """Return how large a patient is, about."""
        sizes = [sum(len(text) for _, text in self.texts(n, self.types)) for n in range(_SMALLEST_TEMPLATE)]
        return sum(sizes) / len(sizes)


def _stories() -> list[Path]:
    return sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json"))


def _synthea(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of patients; the folder holds lists of practitioners, too."""
    for path in sorted(folder.glob("*.json.gz")):
        bundle = json.loads(gzip.decompress(path.read_bytes()))
        if any(entry["resource"]["resourceType"] == "Patient" for entry in bundle["entry"]):
            yield bundle


def write(cohort: Cohort, out: Path, patients: int, *, shuffled: bool = False, files: int = 0) -> int:
    """Write the patients 0 to ``patients`` into a folder; return how many bytes.

    ``shuffled``: each type has the patients in another order, so that nothing of one patient stands together.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = files or max(_FEWEST_FILES, round(patients * cohort.mean_bytes() / _FILE_BYTES))
    if cohort.form == "bundles":
        return _write_bundles(cohort, out, patients)
    if cohort.form == "lines":
        order = _order(cohort, patients, "Bundle", shuffled)
        return _write_lines(out, "Bundle", order, files, lambda number: cohort.bundle(number) + b"\n")
    size = _write_shared(cohort, out)
    for name in cohort.types:
        order = _order(cohort, patients, name, shuffled)
        size += _write_lines(out, name, order, files, lambda number, name=name: cohort.lines(number, name))  # type: ignore[misc]
    for name in _ASKED.difference(cohort.types):
        (out / f"{name}.ndjson").touch()
    return size


def _order(cohort: Cohort, patients: int, name: str, shuffled: bool) -> Sequence[int]:
    if not shuffled:
        return range(patients)
    order = list(range(patients))
    random.Random(f"{cohort.form}/{name}/{patients}").shuffle(order)
    return order


def _write_lines(out: Path, name: str, order: Sequence[int], files: int, text: Callable[[int], bytes]) -> int:
    """Write the lines of a type to numbered files, as many patients each."""
    size = 0
    for number in range(files):
        rows = order[len(order) * number // files : len(order) * (number + 1) // files]
        with (out / f"{name}.{number:03d}.ndjson").open("wb", 1 << 20) as file:
            for patient in rows:
                size += file.write(text(patient))
    return size


def _write_shared(cohort: Cohort, out: Path) -> int:
    texts: dict[str, list[str]] = defaultdict(list)
    for key, text in sorted(cohort.shared.items()):
        texts[key.partition("/")[0]].append(f"{text}\n")
    return sum((out / f"{n}.ndjson").write_bytes("".join(rows).encode()) for n, rows in texts.items())


def _write_bundles(cohort: Cohort, out: Path, patients: int) -> int:
    size = 0
    for number in range(patients):
        folder = out / f"{number // _FOLDER_FILES:04d}"
        folder.mkdir(exist_ok=True)
        size += (folder / f"{number:07d}.json").write_bytes(cohort.bundle(number))
    return size


def patients_for(cohort: Cohort, gigabytes: float) -> int:
    """Return how many patients make so many gigabytes, about."""
    return max(1, round(gigabytes * 1e9 / cohort.mean_bytes()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write a cohort."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    size = parser.add_mutually_exclusive_group(required=True)
    size.add_argument("--gigabytes", type=float)
    size.add_argument("--patients", type=int)
    parser.add_argument("--form", choices=FORMS, default="export")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shuffled", action="store_true", help="patients of each file in another order")
    given = parser.parse_args(arguments)
    cohort = Cohort(given.form, given.seed)
    patients = given.patients or patients_for(cohort, given.gigabytes)
    written = write(cohort, given.out, patients, shuffled=given.shuffled)
    source = "Synthea templates" if cohort.is_synthea else "bundled patients"
    print(f"{patients} patients, {written / 1e6:.1f} MB, from {source}")


if __name__ == "__main__":
    main()
