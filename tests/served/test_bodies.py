"""Bodies at the limits and requests that bend HTTP, sent to the service as shipped (R5).

Memory that one request may take, beside twice its body: 32 MiB when it is refused, 256 MiB when it is judged.
"""

import json
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from shipped import PATH, read_answer, rss_mib, shipped

pytestmark = pytest.mark.slow

MIB = 1 << 20
_SIZE = 10 * MIB - 50_000
_REFUSED_MIB = 32
_JUDGED_MIB = 256
_SECONDS = 60


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with shipped(tmp_path_factory.mktemp("bodies")) as running:
        yield running


@pytest.fixture
def alive(service, body):
    """Whatever was sent: the same process answers the next call with cards."""
    workers = service.workers()
    yield
    assert service.workers() == workers
    assert _sent(service, service.message(body))[0] == 200


def _sent(service, *parts):
    """Return status and body of the first answer; 0 when the server closed without one."""
    with socket.create_connection(("127.0.0.1", service.port), timeout=_SECONDS) as connection:
        try:
            with suppress(ConnectionError):  # refused before its end
                for part in parts:
                    connection.sendall(part)
            status, _, answer = read_answer(connection)
        except ConnectionError:
            return 0, b""
    return status, answer


def _unread(value):
    return lambda body: body[:-1] + b',"x":' + value() + b"}"


def _labs(value):
    def change(body):
        tree = json.loads(body)
        tree["prefetch"]["labs"] = "HERE"
        return json.dumps(tree).encode().replace(b'"HERE"', value())

    return change


