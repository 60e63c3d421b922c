from decimal import Decimal
from functools import lru_cache

import pytest

from cds_service.content import content_root, parse_document
from cds_service.errors import ContentError
from cds_service.facts import DAY, DataState, PatientFacts
from cds_service.terminology import Terminology, load_terminology
from cds_service.validate.cases import AS_OF, facts_from_case

NOW = int(AS_OF.timestamp())


@lru_cache(maxsize=1)
def terminology() -> Terminology:
    return load_terminology(content_root())


def patient(*layers: str) -> PatientFacts:
    text = "".join(f"layer{index}:\n  {layer}\n" for index, layer in enumerate(layers))
    document = parse_document(text, "case.yaml")
    return facts_from_case(document, [(f"layer{i}",) for i in range(len(layers))], terminology())


def faults(*layers: str) -> list[str]:
    with pytest.raises(ContentError) as raised:
        patient(*layers)
    return [str(issue) for issue in raised.value.issues]


def test_what_is_not_said_was_sent_and_is_empty() -> None:
    facts = patient("sex: female")
    assert facts.state("lab") is DataState.NONE_FOUND and facts.state("drug") is DataState.NONE_FOUND
    assert facts.twitch is None and facts.twitch_state is DataState.NONE_FOUND
    assert (facts.sex, facts.hook, facts.encounter.setting) == ("female", "patient-view", "outpatient")
    assert facts.birth_date is not None and facts.birth_date.year == AS_OF.year - 50
    assert facts.encounter.start is not None and facts.encounter.start.latest == NOW - 7200


def test_numbers_are_converted_and_oldest_first() -> None:
    facts = patient(
        'labs: {calcium-total: ["8.0 mg/dL, 1 day ago, range 8.5-10.5", "2.20 mmol/L, 5 days ago"]}'
    )
    old, new = facts.numbers["calcium-total"]
    assert (
        old.value == Decimal("2.20")
        and new.value is not None
        and abs(new.value - Decimal("1.996")) < Decimal("0.001")
    )
    assert new.low is not None and abs(new.low - Decimal("2.121")) < Decimal("0.001")
    assert (new.reported, new.range_reported, new.unit_reported) == ("8.0 mg/dL", "8.5-10.5", "mg/dL")
    assert facts.state("lab") is DataState.PRESENT


def test_later_layers_change_single_labs_and_whole_lists() -> None:
    facts = patient(
        'labs: {potassium: "3.0 mmol/L", sodium: "140 mmol/L"}\n  drugs: [omeprazole, lithium]',
        "labs: {sodium: none}\n  drugs: [lithium]",
    )
    assert set(facts.numbers) == {"potassium"} and set(facts.drugs) == {"lithium"}


def test_a_kind_not_sent_holds_nothing_and_says_so() -> None:
    facts = patient('labs: {potassium: "3.0 mmol/L"}\n  symptoms: [cramp]', "not_sent: [lab, symptom]")
    assert not facts.numbers and facts.state("lab") is DataState.NOT_SENT
    assert not facts.events["symptom"] and facts.twitch_state is DataState.NOT_SENT


def test_an_unreadable_result_is_set_aside() -> None:
    facts = patient('labs: {potassium: "unreadable, 2 days ago"}')
    assert [(item.kind, item.name) for item in facts.set_aside] == [("lab", "potassium")]
    assert "potassium" not in facts.numbers and facts.state("lab") is DataState.PRESENT


def test_other_states_can_be_said() -> None:
    assert patient("states: {lab: failed}").state("lab") is DataState.FAILED


def test_drugs_taken_drafted_and_ended() -> None:
    facts = patient(
        'drugs: ["prednisone 40 mg/d oral, since 21 days ago"]\n'
        '  draft: ["omeprazole 20 mg/d oral, for 90 days"]\n'
        '  stopping: ["lithium, since 400 days ago"]\n  administered: ["furosemide intravenous, 3 hours ago"]'
    )
    (prednisone,) = facts.drugs["prednisone"]
    assert prednisone.active and prednisone.dose is not None and prednisone.dose.amount == 40
    (draft,) = facts.drugs["omeprazole"]
    assert draft.draft and draft.planned_days == 90 and not draft.stopping
    taken, ending = facts.drugs["lithium"]
    assert taken.active and not taken.draft and ending.stopping and ending.draft
    (given,) = facts.drugs["furosemide"]
    assert given.administered and not given.active and given.route == "intravenous"
    assert facts.hook == "order-sign"


def test_a_drug_ended_by_a_draft_keeps_the_use_the_record_tells() -> None:
    facts = patient('drugs: ["lithium, since 9 days ago"]\n  stopping: [lithium]')
    taken, ending = facts.drugs["lithium"]
    assert taken.start is not None and not taken.draft and ending.stopping


