"""What a server says about an export: its OperationOutcome in words, its wish to be left alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from cds_service.text.neutral import visible

_MOST_WORDS: Final = 300
_MOST_ISSUES: Final = 5
#: A word that may be an id, an address, a token or a date: it has a digit, or signs that words lack.
_TELLING: Final = re.compile(r"\S*[\d/@=?&]\S*|\S{40,}")
_LEFT_OUT: Final = re.compile(r"…(?:[\s:;,]*…)+")
#: FHIR IssueType: "transient" and what stands below it.
_TRANSIENT: Final = frozenset(
    ("transient", "lock-error", "no-store", "exception", "timeout", "incomplete", "throttled")
)
_PASSING: Final = frozenset((429, 500, 502, 503, 504))
_GRAVE: Final = frozenset(("error", "fatal"))


@dataclass(frozen=True, slots=True)
class Told:
    """Status, headers and body of a small answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def words(self) -> str:
        """Status and OperationOutcome in words."""
        said = outcome_words(self.body)
        return f"status {self.status}: {said}" if said else f"status {self.status}"

    @property
    def is_passing(self) -> bool:
        """Whether the same request may succeed later: an error report of the server decides."""
        if self.status not in _PASSING:
            return False
        codes = {str(issue.get("code", "")) for issue in _issues(self.body) if severity(issue) in _GRAVE}
        return self.status in (429, 503) or codes <= _TRANSIENT


def outcome_words(body: bytes) -> str:
    """Return what an OperationOutcome says; empty when it is none.

    Words that may be an id, a date or an address are left out: the text is told and logged.
    """
    said = [_issue_words(issue) for issue in _issues(body)[:_MOST_ISSUES]]
    return "; ".join(dict.fromkeys(word for word in said if word))[:_MOST_WORDS]


def is_grave(issues: list[dict[str, Any]]) -> bool:
    """Whether one of the issues of an OperationOutcome is an error; one without severity counts as one."""
    return any(severity(issue) in _GRAVE for issue in issues)


def severity(issue: Mapping[str, Any]) -> str:
    """Return how grave an issue is; what FHIR does not know is an error."""
    found = issue.get("severity")
    return str(found) if found in ("information", "warning", "success", "fatal") else "error"


def outcome_issues(tree: Any) -> list[dict[str, Any]]:
    """Return the issues of a decoded OperationOutcome; none when it is something else."""
    is_outcome = isinstance(tree, dict) and tree.get("resourceType") == "OperationOutcome"
    issues = tree.get("issue") if is_outcome else None
    return [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Return the seconds of Retry-After, a number or a date; None without one that can be read."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())
    except (ValueError, OverflowError):
        return None


def shown_progress(text: str) -> str:
    """Return what a server says of its progress, fit for a terminal."""
    return visible(text)[:100].strip()


def _issues(body: bytes) -> list[dict[str, Any]]:
    try:
        return outcome_issues(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []


def _issue_words(issue: Mapping[str, Any]) -> str:
    details = issue.get("details")
    texts = (details.get("text") if isinstance(details, dict) else None, issue.get("diagnostics"))
    words = [text for text in texts if isinstance(text, str)] or [str(issue.get("code", ""))]
    return _LEFT_OUT.sub("…", _TELLING.sub("…", visible(": ".join(words)[:2_000]))).strip()
