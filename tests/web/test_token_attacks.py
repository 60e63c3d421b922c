"""Goal R11: no forged, bent, stale or foreign token is taken, and every refusal looks the same."""

import hashlib
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cds_service.auth import TrustedClient
from cds_service.auth.policy import Clients

from ..auth import forge
from ..auth.forge import (
    BASE,
    ISSUER,
    JKU,
    b64,
    bearer,
    claims,
    header,
    private_key,
    public_jwk,
    signature,
    token,
)
from .conftest import PATH

AUD = BASE + PATH
HUGE = "x" * 1_000_000


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """A client with an EC and an RSA key, and three keys in its set that must not be used."""
    path = tmp_path_factory.mktemp("keys") / "jwks.json"
    path.write_bytes(forge.jwks("ec", public_jwk("rsa", alg="RS384"), "weak", "p256", "ed"))
    return Clients([TrustedClient(ISSUER, str(path), JKU, tenants=(forge.TENANT,))])


@pytest.fixture
def guarded(make_app, clients):
    return make_app(clients=clients, public_base_url=BASE).test_client()


def now():
    return int(time.time())


def _public_bytes(key, encoding):
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return private_key(key).public_key().public_bytes(getattr(serialization.Encoding, encoding), form)


def _with_secret(alg, secret):
    first, second = b64(header(alg=alg)), b64(claims(AUD))
    digest = hmac.new(
        secret, f"{first}.{second}".encode(), getattr(hashlib, alg.replace("HS", "sha"))
    ).digest()
    return f"{first}.{second}.{b64(digest)}"


def _unsigned(alg):
    return f"{b64(header(alg=alg))}.{b64(claims(AUD))}."


def _signed_as(sig):
    first, second = b64(header()), b64(claims(AUD))
    return f"{first}.{second}.{b64(sig(first, second))}"


def _head(**members):
    return token(claims(AUD), {name: value for name, value in header(**members).items() if value is not None})


def _claim(**members):
    return token(claims(AUD, **members))


def _raw_claims(text):
    """Return a token whose claims are JSON text in which ``...`` stands for the usual ones."""
    usual = json.dumps(claims(AUD))[1:-1]
    return token(text.replace("...", usual).encode())


def _good():
    return token(claims(AUD))


def _parts(text):
    return text.split(".")


def _flipped(text):
    first, second, third = _parts(text)
    return f"{first}.{second}.{'A' if third[0] != 'A' else 'B'}{third[1:]}"


def _other_claims(text):
    first, _second, third = _parts(text)
    return f"{first}.{b64(claims(AUD, sub='other'))}.{third}"


def _spare_bits_set():
    """Return the same claims spelled another way: a last sign that carries spare bits, one of them set."""
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    made = [_parts(token(claims(AUD, pad="x" * count))) for count in range(3)]
    first, second, third = next(parts for parts in made if len(parts[1]) % 4)
    return f"{first}.{second[:-1]}{signs[signs.index(second[-1]) ^ 1]}.{third}"


def _der(first, second):
    return private_key("ec").sign(f"{first}.{second}".encode(), ec.ECDSA(hashes.SHA384()))


