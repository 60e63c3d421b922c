"""What a site changes holds everywhere: in judging, on cards, in explanations, in the version."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cds_service.catalogue.logic import logic_in_words
from cds_service.catalogue.outline import outline_of
from cds_service.content import content_root
from cds_service.errors import SettingsError
from cds_service.explain import explain_patient
from cds_service.explain.text import render_text
from cds_service.fhir import latest_clinical_date, read_bundle
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.program import program_of
from cds_service.review import Review, review_patient
from cds_service.site import NO_CHANGES, read_site
from cds_service.site_changes import changes_of_definition, changes_of_rule, is_as_published, stale_texts
from cds_service.terminology.amounts import limit_fault

ROOT = content_root()
HEAD = "site: Test site\n"
WHY = "because: our laboratory says so, by: board"
SEVERE = f"thresholds:\n  - {{definition: potassium-severe, lab: potassium, at_most: 2.5 mmol/L, use: USE, {WHY}}}\n"


@cache
def at_site(text: str) -> Knowledge:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "site.yaml"
        path.write_text(HEAD + text, encoding="utf-8")
        return load_knowledge(site=read_site(path, ROOT))


def faults(text: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        at_site(text)
    return [issue.code for issue in error.value.issues]


def reviewed(patient: str, text: str) -> Review:
    record = read_bundle((ROOT / "fixtures" / "patients" / patient / "bundle.json").read_bytes())
    newest = latest_clinical_date(record)
    assert newest is not None
    return review_patient(record, at_site(text), as_of=newest)


def clauses(items: Any) -> str:
    return " ".join(item.words + " " + clauses(item.parts) for item in items)


def test_without_a_site_file_everything_is_as_published() -> None:
    published = load_knowledge()
    assert published.site == NO_CHANGES
    assert "+site" not in published.version


def test_a_threshold_is_told_wherever_the_logic_is() -> None:
    knowledge = at_site(SEVERE.replace("USE", "2.7 mmol/L"))
    rule = knowledge.rules["hypokalemia"]
    said = "potassium at most 2.7 mmol/L instead of 2.5 mmol/L"
    assert any(said in sentence for sentence in logic_in_words(rule, knowledge))
    assert said in clauses(outline_of(rule, knowledge))
    assert "published: at most 2.5 mmol/L" in clauses(outline_of(rule, knowledge))
    assert [change.used for change in changes_of_rule(rule, knowledge)] == ["2.7 mmol/L"]
    assert not is_as_published(rule, knowledge)
    assert is_as_published(knowledge.rules["hypomagnesemia"], knowledge)
    assert changes_of_definition("potassium-low", knowledge) == ()


def test_a_card_names_the_values_of_the_site() -> None:
    """A sentence of a rule may still name the published number: the card says which one held."""
    review = reviewed("lip-twitching-on-furosemide", SEVERE.replace("USE", "2.7 mmol/L"))
    said = "**Values of this site:** potassium at most 2.7 mmol/L instead of 2.5 mmol/L"
    about = [
        card for card in review.cards if "hypokalemia" in card["extension"]["org.twitch-cds.card"]["ruleIds"]
    ]
    assert about and all(said in card["detail"] for card in about)
    assert not any(
        "Values of this site" in card["detail"] for card in reviewed("lip-twitching-on-furosemide", "").cards
    )


def test_version_and_hash_follow_the_site_file() -> None:
    first, second = at_site(SEVERE.replace("USE", "2.7 mmol/L")), at_site(SEVERE.replace("USE", "2.8 mmol/L"))
    assert len({first.version, second.version, load_knowledge().version}) == 3
    assert first.content_hash != second.content_hash


def test_a_convertible_unit_is_as_good() -> None:
    knowledge = at_site(SEVERE.replace("USE", "2.7 mEq/L"))
    assert program_of(knowledge).rules


def test_the_published_limit_may_be_in_another_spelling_of_the_unit() -> None:
    terminology = load_knowledge().terminology
    assert limit_fault(terminology, "lab digoxin-level", "2 ug/L", "3 nmol/L") == ""
    assert "does not convert" in limit_fault(terminology, "lab digoxin-level", "2 ug/L", "3 mmol/L")


@pytest.mark.parametrize("use", ["2.7 mg/dL", "27 mmol/L", "2.7", "2 days"])
def test_amounts_that_cannot_be_are_refused(use: str) -> None:
    assert faults(SEVERE.replace("USE", use)) == ["S108"]


def test_all_faults_are_told_at_once() -> None:
    text = (
        SEVERE.replace("USE", "27 mmol/L")
        + f"switch_off:\n  - {{rule: hypokalemi, {WHY}}}\n  - {{switch: draft, {WHY}}}\n"
    )
    assert sorted(faults(text)) == ["S104", "S108", "S111"]


def test_settings_files_and_terminology_can_be_changed() -> None:
    knowledge = at_site(
        "thresholds:\n"
        f"  - {{file: cards/modifiers.yaml, temporal: {{drug_started: 30 days}}, use: 42 days, {WHY}}}\n"
        f"  - {{file: terminology/lookback.yaml, default: {{lab: {{usual: {{outpatient: 30 days}}}}}}, use: 45 days, {WHY}}}\n"
    )
    assert knowledge.modifiers.temporal_drug == 42 * 86_400
    assert knowledge.terminology.analyte("potassium").usual["outpatient"] == 45 * 86_400
    assert load_knowledge().terminology.analyte("potassium").usual["outpatient"] == 30 * 86_400


def test_a_value_the_schema_forbids_is_the_fault_of_the_site() -> None:
    assert faults(f"thresholds:\n  - {{file: cards/triage.yaml, caps: {{lines: 5}}, use: 50, {WHY}}}\n") == [
        "S113"
    ]


def test_texts_that_still_name_the_published_value_are_listed() -> None:
    knowledge = at_site(
        f"thresholds:\n  - {{definition: potassium-low, lab: potassium, below: 3.5 mmol/L, places: 2, use: 3.4 mmol/L, {WHY}}}\n"
    )
    assert all(issue.code == "S120" and "3.5 mmol/L" in issue.what for issue in stale_texts(knowledge))
    assert stale_texts(load_knowledge()) == []


# --- switches


def test_a_switched_off_rule_is_counted_and_told() -> None:
    text = f"switch_off:\n  - {{rule: hypokalemia, {WHY}}}\n  - {{group: lifestyle, {WHY}}}\n"
    review = reviewed("lip-twitching-on-furosemide", text)
    knowledge = at_site(text)
    off = set(knowledge.site.switched_off)
    assert "hypokalemia" in off and "caffeine" in off
    counts = review.counts
    assert counts["rules"] == sum(count for name, count in counts.items() if name != "rules")
    assert counts["rules"] == len(load_knowledge().rules)
    assert counts["switchedOff"] == len(off)
    assert set(review.extension()["switchedOff"]) == off
    told = explain_patient(review, knowledge, "hypokalemia")
    assert [(rule["answer"], rule["words"]) for rule in told["rules"]] == [
        ("switched-off", "switched off by the site")
    ]
    assert "our laboratory says so" in render_text(told)
    assert len(explain_patient(review, knowledge)["rules"]) == counts["rules"]


def test_without_switches_the_review_says_nothing_of_them() -> None:
    review = reviewed("lip-twitching-on-furosemide", "")
    assert "switchedOff" not in review.counts and "switchedOff" not in review.extension()


def test_without_drafts_orders_stand_in_words() -> None:
    patient = "lip-twitching-on-furosemide"
    assert any(card.get("suggestions") for card in reviewed(patient, "").cards)
    review = reviewed(patient, f"switch_off:\n  - {{switch: drafts, {WHY}}}\n")
    assert review.cards
    assert not any(card.get("suggestions") for card in review.cards)
    assert "Options to consider" in "".join(card["detail"] for card in review.cards)


def test_without_the_critical_pack_what_is_held_back_is_named() -> None:
    patient = "stroke-features-two-hours"
    before = reviewed(patient, "")
    critical = [f.rule_id for f in before.findings if f.indicator == "critical" and f.rank]
    assert critical
    review = reviewed(patient, f"switch_off:\n  - {{switch: critical-pack, {WHY}}}\n")
    assert not any(card["indicator"] == "critical" for card in review.cards)
    assert dict(review.triaged.held)[critical[0]] == "switched-off"
    title = at_site("").rules[critical[0]].title
    assert any(
        title in card["detail"] and "switched off at this site" in card["detail"] for card in review.cards
    )
    assert review.counts == before.counts


def test_what_is_outside_the_scope_stays_silent_without_the_critical_pack() -> None:
    text = f"switch_off:\n  - {{switch: critical-pack, {WHY}}}\n"
    assert (
        reviewed("deceased-with-low-calcium", text).cards == reviewed("deceased-with-low-calcium", "").cards
    )


def test_a_range_of_a_test_can_be_changed() -> None:
    knowledge = at_site(
        f"thresholds:\n  - {{file: terminology/labs/potassium.yaml, range: {{low: 3.5}}, use: 3.4, {WHY}}}\n"
    )
    assert str(knowledge.terminology.analyte("potassium").default_range()[0]) == "3.4"


def test_a_change_that_makes_a_file_unreadable_is_the_fault_of_the_site() -> None:
    assert faults(
        f"thresholds:\n  - {{file: cards/modifiers.yaml, temporal: {{result: 7 days}}, use: fortnight, {WHY}}}\n"
    ) == ["S113"]


def test_the_example_of_the_guide_works() -> None:
    guide = (ROOT / "docs" / "sites.md").read_text(encoding="utf-8")
    example = guide.split("```yaml\n")[1].split("```")[0].replace("concept_maps: [local-codes.json]\n", "")
    knowledge = at_site(example.partition("\n")[2])
    assert [change.used for change in knowledge.site.changes] == ["2.7 mmol/L"]
    assert list(knowledge.site.switched_off) == ["caffeine"]


def test_without_the_eyelid_card_an_isolated_eyelid_twitch_is_silent() -> None:
    patient = "eyelid-twitch-nothing-else"
    assert [card["source"]["topic"]["code"] for card in reviewed(patient, "").cards]
    review = reviewed(patient, f"switch_off:\n  - {{switch: isolated-eyelid-card, {WHY}}}\n")
    assert review.cards == ()
    assert review.counts["switchedOff"] == 1


def test_without_comfort_care_silence_the_cards_are_those_of_everybody() -> None:
    patient = "comfort-care-low-potassium"
    assert reviewed(patient, "").cards == ()
    assert reviewed(patient, f"switch_off:\n  - {{switch: comfort-care-silence, {WHY}}}\n").cards


def test_the_site_is_told_around_an_explanation() -> None:
    text = SEVERE.replace("USE", "2.7 mmol/L")
    around = explain_patient(reviewed("lip-twitching-on-furosemide", text), at_site(text))
    assert around["site"] == "Test site"
    assert around["changes"][0]["definition"] == "potassium-severe"
    assert "2.7 mmol/L instead of 2.5 mmol/L" in render_text(around)
