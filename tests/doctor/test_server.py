"""The doctor asks the FHIR server of a call: a loopback server that fails in every way."""

import json
import time

import pytest

from cds_service.fetch import Access, FhirClient, parse_entry, parse_network

from ..fetch.fault_server import FaultServer
from ..fetch.test_wire import Authority
from .broken import bundled
from .conftest import ids

LOOPBACK = (parse_network("127.0.0.0/8"),)
STATEMENT = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"}
#: Faults a server plays to every question but that for its metadata, and what the doctor calls them.
PLAYED = {
    "reset_before_headers": "D604",
    "redirect_elsewhere": "D606",
    "unauthorized": "D607",
    "forbidden": "D607",
    "stall_in_body": "D608",
    "html_login": "D609",
    "wrong_type": "D609",
    "parameter_ignored": "D610",
    "gone": "D611",
    "error_500": "D612",
    "outcome_with_200": "D612",
    "other_patient": "D613",
    "stale_age": "D617",
}


class Server(FaultServer):
    """Answers /metadata well; ``faults`` are those of everything else."""

    statement = STATEMENT

    def _answer(self, method, path, form):
        return self.statement if path.endswith("/metadata") else super()._answer(method, path, form)

    def _do_well(self, sock, answer):
        super()._do_well(sock, answer)


def resources():
    prefetch = bundled()["prefetch"]
    bundles = [value for value in prefetch.values() if value and value["resourceType"] == "Bundle"]
    return [prefetch["patient"], *(entry["resource"] for value in bundles for entry in value["entry"])]


def server(fault="", **more):
    return Server(resources(), faults={0: fault, 1: ""} if fault else {}, **more)


def call(base, **authorization):
    token = {
        "access_token": "c2VjcmV0LW9mLXRoZS1jYWxs",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "x",
    }
    document = {**bundled(), "fhirServer": base, "fhirAuthorization": {**token, **authorization}}
    document["prefetch"] = {}
    return json.dumps(document).encode()


def asked(look, base, *, networks=LOOPBACK, seconds=0.4, resolver=None, body=None, **access):
    client = FhirClient(
        Access(servers=(parse_entry(base),), networks=networks, seconds=seconds, **access),
        now=time.time,
        **({"resolver": resolver} if resolver else {}),
    )
    return look(body or call(base), settings={"fhir_servers": [base]}, fhir=client)


def test_a_good_server_leaves_nothing_to_say_but_http(look):
    with server() as fhir:
        found = asked(look, fhir.base, seconds=5.0)
    assert {ident for ident in ids(found) if ident[:2] in ("D6", "D7")} == set()
    assert found.answer.status == 200
    assert sum(found.answer.cards.values()) == 2
    assert fhir.seen[0][1] == "/fhir/metadata"
    assert "authorization" not in fhir.seen[0][2]


@pytest.mark.parametrize(("fault", "ident"), sorted(PLAYED.items()))
def test_a_fault_of_the_server_is_told(look, fault, ident):
    with server(fault) as fhir:
        found = asked(look, fhir.base)
    assert ident in ids(found)
    text = json.dumps([(t.detail, t.places) for t in found.troubles])
    assert "c2VjcmV0" not in text


def test_pages_that_lead_elsewhere_are_told(look):
    with server("next_elsewhere") as fhir:
        found = asked(look, fhir.base, seconds=5.0)
    assert "D614" in ids(found)


def test_a_server_that_takes_longer_than_the_service_waits_is_told(look):
    with server("late_but_whole") as fhir:
        found = asked(look, fhir.base, seconds=0.3)
    assert "D608" in ids(found)


def test_a_server_of_another_version_is_told(look):
    with server() as fhir:
        fhir.statement = {**STATEMENT, "fhirVersion": "3.0.2"}
        found = asked(look, fhir.base, seconds=5.0)
    assert "D615" in ids(found)


def test_a_server_that_lacks_a_parameter_is_told(look):
    with server() as fhir:
        resource = [{"type": "Observation", "searchParam": [{"name": "patient"}]}]
        fhir.statement = {**STATEMENT, "rest": [{"resource": resource}]}
        found = asked(look, fhir.base, seconds=5.0)
    details = {t.detail for t in found.troubles if t.kind.id == "D616"}
    assert {"Observation?code=", "Observation?category=", "Condition"} <= details


def test_a_server_without_metadata_is_told(look):
    with server() as fhir:
        fhir.statement = {"resourceType": "Bundle"}
        found = asked(look, fhir.base, seconds=5.0)
    assert "D609" in ids(found)


def test_a_name_nobody_knows_is_told(look):
    found = asked(look, "https://fhir.example/r4", resolver=lambda host, port: ())
    assert "D602" in ids(found)


def test_an_address_that_may_not_be_reached_is_told(look):
    with server() as fhir:
        found = asked(look, fhir.base, networks=())
    assert "D603" in ids(found)
    assert fhir.connections == 0


def test_a_server_whose_certificate_nobody_knows_is_told(look, tmp_path):
    with server(tls=Authority(tmp_path).context("127.0.0.1")) as fhir:
        found = asked(look, fhir.base.replace("http:", "https:"), seconds=2.0)
    assert "D605" in ids(found)


def test_a_server_that_is_not_listed_is_not_asked(look):
    with server() as fhir:
        found = asked(look, "https://fhir.example/r4", body=call(fhir.base))
    assert "D601" in ids(found)
    assert fhir.connections == 0


def test_nobody_is_asked_without_fetch(look, connects):
    found = look(call("https://fhir.example/r4"), settings={"fhir_servers": ["https://fhir.example/r4"]})
    assert {ident for ident in ids(found) if ident.startswith("D6")} == set()
    assert connects == []
