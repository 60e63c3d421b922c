"""What every answer keeps to, whatever was asked: the list a fuzzer checks."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

from cds_service.knowledge import Knowledge
from tests.fuzz.grammar import ROOT
from tests.fuzz.hostile import CANARY, Hostile
from tests.fuzz.schemas import fits
from tests.fuzz.wire import Answer
from tests.protocol import faults

_REVIEW = "org.twitch-cds.review"
_REFUSED = frozenset((400, 401, 404, 405, 412, 413, 415))
_FINE = frozenset((200, 204, 304, 308))
#: Every answer is held against its schema (``schemas``), and one of so many by jsonschema itself.
_EVERY = 200
_TRACE = re.compile(r'Traceback|File "|site-packages|werkzeug|sqlalchemy', re.IGNORECASE)


@cache
def known_codes() -> frozenset[str]:
    """Return the error codes the documents list."""
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^\| `([A-Z]\d{3})`", text, re.MULTILINE))


class Invariants:
    """Checks answers of one application."""

    def __init__(self, document: Mapping[str, Any], knowledge: Knowledge) -> None:
        """``document`` is the OpenAPI document of the application."""
        self._paths = document["paths"]
        self._asks = any("security" in kind for path in self._paths.values() for kind in path.values())
        self._rules = len(knowledge.rules) + len(knowledge.site.switched_off)
        #: How often every error code was met: in refusals, and of what was set aside.
        self.codes: Counter[str] = Counter()

    def broken(self, sent: Hostile, status: int, media: str, body: bytes, log: str) -> list[str]:
        """Return what an answer breaks, in words; empty when it is as it should be."""
        found = []
        if CANARY in log:
            found.append("patient or token in the log")
        if status not in _FINE | _REFUSED:
            return [*found, f"status {status}"]
        if not self._documented(sent, status):
            found.append(f"status {status} is not documented")
        if status == 401 and not self._asks:
            found.append("a token is asked for, and nobody is trusted")
        if sent.method == "HEAD" or status in (204, 304):
            return found
        if status in _REFUSED:
            return found + self._refusal(media, body)
        if sent.method == "POST" and status == 200:
            return found + self._answer(sent, media, body)
        return found

    def _documented(self, sent: Hostile, status: int) -> bool:
        operation = self._paths.get(sent.path.partition("?")[0], {}).get(sent.method.lower())
        return operation is None or str(status) in operation["responses"]

    def _refusal(self, media: str, body: bytes) -> list[str]:
        if media.partition(";")[0] != "application/json":
            return [f"a refusal of type {media}"]
        try:
            tree = json.loads(body)
        except ValueError:
            return ["a refusal that is not JSON"]
        if wrong := _unfit("operation-outcome.schema.json", tree, body):
            return [f"a refusal against its schema: {wrong[:3]}"]
        codes = {coding["code"] for issue in tree["issue"] for coding in issue["details"]["coding"]}
        self.codes.update(codes)
        found = [f"code {code} is not in docs/errors.md" for code in sorted(codes - known_codes())]
        if _TRACE.search(body.decode("utf-8", "replace")):
            found.append("the inside of the service shows in a refusal")
        return found

    def _answer(self, sent: Hostile, media: str, body: bytes) -> list[str]:
        if media.partition(";")[0] != "application/json":
            return [f"an answer of type {media}"]
        try:
            tree = json.loads(body, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            return [f"an answer that is not JSON: {type(error).__name__}"]
        name = "response" if "cards" in tree else "explanation" if "rules" in tree else "receipt"
        found = _unfit(f"{name}.schema.json", tree, body)[:5]
        try:
            return found + (self._cards(tree) if name == "response" else [])
        except KeyError as error:
            return [*found, f"cards without {error}"]

    def _cards(self, tree: dict[str, Any]) -> list[str]:
        review = tree["extension"][_REVIEW]
        counts = review["counts"]
        parts = sum(
            counts.get(name, 0) for name in ("matched", "notMatched", "unknown", "errored", "switchedOff")
        )
        found = []
        if not parts == counts["rules"] == self._rules:
            found.append(f"counts do not add up: {counts}")
        if counts["errored"]:
            found.append(
                f"a rule failed inside: {[row.get('error') for row in review['notAssessed'] if row.get('error')]}"
            )
        if len(tree["cards"]) > 4:
            found.append("more than four cards")
        if len(review["notAssessed"]) != counts["unknown"] + counts["errored"]:
            found.append("rules that could not tell are not all named")
        unsent = [
            row for row in review["notAssessed"] if any(gap["reason"] == "not-sent" for gap in row["missing"])
        ]
        if not tree["cards"] and unsent and "outside" not in review:
            found.append(f"silent empty: {len(unsent)} rules lack what was not sent")
        aside = {row["code"] for row in review["dataConsidered"]["setAside"]}
        self.codes.update(aside)
        if aside - known_codes():
            found.append("set aside with a code that is not in docs/errors.md")
        return found


def bent(answers: list[Answer]) -> list[str]:
    """Return what the answers to broken HTTP break: there may be none, none may be of the 5xx or a riddle."""
    found = [f"status {answer.status}" for answer in answers if answer.status >= 500]
    for answer in answers:
        if answer.status >= 400 and answer.body:
            try:
                json.loads(answer.body)
            except ValueError:
                found.append(f"a refusal ({answer.status}) that is not JSON: {answer.body[:200]!r}")
    return found


def _unfit(reference: str, tree: Any, body: bytes) -> list[str]:
    if fits(reference)(tree) and zlib.crc32(body) % _EVERY:
        return []
    return faults(reference, tree) or ([] if fits(reference)(tree) else ["fits(), but not by schemas.py"])


def _no_constant(name: str) -> Any:
    raise ValueError(name)
