"""Whatever is sent ends in a token or a refusal, never in anything else."""

import json
import time
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.auth import Caller, Clients, Reason, Refused, TrustedClient, Verifier
from cds_service.auth.tokens import check_claims, check_header, read_token

from ..web import test_token_attacks as attacks
from .forge import BASE, ISSUER, JKU, TENANT, b64, bearer, claims, header, jwks, public_jwk, token


def _is_plain(value):
    try:
        json.dumps(value, allow_nan=False).encode()
    except ValueError:
        return False
    return True


CLIENT = TrustedClient(ISSUER, jwks_url=JKU, tenants=(TENANT,))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["alg", "kid", "typ", "jku", "iss", "aud", "exp", "iat", "nbf", "jti", "tenant", "crit"]
)


def _verifier():
    body = jwks("ec", public_jwk("rsa", alg="RS384"), "weak", "p256", "ed")
    used = set()

    def spend(issuer, token_id, _until, _now):
        is_new = (issuer, token_id) not in used
        used.add((issuer, token_id))
        return is_new

    return Verifier(Clients([CLIENT]), spend, lambda _url: body)


def _reason(verifier, authorization, audience=attacks.AUD):
    with pytest.raises(Refused) as refused:
        verifier.verify(authorization, audience, int(time.time()))
    return refused.value.reason


def test_the_attacks_reach_every_check():
    verifier = _verifier()
    reached = {_reason(verifier, bearer(make())) for make in attacks.TOKENS.values()}
    reached.add(_reason(verifier, ""))
    good = bearer(token(claims(attacks.AUD)))
    assert verifier.verify(good, attacks.AUD, int(time.time())) == Caller(ISSUER, TENANT)
    reached.add(_reason(verifier, good))
    assert reached == set(get_args(Reason))


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_text_is_mistaken_for_a_token(text):
    with pytest.raises(Refused):
        read_token(f"Bearer {text}")


@settings(deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_no_bytes_in_three_parts_break_the_reading(first, second, third):
    with pytest.raises(Refused):
        _verifier().verify(bearer(f"{b64(first)}.{b64(second)}.{b64(third)}"), BASE, 1000)


@settings(deadline=None)
@given(st.dictionaries(NAMES, JSON, max_size=4))
def test_odd_headers_and_claims_are_refused_and_nothing_else(odd):
    sent = {**header(), **odd}
    full = {**claims(BASE), **odd}
    for check in (
        lambda: check_header(sent, CLIENT),
        lambda: check_claims(full, CLIENT, BASE, int(time.time())),
    ):
        try:
            check()
        except Refused:
            continue


@settings(deadline=None)
@given(st.dictionaries(NAMES, JSON, min_size=1, max_size=3).filter(_is_plain))
def test_a_token_that_is_read_says_what_was_sent(members):
    text = json.dumps(members, allow_nan=False)
    found = read_token(bearer(f"{b64(header())}.{b64(text.encode())}.{b64(b'signature')}"))
    assert found.claims == members
    assert "signature" not in repr(found) and repr(found) == "Token(...)"
