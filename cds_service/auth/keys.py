"""Read the public keys of a client and keep them for a while: bounded, renewed, one fetch at a time.

Source: RFC 7517 (JSON Web Key), RFC 7518 section 6 (members of keys).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import msgspec

from cds_service.auth.policy import TrustedClient
from cds_service.errors import CdsError, Issue

_MOST_BYTES = 256 * 1024
_MOST_KEYS = 100
_RSA_BITS = range(2048, 8193)
_ALGORITHMS_OF_CURVE = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",)}
_ALGORITHMS_OF_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")

#: Seconds after which kept keys are fetched again, so that a key its client withdrew ends here too.
_FRESH_SECONDS = 900
#: Seconds for which kept keys count while their server cannot be reached.
_USABLE_SECONDS = 4 * 3600
#: Least seconds between two fetches: with keys at hand, and without any.
_PAUSE_SECONDS = 60
_PAUSE_WITHOUT_KEYS_SECONDS = 5
#: So many tokens wait for a fetch: while a key server is slow, made-up kids must not hold every thread.
_MOST_WAITING = 64

#: A public key, for one algorithm each: (kid, algorithm) to the key.
KeySet = Mapping[tuple[str, str], Any]


class KeysFault(ValueError):
    """The bytes are no key set, or one with no key that can be used."""


def read_keys(data: bytes) -> KeySet:
    """Return the usable keys of a JWK Set by kid and algorithm.

    A key is left out when it has no kid, is not for signatures, is private or symmetric, is an RSA key
    shorter than 2048 bits, or shares kid and algorithm with another.

    Raises:
        KeysFault: No JWK Set, a too large one, or one without a usable key.
    """
    if len(data) > _MOST_BYTES:
        raise KeysFault("the key set is too large")
    try:
        document = msgspec.json.decode(data)
    except (ValueError, RecursionError):
        raise KeysFault("the key set is not JSON") from None
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > _MOST_KEYS:
        raise KeysFault(f"the key set has no list of at most {_MOST_KEYS} keys")
    pairs = [pair for item in listed if isinstance(item, dict) for pair in _usable(item)]
    named = Counter(name for name, _key in pairs)
    found = {name: key for name, key in pairs if named[name] == 1}
    if not found:
        raise KeysFault("the key set has no key that can be used")
    return found


def pinned_keys_fault(client: TrustedClient) -> Issue | None:
    """Return what is wrong with the key file of a client; None when it is fine, or the client has none."""
    if not client.jwks_file:
        return None
    path = Path(client.jwks_file)
    try:
        usable = {algorithm for _kid, algorithm in read_keys(path.read_bytes())}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        what = f"the jwks_file of {client.issuer} cannot be used ({why})."
        return Issue(path.name, "S043", what, "Name a JSON Web Key Set with public keys, each with a kid.")
    if usable & set(client.algorithms):
        return None
    what = f"no key of {client.issuer} fits its algorithms."
    return Issue(path.name, "S043", what, "Name keys of these algorithms, or the algorithms of these keys.")


def _usable(item: dict[str, Any]) -> list[tuple[tuple[str, str], Any]]:
    """Return the key once for each algorithm it may verify; nothing when it may verify none."""
    kid, operations = item.get("kid"), item.get("key_ops", ["verify"])
    is_public = "d" not in item and "k" not in item
    is_for_signatures = item.get("use", "sig") == "sig" and isinstance(operations, list)
    if not isinstance(kid, str) or not is_public or not is_for_signatures or "verify" not in operations:
        return []
    algorithms = _algorithms_of(item)
    try:
        key = jwt.PyJWK(item, algorithm=algorithms[0]).key if algorithms else None
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return []
    if key is None or (item.get("kty") == "RSA" and key.key_size not in _RSA_BITS):
        return []
    return [((kid, algorithm), key) for algorithm in algorithms]


def _algorithms_of(item: dict[str, Any]) -> tuple[str, ...]:
    """Return what a key may verify by its type and curve, and by its own ``alg`` where it names one."""
    kind, curve = item.get("kty"), item.get("crv")
    possible: tuple[str, ...] = ()
    if kind == "RSA":
        possible = _ALGORITHMS_OF_RSA
    elif kind == "EC" and isinstance(curve, str):
        possible = _ALGORITHMS_OF_CURVE.get(curve, ())
    return tuple(name for name in possible if item.get("alg", name) == name)


@dataclass(frozen=True, slots=True)
class _Kept:
    keys: KeySet
    since: int


class Keys:
    """The keys of one client; safe to share between threads.

    ``load`` returns the bytes of the key set and raises OSError or CdsError when it cannot. It is
    called when keys are wanted for the first time, when they are old, and when a token names a key
    that is not among them (the client may have changed keys): never more than once a minute.
    """

    def __init__(self, load: Callable[[], bytes]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(_MOST_WAITING)
        self._kept: _Kept | None = None
        self._tried: int | None = None

    def find(self, kid: str, algorithm: str, now: int) -> Any | None:
        """Return the public key of a kid for an algorithm; None when there is none. ``now``: seconds UTC."""
        kept = self._kept
        if kept is not None and (kid, algorithm) in kept.keys and self._is_fresh(kept, now):
            return kept.keys[kid, algorithm]
        self._renew(kid, algorithm, now)
        kept = self._kept
        if kept is None or not 0 <= now - kept.since < _USABLE_SECONDS:
            return None
        return kept.keys.get((kid, algorithm))

    def _is_fresh(self, kept: _Kept, now: int) -> bool:
        return 0 <= now - kept.since < _FRESH_SECONDS

    def _renew(self, kid: str, algorithm: str, now: int) -> None:
        """Fetch the keys where that is due. Who has a usable key does not wait for another's fetch."""
        kept = self._kept
        has_key = kept is not None and (kid, algorithm) in kept.keys
        if not self._places.acquire(blocking=False):
            return
        try:
            if self._lock.acquire(blocking=not has_key):
                self._renew_if_due(now)
        finally:
            self._places.release()

    def _renew_if_due(self, now: int) -> None:
        """Fetch the keys where that is due and give the lock back."""
        try:
            if self._is_due(now):
                self._tried = now
                self._kept = _Kept(read_keys(self._load()), now)
        except (OSError, CdsError, KeysFault):
            return  # what is kept stays in use for its time; without keys the token is refused
        finally:
            self._lock.release()

    def _is_due(self, now: int) -> bool:
        pause = _PAUSE_WITHOUT_KEYS_SECONDS if self._kept is None else _PAUSE_SECONDS
        return self._tried is None or not 0 <= now - self._tried < pause
