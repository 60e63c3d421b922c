"""Bring the files of an export to the disk: streamed, checked as they come, taken up where they broke off."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import msgspec

from cds_service.batch.export.caller import TRIES, Caller
from cds_service.batch.export.manifest import Item
from cds_service.batch.export.words import Told
from cds_service.batch.faults import stops
from cds_service.batch.journal import sync_folder
from cds_service.fetch import PASSING, Fault, FetchFault, Reply, Request, Server

_ACCEPT: Final = "application/fhir+ndjson, application/ndjson;q=0.9, */*;q=0.1"
_KINDS: Final = frozenset(
    (
        "",
        "application/fhir+ndjson",
        "application/ndjson",
        "application/x-ndjson",
        "application/jsonl",
        "application/jsonlines",
        "application/json",
        "application/fhir+json",
        "application/octet-stream",
        "binary/octet-stream",
        "text/plain",
    )
)
_RANGE: Final = re.compile(r"bytes (\d{1,18})-\d{1,18}/(?:\d{1,18}|\*)")
_LONGEST_LINE: Final = 64 * 1024 * 1024
_PASSING: Final = PASSING | {Fault.TIMEOUT, Fault.NO_NAME}


class NotHad(Exception):
    """A file cannot be had; says why. ``keeps``: the whole lines that came may be used."""

    def __init__(self, why: str, *, keeps: bool = False) -> None:
        """Keep the reason, in words of our own."""
        super().__init__(why)
        self.keeps = keeps


class _Head(msgspec.Struct, gc=False):
    resourceType: str | None = None


_decode: Final = msgspec.json.Decoder(_Head).decode


@dataclass(slots=True)
class Lines:
    """Checks NDJSON while it comes; ``ends`` is where the last whole line ends.

    ``count`` counts lines that hold something, ``strange`` those of another type than promised; broken ones
    are not refused, the batch sets each of them aside.
    """

    type_name: str
    count: int = 0
    strange: int = 0
    ends: int = 0
    is_cut: bool = False
    _pending: list[bytes] = field(default_factory=list)
    _size: int = 0

    def feed(self, portion: bytes) -> None:
        """Take a portion. Raises NotHad when it is no NDJSON."""
        first, *rest = portion.split(b"\n")
        self._take(first)
        for piece in rest:
            self._close(1)
            self._take(piece)

    def finish(self) -> None:
        """Take the end. Raises NotHad when it is no NDJSON."""
        before = self.count
        is_whole = self._close(0) if self._size else True
        self.is_cut = not is_whole and self.count > before

    def _take(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= _LONGEST_LINE:
            self._pending.append(piece)
        elif not self.count:
            raise NotHad("its first line has no end")

    def _close(self, newline: int) -> bool:
        """End a line; return whether it could be read."""
        line = b"".join(self._pending) if self._size <= _LONGEST_LINE else b""
        self.ends += self._size + newline
        is_blank = self._size <= _LONGEST_LINE and not line.strip()
        self._pending.clear()
        self._size = 0
        return is_blank or self._count(line)

    def _count(self, line: bytes) -> bool:
        self.count += 1
        try:
            self.strange += _decode(line).resourceType != self.type_name
        except (msgspec.DecodeError, UnicodeDecodeError):
            if self.count == 1:
                raise NotHad("it is no NDJSON") from None
            return False
        return True


@dataclass(slots=True)
class FileDownload:
    """One file on its way to ``path``. ``take`` is told of bytes that came."""

    caller: Caller
    item: Item
    server: Server
    url: str
    path: Path
    with_token: bool
    take: Callable[[int], None]
    lines: Lines = field(init=False)
    _validator: str = ""
    _packs: bool = True

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.lines = Lines(self.item.type_name)

    def run(self) -> None:
        """Bring the file under its name.

        Raises:
            NotHad: It cannot be had, or not whole; then what was whole of it may stand under its name.
            BatchError: The export as a whole cannot go on (B005, B045, B051).
        """
        part = self.path.with_name(f"{self.path.name}.part")
        try:
            with part.open("wb") as file:
                try:
                    self._fill(file)
                except NotHad as lost:
                    if not (lost.keeps and self.lines.count and self.lines.ends):
                        raise
                    file.truncate(self.lines.ends)
                    self._name(file, part)
                    raise
                self._name(file, part)
        except OSError as error:
            raise stops("B005", self.path.name, error.strerror or type(error).__name__) from None
        finally:
            with contextlib.suppress(OSError):
                part.unlink()

    def _name(self, file: IO[bytes], part: Path) -> None:
        file.flush()
        os.fsync(file.fileno())
        part.replace(self.path)
        sync_folder(self.path.parent)

    def _fill(self, file: IO[bytes]) -> None:
        """Ask until the file is whole, taking up what broke off."""
        tries, furthest = 0, 0
        while True:
            told, why = self._once(file)
            if not why:
                return
            if file.tell() > furthest:
                tries, furthest = 0, file.tell()
            tries += 1
            self.caller.check_time()
            if tries >= TRIES:
                raise NotHad(why, keeps=True)
            self.caller.pause(told, tries)

    def _once(self, file: IO[bytes]) -> tuple[Told | None, str]:
        """Ask once; return why it is to be asked again, empty when the file is whole."""
        request = Request("GET", self.url, self._headers(file))
        try:
            with self.caller.open(request, self.server, with_token=self.with_token) as reply:
                told = Told(reply.status, reply.headers, b"")
                if reply.status not in (200, 206):
                    return self._refused(told)
                self._begin(reply, file)
                self._copy(reply, file)
        except FetchFault as fault:
            if fault.fault not in _PASSING:
                raise NotHad(fault.fault.value) from None
            return None, fault.fault.value
        self.lines.finish()
        if self.lines.is_cut:
            self._restart(file)
            return None, "its last line is cut"
        return None, ""

    def _headers(self, file: IO[bytes]) -> dict[str, str]:
        headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip" if self._packs else "identity"}
        if file.tell() and self._validator:
            headers |= {"Range": f"bytes={file.tell()}-", "If-Range": self._validator}
            headers["Accept-Encoding"] = "identity"
        return headers

    def _refused(self, told: Told) -> tuple[Told, str]:
        if told.status == 416:
            self._validator = ""  # what is there is no part of what it has now
        elif told.status not in (429, 500, 502, 503, 504):
            raise NotHad(
                "it was redirected" if 300 <= told.status < 400 else f"status {told.status}", keeps=True
            )
        return told, f"status {told.status}"

    def _begin(self, reply: Reply, file: IO[bytes]) -> None:
        """Make ready for the body: go on, or from the beginning."""
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in _KINDS:
            raise NotHad("its Content-Type is not NDJSON", keeps=True)
        if reply.status == 206:
            found = _RANGE.fullmatch(reply.headers.get("Content-Range", "").strip())
            if not self._validator or reply.is_packed or not found or int(found[1]) != file.tell():
                raise NotHad("it answered with another part", keeps=True)
            return
        self._restart(file)
        self._packs = not reply.is_packed  # next time as it is: only that can be taken up
        etag = reply.headers.get("ETag", "").strip()
        strong = etag if etag.startswith('"') else ""
        self._validator = "" if reply.is_packed else strong or reply.headers.get("Last-Modified", "")

    def _restart(self, file: IO[bytes]) -> None:
        file.seek(0)
        file.truncate()
        self.lines = Lines(self.item.type_name)

    def _copy(self, reply: Reply, file: IO[bytes]) -> None:
        for portion in reply.portions():
            self.take(len(portion))
            file.write(portion)
            self.lines.feed(portion)
