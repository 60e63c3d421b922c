"""Cards within what an EHR can show: every clinical statement stays, what goes is told (E-goals; reference 6.2, 6.3)."""

import copy
import json
import re
import uuid
from functools import cache
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.auth import Clients, TrustedClient
from cds_service.cards.limits import NO_LIMITS, CardLimits, limited, without_extensions
from cds_service.client_limits import PROFILES, ClientLimits, read_client_limits
from cds_service.content import content_root
from cds_service.errors import SettingsError
from cds_service.hook_call import answer_call, read_call
from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings, as_environment, load_settings, shown_settings

FIXTURES = content_root() / "fixtures"
BASE = "https://cds.example"
KNOWLEDGE = load_knowledge()
CALLS = [
    *sorted((FIXTURES / "patients").glob("*/request.json")),
    *sorted((FIXTURES / "calls").glob("*.json")),
    FIXTURES / "states" / "laboratory-failed.json",
]


@cache
def _reviewed(path, limits=NO_LIMITS):
    body = path.read_bytes()
    hook = json.loads(body)["hook"]
    service = next(item for item in KNOWLEDGE.services if item.hook == hook)
    call = read_call(body, hook)
    return answer_call(call, service, KNOWLEDGE, as_of=call.as_of, base_url=BASE, limits=limits)


ALL_CARDS = [card for path in CALLS for card in _reviewed(path).cards]


def _limit(*cards, **limits):
    return limited(copy.deepcopy(cards), CardLimits(**limits), KNOWLEDGE.frames)


def _words(markdown):
    """Return the words of a detail, read another way than the product does: signs of form taken off."""
    lines = [re.sub(r"^(#{1,6} |- )", "", line) for line in markdown.split("\n")]
    return re.sub(r"\\(?=[-+>=#:.)])", "", " ".join(lines).replace("**", "")).split()


def test_there_are_cards_of_every_sort():
    assert len(ALL_CARDS) > 30
    assert {card["indicator"] for card in ALL_CARDS} == {"info", "warning", "critical"}
    assert any("suggestions" not in card for card in ALL_CARDS)


