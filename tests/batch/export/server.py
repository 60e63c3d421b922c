"""A FHIR server on loopback with bulk export, that behaves well, or badly in every way a test asks for."""

import contextlib
import gzip
import json
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt

from tests.loopback import LoopbackServer

INSTANT = "2026-11-20T10:00:00Z"
TYPES = ("Patient", "Observation", "Condition", "Claim")


def ndjson(resources):
    return b"".join(json.dumps(row).encode() + b"\n" for row in resources)


class ExportServer(LoopbackServer):
    """Serves ``files`` (name to bytes) as one export; the name up to the first dot is the type.

    ``script`` maps (method, path) to the behaviors of its next requests, one each; without one it behaves
    well. ``seen`` holds (method, path, query, headers). ``tokens`` are those that are good now (None: all are).
    """

    def __init__(self, files=(), *, waits=1, needs_token=False):
        self.files = dict(files)
        self.waits = waits
        self.manifest = {"transactionTime": INSTANT, "request": "x", "requiresAccessToken": needs_token}
        self.errors = {}
        self.extra = []
        self.script = {}
        self.seen = []
        self.tokens = None
        self.key = None
        self.issued = []
        self.jobs = 0
        self.gone = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def _any(self):
                with contextlib.suppress(OSError):
                    outer._serve(self)

            do_GET = do_POST = do_DELETE = _any

        super().__init__(ThreadingHTTPServer, Handler)

    @property
    def url(self):
        return f"{self.base}/Group/g1/$export"

    def requests(self, method, part=""):
        return [row for row in self.seen if row[0] == method and part in row[1]]

    # ------------------------------------------------------------- answers

    def _serve(self, http):
        parts = urlsplit(http.path)
        http.form = http.rfile.read(int(http.headers.get("Content-Length") or 0)).decode()
        self.seen.append((http.command, parts.path, parse_qs(parts.query), dict(http.headers.items())))
        behaviors = self.script.get((http.command, parts.path))
        if behaviors:
            return behaviors.pop(0)(self, http)
        return self.well(http)

    def well(self, http):
        """Behave well."""
        path = urlsplit(http.path).path
        is_open = path.endswith(("/metadata", "/token", "smart-configuration")) or path.startswith("/open/")
        given = http.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.tokens is not None and not is_open and given not in self.tokens:
            return self.send(http, 401)
        if path.endswith("/metadata"):
            rows = [{"type": name} for name in TYPES]
            return self.send_json(http, {"resourceType": "CapabilityStatement", "rest": [{"resource": rows}]})
        if path.endswith("/smart-configuration"):
            return self.send_json(http, {"token_endpoint": f"{self.origin}/token"})
        if path == "/token":
            return self._token(http)
        if path.endswith("$export"):
            self.jobs += 1
            return self.send(http, 202, {"Content-Location": f"{self.origin}/jobs/{self.jobs}"})
        if path.startswith("/jobs/"):
            return self._job(http, path)
        return self._file(http, path.rpartition("/")[2])

    def _job(self, http, path):
        if path in self.gone:
            return self.send(http, 404)
        if http.command == "DELETE":
            self.gone.add(path)
            return self.send(http, 202)
        if self.waits > 0:
            self.waits -= 1
            return self.send(http, 202, {"X-Progress": "40% done", "Retry-After": "3"})
        return self.send_json(http, self.whole_manifest())

    def whole_manifest(self):
        output = [
            {"type": name.partition(".")[0], "url": f"{self.origin}/files/{name}", "count": body.count(b"\n")}
            for name, body in self.files.items()
        ]
        errors = [{"type": "OperationOutcome", "url": f"{self.origin}/files/{name}"} for name in self.errors]
        return {"output": output + self.extra, "error": errors, **self.manifest}

    def _file(self, http, name):
        body = {**self.files, **self.errors}.get(name)
        if body is None:
            return self.send(http, 404)
        headers = {"Content-Type": "application/fhir+ndjson", "ETag": '"v1"', "Accept-Ranges": "bytes"}
        asked = http.headers.get("Range")
        if asked and http.headers.get("If-Range") == '"v1"':
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
            return self.send(http, 206, headers, body[start:])
        return self.send(http, 200, headers, body)

    def _token(self, http):
        form = {name: values[0] for name, values in parse_qs(http.form).items()}
        try:
            claims = jwt.decode(
                form["client_assertion"],
                self.key,
                algorithms=["ES384", "RS384"],
                audience=f"{self.origin}/token",
            )
        except jwt.PyJWTError:
            return self.send_json(http, {"error": "invalid_client"}, 401)
        self.issued.append({**form, **claims})
        token = f"token-{len(self.issued)}"
        self.tokens = {token}
        return self.send_json(http, {"access_token": token, "token_type": "bearer", "expires_in": 300})

    def send_json(self, http, tree, status=200):
        self.send(http, status, {"Content-Type": "application/json"}, json.dumps(tree).encode())

    def send(self, http, status, headers=(), body=b"", *, length=None):
        http.send_response(status)
        for name, value in dict(headers).items():
            http.send_header(name, value)
        http.send_header("Content-Length", str(len(body) if length is None else length))
        http.end_headers()
        http.wfile.write(body)


