"""The acceptance vignettes of the specification, section 15, through the whole product."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from cds_service.fhir import read_bundle, read_drafts
from cds_service.knowledge import Knowledge, Service, load_knowledge
from cds_service.review import Review, review_patient
from cds_service.settings import Settings
from cds_service.text.wording import assert_clean
from cds_service.web import create_app
from tests.articles.corrections import assert_corrected
from tests.fhir_builder import STYLES, bundle_of, request_of
from tests.vignettes.judging import EXTENSION, differences
from tests.vignettes.reading import Vignette, read_file, vignettes_of

PATH = Path(__file__).with_name("section-15.yaml")
ALL = {vignette.name: vignette for vignette in vignettes_of(PATH)}


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    return load_knowledge()


def review(vignette: Vignette, style_name: str) -> Review:
    style = STYLES[style_name]
    record = read_bundle(json.dumps(bundle_of(vignette.resources(style))).encode())
    drafts = vignette.drafts(style)
    if drafts:
        record = read_drafts(record, json.dumps(bundle_of(drafts)).encode())
    return review_patient(record, knowledge(), as_of=vignette.as_of, hook=vignette.hook)


@pytest.mark.parametrize(
    ("name", "style"), [(name, style) for name, vignette in ALL.items() for style in vignette.styles]
)
def test_vignette(name, style):
    found = review(ALL[name], style).response()
    assert differences(found, ALL[name].expect) == []
    assert_clean(found["cards"])
    assert_corrected(found["cards"])


def test_every_vignette_is_there_and_either_judged_or_waiting_for_a_rule():
    rows = read_file(PATH).data["vignettes"]
    assert [row["id"] for row in rows] == [f"V{number}" for number in range(1, 147)]
    assert [row["id"] for row in rows if "expect" not in row and not row.get("later")] == []


def test_what_waits_for_a_rule_waits_for_one_that_is_not_there():
    rows = read_file(PATH).data["vignettes"]
    arrived = {row["id"]: rule for row in rows for rule in row.get("later", ()) if rule in knowledge().rules}
    assert arrived == {}, "these rules exist now: write the expectation"


# ----------------------------------------------------------------------------- over HTTP


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = f"sqlite:///{tmp_path_factory.mktemp('store') / 'feedback.sqlite3'}"
    return create_app(Settings(store_url=store, allow_as_of=True), knowledge()).test_client()


def service_of(hook: str) -> Service | None:
    return next((item for item in knowledge().services if item.hook == hook and item.active), None)


OFFERED = [name for name, vignette in ALL.items() if service_of(vignette.hook)]


@pytest.mark.parametrize("name", OFFERED)
def test_vignette_over_http(name, client):
    vignette = ALL[name]
    style = vignette.styles[sum(map(ord, name)) % len(vignette.styles)]
    service = service_of(vignette.hook)
    drafts = vignette.drafts(STYLES[style])
    request = request_of(vignette.resources(STYLES[style]), service, vignette.as_of, drafts)
    answer = client.post(f"/cds-services/{service.id}", json=request)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert differences(answer.get_json(), vignette.expect) == []
    assert found_of(answer.get_json()) == found_of(review(vignette, style).response())


def found_of(response: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What both ways in must agree on: every matched rule with its words and its weight."""
    rows = response["extension"][EXTENSION]["findings"]
    return [
        (row["ruleId"], row.get("rank"), row["strength"], row["indicator"], row["summary"]) for row in rows
    ]
