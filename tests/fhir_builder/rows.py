"""Rows of a record: each function writes down one thing a chart holds, as FHIR R4 without the patient.

Times are written ``2026-11-20`` or ``2026-11-20 10:30`` (UTC). Codes are looked up in the terminology by the
name of the value set; what has none there keeps its words and a code of the invented hospital.
"""

import re
from dataclasses import dataclass
from typing import Any

from tests.fhir_builder import chemistry
from tests.fhir_builder import coding as codes

Resource = dict[str, Any]
_HL7 = "http://terminology.hl7.org/CodeSystem"
_LOCAL = "https://ehr.example/codes"
_VITALS = {
    "HR": ("Heart rate", "/min"),
    "RR": ("Respiratory rate", "/min"),
    "SpO2": ("Oxygen saturation", "%"),
    "T": ("Body temperature", "°C"),
    "TF": ("Body temperature", "°F"),
    "Wt": ("Body weight", "kg"),
    "FVC": ("FVC percent predicted", "%"),
}
_PART = re.compile(r"(\S+) ([<>]?)(-?[\d.]+)(?:/(\d+))?")


@dataclass(frozen=True)
class Row:
    """One resource of a record; ``slug`` names it in its id, ``when`` is the time it belongs to."""

    slug: str
    when: str
    resource: Resource


def instant(when: str) -> str:
    """FHIR form of a written time."""
    return f"{when.replace(' ', 'T')}:00Z" if " " in when else when


# ----------------------------------------------------------------------------- visits, problems, findings


def visit(
    start: str, reason: str = "", end: str = "", kind: str = "AMB", *, sort: str = "", also: str = ""
) -> Row:
    """An encounter; without an end it is going on. ``sort`` is its type in words, ``also`` a second reason."""
    period = {"start": instant(start)} | ({"end": instant(end)} if end else {})
    reasons = [{"text": text} for text in (reason, also) if text]
    return Row(
        "visit",
        "",
        {
            "resourceType": "Encounter",
            "status": "finished" if end else "in-progress",
            "class": {"system": f"{_HL7}/v3-ActCode", "code": kind},
            **({"type": [{"text": sort}]} if sort else {}),
            "period": period,
            **({"reasonCode": reasons} if reasons else {}),
        },
    )


def problem(name: str, text: str, since: str, *, by: str = "snomed", end: str = "", status: str = "") -> Row:
    """A problem of the list, recorded at a date; ``name`` is a value set of conditions or empty."""
    return Row(
        _slug(name.partition("@")[0] or text),
        since,
        _condition(
            "condition", name, text, by, status or ("resolved" if end else "active"), "problem-list-item"
        )
        | {"recordedDate": instant(since)}
        | ({"abatementDateTime": end} if end else {}),
    )


def finding(
    name: str,
    text: str,
    when: str,
    onset: str = "",
    *,
    by: str = "snomed",
    note: str = "",
    kind: str = "symptom",
) -> Row:
    """A symptom or sign somebody entered as a diagnosis of the visit, with its onset where that is known."""
    return Row(
        _slug(name.partition("@")[0] or text),
        when,
        _condition(kind, name, text, by, "active", "encounter-diagnosis")
        | ({"onsetDateTime": instant(onset)} if onset else {})
        | {"recordedDate": instant(when)}
        | ({"note": [{"text": note}]} if note else {}),
    )


def twitching(
    text: str, when: str, onset: str = "", *, code: tuple[str, str] | None = None, note: str = ""
) -> Row:
    """The twitching as a coded diagnosis; ``code`` is a system and a code of ``terminology/twitch.yaml``."""
    system, value = code or ("snomed", "82470000")
    title = next(row[2] for row in codes.twitch_rows() if row[:2] == (system, value))
    concept = {"coding": [codes.coding(system, value, title)], "text": text}
    return Row(
        "twitching",
        when,
        _problem_of(concept, "active", "encounter-diagnosis")
        | ({"onsetDateTime": instant(onset)} if onset else {})
        | {"recordedDate": instant(when)}
        | ({"note": [{"text": note}]} if note else {}),
    )


def seen(name: str, text: str, when: str, *, present: bool = True) -> Row:
    """A sign looked for at an examination: there or not."""
    found = codes.specific_code("symptom", name, "snomed", text) if name else None
    concept = {"coding": [found], "text": text} if found else {"text": text}
    return Row(
        _slug(name.partition("@")[0] or text),
        when,
        _observation("exam", concept, when) | {"valueBoolean": present},
    )


def _condition(kind: str, name: str, text: str, by: str, status: str, category: str) -> Resource:
    other = {"snomed": "icd-10-cm", "icd-10-cm": "snomed"}
    found = None
    if name:
        found = codes.specific_code(kind, name, by, text) or codes.specific_code(kind, name, other[by], text)
    local = {"system": _LOCAL, "code": _slug(text), "display": text}
    return _problem_of({"coding": [found or local], "text": text}, status, category)


