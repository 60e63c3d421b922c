"""The doctor and the token of a caller: every refusal has its finding, and nothing else has."""

import json
from datetime import UTC, datetime

import pytest

from cds_service.auth import Clients, Refused, TrustedClient, Verifier

from ..auth import forge
from .broken import bundled
from .conftest import NOW, ids

PATH = "/cds-services/twitch-patient-view"
AUDIENCE = forge.BASE + PATH
AT = int(NOW.timestamp())
#: What is changed in the header or the claims of a good token, and what is found.
CASES = [
    ("two parts", "malformed", {}, {}, {"D501"}),
    ("a shared secret", "header", {"alg": "HS256"}, {}, {"D502", "D516"}),
    ("no signature", "header", {"alg": "none"}, {}, {"D502", "D516"}),
    ("no kid", "header", {"kid": None}, {}, {"D503"}),
    ("another typ", "header", {"typ": "at+jwt"}, {}, {"D504"}),
    ("another issuer", "claims", {}, {"iss": "https://other.example"}, {"D505"}),
    ("an issuer with a slash", "claims", {}, {"iss": forge.ISSUER + "/"}, {"D505"}),
    ("another audience", "claims", {}, {"aud": "https://other.example" + PATH}, {"D507"}),
    ("an audience with a slash", "claims", {}, {"aud": AUDIENCE + "/"}, {"D507"}),
    ("an audience that is no text", "claims", {}, {"aud": 5}, {"D507"}),
    ("over", "claims", {}, {"iat": AT - 500, "exp": AT - 200}, {"D508"}),
    ("of tomorrow", "claims", {}, {"iat": AT + 500, "exp": AT + 700}, {"D509"}),
    ("not yet", "claims", {}, {"nbf": AT + 500}, {"D509"}),
    ("no exp", "claims", {}, {"exp": None}, {"D510"}),
    ("milliseconds", "claims", {}, {"exp": (AT + 300) * 1000}, {"D510"}),
    ("for a day", "claims", {}, {"exp": AT + 86400}, {"D511"}),
    ("other keys", "header", {"jku": "https://evil.example/jwks.json"}, {}, {"D512"}),
    ("no jti", "claims", {}, {"jti": None}, {"D513"}),
    ("another tenant", "claims", {}, {"tenant": "south"}, {"D514"}),
    ("its own key", "header", {"jwk": {}}, {}, {"D515"}),
    ("another key", "header", {"kid": "nobody"}, {}, {"D516"}),
    ("a jti that is too long", "claims", {}, {"jti": "x" * 300}, {"D513"}),
    (
        "everything",
        "both",
        {"typ": "x", "crit": []},
        {"aud": "x", "jti": None},
        {"D504", "D507", "D513", "D515"},
    ),
]


@pytest.fixture
def client(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_bytes(forge.jwks("ec"))
    return TrustedClient(
        issuer=forge.ISSUER, jwks_file=str(path), jwks_url=forge.JKU, tenants=(forge.TENANT,)
    )


def make(head=(), said=()):
    full = {**forge.header(), **dict(head)}
    head = {name: value for name, value in full.items() if value is not None}
    claims = {"iat": AT, "exp": AT + 300, **dict(said)}
    first, second = forge.b64(head), forge.b64(forge.claims(AUDIENCE, **claims))
    return f"{first}.{second}.{forge.b64(forge.signature(first, second))}"


def looked(look, client, token, **wishes):
    settings = {"clients": Clients([client] if client else []), "public_base_url": forge.BASE}
    return look(json.dumps(bundled()).encode(), settings=settings, token=token, **wishes)


def of_token(found):
    return {ident for ident in ids(found) if ident.startswith("D5")}


def test_a_good_token_leaves_nothing_to_say(look, client):
    found = looked(look, client, make())
    assert of_token(found) == set()
    assert found.answer.status == 200


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_wrong_token_has_exactly_its_findings(look, client, case):
    name, _kind, head, said, expected = case
    token = make(head, said)
    if name == "two parts":
        token = token.rpartition(".")[0]
    found = looked(look, client, token)
    assert of_token(found) == expected
    assert found.answer.status == 401
    with pytest.raises(Refused):
        Verifier(Clients([client]), lambda *_: True, None).verify(f"Bearer {token}", AUDIENCE, AT)
    assert token not in repr(found)


def test_a_changed_token_has_a_wrong_signature(look, client):
    head, _claims, sign = make().split(".")
    other = forge.b64(forge.claims(AUDIENCE, iat=AT, exp=AT + 300))
    assert of_token(looked(look, client, f"{head}.{other}.{sign}")) == {"D517"}


def test_the_word_bearer_and_a_line_end_do_no_harm(look, client):
    assert of_token(looked(look, client, f"Bearer {make()}\n")) == set()


def test_without_clients_no_token_is_looked_at_by_the_service(look):
    found = looked(look, None, make())
    assert {"D506"} <= of_token(found)


def test_a_service_that_wants_a_token_says_so(look, client):
    assert of_token(looked(look, client, None)) == {"D520"}


def test_keys_at_an_address_are_fetched_only_when_that_was_asked_for(look):
    client = TrustedClient(issuer=forge.ISSUER, jwks_url=forge.JKU, tenants=(forge.TENANT,))
    assert of_token(looked(look, client, make())) == {"D519"}
    assert of_token(looked(look, client, make(), key_fetch=lambda url: forge.jwks("ec"))) == set()
    assert of_token(looked(look, client, make(), key_fetch=lambda url: b"{}")) == {"D518"}


def test_the_address_an_ehr_calls_may_be_another_than_that_of_the_settings(look, client):
    found = looked(look, client, make(), base_url="https://proxy.example")
    assert of_token(found) == {"D507"}


def test_a_token_is_judged_at_the_instant_that_is_named(look, client):
    later = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert of_token(looked(look, client, make(), now=later)) == {"D508"}
    assert of_token(looked(look, client, make(), now=later, as_of=NOW)) == set()
