"""R13: whatever address an attacker writes, and wherever: the service connects to its own server and nobody else.

Every form of an address goes through every channel. A canary listens on this machine; every
connection and every look-up of this process is recorded.
"""

import copy
import json
import time
from urllib.parse import urlsplit

import pytest

from cds_service.auth import Clients, TrustedClient
from cds_service.fetch import Authorization, Fault, FhirClient
from cds_service.settings import Settings

from ..auth.forge import BASE, ISSUER, JKU, bearer, claims, header, jwks, token
from ..fetch.fault_server import FaultServer
from ..fetch.url_forms import FORMS, words
from .conftest import PATH, story
from .test_fetching import NETWORKS, TOKEN, _authorized, _without

#: Spellings of this machine; with the port of the canary each of them would reach it.
_HERE = words("""
127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.1 017700000001 0177.0.0.1 0 0.0.0.0 localhost LOCALHOST localhost.
[::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::] user@127.0.0.1 127.0.0.1%2f 127.0.0.1%00 127.8.8.8
""")

RESOURCES = story("lip-twitching-on-furosemide")
PATIENT = next(row for row in RESOURCES if row["resourceType"] == "Patient")
TEMPLATE = "Condition?patient={{context.patientId}}&_count=500"


@pytest.fixture
def canary():
    with FaultServer() as server:
        yield server


@pytest.fixture
def own():
    """The FHIR server that is listed."""
    with FaultServer(copy.deepcopy(RESOURCES)) as server:
        yield server


@pytest.fixture
def forms(canary):
    return [
        *FORMS,
        *(f"{scheme}://{host}:{canary.port}/fhir" for host in _HERE for scheme in ("http", "https")),
    ]


@pytest.fixture
def only_own(connects, canary, own):
    """After the test: nobody but the listed server was connected to, and the canary saw nothing."""
    yield
    assert {place for place in connects if place[0] != "name"} <= {("127.0.0.1", own.port)}
    assert (canary.connections, canary.seen) == (0, [])
    assert all(headers["host"].endswith(f":{own.port}") for _, _, headers in own.seen)


@pytest.fixture
def access(own):
    """What the settings of a site with one FHIR server allow."""

    def make(base=own.base, networks=NETWORKS):
        given = Settings(fhir_servers=(base,), fhir_networks=networks, fhir_deadline_ms=10_000)
        return FhirClient(given.fhir_access, now=time.time)

    return make


def ask(client, server, **more):
    """Ask for the problems of a patient with a token, as a call does."""
    return client.fetch_missing(
        {"problems": TEMPLATE},
        fhir_server=server,
        authorization=Authorization(TOKEN, 60, ""),
        context={"patientId": PATIENT["id"]},
        **more,
    )


def test_there_are_enough_forms_and_channels(forms):
    assert len(set(forms)) >= 120
    assert sum(name.startswith("test_R13_channel_") for name in globals()) >= 7


@pytest.mark.usefixtures("only_own")
def test_R13_channel_fhirServer(access, own, forms, connects):
    client = access()
    for form in forms:
        assert ask(client, form).refusal is Fault.NOT_ALLOWED
    assert (own.seen, connects) == ([], [])


@pytest.mark.usefixtures("only_own")
def test_R13_channel_jku(make_app, call, own, forms, connects):
    trusted = TrustedClient(ISSUER, jwks_url=JKU)
    client = make_app(clients=Clients([trusted]), public_base_url=BASE).test_client()
    for number, form in enumerate(forms):
        sent = token(claims(BASE + PATH, jti=f"t{number}"), header(jku=form))
        response = client.post(PATH, json=call, headers={"Authorization": bearer(sent)})
        assert response.status_code == 401
    assert connects == []


@pytest.mark.usefixtures("only_own")
def test_R13_channel_key_set_that_redirects(make_app, call, own, forms):
    client = make_app(
        clients=Clients([TrustedClient(ISSUER, jwks_url=f"http://127.0.0.1:{own.port}/jwks.json")]),
        public_base_url=BASE,
    ).test_client()
    own._do_moved = lambda sock, answer: own._send(sock, jwks("ec"), "302 Found", Location=forms[-1])
    own.faults = {0: "moved"}
    response = client.post(PATH, json=call, headers={"Authorization": bearer(token(claims(BASE + PATH)))})
    assert response.status_code == 401
    assert len(own.seen) == 1


