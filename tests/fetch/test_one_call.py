"""What an empty answer is worth, and further pages of what was sent; ids in names are rows of the conformance list."""

import json

import pytest

from cds_service.fetch import Authorization, Fault, Style
from cds_service.fetch.breaker import FAILURES

from .fault_server import FaultServer
from .test_client import (
    CONTEXT,
    ONE,
    RESOURCES,
    TEMPLATES,
    TOKEN,
    client_of,
    entries,
    fetch,
    has_gap,
    observation,
)

LABS = {"labs": TEMPLATES["labs"]}
PATIENT_ONLY = RESOURCES[:1]


def paths(server):
    return [path for _, path, _ in server.seen]


# --- nothing found


@pytest.mark.parametrize(("asked", "understood"), [("id", "reference"), ("reference", "id")])
def test_a_server_that_understands_only_the_other_form_of_the_patient_is_understood(asked, understood):
    with FaultServer(RESOURCES, form=understood) as server:
        client = client_of(server, style=Style(patient_form=asked))
        found = fetch(client, server)
        assert (len(entries(found.found["labs"])), len(entries(found.found["problems"]))) == (5, 1)
        assert (found.faults, found.patient_form, len(server.seen)) == ({}, understood, 5)
        again = fetch(client, server)
    assert (again.found, again.patient_form, len(server.seen)) == (found.found, understood, 8)


def test_nothing_is_believed_when_the_server_was_asked_in_both_forms():
    with FaultServer(PATIENT_ONLY) as server:
        found = fetch(client_of(server), server)
    assert (found.faults, found.patient_form, len(server.seen)) == ({}, "", 5)
    assert [entries(found.found[key]) for key in ("labs", "problems")] == [[], []]
    assert not any(has_gap(found.found[key]) for key in ("labs", "problems"))


def test_a_server_that_has_found_something_once_is_believed_at_once():
    with FaultServer(RESOURCES) as server:
        client = client_of(server)
        fetch(client, server)
        server.resources, before = PATIENT_ONLY, len(server.seen)
        found = fetch(client, server)
    assert (len(server.seen) - before, found.faults) == (3, {})
    assert not has_gap(found.found["labs"])


@pytest.mark.parametrize("fault", ["error_500", "black_hole", "close_without_answer"])
def test_nothing_is_not_believed_when_the_second_question_gets_no_answer(fault):
    with FaultServer(PATIENT_ONLY, faults=dict.fromkeys(range(2, 9), fault)) as server:
        found = fetch(client_of(server, seconds=0.5), server, ONE)
    assert has_gap(found.found["problems"])


@pytest.mark.parametrize("fault", ["error_400", "parameter_ignored"])
def test_a_server_that_refuses_the_other_form_has_understood_the_first(fault):
    with FaultServer(PATIENT_ONLY, faults={2: fault}) as server:
        server._do_error_400 = lambda sock, answer: server._send(sock, b"", "400 Bad Request")
        found = fetch(client_of(server), server, ONE)
    assert not has_gap(found.found["problems"])


def test_a_server_that_does_not_know_the_patient_proves_no_absence():
    with FaultServer() as server:
        found = fetch(client_of(server), server)
    assert found.faults == dict.fromkeys(TEMPLATES, Fault.ABSENT)


class Mixed(FaultServer):
    """Puts a result of another patient into searches, where the patient is named in a form that ``mixes`` it up."""

    mixes = ("p1", "Patient/p1")

    def _fits(self, resource, query):
        is_leak = resource["id"] == "leak" and query.get("patient", [""])[0] in self.mixes
        return is_leak or super()._fits(resource, query)


LEAK = observation(9, patient="p2") | {"id": "leak"}


@pytest.mark.parametrize("position", [1, 2, 3])
def test_a_server_caught_answering_about_another_patient_proves_no_absence(position):
    labs = [item for item in RESOURCES if item["resourceType"] != "Condition"]
    with FaultServer(labs, faults={position: "other_patient"}) as server:
        found = fetch(client_of(server), server)
    assert found.faults["problems"] is Fault.OTHER_PATIENT
    assert set(found.faults.values()) == {Fault.OTHER_PATIENT}


