"""The client of bulk exports against a server that behaves well and badly; nothing is ever "none on record"."""

import functools
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cds_service.batch.export.access import Clock, ExportAccess, is_address, parse_export
from cds_service.batch.export.download import download
from cds_service.errors import BatchError
from cds_service.fetch import parse_server

from . import server as bad
from .server import ExportServer, ndjson

PATIENTS = ndjson({"resourceType": "Patient", "id": f"p{n}"} for n in range(3))
RESULTS = ndjson(
    {"resourceType": "Observation", "id": f"o{n}", "subject": {"reference": f"Patient/p{n % 3}"}}
    for n in range(2000)
)
FILES = {"Patient.a": PATIENTS, "Observation.a": RESULTS}
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Time:
    """A clock that goes on only while somebody waits."""

    def __init__(self):
        self.at = 0.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.at += seconds

    @property
    def clock(self):
        return Clock(lambda: self.at, lambda: datetime.now(UTC), self.sleep, lambda low, high: high)


class Client:
    """Downloads from one server, and keeps what it was told."""

    def __init__(self, server, folder, *others, **options):
        self.server = server
        self.folder = folder / "export"
        self.time = Time()
        self.told = []
        self.progress = []
        servers = tuple(parse_server(text) for text in (server.base, *others))
        self.access = ExportAccess(
            servers, stall_seconds=3.0, tell=self.told.append, clock=self.time.clock, **options
        )

    def run(self, url="", **options):
        download(url or self.server.url, self.folder, self.access, progress=self.progress.append, **options)
        return json.loads((self.folder / "manifest.json").read_text())

    def read(self, name):
        return (self.folder / name).read_bytes()

    @property
    def codes(self):
        return [issue.code for issue in self.told]

    def fails(self, **options):
        with pytest.raises(BatchError) as error:
            self.run(**options)
        return error.value.issues[0]


@pytest.fixture
def server():
    with ExportServer(FILES) as running:
        yield running


@pytest.fixture
def client(server, tmp_path):
    return Client(server, tmp_path)


# ----------------------------------------------------------------- the good way


def test_an_export_becomes_a_folder_of_files_by_type_and_number(server, client):
    manifest = client.run()
    assert client.read("Patient.000.ndjson") == PATIENTS
    assert client.read("Observation.000.ndjson") == RESULTS
    assert sorted(path.name for path in client.folder.iterdir()) == [
        "Observation.000.ndjson", "Patient.000.ndjson", "manifest.json",
    ]  # fmt: skip
    assert manifest["types"] == {"Condition": "complete", "Observation": "complete", "Patient": "complete"}
    assert manifest["transactionTime"] == bad.INSTANT
    assert client.told == []


def test_the_kick_off_asks_for_what_is_read_and_no_more(server, client):
    client.run(f"{server.url}?_since=2026-01-01T00:00:00%2B01:00")
    (kickoff,) = server.requests("GET", "$export")
    assert kickoff[2] == {
        "_outputFormat": ["application/fhir+ndjson"],
        "_type": ["Condition,Observation,Patient"],
        "_since": ["2026-01-01T00:00:00+01:00"],
    }
    assert kickoff[3]["Prefer"] == "respond-async"
    assert kickoff[3]["Accept"] == "application/fhir+json"


def test_what_changed_since_a_time_is_never_a_whole_record(server, client):
    manifest = client.run(f"{server.url}?_since=2026-01-01T00:00:00Z")
    assert set(manifest["types"].values()) == {"incomplete"}
    assert client.codes == ["B054"]


def test_progress_and_retry_after_are_heeded(server, client):
    client.run()
    assert client.time.slept == [3.0]
    first = client.progress[0]
    assert (first.stage, first.done, first.total, first.told) == ("export", 40, 100, "40% done")
    assert (client.progress[-1].stage, client.progress[-1].share) == ("download", 1.0)


def test_the_job_is_ended_when_everything_is_there(server, client):
    client.run()
    assert [row[1] for row in server.requests("DELETE")] == ["/jobs/1"]


def test_files_of_one_type_are_numbered_and_a_file_named_twice_is_taken_once(server, client):
    server.files["Patient.b"] = PATIENTS.replace(b"p", b"q", 0)
    server.extra = [{"type": "Patient", "url": f"{server.origin}/files/Patient.a", "count": 3}]
    client.run()
    assert client.read("Patient.001.ndjson") == server.files["Patient.b"]
    assert not (client.folder / "Patient.002.ndjson").exists()
    assert client.codes == ["B056"]
    assert len(server.requests("GET", "/files/Patient.a")) == 1