def _many(item, width=0, most=None):
    item = item.ljust(width)
    count = min(_SIZE // (len(item) + 1), most or _SIZE)
    return b",".join([item] * count)


def _entries(entries):
    return _labs(lambda: b'{"resourceType":"Bundle","type":"searchset","entry":[' + entries() + b"]}")


_OBSERVATION = (
    b'{"resource":{"resourceType":"Observation","status":5,"x":[%s],'
    b'"code":{"coding":[%s{"system":"http://loinc.org","code":"2823-3"}]}}}'
)

_BODIES = {
    "deep": (400, _unread(lambda: b"[" * (_SIZE // 2) + b"]" * (_SIZE // 2))),
    "deep, not crowded": (400, _unread(lambda: (b"[".ljust(20)) * 40_000 + b"1" + b"]" * 40_000)),
    "three million commas": (400, _unread(lambda: b"[" + b"1," * 3_000_000 + b"1]")),
    "texts of brackets": (400, _unread(lambda: b"[" + _many(b'"["') + b"]")),
    "one huge text": (200, _unread(lambda: b'"' + b"a" * _SIZE + b'"')),
    "escapes": (200, _unread(lambda: b'"' + b'\\"\\\\' * (_SIZE // 4) + b'"')),
    "huge id": (
        400,
        lambda body: body.replace(b'"hookInstance": "', b'"hookInstance": "' + b"a" * _SIZE, 1),
    ),
    "many keys": (
        400,
        lambda body: body[:-1] + b"," + b",".join(b'"%08d":1' % n for n in range(_SIZE // 14)) + b"}",
    ),
    "useless entries": (200, _entries(lambda: _many(b"{}", 40, 199_000))),
    "wide": (200, _entries(lambda: _OBSERVATION % (_many(b"1.5", 11), b""))),
    "many codings": (200, _entries(lambda: _OBSERVATION % (b"0", _many(b'{"code":"a"}', 22) + b","))),
    "too large": (413, lambda body: body + b" " * (10 * MIB)),
}


@pytest.mark.parametrize("name", _BODIES)
def test_r5_memory_of_the_worst_bodies_within_the_limits_is_bounded(service, body, alive, name):
    status, change = _BODIES[name]
    sent = change(body)
    assert len(sent) <= 10 * MIB or status == 413
    (pid,) = service.workers()
    before = rss_mib(pid)
    Path(f"/proc/{pid}/clear_refs").write_text("5")  # the high-water mark starts anew
    got, answer = _sent(service, service.message(sent))
    assert got == status or (status == 413 and got == 0), answer[:500]
    bound = 2 * len(sent) / MIB + (_JUDGED_MIB if status == 200 else _REFUSED_MIB)
    assert _peak_mib(pid) - before <= bound
    assert len(answer) < MIB


def _peak_mib(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


# --- HTTP bent: every form gets an answer below 500 or a closed connection, in time, and the server lives


def _head(service, *lines, first=f"POST {PATH} HTTP/1.1", token=True):
    head = [first, "Host: 127.0.0.1", "Content-Type: application/json", *lines]
    if token:
        head.append(f"Authorization: Bearer {service.token()}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n"


def _chunked(body, size=1000):
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def _plain(body):
    return f"Content-Length: {len(body)}"


_CHUNKED = "Transfer-Encoding: chunked"
#: Form: what is sent, and the statuses that are right; 0 is a connection closed without an answer.
_FORMS = {
    "chunked": (lambda s, b: _head(s, _CHUNKED) + _chunked(b), {200}),
    "chunks of one byte": (lambda s, b: _head(s, _CHUNKED) + _chunked(b[:2000], 1), {400}),
    "chunk size no number": (lambda s, b: _head(s, _CHUNKED) + b"zz\r\n" + b, {0, 400}),
    "chunk size of 2^64": (lambda s, b: _head(s, _CHUNKED) + b"1" + b"0" * 16 + b"\r\n" + b, {0, 400, 413}),
    "negative chunk": (lambda s, b: _head(s, _CHUNKED) + b"-5\r\n" + b, {0, 400}),
    "length too short": (lambda s, b: _head(s, f"Content-Length: {len(b) - 9}") + b, {400}),
    "length zero": (lambda s, b: _head(s, "Content-Length: 0") + b, {400}),
    "length negative": (lambda s, b: _head(s, "Content-Length: -1") + b, {0, 400}),
    "length no number": (lambda s, b: _head(s, "Content-Length: 0x10") + b, {0, 400}),
    "length beyond the limit": (lambda s, b: _head(s, f"Content-Length: {11 * MIB}") + b, {413}),
    "length of 30 digits": (lambda s, b: _head(s, "Content-Length: " + "9" * 30) + b, {0, 400, 413}),
    "two lengths": (lambda s, b: _head(s, _plain(b), "Content-Length: 5") + b, {0, 400}),
    "no length": (lambda s, b: _head(s) + b, {400}),
    "length and chunks": (lambda s, b: _head(s, "Content-Length: 5", _CHUNKED) + _chunked(b), {0, 200, 400}),
    "chunks and length": (lambda s, b: _head(s, _CHUNKED, "Content-Length: 5") + _chunked(b), {0, 200, 400}),
    "chunked spelled oddly": (
        lambda s, b: _head(s, "Transfer-Encoding: xchunked") + _chunked(b),
        {0, 400, 501},
    ),
    "gzip, chunked": (lambda s, b: _head(s, "Transfer-Encoding: gzip, chunked") + _chunked(b), {0, 200, 400}),
    "chunked, identity": (
        lambda s, b: _head(s, "Transfer-Encoding: chunked, identity") + _chunked(b),
        {0, 400},
    ),
    "blank before colon": (lambda s, b: _head(s, "Transfer-Encoding : chunked") + _chunked(b), {0, 400}),
    "folded header": (lambda s, b: _head(s, "X-A: b\r\n c", _plain(b)) + b, {0, 400}),
    "expect": (lambda s, b: _head(s, "Expect: 100-continue", _plain(b)) + b, {100, 200}),
    "expect nonsense": (lambda s, b: _head(s, "Expect: tea", _plain(b)) + b, {200, 400, 417}),
    "HTTP/1.0": (lambda s, b: _head(s, _plain(b), first=f"POST {PATH} HTTP/1.0") + b, {200}),
    "HTTP/0.9": (lambda s, b: b"GET /cds-services\r\n\r\n", {0, 400}),
    "HTTP/9.9": (lambda s, b: _head(s, _plain(b), first=f"POST {PATH} HTTP/9.9") + b, {0, 400}),
    "absolute form": (
        lambda s, b: _head(s, _plain(b), first=f"POST http://evil.example{PATH} HTTP/1.1") + b,
        {200, 400, 404},
    ),
    "asterisk form": (lambda s, b: _head(s, first="OPTIONS * HTTP/1.1"), {200, 204, 400, 404}),
    "authority form": (lambda s, b: _head(s, first="CONNECT 127.0.0.1:1 HTTP/1.1"), {0, 400, 404, 405}),
    "percent in the path": (
        lambda s, b: _head(s, _plain(b), first=f"POST {PATH.replace('t', '%74')} HTTP/1.1") + b,
        {200},
    ),
    "percent slash": (
        lambda s, b: _head(s, _plain(b), first="POST /cds-services%2ftwitch-patient-view HTTP/1.1") + b,
        {200, 401, 404},
    ),
    "percent nul": (lambda s, b: _head(s, first="GET /cds-services/%00 HTTP/1.1"), {400, 404, 405}),
    "percent no UTF-8": (lambda s, b: _head(s, first="GET /rules/%ff%fe HTTP/1.1"), {400, 404}),
    "percent cut short": (lambda s, b: _head(s, first="GET /rules/%f HTTP/1.1"), {400, 404}),
    "long path": (lambda s, b: _head(s, first="GET /" + "a" * 60_000 + " HTTP/1.1"), {0, 400, 404, 414, 431}),
    "two hosts": (lambda s, b: _head(s, "Host: evil.example", _plain(b)) + b, {200, 400}),
    "two types": (lambda s, b: _head(s, "Content-Type: text/plain", _plain(b)) + b, {200, 400, 415}),
    "two tokens": (lambda s, b: _head(s, "Authorization: Bearer x", _plain(b)) + b, {400, 401}),
    "two encodings": (
        lambda s, b: _head(s, "Content-Encoding: identity", "Content-Encoding: gzip", _plain(b)) + b,
        {415},
    ),
    "NUL in a header": (lambda s, b: _head(s, "X-A: a\0b", _plain(b)) + b, {0, 400}),
    "CR in a header": (lambda s, b: _head(s, "X-A: a\rb", _plain(b)) + b, {0, 400}),
    "LF in a header": (lambda s, b: _head(s, "X-Request-ID: a\nX-B: c", _plain(b)) + b, {0, 200, 400}),
    "a header of 100 kB": (lambda s, b: _head(s, "X-A: " + "a" * 100_000, _plain(b)) + b, {0, 200, 400, 431}),
    "a thousand headers": (
        lambda s, b: _head(s, *(f"X-{n}: a" for n in range(1000)), _plain(b)) + b,
        {0, 400, 431},
    ),
    "bytes beyond ASCII": (lambda s, b: _head(s, "X-A: \xff\xfe", _plain(b)) + b, {0, 200, 400}),
    "TLS": (lambda s, b: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), {0, 400}),
    "HTTP/2": (lambda s, b: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50), {0, 400, 505}),
}


@pytest.mark.parametrize("name", _FORMS)
def test_r5_a_bent_request_never_hangs_and_never_breaks_the_server(service, body, alive, name):
    build, right = _FORMS[name]
    status, answer = _sent(service, build(service, body))
    assert status in right, (status, answer[:300])
    assert not answer or status < 300 or answer.lstrip()[:1] == b"{" or status in (400, 414, 431)


def test_r5_a_body_that_never_comes_to_its_announced_end_holds_up_nobody(service, body, alive):
    head = _head(service, f"Content-Length: {len(body) + 10}")
    with socket.create_connection(("127.0.0.1", service.port), timeout=_SECONDS) as waiting:
        waiting.sendall(head + body)
        assert _sent(service, service.message(body))[0] == 200
        waiting.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):  # the server may end it without a word
            assert read_answer(waiting)[0] == 400


def test_r5_pipelined_requests_are_answered_in_their_order(service, body, alive):
    one, other = service.message(body), _head(service, first="GET /livez HTTP/1.1")
    with socket.create_connection(("127.0.0.1", service.port), timeout=_SECONDS) as connection:
        connection.sendall(one + other + one[:200])
        data = b""
        while data.count(b"HTTP/1.1 ") < 2:
            more = connection.recv(1 << 16)
            assert more, data[:300]
            data += more
    assert data.index(b'"cards"') < data.rindex(b"HTTP/1.1 200")


def test_r5_what_follows_a_body_is_no_request_of_its_own_in_the_answer_to_it(service, body, alive):
    """Smuggling: a length shorter than the chunks; either the chunks count or nothing is answered."""
    hidden = _head(service, first="GET /smuggled HTTP/1.1", token=False)
    with socket.create_connection(("127.0.0.1", service.port), timeout=5) as connection:
        connection.sendall(_head(service, "Content-Length: 4", _CHUNKED) + _chunked(body) + hidden)
        data = b""
        with suppress(OSError):
            while more := connection.recv(1 << 16):
                data += more
    assert data.count(b"HTTP/1.1 ") <= 2 and b" 500 " not in data
