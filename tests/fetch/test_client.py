"""The client against a server that fails in every way; ids in names are rows of the goals and of the conformance list."""

import json
import logging
import threading
import time

import pytest

from cds_service.fetch import Access, Authorization, Fault, FhirClient, Style, parse_entry, parse_network
from cds_service.fetch.breaker import FAILURES, REST_SECONDS, Breaker
from cds_service.fetch.deadline import Allowance, Deadline

from .fault_server import FAULTS, FaultServer

LOOPBACK = (parse_network("127.0.0.0/8"),)
TOKEN = "canary-7f3c-of-the-token"
CONTEXT = {"patientId": "p1"}
TEMPLATES = {
    "labs": "Observation?patient={{context.patientId}}&code=s|a,s|b&_sort=-date&_count=500",
    "patient": "Patient/{{context.patientId}}",
    "problems": "Condition?patient={{context.patientId}}&_count=500",
}
ONE = {"problems": TEMPLATES["problems"]}


def observation(number, code="a", patient="p1"):
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "subject": {"reference": f"Patient/{patient}"},
        "code": {"coding": [{"system": "s", "code": code}]},
    }


RESOURCES = [
    {"resourceType": "Patient", "id": "p1"},
    *(observation(number) for number in range(5)),
    {"resourceType": "Condition", "id": "c1", "subject": {"reference": "Patient/p1"}},
]


def client_of(server, *, seconds=1.0, resolver=None, **access):
    access = Access(
        servers=(parse_entry(server.base),),
        networks=LOOPBACK,
        seconds=seconds,
        **{"most_bytes": 4_000_000, **access},
    )
    return FhirClient(access, now=time.time, **({"resolver": resolver} if resolver else {}))


def fetch(client, server, templates=TEMPLATES, **authorization):
    given = {"token": TOKEN, "expires_in": 60, "scope": "", **authorization}
    return client.fetch_missing(
        templates, fhir_server=server.base, authorization=Authorization(**given), context=CONTEXT
    )


def entries(body):
    return json.loads(body).get("entry", [])


def has_gap(body):
    return any(link["relation"] == "next" for link in json.loads(body).get("link", []))


def test_CALL_9_each_missing_key_is_asked_for_once():
    with FaultServer(RESOURCES) as server:
        found = fetch(client_of(server), server)
    assert (sorted(found.found), found.faults, found.refusal) == (sorted(TEMPLATES), {}, None)
    assert len(server.seen) == found.requests == 3
    assert {method for method, _path, _headers in server.seen} == {"GET"}
    assert len(entries(found.found["labs"])) == 5


def test_FA_2_every_question_shows_the_token_pages_too():
    with FaultServer(RESOURCES, page=2) as server:
        found = fetch(client_of(server), server)
    assert len(entries(found.found["labs"])) == 5
    assert not has_gap(found.found["labs"])
    assert len(server.seen) == 5
    assert {headers["authorization"] for _, _, headers in server.seen} == {f"Bearer {TOKEN}"}


@pytest.mark.parametrize("position", [1, 2, 3], ids=["first", "middle", "last"])
@pytest.mark.parametrize("fault", FAULTS)
def test_R21_every_fault_at_every_position_ends_in_time_and_is_told(fault, position):
    with FaultServer(RESOURCES, faults={position: fault}, page=2) as server:
        client = client_of(server, seconds=0.4, most_pages=3)
        started = time.monotonic()
        found = fetch(client, server)
        elapsed = time.monotonic() - started
    assert elapsed < 5, "the deadline is 0.4 s; a busy machine is not our fault"
    assert set(found.found) | set(found.faults) == set(TEMPLATES)
    gaps = set(found.faults) | {key for key, body in found.found.items() if has_gap(body)}
    whole = len(entries(found.found["labs"])) == 5 if "labs" in found.found else False
    retried = found.requests > 5
    assert gaps or (whole and retried) or fault in ("next_loop", "endless_pages"), "nothing may be silent"