@pytest.mark.parametrize("path", CALLS, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.parametrize("profile", PROFILES)
def test_under_every_profile_every_statement_is_there_and_nothing_is_active(profile, path):
    limits = read_client_limits([{"profile": profile}]).of("", BASE)
    whole, fitted = _reviewed(path), _reviewed(path, limits)
    assert [card["uuid"] for card in fitted.cards] == [card["uuid"] for card in whole.cards]
    assert fitted.extension() == whole.extension()
    for before, after in zip(whole.cards, fitted.cards, strict=True):
        lines = iter(after["detail"].replace("\u2022 ", "").split())
        lost = [word for word in _words(before["detail"]) if word not in lines]  # in the same order
        assert lost == []
        assert not re.search(r"\*\*|^#|^[-*+] |\\[!-/]|\]\(|^\||`|<[a-z/!]", after["detail"], re.MULTILINE)
        for suggestion in before.get("suggestions", []):
            title = suggestion["actions"][0]["resource"]["code"]["text"]
            offered = [item["label"] for item in after.get("suggestions", [])]
            assert suggestion["label"] in offered or title in after["detail"]
        assert all(len(item["actions"]) == 1 for item in after.get("suggestions", []))
        assert after.get("selectionBehavior", "any") == "any"
        assert ("selectionBehavior" in after) == ("suggestions" in after)
        addresses = [after["source"].get("url", ""), *(link["url"] for link in after.get("links", []))]
        hosts = {urlsplit(url).hostname for url in addresses if url}
        assert profile == "plain" or hosts <= {"cds.example"}
        assert all(after[name] == before[name] for name in ("summary", "indicator", "uuid", "extension"))


def test_no_limits_change_nothing():
    assert limited(ALL_CARDS, NO_LIMITS, KNOWLEDGE.frames) == tuple(ALL_CARDS)


@given(
    st.sampled_from(ALL_CARDS),
    st.builds(
        CardLimits,
        plain=st.booleans(),
        hosts=st.none() | st.sets(st.sampled_from(["doi.org", "cds.example"])).map(frozenset),
        actions=st.integers(0, 2),
        suggestions=st.booleans(),
        override_reasons=st.booleans(),
        summary=st.sampled_from([0, 40, 80, 139]),
        detail=st.sampled_from([0, 500, 900, 1500]),
    ),
)
@settings(max_examples=300, deadline=None)
def test_any_mixture_of_limits_holds_and_says_what_it_took(card, limits):
    before = copy.deepcopy(card)
    (after,) = limited([card], limits, KNOWLEDGE.frames)
    assert card == before, "what was composed stays as it is"
    if limits.summary:
        assert len(after["summary"]) <= limits.summary
    if after["summary"] != card["summary"]:
        assert after["summary"].endswith("\u2026")
        assert limits.detail or card["summary"] in after["detail"]
    if limits.detail:
        assert len(after["detail"]) <= limits.detail
        kept = {*after["detail"].replace("\u2022 ", "").split(), *_words(after["detail"])}
        if set(_words(card["detail"])) - kept:
            assert "Lines left out here" in after["detail"]
    assert after["detail"].strip()
    assert ("overrideReasons" in after) == limits.override_reasons
    if not limits.suggestions:
        assert "suggestions" not in after and "selectionBehavior" not in after
    if limits.hosts is not None:
        assert {urlsplit(link["url"]).hostname for link in after.get("links", [])} <= limits.hosts


def test_cards_that_do_not_fit_are_told_on_the_last_that_does():
    cards = max((_reviewed(path).cards for path in CALLS), key=len)
    assert len(cards) > 1
    (only,) = _limit(*cards, cards=1)
    assert only["uuid"] == cards[0]["uuid"]
    for card in cards[1:]:
        assert card["summary"] in only["detail"]
    assert f"+{len(cards) - 1} more" in only["detail"]
    assert _limit(*cards, cards=1, detail=500)[0]["detail"].count("more, in full") == 1


def test_a_caution_that_did_not_fit_is_not_remembered_as_told():
    whole, fitted = _two_cautions(NO_LIMITS), _two_cautions(CardLimits(cards=1))
    assert [card["indicator"] for card in whole.cards] == ["critical", "warning"]
    assert len(whole.marks) == 1
    assert fitted.cards[0]["uuid"] == whole.cards[0]["uuid"]
    assert fitted.marks == ()


def _two_cautions(limits):
    """Review an order-select call with drafts that bring a critical caution and a warning."""
    call = json.loads((FIXTURES / "calls" / "order-select.json").read_text(encoding="utf-8"))
    draft = call["context"]["draftOrders"]["entry"][0]["resource"]
    drafts = [
        draft | {"id": name, "medicationCodeableConcept": {"text": name}}
        for name in ("mirtazapine", "linezolid", "naproxen")
    ]
    call["context"]["draftOrders"]["entry"] = [{"resource": item} for item in drafts]
    call["context"]["selections"] = [f"MedicationRequest/{item['id']}" for item in drafts]
    service = next(item for item in KNOWLEDGE.services if item.hook == "order-select")
    read = read_call(json.dumps(call).encode(), "order-select")
    return answer_call(read, service, KNOWLEDGE, as_of=read.as_of, base_url=BASE, limits=limits)


def test_a_suggestion_of_several_actions_becomes_several():
    card = next(copy.deepcopy(card) for card in ALL_CARDS if len(card.get("suggestions", ())) > 2)
    actions = [item["actions"][0] for item in card["suggestions"][:3]]
    card["suggestions"] = [card["suggestions"][0] | {"actions": actions}]
    (after,) = _limit(card, actions=1)
    assert [item["actions"] for item in after["suggestions"]] == [[action] for action in actions]
    assert len({str(uuid.UUID(item["uuid"])) for item in after["suggestions"]}) == 3
    assert after["suggestions"][0]["uuid"] == card["suggestions"][0]["uuid"]
    assert len({item["label"] for item in after["suggestions"]}) == 3


def test_without_extensions_an_answer_is_as_cds_hooks_has_it():
    answer = _reviewed(CALLS[0]).response()
    bare = without_extensions(answer)
    assert set(bare) == {"cards"}
    assert all("extension" not in card for card in bare["cards"])
    assert "extension" in answer and all("extension" in card for card in answer["cards"])


# --- the settings


def test_the_table_of_a_client_holds_before_the_one_for_all():
    limits = read_client_limits(
        [{"clients": ["https://a.example"], "cards": 2}, {"detail": "plain"}, {"cards": 3}]
    )
    assert limits.of("https://a.example", BASE) == CardLimits(cards=2)
    assert limits.of("https://b.example", BASE) == limits.of("", BASE) == CardLimits(plain=True)
    assert ClientLimits().of("https://a.example", BASE) == NO_LIMITS
    only = read_client_limits([{"clients": ["https://a.example"], "cards": 2}])
    assert only.of("https://b.example", BASE) == NO_LIMITS


def test_members_of_a_table_come_before_its_profile():
    (limits,) = (
        read_client_limits([{"profile": "epic", "detail": "markdown", "links": ["own", "doi.org"]}]).of(
            "", BASE
        ),
    )
    assert limits == CardLimits(hosts=frozenset({"cds.example", "doi.org"}), actions=1)


@pytest.mark.parametrize(
    "table",
    [
        {"profile": "unknown"},
        {"profile": 3},
        {"detail": "html"},
        {"links": "own"},
        {"links": ["https://doi.org"]},
        {"links": ["DOI.org"]},
        {"links": ["doi.org:443"]},
        {"links": [""]},
        {"actions": 0},
        {"actions": True},
        {"suggestions": 1},
        {"cards": 0},
        {"cards": 11},
        {"longest_summary": 39},
        {"longest_detail": 499},
        {"clients": "https://a.example"},
        {"detial": "plain"},
    ],
)
def test_a_member_that_cannot_be_is_refused(table):
    with pytest.raises(SettingsError, match="S051"):
        read_client_limits([table])


@pytest.mark.parametrize("raw", ["{", "{}", "3", [3], {"a": 1}, [{}] * 101])
def test_what_is_no_list_of_tables_is_refused(raw):
    with pytest.raises(SettingsError, match="S050"):
        read_client_limits(raw)


def test_a_client_nobody_trusts_cannot_have_limits():
    limits = read_client_limits([{"clients": ["https://a.example"]}])
    with pytest.raises(SettingsError, match="S052"):
        Settings(card_limits=limits)
    trusted = Clients([TrustedClient("https://a.example", "", "https://a.example/jwks")])
    assert Settings(card_limits=limits, clients=trusted).card_limits == limits


def test_the_limits_come_from_a_file_and_go_through_the_environment(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text('[[card_limits]]\nprofile = "epic"\nlinks = ["own"]\nlongest_detail = 2000\n')
    read = load_settings(path)
    assert read.card_limits.of("", BASE).plain
    assert load_settings(environment=as_environment(read)) == read
    assert load_settings(environment=as_environment(Settings())).card_limits == ClientLimits()
    assert shown_settings(read)["card_limits"][0]["profile"] == "epic"
