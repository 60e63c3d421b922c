"""A record with text in every place our readers look at, and what an answer to it may never hold."""

from __future__ import annotations

import os

from ..hostile_text import FAMILIES, TEXTS, as_json, texts, unclean, unclean_detail, unclean_line
from .conftest import INSTANCE, PATH

#: Every so many turns one is taken; 1 takes all.
STEP = int(os.environ.get("HOSTILE_STEP", "60"))
TURNS = range(0, len(TEXTS), STEP)
#: A lone surrogate is no text: a call that holds one is refused as a whole.
SENDABLE = [text for text in TEXTS if text not in FAMILIES["surrogates"]]
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
ME = {"reference": "Patient/p"}


def lab(code, value, **more):
    return {
        "resourceType": "Observation",
        "status": "final",
        "subject": ME,
        "code": {"coding": [{"system": LOINC, "code": code, "display": "Potassium"}], "text": "Potassium"},
        "effectiveDateTime": "2026-11-18T08:00:00Z",
        "note": [{"text": "note"}],
        **value,
        **more,
    }


def quantity(value, unit, code):
    return {
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": code}
    }


def problem(text, code="", **more):
    coding = [{"system": SNOMED, "code": code, "display": text}] if code else []
    return {
        "resourceType": "Condition",
        "subject": ME,
        "code": {"coding": coding, "text": text},
        "recordedDate": "2026-11-15",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "note": [{"text": "note", "authorString": "Doctor"}],
        **more,
    }


def drug(text, code, **more):
    rxnorm = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": text}
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": ME,
        "authoredOn": "2026-10-01",
        "medicationCodeableConcept": {"coding": [rxnorm] if code else [], "text": text},
        "dosageInstruction": [{"text": "two tablets a day", "patientInstruction": "x"}],
        "note": [{"text": "note"}],
        **more,
    }


def record():
    """Return resources that hold text in every place our readers look at, on which rules fire."""
    interpretation = [{"coding": [{"code": "L", "display": "Low"}], "text": "Low"}]
    rich = {"interpretation": interpretation, "referenceRange": [{"text": "3.5-5.1 mmol/L"}]}
    return [
        {
            "resourceType": "Patient",
            "id": "p",
            "birthDate": "1960-01-01",
            "gender": "female",
            "name": [{"family": "Doe", "given": ["Jane"], "text": "Jane Doe"}],
            "identifier": [{"system": "urn:mrn", "value": "12345"}],
            "address": [{"line": ["Street 1"], "city": "Town"}],
        },
        lab("2823-3", quantity(2.4, "mmol/L", "mmol/L"), id="k1", **rich),
        lab("19123-9", {"valueString": "0.5 mmol/L"}, id="mg1", **rich),
        lab("17861-6", {"valueString": "low"}, id="ca1", **rich),
        lab("2345-7", {"valueString": "see comment"}, id="glu1"),
        lab("3016-3", quantity(9, "mIU/L", "m[IU]/L"), id="tsh1", referenceRange=[{"text": "0.4 to 4"}]),
        lab("2951-2", quantity(128, "odd unit", "odd"), id="na1"),
        lab("9999-9", quantity(1, "x", "x"), id="own1"),
        {**lab("LOCAL", quantity(1, "x", "x")), "code": {"coding": [{"system": "urn:local", "code": "K_1"}]}},
        problem("Twitching of the lip", id="c1", onsetDateTime="2026-11-10", bodySite=[{"text": "lower lip"}]),
        problem("Something local", id="c2"),
        problem("Chronic kidney disease", "709044004", id="c3", onsetString="long ago"),
        drug("Furosemide 40 MG Oral Tablet", "313988", id="m1"),
        drug("Albuterol", "", id="m2"),
        {
            "resourceType": "DiagnosticReport",
            "id": "r1",
            "status": "final",
            "subject": ME,
            "code": {"text": "EMG"},
            "effectiveDateTime": "2026-11-12",
            "conclusion": "Fasciculations of the tongue",
        },
        {
            "resourceType": "FamilyMemberHistory",
            "id": "f1",
            "status": "completed",
            "patient": ME,
            "relationship": {"text": "father"},
            "condition": [{"code": {"text": "Huntington disease"}, "note": [{"text": "note"}]}],
        },
        {"resourceType": "AllergyIntolerance", "id": "a1", "patient": ME, "code": {"text": "metoclopramide"},
         "reaction": [{"manifestation": [{"text": "dystonia"}], "description": "x"}]},
        {"resourceType": "Procedure", "id": "pr1", "status": "completed", "subject": ME,
         "code": {"text": "thyroidectomy"}, "performedDateTime": "2026-01-01"},
        {
            "resourceType": "QuestionnaireResponse",
            "id": "q1",
            "status": "completed",
            "subject": ME,
            "authored": "2026-11-12",
            "item": [{"linkId": "1", "text": "Do your muscles twitch?", "answer": [{"valueString": "eyelid twitches"}]}],
        },
    ]  # fmt: skip


