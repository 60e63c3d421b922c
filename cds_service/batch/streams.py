"""Files to JSON texts: unpacked, taken out of archives, cut into lines; damage costs what it damages."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Final, Literal, cast

import zstandard

from cds_service.batch.faults import CODES
from cds_service.batch.rows import Place
from cds_service.batch.sources import Source, is_data_name

Kind = Literal["auto", "document", "lines"]

#: The longest line, and the largest document; what is larger is no one patient's (``fhir.documents``).
MAX_TEXT: Final = 64 * 1024 * 1024
_BLOCK: Final = 1 << 20
#: Unpacked bytes for one packed byte, from so many bytes on: FHIR packs 10 to 60 times.
_MOST_RATIO: Final = 400
_RATIO_FROM: Final = 256 * 1024 * 1024
_MAX_NESTING: Final = 2
_LINE_NAMES: Final = re.compile(r"\.(?:ndjson|jsonl)(?:\.\w{2,3})?$", re.IGNORECASE)
_DAMAGE: Final = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, ValueError)


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


class Unpackable(ValueError):
    """A stream that may not be unpacked: code and detail of its Damage."""

    def __init__(self, code: str, detail: str = "") -> None:
        """Keep code and detail."""
        super().__init__(code)
        self.code = code
        self.detail = detail


def documents(
    source: Source, kind: Kind = "auto", span: Span | None = None, told: Callable[[int], None] | None = None
) -> Iterator[Document | Damage]:
    """Yield every JSON text of a source, or of a span of its lines, and what cannot be read of it.

    ``told`` hears of the bytes as they are read.
    """
    try:
        with open(source.path, "rb") as file:
            stream = file if told is None else _Counted(file, told)
            if span is not None:
                file.seek(span.start)
                yield from _lines(_Limited(stream, span.end - span.start), b"", source.name, span.first)
            else:
                yield from _of_stream(stream, source.name, kind, 0, source.size)
    except OSError as error:
        yield Damage(Place(source.name), "B020", error.strerror or "")


def documents_of(data: bytes, name: str, kind: Kind = "auto") -> Iterator[Document | Damage]:
    """Yield every JSON text of a file whose bytes are at hand, and what cannot be read of it."""
    return _of_stream(io.BytesIO(data), name, kind, 0, len(data))


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so is packed or an archive."""
    return _unpacker(head) is not None


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
            return _unpacker(file.read(512)) is not None
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


class _Bounded:
    """An unpacked stream that ends when it grows beyond all proportion to what it was packed in."""

    def __init__(self, stream: Any, packed: int) -> None:
        self._stream = stream
        self._most = max(_RATIO_FROM, _MOST_RATIO * packed)
        self._seen = 0

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes. Raises Unpackable (B022)."""
        data: bytes = self._stream.read(size)
        self._seen += len(data)
        if self._seen > self._most:
            raise Unpackable("B022")
        return data


class _Peeked:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: Any) -> None:
        self._head = head
        self._stream = stream

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return how much."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Return at most ``size`` bytes, fewer only at the end."""
        if size < 0:
            size = 1 << 62
        found = self._head[:size]
        self._head = self._head[size:]
        while len(found) < size and (more := self._stream.read(min(size - len(found), _BLOCK))):
            found += more
        return found


def _of_stream(stream: Any, name: str, kind: Kind, depth: int, packed: int) -> Iterator[Document | Damage]:
    """Yield the texts of a stream, unpacking it as often as it needs."""
    place = Place(name)
    try:
        head = _first_bytes(stream)
        unpack = _unpacker(head)
        if unpack is None:
            yield from _of_text(stream, head, name, kind)
        elif depth >= _MAX_NESTING:
            yield Damage(place, "B024", "packed several times")
        elif unpack is _tar:
            yield from _of_archive(_Peeked(head, stream), name, kind, depth)
        else:
            inner = _Bounded(unpack(_Peeked(head, stream)), packed)
            yield from _of_stream(inner, name, kind, depth + 1, packed)
    except Unpackable as error:
        yield Damage(place, error.code, error.detail)
    except _DAMAGE as error:
        yield Damage(place, "B021", type(error).__name__)


def _first_bytes(stream: Any) -> bytes:
    head = b""
    while len(head) < 512 and (more := stream.read(_BLOCK)):
        head += more
    return head


def _unpacker(head: bytes) -> Callable[[Any], Any] | None:
    """Return what unpacks a stream that begins so; None for one that is not packed."""
    if head[:2] == b"\x1f\x8b":
        return _gzip
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return _zstd
    if head[:3] == b"BZh":
        return bz2.BZ2File
    if head[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMAFile
    if head[257:262] == b"ustar":
        return _tar
    if head[:4] == b"PK\x03\x04":
        return _zip
    return None


def _gzip(stream: Any) -> Any:
    try:
        from isal.igzip import IGzipFile as reader
    except ImportError:
        return gzip.GzipFile(fileobj=stream, mode="rb")
    return cast("Any", reader)(fileobj=stream, mode="rb")


def _zstd(stream: Any) -> Any:
    return _ZstdReader(stream)


class _ZstdReader:
    """A reader of zstd that tells damage as ValueError."""

    def __init__(self, stream: Any) -> None:
        packed = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._stream = packed.stream_reader(stream, read_across_frames=True)

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes. Raises ValueError."""
        try:
            data: bytes = self._stream.read(size)
        except zstandard.ZstdError as error:
            raise ValueError("zstd") from error
        return data


def _zip(_stream: Any) -> Any:
    raise Unpackable("B024", "zip")


def _tar(_stream: Any) -> Any:
    raise AssertionError("an archive is walked, not unpacked")


def _of_archive(stream: Any, name: str, kind: Kind, depth: int) -> Iterator[Document | Damage]:
    """Yield the texts of every member of a tar archive that is data by its name."""
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if member.isfile() and is_data_name(member.name):
                content = archive.extractfile(member)
                told = f"{name}!{member.name}"
                yield from _of_stream(content, told, kind, depth + 1, member.size)


# --- texts


def _of_text(stream: Any, head: bytes, name: str, kind: Kind) -> Iterator[Document | Damage]:
    place = Place(name)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield Damage(place, "B031")
    elif head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        yield Damage(place, "B026")
    elif kind == "lines" or (kind == "auto" and _is_lines(head, name)):
        yield from _lines(stream, head, name, 1)
    else:
        yield from _whole(stream, head, place, kind)


def _is_lines(head: bytes, name: str) -> bool:
    """Whether a text is one JSON value a line, by its name or by how it begins.

    A file of one line is read as a document: that is the same.
    """
    if _LINE_NAMES.search(name.rpartition("!")[2]):
        return True
    first, _, rest = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")
    second = rest.lstrip(b"\r\n")[:1]
    if second != b"{" or first[:1] != b"{":
        return False
    return rest[:1] in b"{\r\n" and len(first.rstrip()) > 1


def _whole(stream: Any, head: bytes, place: Place, kind: Kind) -> Iterator[Document | Damage]:
    parts, size = [head], len(head)
    while size <= MAX_TEXT and (block := stream.read(_BLOCK)):
        parts.append(block)
        size += len(block)
    data = b"".join(parts)
    if kind == "auto" and b"\n" not in head and _is_lines(data, place.file):  # lines longer than a block
        yield from _lines(_Peeked(data, stream), b"", place.file, 1)
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
        block = block.removeprefix(b"\xef\xbb\xbf")
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
    except _DAMAGE as error:
        yield Damage(Place(name, number), "B021", type(error).__name__)
        return
    if not is_long and (text := rest.strip()):
        yield Document(Place(name, number), text)