def _problem_of(concept: Resource, status: str, category: str) -> Resource:
    return {
        "resourceType": "Condition",
        "clinicalStatus": _one(f"{_HL7}/condition-clinical", status),
        "verificationStatus": _one(f"{_HL7}/condition-ver-status", "confirmed"),
        "category": [_one(f"{_HL7}/condition-category", category)],
        "code": concept,
    }


# ----------------------------------------------------------------------------- drugs


def drug(
    ingredient: str,
    text: str,
    since: str,
    *,
    a_day: int = 1,
    mg: float | None = None,
    route: str = "oral",
    until: str = "",
    status: str = "",
    how: str = "request",
    coded: bool = True,
    product: str = "",
) -> Row:
    """A prescription, or with ``how="statement"`` what the patient takes; ``a_day=0`` is as needed.

    ``mg`` is the amount of one dose, ``product`` the RxNorm code of a product instead of the ingredient.
    Without an ingredient, or with ``coded=False``, the drug is words only.
    """
    state = status or ("stopped" if until else "active")
    concept: Resource = {"text": text}
    if ingredient and coded:
        found = codes.product_code(product, text) if product else codes.ingredient_code(ingredient, route)
        concept = {"coding": [found], "text": text}
    dosage = _dosage(text, a_day, mg, route)
    if how == "statement":
        period = {"start": instant(since)} | ({"end": instant(until)} if until else {})
        rest: Resource = {"medicationCodeableConcept": concept, "effectivePeriod": period, "dosage": [dosage]}
        return Row(
            _slug(ingredient or text), since, {"resourceType": "MedicationStatement", "status": state} | rest
        )
    if until:
        bounds = {"start": instant(since), "end": instant(until)}
        dosage = dosage | {
            "timing": {"repeat": dosage.get("timing", {}).get("repeat", {}) | {"boundsPeriod": bounds}}
        }
    return Row(
        _slug(ingredient or text),
        since,
        {
            "resourceType": "MedicationRequest",
            "status": state,
            "intent": "order",
            "medicationCodeableConcept": concept,
            "authoredOn": instant(since),
            "dosageInstruction": [dosage],
        },
    )


