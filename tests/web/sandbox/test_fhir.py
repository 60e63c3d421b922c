"""The FHIR endpoint of the sandbox: read, search, everything; media types, CORS, refusals as OperationOutcome."""

from __future__ import annotations

import json

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from cds_service.sandbox.faults import FaultKind
from cds_service.sandbox.parameters import KNOWN_TYPES
from cds_service.sandbox.records import load_library
from cds_service.web import create_app

from .running import settings_of

LIBRARY = load_library()
STORY = next(story for story in LIBRARY.stories if story.name == "lithium-high-after-ibuprofen")
ME = STORY.patient_id
FHIR = "/sandbox/fhir"
ORIGIN = "https://ehr.example"


@pytest.fixture(scope="module")
def make_client(knowledge, tmp_path_factory):
    def make(**more):
        return create_app(settings_of(tmp_path_factory.mktemp("fhir"), **more), knowledge).test_client()

    return make


@pytest.fixture(scope="module")
def client(make_client):
    return make_client(cors_origins=("*",))


def code_of(answer):
    assert answer.get_json()["resourceType"] == "OperationOutcome"
    return answer.get_json()["issue"][0]["details"]["coding"][0]["code"]


def test_what_it_can_do_is_a_sound_statement(client):
    answer = client.get(f"{FHIR}/metadata", headers={"Accept": "application/json"})
    statement = answer.get_json()
    CapabilityStatement.model_validate(statement)
    assert statement["fhirVersion"] == "4.0.1" and answer.mimetype == "application/json"
    assert {row["type"] for row in statement["rest"][0]["resource"]} == KNOWN_TYPES


def test_every_resource_is_read_as_it_was_bundled(client):
    for row in STORY.record.resources:
        answer = client.get(f"{FHIR}/{row.type}/{row.id}")
        assert answer.status_code == 200 and answer.mimetype == "application/fhir+json"
        assert answer.get_json()["id"] == row.id


def read(answer):
    """The body as JSON, under whatever media type."""
    return json.loads(answer.get_data())


def test_a_bundle_is_sound_and_leads_where_the_asker_is(client):
    answer = client.get(f"{FHIR}/Observation?patient={ME}&_count=2", base_url="http://localhost:9")
    bundle = answer.get_json()
    Bundle.model_validate(bundle)
    assert [link["relation"] for link in bundle["link"]] == ["self", "next"]
    assert all(link["url"].startswith("http://localhost:9/sandbox/fhir/") for link in bundle["link"])
    assert bundle["entry"][0]["fullUrl"].startswith("http://localhost:9/sandbox/fhir/Observation/")


def test_links_stand_under_the_prefix(make_client):
    client = make_client(public_base_url="https://ehr.example/x")
    bundle = client.get(f"/x{FHIR}/Patient?_count=1", base_url="https://ehr.example").get_json()
    assert all(link["url"].startswith("https://ehr.example/x/sandbox/fhir/") for link in bundle["link"])
    inside = client.get(f"{FHIR}/Patient?_count=1", base_url="http://127.0.0.1:8000").get_json()
    assert all(link["url"].startswith("http://127.0.0.1:8000/x/sandbox/fhir/") for link in inside["link"])


def test_everything_tells_what_it_does_not_heed(client):
    bundle = client.get(f"{FHIR}/Patient/{ME}/$everything?_type=Condition&_count=1&_format=json").get_json(
        force=True
    )
    *rows, last = bundle["entry"]
    assert bundle["total"] == len(rows) == len(STORY.record.resources)
    assert last["search"]["mode"] == "outcome"
    assert "_count, _type" in last["resource"]["issue"][0]["details"]["text"]