def test_an_export_of_nothing_is_one(server, client):
    server.files.clear()
    manifest = client.run()
    assert manifest["output"] == []


def test_an_empty_file_is_kept_it_says_that_there_is_none(server, client):
    server.files["Condition.a"] = b""
    manifest = client.run()
    assert client.read("Condition.000.ndjson") == b""
    assert manifest["types"]["Condition"] == "complete"


def test_types_nothing_is_read_from_are_not_downloaded(server, client):
    server.files["Claim.a"] = ndjson([{"resourceType": "Claim"}])
    client.run()
    assert server.requests("GET", "Claim") == []


def test_a_server_without_metadata_is_asked_for_everything(server, client):
    server.script[("GET", "/fhir/metadata")] = [bad.status(404)]
    client.run()
    assert "_type" not in server.requests("GET", "$export")[0][2]


def test_a_server_that_does_not_know_type_is_asked_again_without(server, client):
    server.script[("GET", "/fhir/Group/g1/$export")] = [bad.outcome(400, "_type is not supported")]
    client.run()
    assert [("_type" in row[2]) for row in server.requests("GET", "$export")] == [True, False]
    assert client.codes == ["B055"]


def refusing(name):
    """Refuse a kick-off as HAPI FHIR 7.6.1 does that names a type of no patient; else behave well."""
    words = f"HAPI-0512: Resource types [{name}] are invalid for this type of export"
    refuse = bad.outcome(400, words)

    def behave(server, http):
        asked = parse_qs(urlsplit(http.path).query).get("_type", [""])[0].split(",")
        return refuse(server, http) if name in asked else server.well(http)

    return behave


def test_a_server_that_refuses_medications_is_asked_for_the_rest_and_it_is_told(server, client):
    rows = [{"type": name} for name in ("Medication", "Observation", "OperationOutcome", "Patient")]
    statement = {"resourceType": "CapabilityStatement", "rest": [{"resource": rows}]}
    server.script[("GET", "/fhir/metadata")] = [lambda server, http: server.send_json(http, statement)]
    server.script[("GET", "/fhir/Group/g1/$export")] = [refusing("Medication")] * 2
    client.run()
    asked = [row[2]["_type"] for row in server.requests("GET", "$export")]
    assert asked == [["Medication,Observation,Patient"], ["Observation,Patient"]]
    assert client.codes == ["B057"]


def test_a_server_that_refuses_every_list_of_types_tells_why_the_first_was(server, client):
    rows = [{"type": name} for name in ("Medication", "Patient")]
    statement = {"resourceType": "CapabilityStatement", "rest": [{"resource": rows}]}
    server.script[("GET", "/fhir/metadata")] = [lambda server, http: server.send_json(http, statement)]
    words = ("not for you", "nor this", "nor anything")
    server.script[("GET", "/fhir/Group/g1/$export")] = [bad.outcome(400, text) for text in words]
    assert "not for you" in str(client.fails())
    assert client.codes == []


def test_an_export_is_asked_for_anew_not_from_a_cache(server, client):
    client.run()
    assert server.requests("GET", "$export")[0][3]["Cache-Control"] == "no-cache"


# ----------------------------------------------------------------- what HAPI FHIR said


@pytest.fixture
def recorded(server):
    """Answer what HAPI FHIR 7.6.1 answered to the export of a group of one made-up patient."""

    def said(row):
        def behave(server, http):
            headers = {name: text.replace("{origin}", server.origin) for name, text in row["headers"].items()}
            body = row["body"].replace("{origin}", server.origin).encode()
            server.send(http, row["status"], headers, body)

        return behave

    rows = json.loads((Path(__file__).parent / "recorded" / "hapi-7.6.1.json").read_text(encoding="utf-8"))
    served = [{"type": name} for name in ("Medication", "MedicationRequest", "Observation", "Patient")]
    statement = {"resourceType": "CapabilityStatement", "rest": [{"resource": served}]}
    server.script[("GET", "/fhir/metadata")] = [lambda server, http: server.send_json(http, statement)]
    for row in rows:
        server.script.setdefault((row["method"], row["path"]), []).append(said(row))
    return server


