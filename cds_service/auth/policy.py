"""Say which clients are trusted: their issuer, keys, algorithms and tenants."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from cds_service.errors import Issue, SettingsError

#: What a site may allow. Signatures with a shared secret and no signature at all are never among them.
ALGORITHMS = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "RS384", "RS512")
#: CDS Hooks recommends these two; they hold where a client names none.
RECOMMENDED = ("ES384", "RS384")

_LONGEST_LIFE = 3600
_MOST_CLIENTS = 100
_LONGEST_TEXT = 2048


@dataclass(frozen=True, slots=True)
class TrustedClient:
    """A client whose tokens are accepted.

    ``issuer`` is its claim ``iss``, letter by letter. ``jwks_file`` pins its keys; without it they are
    fetched from ``jwks_url``. A token that names a ``jku`` must name exactly ``jwks_url``. ``tenants`` are
    the claims ``tenant`` it may carry; empty means any or none. ``max_life_seconds`` is the longest time
    from ``iat`` to ``exp``.
    """

    issuer: str = ""
    jwks_file: str = ""
    jwks_url: str = ""
    algorithms: tuple[str, ...] = RECOMMENDED
    tenants: tuple[str, ...] = ()
    max_life_seconds: int = 300


class Clients(tuple[TrustedClient, ...]):
    """All trusted clients of an installation; empty means that nobody can prove who they are."""

    __slots__ = ()

    def as_data(self) -> list[dict[str, Any]]:
        """Return the clients as JSON data that ``read_clients`` reads back to the same clients."""
        return [{name: _listed(value) for name, value in asdict(client).items()} for client in self]

    def as_text(self) -> str:
        """Return the clients as one line of JSON; the empty text when there are none."""
        return json.dumps(self.as_data()) if self else ""


def read_clients(raw: Any, where: str = "settings") -> Clients:
    """Return the clients of ``[[clients]]`` tables, or of the same as JSON text.

    Args:
        raw: A list of tables, or its JSON; the empty text means no clients.
        where: File or environment the value came from, for the messages.

    Raises:
        SettingsError: With an issue for every client that is wrong.
    """
    entries = _entries(raw, where)
    issues = [issue for place, entry in entries for issue in _faults(entry, place)]
    if issues:
        raise SettingsError(*issues)
    clients = Clients(TrustedClient(**{name: _frozen(entry[name]) for name in entry}) for _, entry in entries)
    twice = [item.issuer for item in clients if [other.issuer for other in clients].count(item.issuer) > 1]
    if twice:
        raise SettingsError(
            Issue(where, "S044", f"clients names the issuer {twice[0]} twice.", "Make one entry of the two.")
        )
    return clients


def _entries(raw: Any, where: str) -> list[tuple[str, Mapping[str, Any]]]:
    if isinstance(raw, str):
        try:
            raw = json.loads(raw) if raw.strip() else []
        except (ValueError, RecursionError):
            raw = None
    is_list = isinstance(raw, list) and len(raw) <= _MOST_CLIENTS
    if not is_list or not all(isinstance(entry, dict) for entry in raw):
        raise SettingsError(
            Issue(
                where,
                "S040",
                f"clients is not a list of at most {_MOST_CLIENTS} tables.",
                "Write [[clients]] and below it issuer and jwks_file; in the environment the same as JSON.",
            )
        )
    return [(f"{where} clients[{place}]", entry) for place, entry in enumerate(raw)]


def _faults(entry: Mapping[str, Any], where: str) -> Iterator[Issue]:
    unknown = sorted(set(entry) - _CHECKS.keys())
    if unknown:
        names = ", ".join(_CHECKS)
        yield Issue(where, "S041", f"has an unknown member {unknown[0]}.", f"Members are: {names}.")
    for name, (check, form) in _CHECKS.items():
        if name in entry and not check(entry[name]):
            yield Issue(where, "S041", f"gives {name} a value that cannot be.", f"Write {form}.")
    if not entry.get("issuer"):
        yield Issue(where, "S041", "has no issuer.", "Write the claim iss of the client's tokens.")
    if not entry.get("jwks_file") and not entry.get("jwks_url"):
        yield Issue(where, "S042", "has no keys.", "Name a jwks_file, or the client's jwks_url.")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT and value.isprintable()


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(_is_text(item) for item in value)


def _are_algorithms(value: Any) -> bool:
    return _are_texts(value) and bool(value) and set(value) <= set(ALGORITHMS)


def _is_life(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LONGEST_LIFE


def _is_key_address(value: Any) -> bool:
    """Whether keys may be fetched from here: https, or http on this machine."""
    if not _is_text(value):
        return False
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.username is not None or parts.fragment or not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


#: Each member of a client: what it must be, and how to write it.
_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "issuer": (_is_text, "text"),
    "jwks_file": (lambda value: value == "" or _is_text(value), "the name of a file"),
    "jwks_url": (lambda value: value == "" or _is_key_address(value), "an address: https://host/path"),
    "algorithms": (_are_algorithms, f"a list of some of: {', '.join(ALGORITHMS)}"),
    "tenants": (_are_texts, "a list of texts"),
    "max_life_seconds": (_is_life, f"a whole number from 1 to {_LONGEST_LIFE}"),
}
assert list(_CHECKS) == [item.name for item in fields(TrustedClient)]


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