#: Name of the attack to what makes its token; each is a valid token but for one thing.
TOKENS = {
    # --- algorithm
    "alg none": lambda: _unsigned("none"),
    "alg None": lambda: _unsigned("None"),
    "alg NONE": lambda: _unsigned("NONE"),
    "alg nOnE": lambda: _unsigned("nOnE"),
    "alg none, signature kept": lambda: f"{b64(header(alg='none'))}.{'.'.join(_parts(_good())[1:])}",
    "alg empty": lambda: _head(alg=""),
    "alg missing": lambda: _head(alg=None),
    "alg a list": lambda: _head(alg=["ES384"]),
    "alg in small letters": lambda: _head(alg="es384"),
    "HS256 with the EC key's PEM": lambda: _with_secret("HS256", _public_bytes("ec", "PEM")),
    "HS384 with the EC key's PEM": lambda: _with_secret("HS384", _public_bytes("ec", "PEM")),
    "HS512 with the EC key's PEM": lambda: _with_secret("HS512", _public_bytes("ec", "PEM")),
    "HS256 with the RSA key's PEM": lambda: _with_secret("HS256", _public_bytes("rsa", "PEM")),
    "HS256 with the key's DER": lambda: _with_secret("HS256", _public_bytes("ec", "DER")),
    "HS256 with the key's JWK": lambda: _with_secret("HS256", json.dumps(public_jwk("ec")).encode()),
    "HS256 with an empty secret": lambda: _with_secret("HS256", b""),
    "RS256, not listed": lambda: token(claims(AUD), header("RS256", "rsa"), "RS256", "rsa"),
    "PS384, not listed": lambda: token(claims(AUD), header("PS384", "rsa"), "PS384", "rsa"),
    "ES256, not listed": lambda: token(claims(AUD), header("ES256", "p256"), "ES256", "p256"),
    "EdDSA, not listed": lambda: token(claims(AUD), header("EdDSA", "ed"), "EdDSA", "ed"),
    "EdDSA said to be ES384": lambda: token(claims(AUD), header("ES384", "ed"), "EdDSA", "ed"),
    "ES384 for the RSA key": lambda: token(claims(AUD), header("ES384", "rsa")),
    "RS384 for the EC key": lambda: token(claims(AUD), header("RS384", "ec"), "RS384", "rsa"),
    "P-256 key with ES384": lambda: token(claims(AUD), header("ES384", "p256"), "ES256", "p256"),
    "RSA key of 1024 bits": lambda: token(claims(AUD), header("RS384", "weak"), "RS384", "weak"),
    # --- signature
    "signature of a foreign key": lambda: token(claims(AUD), header(), key="foreign"),
    "signature of a foreign RSA key": lambda: token(
        claims(AUD), header("RS384", "rsa"), "RS384", "rsa-foreign"
    ),
    "signature empty": lambda: ".".join([*_parts(_good())[:2], ""]),
    "signature cut off": lambda: ".".join(_parts(_good())[:2]),
    "signature of zeros": lambda: _signed_as(lambda *_: bytes(96)),
    "signature r=1, s=0": lambda: _signed_as(lambda *_: bytes(47) + b"\1" + bytes(48)),
    "signature of the group order": lambda: _signed_as(
        lambda *_: (
            bytes.fromhex(
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
            )
            * 2
        )
    ),
    "signature flipped": lambda: _flipped(_good()),
    "signature shorter": lambda: _signed_as(lambda *parts: signature(*parts)[:-1]),
    "signature longer": lambda: _signed_as(lambda *parts: signature(*parts) + b"\0"),
    "signature as DER": lambda: _signed_as(_der),
    "signature of other claims": lambda: _other_claims(_good()),
    # --- header
    "kid missing": lambda: _head(kid=None),
    "kid empty": lambda: _head(kid=""),
    "kid a number": lambda: _head(kid=1),
    "kid a list": lambda: _head(kid=["ec"]),
    "kid unknown": lambda: _head(kid="other"),
    "kid of another case": lambda: _head(kid="EC"),
    "kid a path": lambda: _head(kid="../../../../dev/null"),
    "kid SQL": lambda: _head(kid="ec' OR '1'='1"),
    "kid with NUL": lambda: _head(kid="ec\0"),
    "kid of 1 MB": lambda: _head(kid=HUGE),
    "typ missing": lambda: _head(typ=None),
    "typ at+jwt": lambda: _head(typ="at+jwt"),
    "typ JWE": lambda: _head(typ="JWE"),
    "typ a number": lambda: _head(typ=1),
    "jku foreign": lambda: _head(jku="https://evil.example/jwks.json"),
    "jku with user": lambda: _head(jku="https://ehr.example@evil.example/jwks.json"),
    "jku below another domain": lambda: _head(jku="https://ehr.example.evil.example/jwks.json"),
    "jku longer": lambda: _head(jku=JKU + "/../evil"),
    "jku with query": lambda: _head(jku=JKU + "?a=1"),
    "jku with fragment": lambda: _head(jku=JKU + "#a"),
    "jku in capitals": lambda: _head(jku=JKU.upper()),
    "jku look-alike": lambda: _head(jku="https://\u0435hr.example/jwks.json"),
    "jku plain http": lambda: _head(jku=JKU.replace("https", "http")),
    "jku a file": lambda: _head(jku="file:///etc/passwd"),
    "jku with space": lambda: _head(jku=f" {JKU}"),
    "jku null": lambda: token(claims(AUD), {**header(), "jku": None}),
    "jku a list": lambda: _head(jku=[JKU]),
    "jwk brought along": lambda: token(claims(AUD), header(jwk=public_jwk("foreign")), key="foreign"),
    "jwk of the true key brought along": lambda: _head(jwk=public_jwk("ec")),
    "x5u": lambda: _head(x5u="https://evil.example/cert"),
    "x5c": lambda: _head(x5c=["MIIB"]),
    "crit unknown": lambda: _head(crit=["exp"]),
    "crit empty": lambda: _head(crit=[]),
    "b64 false": lambda: _head(b64=False, crit=["b64"]),
    "zip": lambda: _head(zip="DEF"),
    "enc": lambda: _head(enc="A256GCM"),
    "header said twice": lambda: token(claims(AUD), b'{"alg":"none","alg":"ES384","kid":"ec","typ":"JWT"}'),
    "header a list": lambda: token(claims(AUD), b'["ES384"]'),
    "header no JSON": lambda: token(claims(AUD), b"{alg: ES384}"),
    "header deep": lambda: token(
        claims(AUD), b'{"alg":"ES384","kid":"ec","typ":"JWT","a":' + b"[" * 5000 + b"]" * 5000 + b"}"
    ),
    # --- times
    "exp past": lambda: _claim(iat=now() - 500, exp=now() - 200),
    "exp missing": lambda: _claim(exp=None),
    "exp far": lambda: _claim(exp=now() + 86_400),
    "exp in 2100": lambda: _claim(exp=4_102_444_800),
    "exp with a fraction": lambda: _claim(exp=now() + 200.5),
    "exp text": lambda: _claim(exp=str(now() + 200)),
    "exp NaN": lambda: _raw_claims('{"exp":NaN,' + json.dumps(claims(AUD, exp=None))[1:]),
    "exp 1e308": lambda: _claim(exp=1e308),
    "exp true": lambda: _claim(exp=True),
    "exp negative": lambda: _claim(exp=-1),
    "exp of 5000 digits": lambda: _raw_claims(
        '{"exp":' + "9" * 5000 + "," + json.dumps(claims(AUD, exp=None))[1:]
    ),
    "exp before iat": lambda: _claim(iat=now() + 50, exp=now() + 20),
    "iat missing": lambda: _claim(iat=None),
    "iat ahead": lambda: _claim(iat=now() + 600, exp=now() + 700),
    "iat long ago": lambda: _claim(iat=now() - 86_400),
    "iat text": lambda: _claim(iat=str(now())),
    "nbf ahead": lambda: _claim(nbf=now() + 250),
    "nbf text": lambda: _claim(nbf="now"),
    # --- audience
    "aud missing": lambda: _claim(aud=None),
    "aud another service": lambda: _claim(aud=f"{BASE}/cds-services/twitch-order-sign"),
    "aud discovery": lambda: _claim(aud=f"{BASE}/cds-services"),
    "aud the base": lambda: _claim(aud=BASE),
    "aud the host": lambda: _claim(aud="https://cds.example"),
    "aud feedback": lambda: _claim(aud=f"{AUD}/feedback"),
    "aud with a slash": lambda: _claim(aud=f"{AUD}/"),
    "aud in capitals": lambda: _claim(aud=AUD.upper()),
    "aud another host": lambda: _claim(aud=AUD.replace("cds.example", "cds.evil.example")),
    "aud plain http": lambda: _claim(aud=AUD.replace("https", "http")),
    "aud the socket's address": lambda: _claim(aud=f"http://localhost{PATH}"),
    "aud with query": lambda: _claim(aud=f"{AUD}?a=1"),
    "aud list without us": lambda: _claim(aud=["https://other.example", BASE]),
    "aud empty list": lambda: _claim(aud=[]),
    "aud list with a number": lambda: _claim(aud=[AUD, 1]),
    "aud an object": lambda: _claim(aud={AUD: 1}),
    "aud list of thousands": lambda: _claim(aud=["a"] * 500 + [AUD]),
    # --- issuer, tenant, token id
    "iss missing": lambda: _claim(iss=None),
    "iss unlisted": lambda: _claim(iss="https://evil.example"),
    "iss with a slash": lambda: _claim(iss=f"{ISSUER}/"),
    "iss look-alike": lambda: _claim(iss="https://\u0435hr.example"),
    "iss in capitals": lambda: _claim(iss=ISSUER.upper()),
    "iss a list": lambda: _claim(iss=[ISSUER]),
    "iss an object": lambda: _claim(iss={"a": ISSUER}),
    "tenant unlisted": lambda: _claim(tenant="south"),
    "tenant missing": lambda: _claim(tenant=None),
    "tenant a list": lambda: _claim(tenant=["north"]),
    "jti missing": lambda: _claim(jti=None),
    "jti empty": lambda: _claim(jti=""),
    "jti a number": lambda: _claim(jti=1),
    "jti with NUL": lambda: _claim(jti="a\0b"),
    "jti of 1 MB": lambda: _claim(jti=HUGE),
    "claims said twice": lambda: _raw_claims('{"aud":"https://other.example",...}'),
    "claims a text": lambda: token(b'"claims"'),
    "claims empty": lambda: token(b""),
    "claims in UTF-16": lambda: token(json.dumps(claims(AUD)).encode("utf-16")),
    "claims with a mark before": lambda: token(b"\xef\xbb\xbf" + json.dumps(claims(AUD)).encode()),
    "claims with broken UTF-8": lambda: token(json.dumps(claims(AUD))[:-1].encode() + b',"a":"\xff"}'),
    # --- shape
    "no token": lambda: "",
    "one part": lambda: _parts(_good())[0],
    "four parts": lambda: f"{_good()}.AAAA",
    "five parts (JWE)": lambda: f"{_good()}.AAAA.AAAA",
    "space inside": lambda: _good().replace(".", ". ", 1),
    "padded": lambda: "=.".join(_parts(_good())),
    "plain base64 signs": lambda: _good().replace(".", "+/.", 1),
    "spare bits set": lambda: _spare_bits_set(),
    "70 KB": lambda: _claim(pad="x" * 70_000),
    "two tokens": lambda: f"{_good()},Bearer {_good()}",
}