def _dosage(text: str, a_day: int, mg: float | None, route: str) -> Resource:
    dosage: Resource = {
        "text": f"{text}, {f'{a_day} a day' if a_day else 'as needed'}",
        "route": {"text": route},
    }
    if a_day:
        dosage["timing"] = {"repeat": {"frequency": a_day, "period": 1, "periodUnit": "d"}}
    else:
        dosage["asNeededBoolean"] = True
    if mg is not None:
        quantity = {"value": mg, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
        dosage["doseAndRate"] = [{"doseQuantity": quantity}]
    return dosage


def given(ingredient: str, text: str, when: str, *, route: str = "intravenous") -> Row:
    """A dose that was given."""
    return Row(
        _slug(ingredient),
        when,
        {
            "resourceType": "MedicationAdministration",
            "status": "completed",
            "medicationCodeableConcept": {"coding": [codes.ingredient_code(ingredient, route)], "text": text},
            "effectiveDateTime": instant(when),
            "dosage": {"text": text, "route": {"text": route}},
        },
    )


# ----------------------------------------------------------------------------- results, vital signs, scores


def labs(
    when: str, results: str, country: str = chemistry.UNITED_STATES, *, status: str = "final"
) -> list[Row]:
    """Results of one sample: ``"K 3.1, Na 139, Mg 1.4"``, in the units and with the ranges of the country."""
    return [_result(when, part.strip(), country, status) for part in results.split(",")]


def _result(when: str, part: str, country: str, status: str) -> Row:
    name, comparator, number, _ = _read(part)
    test = chemistry.TESTS[name]
    scale = test.scale(country)
    if scale.unit not in codes.terminology().analytes[test.analyte].factors and test.analyte != "urea":
        raise LookupError(f"{name} has no unit {scale.unit}")
    value = _quantity(number, scale.unit)
    sides = (("low", scale.low), ("high", scale.high))
    limits = {
        side: {"value": _number(str(limit)), "unit": value["unit"]}
        for side, limit in sides
        if limit is not None
    }
    concept = _loinc_of(test.analyte, scale.unit) | {"text": test.title}
    flag = _flag(number, scale)
    return Row(
        test.analyte,
        when,
        _observation("laboratory", concept, when, status)
        | {"valueQuantity": value | ({"comparator": comparator} if comparator else {})}
        | ({"referenceRange": [limits]} if limits else {})
        | ({"interpretation": [_one(f"{_HL7}/v3-ObservationInterpretation", flag)]} if flag else {}),
    )


def _loinc_of(analyte: str, unit: str) -> Resource:
    """The coded concept of a test; of the bedside analyzer where the laboratory has no code for it."""
    for bedside in (False, True):
        concept = codes.analyte_concept(analyte, "loinc", unit, point_of_care=bedside)
        if "coding" in concept:
            return concept
    raise LookupError(f"no LOINC code of {analyte} in {unit}")


def _read(part: str) -> tuple[str, str, float, str]:
    match = _PART.fullmatch(part)
    if match is None:
        raise ValueError(f"not a result: {part!r}")
    return match[1], match[2], _number(match[3]), match[4] or ""


def _flag(number: float, scale: chemistry.Scale) -> str:
    if scale.low is not None and number < scale.low:
        return "L"
    return "H" if scale.high is not None and number > scale.high else ""


def vitals(when: str, results: str) -> list[Row]:
    """Vital signs: ``"BP 124/76, HR 70, T 36.8, RR 14, SpO2 98"``; ``TF`` is a temperature in °F."""
    return [_vital(when, part.strip()) for part in results.split(",")]


def _vital(when: str, part: str) -> Row:
    name, _, number, second = _read(part)
    if name != "BP":
        title, unit = _VITALS[name]
        value = {"valueQuantity": _quantity(number, unit)}
        return Row(_slug(title), when, _observation("vital-signs", {"text": title}, when) | value)
    parts = [
        {"code": {"text": f"{side} blood pressure"}, "valueQuantity": _quantity(value, "mmHg")}
        for side, value in (("Systolic", number), ("Diastolic", float(second)))
    ]
    return Row(
        "blood-pressure",
        when,
        _observation("vital-signs", {"text": "Blood pressure"}, when) | {"component": parts},
    )


def survey(text: str, when: str, value: float, unit: str = "score", *, kind: str = "survey") -> Row:
    """A score or a habit in numbers, under the words of the form it stands on."""
    return Row(
        _slug(text),
        when,
        _observation(kind, {"text": text}, when) | {"valueQuantity": _quantity(value, unit)},
    )


def _observation(category: str, concept: Resource, when: str, status: str = "final") -> Resource:
    return {
        "resourceType": "Observation",
        "status": status,
        "category": [_one(f"{_HL7}/observation-category", category)],
        "code": concept,
        "effectiveDateTime": instant(when),
    }


def _quantity(value: float, unit: str) -> Resource:
    return {
        "value": _number(str(value)),
        "unit": chemistry.PRINTED.get(unit, unit),
        "system": "http://unitsofmeasure.org",
        "code": codes.terminology().units.ucum[unit],
    }


# ----------------------------------------------------------------------------- events, reports, family


def procedure(name: str, text: str, when: str, *, by: str = "snomed") -> Row:
    """Something that was done or that happened, with its date."""
    found = codes.specific_code("procedure", name, by, text) if name else None
    concept = {"coding": [found], "text": text} if found else {"text": text}
    done = {
        "resourceType": "Procedure",
        "status": "completed",
        "code": concept,
        "performedDateTime": instant(when),
    }
    return Row(_slug(name.partition("@")[0] or text), when, done)


def report(text: str, when: str, conclusion: str) -> Row:
    """A written report with its conclusion in words."""
    return Row(
        _slug(text),
        when,
        {
            "resourceType": "DiagnosticReport",
            "status": "final",
            "code": {"text": text},
            "effectiveDateTime": instant(when),
            "conclusion": conclusion,
            "conclusionCode": [{"text": conclusion}],
        },
    )


def family(relation: str, relative: str, text: str, name: str = "") -> Row:
    """An illness of a relative; ``relation`` is a code of HL7 RoleCode."""
    found = codes.specific_code("condition", name, "snomed", text) if name else None
    concept = {"coding": [found], "text": text} if found else {"text": text}
    return Row(
        _slug(relative),
        "",
        {
            "resourceType": "FamilyMemberHistory",
            "status": "completed",
            "relationship": {
                "coding": [{"system": f"{_HL7}/v3-RoleCode", "code": relation}],
                "text": relative,
            },
            "condition": [{"code": concept}],
        },
    )


def allergy(text: str, reaction: str = "") -> Row:
    """An intolerance in words."""
    return Row(
        "allergy",
        "",
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": _one(f"{_HL7}/allergyintolerance-clinical", "active"),
            "code": {"text": text},
            **({"reaction": [{"manifestation": [{"text": reaction}]}]} if reaction else {}),
        },
    )


def vaccine(text: str, when: str) -> Row:
    """A vaccination in words."""
    done = {"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": text}}
    return Row("vaccine", when, done | {"occurrenceDateTime": instant(when)})


def asked(when: str, *answers: tuple[str, bool | str]) -> Row:
    """A form the patient filled in: questions with yes, no or words."""
    items = [
        {
            "linkId": str(number),
            "text": question,
            "answer": [{"valueBoolean" if isinstance(answer, bool) else "valueString": answer}],
        }
        for number, (question, answer) in enumerate(answers, start=1)
    ]
    form = {
        "resourceType": "QuestionnaireResponse",
        "status": "completed",
        "authored": instant(when),
        "item": items,
    }
    return Row("form", when, form)


def changed(row: Row, **more: Any) -> Row:
    """A row as a real record spoils it: other or further fields; None takes a field away."""
    kept = {key: value for key, value in (row.resource | more).items() if value is not None}
    return Row(row.slug, row.when, kept)


def _one(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value == int(value) else value


def _slug(text: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", text.lower())[:5])
