"""The texts of a rule: literal words, ``{slot}``, ``{slot|else}`` and ``[optional piece]``."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PIECE = re.compile(
    r"\{(?P<name>[a-z0-9-]+)(?:\.(?P<part>[a-z]+))?(?:\|(?P<other>[^{}|\[\]]+))?\}|\[(?P<optional>[^\[\]]+)\]"
)


@dataclass(frozen=True, slots=True)
class SlotRef:
    """A place to fill: a lab, vital, survey, ``as`` or phrase name, with an optional part.

    ``other`` is printed where nothing is known; None means the slot is obligatory to its piece.
    """

    name: str
    part: str = ""
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Optional:
    """A piece printed only if every slot inside has a value."""

    parts: tuple[str | SlotRef, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A text as written (``source``) and in parts."""

    source: str
    parts: tuple[str | SlotRef | Optional, ...]

    def slots(self) -> list[SlotRef]:
        """Return every slot of the text, optional pieces included."""
        found: list[SlotRef] = []
        for part in self.parts:
            inner = part.parts if isinstance(part, Optional) else (part,)
            found.extend(piece for piece in inner if isinstance(piece, SlotRef))
        return found


def parse_template(source: str) -> Template:
    """Read a text of a rule file; the schema has already checked its form."""
    return Template(source, _parts(source))


def _parts(source: str) -> tuple[str | SlotRef | Optional, ...]:
    parts: list[str | SlotRef | Optional] = []
    end = 0
    for match in _PIECE.finditer(source):
        if match.start() > end:
            parts.append(source[end : match.start()])
        end = match.end()
        if match["optional"] is not None:
            inner = tuple(piece for piece in _parts(match["optional"]) if not isinstance(piece, Optional))
            parts.append(Optional(inner))
        else:
            parts.append(SlotRef(match["name"], match["part"] or "", match["other"]))
    if end < len(source):
        parts.append(source[end:])
    return tuple(parts)