#: Whole headers, and requests that carry the token elsewhere.
REQUESTS = {
    "no header": lambda: {},
    "empty header": lambda: {"headers": {"Authorization": ""}},
    "scheme alone": lambda: {"headers": {"Authorization": "Bearer"}},
    "Basic": lambda: {"headers": {"Authorization": "Basic dXNlcjpwYXNz"}},
    "Token scheme": lambda: {"headers": {"Authorization": f"Token {_good()}"}},
    "DPoP scheme": lambda: {"headers": {"Authorization": f"DPoP {_good()}"}},
    "two spaces": lambda: {"headers": {"Authorization": f"Bearer  {_good()}"}},
    "tab": lambda: {"headers": {"Authorization": f"Bearer\t{_good()}"}},
    "space behind": lambda: {"headers": {"Authorization": f"Bearer {_good()} x"}},
    "two headers": lambda: {"headers": [("Authorization", bearer(_good())), ("Authorization", bearer(_good()))]},
    "token in the query": lambda: {"query_string": {"access_token": _good()}},
    "token in a cookie": lambda: {"headers": {"Cookie": f"access_token={_good()}"}},
    "token in another header": lambda: {"headers": {"X-Authorization": bearer(_good())}},
}  # fmt: skip


@pytest.fixture
def refusal(guarded):
    """What a request without any token gets: the yardstick for every other refusal."""
    return _told(guarded.post(PATH, json={}))