def test_the_export_of_hapi_becomes_a_folder(recorded, client):
    manifest = client.run(f"{recorded.base}/Group/one/$export")
    assert not any(recorded.script.values())
    assert {row["type"] for row in manifest["output"]} == {"MedicationRequest", "Patient"}
    assert manifest["types"] == {
        "MedicationRequest": "complete",
        "Observation": "complete",
        "Patient": "complete",
    }
    assert json.loads(client.read("Patient.000.ndjson"))["id"] == "refers"
    assert client.codes == ["B057"]
    assert client.time.slept == [120]
    assert not (client.folder / "job.json").exists()


@pytest.mark.parametrize("members", [1, 3])
def test_files_may_come_packed(server, client, members):
    server.script[("GET", "/files/Observation.a")] = [bad.packed(members=members)]
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS
    assert client.told == []


def test_a_slow_server_is_waited_for(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.slow]
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS


def test_a_manifest_in_parts_is_followed(server, client):
    first = server.whole_manifest()
    more = {**first, "output": first["output"][1:]}
    first = {**first, "output": first["output"][:1], "link": [{"relation": "next", "url": "/jobs/1/2"}]}
    server.waits = 0
    server.script[("GET", "/jobs/1")] = [lambda s, http: s.send_json(http, first)]
    server.script[("GET", "/jobs/1/2")] = [lambda s, http: s.send_json(http, more)]
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS


# ----------------------------------------------------------------- addresses


@pytest.mark.parametrize("level", ["$export", "Patient/$export", "Group/g-1.x/$export", "Group/g1/%24export"])
def test_addresses_of_exports(level):
    access = ExportAccess((parse_server("https://h.example/fhir"),))
    found = parse_export(f"HTTPS://H.example/fhir/{level}", access)
    assert found.url == f"https://h.example/fhir/{level.replace('%24', '$')}"


@pytest.mark.parametrize(
    "text",
    [
        "https://h.example/fhir",
        "https://h.example/fhir/Observation/$export",
        "https://h.example/fhir/Group/$export",
        "https://h.example/fhir/$export?_typeFilter=x",
        "https://h.example/fhir/$export?_since=yesterday",
        "https://h.example/fhir/$export?_since=2026-01-01T00:00:00Z&_since=2025-01-01T00:00:00Z",
        "https://user@h.example/fhir/$export",
        "https://h.example/fhir/../$export",
        "https://h.example/fhir/$export#x",
    ],
)
def test_other_addresses_are_refused(text):
    assert is_address(text)
    with pytest.raises(BatchError, match=r"B04[01]"):
        parse_export(text, ExportAccess((parse_server("https://h.example/fhir"),)))


def test_only_listed_servers_are_asked(server, tmp_path):
    client = Client(server, tmp_path)
    client.access = ExportAccess((parse_server("https://h.example/fhir"),))
    assert client.fails().code == "B041"
    assert server.seen == []


# ----------------------------------------------------------------- the kick-off


def test_a_refusal_is_told_in_words_without_ids(server, client):
    said = "Group/g1 with Patient/4711 of 1970-01-01 is not allowed for this client"
    server.script[("GET", "/fhir/Group/g1/$export")] = [bad.outcome(403, said)]
    issue = client.fails()
    assert issue.code == "B043"
    assert "is not allowed for this client" in issue.what
    assert not any(part in str(issue) for part in ("4711", "1970", "g1"))


def test_a_busy_server_is_asked_again_when_it_wishes(server, client):
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
    server.script[("GET", "/fhir/Group/g1/$export")] = [
        bad.status(429, {"Retry-After": "7"}),
        bad.status(503, {"Retry-After": later}),
        bad.status(429, {"Retry-After": "999999"}),
    ]
    client.run()
    assert client.time.slept[0] == 7.0
    assert 200 < client.time.slept[1] <= 300
    assert client.time.slept[2] == 600.0, "no server is waited for longer"


def test_one_server_error_is_forgiven(server, client):
    server.script[("GET", "/fhir/Group/g1/$export")] = [bad.status(500)]
    client.run()
    assert client.told == []


def test_a_redirect_is_not_followed(server, client):
    server.script[("GET", "/fhir/Group/g1/$export")] = [
        bad.status(307, {"Location": f"{server.origin}/jobs/9"})
    ]
    assert client.fails().code == "B043"
    assert server.requests("GET", "/jobs/") == []


