"""Read the members of a JSON object, unread values and all, so that a name said twice is seen twice."""

from __future__ import annotations

import msgspec

__all__ = ["Repeated", "members_of"]


class Repeated(Exception):
    """A member is said twice: the second value could be the true one."""


class _Name(str):
    """The name of a member, equal to nothing but itself."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


_MEMBERS = msgspec.json.Decoder(dict[_Name, msgspec.Raw], dec_hook=lambda wanted, value: wanted(value))


def members_of(data: bytes | msgspec.Raw) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object by name, their values as sent.

    Raises:
        Repeated: A name occurs twice.
        msgspec.ValidationError: JSON, but no object.
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: No JSON that can be read.
    """
    pairs = _MEMBERS.decode(data)
    members = {str(name): value for name, value in pairs.items()}
    if len(members) < len(pairs):
        raise Repeated
    return members