def rich_call(service, **context):
    """Return a call of a service with text in every place, every key filled; ``context`` is added to it."""
    first, *others = record()
    prefetch = {key: {"resourceType": "Bundle", "type": "searchset", "entry": []} for key in service.prefetch}
    prefetch["patient"] = first
    prefetch["problems"] = bundle(*others)
    return {
        "hook": service.hook,
        "hookInstance": INSTANCE,
        "fhirServer": "https://fhir.example/r4",
        "context": {"patientId": "p", "userId": "Practitioner/example", **context},
        "prefetch": prefetch,
        "extension": {"org.twitch-cds.asOf": "2026-11-20T12:00:00Z"},
    }


def bundle(*resources):
    return {"resourceType": "Bundle", "entry": [{"resource": item} for item in resources]}


def post(client, body, path=PATH):
    data = body if isinstance(body, bytes) else as_json(body)
    return client.post(path, data=data, content_type="application/json")


def clean_answer(answer, usual=()):
    """Whether nothing in an answer acts on its reader."""
    review = answer.get("extension", {}).get("org.twitch-cds.review", {})
    broken = [
        row["ruleId"]
        for row in (*review.get("notAssessed", ()), *review.get("findings", ()))
        if "error" in row or "unproposed" in row
    ]
    assert not broken, broken
    for card in answer["cards"]:
        cited = [line for line in card["detail"].split("\n") if line.startswith("**Sources:**")]  # our words
        ours = {*usual, *(found for line in cited for found in unclean_detail(line))}
        assert not set(unclean_detail(card["detail"])) - ours, card["detail"]
        assert not unclean_line(card["summary"]) and 1 <= len(card["summary"]) < 140
        assert len(card["detail"]) <= 2500
        for suggestion in card.get("suggestions", ()):
            assert not unclean_line(suggestion["label"])
            for action in suggestion["actions"]:
                assert not unclean_line(action["description"])
                resource = dict(action["resource"])
                resource.pop("subject")
                assert not [found for at, text in texts(resource) for found in unclean(text)]
        for link in (*card.get("links", ()), card["source"]):
            assert link.get("url", "https://").startswith(("http://127.0.0.1", "https://"))
    clean_texts(answer)


def clean_texts(answer):
    for at, text in texts(answer):
        if not at.endswith(("/detail", "/url")):
            assert not unclean(text), (at, text)
            assert len(text) <= 2500, at


def usual_of(client, body, path=PATH):
    """Return what a careless reader makes of our own words: what the same call gives without hostile text."""
    known = _USUAL.get((path, as_json(body)))
    if known is None:
        cards = post(client, body, path).get_json()["cards"]
        known = {item for card in cards for item in unclean_detail(card["detail"])}
        _USUAL[path, as_json(body)] = known
    return known


_USUAL = {}