# ----------------------------------------------------------------- behaviors


def status(code, headers=(), body=b""):
    return lambda server, http: server.send(http, code, headers, body)


def outcome(code, text, issue="processing", severity="error"):
    tree = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": severity, "code": issue, "diagnostics": text}],
    }
    return lambda server, http: server.send_json(http, tree, code)


def text(body, kind="text/html", code=200):
    return status(code, {"Content-Type": kind}, body)


def cut(after, *, etag='"v1"'):
    """Send a part of the file, then close the connection."""

    def behave(server, http):
        name = urlsplit(http.path).path.rpartition("/")[2]
        headers = {"Content-Type": "application/fhir+ndjson", **({"ETag": etag} if etag else {})}
        server.send(http, 200, headers, server.files[name][:after], length=len(server.files[name]))
        http.close_connection = True

    return behave


def packed(body=None, *, most=None, members=1):
    """Send the file with gzip, whole or only its first bytes."""

    def behave(server, http):
        name = urlsplit(http.path).path.rpartition("/")[2]
        plain = server.files[name] if body is None else body
        step = len(plain) // members + 1
        content = b"".join(gzip.compress(plain[at : at + step]) for at in range(0, len(plain), step))
        headers = {"Content-Type": "application/fhir+ndjson", "Content-Encoding": "gzip", "ETag": '"v1"'}
        server.send(http, 200, headers, content[:most], length=len(content))
        http.close_connection = True

    return behave


def silent(server, http):
    """Answer nothing for longer than anybody waits."""
    server.ended.wait(20)
    http.close_connection = True


def dribbling(server, http):
    """Send the head of the file, then nothing."""
    name = urlsplit(http.path).path.rpartition("/")[2]
    server.send(http, 200, {"Content-Type": "application/fhir+ndjson"}, b"{", length=len(server.files[name]))
    http.wfile.flush()
    server.ended.wait(20)
    http.close_connection = True


def slow(server, http):
    """Send the file in ten portions with pauses."""
    name = urlsplit(http.path).path.rpartition("/")[2]
    body = server.files[name]
    server.send(http, 200, {"Content-Type": "application/fhir+ndjson"}, length=len(body))
    for at in range(0, len(body), len(body) // 10 + 1):
        http.wfile.write(body[at : at + len(body) // 10 + 1])
        http.wfile.flush()
        time.sleep(0.02)


def stops_here(server, http):
    """Interrupt the client, as Ctrl-C does; also where this process was started with the signal ignored."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    server.ended.wait(5)
    http.close_connection = True
