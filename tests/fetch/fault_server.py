"""A FHIR server on loopback that answers well, or fails in every way a server, a network or a proxy can."""

import contextlib
import gzip
import json
import socket
import socketserver
import ssl
import struct
import threading
import time
from urllib.parse import parse_qs, urlsplit

from tests.loopback import LoopbackServer

#: How long a fault that never ends goes on: far beyond every deadline of the tests, so that none hides behind it.
_FOREVER = 20
#: 40 MB in 40 KB.
_BOMB = gzip.compress(b" " * 40_000_000)


class FaultServer(LoopbackServer):
    """Serves FHIR resources; ``faults`` maps the number of a request (from 1) to a fault, 0 to that of all.

    ``seen`` holds (method, path, headers) of every request that arrived, ``connections`` how many came.
    ``keeps``: a connection is kept for further requests. ``hangs_up``: the numbers of
    connections that end before a word is said. ``form`` is how a search must name its patient to be understood: id, reference or, for both, either.
    """

    def __init__(
        self, resources=(), *, faults=None, tls=None, page=500, form="either", keeps=False, hangs_up=()
    ):
        self.resources = list(resources)
        self.faults = dict(faults or {})
        self.page = page
        self.form = form
        self.keeps = keeps
        self.hangs_up = frozenset(hangs_up)
        self.seen = []
        self.connections = 0
        self.lock = threading.Lock()
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError, ssl.SSLError):
                    outer._serve(self.request, tls)

        super().__init__(socketserver.ThreadingTCPServer, Handler)

    # ------------------------------------------------------------- one connection

    def _serve(self, sock, tls):
        with self.lock:
            self.connections += 1
            number = self.connections
        if number in self.hangs_up:
            return
        if tls == "stall":
            self.ended.wait(_FOREVER)
            return
        if tls is not None:
            sock = tls.wrap_socket(sock, server_side=True)
        try:
            while self._serve_one(sock) and self.keeps:
                pass
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_WR)
        finally:
            sock.close()

    def _serve_one(self, sock):
        """Answer one request; false when there is none."""
        head = b""
        while b"\r\n\r\n" not in head:
            more = sock.recv(65536)
            if not more:
                return False
            head += more
        text, _, rest = head.partition(b"\r\n\r\n")
        line, *rows = text.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
        while len(rest) < int(headers.get("content-length", 0)):
            rest += sock.recv(65536)
        method, path, _ = line.split(" ")
        with self.lock:
            self.seen.append((method, path, headers))
            number = len(self.seen)
        fault = self.faults.get(number, self.faults.get(0, ""))
        answer = self._answer(method, path, rest.decode())
        getattr(self, "_do_" + (fault or "well"))(sock, answer)
        return True

    # ------------------------------------------------------------- good answers

    def _answer(self, method, path, form):
        parts = urlsplit(path)
        words = parts.path.removeprefix("/fhir/").split("/")
        query = parse_qs(form if method == "POST" else parts.query)
        if len(words) == 2 and words[1] != "_search":
            return next((r for r in self.resources if [r["resourceType"], r.get("id")] == words), None)
        found = [r for r in self.resources if r["resourceType"] == words[0] and self._fits(r, query)]
        start = int(query.get("page", ["0"])[0])
        shown = found[start : start + self.page]
        bundle = {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "entry": [{"resource": r, "search": {"mode": "match"}} for r in shown],
        }
        if start + self.page < len(found):
            kept = "&".join(part for part in parts.query.split("&") if not part.startswith("page="))
            url = f"{self.base}/{words[0]}?{kept}&page={start + self.page}"
            bundle["link"] = [{"relation": "next", "url": url}]
        return bundle

    def _fits(self, resource, query):
        subject = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
        named = query.get("patient", [""])[0]
        if self.form != "either" and named.startswith("Patient/") != (self.form == "reference"):
            return False
        codes = {part.rpartition("|")[2] for part in query.get("code", [""])[0].split(",")} - {""}
        own = {coding.get("code") for coding in resource.get("code", {}).get("coding", [])}
        categories = set(query.get("category", [""])[0].split(",")) - {""}
        filed = {c.get("code") for group in resource.get("category", []) for c in group.get("coding", [])}
        return (
            subject == f"Patient/{named.removeprefix('Patient/')}"
            and (not codes or bool(codes & own))
            and (not categories or bool(categories & filed))
        )

    def _send(self, sock, body, status="200 OK", **headers):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        rows = {
            "Content-Type": "application/fhir+json",
            "Content-Length": str(len(body)),
            "Connection": "keep-alive" if self.keeps else "close",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        text = f"HTTP/1.1 {status}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in rows.items() if v is not None)
        sock.sendall(text.encode() + b"\r\n" + body)

    def _do_well(self, sock, answer):
        if answer is None:
            self._send(sock, {"resourceType": "OperationOutcome", "issue": []}, "404 Not Found")
        else:
            self._send(sock, answer)

    # ------------------------------------------------------------- connection

    def _do_black_hole(self, sock, answer):
        self.ended.wait(_FOREVER)

    def _do_reset_before_headers(self, sock, answer):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def _do_reset_in_body(self, sock, answer):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
        time.sleep(0.02)
        self._do_reset_before_headers(sock, answer)

    def _do_close_without_answer(self, sock, answer):
        sock.close()

    # ------------------------------------------------------------- time

    def _do_slow_headers(self, sock, answer):
        for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
            sock.sendall(bytes([letter]))
            if self.ended.wait(0.02):
                return

    def _do_drip_body(self, sock, answer):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        for _ in range(100_000):
            sock.sendall(b" ")
            if self.ended.wait(0.02):
                return

    def _do_endless_chunks(self, sock, answer):
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not self.ended.wait(0.001):
            sock.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")

    def _do_stall_in_body(self, sock, answer):
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{"resourceType":')
        self.ended.wait(_FOREVER)

    def _do_narrow(self, sock, answer):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not self.ended.wait(0.1):
            sock.sendall(b" " * 100)

    def _do_late_but_whole(self, sock, answer):
        self.ended.wait(0.15)
        self._do_well(sock, answer)

    # ------------------------------------------------------------- content

    def _do_truncated_json(self, sock, answer):
        self._send(sock, json.dumps(answer).encode()[:-5])

    def _do_wrong_content_length(self, sock, answer):
        body = json.dumps(answer).encode()
        self._send(sock, body, Content_Length=str(len(body) + 50))

    def _do_gzip_bomb(self, sock, answer):
        self._send(sock, _BOMB, Content_Encoding="gzip")

    def _do_broken_gzip(self, sock, answer):
        body = gzip.compress(json.dumps(answer).encode())
        self._send(sock, body[: len(body) // 2] + b"\x00" * 40, Content_Encoding="gzip")

    def _do_unknown_packing(self, sock, answer):
        self._send(sock, answer, Content_Encoding="br")

    def _do_bad_utf8(self, sock, answer):
        self._send(sock, b'{"resourceType": "Bundle", "x": "\xff\xfe\xc3"}')

    def _do_html_login(self, sock, answer):
        self._send(sock, b"<html><body>Sign in</body></html>", Content_Type="text/html")

    def _do_outcome_with_200(self, sock, answer):
        issue = {"severity": "error", "code": "exception"}
        self._send(sock, {"resourceType": "OperationOutcome", "issue": [issue]})

    def _do_wrong_type(self, sock, answer):
        self._send(sock, {"resourceType": "Practitioner", "id": "x"})

    def _do_other_patient(self, sock, answer):
        if (answer or {}).get("resourceType") == "Patient":
            self._send(sock, {**answer, "id": "somebody-else"})
        else:
            text = json.dumps(answer).replace("Patient/", "Patient/not-")
            stranger = {
                "resource": {"resourceType": "Observation", "subject": {"reference": "Patient/not-1"}}
            }
            self._send(sock, answer | {"entry": json.loads(text)["entry"] or [stranger]})

    def _do_empty_200(self, sock, answer):
        self._send(sock, b"")

    def _do_empty_204(self, sock, answer):
        self._send(sock, b"", "204 No Content", Content_Length=None)

    def _do_huge_bundle(self, sock, answer):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/fhir+json\r\n\r\n")
        for _ in range(20_000):
            sock.sendall(b" " * 65536)

    def _do_parameter_ignored(self, sock, answer):
        link = [{"relation": "self", "url": f"{self.base}/Observation?_count=50"}]
        self._send(sock, {"resourceType": "Bundle", "type": "searchset", "link": link})

    def _do_next_loop(self, sock, answer):
        link = [{"relation": "next", "url": f"{self.base}/Observation?page=1"}]
        self._send(sock, {**_bundle(answer), "link": link})

    def _do_endless_pages(self, sock, answer):
        link = [{"relation": "next", "url": f"{self.base}/Observation?page={len(self.seen)}"}]
        self._send(sock, {**_bundle(answer), "link": link})

    def _do_next_elsewhere(self, sock, answer):
        link = [{"relation": "next", "url": f"http://127.0.0.1:{self.elsewhere}/fhir/Observation?page=1"}]
        self._send(sock, {**_bundle(answer), "link": link})

    elsewhere = 9

    # ------------------------------------------------------------- status

    def _do_unauthorized(self, sock, answer):
        self._send(sock, b"", "401 Unauthorized")

    def _do_forbidden(self, sock, answer):
        self._send(sock, b"", "403 Forbidden")

    def _do_not_found(self, sock, answer):
        self._send(sock, b"", "404 Not Found")

    def _do_gone(self, sock, answer):
        self._send(sock, b"", "410 Gone")

    def _do_too_many(self, sock, answer):
        self._send(sock, b"", "429 Too Many Requests", Retry_After="3600")

    def _do_error_500(self, sock, answer):
        self._send(sock, b"", "500 Internal Server Error")

    def _do_error_502(self, sock, answer):
        self._send(sock, b"", "502 Bad Gateway")

    def _do_error_503(self, sock, answer):
        self._send(sock, b"", "503 Service Unavailable")

    def _do_error_504(self, sock, answer):
        self._send(sock, b"", "504 Gateway Timeout")

    def _do_redirect_elsewhere(self, sock, answer):
        self._send(sock, b"", "302 Found", Location=f"http://127.0.0.1:{self.elsewhere}/fhir/Patient/1")

    def _do_redirect_loop(self, sock, answer):
        self._send(sock, b"", "302 Found", Location=f"{self.base}/Patient/1")

    def _do_redirect_with_endless_body(self, sock, answer):
        sock.sendall(b"HTTP/1.1 301 Moved\r\nLocation: /fhir/x\r\nContent-Length: 100000\r\n\r\n")
        self.ended.wait(_FOREVER)

    def _do_stale_age(self, sock, answer):
        self._send(sock, answer, Age="86400")

    def _do_stale_date(self, sock, answer):
        self._send(sock, answer, Date="Tue, 01 Jan 2019 00:00:00 GMT")


def _bundle(answer):
    return answer if (answer or {}).get("resourceType") == "Bundle" else {"resourceType": "Bundle"}


#: The faults of R21 that the server itself plays; those of names and certificates have tests of their own.
FAULTS = sorted(
    name.removeprefix("_do_")
    for name in vars(FaultServer)
    if name.startswith("_do_") and name not in ("_do_well", "_do_late_but_whole")
)
