"""Read the members of a JSON object, unread values and all, so that a name said twice is seen twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Final

import msgspec

__all__ = ["Repeated", "TooMany", "members_of"]

_MOST_MEMBERS: Final = 10_000


class Repeated(Exception):
    """A member is said twice: the second value could be the true one."""


class TooMany(msgspec.DecodeError):
    """An object has more members than any of FHIR or CDS Hooks; it is not read to its end."""


class _Name(str):
    """The name of a member, equal to nothing but itself."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _counted() -> Callable[[type, Any], Any]:
    count = itertools.count(1)

    def name(wanted: type, value: Any) -> Any:
        if next(count) > _MOST_MEMBERS:
            raise TooMany
        return wanted(value)

    return name


def members_of(data: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object by name, their values as sent.

    Raises:
        Repeated: A name occurs twice.
        TooMany: It has more than 10,000 members.
        msgspec.ValidationError: JSON, but no object.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: No JSON that can be read.
    """
    pairs = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=_counted()).decode(data)
    members = {str(name): value for name, value in pairs.items()}
    if len(members) < len(pairs):
        raise Repeated
    return members
