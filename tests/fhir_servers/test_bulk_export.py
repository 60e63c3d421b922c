"""The bulk export of a real FHIR server: reviewed like the same data in a folder, stopped and gone on with."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
import requests

from cds_service.batch import run_batch
from cds_service.batch.export.access import Clock, ExportAccess
from cds_service.errors import BatchError
from cds_service.fetch import parse_server
from cds_service.knowledge import load_knowledge

from .servers import BUNDLES, TOKEN

pytestmark = pytest.mark.skipif(
    os.environ.get("REAL_FHIR_SERVER") != "hapi", reason="`make test-hapi` tries a server with bulk export"
)
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
LITHIUM = {"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "6448", "display": "lithium"}
#: A patient whose drug stands in a resource of its own, as many servers write it.
REFERRING = [
    {"resourceType": "Patient", "id": "refers", "gender": "female", "birthDate": "1960-01-01"},
    {"resourceType": "Medication", "id": "pill", "code": {"coding": [LITHIUM]}},
    {
        "resourceType": "MedicationRequest",
        "id": "refers-pill",
        "status": "active",
        "intent": "order",
        "subject": {"reference": "Patient/refers"},
        "medicationReference": {"reference": "Medication/pill"},
        "authoredOn": "2026-11-01",
    },
]


@pytest.fixture(scope="module")
def session():
    with requests.Session() as session:
        session.trust_env = False
        session.headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/fhir+json"}
        yield session


@pytest.fixture(scope="module")
def patients(session, server):
    """What the server holds, by patient; half of them are members of Group/half."""
    found = [
        [row["resource"] for row in json.loads(path.read_text(encoding="utf-8"))["entry"]] for path in BUNDLES
    ]
    found.append(REFERRING)
    members = [{"entity": {"reference": f"Patient/{patient_of(rows)}"}} for rows in found[::2]]
    group = {
        "resourceType": "Group", "id": "half", "type": "person", "actual": True, "member": members,
    }  # fmt: skip
    for resource in (*REFERRING, group):
        address = f"{server.base}/{resource['resourceType']}/{resource['id']}"
        session.put(address, data=json.dumps(resource), timeout=60).raise_for_status()
    return found


def patient_of(rows):
    return next(row["id"] for row in rows if row["resourceType"] == "Patient")


@pytest.fixture(scope="module")
def knowledge():
    return load_knowledge()


@pytest.fixture
def told():
    return []


@pytest.fixture
def run(knowledge, server, told, tmp_path):
    """Review what is given, from the instant of the tests, without the patience the server asks for."""

    def run(given, name="out", token=TOKEN, **options):
        clock = Clock(now=lambda: datetime.now(UTC), sleep=lambda wish: time.sleep(min(wish, 0.5)))
        access = ExportAccess((parse_server(server.base),), token=token, tell=told.append, clock=clock)
        chosen = {"as_of": AS_OF, **options}
        run_batch(given, tmp_path / name, knowledge=knowledge, exports=access, **chosen)
        return rows_of(tmp_path / name)

    return run


def rows_of(out):
    """Return the rows of a run without the places they were read from, each file's sorted."""

    def elsewhere(row):
        return {name: value for name, value in row.items() if name not in ("file", "line")}

    found = {}
    for name in ("patients", "findings", "quarantine"):
        lines = (out / f"{name}.ndjson").read_text(encoding="utf-8").splitlines()
        rows = (json.loads(line, object_hook=elsewhere) for line in lines)
        found[name] = sorted(json.dumps(row, sort_keys=True) for row in rows)
    return found


@pytest.fixture
def from_folder(run, tmp_path):
    """Review the resources of patients from a folder, one file a type."""

    def from_folder(patients, leaves_out=()):
        folder = tmp_path / "same"
        folder.mkdir()
        for resource in (row for rows in patients for row in rows):
            if resource["resourceType"] not in leaves_out:
                with (folder / f"{resource['resourceType']}.ndjson").open("a", encoding="utf-8") as file:
                    file.write(json.dumps(resource) + "\n")
        return run(folder, "from-folder")

    return from_folder


