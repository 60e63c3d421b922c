"""Put a request on a socket as good HTTP, or as what is none: lengths, chunks, headers, first lines, early ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

_CHUNKED = b"Transfer-Encoding: chunked"
_LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Framed:
    """The bytes of one connection.

    ``end`` is what follows them: ``read`` the answers, ``half``: say that nothing more comes, then read what
    there is; ``close`` or ``reset`` at once. ``answers`` must come when ``is_whole``: then it is good HTTP.
    """

    parts: tuple[bytes, ...]
    end: str = "half"
    answers: int = 1
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A request before it is framed: first line, headers without the length, and body."""

    first: bytes
    headers: tuple[bytes, ...]
    body: bytes

    def bytes(self, *lines: bytes, first: bytes = b"", body: bytes | None = None) -> bytes:
        """Return it with more header lines, or another first line or body."""
        head = b"\r\n".join((first or self.first, *self.headers, *lines))
        return head + b"\r\n\r\n" + (self.body if body is None else body)

    @property
    def length(self) -> bytes:
        """Return the header line of its right length."""
        return b"Content-Length: %d" % len(self.body)

    @property
    def good(self) -> bytes:
        """Return it as it should be sent."""
        return self.bytes(self.length)


def framed(message: Message, framing: str, random: Random) -> Framed:
    """Return what goes over the socket in a framing of ``FRAMINGS``, or in the plain one."""
    return _FRAMINGS[framing](message, random)


def chunks(body: bytes, random: Random, extension: bytes = b"", last: bytes = b"0\r\n\r\n") -> bytes:
    """Return a body in chunks of any size."""
    found, at = [], 0
    while at < len(body):
        part = body[at : at + random.choice((1, 7, 100, 4096, 70_000, 70_000))]
        found.append(b"%x%s\r\n%s\r\n" % (len(part), extension, part))
        at += len(part)
    return b"".join(found) + last


def _plain(m: Message, random: Random) -> Framed:
    return Framed((m.good,), "read", is_whole=True)


def _split(m: Message, random: Random) -> Framed:
    whole = m.good
    at = sorted(random.randrange(len(whole)) for _ in range(random.choice((1, 3, 10))))
    return Framed(_cut(whole, at), "read", is_whole=True)


def _cut(whole: bytes, at: list[int]) -> tuple[bytes, ...]:
    return tuple(whole[a:b] for a, b in zip([0, *at], [*at, len(whole)], strict=True))


def _in_chunks(m: Message, random: Random) -> Framed:
    extension = random.choice((b"", b"", b";x=y", b';x="\\"', b"   "))
    last = random.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"000\r\n\r\n", b"0\r\nX-Trailer: a\r\n\r\n"))
    is_plain = not extension and last.count(b"\r\n") == 2
    end = "read" if is_plain else "half"
    return Framed((m.bytes(_CHUNKED, body=chunks(m.body, random, extension, last)),), end, is_whole=is_plain)


def _bad_chunks(m: Message, random: Random) -> Framed:
    size = random.choice((b"zz", b"-5", b"1" + b"0" * 16, b"f" * 400, b"", b"0x5", b"+5", b"5 5", b"\0"))
    good = chunks(m.body[:2000], random, last=b"")
    rubbish = random.choice(
        (good + size + b"\r\n" + m.body, size + b"\r\n", good[:-1], good.replace(b"\r", b""))
    )
    return Framed((m.bytes(_CHUNKED, body=rubbish),))


def _bad_length(m: Message, random: Random) -> Framed:
    size = len(m.body)
    right = str(size)
    values = (
        *("-1", "x", "0x10", "9" * 30, "", f"+{right}", f"{right},{right}", f"{right} 5", "1e3", "٣", "\0"),
        *(
            str(size + random.choice((1, 9, 10**6))),
            str(max(0, size - random.randrange(1, 50))),
            "0",
            "99999999",
        ),
    )
    return Framed((m.bytes(f"Content-Length: {random.choice(values)}".encode()),))


def _lengths(m: Message, random: Random) -> Framed:
    """More than one length, or none."""
    lines = random.choice(
        (
            (m.length, b"Content-Length: 5"),
            (b"Content-Length: 5", m.length),
            (m.length, m.length),
            (m.length, _CHUNKED),
            (_CHUNKED, m.length),
            (),
        )
    )
    body = chunks(m.body, random) if _CHUNKED in lines and random.random() < 0.5 else m.body
    return Framed((m.bytes(*lines, body=body),))


def _coding(m: Message, random: Random) -> Framed:
    value = random.choice(
        (
            b"xchunked",
            b"chunked, identity",
            b"gzip, chunked",
            b"chunked, chunked",
            b"",
            b"identity",
            b"CHUNKED\t",
        )
    )
    name = random.choice(
        (b"Transfer-Encoding", b"Transfer-Encoding ", b"\tTransfer-Encoding", b"transfer_encoding")
    )
    return Framed((m.bytes(name + b": " + value, body=chunks(m.body, random)),))


