"""Make keys and tokens of a client, to try out how calls are authenticated."""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any

import click
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cds_service.errors import Issue, SettingsError

_PRIVATE = "private-key.json"
_PUBLIC = "jwks.json"
_LIFE_SECONDS = 300
_SECRET_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})


@click.group("token")
def command() -> None:
    """Make keys and tokens as an EHR does, for trying out."""


@command.command("new-key")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--algorithm", type=click.Choice(["ES384", "RS384"]), default="ES384", show_default=True)
def new_key(folder: Path, algorithm: str) -> None:
    """Write a new key pair: private-key.json, and jwks.json for the service. Files there stay."""
    private = _private_jwk(algorithm)
    public = {name: value for name, value in private.items() if name not in _SECRET_MEMBERS}
    public["key_ops"] = ["verify"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_new(folder / _PRIVATE, private, 0o600)
        _write_new(folder / _PUBLIC, {"keys": [public]}, 0o644)
    except OSError as error:
        what = f"cannot be written ({error.strerror})."
        raise SettingsError(
            Issue(Path(error.filename).name, "K040", what, "Name a folder without keys.")
        ) from None
    click.echo(f"Wrote {folder / _PRIVATE} and {folder / _PUBLIC}.", err=True)


@command.command("make")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--issuer", required=True, help="Claim iss, as the service knows the client.")
@click.option("--audience", required=True, help="Claim aud: the address that is called.")
def make(folder: Path, issuer: str, audience: str) -> None:
    """Print a token that holds for five minutes and one call, signed with the key in FOLDER."""
    try:
        private = json.loads((folder / _PRIVATE).read_text(encoding="utf-8"))
        key = jwt.PyJWK(private)
        kid, algorithm = private["kid"], private["alg"]
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
        remedy = "Make one: twitch-cds token new-key FOLDER."
        raise SettingsError(Issue(_PRIVATE, "K041", "is no private key that can be read.", remedy)) from None
    now = int(time.time())
    claims = {
        "iss": issuer,
        "aud": audience,
        "iat": now,
        "exp": now + _LIFE_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    click.echo(jwt.encode(claims, key.key, algorithm=algorithm, headers={"kid": kid, "typ": "JWT"}))


def _private_jwk(algorithm: str) -> dict[str, Any]:
    """Return a new private key as a JSON Web Key."""
    made: dict[str, Any]
    if algorithm == "ES384":
        made = jwt.algorithms.ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)
    else:
        made = jwt.algorithms.RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 3072), as_dict=True)
    return {**made, "kid": str(uuid.uuid4()), "alg": algorithm, "use": "sig"}


def _write_new(path: Path, content: dict[str, Any], mode: int) -> None:
    """Write a file that is not there yet, readable by whom ``mode`` says from the first byte on."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2) + "\n")
