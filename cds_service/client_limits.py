"""Read which client can show what of cards: the ``[[card_limits]]`` tables of the settings."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from cds_service.cards.limits import NO_LIMITS, CardLimits
from cds_service.errors import Issue, SettingsError

#: Stands among the hosts of ``links`` for the host of this service.
OWN = "own"
#: What public descriptions of these EHRs say (second hand; check with yours). Members of a table add to it.
PROFILES: Mapping[str, Mapping[str, Any]] = {
    "epic": {"detail": "plain", "links": [OWN], "actions": 1},
    "oracle-health": {"detail": "plain", "links": [OWN]},
    "plain": {"detail": "plain"},
    "bare": {
        "detail": "plain",
        "links": [],
        "suggestions": False,
        "override_reasons": False,
        "extensions": False,
    },
}
_MOST = 100
_LONGEST = 2048


class ClientLimits(tuple[Mapping[str, Any], ...]):
    """The tables as they were written, checked; empty means that cards go out as composed."""

    __slots__ = ()

    def of(self, issuer: str, base_url: str) -> CardLimits:
        """Return the limits for a client; ``issuer`` is empty where nobody is asked who they are.

        The first table that names the issuer holds, else the first that names none. ``base_url`` is the
        address of this service.
        """
        named = next((table for table in self if issuer in table.get("clients", ())), None)
        table = named or next((table for table in self if not table.get("clients")), None)
        return NO_LIMITS if table is None else _limits(table, base_url)

    @property
    def issuers(self) -> frozenset[str]:
        """The clients that are named."""
        return frozenset(issuer for table in self for issuer in table.get("clients", ()))

    def as_data(self) -> list[dict[str, Any]]:
        """Return the tables as JSON data that ``read_client_limits`` reads back to the same."""
        return [dict(table) for table in self]

    def as_text(self) -> str:
        """Return the tables as one line of JSON; the empty text when there are none."""
        return json.dumps(self.as_data()) if self else ""


def read_client_limits(raw: Any, where: str = "settings") -> ClientLimits:
    """Return the limits of ``[[card_limits]]`` tables, or of the same as JSON text.

    Raises:
        SettingsError: With an issue for every member that is wrong.
    """
    if isinstance(raw, str):
        try:
            raw = json.loads(raw) if raw.strip() else []
        except (ValueError, RecursionError):
            raw = None
    if not isinstance(raw, list) or len(raw) > _MOST or not all(isinstance(table, dict) for table in raw):
        what = f"card_limits is not a list of at most {_MOST} tables."
        remedy = (
            "Write [[card_limits]] and below it for example profile; in the environment the same as JSON."
        )
        raise SettingsError(Issue(where, "S050", what, remedy))
    issues = [
        issue for place, table in enumerate(raw) for issue in _faults(table, f"{where} card_limits[{place}]")
    ]
    if issues:
        raise SettingsError(*issues)
    return ClientLimits(raw)


def _faults(table: Mapping[str, Any], where: str) -> Iterator[Issue]:
    for name in sorted(set(table) - _CHECKS.keys()):
        yield Issue(where, "S051", f"has an unknown member {name}.", f"Members are: {', '.join(_CHECKS)}.")
    for name, (check, form) in _CHECKS.items():
        if name in table and not check(table[name]):
            yield Issue(where, "S051", f"gives {name} a value that cannot be.", f"Write {form}.")


def _limits(table: Mapping[str, Any], base_url: str) -> CardLimits:
    written = {**PROFILES.get(table.get("profile", ""), {}), **table}
    hosts = written.get("links")
    own = urlsplit(base_url).hostname or ""
    return CardLimits(
        plain=written.get("detail") == "plain",
        hosts=None if hosts is None else frozenset(own if host == OWN else host for host in hosts),
        **{name: written[name] for name in _SAME if name in written},
        summary=written.get("longest_summary", 0),
        detail=written.get("longest_detail", 0),
    )


#: Members of a table that are called the same in ``CardLimits``.
_SAME = ("actions", "cards", "suggestions", "override_reasons", "extensions")


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, str) and 0 < len(item) <= _LONGEST and item.isprintable() for item in value
    )


def _are_hosts(value: Any) -> bool:
    return _are_texts(value) and all(item == OWN or urlsplit(f"//{item}").hostname == item for item in value)


#: Each member of a table: what it must be, and how to write it.
_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "profile": (
        lambda value: isinstance(value, str) and value in PROFILES,
        f"one of: {', '.join(PROFILES)}",
    ),
    "clients": (_are_texts, "a list of issuers of [[clients]]"),
    "detail": (lambda value: value in ("markdown", "plain"), "markdown or plain"),
    "links": (_are_hosts, f'a list of host names in lower case, "{OWN}" for that of this service'),
    "actions": (_whole(1, 100), "a whole number from 1 to 100"),
    "suggestions": (_is_flag, "true or false"),
    "override_reasons": (_is_flag, "true or false"),
    "extensions": (_is_flag, "true or false"),
    "cards": (_whole(1, 10), "a whole number from 1 to 10"),
    "longest_summary": (_whole(40, 139), "a whole number from 40 to 139"),
    "longest_detail": (_whole(500, 50_000), "a whole number from 500 to 50000"),
}
