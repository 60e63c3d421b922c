"""Keys of clients and attackers, and tokens well and badly made. All keys are made for the test run."""

import base64
import json
import time
import uuid
from functools import cache

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

ISSUER = "https://ehr.example"
JKU = "https://ehr.example/jwks.json"
TENANT = "north"
BASE = "https://cds.example/twitch"


def b64(data):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@cache
def private_key(name):
    """Return the private key of a name; the same for the whole run of a process."""
    if name.startswith("rsa"):
        return rsa.generate_private_key(65537, 2048)
    if name == "weak":
        return rsa.generate_private_key(65537, 1024)
    if name == "ed":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1() if name == "p256" else ec.SECP384R1())


def _codec(name):
    if name == "ed":
        return jwt.algorithms.OKPAlgorithm
    return (
        jwt.algorithms.RSAAlgorithm
        if name in ("weak",) or name.startswith("rsa")
        else jwt.algorithms.ECAlgorithm
    )


def private_jwk(name):
    return {**_codec(name).to_jwk(private_key(name), as_dict=True), "kid": name}


def public_jwk(name, **members):
    key = _codec(name).to_jwk(private_key(name).public_key(), as_dict=True)
    return {**key, "kid": name, "use": "sig", **members}


def jwks(*keys):
    return json.dumps({"keys": [public_jwk(key) if isinstance(key, str) else key for key in keys]}).encode()


def header(alg="ES384", kid="ec", **members):
    return {"alg": alg, "kid": kid, "typ": "JWT", **members}


def claims(audience, **members):
    now = int(time.time())
    full = {
        "iss": ISSUER,
        "aud": audience,
        "iat": now,
        "exp": now + 300,
        "jti": str(uuid.uuid4()),
        "tenant": TENANT,
    }
    full.update(members)
    return {name: value for name, value in full.items() if value is not None}


def signature(head, body, alg="ES384", key="ec"):
    material = private_key(key) if isinstance(key, str) else key
    return jwt.get_algorithm_by_name(alg).sign(f"{head}.{body}".encode(), material)


def token(claims, head=None, alg="ES384", key="ec"):
    """Return a signed token; header and claims may be data or bytes of JSON."""
    first, second = b64(header(alg=alg, kid=key) if head is None else head), b64(claims)
    return f"{first}.{second}.{b64(signature(first, second, alg, key))}"


def bearer(text):
    return f"Bearer {text}"