def codes(told):
    return [issue.code for issue in told]


def test_the_export_of_a_real_server_is_reviewed_as_the_same_data_in_a_folder(
    run, from_folder, server, patients, told
):
    rows = run(f"{server.base}/$export")
    assert rows == from_folder(patients)
    assert len(rows["patients"]) == len(patients)
    assert rows["findings"]
    assert told == []


def test_an_export_by_patient_lacks_the_medications_that_are_nobodys_and_says_so(
    run, from_folder, server, patients, told
):
    rows = run(f"{server.base}/Patient/$export")
    assert rows == from_folder(patients, leaves_out=("Medication",))
    assert any('"F041"' in row for row in rows["quarantine"])
    assert codes(told) == ["B057"]


def test_the_export_of_a_group_is_of_its_members(run, from_folder, server, patients, told):
    rows = run(f"{server.base}/Group/half/$export")
    assert rows == from_folder(patients[::2], leaves_out=("Medication",))
    assert codes(told) == ["B057"]


@pytest.mark.parametrize(
    ("address", "token", "said"),
    [("Group/nobody/$export", TOKEN, "status 404"), ("$export", "another", "status 401")],
    ids=["an unknown group", "a token it does not know"],
)
def test_what_a_real_server_refuses_is_told_in_its_words(run, server, address, token, said):
    with pytest.raises(BatchError, match=f"B043.*{said}"):
        run(f"{server.base}/{address}", token=token)


@pytest.fixture
def begun(server, patients, tmp_path):
    """Begin the export with the command, give its process once the server has the job, and what is kept of it."""

    @contextlib.contextmanager
    def begun():
        kept = tmp_path / "out" / ".work" / "export" / "job.json"
        words = ["batch", f"{server.base}/$export", "--out", str(tmp_path / "out"), "--workers", "1"]
        process = subprocess.Popen(
            [sys.executable, "-m", "cds_service", *words, "--as-of", AS_OF.isoformat()],
            env={**os.environ, "TWITCH_CDS_EXPORT_TOKEN": TOKEN, "TWITCH_CDS_EXPORT_SERVERS": server.base},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it may be ignored here
        )
        try:
            waited_for(kept.exists)
            yield process, kept
        finally:
            process.kill()
            process.wait(10)

    return begun


def waited_for(condition, seconds=60):
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "waited in vain"
        time.sleep(0.05)


def test_what_changed_since_a_time_is_no_whole_record(run, server, patients, told):
    rows = run(f"{server.base}/Group/half/$export?_since=2026-01-01T00:00:00Z")
    states = {state for row in rows["patients"] for state in json.loads(row)["states"].values()}
    assert len(rows["patients"]) == len(patients[::2])
    assert states == {"incomplete"}
    assert set(codes(told)) == {"B054", "B057"}


def test_ctrl_c_ends_the_job_on_a_real_server(begun, session, run, from_folder, patients, server):
    with begun() as (process, kept):
        job = json.loads(kept.read_bytes())["job"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert json.loads(kept.read_bytes())["job"] == ""
    waited_for(lambda: "CANCELLED" in session.get(job, timeout=60).headers.get("X-Progress", ""))
    assert run(f"{server.base}/$export", resume=True, as_of=None) == from_folder(patients)


def test_a_killed_export_goes_on_with_its_job(begun, run, from_folder, patients, server, told):
    with begun() as (process, kept):
        process.kill()
    assert json.loads(kept.read_bytes())["job"]
    assert run(f"{server.base}/$export", resume=True, as_of=None) == from_folder(patients)
    assert told == []


def test_a_job_a_real_server_has_forgotten_is_begun_anew(begun, run, from_folder, patients, server, told):
    with begun() as (process, kept):
        process.kill()
    state = json.loads(kept.read_bytes())
    state["job"] = state["job"].rpartition("=")[0] + "=forgotten"
    kept.write_text(json.dumps(state), encoding="utf-8")
    assert run(f"{server.base}/$export", resume=True, as_of=None) == from_folder(patients)
    assert codes(told) == ["B047"]
