"""Tell whether a JSON text is deeper or more crowded than any record, before anything is built of it."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Final

__all__ = ["MAX_DEPTH", "is_crowded", "is_deeper"]

#: Objects and lists inside each other, the outermost included. A FHIR record needs less than 30.
MAX_DEPTH: Final = 64

#: Texts with fewer values are never crowded, whatever their size.
_FEW: Final = 100_000
#: Shorter texts cannot fill memory, whatever is in them: 40 MiB for objects without members.
_SHORT: Final = 1024 * 1024
#: Bytes for one value: FHIR without any space takes twice as many; memory stays in proportion to the text.
_BYTES_EACH: Final = 10

_NOT_BEFORE_VALUES: Final = bytes(set(range(256)) - set(b",[{"))
_NOT_STRUCTURE: Final = bytes(set(range(256)) - set(b'"[]{}'))
_STEPS: Final = bytes.maketrans(b"[]{}", b"\x01\xff\x01\xff")  # one level down, one level up
_STRING: Final = re.compile(rb'"[^"]*"')


def is_crowded(text: bytes) -> bool:
    """Return whether JSON holds more values than FHIR of that size; nothing but commas would fill memory."""
    if len(text) <= _SHORT:
        return False
    return len(text.translate(None, _NOT_BEFORE_VALUES)) > max(_FEW, len(text) // _BYTES_EACH)


def is_deeper(text: bytes, most: int = MAX_DEPTH) -> bool:
    """Return whether JSON in UTF-8 has more than ``most`` objects and lists inside each other.

    The answer holds for JSON; of anything else a decoder says what is wrong with it. Everything but quotes
    and brackets is dropped in C, then strings with brackets in them, and the rest is counted along.
    """
    if text.count(b"[") + text.count(b"{") <= most:
        return False
    rest = text
    if b"\\" in rest:
        rest = rest.replace(b"\\\\", b"").replace(b'\\"', b"")
    rest = rest.translate(None, _NOT_STRUCTURE)
    rest = rest.replace(b'""', b"")  # also joins two strings: what is between them stays inside
    rest = _STRING.sub(b"", rest).translate(_STEPS).replace(b"\x01\xff", b"")  # the innermost level
    return max(accumulate(memoryview(rest).cast("b")), default=0) >= most