def test_everything_is_the_whole_record(client):
    bundle = client.get(f"{FHIR}/Patient/{ME}/$everything").get_json()
    assert bundle["total"] == len(STORY.record.resources)
    assert [e["resource"]["id"] for e in bundle["entry"]] == [row.id for row in STORY.record.resources]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"{FHIR}/Patient/nobody", 404, "E013"),
        (f"{FHIR}/Patient/nobody/$everything", 404, "E013"),
        (f"{FHIR}/Nonsense", 404, "E013"),
        (f"{FHIR}/Nonsense/1", 404, "E013"),
        (f"{FHIR}/Patient/{ME}/_history", 404, "W404"),
        (f"{FHIR}/Observation?date=never", 400, "E004"),
        (f"{FHIR}/Observation?code:in=x", 400, "E003"),
        (f"{FHIR}/Patient?_format=xml", 406, "E011"),
        ("/sandbox/faults/rain/fhir/Patient", 404, "E010"),
    ],
)
def test_what_is_not_there_or_wrong_is_an_outcome(client, path, status, code):
    answer = client.get(path)
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_other_methods_and_media_types_are_refused(client):
    for method in ("put", "delete", "patch"):
        answer = getattr(client, method)(f"{FHIR}/Patient/{ME}")
        assert (answer.status_code, code_of(answer)) == (405, "W405")
    assert client.post(f"{FHIR}/Patient").status_code == 405
    answer = client.post(f"{FHIR}/Patient/_search", data="{}", content_type="application/json")
    assert (answer.status_code, code_of(answer)) == (415, "E012")
    for accept in (
        "application/fhir+xml",
        "text/html",
        "image/png",
        "*/*;q=0",
        "application/fhir+json; fhirVersion=3.0",
        "application/fhir+json;q=0",
        "garbage",
    ):
        answer = client.get(f"{FHIR}/Patient", headers={"Accept": accept})
        assert (answer.status_code, code_of(answer)) == (406, "E011")
    assert client.head(f"{FHIR}/Patient/{ME}").status_code == 200


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        ("application/fhir+json", "application/fhir+json"),
        ("application/json+fhir", "application/json+fhir"),
        ("application/json", "application/json"),
        ("*/*", "application/fhir+json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/fhir+json"),
        ("application/fhir+xml;q=0.9, application/fhir+json;q=0.5", "application/fhir+json"),
        (None, "application/fhir+json"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ('application/json; fhirVersion="4.0.1"; charset=utf-8', "application/json"),
        ("application/fhir+json;charset=UTF-8;q=0.9, application/fhir+xml", "application/fhir+json"),
        ("application/FHIR+JSON", "application/fhir+json"),
        ("application/fhir+xml;q=1.0, application/*;q=0.1", "application/fhir+json"),
        ("application/fhir+json;q=0.2, */*;q=0.8", "application/json+fhir"),
        ("application/fhir+json; fhirVersion=3.0, application/json", "application/json"),
        ("application/fhir+json, application/json", "application/fhir+json"),
    ],
)
def test_the_media_type_is_the_one_asked_for_also_of_refusals(client, accept, media):
    headers = {"Accept": accept} if accept else {}
    assert client.get(f"{FHIR}/Patient/{ME}", headers=headers).mimetype == media
    assert client.get(f"{FHIR}/Patient/nobody", headers=headers).mimetype == media


def test_unknown_parameters_are_told_or_refused_as_the_asker_prefers(client):
    path = f"{FHIR}/Patient?flavor=sour"
    lenient = client.get(path).get_json()
    assert lenient["total"] == len(LIBRARY.stories)
    assert lenient["entry"][-1]["search"]["mode"] == "outcome"
    assert client.get(path, headers={"Prefer": "handling=lenient"}).status_code == 200
    strict = client.get(path, headers={"Prefer": "return=minimal; handling=strict"})
    assert (strict.status_code, code_of(strict)) == (400, "E002")


def test_browsers_of_allowed_origins_may_read(make_client):
    client = make_client(cors_origins=(ORIGIN,))
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "prefer",
    }
    for path in (f"{FHIR}/Patient", "/sandbox/faults/error/fhir/Patient", f"{FHIR}/Patient/_search"):
        preflight = client.options(path, headers=asked)
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert {"authorization", "content-type", "prefer"} <= set(
            preflight.headers["Access-Control-Allow-Headers"].split(", ")
        )
    assert client.get(f"{FHIR}/Patient/nobody", headers={"Origin": ORIGIN}).headers[
        "Access-Control-Allow-Origin"
    ]
    foreign = client.get(f"{FHIR}/Patient", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in foreign.headers
    for path in ("/sandbox/patients.json", "/sandbox/feedback.json"):
        assert "Access-Control-Allow-Origin" not in client.get(path, headers={"Origin": ORIGIN}).headers


def test_a_public_page_may_call_this_machine_while_the_sandbox_is_on(make_client):
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "GET"}
    private = asked | {"Access-Control-Request-Private-Network": "true"}
    name = "Access-Control-Allow-Private-Network"
    client = make_client(cors_origins=(ORIGIN,))
    for path in (f"{FHIR}/Patient", "/cds-services", "/cds-services/twitch-patient-view"):
        assert client.options(path, headers=private).headers[name] == "true"
        assert name not in client.options(path, headers=asked).headers
    assert (
        name
        not in client.options(f"{FHIR}/Patient", headers=private | {"Origin": "https://e.example"}).headers
    )
    off = make_client(cors_origins=(ORIGIN,), sandbox=False)
    assert name not in off.options("/cds-services", headers=private).headers


def test_faults_are_what_they_say(client):
    at = {kind: f"/sandbox/faults/{kind.value}/fhir" for kind in FaultKind}
    assert client.get(f"{at[FaultKind.ERROR]}/Patient").status_code == 500
    page = client.get(f"{at[FaultKind.HTML]}/Patient/{ME}")
    assert (page.status_code, page.mimetype) == (200, "text/html")
    other = client.get(f"{at[FaultKind.OTHER_PATIENT]}/Patient/{ME}").get_json()
    assert other["id"] not in ("", ME)
    rows = client.get(f"{at[FaultKind.OTHER_PATIENT]}/Condition?patient=Patient/{ME}").get_json()
    assert {entry["resource"]["subject"]["reference"] for entry in rows.get("entry", ())} <= {
        f"Patient/{other['id']}"
    }
    whole = client.get(f"{FHIR}/Patient/{ME}").get_data()
    assert whole.startswith(client.get(f"{at[FaultKind.CUT]}/Patient/{ME}").get_data()[:-1])
    assert client.get(f"{at[FaultKind.CUT]}/Patient/{ME}").get_data() == whole[: len(whole) // 2]
