"""Recognition of twitching in text: sentences as data, properties, and the reading of the words."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.content import content_root, read_document
from cds_service.errors import ContentError
from cds_service.narrative import MAX_LENGTH, Mention, Narrative, load_narrative, recognition
from cds_service.narrative.lexicon import PhraseIndex
from cds_service.narrative.page import read_page

SENTENCES = Path(__file__).parent / "data" / "narrative-sentences.yaml"


def _sentences() -> list[Any]:
    groups = read_document(SENTENCES, SENTENCES.parent).data
    return [
        pytest.param(entry, id=f"{group['group']}: {entry['text']}".encode("ascii", "replace").decode())
        for group in groups
        for entry in group["sentences"]
    ]


@pytest.fixture(scope="session")
def narrative() -> Narrative:
    return load_narrative(content_root())


def _shown(mention: Mention, keys: set[str]) -> dict[str, Any]:
    values = {
        "sites": sorted(mention.sites),
        "side": mention.side or "none",
        "course": mention.course or "none",
        "days": "none" if mention.duration_days is None else str(mention.duration_days),
        "longest": "none" if mention.longest_days is None else str(mention.longest_days),
        "level": str(mention.level),
        "symptom": mention.symptom or "none",
        "traits": {name: str(value).lower() for name, value in mention.traits.items()},
    }
    return {key: values[key] for key in sorted(keys)}


def _expected(entry: dict[str, Any]) -> dict[str, Any]:
    def as_text(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: str(one).lower() for name, one in value.items()}
        return value if isinstance(value, list) else str(value)

    return {key: as_text(entry[key]) for key in sorted(entry) if key != "text"}


@pytest.mark.parametrize("entry", _sentences())
def test_sentence(narrative: Narrative, entry: dict[str, Any]) -> None:
    mentions = narrative.recognize(entry["text"])
    counted = [mention for mention in mentions if not mention.negated]
    if "none" in entry:
        assert mentions == ()
    elif "not" in entry:
        assert counted == []
        assert mentions[0].reason == entry["not"]
    else:
        assert counted, [mention.reason for mention in mentions]
        expected = _expected(entry)
        assert _shown(counted[0], set(expected)) == expected


def test_several_mentions_are_judged_one_by_one(narrative: Narrative) -> None:
    mentions = narrative.recognize("Lip twitching x 5 days, no fasciculations. Son's eye twitches.")
    assert [mention.reason for mention in mentions] == ["", "negated", "family"]
    assert [mention.negated for mention in mentions] == [False, True, True]


def test_a_mention_knows_its_place_in_the_original_text(narrative: Narrative) -> None:
    text = "\ufb01rst: the ＬＩＰ twit\u00adching since yesterday"
    (mention,) = narrative.recognize(text)
    assert text[mention.start : mention.end] == mention.text == "ＬＩＰ twit\u00adching"


def test_a_text_too_long_is_cut_and_says_so(narrative: Narrative) -> None:
    beyond = narrative.recognize("x " * (MAX_LENGTH // 2) + "lip twitching")
    assert beyond == () and beyond.is_cut
    within = narrative.recognize("lip twitching. " + "x " * MAX_LENGTH)
    assert len(within) == 1 and within.is_cut
    assert not narrative.recognize("lip twitching").is_cut
    assert not narrative.recognize("nothing").is_cut


def test_no_word_is_cut_in_two(narrative: Narrative) -> None:
    # Cut inside "twitchingX" the rest would read "twitching".
    text = "x" * (MAX_LENGTH - len(" twitching")) + " twitchingX"
    assert narrative.recognize(text) == ()


@pytest.mark.parametrize(
    ("text", "word", "reason"),
    [
        ("no weakness", "weakness", "negated"),
        ("denies fever, weakness", "weakness", "negated"),
        ("weakness of the arm, no fever", "weakness", ""),
        ("family history of ALS", "ALS", "family"),
        ("return if weakness", "weakness", "hypothetical"),
        ("weakness resolved", "weakness", "resolved"),
        ("seizures in childhood", "seizures", "historic"),
        ("Cirrhosis of liver without mention of alcohol", "alcohol", "negated"),
        ("Weakness: no", "Weakness", "negated"),
        ("Weakness: yes", "Weakness", ""),
    ],
)
def test_context_of_any_word(narrative: Narrative, text: str, word: str, reason: str) -> None:
    start = text.index(word)
    assert narrative.context(text, start, start + len(word)) == reason


def test_context_reaches_words_beyond_the_limit(narrative: Narrative) -> None:
    text = "x " * MAX_LENGTH + ". She denies weakness. Fever."
    start = text.index("weakness")
    assert narrative.context(text, start, start + 8) == "negated"
    start = text.index("Fever")
    assert narrative.context(text, start, start + 5) == ""


@pytest.mark.parametrize("span", [(0, 0), (-1, 2), (3, 2), (0, 99)])
def test_a_span_outside_the_text_is_refused(narrative: Narrative, span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="span"):
        narrative.context("no fever", *span)


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("leg weakness today", ["weakness"], True),
        ("no weakness", ["weakness"], False),
        ("no weakness in the arm. Weakness of the leg.", ["weakness"], True),
        ("muscular weaknesses", ["weakness"], False),
        ("Stress incontinence", ["stress"], True),
        ("psychotic disorder", ["tic disorder", "tic"], False),
        ("double  vision since Monday", ["double vision"], True),
        ("mother has diabetes", ["diabetes"], False),
        ("fever", [], False),
        ("fever", ["", "chills"], False),
        ("C++ (stage 2)", ["stage 2"], True),
    ],
)
def test_asserted(narrative: Narrative, text: str, words: list[str], expected: bool) -> None:
    assert narrative.asserted(text, words) is expected


# Unpunctuated repetitions that a careless search would need quadratic time or deep recursion for.
@pytest.mark.parametrize(
    "piece",
    [
        "twitch ", "no twitch ", "son ", "lip, twitch, ", "if no not but twitch ", "5 days twitch ",
        "(((( twitch ", "a\u0316\u0301", "\ufdfa", "any? twitch? no? ", "left left twitch ", "worms under ",
        "twitch\n", "'", "-", "the past the last 3 days ", "not not resolved twitch ",
        "mother mother's twitch ", "lip and lip/ ",
    ],
)  # fmt: skip
def test_hostile_repetitions_are_read(narrative: Narrative, piece: str) -> None:
    text = (piece * MAX_LENGTH)[: MAX_LENGTH - 40] + " . Lip twitching."
    mentions = narrative.recognize(text)
    assert mentions[-1].sites == {"lip"} and mentions[-1].reason == ""
    assert isinstance(narrative.asserted(text, ["twitch", "lip"]), bool)


_PIECES = [
    "lip", "eyelid", "twitching", "fasciculations", "no", "denies", "but", ",", ".", ";", "for", "5",
    "days", "if", "son's", "mother", "reports", "resolved", "left", "right", "and", "spreading", "to",
    "constant", "not", "(", ")", "?", "yes", ":", "since", "yesterday", "tongue", "x", "3/7", "jerk",
    "spasm", "muscle", "until", "upper", "/", "-", "\n",
]  # fmt: skip
_NOTES = st.lists(st.sampled_from(_PIECES), max_size=40).map(" ".join)


_MIXED = st.tuples(st.text(max_size=40), _NOTES).map("twitch ".join)


@settings(deadline=None)
@given(text=st.one_of(_NOTES, st.text(max_size=300), _MIXED))
def test_any_text_is_read(narrative: Narrative, text: str) -> None:
    for mention in narrative.recognize(text):
        assert 0 <= mention.start < mention.end <= len(text)
        assert mention.text == text[mention.start : mention.end]
        assert mention.negated is (mention.reason != "")
        assert mention.level in (0, 1, 2)
        assert mention.side in (None, "left", "right", "both")
        assert mention.longest_days is None or mention.longest_days >= (mention.duration_days or 0)
        assert isinstance(narrative.context(text, mention.start, mention.end), str)
    assert isinstance(narrative.asserted(text, ["twitching", "lip"]), bool)


@settings(deadline=None)
@given(text=_NOTES)
def test_case_does_not_matter(narrative: Narrative, text: str) -> None:
    def seen(form: str) -> list[tuple[Any, ...]]:
        return [
            (m.level, m.sites, m.side, m.course, m.traits, m.reason, m.duration_days, m.start)
            for m in narrative.recognize(form)
        ]

    assert seen(text.upper()) == seen(text) == seen(text.title())


_PLAIN = st.builds(
    "{} {} {}{}".format,
    st.sampled_from(["left", "right", "intermittent", ""]),
    st.sampled_from(["lip", "upper lip", "eyelid", "chin", "facial", "tongue", "calf", "muscle"]),
    st.sampled_from(["twitching", "fasciculations", "twitches"]),
    st.sampled_from(["", " for 5 days", " since yesterday", " x 3 weeks"]),
)


@settings(deadline=None)
@given(text=_PLAIN, cue=st.sampled_from(["no ", "denies ", "without ", "no evidence of ", "Negative for "]))
def test_a_negation_before_a_plain_mention_turns_it(narrative: Narrative, text: str, cue: str) -> None:
    assert [mention.reason for mention in narrative.recognize(text)] == [""]
    assert [mention.reason for mention in narrative.recognize(cue + text)] == ["negated"]


_OTHERS = st.sampled_from(["No fever.", "Denies weakness;", "no rash\n", "Denies cramps but has"])


@settings(deadline=None)
@given(text=_PLAIN, before=_OTHERS)
def test_a_negation_of_something_else_changes_nothing(narrative: Narrative, text: str, before: str) -> None:
    (alone,) = narrative.recognize(text)
    (after,) = narrative.recognize(f"{before} {text}")
    assert (after.reason, after.sites, after.side) == ("", alone.sites, alone.side)


@settings(deadline=None)
@given(text=_NOTES)
def test_the_same_text_gives_the_same_answer(narrative: Narrative, text: str) -> None:
    assert narrative.recognize(text) == load_again().recognize(text)


@cache
def load_again() -> Narrative:
    return load_narrative(content_root())


def test_the_words_follow_their_schema() -> None:
    schema = json.loads((content_root() / "cards/schema/narrative.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    words = read_document(content_root() / "terminology/narrative.yaml", content_root()).data
    assert [error.json_path for error in jsonschema.Draft202012Validator(schema).iter_errors(words)] == []


def test_the_schema_refuses_an_unknown_key() -> None:
    schema = json.loads((content_root() / "cards/schema/narrative.schema.json").read_text("utf-8"))
    words = read_document(content_root() / "terminology/narrative.yaml", content_root()).data
    words["movements"][0]["wrods"] = ["twitch"]
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(words))
    assert [error.json_path for error in errors] == ["$.movements[0]"]


def test_symptoms_are_names_of_terminology() -> None:
    folder = content_root() / "terminology" / "symptoms"
    words = read_document(content_root() / "terminology/narrative.yaml", content_root()).data
    names = {
        reading["symptom"]
        for movement in words["movements"]
        for reading in movement["readings"]
        if "symptom" in reading
    }
    assert names, "no movement names a symptom"
    assert sorted(name for name in names if not (folder / f"{name}.yaml").is_file()) == []


def _load_changed(tmp_path: Path, old: str, new: str) -> list[str]:
    """Load the words with one change; return the faults as text, each with its place."""
    text = (content_root() / "terminology/narrative.yaml").read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} must stand once in the file for this test"
    (tmp_path / "terminology").mkdir()
    (tmp_path / "terminology" / "narrative.yaml").write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ContentError) as caught:
        load_narrative(tmp_path)
    return [str(issue) for issue in caught.value.issues]


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("  - id: quiver\n    words: [quiver,", "  - id: quiver\n    words: [twitch, quiver,", "N007"),
        ("mouth-and-chin: [perioral, chin]", "mouth-and-chin: [perioral, chinn]", "N006"),
        ("{area: lower-face, level: 2", "{area: lower-fase, level: 2", "N008"),
        ("{area: lower-face, level: 2", "{area: lower-face, level: 7", "N003"),
        ("  - reason: hypothetical", "  - reason: hypotetical", "N009"),
        ("site_reach: 4", "site_reach: far", "N003"),
        ("questions: [any,", "questions: [any of, ", "N010"),
        ("chin: [chin, mentalis,", "chin: [chin, (mentalis), ", "N004"),
        ('voided_by: ["@unchanged", "@unexplained"]', 'voided_by: ["@unchangd"]', "N005"),
    ],
)
def test_faults_of_the_words_name_their_line(tmp_path: Path, old: str, new: str, code: str) -> None:
    (issue, *_) = _load_changed(tmp_path, old, new)
    place, seen, _ = issue.split(": ", 2)
    assert seen == code
    changed = (tmp_path / "terminology" / "narrative.yaml").read_text("utf-8").splitlines()
    line = changed[int(place.removeprefix("terminology/narrative.yaml:")) - 1]
    assert line in new or new.splitlines()[-1].split(",")[0] in line


def test_a_missing_file_is_a_content_error(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"narrative\.yaml"):
        load_narrative(tmp_path)


def test_a_text_is_made_ready_once_however_much_is_asked_about_it(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    monkeypatch.setattr(
        recognition, "read_page", lambda folded, lexicon: read.append(1) or read_page(folded, lexicon)
    )
    fresh = load_narrative(content_root())
    text = "Twitching of the left eyelid, denies weakness and pain."
    assert fresh.recognize(text)
    assert fresh.context(text, 0, 9) == ""
    assert fresh.context(text, 37, 45) == "negated"
    assert not fresh.asserted(text, ["weakness"])
    assert len(read) == 1


_FEW_WORDS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4).map(tuple)


@settings(deadline=None)
@given(st.lists(_FEW_WORDS, max_size=8), st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=12))
def test_the_longest_known_phrase_is_marked_at_each_place(
    phrases: list[tuple[str, ...]], words: list[str]
) -> None:
    index = PhraseIndex()
    for phrase in phrases:
        index.add(phrase, "k", phrase)
    expected: list[tuple[str, ...] | None] = []
    while len(expected) < len(words):
        fitting = [p for p in phrases if tuple(words[len(expected) :][: len(p)]) == p]
        longest = max(fitting, key=len, default=None)
        expected += [None] if longest is None else [longest] * len(longest)
    assert [mark and mark.value for mark in index.marks(words)] == expected


def test_texts_kept_ready_are_dropped_when_asked(narrative: Narrative) -> None:
    narrative.asserted("Lip twitching since May.", ["twitching"])
    assert narrative._kept_page.cache_info().currsize > 0
    narrative.forget()
    assert narrative._kept_page.cache_info().currsize == 0
