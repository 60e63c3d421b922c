"""The one way through: what a review rests on, and when a record is refused."""

from __future__ import annotations

import pytest

from cds_service.content import content_root
from cds_service.errors import PatientDataError
from cds_service.fhir import latest_clinical_date, read_bundle
from cds_service.findings import Verdict
from cds_service.ready import ready_knowledge
from cds_service.review import Review, review_patient
from tests.fhir.builders import AS_OF, PATIENT, bundle, condition, lab, order

SOUND = b'"value": 2.4'
TWICE = b'"value": 4.4, "value": 2.4'
TWITCH = condition("twitching of the lip", onsetDateTime="2026-11-15")


def potassium(number: int) -> bytes:
    """A patient with so many low results of potassium, one an hour."""
    results = [
        lab(2.4, id=f"o{n}", effectiveDateTime=f"2026-11-{19 - n // 24:02}T{23 - n % 24:02}:00:00Z")
        for n in range(number)
    ]
    return bundle(PATIENT, TWITCH, *results)


def review(data: bytes) -> Review:
    return review_patient(read_bundle(data), ready_knowledge(None), as_of=AS_OF)


def cited(found: Review) -> set[str]:
    matched = [f for f in found.findings if f.verdict is Verdict.MATCH]
    return {str(e.source) for f in matched for e in f.evidence if e.kind == "lab" and e.source}


@pytest.mark.parametrize("when", ["2026-11-19T08:00:00Z", "2026-11-19", "2026"])
def test_results_that_contradict_each_other_are_told_on_a_card(when: str) -> None:
    """One may be critical: silence would hide it. Neither is believed alone."""
    low = lab(2.2, id="low", effectiveDateTime=when)
    normal = lab(4.5, id="normal", effectiveDateTime="2026-11-19T08:00:00Z")
    for twitch in ([TWITCH], []):
        *_, card = review(bundle(PATIENT, *twitch, low, normal)).cards
        assert card["source"]["topic"]["code"] == "notAssessed"
        assert "contradict each other: potassium" in card["detail"]
    assert not review(bundle(PATIENT, lab(4.4, id="low", effectiveDateTime=when), normal)).cards


def test_a_sound_result_is_cited() -> None:
    assert cited(review(potassium(1))) == {"Observation/o0"}


def test_a_result_that_fails_the_second_look_is_left_out_for_the_one_before() -> None:
    found = review(potassium(3).replace(SOUND, TWICE, 1))
    assert cited(found) == {"Observation/o1"}
    assert [aside.code for aside in found.facts.set_aside] == ["F070"]


@pytest.mark.parametrize("number", [4, 19, 20, 21, 60])
def test_no_card_rests_on_a_result_that_fails_however_many_there_are(number: int) -> None:
    found = review(potassium(number).replace(SOUND, TWICE))
    assert cited(found) == set()
    assert not any("2.4" in card["detail"] for card in found.cards)
    assert "F070" in {aside.code for aside in found.facts.set_aside}


def test_a_record_that_keeps_failing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cds_service.review._MOST_ROUNDS", 2)
    with pytest.raises(PatientDataError) as caught:
        review(potassium(4).replace(SOUND, TWICE))
    assert [issue.code for issue in caught.value.issues] == ["F076"]


def test_what_matched_and_is_shown_on_no_card_says_why() -> None:
    dead = {**PATIENT, "deceasedBoolean": True}
    found = review(bundle(dead, TWITCH, lab(2.4)))
    assert found.cards == ()
    told = found.extension()
    assert told["outside"] == "deceased"
    assert told["findings"]
    for entry in told["findings"]:
        assert entry.get("held") == "outside" or entry.get("foldedInto") or entry.get("gaveWayTo")
    alive = review(bundle(PATIENT, TWITCH, lab(2.4))).extension()
    assert "outside" not in alive


def test_where_the_workup_is_pointless_no_undecided_rule_adds_to_it() -> None:
    """A card that advises against routine tests proposes none (specification 5.6, 8.4)."""
    path = content_root() / "fixtures" / "patients" / "eyelid-twitch-nothing-else" / "bundle.json"
    record = read_bundle(path.read_bytes())
    newest = latest_clinical_date(record)
    assert newest is not None
    (card,) = review_patient(record, ready_knowledge(None), as_of=newest).cards
    assert "No routine blood tests" in card["detail"] and "suggestions" not in card


def test_one_test_is_proposed_by_one_order() -> None:
    """What the workup already orders is not asked for again by another order of the same test."""
    path = content_root() / "fixtures" / "patients" / "lip-twitching-on-furosemide" / "bundle.json"
    record = read_bundle(path.read_bytes())
    newest = latest_clinical_date(record)
    assert newest is not None
    cards = review_patient(record, ready_knowledge(None), as_of=newest).cards
    labels = [suggestion["label"] for card in cards for suggestion in card.get("suggestions", ())]
    assert [label for label in labels if "lucose" in label] == ["Draft order: Glucose, serum or plasma"]


@pytest.mark.parametrize(
    ("since", "told"), [("2026-11-01", False), ("2026", True), ("2026-11", True), ("2025", False)]
)
def test_a_drug_dated_too_roughly_to_tell_is_said_to_be(since: str, told: bool) -> None:
    """Started in the month before the twitching, or not: nobody knows from a year. Neither is claimed."""
    use = order(medicationCodeableConcept={"text": "propofol"}, authoredOn=since)
    found = review(bundle(PATIENT, TWITCH, use))
    cards = "\n".join(card["detail"] for card in found.cards)
    assert ("dated by month or year only: propofol" in cards) is told
    assert ("Propofol started" in "".join(card["summary"] for card in found.cards)) is (since == "2026-11-01")


@pytest.mark.parametrize(
    ("onset", "words"), [("2025-01-15", "Lasting 22 months."), ("2025", "Lasting at least 10 months.")]
)
def test_how_long_it_lasts_is_no_more_than_what_is_sure(onset: str, words: str) -> None:
    found = review(bundle(PATIENT, condition("twitching of the lip", onsetDateTime=onset)))
    assert any(words in card["detail"] for card in found.cards)
