"""Files to JSON texts: unpacked, taken out of archives, cut into lines; damage costs what it damages."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, Literal

from cds_service.batch.faults import CODES
from cds_service.batch.inputs.packed import (
    DAMAGE,
    HEAD,
    Bounded,
    Peeked,
    Unpackable,
    first_bytes,
    tar_members,
    unpacker,
)
from cds_service.batch.inputs.sources import Source, is_aside, is_data_head, is_data_name
from cds_service.batch.rows import Place

Kind = Literal["auto", "document", "lines"]

#: The longest line, and the largest document; what is larger is no one patient's (``fhir.documents``).
MAX_TEXT: Final = 64 * 1024 * 1024
_BLOCK: Final = 1 << 20
#: Unpackings of one stream: a packed archive of packed archives is still read.
_MAX_NESTING: Final = 5
_LINE_NAMES: Final = re.compile(r"\.(?:ndjson|jsonl)(?:\.\w{2,3})?$", re.IGNORECASE)
_PACKED_NAME: Final = re.compile(r"\.(?:gz|zst|bz2|xz|tgz|tar)$", re.IGNORECASE)
#: One JSON value ends and another begins: no text of one value holds that, whatever it is about.
_TWO_VALUES: Final = (b"}\n{", b"}\r\n{")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON text and its place; ``is_line`` tells a line of many from a file of its own."""

    place: Place
    data: bytes

    @property
    def is_line(self) -> bool:
        """Whether it is one line of a file."""
        return self.place.line is not None


@dataclass(frozen=True, slots=True)
class Damage:
    """A file, the rest of it, or a line that cannot be read: a code of ``faults`` and what was wrong."""

    place: Place
    code: str
    detail: str = ""

    @property
    def message(self) -> str:
        """What is told about it."""
        what, remedy = CODES[self.code]
        return f"{what[:-1]} ({self.detail}). {remedy}" if self.detail else f"{what} {remedy}"


def documents(
    source: Source, kind: Kind = "auto", span: Span | None = None, told: Callable[[int], None] | None = None
) -> Iterator[Document | Damage]:
    """Yield every JSON text of a source, or of a span of its lines, and what cannot be read of it.

    ``told`` hears of the bytes as they are read.
    """
    place = Place(source.name)
    try:
        with _opened(source) as file:
            stream = file if told is None else _Counted(file, told)
            if span is not None:
                file.seek(span.start)
                yield from _lines(_Limited(stream, span.end - span.start), b"", source.name, span.first)
            else:
                yield from _of_stream(stream, source.name, kind, 0, source.size)
            if not _is_unchanged(file, source):
                yield Damage(place, "B032")
    except Unpackable as error:
        yield Damage(place, error.code, error.detail)
    except OSError as error:
        yield Damage(place, "B020", error.strerror or "")


