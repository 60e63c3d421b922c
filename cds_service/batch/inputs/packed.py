"""Unpack streams as they are read, told by their first bytes; damage is never taken for the end."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import zstandard

_BLOCK: Final = 1 << 20
#: Unpacked bytes for one packed byte, from so many bytes on: FHIR packs 10 to 60 times.
_MOST_RATIO: Final = 400
_RATIO_FROM: Final = 256 * 1024 * 1024
#: Packed bytes that are unpacked at a time: at most 128 KiB come of 4 bytes.
_ZSTD_BLOCK: Final = 1024
#: Bytes that tell what a stream is.
HEAD: Final = 512

Unpacker = Callable[[Any], Any]


class Unpackable(ValueError):
    """A stream that may not be read on: code and detail of its Damage."""

    def __init__(self, code: str, detail: str = "") -> None:
        """Keep code and detail."""
        super().__init__(code)
        self.code = code
        self.detail = detail


class Bounded:
    """An unpacked stream that ends when it grows beyond all proportion to what it was packed in."""

    def __init__(self, stream: Any, packed: int) -> None:
        """Take the stream and the size it was packed in."""
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


class Peeked:
    """A stream whose first bytes were read already."""

    def __init__(self, head: bytes, stream: Any) -> None:
        """Take what was read, and the rest."""
        self._head = memoryview(head)
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
        found = bytes(self._head[:size])
        self._head = self._head[len(found) :]
        while len(found) < size and (more := self._stream.read(min(size - len(found), _BLOCK))):
            found += more
        return found


def first_bytes(stream: Any) -> bytes:
    """Return enough of a stream to tell what it is; all of it where it is shorter."""
    head = b""
    while len(head) < HEAD and (more := stream.read(_BLOCK)):
        head += more
    return head


def unpacker(head: bytes) -> Unpacker | None:
    """Return what unpacks a stream that begins so; None for one that is not packed."""
    if head[:2] == b"\x1f\x8b":
        return _gzip
    if head[:4] == b"\x28\xb5\x2f\xfd":
        return _Zstd
    if head[:3] == b"BZh":
        return bz2.BZ2File
    if head[:6] == b"\xfd7zXZ\x00":
        return lzma.LZMAFile
    if head[257:262] == b"ustar":
        return tar_members
    if head[:4] == b"PK\x03\x04":
        return _zip
    return None


def _gzip(stream: Any) -> Any:
    try:
        from isal.igzip import IGzipFile as reader
    except ImportError:
        return gzip.GzipFile(fileobj=stream, mode="rb")
    return cast("Any", reader)(fileobj=stream, mode="rb")


class _Zstd:
    """A reader of zstd that tells a frame that ends too early: the library's own takes it for the end."""

    def __init__(self, stream: Any) -> None:
        self._packed = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        self._stream = stream
        self._frame: Any = None
        self._waiting = b""
        self._found = bytearray()

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes. Raises ValueError for damage, EOFError for a missing end."""
        try:
            while len(self._found) < size and self._step():
                pass
        except zstandard.ZstdError as error:
            raise ValueError("zstd") from error
        data = bytes(self._found[:size])
        del self._found[:size]
        return data

    def _step(self) -> bool:
        """Unpack a little more; False at the end."""
        packed = self._waiting or self._stream.read(_ZSTD_BLOCK)
        self._waiting = b""
        if not packed:
            if self._frame is not None:
                raise EOFError
            return False
        if self._frame is None:
            self._frame = self._packed.decompressobj()
        self._found += self._frame.decompress(packed)
        if self._frame.eof:
            self._waiting, self._frame = self._frame.unused_data, None
        return True


def _zip(_stream: Any) -> Any:
    raise Unpackable("B024", "zip")


class _Header(tarfile.TarInfo):
    """The header of a member; anything but a header or the mark of the end is damage.

    The library takes a header it cannot read for the end, and all that follows would be lost unseen.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _Header:
        """Return the next header. Raises ReadError where there is none."""
        try:
            return super().fromtarfile(archive)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":
                raise
            raise tarfile.ReadError("header") from error


def tar_members(stream: Any) -> Iterator[tuple[str, int, Any]]:
    """Yield name, size and content of every file of an archive.

    Raises:
        tarfile.TarError: The archive is damaged, or something follows its end.
    """
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header) as archive:
        for member in archive:
            if member.isreg():
                content = None if member.issparse() else archive.extractfile(member)
                yield told_name(member.name), member.size, content
        while block := cast("Any", archive.fileobj).read(_BLOCK):
            if block.strip(b"\0"):
                raise tarfile.ReadError("more after the end")


def told_name(name: str) -> str:
    """Return the name of a file as text; bytes that are no UTF-8 are told by number."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _isal_errors() -> tuple[type[Exception], ...]:
    """Return what the fast reader of gzip raises; its errors are of no family."""
    try:
        from isal.igzip_lib import IsalError
    except ImportError:
        return ()
    return (cast("type[Exception]", IsalError),)


#: What reading a damaged stream raises.
DAMAGE: Final[tuple[type[Exception], ...]] = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    lzma.LZMAError,
    tarfile.TarError,
    *_isal_errors(),
)
