"""Encryption: the certificate is checked against the name although the address is pinned (R21: 8 to 10)."""

import datetime
import ipaddress
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cds_service.fetch import Access, Authorization, Fault, FhirClient, parse_entry, parse_network
from cds_service.fetch.wire import tls_context

from .fault_server import FaultServer

NAME = "fhir.example"
ONE = {"patient": "Patient/{{context.patientId}}"}
RESOURCES = [{"resourceType": "Patient", "id": "p1"}]


class Authority:
    """A certificate authority of its own, with certificates for any name and time."""

    def __init__(self, folder):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        own = self._builder(self.name, self.key, 0).add_extension(x509.BasicConstraints(True, None), True)
        self.file = folder / "ca.pem"
        self.file.write_bytes(own.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(self, name, key, ended_days_ago):
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1 - ended_days_ago)
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - datetime.timedelta(days=3))
            .not_valid_after(end)
        )

    def context(self, name, *, ended_days_ago=0):
        """Return what a server needs to answer under a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            alternative = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            alternative = x509.DNSName(name)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        builder = self._builder(subject, key, ended_days_ago)
        signed = builder.add_extension(x509.SubjectAlternativeName([alternative]), False).sign(
            self.key, hashes.SHA256()
        )
        path = self.folder / "server.pem"
        path.write_bytes(
            signed.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def _fetched(server, *, ca_file, seconds=5.0, base=None):
    base = base or f"https://{NAME}:{server.port}/fhir"
    access = Access(
        servers=(parse_entry(base),),
        networks=(parse_network("127.0.0.0/8"),),
        seconds=seconds,
        ca_file=str(ca_file),
    )
    client = FhirClient(access, resolver=lambda host, port: ["127.0.0.1"])
    return client.fetch_missing(
        ONE, fhir_server=base, authorization=Authorization("t", 60, ""), context={"patientId": "p1"}
    )


def test_a_certificate_of_the_name_is_taken_at_the_pinned_address(authority):
    with FaultServer(RESOURCES, tls=authority.context(NAME)) as server:
        found = _fetched(server, ca_file=authority.file)
    assert (found.faults, list(found.found)) == ({}, ["patient"])
    assert server.seen[0][2]["host"] == f"{NAME}:{server.port}"


@pytest.mark.parametrize("name", ["other.example", "sub.fhir.example", "127.0.0.1"])
def test_R21_a_certificate_of_another_name_is_refused(authority, name):
    with FaultServer(RESOURCES, tls=authority.context(name)) as server:
        assert _fetched(server, ca_file=authority.file).faults == {"patient": Fault.TLS}
    assert server.seen == []


def test_R21_an_expired_certificate_is_refused(authority):
    with FaultServer(RESOURCES, tls=authority.context(NAME, ended_days_ago=2)) as server:
        assert _fetched(server, ca_file=authority.file).faults == {"patient": Fault.TLS}
    assert server.seen == []


def test_R21_a_certificate_of_an_unknown_authority_is_refused(authority):
    with FaultServer(RESOURCES, tls=authority.context(NAME)) as server:
        assert _fetched(server, ca_file="").faults == {"patient": Fault.TLS}
    assert server.seen == []


def test_R21_a_server_that_stalls_the_handshake_ends_with_the_deadline():
    with FaultServer(RESOURCES, tls="stall") as server:
        started = time.monotonic()
        found = _fetched(server, ca_file="", seconds=0.3)
        assert time.monotonic() - started < 5
    assert found.faults == {"patient": Fault.TIMEOUT}


@pytest.mark.parametrize("fault", ["drip_body", "slow_headers", "stall_in_body"])
def test_R22_the_deadline_holds_over_encrypted_answers(authority, fault):
    with FaultServer(RESOURCES, tls=authority.context(NAME), faults={0: fault}) as server:
        started = time.monotonic()
        found = _fetched(server, ca_file=authority.file, seconds=0.5)
        assert time.monotonic() - started < 5
    assert found.faults == {"patient": Fault.TIMEOUT}


def test_the_environment_chooses_no_authorities(authority, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(authority.file))
    with FaultServer(RESOURCES, tls=authority.context(NAME)) as server:
        assert _fetched(server, ca_file="").faults == {"patient": Fault.TLS}


def test_names_and_certificates_are_always_checked():
    context = tls_context()
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_R13_without_encryption_only_this_machine_is_asked():
    base = "http://fhir.example/fhir"
    access = Access(servers=(parse_entry(base),), networks=(parse_network("10.0.0.0/8"),))
    client = FhirClient(access, resolver=lambda host, port: ["10.0.0.1"])
    found = client.fetch_missing(
        ONE, fhir_server=base, authorization=Authorization("t", 60, ""), context={"patientId": "p1"}
    )
    assert found.faults == {"patient": Fault.NOT_ALLOWED}


def test_a_server_that_hangs_up_in_the_handshake_is_asked_again(authority):
    """A restart behind a load balancer looks so; it was told as a certificate that is refused, and not tried again."""
    with FaultServer(RESOURCES, tls=authority.context(NAME), hangs_up={1}) as server:
        assert _fetched(server, ca_file=authority.file).faults == {}
        assert server.connections == 2
    with FaultServer(RESOURCES, tls=authority.context(NAME), hangs_up=range(1, 9)) as server:
        assert _fetched(server, ca_file=authority.file).faults == {"patient": Fault.BROKEN}


MANY = {f"key-{number:02}": ONE["patient"] for number in range(17)}


def test_connections_are_kept_for_the_questions_of_one_call_and_end_with_it(authority):
    with FaultServer(RESOURCES, tls=authority.context(NAME), keeps=True) as server:
        base = f"https://{NAME}:{server.port}/fhir"
        access = Access(
            servers=(parse_entry(base),),
            networks=(parse_network("127.0.0.0/8"),),
            seconds=20,
            ca_file=str(authority.file),
        )
        client = FhirClient(access, resolver=lambda host, port: ["127.0.0.1"])
        for call, token in enumerate(["first", "second"]):
            before, asked = server.connections, len(server.seen)
            found = client.fetch_missing(
                MANY,
                fhir_server=base,
                authorization=Authorization(token, 60, ""),
                context={"patientId": "p1"},
            )
            assert (found.faults, len(server.seen) - asked) == ({}, len(MANY))
            assert 1 <= server.connections - before <= 6, f"call {call} shakes hands for each connection only"
            sent = {headers["authorization"] for _, _, headers in server.seen[asked:]}
            assert sent == {f"Bearer {token}"}