def _opened(source: Source) -> IO[bytes]:
    """Open a file as it was when the run was planned; never wait for a pipe or read a device.

    Raises:
        Unpackable: It is none (B020), changed since (B032), or is told by another code.
        OSError: It cannot be opened.
    """
    if source.fault:
        raise Unpackable(source.fault)
    handle = os.open(source.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(handle, "rb", closefd=True) if _is_file(handle) else None
    if file is None:
        os.close(handle)
        raise Unpackable("B020", "not a file")
    if not _is_unchanged(file, source):
        file.close()
        raise Unpackable("B032")
    return file


def _is_file(handle: int) -> bool:
    return stat.S_ISREG(os.fstat(handle).st_mode)


def _is_unchanged(file: IO[bytes], source: Source) -> bool:
    found = os.fstat(file.fileno())
    return (found.st_size, found.st_mtime_ns) == (source.size, source.changed)


def documents_of(data: bytes, name: str, kind: Kind = "auto") -> Iterator[Document | Damage]:
    """Yield every JSON text of a file whose bytes are at hand, and what cannot be read of it."""
    return _of_stream(io.BytesIO(data), name, kind, 0, len(data))


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so is packed or an archive."""
    return unpacker(head) is not None


def has_line_name(name: str) -> bool:
    """Whether a file is named as one of lines."""
    return _LINE_NAMES.search(name) is not None


@dataclass(frozen=True, slots=True)
class Span:
    """Lines of a plain file: from a byte to a byte, the first being line ``first``."""

    start: int
    end: int
    first: int


def spans(source: Source, most: int) -> list[Span] | None:
    """Return a large plain file of lines in spans of about ``most`` bytes; None where it is not parted."""
    if source.size < 2 * most or not _LINE_NAMES.search(source.name) or _is_packed(source.path):
        return None
    found: list[Span] = []
    start, line, place, lines = 0, 1, 0, 0
    with open(source.path, "rb") as file:
        while block := file.read(_BLOCK):
            lines += block.count(b"\n")
            place += len(block)
            if place - start >= most and (cut := block.rfind(b"\n")) >= 0:
                end = place - len(block) + cut + 1
                found.append(Span(start, end, line))
                start, line = end, lines - block.count(b"\n", cut + 1) + 1
    if start < place:
        found.append(Span(start, place, line))
    return found


def _is_packed(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return unpacker(file.read(HEAD)) is not None
    except OSError:
        return True  # read as a whole, where the fault is told


class _Counted:
    """A stream whose reads are told."""

    def __init__(self, stream: IO[bytes], told: Callable[[int], None]) -> None:
        self._stream = stream
        self._told = told

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes."""
        data = self._stream.read(size)
        self._told(len(data))
        return data


class _Limited:
    """The next ``left`` bytes of a stream."""

    def __init__(self, stream: Any, left: int) -> None:
        self._stream = stream
        self._left = left

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
        data: bytes = self._stream.read(min(size, self._left))
        self._left -= len(data)
        return data


def _of_stream(stream: Any, name: str, kind: Kind, depth: int, packed: int) -> Iterator[Document | Damage]:
    """Yield the texts of a stream, unpacking it as often as it needs."""
    place = Place(name)
    try:
        head = first_bytes(stream)
        unpack = unpacker(head)
        if not head and _PACKED_NAME.search(name):
            yield Damage(place, "B021", "empty")
        elif unpack is None:
            yield from _of_text(stream, head, name, kind)
        elif depth >= _MAX_NESTING:
            yield Damage(place, "B024", "packed several times")
        elif unpack is tar_members:
            yield from _of_archive(Peeked(head, stream), name, kind, depth)
        else:
            inner = Bounded(unpack(Peeked(head, stream)), packed)
            yield from _of_stream(inner, name, kind, depth + 1, packed)
    except Unpackable as error:
        yield Damage(place, error.code, error.detail)
    except DAMAGE as error:
        yield Damage(place, "B021", type(error).__name__)


def _of_archive(stream: Any, name: str, kind: Kind, depth: int) -> Iterator[Document | Damage]:
    """Yield the texts of every member of an archive that is data by its name or by how it begins."""
    for member, size, content in tar_members(stream):
        told = f"{name}!{member}"
        if not is_data_name(member):
            if content is None or is_aside(member) or not is_data_head(head := content.read(HEAD)):
                continue
            content = Peeked(head, content)
        if content is None:
            yield Damage(Place(told), "B024", "sparse")
        else:
            yield from _of_stream(content, told, kind, depth + 1, size)


# --- texts


def _of_text(stream: Any, head: bytes, name: str, kind: Kind) -> Iterator[Document | Damage]:
    place = Place(name)
    head = head.removeprefix(_BOM)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in head[:4]:
        yield Damage(place, "B031", "UTF-16, or NUL bytes")
    elif head.lstrip()[:1] == b"<":
        yield Damage(place, "B026")
    elif kind == "lines" or (kind == "auto" and is_lines(head, name)):
        yield from _lines(stream, head, name, 1)
    else:
        yield from _whole(stream, head, place, kind)


def is_lines(head: bytes, name: str) -> bool:
    """Whether a text is one JSON value a line, by how it begins, or where that cannot tell by its name.

    A file of one line is read as a document: that is the same.
    """
    # most records are one long line: a single byte is looked for ten times as fast as two
    if b"\n" in head and b"\n{" in head and any(mark in head for mark in _TWO_VALUES):
        return True
    first, _, rest = head.lstrip().partition(b"\n")
    if first.rstrip()[-1:] == b"}" and rest.lstrip()[:1] == b"{":
        return True
    is_laid_out = first.strip() in (b"{", b"[", b"[{")  # a first line of its own begins one long text
    return bool(_LINE_NAMES.search(name.rpartition("!")[2])) and not is_laid_out


def _whole(stream: Any, head: bytes, place: Place, kind: Kind) -> Iterator[Document | Damage]:
    parts, size = [head], len(head)
    while size <= MAX_TEXT and (block := stream.read(_BLOCK)):
        parts.append(block)
        size += len(block)
    data = b"".join(parts)
    if kind == "auto" and b"\n" not in head and is_lines(data, place.file):  # lines longer than a block
        yield from _lines(Peeked(data, stream), b"", place.file, 1)
    elif size > MAX_TEXT:
        yield Damage(place, "B023", "a document")
    elif data.strip():
        yield Document(place, data)
    else:
        yield Damage(place, "B025", "empty")


def _lines(stream: Any, head: bytes, name: str, number: int) -> Iterator[Document | Damage]:
    """Yield the lines that are not blank, numbered from ``number``."""
    rest, is_long = b"", False
    block = head or stream.read(_BLOCK)
    if number == 1:
        block = block.removeprefix(_BOM)
    try:
        while block:
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                if is_long:
                    is_long = False
                elif text := line.strip():
                    yield Document(Place(name, number), text)
                number += 1
            if len(rest) > MAX_TEXT:
                if not is_long:
                    yield Damage(Place(name, number), "B023")
                rest, is_long = b"", True
            block = stream.read(_BLOCK)
    except Unpackable as error:
        yield Damage(Place(name, number), error.code, error.detail)
        return
    except DAMAGE as error:
        yield Damage(Place(name, number), "B021", type(error).__name__)
        return
    if not is_long and (text := rest.strip()):
        yield Document(Place(name, number), text)