def test_nor_does_one_that_mixes_another_patient_into_what_it_finds():
    labs = [item for item in RESOURCES if item["resourceType"] != "Condition"]
    with Mixed([*labs, LEAK]) as server:
        found = fetch(client_of(server), server)
    assert found.faults == {"problems": Fault.OTHER_PATIENT}
    assert has_gap(found.found["labs"]) and len(entries(found.found["labs"])) == 6


def test_nor_one_that_answers_about_another_patient_when_asked_in_the_other_form():
    with Mixed([*PATIENT_ONLY, LEAK]) as server:
        server.mixes = ("Patient/p1",)
        found = fetch(client_of(server), server)
    assert found.faults == dict.fromkeys(("labs", "problems"), Fault.OTHER_PATIENT)
    assert found.patient_form == ""


def test_what_it_found_for_the_patient_is_believed_all_the_same():
    with Mixed([*RESOURCES, LEAK]) as server:
        found = fetch(client_of(server), server)
    assert (found.faults, len(entries(found.found["problems"]))) == ({}, 1)


def test_a_stranger_in_what_a_caller_sent_says_nothing_about_the_server():
    with FaultServer(PATIENT_ONLY) as server:
        client = client_of(server)
        body = first_page(server, NEXT, numbers=()).replace(
            b'"entry": []', json.dumps({"entry": [{"resource": observation(1, patient="p2")}]}).encode()[1:-1]
        )
        authorization = Authorization(token=TOKEN, expires_in=60, scope="")
        found = client.fetch_missing(
            TEMPLATES,
            fhir_server=server.base,
            authorization=authorization,
            context=CONTEXT,
            begun={"labs": body},
        )
    assert found.faults == {"labs": Fault.OTHER_PATIENT}


@pytest.mark.parametrize("fault", ["", "gone"])
def test_what_a_caller_sent_shows_nothing_of_what_the_server_understands(fault):
    with FaultServer(RESOURCES, form="reference", faults={1: fault}) as server:
        client = client_of(server)
        fetch_rest(client, server, first_page(server, NEXT))
        found = fetch(client, server)
    assert (len(entries(found.found["labs"])), len(entries(found.found["problems"]))) == (5, 1)
    assert found.patient_form == "reference"


def test_a_token_for_a_part_shows_nothing_of_what_the_server_understands():
    with FaultServer(RESOURCES, form="reference") as server:
        client = client_of(server)
        part = fetch(client, server, LABS, scope="patient/Observation.rs?code=x")
        assert has_gap(part.found["labs"])
        found = fetch(client, server)
    assert (len(entries(found.found["labs"])), len(entries(found.found["problems"]))) == (5, 1)


# --- further pages of what was sent


def first_page(server, link, *, numbers=(0, 1), **members):
    return json.dumps(
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "link": [{"relation": "next", "url": link.format(base=server.base)}],
            "entry": [{"resource": observation(number)} for number in numbers],
            **members,
        }
    ).encode()


def fetch_rest(client, server, body, scope=""):
    return client.fetch_missing(
        LABS,
        fhir_server=server.base,
        authorization=Authorization(TOKEN, 60, scope),
        context=CONTEXT,
        begun={"labs": body},
    )


NEXT = "{base}/Observation?patient=p1&page=2"


