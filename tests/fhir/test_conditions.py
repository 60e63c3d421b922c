"""Problems, symptoms, history and the twitch itself (quirks 16 to 23, 27)."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.facts import Event, PatientFacts
from tests.fhir.builders import ICD10CM, LOINC, ME, SNOMED, codes, condition, facts_of, without

TWITCH = {"system": ICD10CM, "code": "R25.3"}
RIGHT_HEMIFACIAL = {"system": ICD10CM, "code": "G51.31"}


def one(found: PatientFacts, kind: str, name: str) -> Event:
    (event,) = found.events[kind][name]
    return event


def finding(text: str = "", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o",
        "status": "final",
        "subject": ME,
        "code": {"text": text},
        "effectiveDateTime": "2026-11-18T08:00:00Z",
    } | more


# ----------------------------------------------------------------------------- problems


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "active"),
        ({"clinicalStatus": "active"}, "active"),
        ({"clinicalStatus": None}, "active"),
        ({"clinicalStatus": {"coding": [{"code": "recurrence"}]}}, "active"),
        ({"clinicalStatus": {"coding": [{"code": "resolved"}]}}, "past"),
        ({"clinicalStatus": "inactive"}, "past"),
        ({"clinicalStatus": None, "abatementDateTime": "2026-01-01"}, "past"),
        ({"clinicalStatus": None, "abatementDateTime": "2027-01-01"}, "active"),
        ({"clinicalStatus": None, "abatementBoolean": True}, "past"),
        ({"clinicalStatus": {"coding": [{"system": SNOMED, "code": "81323004"}]}}, "active"),
    ],
)
def test_the_status_of_a_problem(change: dict[str, Any], status: str) -> None:
    assert one(facts_of(condition("Migraine") | change), "condition", "migraine").status == status


@pytest.mark.parametrize("word", ["entered-in-error", {"coding": [{"code": "entered-in-error"}]}])
def test_a_withdrawn_problem_is_left_out(word: Any) -> None:
    found = facts_of(condition("Migraine", verificationStatus=word))
    assert not found.events
    assert codes(found) == ["F019"]


def test_a_refuted_problem_is_none_but_a_refuted_symptom_is_absent() -> None:
    refuted = {"verificationStatus": {"coding": [{"code": "refuted"}]}}
    assert not facts_of(condition("Migraine") | refuted).events
    assert one(facts_of(condition("Fever") | refuted), "symptom", "fever").status == "absent"


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("autistic disorder", "symptom", "tic"),
        ("psychotic disorder", "symptom", "tic"),
        ("FH: Diabetes", "condition", "diabetes"),
        ("Family history of stroke", "condition", "stroke-or-tia"),
        ("Cirrhosis of liver without mention of alcohol", "condition", "alcohol-use-disorder"),
        ("Nonalcoholic steatohepatitis", "condition", "alcohol-use-disorder"),
        ("Stress incontinence", "symptom", "stress-reported"),
        ("Stress fracture", "symptom", "stress-reported"),
        ("Dyskinesia of esophagus", "symptom", "orofacial-dyskinesia"),
    ],
)
def test_text_traps_are_not_taken(text: str, kind: str, name: str) -> None:
    assert name not in facts_of(condition(text)).events.get(kind, {})


def test_a_denied_symptom_in_words_is_documented_absent() -> None:
    assert one(facts_of(condition("No fever")), "symptom", "fever").status == "absent"


@pytest.mark.parametrize(
    ("text", "status"), [("History of migraine", "past"), ("Migraine, old history", "active")]
)
def test_history_of_a_problem_is_past(text: str, status: str) -> None:
    assert one(facts_of(condition(text)), "condition", "migraine").status == status


@pytest.mark.parametrize("code", ["R25.3", "R253", " R25.3", "r25.3"])
def test_odd_spellings_of_a_code_are_read(code: str) -> None:
    found = facts_of(condition("", {"system": ICD10CM, "code": code}))
    assert found.twitch is not None
    assert found.twitch.level == 3


def test_codes_match_with_their_system_only() -> None:
    assert facts_of(condition("", {"system": "urn:local", "code": "R25.3"})).twitch is None
    assert facts_of(condition("", {"code": "R25.3"})).twitch is None
    found = facts_of(condition("", {"system": ICD10CM, "code": "299652006"}))
    assert found.unread_codes == {("condition", ICD10CM, "299652006"): 1}


def test_no_current_problems_is_counted_as_sent() -> None:
    found = facts_of(condition("No current problems", {"system": SNOMED, "code": "160245001"}))
    assert not found.events
    assert found.states["condition"].is_known


def test_a_problem_without_code_and_text_is_reported() -> None:
    assert codes(facts_of(condition() | {"code": None})) == ["F050"]


@pytest.mark.parametrize(
    ("change", "onset"),
    [
        ({"onsetDateTime": "2026-11-01"}, "2026-11-01"),
        ({"onsetPeriod": {"start": "2026-10"}}, "2026-10"),
        ({"onsetString": "2026"}, "2026"),
        ({"onsetString": "three days ago"}, None),
        ({}, None),
        ({"onsetAge": {"value": 40, "unit": "years", "code": "a"}}, "2016"),
        ({"onsetAge": {"value": "forty", "code": "a"}}, None),
    ],
)
def test_the_stated_onset(change: dict[str, Any], onset: str | None) -> None:
    event = one(facts_of(condition("Migraine") | change), "condition", "migraine")
    assert (event.onset and event.onset.text) == onset


def test_a_problem_without_date_takes_that_of_its_encounter() -> None:
    visit = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "finished",
        "subject": ME,
        "period": {"start": "2026-11-12"},
    }
    undated = without(condition("Migraine"), "recordedDate") | {"encounter": {"reference": "Encounter/e"}}
    event = one(facts_of(visit, undated), "condition", "migraine")
    assert event.moment is not None
    assert event.moment.text == "2026-11-12"


@pytest.mark.parametrize(
    ("more", "side"),
    [
        ({"bodySite": [{"text": "Left side of face"}]}, "left"),
        ({"bodySite": {"text": "Right arm"}}, "right"),
        ({"bodySite": [{"text": "Both arms"}]}, "both"),
        ({}, None),
    ],
)
def test_the_side_of_a_problem(more: dict[str, Any], side: str | None) -> None:
    assert one(facts_of(condition("Facial droop") | more), "symptom", "facial-droop").side == side


# ----------------------------------------------------------------------------- findings


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"valueBoolean": True}, "active"),
        ({"valueBoolean": False}, "absent"),
        ({"valueInteger": 2}, "active"),
        ({"valueInteger": 0}, "absent"),
        ({"valueString": "present"}, "active"),
        ({"valueString": "No"}, "absent"),
        ({"valueCodeableConcept": {"text": "Positive"}}, "active"),
        (
            {"valueCodeableConcept": {"coding": [{"system": SNOMED, "code": "1", "display": "Absent"}]}},
            "absent",
        ),
        ({"interpretation": [{"coding": [{"code": "POS"}]}]}, "active"),
    ],
)
def test_a_finding_is_there_or_not_as_its_value_says(value: dict[str, Any], status: str) -> None:
    event = one(facts_of(finding("Fever") | value), "symptom", "fever")
    assert event.status == status


def test_a_finding_without_answer_says_nothing() -> None:
    assert not facts_of(finding("Fever")).events


def test_a_value_may_name_the_finding() -> None:
    chief = finding("Chief complaint", valueCodeableConcept={"text": "Fever"})
    assert one(facts_of(chief), "symptom", "fever").status == "active"


def test_a_questionnaire_is_read_question_by_question() -> None:
    response = {
        "resourceType": "QuestionnaireResponse",
        "id": "q",
        "status": "completed",
        "subject": ME,
        "authored": "2026-11-18",
        "item": [
            {"linkId": "1", "text": "Fever?", "answer": [{"valueBoolean": True}]},
            {
                "linkId": "2",
                "item": [{"linkId": "3", "text": "Vomiting", "answer": [{"valueCoding": {"code": "N"}}]}],
            },
            {
                "linkId": "4",
                "text": "What brings you here?",
                "answer": {"valueString": "my upper lip is twitching"},
            },
        ],
    }
    found = facts_of(response)
    assert one(found, "symptom", "fever").patient_reported
    assert one(found, "symptom", "vomiting").status == "absent"
    assert found.twitch is not None
    assert (found.twitch.level, found.twitch.sites) == (2, frozenset({"upper-lip"}))
    assert found.twitch.patient_reported


def test_relatives_and_allergies() -> None:
    family = {
        "resourceType": "FamilyMemberHistory",
        "id": "f",
        "status": "completed",
        "patient": ME,
        "relationship": {"text": "mother"},
        "condition": [{"code": {"text": "Migraine"}}],
    }
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "a",
        "patient": ME,
        "code": {"text": "Codeine"},
        "clinicalStatus": {"coding": [{"code": "active"}]},
    }
    found = facts_of(family, allergy, allergy | {"id": "b", "verificationStatus": "refuted"})
    assert one(found, "family", "migraine").status == "active"
    assert one(found, "allergy", "codeine").source.reference == "AllergyIntolerance/a"
    assert "condition" not in found.events


def test_a_procedure_done_and_one_not_done() -> None:
    done = {
        "resourceType": "Procedure",
        "id": "x",
        "status": "completed",
        "subject": ME,
        "code": {"text": "MRI of brain"},
        "performedDateTime": "2026-11-01",
    }
    found = facts_of(done, done | {"id": "y", "status": "not-done"}, done | {"id": "z", "notDone": True})
    assert len(found.events["procedure"]["mri-brain-done"]) == 1
    assert codes(found) == ["F019", "F019"]


# ----------------------------------------------------------------------------- the twitch


@pytest.mark.parametrize(
    ("change", "level"),
    [
        ({}, 3),
        ({"clinicalStatus": "resolved"}, None),
        ({"verificationStatus": "refuted"}, None),
        ({"recordedDate": "2026-08-22", "clinicalStatus": {"coding": [{"code": "active"}]}}, 3),
        ({"recordedDate": "2025-11-21"}, 3),
        ({"recordedDate": "2025-11-18"}, None),
        ({"recordedDate": "2020-01-01", "onsetDateTime": "2026-11-10"}, 3),
        ({"recordedDate": None}, 3),
    ],
)
def test_a_coded_problem_is_the_twitch_while_it_is_current(change: dict[str, Any], level: int | None) -> None:
    found = facts_of(condition("", TWITCH) | change)
    assert (found.twitch and found.twitch.level) == level


@pytest.mark.parametrize(
    ("text", "level", "sites", "side"),
    [
        ("Twitching of right eyelid", 2, {"eyelid"}, "right"),
        ("Lip twitching", 2, {"lip"}, None),
        ("No twitching", None, set(), None),
        ("Family history of fasciculations", None, set(), None),
        ("Fast-twitch fiber biopsy", None, set(), None),
        ("Muscle twitching", 2, set(), None),
    ],
)
def test_words_are_level_two(text: str, level: int | None, sites: set[str], side: str | None) -> None:
    twitch = facts_of(condition(text)).twitch
    if level is None:
        assert twitch is None
    else:
        assert twitch is not None
        assert (twitch.level, set(twitch.sites), twitch.side) == (level, sites, side)


def test_the_site_is_read_from_the_body_site() -> None:
    twitch = facts_of(condition("", TWITCH, bodySite=[{"text": "Left lower lip"}])).twitch
    assert twitch is not None
    assert (set(twitch.sites), twitch.side) == ({"lower-lip"}, "left")


def test_several_records_are_one_twitch() -> None:
    found = facts_of(
        condition("", RIGHT_HEMIFACIAL, id="a", onsetDateTime="2026-11-02"),
        condition("Twitching of the chin, spreading", id="b", recordedDate="2026-11-18"),
    )
    twitch = found.twitch
    assert twitch is not None
    assert twitch.level == 3
    assert set(twitch.sites) == {"hemiface", "chin"}
    assert (twitch.side, twitch.course) == ("right", "spreading")
    assert (twitch.onset and twitch.onset.text) == "2026-11-02"
    assert (twitch.first_recorded and twitch.first_recorded.text) == "2026-11-15"
    assert (twitch.last_recorded and twitch.last_recorded.text) == "2026-11-18"
    assert [source.reference for source in twitch.sources] == ["Condition/a", "Condition/b"]


def test_a_duration_in_words_gives_the_onset() -> None:
    complaint = finding("Chief complaint", valueString="Lip twitching x 5 days, denies weakness")
    found = facts_of(complaint)
    assert found.twitch is not None
    assert found.twitch.onset is not None
    assert found.twitch.onset.text == "2026-11-13"
    assert one(found, "symptom", "weakness").status == "absent"


def test_a_duration_in_the_name_of_a_problem_gives_the_onset() -> None:
    twitch = facts_of(condition("Twitching of left upper lip x 5 days")).twitch
    assert twitch is not None
    assert twitch.onset is not None
    assert (twitch.onset.text, twitch.side) == ("2026-11-10", "left")


@pytest.mark.parametrize(("value", "level"), [({"valueBoolean": True}, 3), ({"valueBoolean": False}, None)])
def test_a_coded_finding_counts_when_affirmed(value: dict[str, Any], level: int | None) -> None:
    coded = finding() | {"code": {"coding": [{"system": SNOMED, "code": "82470000"}]}} | value
    found = facts_of(coded)
    assert (found.twitch and found.twitch.level) == level
    assert not found.unread_codes


def test_the_current_encounter_names_its_reason() -> None:
    visit = {
        "resourceType": "Encounter",
        "id": "e",
        "status": "in-progress",
        "subject": ME,
        "class": {"code": "EMER"},
        "period": {"start": "2026-11-20T10:00:00Z"},
        "reasonCode": [{"text": "twitching of left cheek"}],
        "diagnosis": [{"condition": {"reference": "Condition/c"}}],
    }
    found = facts_of(visit, condition("Vomiting", clinicalStatus="active"))
    assert found.encounter.setting == "emergency"
    assert found.twitch is not None
    assert (set(found.twitch.sites), found.twitch.side, found.twitch.origin) == (
        {"cheek"},
        "left",
        "encounter",
    )
    assert one(found, "symptom", "vomiting").in_encounter


def test_an_order_for_twitching_is_evidence_of_it() -> None:
    emg = {
        "resourceType": "ServiceRequest",
        "id": "s",
        "status": "active",
        "intent": "order",
        "subject": ME,
        "authoredOn": "2026-11-18",
        "code": {"text": "EMG"},
        "reasonCode": [{"coding": [TWITCH]}],
    }
    twitch = facts_of(emg).twitch
    assert twitch is not None
    assert (twitch.level, twitch.origin) == (3, "order")
    assert facts_of(emg | {"status": "completed"}).twitch is None


def test_a_long_text_is_cut_and_said() -> None:
    note = "x " * 15_000
    found = facts_of(condition("Migraine", note=[{"text": note}]))
    assert codes(found) == ["F051"]


def test_observations_of_other_questions_are_counted() -> None:
    other = finding() | {
        "code": {"coding": [{"system": LOINC, "code": "8302-2"}]},
        "valueQuantity": {"value": 170, "unit": "cm"},
    }
    assert facts_of(other).unread_codes == {("lab", LOINC, "8302-2"): 1}


@pytest.mark.parametrize(
    ("text", "onset", "first"),
    [
        ("Lip twitching for 5 days", "2026-11-13", "2026-11-18"),
        ("Lip twitching for several weeks", None, "2026-11-04"),
        ("Lip twitching for 3 to 5 days", None, "2026-11-15"),
    ],
)
def test_a_duration_that_is_not_exact_is_no_onset(text: str, onset: str | None, first: str) -> None:
    (said,) = [found.twitch for found in [facts_of(finding("Reason for visit", valueString=text))]]
    assert said is not None and said.first_recorded is not None
    assert (said.onset and said.onset.text) == onset
    assert said.first_recorded.text[:10] == first


@pytest.mark.parametrize(
    ("text", "status"),
    [("Weakness? No", "absent"), ("Weakness? Yes", "active"), ("x " * 200 + "no weakness", "absent")],
)
def test_the_answer_may_stand_in_the_next_sentence(text: str, status: str) -> None:
    found = facts_of(finding("Reason for visit", valueString=text))
    assert one(found, "symptom", "weakness").status == status


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("ALS", True),
        ("History: ALS", True),
        ("Patient has ALS", True),
        ("Schwindel mehr als drei Tage", False),
    ],
)
def test_a_german_word_is_no_disease(text: str, known: bool) -> None:
    assert ("als" in facts_of(condition(text)).events.get("condition", {})) is known


def test_a_text_read_in_part_is_said() -> None:
    note = finding("Reason for visit", valueString="Lip twitching. " + "word " * 5_000)
    assert "F051" in codes(facts_of(note))