@pytest.mark.parametrize("fault", FAULTS)
def test_R21_a_server_that_always_fails_gives_no_data_that_look_whole(fault):
    with FaultServer(RESOURCES, faults={0: fault}) as server:
        found = fetch(client_of(server, seconds=0.4, most_pages=3), server)
    assert set(found.found) | set(found.faults) == set(TEMPLATES)
    assert all(has_gap(body) for body in found.found.values())


@pytest.mark.parametrize("fault", ["black_hole", "slow_headers", "drip_body", "stall_in_body", "narrow"])
def test_R22_one_deadline_holds_over_everything(fault):
    with FaultServer(RESOURCES, faults={0: fault}) as server:
        started = time.monotonic()
        found = fetch(client_of(server, seconds=0.5), server)
        assert time.monotonic() - started < 5
    assert set(found.faults.values()) == {Fault.TIMEOUT}


def test_R21_late_but_whole_is_whole():
    with FaultServer(RESOURCES, faults={0: "late_but_whole"}) as server:
        found = fetch(client_of(server, seconds=5), server)
    assert (found.faults, len(found.found)) == ({}, 3)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("gzip_bomb", Fault.TOO_LARGE),
        ("huge_bundle", Fault.TOO_LARGE),
        ("broken_gzip", Fault.UNPACKING),
        ("html_login", Fault.NOT_FHIR),
        ("outcome_with_200", Fault.OUTCOME),
        ("forbidden", Fault.REFUSED),
        ("redirect_elsewhere", Fault.REDIRECT),
        ("redirect_with_endless_body", Fault.REDIRECT),
        ("parameter_ignored", Fault.IGNORED),
        ("other_patient", Fault.OTHER_PATIENT),
        ("stale_age", Fault.STALE),
        ("stale_date", Fault.STALE),
        ("wrong_type", Fault.OTHER_TYPE),
    ],
)
def test_R21_the_kind_of_fault_is_told(fault, told):
    with FaultServer(RESOURCES, faults={0: fault}) as server:
        found = fetch(client_of(server, seconds=5), server, ONE)
    assert found.faults == {"problems": told}


# --- where it goes


def test_R13_nothing_is_asked_by_default(connects):
    client = FhirClient(Access())
    with FaultServer(RESOURCES) as server:
        connects.clear()
        found = fetch(client, server)
    assert (found.refusal, dict(found.found), connects) == (Fault.NOT_ALLOWED, {}, [])


# --- names, time and bytes


def test_R21_a_slow_name_ends_with_the_deadline():
    let_go = threading.Event()
    with FaultServer() as server:
        client = client_of(server, seconds=0.2, resolver=lambda host, port: [str(let_go.wait(20))])
        started = time.monotonic()
        found = fetch(client, server)
        assert time.monotonic() - started < 5
        let_go.set()
    assert set(found.faults.values()) == {Fault.TIMEOUT}


def test_R21_an_unknown_name_is_told():
    def unknown(host, port):
        raise OSError

    with FaultServer() as server:
        assert set(fetch(client_of(server, resolver=unknown), server).faults.values()) == {Fault.NO_NAME}


def test_R21_a_refused_connection_is_told():
    with FaultServer() as server:
        gone = server
    found = fetch(client_of(gone), gone)
    assert set(found.faults.values()) <= {Fault.BROKEN, Fault.RESTING}


def test_the_deadline_is_the_life_of_the_token_where_that_is_shorter():
    with FaultServer(RESOURCES) as server:
        found = fetch(client_of(server), server, expires_in=0)
    assert (found.refusal, server.seen) == (Fault.SCOPE, [])


def test_a_deadline_never_goes_below_nothing():
    now = [0.0]
    deadline = Deadline.within(2, lambda: now[0])
    assert deadline.left == 2
    now[0] = 3.0
    assert deadline.left == 0
    with pytest.raises(TimeoutError):
        deadline.need()


def test_an_allowance_is_shared():
    allowance = Allowance(10)
    allowance.take(10)
    with pytest.raises(Exception, match=Fault.TOO_LARGE.value):
        allowance.take(1)


# --- what is asked


