"""One of a thing is told in the singular, wherever the service counts or measures time."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest

from tests.web.conftest import ROOT, patient

_WRONG = re.compile(
    r"(?<![\d.,/-])1 (years|months|weeks|days|hours|minutes|times|rules|results|values|entries|cards|drugs|tests)\b"
)
_STORIES = sorted(path.parent.name for path in (ROOT / "fixtures" / "patients").glob("*/request.json"))


@pytest.mark.parametrize("story", _STORIES[::4])
def test_explanations_and_cards_count_right(client: Any, story: str) -> None:
    body = (ROOT / "fixtures" / "patients" / story / "request.json").read_bytes()
    for path in ("/explain/twitch-patient-view", "/cds-services/twitch-patient-view"):
        answer = client.post(path, data=body, content_type="application/json")
        assert answer.status_code in (200, 412)
        assert _WRONG.findall(answer.text) == []


def test_pages_of_rules_count_right(client: Any, knowledge: Any) -> None:
    for rule in sorted(knowledge.rules):
        shown = unescape(
            re.sub(r"<[^>]+>", "", client.get(f"/rules/{rule}").text.partition('id="written"')[0])
        )
        assert _WRONG.findall(shown) == [], rule


def test_one_rule_found_holds_the_words(client: Any, knowledge: Any) -> None:
    said = {}
    for rule in sorted(knowledge.rules):
        text = " ".join(client.get("/rules", query_string={"q": rule}).text.split())
        count, words = re.search(rf'(\d+) of \d+ rules (holds?) "{rule}"', text).groups()
        said.setdefault(int(count) == 1, set()).add(words)
    assert said[True] == {"holds"} and said.get(False, {"hold"}) == {"hold"}


@pytest.mark.parametrize(
    ("days", "words"), [(1, "Age 1 day"), (2, "Age 2 days"), (60, "Age 1 month"), (61, "Age 2 months")]
)
def test_the_age_of_a_newborn(client: Any, knowledge: Any, days: int, words: str) -> None:
    born = (date(2026, 11, 20) - timedelta(days=days)).isoformat()
    service = next(item for item in knowledge.services if item.hook == "patient-view")
    call = json.loads((ROOT / "fixtures/patients/no-twitching/request.json").read_text(encoding="utf-8"))
    call["prefetch"] = dict.fromkeys(service.prefetch) | {"patient": patient(birthDate=born, id="p")}
    call["context"]["patientId"] = "p"
    answer = client.post("/explain/twitch-patient-view", json=call)
    assert re.findall(r"Age \d+ \w+", answer.text) and set(re.findall(r"Age \d+ \w+", answer.text)) == {words}
