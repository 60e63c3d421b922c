"""The errors this product raises on purpose, and the one form their messages have.

    CdsError
    ├─ ContentError        the knowledge (rules, cases, value sets, settings of the content) is wrong
    ├─ PatientDataError    this patient's data cannot be used
    │   ├─ NotFhir         not JSON, or JSON that is not the FHIR we asked for
    │   ├─ UnitError       an amount whose unit is absent, unknown or not convertible for its analyte
    │   └─ SubjectError    data of another patient, of two patients or of no patient
    ├─ RequestError        the caller's request is wrong
    ├─ StoreError          what was sent could not be kept
    ├─ BatchError          a batch cannot begin, or cannot go on
    └─ SettingsError       the installation is wrong

A message says where, what, why it matters and what to do. No message holds a value that came
from a patient's record beyond its place in the document: messages are logged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """One fault, in the form all faults are shown.

    ``where`` is ``file:line`` for content and a JSON pointer for data; ``code`` is stable and
    documented in ``docs/errors.md``; ``what`` and ``remedy`` are one sentence each.
    """

    where: str
    code: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return the fault as one readable line."""
        tail = f" {self.remedy}" if self.remedy else ""
        return f"{self.where}: {self.code}: {self.what}{tail}"


class CdsError(Exception):
    """Root of every error raised on purpose; carries one or more issues."""

    def __init__(self, *issues: Issue) -> None:
        """Keep the issues; the message is one line for each."""
        super().__init__("\n".join(str(issue) for issue in issues))
        self.issues: Sequence[Issue] = issues

    def __reduce__(self) -> tuple[type[CdsError], tuple[Issue, ...]]:
        """Cross a process boundary with the issues, not with their text."""
        return type(self), tuple(self.issues)


class ContentError(CdsError):
    """The knowledge is wrong: the service refuses to start, ``validate`` lists every issue."""


class PatientDataError(CdsError):
    """This patient's data cannot be used at all (HTTP 412, a quarantined row)."""


class NotFhir(PatientDataError):
    """The bytes are not JSON, or not the FHIR shape that was asked for."""


class UnitError(PatientDataError):
    """An amount whose unit is absent, not understood or not convertible for its analyte."""


class SubjectError(PatientDataError):
    """The data belong to another patient, to several patients or to none."""


class RequestError(CdsError):
    """The caller's request is wrong (HTTP 400 and its relatives)."""


class StoreError(CdsError):
    """The database could not keep or give what was asked (HTTP 503); nothing was acknowledged."""


class BatchError(CdsError):
    """A batch cannot begin or go on; what it has done so far is kept (exit code 2)."""


class SettingsError(CdsError):
    """The installation is wrong: unknown setting, refused host, missing file (exit code 2)."""
