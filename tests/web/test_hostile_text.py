"""R6, R16: whatever stands in a record, a request or an answer of another server, nobody can act with it on a reader.

Each text of ``tests/data/hostile-text.json`` comes into each place, a different one in each place of a request,
turned by one from request to request. ``make hostile-text`` goes through all turns; ``make test`` through some.
"""

import json
import os
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from cds_service.cli import twitch_cds
from tests.hostile_text import (
    FAMILIES,
    TEXTS,
    as_json,
    places,
    put,
    texts,
    unclean,
    unclean_detail,
    unclean_line,
    with_texts,
)

from .conftest import INSTANCE, PATH, ROOT

SEVERITY = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "x"}]}
#: Every so many turns one is taken; 1 takes all.
STEP = int(os.environ.get("HOSTILE_STEP", "60"))
#: A lone surrogate is no text: a call that holds one is refused as a whole.
SENDABLE = [text for text in TEXTS if text not in FAMILIES["surrogates"]]
TURNS = range(0, len(TEXTS), STEP)
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
ME = {"reference": "Patient/p"}


def _lab(code, value, **more):
    return {
        "resourceType": "Observation",
        "status": "final",
        "subject": ME,
        "code": {"coding": [{"system": LOINC, "code": code, "display": "Potassium"}], "text": "Potassium"},
        "effectiveDateTime": "2026-11-18T08:00:00Z",
        "note": [{"text": "note"}],
        **value,
        **more,
    }


def _quantity(value, unit, code):
    return {
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": code}
    }


def _problem(text, code="", **more):
    coding = [{"system": SNOMED, "code": code, "display": text}] if code else []
    return {
        "resourceType": "Condition",
        "subject": ME,
        "code": {"coding": coding, "text": text},
        "recordedDate": "2026-11-15",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "note": [{"text": "note", "authorString": "Doctor"}],
        **more,
    }


def _drug(text, code, **more):
    rxnorm = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": code, "display": text}
    return {
        "resourceType": "MedicationRequest",
        "status": "active",
        "intent": "order",
        "subject": ME,
        "authoredOn": "2026-10-01",
        "medicationCodeableConcept": {"coding": [rxnorm] if code else [], "text": text},
        "dosageInstruction": [{"text": "two tablets a day", "patientInstruction": "x"}],
        "note": [{"text": "note"}],
        **more,
    }


def _record():
    """Return resources that hold text in every place our readers look at, on which rules fire."""
    interpretation = [{"coding": [{"code": "L", "display": "Low"}], "text": "Low"}]
    rich = {"interpretation": interpretation, "referenceRange": [{"text": "3.5-5.1 mmol/L"}]}
    return [
        {
            "resourceType": "Patient",
            "id": "p",
            "birthDate": "1960-01-01",
            "gender": "female",
            "name": [{"family": "Doe", "given": ["Jane"], "text": "Jane Doe"}],
            "identifier": [{"system": "urn:mrn", "value": "12345"}],
            "address": [{"line": ["Street 1"], "city": "Town"}],
        },
        _lab("2823-3", _quantity(2.4, "mmol/L", "mmol/L"), id="k1", **rich),
        _lab("19123-9", {"valueString": "0.5 mmol/L"}, id="mg1", **rich),
        _lab("17861-6", {"valueString": "low"}, id="ca1", **rich),
        _lab("2345-7", {"valueString": "see comment"}, id="glu1"),
        _lab("3016-3", _quantity(9, "mIU/L", "m[IU]/L"), id="tsh1", referenceRange=[{"text": "0.4 to 4"}]),
        _lab("2951-2", _quantity(128, "odd unit", "odd"), id="na1"),
        _lab("9999-9", _quantity(1, "x", "x"), id="own1"),
        {**_lab("LOCAL", _quantity(1, "x", "x")), "code": {"coding": [{"system": "urn:local", "code": "K_1"}]}},
        _problem("Twitching of the lip", id="c1", onsetDateTime="2026-11-10", bodySite=[{"text": "lower lip"}]),
        _problem("Something local", id="c2"),
        _problem("Chronic kidney disease", "709044004", id="c3", onsetString="long ago"),
        _drug("Furosemide 40 MG Oral Tablet", "313988", id="m1"),
        _drug("Albuterol", "", id="m2"),
        {
            "resourceType": "DiagnosticReport",
            "id": "r1",
            "status": "final",
            "subject": ME,
            "code": {"text": "EMG"},
            "effectiveDateTime": "2026-11-12",
            "conclusion": "Fasciculations of the tongue",
        },
        {
            "resourceType": "FamilyMemberHistory",
            "id": "f1",
            "status": "completed",
            "patient": ME,
            "relationship": {"text": "father"},
            "condition": [{"code": {"text": "Huntington disease"}, "note": [{"text": "note"}]}],
        },
        {"resourceType": "AllergyIntolerance", "id": "a1", "patient": ME, "code": {"text": "metoclopramide"},
         "reaction": [{"manifestation": [{"text": "dystonia"}], "description": "x"}]},
        {"resourceType": "Procedure", "id": "pr1", "status": "completed", "subject": ME,
         "code": {"text": "thyroidectomy"}, "performedDateTime": "2026-01-01"},
        {
            "resourceType": "QuestionnaireResponse",
            "id": "q1",
            "status": "completed",
            "subject": ME,
            "authored": "2026-11-12",
            "item": [{"linkId": "1", "text": "Do your muscles twitch?", "answer": [{"valueString": "eyelid twitches"}]}],
        },
    ]  # fmt: skip