@pytest.mark.parametrize(
    "link", ["", "https://elsewhere.example/jobs/1", "//elsewhere.example/1", "http://127.0.0.1:1/jobs/1"]
)
def test_a_job_on_another_origin_is_refused(server, client, link):
    server.script[("GET", "/fhir/Group/g1/$export")] = [bad.status(202, {"Content-Location": link})]
    assert client.fails().code == "B044"


def test_a_server_that_takes_itself_for_another_behind_a_proxy_is_told_by_name(server, client):
    job = "http://Inside:8080/fhir/$export-poll-status?_jobId=66f8a8ce"
    server.script[("GET", "/fhir/Group/g1/$export")] = [bad.status(202, {"Content-Location": job})]
    said = str(client.fails())
    assert "it names http://inside:8080)" in said
    assert "66f8a8ce" not in said


def test_a_job_that_failed_is_told_in_the_words_of_the_server(server, client):
    words = "ca.uhn.fhir.jpa.StepFailed#1: HAPI-0797: You attempted to start a Patient Bulk Export"
    issue = {"severity": "error", "diagnostics": words}
    failed = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()
    server.script[("GET", "/jobs/1")] = [bad.text(failed, "application/fhir+json", 500)]
    assert "(status 500: … You attempted to start a Patient Bulk Export)" in str(client.fails())


# ----------------------------------------------------------------- waiting


def test_endless_waiting_ends(server, tmp_path):
    server.waits = 10**9
    client = Client(server, tmp_path, total_seconds=90.0)
    assert client.fails().code == "B045"
    assert [row[1] for row in server.requests("DELETE")] == ["/jobs/1"]


def test_without_a_wish_the_pauses_grow(server, client):
    server.waits = 0
    server.script[("GET", "/jobs/1")] = [bad.status(202)] * 8
    client.run()
    assert client.time.slept == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_failed_export_is_told_and_ended(server, client):
    server.script[("GET", "/jobs/1")] = [bad.outcome(500, "the database is down")]
    issue = client.fails()
    assert issue.code == "B046"
    assert "the database is down" in issue.what
    assert len(server.requests("DELETE")) == 1


def test_a_passing_error_of_polling_is_no_failure_of_the_job(server, client):
    server.script[("GET", "/jobs/1")] = [bad.outcome(503, "later", issue="transient"), bad.status(502)]
    client.run()
    assert client.told == []


def test_a_job_that_is_gone_while_it_is_waited_for_is_a_failure(server, client):
    server.script[("GET", "/jobs/1")] = [bad.status(404)]
    assert client.fails().code == "B046"


@pytest.mark.parametrize(
    "change",
    [
        {"transactionTime": None},
        {"transactionTime": "yesterday"},
        {"transactionTime": "2026-11-20T10:00:00"},
        {"requiresAccessToken": "true"},
        {"output": None},
        {"output": {}},
        {"output": [{"type": "Patient"}]},
        {"output": [{"type": "../../x", "url": "http://x"}]},
        {"output": [{"type": "Patient", "url": "http://x", "count": -1}]},
        {"output": ["x"]},
        {"error": "none"},
        {"link": [{"relation": "next", "url": "https://elsewhere.example/"}]},
    ],
)
def test_a_wrong_manifest_is_refused(server, client, change):
    server.waits = 0
    server.manifest |= change
    assert client.fails().code == "B048"


