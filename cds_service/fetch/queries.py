"""Prefetch templates to questions for a FHIR server."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from cds_service.fetch.faults import Fault, FetchFault
from cds_service.fetch.policy import Server
from cds_service.fetch.transport import Question

_TOKEN = re.compile(r"\{\{context\.(\w+)\}\}")
_FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_TYPE = re.compile(r"[A-Z][A-Za-z]{2,63}")
#: Parameters by which a search names its patient.
PATIENT_PARAMETERS = frozenset({"patient", "subject"})
_CODE_PARAMETER = "code"


@dataclass(frozen=True, slots=True)
class Style:
    """How the servers of a site want to be asked.

    ``patient_form`` is ``id`` (``patient=1``) or ``reference`` (``patient=Patient/1``); ``most_codes`` the
    most codes in one search, 0 for as many as the template has; ``post`` asks by POST to ``_search``.
    """

    patient_form: str = "id"
    most_codes: int = 0
    post: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One filled template: a read (``ident`` is set) or a search (``parameters``)."""

    resource_type: str
    ident: str = ""
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def is_search(self) -> bool:
        """Whether a Bundle is the answer."""
        return not self.ident

    @property
    def filters(self) -> frozenset[str]:
        """Names of the parameters that choose what is found."""
        return frozenset(name for name, _value in self.parameters if not name.startswith("_"))

    @property
    def patient_id(self) -> str:
        """Id of the patient a search names; empty when it names none."""
        named = (value for name, value in self.parameters if name in PATIENT_PARAMETERS)
        return next(named, "").removeprefix("Patient/")

    def question(self, server: Server, style: Style) -> Question:
        """Return the request that asks this of a server."""
        where = f"{server.base}/{self.resource_type}"
        if self.ident:
            return Question(f"{where}/{self.ident}")
        text = "&".join(f"{name}={quote(value, safe=',:/')}" for name, value in self.parameters)
        return Question(f"{where}/_search", text) if style.post else Question(f"{where}?{text}")


def filled(template: str, context: Mapping[str, str], style: Style) -> tuple[Query, ...]:
    """Return the queries of a template, its tokens replaced by values of the context.

    Raises:
        FetchFault: A token the context has no FHIR id for, or no query at all (QUESTION).
    """
    text = _TOKEN.sub(lambda match: _value(context, match[1]), template)
    path, _, search = text.partition("?")
    resource_type, _, ident = path.partition("/")
    if not _TYPE.fullmatch(resource_type) or bool(ident) == bool(search) or "{" in text:
        raise FetchFault(Fault.QUESTION)
    if ident:
        if not _FHIR_ID.fullmatch(ident) or ident in (".", ".."):
            raise FetchFault(Fault.QUESTION)
        return (Query(resource_type, ident=ident),)
    pairs = [(name, value) for name, _, value in (part.partition("=") for part in search.split("&"))]
    styled = [
        (name, _patient(value, style) if name in PATIENT_PARAMETERS else value) for name, value in pairs
    ]
    return tuple(Query(resource_type, parameters=tuple(row)) for row in _portioned(styled, style.most_codes))


def _value(context: Mapping[str, str], name: str) -> str:
    value = context.get(name, "")
    if not _FHIR_ID.fullmatch(value):
        raise FetchFault(Fault.QUESTION)
    return value


def _patient(value: str, style: Style) -> str:
    return f"Patient/{value}" if style.patient_form == "reference" else value


def _portioned(pairs: list[tuple[str, str]], most: int) -> Iterator[list[tuple[str, str]]]:
    """Yield the parameters once for each portion of the codes."""
    codes = next((value.split(",") for name, value in pairs if name == _CODE_PARAMETER), [])
    if not most or len(codes) <= most:
        yield pairs
        return
    for start in range(0, len(codes), most):
        portion = ",".join(codes[start : start + most])
        yield [(name, portion if name == _CODE_PARAMETER else value) for name, value in pairs]
