"""What fuzzing has found: every fault by its smallest input, so that it stays found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import NotFhir
from cds_service.fhir import read_bundle
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app

ROOT = Path(__file__).resolve().parents[2]
PATH = "/cds-services/twitch-patient-view"
REVIEW = "org.twitch-cds.review"


@pytest.fixture(scope="module")
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.fixture
def post(knowledge: Knowledge, tmp_path: Path) -> Any:
    settings = Settings(store_url=f"sqlite:///{tmp_path / 'x.sqlite3'}", allow_as_of=True)
    client = create_app(settings, knowledge).test_client()
    return lambda body, path=PATH: client.post(path, data=body, content_type="application/json")


@pytest.fixture
def call() -> bytes:
    text = (ROOT / "fixtures" / "patients" / "lip-twitching-on-furosemide" / "request.json").read_bytes()
    return json.dumps(json.loads(text)).encode()


@pytest.mark.parametrize(
    ("body", "codes"),
    [
        (b'"entry":[{"resource":{"resourceType":"Patient","id":5}}],"type":"\xc2"', None),
        (
            b'"entry":[{"fullUrl":"\xff","resource":{"resourceType":"Patient"}},{"resource":{"resourceType":"Patient","id":5}}]',
            None,
        ),
        (b'"entry":[{"resource":{"resourceType":"Patient","id":5}},{"fullUrl":"\xff"}]', ["F010", "F010"]),
        (b'"entry":[{"resource":{"resourceType":"Bundle","type":"\xff"}}]', ["F010"]),
    ],
)
def test_a_byte_that_is_no_utf8_beside_a_resource_that_does_not_fit(
    body: bytes, codes: list[str] | None
) -> None:
    """Found by seed: the typed pass stops at the resource, the lenient one met the byte and let it through."""
    whole = b'{"resourceType":"Bundle",' + body + b"}"
    if codes is None:
        with pytest.raises(NotFhir) as refused:
            read_bundle(whole)
        assert refused.value.issues[0].code == "F001"
    else:
        assert [aside.code for aside in read_bundle(whole).set_aside] == codes


def test_a_link_that_is_no_utf8_in_a_bundle_whose_resources_are_cited(post: Any, call: bytes) -> None:
    """The first pass skips the link, the strict look decoded it."""
    good = post(call).get_json()
    broken = call.replace(
        b'"type": "searchset"', b'"type": "searchset", "link": [{"relation": "self", "url": "\xff"}]'
    )
    answer = post(broken.replace(b'"search": {', b'"search": {"x": "\xff", '))
    assert broken != call
    assert answer.status_code == 200
    assert len(answer.get_json()["cards"]) == len(good["cards"])


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
def test_every_depth_around_the_limit_is_answered(post: Any, call: bytes, opening: bytes) -> None:
    closing = b"}" if opening[:1] == b"{" else b"]"
    around = 64 - len(("call", "prefetch", "Bundle", "entry", "entry/0", "Observation"))
    for depth in (*range(around - 3, around + 4), 320, 480, 950, 1_000, 100_000):
        deep = opening * depth + b"1" + closing * depth
        body = call.replace(
            b'{"resourceType": "Observation"', b'{"x":' + deep + b',"resourceType": "Observation"'
        )
        answer = post(body)
        assert answer.status_code == (200 if depth <= around else 400), depth
        if depth <= around:
            assert answer.get_json()["cards"], "what could not be read is told"


@pytest.mark.parametrize(
    "instant",
    [
        "2026-11-20T12:00:00+00:00:01",
        "2026-W47-5T12:00:00+00:00",
        "2026-11-20T12+00:00",
        "20261120T120000Z",
        "２０２６-11-20T12:00:00Z",
    ],
)
def test_an_evaluation_date_is_a_fhir_instant_and_nothing_else(post: Any, call: bytes, instant: str) -> None:
    """Python took an offset with seconds, and the answer then named an instant FHIR does not know."""
    tree = json.loads(call)
    tree["extension"] = {"org.twitch-cds.asOf": instant}
    answer = post(json.dumps(tree).encode())
    assert answer.status_code == 400
    assert "H012" in answer.get_data(as_text=True)


@pytest.mark.slow
@pytest.mark.parametrize("entry", [b"1", b"{}", b"null", b'{"resource":{"resourceType":"Observation"}}'])
def test_a_key_with_more_entries_than_a_patient_has_is_one_gap_and_not_a_million(
    post: Any, call: bytes, entry: bytes
) -> None:
    """Two bytes of request became a hundred of answer, and six hundred of memory."""
    flood = b'{"resourceType":"Bundle","entry":[' + b",".join([entry.ljust(24)] * 200_001) + b"]}"
    answer = post(call.replace(b'"labs-3": null', b'"labs-3": ' + flood))
    assert answer.status_code == 200
    considered = answer.get_json()["extension"][REVIEW]["dataConsidered"]
    assert "F080" in [aside["code"] for aside in considered["setAside"]]
    assert considered["kinds"]["lab"] == "failed"
    assert answer.get_json()["cards"], "a gap is told"
    assert len(answer.get_data()) < 100_000


def test_a_call_of_nothing_but_commas_is_refused_before_it_fills_the_memory(post: Any, call: bytes) -> None:
    answer = post(call[:-1] + b',"x":[' + b"1," * 3_000_000 + b"1]}")
    assert answer.status_code == 400
    assert "H015" in answer.get_data(as_text=True)


def test_a_bundle_of_nothing_but_commas_is_refused() -> None:
    with pytest.raises(NotFhir) as refused:
        read_bundle(b'{"resourceType":"Bundle","entry":[' + b"1," * 3_000_000 + b"1]}")
    assert refused.value.issues[0].code == "F009"
