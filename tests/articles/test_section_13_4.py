"""The corrections to the articles hold in every text and on every card."""

from typing import Any

import pytest

from cds_service.findings import Finding, plain
from tests.articles import specification
from tests.articles.corrections import PATH, assert_corrected, forbidden, repeated_claims
from tests.articles.specification import needs_specification
from tests.articles.texts import rule_texts, shared_texts, without_slots
from tests.fhir_builder import STYLES
from tests.vignettes.reading import Vignette, read_file
from tests.vignettes.test_section_15 import review

ROWS = list(enumerate(read_file(PATH).data["corrections"]))
ARTICLES = [row["article"] for _, row in ROWS]


@pytest.mark.parametrize("rule", sorted(rule_texts()))
def test_no_text_of_a_rule_repeats_the_article(rule):
    assert [fault for text in rule_texts()[rule] for fault in repeated_claims(without_slots(text))] == []


@pytest.mark.parametrize("path", sorted(shared_texts()))
def test_no_text_that_rules_share_repeats_the_article(path):
    assert [fault for text in shared_texts()[path] for fault in repeated_claims(text)] == []


@pytest.mark.parametrize(("claim", "form"), forbidden(), ids=lambda part: getattr(part, "pattern", None))
def test_every_pattern_catches_a_sentence_of_the_article(claim, form):
    row = next(row for _, row in ROWS if row["article"] == claim)
    assert any(form.search(sentence) for sentence in row["wrong"])


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=ARTICLES)
def test_every_sentence_of_the_article_is_caught(row):
    assert [sentence for sentence in row["wrong"] if not repeated_claims(sentence)] == []


def told(row: dict[str, Any]) -> list[tuple[str, str]]:
    """Each rule with each of its words."""
    parts = row.get("told", {})
    return [
        (rule, w) for rule, words in parts.items() for w in ([words] if isinstance(words, str) else words)
    ]


@pytest.mark.parametrize("row", [row for _, row in ROWS], ids=ARTICLES)
def test_a_rule_says_what_is_right(row):
    assert told(row) or row.get("recognized")
    missing = [(rule, words) for rule, words in told(row) if not any(words in t for t in rule_texts()[rule])]
    assert missing == []


SHOWN = [(n, row) for n, row in ROWS if "shown" in row]


@pytest.mark.parametrize(("number", "row"), SHOWN, ids=[row["article"] for _, row in SHOWN])
def test_the_finding_says_it_and_its_cards_repeat_nothing(number, row):
    vignette = Vignette(row["article"], read_file(PATH), (("base",), ("corrections", number, "shown")), {})
    outcome = review(vignette, "american")
    assert outcome.cards
    assert_corrected(outcome.cards)
    words = {rule: said for rule, said in told(row) if "{" not in said}
    spoken = {finding.rule_id: said_by(finding) for finding in outcome.findings if finding.rule_id in words}
    assert any(words[rule] in text for rule, text in spoken.items())


def said_by(finding: Finding) -> str:
    """Everything a finding says of this patient."""
    lines = (finding.summary, *finding.detail, *finding.safety, *finding.advice)
    return "\n".join(plain(line) for line in lines)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("entry", [entry for _, row in ROWS for entry in row.get("recognized", ())])
def test_twitch_and_myoclonus_are_kept_apart(entry, style):
    vignette = Vignette(entry["text"], read_file(PATH), (("base",), ("without",)), {}, reason=entry["text"])
    facts = review(vignette, style).facts
    assert (facts.twitch is not None) == entry["twitch"]
    assert ("myoclonus" in facts.events.get("symptom", {})) == entry["myoclonus"]


@needs_specification
def test_every_correction_of_the_specification_is_here():
    assert [[row["article"], row["right"]] for _, row in ROWS] == specification.rows("13.4")
