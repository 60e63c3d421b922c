"""Words no program uses, put wherever text can come from outside: requests, tokens, answers of FHIR servers."""

import itertools
import random

from ..fetch.fault_server import FaultServer

#: Members that steer how a resource is read; without them there would be nothing to read.
_STRUCTURE = ("resourceType", "system", "status", "type", "hook", "hookInstance", "relation", "mode")


class Marks:
    """Makes marks and counts them; all begin with one word, so that a search for it finds any of them.

    ``KEPT`` is the word of what may stand in the database and nowhere else. Safe to share between threads.
    """

    WORD = "Zebrafinch"
    KEPT = "Greenfinch"

    def __init__(self):
        self._numbers = itertools.count(1)
        self.made = 0

    def new(self, word=WORD):
        """Return a mark nobody had before."""
        self.made = next(self._numbers)
        return f"{word}{self.made}"

    def into(self, node, share, chance):
        """Return the JSON data with a mark in a share of its texts, those that steer the reading not."""
        if isinstance(node, dict):
            return {
                name: value if name in _STRUCTURE else self.into(value, share, chance)
                for name, value in node.items()
            }
        if isinstance(node, list):
            return [self.into(value, share, chance) for value in node]
        if isinstance(node, str) and chance.random() < share:
            return self.new() if chance.random() < 0.5 else f"{node} {self.new()}"
        return node


class MarkedServer(FaultServer):
    """A FHIR server whose records, headers, reasons, error texts and redirects hold marks, well or failing."""

    def __init__(self, resources, marks, **options):
        super().__init__(resources, **options)
        self.marks = marks
        self._chance = random.Random(len(options))

    def _answer(self, method, path, form):
        if path.startswith("/jwks"):
            mark = self.marks.new()
            return {
                "keys": [{"kid": mark, "kty": "EC", "alg": "ES384", "use": "sig", "crv": mark, "x": mark}]
            }
        answer = super()._answer(method, path, form)
        return self.marks.into(answer, self._chance.choice([0.0, 0.05, 1.0]), self._chance)

    def _send(self, sock, body, status="200 OK", **headers):
        mark = self.marks.new()
        if body == b"" and not status.startswith("2"):
            issue = {"severity": "error", "code": mark, "diagnostics": mark, "details": {"text": mark}}
            body = {"resourceType": "OperationOutcome", "id": mark, "issue": [issue], mark: mark}
        marked = {"X_Note": mark, "Set_Cookie": f"{mark}={mark}", "ETag": mark, "Server": mark}
        marked |= {"WWW_Authenticate": f'Bearer realm="{mark}"', "Warning": mark, mark: mark}
        if "Location" in headers:
            headers["Location"] = f"{headers['Location']}/{mark}?name={mark}"
        super()._send(sock, body, f"{status} {mark}", **marked, **headers)

    def _do_redirect_to_a_name(self, sock, answer):
        self._send(sock, b"", "307 Moved", Location=f"https://{self.marks.new()}.invalid")

    def _do_next_to_a_name(self, sock, answer):
        link = [{"relation": "next", "url": f"https://{self.marks.new()}.invalid/{self.marks.new()}"}]
        self._send(sock, {"resourceType": "Bundle", "type": "searchset", "link": link})

    def _do_no_http(self, sock, answer):
        sock.sendall(f"{self.marks.new()} {self.marks.new()}\r\n{self.marks.new()}\r\n\r\n".encode())

    def _do_header_without_end(self, sock, answer):
        sock.sendall(f"HTTP/1.1 200 OK\r\n{self.marks.new()}: ".encode() + self.marks.new().encode() * 10_000)

    def _do_words_in_numbers(self, sock, answer):
        mark = self.marks.new()
        sock.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {mark}\r\nDate: {mark}\r\nAge: {mark}\r\n".encode())
        sock.sendall(f"Retry-After: {mark}\r\nContent-Encoding: {mark}\r\n\r\n{{}}".encode())

    def _do_chunks_in_words(self, sock, answer):
        sock.sendall(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{self.marks.new()}\r\n".encode())

    def _do_marked_html(self, sock, answer):
        self._send(sock, f"<html>{self.marks.new()}</html>".encode(), Content_Type=f"text/{self.marks.new()}")


#: Every fault of either server, "" for good answers.
FAULTS = sorted(
    name.removeprefix("_do_") for name in {*vars(FaultServer), *vars(MarkedServer)} if name.startswith("_do_")
)