@pytest.mark.parametrize(
    ("written", "reasons"),
    [("", ()), (", reason toxicity", ("toxicity",)), (", reason unreadable", None)],
)
def test_the_reason_to_end_a_drug(written: str, reasons: tuple[str, ...] | None) -> None:
    facts = patient(f'stopping: ["lithium, since 9 days ago{written}"]')
    taken, ending = facts.drugs["lithium"]
    assert (taken.reasons, ending.reasons) == ((), reasons)


def test_events_have_dates_sides_and_status() -> None:
    facts = patient(
        'symptoms: ["facial-droop right, 2 hours ago", cramp]\n  absent: [tremor]\n'
        '  conditions: ["ckd, 200 days ago, past"]\n  procedures: ["thyroidectomy, 3 days ago"]'
    )
    (droop,) = facts.events["symptom"]["facial-droop"]
    assert droop.side == "right" and droop.onset == droop.moment and droop.status == "active"
    (cramp,) = facts.events["symptom"]["cramp"]
    assert cramp.onset is None and cramp.moment is not None and cramp.moment.latest == NOW - 3600
    assert facts.events["symptom"]["tremor"][0].status == "absent"
    assert facts.events["condition"]["ckd"][0].status == "past"
    (operation,) = facts.events["procedure"]["thyroidectomy"]
    assert (
        operation.onset is None and operation.moment is not None and operation.moment.latest == NOW - 3 * DAY
    )


def test_an_event_counts_for_the_sets_that_include_it() -> None:
    home = terminology().set_parents["symptom"]
    name, parents = next((name, ups) for name, ups in sorted(home.items()) if len(ups) > 1)
    facts = patient(f"symptoms: [{name}]")
    assert set(parents) <= set(facts.events["symptom"])


def test_the_encounter_has_a_setting_and_a_start() -> None:
    facts = patient('encounter: "inpatient, 3 days ago"')
    assert facts.encounter.setting == "inpatient" and "inpatient" in facts.events["encounter"]
    assert facts.encounter.start is not None and facts.encounter.start.latest == NOW - 3 * DAY


@pytest.mark.parametrize(("age", "days"), [("8", 2922), ('"20 days"', 20)])
def test_ages_in_years_and_days(age: str, days: int) -> None:
    assert patient(f"age: {age}").age_days == days


def test_an_unknown_age_is_unknown() -> None:
    facts = patient("age: unknown")
    assert facts.age_days is None and facts.birth_date is None


def test_the_twitch_has_facets() -> None:
    twitch = patient('twitch: "lip right, 5 days ago, persistent, not suppressible"').twitch
    assert twitch is not None and twitch.onset is not None and twitch.onset.latest == NOW - 5 * DAY
    assert (twitch.sites, twitch.side, twitch.course) == ({"lip"}, "right", "persistent")
    assert twitch.traits == {"suppressible": False} and twitch.level == 3


@pytest.mark.parametrize(
    ("layer", "line", "words"),
    [
        ('labs: {potasium: "3.0 mmol/L"}', 2, "Did you mean 'potassium'?"),
        ('labs: {potassium: "3.0 parsecs"}', 2, "does not convert"),
        ('labs: {potassium: "300 mmol/L"}', 2, "outside the plausible limits"),
        ("drugs:\n    - lithium\n    - lithum", 4, "Did you mean 'lithium'?"),
        ("drugs: [ppi]", 2, "a patient takes ingredients"),
        ('stopping: ["lithium, reason toxicty"]', 2, "Did you mean 'toxicity'?"),
        ('drugs: ["lithium, reason toxicity"]', 2, "that no draft ends"),
        ("symptoms: [crampp]", 2, "Did you mean 'cramp'?"),
        ("encounter: hospital", 2, "the encounter 'hospital'"),
        ('twitch: "nose"', 2, "no site of a twitch"),
        ('conditions: ["ckd, 999999999 years ago"]', 2, "outside of all calendars"),
    ],
)
def test_a_fault_names_its_line_and_what_was_meant(layer: str, line: int, words: str) -> None:
    (told,) = faults(layer)
    assert told.startswith(f"case.yaml:{line}: V130: ") and words in told


def test_all_faults_are_told_at_once() -> None:
    assert len(faults('labs: {potasium: "3.0 mmol/L"}\n  drugs: [lithum]\n  twitch: nose')) == 3


def test_two_readings_are_equal() -> None:
    text = 'labs: {potassium: "3.0 mmol/L"}\n  symptoms: [cramp, tetany]\n  twitch: lip'
    assert patient(text) == patient(text)
