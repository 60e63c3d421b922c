"""Write the cards although one finding breaks their writing: it is told as failed, the others stay.

A defect in the words or orders of one rule must cost a patient neither the other cards nor the knowledge
that one is lacking. Which finding is at fault is found by trying them one by one, only after a failure.
Source: design 2.3 and goal R32 (no silent empty).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from cds_service.findings import INDICATORS, Finding, Verdict

T = TypeVar("T")
Findings = tuple[Finding, ...]
Write = Callable[[Findings], T]


def written(findings: Findings, write: Write[T]) -> T:
    """Return what ``write`` makes of the findings, of as many of them as it can.

    A finding it fails on is first tried without its proposals (``unproposed`` is set), then told as one that
    could not be judged (``error`` is set); both hold the kind of the fault, never its words.

    Raises:
        Exception: ``write`` fails even when nothing matched: then nothing can be told.
    """
    try:
        return write(findings)
    except Exception:  # any defect: that is what this is for
        return _of_the_sound(tuple(_tried(finding, write) for finding in findings), write)


def _tried(finding: Finding, write: Write[T]) -> Finding:
    """Return the finding in the fullest form that can be written alone."""
    if finding.verdict is Verdict.NO_MATCH:
        return finding
    fault = _fault((finding,), write)
    if not fault:
        return finding
    bare = replace(finding, proposals=(), unproposed=fault)
    return bare if finding.proposals and not _fault((bare,), write) else failed(finding, fault)


def _of_the_sound(findings: Findings, write: Write[T]) -> T:
    """Write findings that can be written alone: all, else all but the least urgent that will do."""
    try:
        return write(findings)
    except Exception as error:  # they break it together only
        fault = type(error).__name__
    for place, finding in sorted(enumerate(findings), key=lambda row: INDICATORS.index(row[1].indicator)):
        rest = (*findings[:place], failed(finding, fault), *findings[place + 1 :])
        if finding.verdict is not Verdict.NO_MATCH and not _fault(rest, write):
            return write(rest)
    return write(tuple(f if f.verdict is Verdict.NO_MATCH else failed(f, fault) for f in findings))


def _fault(findings: Findings, write: Write[T]) -> str:
    """Return the kind of fault the writing ends in; empty when it succeeds."""
    try:
        write(findings)
    except Exception as error:
        return type(error).__name__
    return ""


def failed(finding: Finding, fault: str) -> Finding:
    """Return the finding of a rule that broke: of what it said nothing stays; it could not be judged."""
    return Finding(
        finding.rule_id, Verdict.UNKNOWN, cause=finding.cause, role=finding.role, error=finding.error or fault
    )
