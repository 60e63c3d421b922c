"""The wording lint: what it forbids, what it asks for, what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.text.wording import assert_clean, lint_card, lint_text, own_wording, read_wording
from tests.carding import knowledge

FINE = [
    "Potassium 2.9 mmol/L (2025-05-30) may contribute to muscle twitching; magnesium not measured",
    "Do not stop the corticosteroid abruptly after 3 weeks; taper with the prescriber",
    "Recorded diagnosis of epilepsy: consider a level",
    "Calcium 2.1 to 2.2 mmol/L: check albumin",
    "Potassium 3.0-3.5 mmol/L may contribute",
    "Glucose is the only blood test that must precede thrombolysis; check it",
    "Not ruled out and not confirmed: assess; unsafe to drive, review",
    "Urine sodium below 20 mmol/L suggests loss",
    "CK above 4 times the upper limit: check",
    "Started 30 days ago; lithium level 0.8 mmol/L, check",
    "A diagnosis needs review; it is common, benign and expected",
    "Lithium for 5 years: consider calcium",
]
WRONG = {
    "This is the diagnosis of tetany, check": "diagnosis of",
    "The patient has epilepsy, check": "patient has",
    "Hypocalcemia confirmed, check": "confirmed",
    "ALS ruled out, may rest": "ruled out",
    "Stroke excluded, may rest": "excluded",
    "No serious cause likely": "No serious cause",
    "Stop lithium and check": "Stop",
    "Discontinue lithium and check": "Discontinue",
    "You should check": "You",
    "Check your potassium": "your",
    "This must be assessed": "must",
    "It is definitely common": "definitely",
    "It is safe to wait, may": "safe to",
    "A 30 % risk of ALS is possible": "30 % risk of",
    "The chance of 3 in 10 is possible": "chance of 3",
    "Give potassium and check": "Give",
    "Consider: start prednisone 40 mg daily": "start prednisone 40 mg",
    "Seen 01/02/2025, check": "01/02/2025",
    "Seen 12 May 2025, check": "12 May 2025",
    "Check for hypokalaemia": "hypokalaemia",
    "Possible oestrogen effect": "oestrogen",
    "Potassium 2.9 may contribute": "Potassium 2.9",
    "A deadly twitch is possible": "deadly",
    "Check <b>now": "<b",
}


@pytest.mark.parametrize("text", FINE)
def test_fine_summaries_pass(text: str) -> None:
    assert lint_text(text, "summary") == []


@pytest.mark.parametrize("text", WRONG)
def test_wrong_wordings_are_named(text: str) -> None:
    faults = lint_text(text, "summary")
    assert len(faults) == 1 and WRONG[text] in faults[0], faults


def test_a_summary_needs_a_word_of_caution_and_no_markup() -> None:
    assert lint_text("Potassium 2.9 mmol/L on record", "summary")
    assert lint_text("Potassium 2.9 mmol/L on record", "detail") == []
    assert lint_text("**Check** potassium", "summary") == ["summary holds markup"]


def test_words_inside_other_words_are_no_fault() -> None:
    assert lint_text("Nonstop stoppage, youth and mustard: check", "summary") == []


def test_the_label_exception_holds_only_for_its_rules_and_beside_its_words() -> None:
    text = "The label advises discontinuation; discuss with the prescriber, consider timing"
    assert lint_text(text, "safety", None, ["metoclopramide-dyskinesia"]) == []
    assert lint_text(text, "safety", None, ["caffeine"])
    assert lint_text("Consider discontinuation", "safety", None, ["metoclopramide-dyskinesia"])


def card(**changes: Any) -> dict[str, Any]:
    plain = {
        "summary": "Possible contributor: check",
        "detail": "Recorded.",
        "indicator": "info",
        "source": {"label": "x"},
    }
    return {**plain, **changes}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"summary": "check " * 30}, "180 characters"),
        ({"summary": "check\nthis"}, "line break"),
        ({"detail": "x" * 2501}, "2501 characters"),
        ({"detail": "##### deep"}, "heading"),
        ({"detail": "a\u202eb"}, "control character"),
        ({"indicator": "critical"}, "does not begin"),
        ({"detail": "Consider potassium replacement."}, "always shows magnesium"),
        ({"detail": "An ECG may help."}, "ECG"),
        ({"detail": "Stop lithium."}, "Stop"),
    ],
)
def test_faults_of_a_card(changes: dict[str, Any], fault: str) -> None:
    faults = lint_card(card(**changes))
    assert any(fault in item for item in faults), faults


def test_a_clean_card_passes_and_assert_clean_lists_faults() -> None:
    assert_clean([card(), card(indicator="critical", detail="Urgent: assess now.")])
    with pytest.raises(AssertionError, match="says 'must'"):
        assert_clean([card(detail="This must be done.")])


def test_record_text_and_quoted_titles_are_not_judged() -> None:
    assert lint_card(card(detail="Recorded: stop you must"), record=["stop you must"]) == []
    assert lint_card(card(detail="**Sources:** Drug-induced hypokalaemia 2012")) == []


def test_all_frames_and_warnings_of_the_content_pass() -> None:
    content = knowledge()
    for name, text in content.frames.texts.items():
        assert lint_text(text, "detail") == [], name
    for warning in (*content.cessation.warnings, *content.cessation.exceptions):
        assert lint_text(warning.say, "safety") == []
        assert own_wording().medication.also.search(warning.say)


def test_broken_wording_is_a_content_fault() -> None:
    from cds_service.errors import ContentError

    with pytest.raises(ContentError, match="P004"):
        read_wording({"summary_below": 140})


def test_an_abbreviation_in_the_plural_is_expanded_too() -> None:
    wording = read_wording(knowledge().wording)
    assert wording.unexpanded("NSAIDs and ARBs raise lithium") == ["ARB", "NSAID"]