def test_FA_5_types_the_token_does_not_cover_are_not_asked_for():
    with FaultServer(RESOURCES) as server:
        found = fetch(client_of(server), server, scope="openid patient/Patient.r patient/Condition.read")
    assert found.faults == {"labs": Fault.SCOPE}
    assert sorted(path.split("?")[0] for _, path, _ in server.seen) == ["/fhir/Condition", "/fhir/Patient/p1"]


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        ("", "full"),
        ("openid profile launch", "full"),
        ("epic.words.only", "full"),
        ("patient/*.*", "full"),
        ("user/*.read", "full"),
        ("system/Observation.rs", "full"),
        ("patient/Observation.cruds", "full"),
        ("patient/Observation.r", "none"),
        ("patient/Observation.write", "none"),
        ("patient/Condition.read", "none"),
        ("patient/Observation.rs?category=laboratory", "part"),
        ("patient/Observation.rs?category=laboratory patient/Observation.s", "full"),
    ],
)
def test_FA_5_scopes_of_both_versions_are_understood(scope, wanted):
    assert Authorization(TOKEN, 60, scope).covers("Observation", search=True) == wanted


def test_FA_5_a_part_of_a_type_proves_no_absence():
    with FaultServer(RESOURCES) as server:
        found = fetch(client_of(server), server, ONE, scope="patient/Condition.rs?category=x")
    assert has_gap(found.found["problems"])


def test_searches_can_go_by_post_and_name_the_patient_as_reference_in_portions():
    style = Style(patient_form="reference", most_codes=1, post=True)
    with FaultServer([*RESOURCES, observation(9, code="b")]) as server:
        found = fetch(client_of(server, style=style), server)
    assert len(entries(found.found["labs"])) == 6
    assert sorted((method, path) for method, path, _ in server.seen) == [
        ("GET", "/fhir/Patient/p1"),
        ("POST", "/fhir/Condition/_search"),
        ("POST", "/fhir/Observation/_search"),
        ("POST", "/fhir/Observation/_search"),
    ]


def test_a_template_that_cannot_be_filled_is_not_asked():
    templates = {
        "e": "Encounter/{{context.encounterId}}",
        "x": "Patient/{{userPractitionerId}}",
        "y": "patient",
    }
    with FaultServer(RESOURCES) as server:
        found = fetch(client_of(server), server, templates)
    assert (set(found.faults.values()), server.seen) == ({Fault.QUESTION}, [])


@pytest.mark.parametrize(
    ("link", "entry", "whole"),
    [
        ("{base}/Condition?patient=p1&_count=500", [], True),
        ("{base}/Condition?subject=Patient%2Fp1", [], True),
        ("{base}/Condition?subject:Patient=p1", [], True),
        ("{base}?_getpages=abc&_bundletype=searchset", [], True),
        ("{base}/Condition", [], True),
        ("{base}/Condition?_count=500", [], False),
        (
            "{base}/Condition?patient=p1",
            [{"search": {"mode": "outcome"}, "resource": {"resourceType": "OperationOutcome"}}],
            False,
        ),
    ],
)
def test_an_empty_answer_is_believed_only_if_the_question_was_heeded(link, entry, whole):
    with FaultServer(RESOURCES) as server:
        body = {
            "resourceType": "Bundle",
            "link": [{"relation": "self", "url": link.format(base=server.base)}],
        }
        server._do_empty = lambda sock, answer: server._send(
            sock, {**body, **({"entry": entry} if entry else {})}
        )
        server.faults = {0: "empty"}
        found = fetch(client_of(server), server, ONE)
    assert ("problems" in found.found) == whole
    if not whole:
        assert found.faults == {"problems": Fault.IGNORED}


def test_a_total_larger_than_what_came_is_a_gap():
    with FaultServer(RESOURCES) as server:
        body = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": 7,
            "entry": [{"resource": RESOURCES[-1]}],
        }
        server._do_short = lambda sock, answer: server._send(sock, body)
        server.faults = {0: "short"}
        assert has_gap(fetch(client_of(server), server, ONE).found["problems"])