def _flood(m: Message, random: Random) -> Framed:
    lines = random.choice(
        (
            [b"X-%d: a" % n for n in range(random.choice((50, 99, 101, 2000, 20_000)))],
            [b"X-A: " + b"a" * random.choice((5_000, 100_000, 1_000_000))],
            [b"Cookie: a=b"] * 3_000,
            [b"A" * 70_000 + b": b"],
        )
    )
    return Framed((m.bytes(*lines, m.length),))


def _bad_header(m: Message, random: Random) -> Framed:
    line = random.choice(
        (
            *(b"no colon", b": no name", b"X-A: a\0b", b"X-A: a\rb", b"X-A: a\nX-B: b", b"X-A: a\r\n folded"),
            *(
                b"X A: b",
                b"X-A : b",
                b"X-A: \xff\xfe",
                b"X-\xff: a",
                b"\0: a",
                b"Host: evil.example",
                b"X-A:",
                b"",
            ),
            *(b"Connection: close, x", b"Upgrade: websocket\r\nConnection: upgrade", b"Expect: tea"),
            *(
                b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk",
                b"TE: x, trailers",
            ),
            *(
                b"Content-Type: text/plain",
                b"Content-Encoding: gzip",
                b"Authorization: Bearer x",
                b"Expect: 100-continue",
            ),
        )
    )
    return Framed((m.bytes(*random.sample((line, m.length), 2)),))


def _bad_first(m: Message, random: Random) -> Framed:
    method, path, version = (
        m.first.split(b" ", 2) if m.first.count(b" ") > 1 else (b"POST", b"/", b"HTTP/1.1")
    )
    first = random.choice(
        (
            *(
                b"%s %s HTTP/9.9" % (method, path),
                b"%s %s HTTP/1.0" % (method, path),
                b"%s %s" % (method, path),
            ),
            *(b"%s  %s %s" % (method, path, version), b"%s %s  %s" % (method, path, version), b"GET"),
            *(b"%s http://evil.example%s %s" % (method, path, version), b"OPTIONS * HTTP/1.1"),
            *(b"CONNECT 127.0.0.1:1 HTTP/1.1", b"%s %s#x %s" % (method, path, version), b" " + m.first),
            *(b"%s /%s %s" % (method, b"a" * 70_000, version), b"%s %s\xff %s" % (method, path, version)),
            *(
                b"\r\n\r\n" + m.first,
                b"%s \\..\\x %s" % (method, version),
                b"%s ?%s %s" % (method, b"%" * 99, version),
            ),
            *(
                b"post %s %s" % (path, version),
                b"G\0T %s %s" % (path, version),
                b"%s %s HTTP/2" % (method, path),
            ),
        )
    )
    return Framed((m.bytes(m.length, first=first),))


def _no_http(m: Message, random: Random) -> Framed:
    rubbish = random.choice(
        (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random.randbytes(60),
            random.randbytes(random.choice((1, 50, 5_000))),
            m.body or b"{}",
            b"\r\n" * 5_000,
            b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + m.good,
        )
    )
    return Framed((rubbish,))


def _pipelined(m: Message, random: Random) -> Framed:
    count = random.choice((1, 2, 8))
    return Framed((m.good + _LIVEZ * count,), "read", 1 + count, is_whole=True)


def _smuggled(m: Message, random: Random) -> Framed:
    hidden = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
    body = random.choice((chunks(m.body, random) + hidden, b"0\r\n\r\n" + hidden))
    return Framed((m.bytes(b"Content-Length: 4", _CHUNKED, body=body),))


def _ended(m: Message, random: Random) -> Framed:
    """Ended anywhere: quietly, by half, or with a reset."""
    whole = m.good
    at = random.choice((len(whole), random.randrange(len(whole)), random.randrange(min(400, len(whole)))))
    return Framed((whole[:at],), random.choice(("close", "half", "reset")))


_FRAMINGS: dict[str, Callable[[Message, Random], Framed]] = {
    "plain": _plain,
    "split": _split,
    "chunks": _in_chunks,
    "bad chunks": _bad_chunks,
    "bad length": _bad_length,
    "lengths": _lengths,
    "coding": _coding,
    "header flood": _flood,
    "bad header": _bad_header,
    "bad first line": _bad_first,
    "no HTTP": _no_http,
    "pipelined": _pipelined,
    "smuggled": _smuggled,
    "ended": _ended,
}
#: Every framing but the plain one.
FRAMINGS: tuple[Any, ...] = tuple(name for name in _FRAMINGS if name != "plain")