def _told(answer):
    varying = ("Date", "X-Request-ID")
    return answer.status_code, answer.data, sorted(item for item in answer.headers if item[0] not in varying)


def test_at_least_sixty_attacks_are_tried():
    assert len(TOKENS) + len(REQUESTS) >= 150


def test_ST_6_the_refusal_names_the_scheme_and_no_reason(refusal):
    status, body, headers = refusal
    assert status == 401
    assert ("WWW-Authenticate", "Bearer") in headers
    assert json.loads(body)["issue"][0]["details"]["coding"][0]["code"] == "W401"


@pytest.mark.parametrize("name", TOKENS)
def test_R11_every_attack_token_is_refused_alike(name, guarded, refusal):
    assert _told(guarded.post(PATH, json={}, headers={"Authorization": bearer(TOKENS[name]())})) == refusal


@pytest.mark.parametrize("name", REQUESTS)
def test_R11_every_attack_request_is_refused_alike(name, guarded, refusal):
    assert _told(guarded.post(PATH, json={}, **REQUESTS[name]())) == refusal


GOOD = {
    "ES384": lambda: token(claims(AUD)),
    "RS384": lambda: token(claims(AUD), header("RS384", "rsa"), "RS384", "rsa"),
    "jku that is listed": lambda: _head(jku=JKU),
    "typ in small letters": lambda: _head(typ="jwt"),
    "aud in a list": lambda: _claim(aud=["https://other.example", AUD]),
    "claims of vendors": lambda: _claim(sub="client-1", nbf=now() - 300, extra={"a": [1]}),
    "clock 30 s ahead": lambda: _claim(iat=now() + 30, exp=now() + 330),
    "clock 30 s behind": lambda: _claim(iat=now() - 320, exp=now() - 20),
}


@pytest.mark.parametrize("name", GOOD)
def test_R11_good_tokens_are_taken(name, guarded, call):
    answer = guarded.post(PATH, json=call, headers={"Authorization": bearer(GOOD[name]())})
    assert answer.status_code == 200
    assert answer.json["cards"]