@pytest.mark.parametrize("body", [b"<html>sign in</html>", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_manifest_that_is_none_is_refused(server, client, body):
    server.script[("GET", "/jobs/1")] = [bad.text(body)]
    assert client.fails().code == "B048"


# ----------------------------------------------------------------- files


def lost(client, why):
    """Run; hold that the type is incomplete for this reason, and the rest is not."""
    manifest = client.run()
    assert manifest["types"]["Observation"] == "incomplete"
    assert manifest["types"]["Patient"] == "complete"
    assert client.codes == ["B052"]
    assert why in client.told[0].what
    return manifest


def test_a_file_that_broke_off_is_taken_up_where_it_did(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.cut(50_000), bad.status(503)]
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS
    assert client.told == []
    ranges = [row[3].get("Range") for row in server.requests("GET", "/files/Observation.a")]
    assert ranges == [None, "bytes=50000-", "bytes=50000-"]


def test_a_file_that_changed_meanwhile_begins_anew(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.cut(50_000, etag='"old"')]
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS


@pytest.mark.parametrize("etag", ["", 'W/"v1"'])
def test_without_a_strong_mark_a_file_begins_anew(server, client, etag):
    server.script[("GET", "/files/Observation.a")] = [bad.cut(50_000, etag=etag)]
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS
    assert "Range" not in server.requests("GET", "/files/Observation.a")[1][3]


def test_a_packed_file_that_broke_off_is_asked_for_as_it_is(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.packed(most=3_000)]
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS
    assert server.requests("GET", "/files/Observation.a")[1][3]["Accept-Encoding"] == "identity"


def test_the_wrong_part_of_a_file_is_refused(server, client):
    wrong = bad.status(
        206, {"Content-Type": "application/fhir+ndjson", "Content-Range": "bytes 0-9/10"}, b"x" * 10
    )
    server.script[("GET", "/files/Observation.a")] = [bad.cut(50_000), wrong]
    lost(client, "another part")


def test_a_file_that_always_breaks_off_keeps_its_whole_lines_and_is_incomplete(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.cut(50_000, etag="")] * 20
    lost(client, "broke off")
    kept = client.read("Observation.000.ndjson")
    assert RESULTS.startswith(kept)
    assert kept.endswith(b"\n")
    assert len(kept) > 49_000


def test_a_file_that_is_not_there_is_incomplete(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.status(404)]
    manifest = lost(client, "status 404")
    assert {"type": "Observation", "file": ""} in manifest["output"]


def test_a_file_that_is_redirected_is_not_followed(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.status(302, {"Location": "/files/Patient.a"})]
    lost(client, "redirected")


@pytest.mark.parametrize("kind", ["text/html", "application/fhir+ndjson", "text/plain"])
def test_a_page_is_no_file(server, client, kind):
    server.script[("GET", "/files/Observation.a")] = [bad.text(b"<html>\n<p>Sign in</p>\n</html>\n", kind)]
    lost(client, "NDJSON")
    assert not (client.folder / "Observation.000.ndjson").exists()


def test_a_bomb_is_noticed_while_it_unfolds(server, client):
    bomb = b'{"resourceType":"Observation"}\n' + b" " * 20_000_000
    server.script[("GET", "/files/Observation.a")] = [bad.packed(bomb)]
    lost(client, "too large")
    assert list(client.folder.glob("*.part")) == []


def test_packing_that_is_none_is_refused(server, client):
    head = {"Content-Type": "application/fhir+ndjson", "Content-Encoding": "gzip"}
    server.script[("GET", "/files/Observation.a")] = [bad.status(200, head, b"no gzip")]
    lost(client, "compression")


def test_a_file_with_fewer_resources_than_promised_is_kept_and_incomplete(server, client):
    short = bad.text(RESULTS[: RESULTS.index(b"\n") + 1], "application/fhir+ndjson")
    server.script[("GET", "/files/Observation.a")] = [short]
    lost(client, "1 of 2000")
    assert client.read("Observation.000.ndjson").count(b"\n") == 1


def test_a_file_whose_last_line_is_cut_is_asked_for_again(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.text(RESULTS[:-20], "application/fhir+ndjson")]
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS


def test_a_file_of_another_type_is_incomplete(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.text(PATIENTS, "application/fhir+ndjson")]
    lost(client, "another type")


def test_a_file_elsewhere_is_not_asked_for(server, client):
    server.files.pop("Observation.a")
    server.extra = [{"type": "Observation", "url": "https://elsewhere.example/Observation.ndjson"}]
    lost(client, "not listed: https://elsewhere.example)")


def test_a_server_that_falls_silent_is_left(server, tmp_path):
    server.script[("GET", "/files/Observation.a")] = [bad.dribbling]
    client = Client(server, tmp_path)
    object.__setattr__(client.access, "stall_seconds", 0.3)
    client.run()
    assert client.read("Observation.000.ndjson") == RESULTS


def test_a_larger_export_than_allowed_stops_and_can_go_on(server, tmp_path):
    client = Client(server, tmp_path, most_bytes=len(PATIENTS) + 1000)
    assert client.fails().code == "B051"
    assert server.requests("DELETE") == []
    wider = Client(server, tmp_path)
    assert wider.run(resume=True)["types"]["Observation"] == "complete"
    assert len(server.requests("GET", "/files/Patient.a")) == 1, "what was there is not asked for again"


@pytest.mark.parametrize(("severity", "state"), [("error", "incomplete"), ("information", "complete")])
def test_error_files_are_kept_and_errors_leave_nothing_certain(server, client, severity, state):
    issue = {"severity": severity, "code": "processing", "diagnostics": "some were left out"}
    server.errors["e"] = ndjson([{"resourceType": "OperationOutcome", "issue": [issue]}])
    manifest = client.run()
    assert client.read("OperationOutcome.000.ndjson") == server.errors["e"]
    assert set(manifest["types"].values()) == {state}
    assert client.codes == (["B053"] if severity == "error" else [])


def test_an_error_file_that_cannot_be_had_leaves_nothing_certain(server, client):
    server.errors["e"] = b"x"
    server.script[("GET", "/files/e")] = [bad.status(403)]
    assert set(client.run()["types"].values()) == {"incomplete"}
    assert client.codes == ["B052", "B053"]


# ----------------------------------------------------------------- stopped and resumed


def test_ctrl_c_ends_the_job(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.stops_here]
    with pytest.raises(KeyboardInterrupt):
        client.run()
    assert [row[1] for row in server.requests("DELETE")] == ["/jobs/1"]
    assert not (client.folder / "manifest.json").exists()


def test_after_ctrl_c_a_new_job_is_begun(server, client):
    server.script[("GET", "/files/Observation.a")] = [bad.stops_here]
    with pytest.raises(KeyboardInterrupt):
        client.run()
    assert client.run(resume=True)["types"]["Observation"] == "complete"
    assert server.jobs == 2


def killed(server, client):
    """Leave a folder as a process leaves it that was killed while it downloaded the second file."""
    server.script[("DELETE", "/jobs/1")] = [bad.status(503)]
    server.script[("GET", "/files/Observation.a")] = [bad.stops_here]
    with pytest.raises(KeyboardInterrupt):
        client.run()
    assert json.loads(client.read("job.json"))["job"].endswith("/jobs/1")


def test_a_killed_download_goes_on(server, client):
    killed(server, client)
    client.run(resume=True)
    assert client.read("Observation.000.ndjson") == RESULTS
    assert server.jobs == 1
    assert len(server.requests("GET", "/files/Patient.a")) == 1


def test_without_resume_everything_begins_anew(server, client):
    killed(server, client)
    client.run()
    assert server.jobs == 2


def test_a_job_that_is_gone_is_begun_anew_and_nothing_of_it_is_mixed_in(server, client):
    killed(server, client)
    server.gone.add("/jobs/1")
    client.run(resume=True)
    assert client.codes == ["B047"]
    assert len(server.requests("GET", "/files/Patient.a")) == 2


def test_a_finished_download_is_not_asked_for_again(server, client):
    client.run()
    count = len(server.seen)
    client.run(resume=True)
    assert len(server.seen) == count


@pytest.mark.parametrize("text", ["", "{", '{"kickoff": "x"}', '{"kickoff": 1}'])
def test_a_damaged_job_file_begins_anew(server, client, text):
    killed(server, client)
    (client.folder / "job.json").write_text(text)
    client.run(resume=True)
    assert server.jobs == 2


def test_a_job_file_cannot_lead_elsewhere(server, client):
    killed(server, client)
    kept = json.loads(client.read("job.json"))
    kept["job"] = "http://127.0.0.1:9/jobs/1"
    (client.folder / "job.json").write_text(json.dumps(kept))
    client.run(resume=True)
    assert server.jobs == 2


# ----------------------------------------------------------------- tokens


@pytest.fixture
def guarded():
    with ExportServer(FILES, needs_token=True) as running:
        running.tokens = {"secret-1"}
        yield running


def test_a_given_token_is_sent_to_its_server(guarded, tmp_path):
    client = Client(guarded, tmp_path, token="secret-1")
    client.run()
    sent = {row[1]: row[3].get("Authorization") for row in guarded.seen}
    assert set(sent.values()) == {"Bearer secret-1"}


def test_no_token_is_sent_for_files_that_need_none(guarded, tmp_path):
    guarded.manifest["requiresAccessToken"] = False
    guarded.script = {
        ("GET", f"/files/{name}"): [lambda s, http: s._file(http, http.path[7:])] for name in FILES
    }
    Client(guarded, tmp_path, token="secret-1").run()
    files = guarded.requests("GET", "/files/")
    assert len(files) == 2
    assert all("Authorization" not in row[3] for row in files)


def test_another_listed_server_gives_files_and_never_gets_the_token(guarded, tmp_path):
    with ExportServer(FILES) as store:
        guarded.files.pop("Observation.a")
        link = f"{store.origin}/open/Observation.a?signature=abc%2Fdef"
        guarded.extra = [{"type": "Observation", "url": link}]
        client = Client(guarded, tmp_path, f"{store.origin}/open", token="secret-1")
        client.run()
        assert client.read("Observation.000.ndjson") == RESULTS
        assert [row[2] for row in store.seen] == [{"signature": ["abc/def"]}]
        assert all("Authorization" not in row[3] for row in store.seen)


def test_a_refused_token_is_told_and_never_shown(guarded, tmp_path):
    client = Client(guarded, tmp_path, token="secret-2")
    issue = client.fails()
    assert issue.code == "B043"
    assert "401" in issue.what
    assert "secret" not in str(issue)


@functools.cache
def keys(kind, number=0):
    key = (
        ec.generate_private_key(ec.SECP384R1()) if kind == "ES384" else rsa.generate_private_key(65537, 2048)
    )
    form = serialization.PrivateFormat.PKCS8
    return key, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@pytest.fixture(params=["ES384", "RS384"])
def backend(guarded, tmp_path, request):
    key, pem = keys(request.param)
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    guarded.key = key.public_key()
    return Client(guarded, tmp_path, client_id="me", key_file=str(path), key_id="k1")


def test_a_token_is_got_with_a_signed_assertion(guarded, backend):
    backend.run()
    (issued,) = guarded.issued
    assert (issued["iss"], issued["sub"], issued["scope"]) == ("me", "me", "system/*.read")
    assert issued["grant_type"] == "client_credentials"
    assert issued["exp"] - issued["iat"] <= 300
    assert backend.read("Observation.000.ndjson") == RESULTS


def test_a_token_that_ends_midway_is_renewed_once(guarded, backend):
    def ends(server, http):
        server.tokens = set()
        server.well(http)

    guarded.script[("GET", "/files/Observation.a")] = [ends]
    backend.run()
    assert backend.told == []
    assert len(guarded.issued) == 2


def test_a_token_is_renewed_before_it_ends(guarded, backend):
    guarded.waits = 0
    guarded.script[("GET", "/jobs/1")] = [bad.status(202, {"Retry-After": "290"})]
    backend.run()
    assert len(guarded.issued) == 2
    assert not [
        row for row in guarded.seen if row[3].get("Authorization") == "Bearer token-1" and row[1] == "/files"
    ]


def test_no_token_is_a_fault_that_shows_no_assertion(guarded, backend):
    is_rsa = isinstance(guarded.key, rsa.RSAPublicKey)
    guarded.key = keys("RS384" if is_rsa else "ES384", 1)[0].public_key()
    issue = backend.fails()
    assert issue.code == "B049"
    assert "invalid_client" in issue.what
    assert "eyJ" not in str(issue)


@pytest.mark.parametrize(
    "answer", [{}, {"access_token": "a b", "token_type": "bearer"}, {"access_token": "a"}]
)
def test_an_answer_without_token_is_a_fault(guarded, backend, answer):
    guarded.script[("POST", "/token")] = [lambda s, http: s.send_json(http, answer)]
    assert backend.fails().code == "B049"


def test_a_token_endpoint_elsewhere_is_not_asked(guarded, backend):
    named = {"token_endpoint": "https://elsewhere.example/token"}
    guarded.script[("GET", "/fhir/.well-known/smart-configuration")] = [
        lambda s, http: s.send_json(http, named)
    ]
    assert backend.fails().code == "B049"


def test_a_key_that_is_none_is_a_fault(guarded, tmp_path):
    path = tmp_path / "key.pem"
    path.write_text("no key")
    assert Client(guarded, tmp_path, client_id="me", key_file=str(path)).fails().code == "B050"
    assert guarded.seen == []


def test_no_secret_is_on_the_disk(guarded, backend):
    killed(guarded, backend)
    left = b"".join(path.read_bytes() for path in backend.folder.iterdir())
    assert b"token-1" not in left