def test_R21_pages_that_came_before_a_fault_count_and_the_rest_is_a_gap():
    with FaultServer(RESOURCES, faults={2: "forbidden"}, page=2) as server:
        found = fetch(client_of(server), server, {"labs": TEMPLATES["labs"]})
    assert len(entries(found.found["labs"])) == 2
    assert has_gap(found.found["labs"])


# --- sparing the server


def test_R23_at_total_failure_few_questions_are_asked_twice():
    breaker = Breaker(clock=lambda: 0.0)
    asked = 0
    for _ in range(1_000):
        breaker.succeeded()
        asked += 1
        while breaker.may_retry():
            breaker.succeeded()
            asked += 1
    assert asked <= 1_200


def test_R23_what_is_not_a_get_is_never_asked_twice():
    with FaultServer(RESOURCES, faults={0: "error_503"}) as server:
        fetch(client_of(server, style=Style(post=True)), server, ONE)
    assert len(server.seen) == 1


def test_R23_a_get_is_asked_again_once_after_a_passing_fault():
    with FaultServer(RESOURCES, faults={1: "error_503"}) as server:
        found = fetch(client_of(server, seconds=5), server, ONE)
    assert (len(server.seen), found.faults) == (2, {})


def test_R23_a_long_retry_after_is_heeded_by_not_asking():
    with FaultServer(RESOURCES, faults={1: "too_many"}) as server:
        found = fetch(client_of(server, seconds=5), server, ONE)
    assert (len(server.seen), found.faults) == (1, {"problems": Fault.BUSY})


def test_R23_a_server_that_keeps_failing_is_left_alone_then_tried_again():
    now = [0.0]
    breaker = Breaker(clock=lambda: now[0])
    for _ in range(FAILURES):
        assert breaker.admits()
        breaker.failed()
    assert not breaker.admits()
    assert not breaker.may_retry()
    now[0] = REST_SECONDS
    assert breaker.admits()
    assert not breaker.admits(), "one question tries; the others wait for what becomes of it"
    breaker.succeeded()
    assert breaker.admits()


def test_R23_a_resting_server_is_not_asked():
    with FaultServer(RESOURCES, faults={0: "error_500"}) as server:
        client = client_of(server, seconds=5)
        fetch(client, server)
        fetch(client, server)
        seen = len(server.seen)
        found = fetch(client, server)
    assert set(found.faults.values()) == {Fault.RESTING}
    assert len(server.seen) == seen


# --- what nobody may read


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_R14_the_token_and_the_patient_are_in_no_log_error_or_repr(fault, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with FaultServer(RESOURCES, faults={0: fault}) as server:
        found = fetch(client_of(server, seconds=0.3), server)
    said = caplog.text + "".join(capfd.readouterr()) + repr(found) + repr(Authorization(TOKEN, 60, "s", "p1"))
    assert TOKEN not in said
    assert "p1" not in said


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "é", "a\x00b", "a" * 16_385])
def test_a_token_that_cannot_stand_in_a_header_is_not_sent(token):
    with FaultServer(RESOURCES) as server:
        found = fetch(client_of(server), server, token=token)
    assert (found.refusal, server.seen) == (Fault.SCOPE, [])


def test_CALL_18_many_calls_at_once_are_kept_apart():
    with FaultServer(
        [*RESOURCES, *({"resourceType": "Patient", "id": f"q{n}"} for n in range(20))]
    ) as server:
        client = client_of(server, seconds=20)
        answers = {}

        def ask(number):
            answers[number] = client.fetch_missing(
                {"patient": TEMPLATES["patient"]},
                fhir_server=server.base,
                authorization=Authorization(f"token-{number}", 60, ""),
                context={"patientId": f"q{number}"},
            )

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert {n: json.loads(found.found["patient"])["id"] for n, found in answers.items()} == {
        n: f"q{n}" for n in range(20)
    }
    assert {
        (path[-1 - len(h["authorization"][13:]) :], h["authorization"]) for _, path, h in server.seen
    } == {(f"q{n}", f"Bearer token-{n}") for n in range(20)}
