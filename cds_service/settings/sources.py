"""Read what a file and the environment say about settings, each value in the type of its setting."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from cds_service.auth import Clients, read_clients
from cds_service.client_limits import ClientLimits, read_client_limits
from cds_service.errors import Issue, SettingsError

PREFIX = "TWITCH_CDS_"
_MAX_FILE_BYTES = 1_000_000
_SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)

#: Where a value stands, the name of its setting, and the value as it was written.
SourceValue: TypeAlias = tuple[str, str, Any]


def file_values(path: Path | None) -> list[SourceValue]:
    """Return what a TOML file sets, sorted by name; None reads no file. Raises SettingsError."""
    if path is None:
        return []
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise SettingsError(Issue(path.name, "S002", "is larger than 1 MB.", "Settings are a few lines."))
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            Issue(path.name, "S001", f"cannot be read ({error.strerror}).", "Check the name after --config.")
        ) from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            Issue(path.name, "S003", f"is not TOML: {error}.", "Write name = value, one a line.")
        ) from None
    return [(path.name, name, value) for name, value in sorted(data.items())]


def environment_values(environment: Mapping[str, str]) -> list[SourceValue]:
    """Return what the variables set whose names begin with the prefix, sorted by name."""
    return [
        ("environment", name.removeprefix(PREFIX).lower(), value)
        for name, value in sorted(environment.items())
        if name.startswith(PREFIX)
    ]


def value_of(name: str, raw: Any, where: str, known: Mapping[str, Any]) -> Any:
    """Return the value of a setting in the type of its default.

    Args:
        name: Name as it was written.
        raw: Value as it was written; in the environment always text.
        where: File or environment, for the messages.
        known: Default of every setting by name.

    Raises:
        SettingsError: The name is unknown, or the value is of another type.
    """
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"Did you mean {near[0]}?" if near else f"Settings are: {', '.join(known)}."
        raise SettingsError(Issue(where, "S004", f"has an unknown setting {name}.", remedy))
    wanted = type(known[name])
    if wanted is Clients:
        return read_clients(raw, where)
    if wanted is ClientLimits:
        return read_client_limits(raw, where)
    value = _PARSERS[wanted](raw) if isinstance(raw, str) else raw
    if wanted is tuple and isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = tuple(value)
    if type(value) is not wanted:
        raise SettingsError(
            Issue(where, "S005", f"gives {name} a value of the wrong type.", f"Write {_FORMS[wanted]}.")
        )
    return value


def _whole_number(text: str) -> int | None:
    stripped = text.strip()
    return int(stripped) if stripped.isascii() and stripped.isdigit() and len(stripped) < 10 else None


_PARSERS: Mapping[type, Callable[[str], Any]] = {
    str: lambda text: text,
    bool: lambda text: {"true": True, "false": False}.get(text.strip().lower()),
    int: _whole_number,
    tuple: lambda text: tuple(part.strip() for part in text.split(",") if part.strip()),
}

_FORMS: Mapping[type, str] = {
    str: "text in quotes",
    bool: "true or false",
    int: "a whole number",
    tuple: 'a list of texts, ["https://one.example"]; in the environment separated by commas',
}


def as_text(value: Any) -> str:
    """Return a value as a variable of the environment has it; ``value_of`` reads it back."""
    if isinstance(value, Clients | ClientLimits):
        return value.as_text()
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _without_password(url: str) -> str:
    """Return an address without the passwords and secret parameters in it."""
    head, separator, tail = url.rpartition("@")
    scheme, slashes, credentials = head.partition("://")
    if not separator or not slashes:
        return url
    return f"{scheme}://{credentials.partition(':')[0]}:***@{tail}"


def hidden(name: str, value: str) -> str:
    """Return a secret value as people may see it."""
    return _without_words(_without_password(value)) if name.endswith("_url") else "***" if value else ""


def _without_words(url: str) -> str:
    """Return an address whose parameters of secrets have no values."""
    return _SECRET_PARAMETER.sub(r"\1***", url)
