"""R6, R16: hostile text on cards that were brought into what an EHR can show: plain text, cut, links left out."""

import json
import re

import pytest

from cds_service.client_limits import PROFILES, read_client_limits
from cds_service.settings import Settings
from cds_service.web import create_app

from ..hostile_text import links_in, places, put, shown_by_a_reader, unclean, unclean_line
from .conftest import PATH
from .hostile_record import SENDABLE, STEP, TURNS, clean_answer, post, rich_call, usual_of

pytestmark = pytest.mark.hostile

PLAIN = sorted(name for name, members in PROFILES.items() if members["detail"] == "plain")
TIGHT = {"longest_summary": 40, "longest_detail": 500, "cards": 1, "suggestions": False, "links": []}


@pytest.fixture
def rich(service):
    return rich_call(service)


def _hostile(rich, turn):
    """Return the call with hostile text behind or before every text."""
    body = json.loads(json.dumps(rich))
    for index, (at, decides) in enumerate(places(rich["prefetch"])):
        if not decides:
            text, value = SENDABLE[(turn + index) % len(SENDABLE)], body["prefetch"]
            for step in at:
                value = value[step]
            put(body["prefetch"], at, (f"{value} {text}", f"{text} {value}", text)[(index + turn) % 3])
    return body


@pytest.fixture(scope="module")
def limited(knowledge, tmp_path_factory):
    """Return a function that gives a client of a service with limits, one for each set of them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('limited') / 'feedback.sqlite3'}"
    made = {}

    def give(**table):
        key = json.dumps(table, sort_keys=True)
        if key not in made:
            limits = read_client_limits([table])
            settings = Settings(store_url=url, allow_as_of=True, log_level="error", card_limits=limits)
            made[key] = create_app(settings, knowledge).test_client()
        return made[key]

    return give


def _words(text):
    return re.findall(r"\w+", text)


def test_r6_every_profile_is_here():
    assert PLAIN == ["bare", "epic", "oracle-health", "plain"] == sorted(PROFILES)


@pytest.mark.parametrize("profile", PLAIN)
@pytest.mark.parametrize("turn", TURNS[1::3] if STEP > 1 else TURNS)
def test_r6_plain_text_holds_no_link_no_sign_of_markdown_and_every_word(limited, quiet, rich, profile, turn):
    body = _hostile(rich, turn)
    client = limited(profile=profile)
    usual = {link for card in post(client, rich).get_json()["cards"] for link in links_in(card["detail"])}
    whole, cards = post(quiet, body).get_json()["cards"], post(client, body).get_json()["cards"]
    assert len(whole) == len(cards) > 0
    for before, card in zip(whole, cards, strict=True):
        detail = card["detail"]
        assert not set(links_in(detail)) - usual
        assert not unclean(detail) and "\\" not in detail and "**" not in detail
        assert not unclean_line(card["summary"])
        read = _words(shown_by_a_reader(before["detail"]))
        if "suggestions" in before and "suggestions" not in card:
            assert set(read) <= set(_words(detail))  # and what they propose, in words
        else:
            assert _words(detail) == read
        for suggestion in card.get("suggestions", ()):
            assert not unclean_line(suggestion["label"])
        for link in card.get("links", ()):
            assert profile == "plain" or link["url"].startswith("http://127.0.0.1")


@pytest.mark.parametrize("form", ["plain", "markdown"])
@pytest.mark.parametrize("turn", TURNS[::4] if STEP > 1 else TURNS)
def test_r6_what_is_told_of_what_was_cut_is_as_harmless_as_the_rest(limited, rich, form, turn):
    client = limited(detail=form, **TIGHT)
    answer = post(client, _hostile(rich, turn)).get_json()
    usual = {
        *usual_of(client, rich),
        *(link for card in post(client, rich).get_json()["cards"] for link in links_in(card["detail"])),
    }
    if form == "markdown":
        clean_answer(answer, usual)
    for card in answer["cards"]:
        assert not set(links_in(card["detail"])) - usual and not unclean(card["detail"])
        assert not unclean_line(card["summary"]) and len(card["summary"]) <= 40
        assert "suggestions" not in card and PATH