@pytest.mark.parametrize("link", [NEXT, "?patient=p1&page=2", "Observation?patient=p1&page=2"])
def test_CALL_12_the_further_pages_of_a_sent_bundle_are_fetched(link):
    with FaultServer(RESOURCES, page=2) as server:
        found = fetch_rest(client_of(server), server, first_page(server, link, total=5))
    whole = found.found["labs"]
    assert [entry["resource"]["id"] for entry in entries(whole)] == [f"o{number}" for number in range(5)]
    assert not has_gap(whole)
    assert [path.partition("?")[2] for path in paths(server)] == ["patient=p1&page=2", "patient=p1&page=4"]
    assert {headers["authorization"] for _, _, headers in server.seen} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/fhir/Observation?page=2",
        "http://127.0.0.1:9/fhir/Observation",
        "urn:x",
        "",
        "{base}/../x",
    ],
)
def test_CALL_12_a_further_page_elsewhere_is_not_fetched_and_stays_a_gap(link, connects):
    with FaultServer(RESOURCES) as server:
        found = fetch_rest(client_of(server), server, first_page(server, link))
    assert (server.seen, set(connects)) == ([], {("name", "127.0.0.1")})
    assert len(entries(found.found["labs"])) == 2
    assert has_gap(found.found["labs"])


@pytest.mark.parametrize("fault", ["forbidden", "gone", "html_login", "other_patient", "black_hole"])
def test_CALL_12_what_was_sent_counts_when_the_further_pages_fail(fault):
    with FaultServer(RESOURCES, faults={0: fault}, page=2) as server:
        found = fetch_rest(client_of(server, seconds=0.5), server, first_page(server, NEXT))
    assert len(entries(found.found["labs"])) == 2
    assert has_gap(found.found["labs"])


def test_CALL_12_further_pages_by_the_link_of_another_do_not_show_that_our_searches_are_understood():
    """A server silent to our form of the patient, after pages that the caller's link had already named."""
    with FaultServer(RESOURCES, form="reference", page=2) as server:
        client = client_of(server)
        link = "{base}/Observation?patient=Patient/p1&page=2"
        assert len(entries(fetch_rest(client, server, first_page(server, link)).found["labs"])) == 5
        found = fetch(client, server)
    assert (len(entries(found.found["labs"])), found.patient_form) == (5, "reference")


def test_CALL_12_the_page_that_was_sent_counts_toward_the_cap():
    with FaultServer(RESOURCES, page=1) as server:
        found = fetch_rest(client_of(server, most_pages=2), server, first_page(server, NEXT))
    assert len(server.seen) == 1
    assert has_gap(found.found["labs"])


def test_CALL_12_a_token_that_does_not_cover_the_type_fetches_no_page():
    with FaultServer(RESOURCES) as server:
        found = fetch_rest(
            client_of(server), server, first_page(server, NEXT), scope="patient/Condition.read"
        )
    assert (server.seen, found.faults) == ([], {"labs": Fault.SCOPE})


def test_CALL_12_a_sent_page_of_another_patient_is_not_continued():
    with FaultServer(RESOURCES) as server:
        body = first_page(server, NEXT, numbers=()).replace(
            b'"entry": []', json.dumps({"entry": [{"resource": observation(1, patient="p2")}]}).encode()[1:-1]
        )
        found = fetch_rest(client_of(server), server, body)
    assert (server.seen, found.faults) == ([], {"labs": Fault.OTHER_PATIENT})


def test_pages_a_caller_points_at_do_not_make_the_server_rest_for_others():
    with FaultServer(RESOURCES, faults=dict.fromkeys(range(1, 2 * FAILURES + 1), "error_500")) as server:
        client = client_of(server)
        while len(server.seen) < 2 * FAILURES:
            fetch_rest(client, server, first_page(server, NEXT))
        found = fetch(client, server)
    assert (found.faults, len(entries(found.found["labs"]))) == ({}, 5)


def test_tokens_that_soon_end_do_not_make_the_server_rest_for_others():
    with FaultServer(RESOURCES, faults={0: "black_hole"}) as server:
        client = client_of(server, seconds=1.2)
        for _ in range(FAILURES // len(TEMPLATES) + 1):
            assert set(fetch(client, server, expires_in=1).faults.values()) == {Fault.TIMEOUT}
        server.faults.clear()
        assert fetch(client, server).faults == {}
