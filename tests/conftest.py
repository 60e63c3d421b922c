"""What holds for every test: cards obey the wording rules (specification 12), answers their schemas."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service import review
from cds_service.cards import build_cards
from cds_service.text.wording import assert_clean
from tests.connects import connects

__all__ = ["connects"]
from tests.databases import postgresql, store, url
from tests.protocol import Described, body_sent, faults

__all__ = ["postgresql", "store", "url"]


@pytest.fixture(autouse=True)
def cards_are_linted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lint every card where it is made; text of the record is not ours to judge."""
    is_hostile = request.node.get_closest_marker("hostile") is not None

    def linted(triaged: Any, facts: Any, *arguments: Any, **options: Any) -> Any:
        cards = build_cards(triaged, facts, *arguments, **options)
        if not is_hostile:
            assert_clean(cards, record=_words_of_record(facts))
        wrong = [fault for card in cards for fault in faults("response.schema.json#/$defs/Card", card)]
        assert wrong == []
        return cards

    monkeypatch.setattr(review, "build_cards", linted)
    yield


@pytest.fixture(autouse=True)
def answers_fit_their_schemas(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Hold every review, and every request and answer of a test client, against the schemas of the protocol.

    Where all hostile texts go through all places (``make hostile-text``), one of ten: it would take most time.
    """
    extension, send = review.Review.extension, FlaskClient.open
    is_campaign = (
        os.environ.get("HOSTILE_STEP") == "1" and request.node.get_closest_marker("hostile") is not None
    )
    turns = itertools.count()

    def is_passed_over() -> bool:
        return is_campaign and next(turns) % 10 != 0

    def checked_extension(self: Any) -> dict[str, Any]:
        found = extension(self)
        if is_passed_over():
            return found
        assert faults("response.schema.json#/$defs/Review", found) == []
        return found

    def checked_send(self: Any, *arguments: Any, **options: Any) -> Any:
        response = send(self, *arguments, **options)
        if (
            is_passed_over()
            or not options.get("buffered", True)
            or self.application.extensions.get("twitch-cds") is None
        ):
            return response
        described = self.application.extensions.setdefault("tests.protocol", Described(self.application))
        request = response.request
        sent = body_sent(options)
        assert list(described.faults(request.method, request.path, sent, response)) == []
        return response

    monkeypatch.setattr(review.Review, "extension", checked_extension)
    monkeypatch.setattr(FlaskClient, "open", checked_send)
    yield


def _words_of_record(facts: Any) -> list[str]:
    results = [m for found in facts.numbers.values() for m in found]
    uses = [use for found in facts.drugs.values() for use in found]
    events = [e for names in facts.events.values() for found in names.values() for e in found]
    # a refused value is shown cut: every beginning of it is text of the record
    shown = [a.shown[:length] for a in facts.set_aside for length in range(len(a.shown), 0, -1)][:2_000]
    twitch = [] if facts.twitch is None else [facts.twitch.display]
    return [
        *(m.reported for m in results),
        *(m.range_reported for m in results),
        *(use.display for use in uses),
        *(event.display for event in events),
        *shown,
        *twitch,
    ]
