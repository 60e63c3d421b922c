"""What is settled once for all patients is what judging each of them whole would have said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.engine.blank import Likeness
from cds_service.engine.context import Context
from cds_service.facts import (
    DAY,
    KINDS,
    DataState,
    DrugUse,
    Encounter,
    Event,
    Measurement,
    Moment,
    PatientFacts,
    SetAside,
    Source,
    Twitch,
    moment_from_datetime,
)
from cds_service.findings import Verdict
from cds_service.program import program_of
from cds_service.ready import ready_knowledge
from cds_service.validate.case_facts import facts_from_case

KNOWLEDGE = ready_knowledge(None)
PROGRAM = program_of(KNOWLEDGE)
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOW = int(AS_OF.timestamp())
HERE = Source("Observation/1", "/entry/1/resource")
HOOKS = sorted({hook for rule in KNOWLEDGE.rules.values() for hook in rule.hooks or ()} | {"patient-view"})
#: Kind and name of everything the criteria ask about.
ASKED = sorted(
    (kind, name)
    for kind, names in PROGRAM.index.keys.items()
    for name in names
    if kind not in ("number", "drug", "twitch", "person")
)

moments = st.integers(0, 900 * DAY).map(lambda ago: Moment(NOW - ago, NOW - ago, "2026-01-01T00:00:00+00:00"))
some_moment = st.none() | moments


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    name = draw(st.sampled_from(sorted(KNOWLEDGE.terminology.analytes)))
    analyte = KNOWLEDGE.terminology.analytes[name]
    value = draw(st.none() | st.sampled_from(("0.1", "1.6", "2.4", "2.9", "7.2", "30", "130", "160", "400")))
    number = None if value is None else Decimal(value)
    return Measurement(
        name,
        number,
        draw(moments),
        HERE,
        f"{value} {analyte.unit}",
        analyte.unit,
        direction=None if value else draw(st.sampled_from((None, "low", "high"))),
        unit_doubtful=draw(st.booleans()) and draw(st.booleans()),
        sample_doubtful=draw(st.booleans()) and draw(st.booleans()),
    )


@st.composite
def uses(draw: st.DrawFn) -> DrugUse:
    word = draw(st.sampled_from(("in use", "ended", "draft", "stopping")))
    end = draw(moments) if word == "ended" else None
    return DrugUse(
        draw(st.sampled_from(sorted(KNOWLEDGE.terminology.ingredients))),
        HERE,
        "drug",
        active=word == "in use",
        start=draw(some_moment),
        end=end,
        draft=word in ("draft", "stopping"),
        stopping=word == "stopping",
        route=draw(st.sampled_from((None, "oral", "intravenous", "topical"))),
    )


@st.composite
def events(draw: st.DrawFn) -> Event:
    kind, name = draw(st.sampled_from(ASKED))
    return Event(
        kind,
        name,
        HERE,
        name,
        status=draw(st.sampled_from(("active", "active", "past", "absent"))),
        moment=draw(some_moment),
        onset=draw(some_moment),
        side=draw(st.sampled_from((None, "left", "both"))),
        in_encounter=draw(st.booleans()),
    )


@st.composite
def twitches(draw: st.DrawFn) -> Twitch:
    sites = draw(
        st.sets(st.sampled_from(("lip", "upper-lip", "eyelid", "limb", "hemiface", "tongue")), max_size=2)
    )
    return Twitch(
        draw(st.sampled_from((2, 3))),
        HERE,
        "twitch",
        frozenset(sites),
        draw(st.sampled_from((None, "left", "both"))),
        draw(some_moment),
        draw(some_moment),
    )


@st.composite
def patients(draw: st.DrawFn) -> PatientFacts:
    """Anybody: what of the knowledge is on record, and what is known of the rest, falls as it may."""
    numbers: dict[str, list[Measurement]] = {}
    for m in sorted(draw(st.lists(measurements(), max_size=8)), key=lambda m: m.moment.latest):
        numbers.setdefault(m.name, []).append(m)
    drugs: dict[str, list[DrugUse]] = {}
    for use in draw(st.lists(uses(), max_size=4)):
        drugs.setdefault(use.ingredient, []).append(use)
    held: dict[str, dict[str, list[Event]]] = {}
    for event in draw(st.lists(events(), max_size=6)):
        held.setdefault(event.kind, {}).setdefault(event.name, []).append(event)
    lost = draw(st.lists(st.sampled_from(sorted(KNOWLEDGE.terminology.analytes)), max_size=2))
    states = draw(st.lists(st.sampled_from(tuple(DataState)), min_size=len(KINDS), max_size=len(KINDS)))
    return PatientFacts(
        AS_OF,
        "Patient/p",
        age_days=draw(st.none() | st.sampled_from((3, 400, 6_000, 15_000, 30_000))),
        sex=draw(st.sampled_from((None, "female", "male"))),
        hook=draw(st.sampled_from(HOOKS)),
        encounter=Encounter(draw(st.sampled_from(("outpatient", "inpatient"))), draw(some_moment)),
        twitch=draw(st.none() | twitches()),
        twitch_state=draw(st.sampled_from((DataState.PRESENT, DataState.NOT_SENT))),
        numbers={name: tuple(rows) for name, rows in sorted(numbers.items())},
        drugs={name: tuple(rows) for name, rows in sorted(drugs.items())},
        events={k: {n: tuple(rows) for n, rows in sorted(v.items())} for k, v in sorted(held.items())},
        states=dict(zip(KINDS, states, strict=True)),
        set_aside=tuple(SetAside(HERE, "F030", "unreadable", "lab", name) for name in lost),
    )


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(patients())
def test_a_patient_judged_with_a_blank_record_is_judged_as_without(facts: PatientFacts) -> None:
    whole = PROGRAM.judge(facts, ctx=Context(facts, PROGRAM.knowhow))
    assert PROGRAM.judge(facts) == whole


@pytest.mark.parametrize("rule_id", sorted(KNOWLEDGE.rules))
def test_the_patients_of_a_rule_are_judged_as_without(rule_id: str) -> None:
    document = KNOWLEDGE.documents[f"rules/{rule_id}"]
    for name in document.data["sentinels"]:
        facts = facts_from_case(document, [("sentinels", name)], KNOWLEDGE.terminology)
        whole = PROGRAM.judge(facts, ctx=Context(facts, PROGRAM.knowhow))
        assert PROGRAM.judge(facts) == whole


def test_an_answer_is_settled_where_nothing_asked_about_is_on_record_and_only_there() -> None:
    facts = PatientFacts(AS_OF, age_days=15_000, states=dict.fromkeys(KINDS, DataState.NONE_FOUND))
    before = PROGRAM.context(facts)
    assert before.blank is not None
    settled = before.blank.rules["hypermagnesemia"]
    assert settled.finding.verdict is Verdict.UNKNOWN
    assert settled.rests_on.isdisjoint(before.touched)
    high = Measurement("magnesium", Decimal("2.4"), moment_from_datetime(AS_OF), HERE, "2.4 mmol/L", "mmol/L")
    after = PROGRAM.context(replace(facts, numbers={"magnesium": (high,)}))
    assert after.blank is before.blank
    assert not settled.rests_on.isdisjoint(after.touched)


def test_a_result_nobody_could_read_is_judged_and_not_taken_as_never_measured() -> None:
    facts = PatientFacts(AS_OF, states=dict.fromkeys(KINDS, DataState.NONE_FOUND))
    refused = replace(facts, set_aside=(SetAside(HERE, "F030", "unreadable", "lab", "potassium"),))
    (finding,) = PROGRAM.judge(refused, ("hypokalemia",))
    assert {gap.reason for gap in finding.missing if gap.name == "potassium"} == {"unreadable"}


@pytest.mark.parametrize(
    "changes",
    [
        {"hook": "order-select"},
        {"age_days": 300},
        {"twitch_state": DataState.FAILED},
        {"states": dict.fromkeys(KINDS, DataState.STALE)},
    ],
)
def test_patients_of_whom_other_things_are_known_share_no_blank_record(changes: dict[str, object]) -> None:
    facts = PatientFacts(AS_OF, age_days=15_000, states=dict.fromkeys(KINDS, DataState.NONE_FOUND))
    assert Likeness.of(facts) != Likeness.of(replace(facts, **changes))  # type: ignore[arg-type]


def test_a_blank_record_holds_nothing_of_the_patient_it_was_first_needed_for() -> None:
    facts = PatientFacts(
        AS_OF, "Patient/secret", sex="female", age_days=15_001, twitch=Twitch(3, HERE, "twitch")
    )
    kept = Likeness.of(facts).record()
    assert (kept.patient, kept.sex, kept.twitch, kept.numbers, kept.drugs) == ("", None, None, {}, {})
    assert kept.days != facts.days