def _request(prefetch):
    return {
        "hook": "patient-view",
        "hookInstance": INSTANCE,
        "fhirServer": "https://fhir.example/r4",
        "context": {"patientId": "p", "userId": "Practitioner/example"},
        "prefetch": prefetch,
        "extension": {"org.twitch-cds.asOf": "2026-11-20T12:00:00Z"},
    }


@pytest.fixture
def rich(service):
    """A call with text in every place, every key filled."""
    resources = _record()
    prefetch = {key: {"resourceType": "Bundle", "type": "searchset", "entry": []} for key in service.prefetch}
    prefetch["patient"] = resources[0]
    prefetch["problems"] = {"resourceType": "Bundle", "entry": [{"resource": item} for item in resources[1:]]}
    return _request(prefetch)


@pytest.fixture
def quiet(make_app):
    return make_app(log_level="error").test_client()


def _post(client, body, path=PATH):
    data = body if isinstance(body, bytes) else as_json(body)
    return client.post(path, data=data, content_type="application/json")


def _clean_answer(answer, usual=()):
    """Whether nothing in an answer acts on its reader."""
    for card in answer["cards"]:
        assert not set(unclean_detail(card["detail"])) - set(usual), card["detail"]
        assert not unclean_line(card["summary"]) and 1 <= len(card["summary"]) < 140
        assert len(card["detail"]) <= 2500
        for suggestion in card.get("suggestions", ()):
            assert not unclean_line(suggestion["label"])
            for action in suggestion["actions"]:
                assert not unclean_line(action["description"])
                resource = dict(action["resource"])
                resource.pop("subject")
                assert not [found for at, text in texts(resource) for found in unclean(text)]
        for link in (*card.get("links", ()), card["source"]):
            assert link.get("url", "https://").startswith(("http://127.0.0.1", "https://"))
    _clean_texts(answer)


def _clean_texts(answer):
    for at, text in texts(answer):
        if not at.endswith(("/detail", "/url")):
            assert not unclean(text), (at, text)
            assert len(text) <= 2500, at


def _usual(client, body):
    return {
        item for card in _post(client, body).get_json()["cards"] for item in unclean_detail(card["detail"])
    }


def test_r6_the_corpus_is_large_and_each_text_is_there_once():
    assert len(TEXTS) == len(set(TEXTS)) >= 300
    assert all(FAMILIES.values())


@pytest.mark.parametrize("text", FAMILIES["surrogates"])
def test_r6_a_call_with_a_lone_surrogate_is_refused_with_a_reason(quiet, rich, text):
    rich["prefetch"]["patient"]["name"][0]["text"] = text
    response = _post(quiet, rich)
    assert response.status_code == 400
    assert response.get_json()["issue"][0]["details"]["coding"][0]["code"] == "H002"


def _variants(text, hostile):
    return (hostile, f"{text} {hostile}", f"{hostile} {text}", f"{text}{hostile}")