@pytest.mark.usefixtures("only_own")
def test_R13_channel_next_link_of_a_fetched_bundle(access, own, forms):
    client, bundle = access(), {"resourceType": "Bundle", "type": "searchset"}
    for form in forms:
        body = {**bundle, "link": [{"relation": "next", "url": form}], "entry": [{"fullUrl": form}]}
        own._do_form = lambda sock, answer, body=body: own._send(sock, body)
        own.faults = {0: "form"}
        assert not ask(client, own.base).faults
    assert len(own.seen) >= len(forms)


@pytest.mark.usefixtures("only_own")
def test_R13_channel_next_link_of_a_sent_bundle(access, own, forms):
    client, bundle = (
        access(),
        {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Condition"}}]},
    )
    for form in forms:
        sent = json.dumps({**bundle, "link": [{"relation": "next", "url": form}]}).encode()
        assert not ask(client, own.base, begun={"problems": sent}).faults
    assert len(own.seen) < len(forms) / 4, "only relative links lead to the server itself"


@pytest.mark.usefixtures("only_own")
def test_R13_channel_reference_in_a_resource(make_app, call, own, forms):
    references = [{"reference": form} for form in forms]
    for row in own.resources:
        if row["resourceType"] == "Condition":
            row |= {"evidence": [{"detail": references}], "stage": [{"assessment": references}]}
            row["text"] = {"status": "generated", "div": f"<div>{' '.join(forms)}</div>"}
    sent = copy.deepcopy(call)
    for bundle in sent["prefetch"].values():
        for entry in (bundle or {}).get("entry", []):
            entry |= {"fullUrl": forms[-1], "resource": {**entry["resource"], "performer": references}}
    client = make_app(fhir_servers=(own.base,), fhir_networks=NETWORKS, fhir_deadline_ms=10_000).test_client()
    response = client.post(PATH, json=_authorized(_without(sent, "problems"), own))
    assert response.status_code == 200, response.text
    assert len(own.seen) == 1


@pytest.mark.usefixtures("only_own")
def test_R13_channel_redirect(access, own, forms):
    client = access()
    for form in forms:
        location = form.replace("\r\n", "").encode("utf-8", "replace").decode("latin-1")[:2_000]
        own._do_form = lambda sock, answer, to=location: own._send(
            sock, b"", "307 Temporary Redirect", Location=to
        )
        own.faults = {0: "form"}
        assert ask(client, own.base).faults == {"problems": Fault.REDIRECT}
    assert len(own.seen) == len(forms)


@pytest.mark.usefixtures("only_own")
def test_R13_channel_proxies_and_netrc_of_the_environment(access, own, forms, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\ndefault login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    client, usable = access(), [form for form in forms if "\x00" not in form]
    for form in usable:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, form)
        assert not ask(client, own.base).faults
    assert len(own.seen) == len(usable)
    assert {headers["authorization"] for _, _, headers in own.seen} == {f"Bearer {TOKEN}"}


@pytest.mark.usefixtures("only_own")
def test_R13_channel_name_that_means_something_else(access, own, forms, monkeypatch, connects):
    found = []
    monkeypatch.setattr(
        "socket.getaddrinfo", lambda host, port, **_: [(2, 1, 6, "", (address, port)) for address in found]
    )
    base = "https://fhir.example/r4"
    client = access(base, networks=("10.20.0.0/16",))
    for host in sorted({_host_of(form) for form in forms}):
        for found in ([host], ["10.20.0.1", host]):  # noqa: B007 (what the name means from now on)
            assert ask(client, base).faults == {"problems": Fault.NOT_ALLOWED}, host
    assert (own.seen, connects) == ([], [])


def _host_of(form):
    try:
        return urlsplit(form).hostname or form
    except ValueError:
        return form


@pytest.mark.usefixtures("only_own")
def test_R13_channel_name_that_changes_its_meaning_between_questions(access, own, monkeypatch):
    base = f"http://fhir.example:{own.port}/fhir"
    asked = []

    def rebinding(host, port, **_options):
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "127.8.8.8", port))]

    monkeypatch.setattr("socket.getaddrinfo", rebinding)
    types = ["Condition", "Observation", "Encounter", "MedicationRequest", "Procedure"]
    fetched = access(base).fetch_missing(
        {name: f"{name}?patient={{{{context.patientId}}}}" for name in types},
        fhir_server=base,
        authorization=Authorization(TOKEN, 60, ""),
        context={"patientId": PATIENT["id"]},
    )
    assert (fetched.faults, asked, len(own.seen)) == ({}, ["fhir.example"], len(types))
    assert {headers["host"] for _, _, headers in own.seen} == {f"fhir.example:{own.port}"}
