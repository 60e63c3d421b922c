"""Render the facts of a description as FHIR R4 resources in one coding style."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from cds_service.facts import DrugUse, Event, Measurement, Moment, PatientFacts, Twitch
from tests.fhir_builder import coding as codes
from tests.fhir_builder.styles import Style

Resource = dict[str, Any]

_HL7 = "http://terminology.hl7.org/CodeSystem"
_CLASSES = {"outpatient": "AMB", "inpatient": "IMP", "emergency": "EMER"}
_FLAGS = {
    ("low", False): "L",
    ("low", True): "LL",
    ("high", False): "H",
    ("high", True): "HH",
    ("normal", False): "N",
}
_CATEGORIES = {"lab": "laboratory", "vital": "vital-signs", "survey": "survey"}
_TRAITS = {
    ("suppressible", True): "can be suppressed",
    ("suppressible", False): "cannot be suppressed",
    ("sleep-persistent", True): "continues during sleep",
    ("sleep-persistent", False): "stops during sleep",
    ("rhythmic", True): "rhythmic",
    ("rhythmic", False): "irregular",
    ("tongue-involved", True): "with tongue involvement",
    ("tongue-involved", False): "sparing the tongue",
}


def resources_of(facts: PatientFacts, style: Style, reason: str = "") -> list[Resource]:
    """The resources of one patient; ``reason`` is a further reason of the current visit, in words."""
    pen = _Pen(facts, style)
    resources = [pen.patient(), pen.encounter([*pen.twitch_reason(), *([reason] if reason else [])])]
    resources += pen.twitch_problem()
    for rows in facts.numbers.values():
        resources += [pen.result(row) for row in rows]
    for uses in facts.drugs.values():
        resources += [pen.drug(use) for use in uses if not use.draft]
    for event in _said_once(facts):
        resources += pen.event(event)
    return resources


def drafts_of(facts: PatientFacts, style: Style) -> list[Resource]:
    """The draft orders of a description, as ``context.draftOrders`` holds them."""
    pen = _Pen(facts, style)
    return [pen.draft(use) for uses in facts.drugs.values() for use in uses if use.draft]


def _said_once(facts: PatientFacts) -> Iterator[Event]:
    """Yield every described event under the name the description gave it, without the sets above it."""
    by_source: dict[tuple[str, str], list[Event]] = {}
    for kind, names in sorted(facts.events.items()):
        for events in names.values():
            for event in events:
                by_source.setdefault((kind, event.source.reference), []).append(event)
    for (kind, _), events in sorted(by_source.items()):
        named = {event.name for event in events}
        yield from (
            event for event in events if kind != "encounter" and named <= codes.meant(kind, event.name)
        )


class _Pen:
    """Writes resources about one patient in one style."""

    def __init__(self, facts: PatientFacts, style: Style) -> None:
        self.facts, self.style = facts, style
        self.me = {"reference": "Patient/example"}

    def patient(self) -> Resource:
        facts = self.facts
        birth = {"birthDate": facts.birth_date.isoformat()} if facts.birth_date else {}
        dead = {"deceasedBoolean": True} if facts.outside == "deceased" else {}
        sex = {"gender": facts.sex} if facts.sex else {}
        return {"resourceType": "Patient", "id": "example", **sex, **birth, **dead}

    def encounter(self, reasons: list[str]) -> Resource:
        facts = self.facts
        names = sorted(set(facts.events.get("encounter", {})) - set(_CLASSES))
        visit: Resource = {
            "resourceType": "Encounter",
            "id": "visit",
            "status": "in-progress",
            "class": {"system": f"{_HL7}/v3-ActCode", "code": _CLASSES[facts.encounter.setting]},
            "subject": self.me,
        }
        if names:
            visit["type"] = [codes.concept("encounter", name, self.style.problems) for name in names]
        if facts.encounter.start:
            visit["period"] = {"start": _instant(facts.encounter.start)}
        if reasons:
            visit["reasonCode"] = [{"text": text} for text in reasons]
        return visit

    # ------------------------------------------------------------------------- the twitch

    def twitch_reason(self) -> list[str]:
        """The twitch as reason of the visit; only where words can carry its onset."""
        twitch = self.facts.twitch
        return [_twitch_words(twitch, self._days(twitch.onset))] if twitch and self._is_reason(twitch) else []

    def _is_reason(self, twitch: Twitch) -> bool:
        whole = twitch.onset is None or (self.facts.now - twitch.onset.earliest) % 86_400 == 0
        fresh = twitch.first_recorded is None or self.facts.now - twitch.first_recorded.earliest <= 86_400
        return self.style.twitch == "reason" and whole and fresh

    def _days(self, onset: Moment | None) -> int | None:
        return None if onset is None else (self.facts.now - onset.earliest) // 86_400

    def twitch_problem(self) -> list[Resource]:
        twitch = self.facts.twitch
        if twitch is None or self._is_reason(twitch):
            return []
        concept: Resource = {"text": _twitch_words(twitch, None)}
        if twitch.level == 3 and self.style.problems != "text":
            concept["coding"] = [_twitch_coding(self.style.problems)]
        first, last = twitch.first_recorded, twitch.last_recorded
        moments = [first] if first == last else [first, last]
        return [
            self._condition(f"twitch-{number}", concept, onset=twitch.onset, recorded=recorded)
            for number, recorded in enumerate(moments, start=1)
        ]

    # ------------------------------------------------------------------------- results

    def result(self, row: Measurement) -> Resource:
        analyte = codes.terminology().analytes[row.name]
        unit = codes.unit_for(row.name, self.style.units)
        way = self.style.tests if analyte.kind == "lab" else "loinc"
        observation: Resource = {
            "resourceType": "Observation",
            "id": row.source.reference.partition("/")[2],
            "status": "preliminary" if row.preliminary else "final",
            "category": [
                {"coding": [{"system": f"{_HL7}/observation-category", "code": _CATEGORIES[analyte.kind]}]}
            ],
            "code": codes.analyte_concept(row.name, way, unit, point_of_care=row.point_of_care),
            "subject": self.me,
            "effectiveDateTime": self._time(row.moment),
            **self._value(row, unit),
        }
        if row.sample_doubtful:
            observation["note"] = [{"text": "Hemolyzed sample"}]
        return observation

    def _value(self, row: Measurement, unit: str) -> Resource:
        factor = codes.terminology().analytes[row.name].factors[unit]

        def quantity(value: Decimal) -> Resource:
            shown = value if factor.times == 1 else round((value - factor.plus) / factor.times, 2)
            ucum = codes.terminology().units.ucum[unit]
            return {
                "value": _number(shown),
                "unit": unit,
                "system": "http://unitsofmeasure.org",
                "code": ucum,
            }

        found: Resource = {}
        if row.value is not None:
            found["valueQuantity"] = quantity(row.value) | (
                {"comparator": row.comparator} if row.comparator else {}
            )
        limits = {
            name: quantity(limit)
            for name, limit in (("low", row.low), ("high", row.high))
            if limit is not None
        }
        if limits:
            found["referenceRange"] = [limits]
        flag = "AA" if row.marked and row.direction is None else _FLAGS.get((row.direction or "", row.marked))
        if flag:
            found["interpretation"] = [
                {"coding": [{"system": f"{_HL7}/v3-ObservationInterpretation", "code": flag}]}
            ]
        return found

    # ------------------------------------------------------------------------- drugs

    def drug(self, use: DrugUse) -> Resource:
        concept, tablet = codes.drug_concept(use, "text" if use.by_text else self.style.drugs)
        kind = "MedicationAdministration" if use.administered else self.style.drug_type
        head = {
            "resourceType": kind,
            "id": f"{use.ingredient}-{use.source.reference.partition('/')[2]}",
            "medicationCodeableConcept": concept,
            "subject": self.me,
        }
        dosage = self._dosage(use, tablet)
        if kind == "MedicationAdministration":
            route = {"dosage": {"route": dosage["route"]}} if "route" in dosage else {}
            return head | {"status": "completed", "effectiveDateTime": self._time(use.start)} | route
        period = self._period(use)
        if kind == "MedicationStatement":
            told = {"effectivePeriod": period} if period else {}
            return (
                head
                | {"status": "active" if use.active else "stopped"}
                | told
                | ({"dosage": [dosage]} if dosage else {})
            )
        written = {"authoredOn": self._time(use.start)} if use.start else {}
        if not use.active:
            dosage = dosage | {
                "timing": {"repeat": dosage.get("timing", {}).get("repeat", {}) | {"boundsPeriod": period}}
            }
        return (
            head
            | {"status": "active" if use.active else "stopped", "intent": "order"}
            | written
            | ({"dosageInstruction": [dosage]} if dosage else {})
        )

    def draft(self, use: DrugUse) -> Resource:
        if not codes.is_drug(use.ingredient):
            return {
                "resourceType": "ServiceRequest",
                "id": f"draft-{use.ingredient}",
                "status": "draft",
                "intent": "order",
                "code": codes.order_concept(use.ingredient),
                "subject": self.me,
            }
        concept, tablet = codes.drug_concept(use, self.style.drugs)
        dosage = self._dosage(use, tablet)
        supply = (
            {
                "dispenseRequest": {
                    "expectedSupplyDuration": {
                        "value": use.planned_days,
                        "unit": "days",
                        "system": "http://unitsofmeasure.org",
                        "code": "d",
                    }
                }
            }
            if use.planned_days
            else {}
        )
        return {
            "resourceType": "MedicationRequest",
            "id": f"draft-{use.ingredient}",
            "status": "stopped" if use.stopping else "draft",
            "intent": "order",
            "medicationCodeableConcept": concept,
            "subject": self.me,
            **({"dosageInstruction": [dosage]} if dosage else {}),
            **({"statusReason": {"text": _reason(use)}} if use.reasons != () else {}),
            **supply,
        }

    def _dosage(self, use: DrugUse, tablet: tuple[str, str] | None) -> Resource:
        dosage: Resource = {"route": {"text": use.route}} if use.route else {}
        if use.dose is None:
            return dosage
        each, unit = (use.dose.amount / Decimal(tablet[0]), "tablet") if tablet else (use.dose.amount, "mg")
        system = {"system": "http://unitsofmeasure.org", "code": "mg"} if unit == "mg" else {}
        dosage["timing"] = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
        dosage["doseAndRate"] = [{"doseQuantity": {"value": _number(each), "unit": unit, **system}}]
        return dosage

    def _period(self, use: DrugUse) -> Resource:
        ends = (("start", use.start), ("end", use.end))
        return {name: self._time(moment) for name, moment in ends if moment}

    # ------------------------------------------------------------------------- events

    def event(self, event: Event) -> list[Resource]:
        writers = {
            "condition": self._problem,
            "symptom": self._finding,
            "procedure": self._procedure,
            "report": self._report,
            "family": self._family,
            "allergy": self._allergy,
        }
        resources = writers[event.kind](
            event, codes.concept(event.kind, event.name, "text" if event.by_text else self.style.problems)
        )
        return resources if isinstance(resources, list) else [resources]

    def _problem(self, event: Event, concept: Resource) -> Resource:
        if event.side:
            concept = concept | {
                "text": f"{concept.get('text') or concept['coding'][0]['display']}, {_side(event.side)}"
            }
        status = "resolved" if event.status == "past" else "active"
        return self._condition(
            _id(event),
            concept,
            onset=event.onset,
            recorded=event.moment,
            status=status,
            here=event.in_encounter,
        )

    def _finding(self, event: Event, concept: Resource) -> list[Resource]:
        seen = (
            self.style.findings == "Observation"
            and event.onset is None
            and event.count == 1
            and event.status == "active"
        )
        if event.status != "absent" and not seen:
            times = [self._problem(event, concept)]
            return times + [
                times[0] | {"id": f"{_id(event)}-{number}"} for number in range(2, event.count + 1)
            ]
        if event.side:
            concept = concept | {
                "text": f"{concept.get('text') or concept['coding'][0]['display']}, {_side(event.side)}"
            }
        answer = {"valueBoolean": event.status != "absent"}
        when = {"effectiveDateTime": self._time(event.moment)} if event.moment else {}
        by = {"performer": [self.me]} if event.patient_reported else {}
        return [
            {
                "resourceType": "Observation",
                "id": _id(event),
                "status": "final",
                "category": [{"coding": [{"system": f"{_HL7}/observation-category", "code": "exam"}]}],
                "code": concept,
                "subject": self.me,
                **when,
                **by,
                **answer,
            }
        ]

    def _procedure(self, event: Event, concept: Resource) -> Resource:
        when = {"performedDateTime": self._time(event.moment)} if event.moment else {}
        return {
            "resourceType": "Procedure",
            "id": _id(event),
            "status": "completed",
            "code": concept,
            "subject": self.me,
            **when,
        }

    def _report(self, event: Event, concept: Resource) -> Resource:
        when = {"effectiveDateTime": self._time(event.moment)} if event.moment else {}
        return {
            "resourceType": "DiagnosticReport",
            "id": _id(event),
            "status": "final",
            "code": {"text": "Report"},
            "subject": self.me,
            "conclusionCode": [concept],
            **when,
        }

    def _family(self, event: Event, concept: Resource) -> Resource:
        parent = {"coding": [{"system": f"{_HL7}/v3-RoleCode", "code": "PRN"}]}
        return {
            "resourceType": "FamilyMemberHistory",
            "id": _id(event),
            "status": "completed",
            "patient": self.me,
            "relationship": parent,
            "condition": [{"code": concept}],
        }

    def _allergy(self, event: Event, concept: Resource) -> Resource:
        state = {"coding": [{"system": f"{_HL7}/allergyintolerance-clinical", "code": "active"}]}
        return {
            "resourceType": "AllergyIntolerance",
            "id": _id(event),
            "clinicalStatus": state,
            "code": concept,
            "patient": self.me,
        }

    def _condition(
        self,
        name: str,
        concept: Resource,
        *,
        onset: Moment | None,
        recorded: Moment | None,
        status: str = "active",
        here: bool = False,
    ) -> Resource:
        return {
            "resourceType": "Condition",
            "id": name,
            "clinicalStatus": {"coding": [{"system": f"{_HL7}/condition-clinical", "code": status}]},
            "code": concept,
            "subject": self.me,
            **({"encounter": {"reference": "Encounter/visit"}} if here else {}),
            **({"onsetDateTime": self._time(onset)} if onset else {}),
            **({"recordedDate": self._time(recorded)} if recorded else {}),
        }

    def _time(self, moment: Moment | None) -> str:
        if moment is None:
            raise ValueError("this fact needs a time")
        return moment.text[:10] if self.style.dates == "day" else _instant(moment)


def _instant(moment: Moment) -> str:
    return (
        moment.text
        if moment.is_day_only
        else datetime.fromtimestamp(moment.earliest, UTC).isoformat().replace("+00:00", "Z")
    )


def _id(event: Event) -> str:
    return event.source.reference.partition("/")[2]


def _reason(use: DrugUse) -> str:
    """Why a draft ends a drug, in words; one that nobody can read where the patient's is unread."""
    return "see note" if use.reasons is None else " and ".join(use.reasons)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _side(side: str) -> str:
    return "both sides" if side == "both" else side


def _twitch_words(twitch: Twitch, days: int | None) -> str:
    places = _joined([codes.terminology().sites[site] for site in sorted(twitch.sites - {"generalized"})])
    kind = "Generalized twitching" if "generalized" in twitch.sites else "Twitching"
    side = {"left": "left ", "right": "right ", "both": "both sides of the "}.get(twitch.side or "", "")
    where = (
        f" of the {side}{places}"
        if places
        else f" on the {side.strip()} side"
        if twitch.side in ("left", "right")
        else ""
    )
    lasting = f" for {days} days" if days else ""
    more = [
        *([twitch.course] if twitch.course else []),
        *(_TRAITS[item] for item in sorted(twitch.traits.items())),
    ]
    return ", ".join([f"{kind}{where}{lasting}", *more])


def _joined(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _twitch_coding(system: str) -> Resource:
    rows = codes.twitch_codes()
    return next(codes.coding(system, code, title) for known, code, title in rows if known == system)