@pytest.mark.parametrize("turn", TURNS)
def test_r16_hostile_text_in_every_place_of_a_record(quiet, rich, turn):
    where = [at for at, decides in places(rich["prefetch"]) if not decides]
    assert len(where) >= 60
    usual = _usual(quiet, rich)
    for variant in range(4) if STEP == 1 else [turn // STEP % 4]:
        body = json.loads(json.dumps(rich))
        originals = dict(_all(body["prefetch"], where))
        for index, at in enumerate(where):
            hostile = SENDABLE[(turn + index) % len(SENDABLE)]
            put(body["prefetch"], at, _variants(originals[at], hostile)[variant])
        response = _post(quiet, body)
        assert response.status_code == 200, response.text
        answer = response.get_json()
        assert answer["cards"]
        _clean_answer(answer, usual)
        explained = _post(quiet, body, PATH.replace("/cds-services", "/explain"))
        assert explained.status_code == 200
        _clean_texts(explained.get_json())


def _all(document, where):
    for at in where:
        value = document
        for step in at:
            value = value[step]
        yield at, value


@pytest.mark.parametrize("turn", TURNS)
def test_r16_hostile_text_where_it_decides_what_the_record_is(quiet, rich, turn):
    """Codes, systems, units, ids, dates, types, hook and user: one at a time, refused or harmless."""
    deciding = [at for at, decides in places(rich) if decides or at[0] != "prefetch"]
    usual = _usual(quiet, rich)
    step = max(1, len(deciding) // 12) if STEP > 1 else 1
    for index in range(turn % step, len(deciding), step):
        body = json.loads(json.dumps(rich))
        put(body, deciding[index], TEXTS[(turn * 7 + index) % len(TEXTS)])
        for path in (PATH, PATH.replace("/cds-services", "/explain")):
            response = _post(quiet, body, path)
            assert response.status_code in (200, 400, 412), response.text
            if "cards" in response.get_json():
                _clean_answer(response.get_json(), usual)
            else:
                _clean_texts(response.get_json())


@pytest.mark.parametrize("turn", TURNS)
def test_r6_hostile_members_of_the_request_and_values_of_keys(quiet, rich, turn):
    text = TEXTS[turn]
    outcome = with_texts(SEVERITY, [("issue", 0, "diagnostics")], turn)
    keys = sorted(rich["prefetch"])
    for value in (text, outcome, {"resourceType": text}, {"resourceType": "Bundle", "entry": text}, [text]):
        body = json.loads(json.dumps(rich))
        body["prefetch"] = {**body["prefetch"], keys[0]: value, keys[-1]: value, text: value}
        body[text or "x"] = text
        response = _post(quiet, body)
        assert response.status_code in (200, 400, 412)
        _clean_texts(response.get_json())
    answer = _post(quiet, text.encode("utf-8", "surrogatepass"))
    assert answer.status_code == 400
    _clean_texts(answer.get_json())


@pytest.mark.parametrize("turn", TURNS)
def test_r6_hostile_feedback(quiet, turn):
    base = {"feedback": [{"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-11-20T10:00:00Z",
                          "overrideReason": {"reason": {"code": "r", "system": "s"}, "userComment": "u"}}]}  # fmt: skip
    for at, _decides in places(base):
        body = json.loads(json.dumps(base))
        body["feedback"][0]["card"] = INSTANCE
        put(body, at, TEXTS[turn])
        response = _post(quiet, body, f"{PATH}/feedback")
        assert response.status_code in (200, 400)
        _clean_texts(response.get_json())


# --- pages


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
        self.value = None

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, tuple(name for name, _ in attributes)))
        if tag == "input":
            self.value = dict(attributes)["value"]


def _tags(page):
    parser = _Tags()
    parser.feed(page)
    parser.close()
    return parser


def test_r6_what_is_searched_is_text_on_the_page(quiet):
    def head(page):
        return [item for item in _tags(page).found if item[0] not in ("li", "ul", "h2", "span", "a", "p")]

    usual = head(quiet.get("/rules?q=zzzz").text)
    for text in TEXTS:
        query = text.encode("utf-8", "replace").decode()
        response = quiet.get("/rules", query_string={"q": query, "rule": query, query[:50]: "x"})
        assert response.status_code == 200
        assert head(response.text) == usual, text
        for address in (f"/rules/{query[:100]}", f"/cds-services/{query[:100]}"):
            other = quiet.get(address)
            assert other.status_code in (200, 404, 405), address
            if other.status_code == 404:
                _clean_texts(other.get_json())


# --- terminal


@pytest.mark.parametrize("turn", TURNS[::4] if STEP > 1 else TURNS[::10])
@pytest.mark.parametrize("arguments", [["review"], ["review", "--brief"], ["review", "--json"], ["explain"],
                                       ["explain", "--json"]])  # fmt: skip
def test_r6_no_text_of_a_record_commands_the_terminal(rich, tmp_path, turn, arguments):
    body = with_texts(
        rich, [("prefetch", *at) for at, decides in places(rich["prefetch"]) if not decides], turn
    )
    for at in (("problems", "entry", 0, "resource", "id"), ("problems", "entry", 2, "resource", "id")):
        put(body["prefetch"], at, TEXTS[turn])
    path = tmp_path / "request.json"
    path.write_bytes(as_json(body))
    command, *options = arguments
    run = CliRunner().invoke(twitch_cds, [command, str(path), "--as-of", "2026-11-20", *options])
    assert run.exit_code == 0, run.output
    found = [item for item in unclean(run.output) if item.startswith("U+")]
    assert not found


def test_r16_the_checks_find_what_they_look_for():
    for text in FAMILIES["html"][:5] + FAMILIES["markdown-images"][:2] + FAMILIES["markdown-links"][:3]:
        assert unclean_detail(f"#### T\n\n{text}"), text
    for text in ("a\u202eb", "a\x1b[0m", "\ud800", "&lt;", "www.evil.example", "a@evil.example"):
        assert unclean_line(text), text
    assert (ROOT / "tests" / "data" / "hostile-text.json").exists()
