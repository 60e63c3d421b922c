"""Clients that must prove who they are: rows SEC-1, SEC-2, ST-6, JWT of the requirements, over HTTP.

Every attack on a token stands in tests/auth; here is what a client meets.
"""

import base64
import hmac
import json
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from .conftest import written_call

ISSUER = "https://ehr.example"
BASE = "http://127.0.0.1:8000"
PATH = "/cds-services/twitch-patient-view"
KEYS = {"ES384": ec.generate_private_key(ec.SECP384R1()), "RS384": rsa.generate_private_key(65537, 2048)}


def _key_set():
    kinds = {"ES384": ECAlgorithm, "RS384": RSAAlgorithm}
    found = []
    for name, key in KEYS.items():
        public = json.loads(kinds[name].to_jwk(key.public_key()))
        found.append({**public, "kid": name, "alg": name, "use": "sig"})
    return {"keys": found}


def _token(path=PATH, algorithm="ES384", header=None, **claims):
    now = int(time.time())
    whole = {
        "iss": ISSUER,
        "aud": BASE + path,
        "iat": now,
        "exp": now + 120,
        "jti": str(uuid.uuid4()),
        **claims,
    }
    named = {"kid": algorithm, "typ": "JWT", **(header or {})}
    whole = {name: value for name, value in whole.items() if value is not ...}
    return jwt.encode(whole, KEYS[algorithm], algorithm, headers=named)


@pytest.fixture(scope="module")
def guarded(make_session, tmp_path_factory):
    from cds_service.auth import read_clients

    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_text(json.dumps(_key_set()), encoding="utf-8")
    client = {
        "issuer": ISSUER,
        "jwks_file": str(path),
        "algorithms": ["ES384", "RS384"],
        "tenants": ["north"],
    }
    return make_session(clients=read_clients([client]))


@pytest.fixture
def ask_as(guarded):
    def asked(token, path=PATH):
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return guarded.post(path, written_call("patient-view"), **headers)

    return asked


def test_SEC_1_ST_6_without_a_token_nobody_is_answered(ask_as):
    answer = ask_as(None)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_JWT_4_JWT_11_tokens_of_a_pinned_key_are_taken(ask_as, algorithm):
    assert ask_as(_token(algorithm=algorithm, tenant="north")).status == 200


def test_SEC_2_discovery_takes_the_token_of_a_client(guarded):
    token = _token("/cds-services", tenant="north")
    assert guarded.get("/cds-services", Authorization=f"Bearer {token}").status == 200


def test_FB_11_JWT_7_feedback_has_an_address_of_its_own(guarded):
    path = f"{PATH}/feedback"
    for aud, status in ((path, 200), (PATH, 401)):
        token = _token(aud, tenant="north")
        assert guarded.post(path, {"feedback": []}, Authorization=f"Bearer {token}").status == status


@pytest.mark.parametrize("extra", [{"sub": "client-7"}, {"nbf": 1}])
def test_JWT_13_extra_claims_are_taken(ask_as, extra):
    assert ask_as(_token(tenant="north", **extra)).status == 200


@pytest.fixture
def refused(ask_as):
    """Check that a token is refused, with the bytes of every other refusal (JWT-14)."""

    def check(token):
        answer = ask_as(token)
        assert (answer.status, answer.body) == (401, ask_as(None).body)

    return check


@pytest.mark.parametrize("header", [{"kid": ""}, {"typ": "at+jwt"}])
def test_JWT_1_JWT_14_the_header_is_whole(refused, header):
    refused(_token(tenant="north", header=header))


def test_JWT_2_an_unsigned_token_is_refused(refused):
    _, body, _ = _token(tenant="north").split(".")
    refused(f"eyJhbGciOiJub25lIiwidHlwIjoiSldUIiwia2lkIjoiRVMzODQifQ.{body}.")


def test_JWT_3_a_shared_secret_is_refused(refused):
    """The attack: the public key, which everybody has, taken for a shared secret."""
    public = KEYS["ES384"].public_key()
    secret = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = {"alg": "HS384", "typ": "JWT", "kid": "ES384"}
    _, body, _ = _token(tenant="north").split(".")
    signed = f"{_packed(json.dumps(head).encode())}.{body}"
    refused(f"{signed}.{_packed(hmac.digest(secret, signed.encode(), 'sha384'))}")


def _packed(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_JWT_5_an_unknown_issuer_is_refused(refused):
    refused(_token(tenant="north", iss="https://evil.example"))


def test_JWT_6_another_key_set_is_refused(refused):
    refused(_token(tenant="north", header={"jku": "https://evil.example/jwks.json"}))


def test_JWT_7_a_token_for_another_address_is_refused(refused, ask_as):
    refused(_token("/cds-services/twitch-order-sign", tenant="north"))
    assert ask_as(_token(tenant="north", aud=["https://other.example", BASE + PATH])).status == 200


@pytest.mark.parametrize("ahead", [-300, 10_000_000])
def test_JWT_8_a_token_over_or_too_long_is_refused(refused, ahead):
    now = int(time.time())
    refused(_token(tenant="north", iat=now - 400, exp=now + ahead))


@pytest.mark.parametrize("name", ["exp", "iat"])
@pytest.mark.parametrize("value", [..., "soon"])
def test_JWT_8_times_are_numbers(refused, name, value):
    refused(_token(tenant="north", **{name: value}))


def test_JWT_9_a_token_without_id_is_refused(refused):
    refused(_token(tenant="north", jti=...))


def test_JWT_10_an_unknown_tenant_is_refused(refused):
    refused(_token(tenant="south"))


def test_JWT_12_an_unknown_key_is_refused(refused):
    refused(_token(tenant="north", header={"kid": "other"}))


def test_JWT_13_a_token_of_tomorrow_is_refused(refused):
    refused(_token(tenant="north", nbf=int(time.time()) + 86_400))


def test_JWT_9_a_token_is_good_for_one_call(ask_as):
    token = _token(tenant="north")
    assert [ask_as(token).status for _ in range(3)] == [200, 401, 401]


def test_CORS_2_preflight_needs_no_token(guarded):
    answer = guarded.send("OPTIONS", PATH, Origin="https://ehr.example", Access_Control_Request_Method="POST")
    assert 200 <= answer.status < 300
