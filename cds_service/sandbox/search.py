"""Answer a FHIR search over records: read its parameters, find, sort, cut into pages, make the Bundle.

Unknown parameters are told as an outcome in the Bundle, or refused where the asker wants that
(``handling=strict``). A parameter that is known and cannot be read is always refused, else
too much would be found.

Source: FHIR R4 (4.0.1), "Search".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from cds_service.errors import Issue, RequestError
from cds_service.sandbox.matching import Test, alternatives, codings_of, folded, span_of, tests_of
from cds_service.sandbox.parameters import Kind, Parameter, parameters_of
from cds_service.sandbox.records import Records, Stored

#: Entries of a page where the asker names no number, and the most of a page.
USUAL_COUNT, MOST_COUNT = 200, 1_000
_MOST_PARAMETERS, _MOST_VALUE, _MOST_SORTS = 20, 20_000, 5
#: Dates and beginnings of names one search may offer to choose from: every resource is compared with each.
MOST_COMPARED = 100
_COMPARED = frozenset({Kind.DATE, Kind.STRING})
#: What a larger number of entries or place asked for counts as; both are past the end of any record.
_MOST_NUMBER = 1_000_000_000
_PLACE = "_offset"
#: Parameters of the answer's form, dealt with where it is written.
FORM = frozenset({"_format", "_pretty", "_total"})
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Search:
    """A search that was read: what must hold of a resource, the order, and which page is asked for.

    Every member of ``filters`` must hold; one holds when any of its tests holds for any value. ``asked`` are
    the parameters that are heeded, as they were written; ``ignored`` the names of those that are unknown and
    ``empty`` of those without a value, which are not. ``count`` 0 asks for the number alone.
    """

    resource_type: str
    filters: tuple[tuple[Parameter, tuple[Test, ...]], ...]
    sorting: tuple[tuple[Parameter, bool], ...] = ()
    count: int = USUAL_COUNT
    offset: int = 0
    asked: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    def find(self, records: Records) -> list[Stored]:
        """Return every resource the search asks for, of all pages, in its order."""
        found = [row for row in records.of_type(self.resource_type) if self._holds(row)]
        for parameter, is_descending in reversed(self.sorting):
            known = [(key, row) for row in found if (key := _key(row, parameter, is_descending)) is not None]
            placed = {id(row) for _, row in known}
            known.sort(key=lambda pair: pair[0], reverse=is_descending)
            found = [row for _, row in known] + [row for row in found if id(row) not in placed]
        return found

    def page(self, found: Sequence[Stored]) -> Sequence[Stored]:
        """Return what stands on the page that is asked for."""
        return found[self.offset : self.offset + self.count]

    def _holds(self, row: Stored) -> bool:
        return all(
            any(test(value) for value in parameter.values(row) for test in tests)
            for parameter, tests in self.filters
        )

    def link(self, base: str, offset: int) -> str:
        """Return the address of the page that begins at ``offset``, with every parameter that is heeded."""
        pairs = [*self.asked, ("_count", str(self.count))]
        pairs += [(_PLACE, str(offset))] if offset else []
        text = "&".join(f"{quote(name, safe=':')}={quote(value, safe=',:/|')}" for name, value in pairs)
        return f"{base}/{self.resource_type}?{text}"


def _key(row: Stored, parameter: Parameter, is_descending: bool) -> Any:
    """Return what a resource is sorted by: the latest of its dates when descending, else the first value.

    None where it has none. Codes are sorted by system and code, names without case and accents.
    """
    if parameter.kind is Kind.DATE:
        spans = [span for value in parameter.values(row) if (span := span_of(value)) is not None]
        if not spans:
            return None
        return max(span.last for span in spans) if is_descending else min(span.first for span in spans)
    if parameter.kind is Kind.TOKEN:
        codes = [
            (system or "", code)
            for value in parameter.values(row)
            for system, code in codings_of(value)
            if code
        ]
        return min(codes, default=None)
    return min((folded(value) for value in parameter.values(row) if isinstance(value, str)), default=None)


def read_search(resource_type: str, pairs: Iterable[tuple[str, str]], *, strict: bool = False) -> Search:
    """Return the search that names and values of parameters ask for.

    Args:
        resource_type: Type that is searched.
        pairs: Parameters as they came, a name said twice twice (both must hold).
        strict: Refuse unknown parameters instead of ignoring them.

    Raises:
        RequestError: A parameter cannot be read, is unknown while ``strict``, or there are too many.
    """
    reading = _Reading(resource_type)
    rows = list(pairs)
    if len(rows) > _MOST_PARAMETERS:
        raise _fault("E001", "", f"has more than {_MOST_PARAMETERS} parameters.", "Ask for less at once.")
    for name, value in rows:
        if len(value) > _MOST_VALUE:
            raise _fault("E001", name, f"is longer than {_MOST_VALUE} characters.", "Ask for less at once.")
        reading.take(name, value)
    if strict:
        reading.refuse_unheeded()
    return reading.search()


class _Reading:
    """Collects what the parameters of one search say."""

    def __init__(self, resource_type: str) -> None:
        self.resource_type = resource_type
        self.known = parameters_of(resource_type)
        self.filters: list[tuple[Parameter, tuple[Test, ...]]] = []
        self.sorting: list[tuple[Parameter, bool]] = []
        self.asked: list[tuple[str, str]] = []
        self.ignored: list[str] = []
        self.empty: list[str] = []
        self.count, self.offset = USUAL_COUNT, 0
        self.is_number_alone = False
        self.compared = 0

    def take(self, name: str, value: str) -> None:
        if not value.strip(" ,"):
            self.empty.append(name)
        elif name == "_count":
            self.count = min(_whole(name, value), MOST_COUNT)
        elif name == _PLACE:
            self.offset = _whole(name, value)
        elif name == "_sort":
            self._sort(value)
        elif name == "_summary" and value == "count":
            self.is_number_alone = True
        elif name not in FORM and (name, value) != ("_summary", "false"):
            self._filter(name, value)

    def refuse_unheeded(self) -> None:
        """Raise RequestError where a parameter is unknown or has no value."""
        if self.ignored:
            known = ", ".join(self.known)
            what = "is no search parameter of this type here."
            raise _fault("E002", self.ignored[0], what, f"Known are: {known}, _sort, _count.")
        if self.empty:
            raise _fault("E004", self.empty[0], "has no value.", "Give it one, or leave it out.")

    def _filter(self, name: str, value: str) -> None:
        plain, _, modifier = name.partition(":")
        parameter = self.known.get(plain)
        if parameter is None:
            self.ignored.append(name)
            return
        if modifier and not (modifier == "Patient" and parameter.kind is Kind.REFERENCE):
            raise _fault("E003", name, "has a modifier this server does not know.", "Leave it out.")
        values = list(dict.fromkeys(part for part in alternatives(value) if part.strip()))
        self._compare(name, parameter.kind, len(values))
        try:
            tests = tests_of(parameter.kind, values)
        except ValueError as error:
            raise _fault(
                "E004", name, f"has a value that {error}.", "Write it as FHIR search does."
            ) from None
        self.filters.append((parameter, tests))
        self.asked.append((name, value))

    def _compare(self, name: str, kind: Kind, number: int) -> None:
        self.compared += number if kind in _COMPARED else 0
        if self.compared > MOST_COMPARED:
            what = f"is one date or name more than the {MOST_COMPARED} of one search."
            raise _fault("E001", name, what, "Ask for less at once.")

    def _sort(self, value: str) -> None:
        keys = [part.strip() for part in value.split(",")]
        if len(self.sorting) + len(keys) > _MOST_SORTS:
            raise _fault("E001", "_sort", f"has more than {_MOST_SORTS} keys.", "Sort by less at once.")
        found = [(self.known.get(key.removeprefix("-")), key.startswith("-")) for key in keys]
        rows = [(row, down) for row, down in found if row is not None and row.kind is not Kind.REFERENCE]
        if len(rows) < len(found):
            self.ignored.append("_sort")  # whole: the order of half of its keys is not what was asked for
            return
        self.sorting.extend(rows)
        self.asked.append(("_sort", value))

    def search(self) -> Search:
        return Search(
            self.resource_type,
            tuple(self.filters),
            tuple(self.sorting),
            0 if self.is_number_alone else self.count,
            self.offset,
            tuple(self.asked),
            tuple(dict.fromkeys(self.ignored)),
            tuple(dict.fromkeys(self.empty)),
        )


def searchset(search: Search, found: Sequence[Stored], base: str) -> dict[str, Any]:
    """Return the Bundle that shows one page of what was found.

    ``base`` is the address of the FHIR server; links and entries are named by it.
    """
    page = search.page(found)
    links = [{"relation": "self", "url": search.link(base, search.offset)}]
    following = search.offset + search.count
    if search.count and following < len(found):
        links.append({"relation": "next", "url": search.link(base, following)})
    if search.count and search.offset:
        links.append({"relation": "previous", "url": search.link(base, max(0, search.offset - search.count))})
    entries = [entry_of(row, base) | {"search": {"mode": "match"}} for row in page]
    entries += told_unheeded(search.ignored, search.empty)
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    return bundle | ({"entry": entries} if entries else {})


def entry_of(row: Stored, base: str) -> dict[str, Any]:
    """Return a resource as an entry of a Bundle, named by the address it is read at."""
    return {"fullUrl": f"{base}/{row.type}/{row.id}", "resource": row.resource}


def told_unheeded(unknown: Sequence[str], empty: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the entry that names the parameters that are not heeded, with the reason; none where all are."""
    rows = (
        ("not-supported", "this server does not know them", unknown),
        ("value", "they have no value", empty),
    )
    issues = [
        {
            "severity": "warning",
            "code": code,
            "details": {"text": f"Not heeded, because {why}: {', '.join(name[:60] for name in names)}."},
        }
        for code, why, names in rows
        if names
    ]
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    return [{"resource": outcome, "search": {"mode": "outcome"}}] if issues else []


def _whole(name: str, value: str) -> int:
    digits = value.strip().lstrip("0") or "0"
    if not (value.isascii() and value.strip().isdigit()):
        raise _fault("E004", name, "is no whole number.", "Write a number such as 50.")
    return min(int(digits), _MOST_NUMBER) if len(digits) <= len(str(_MOST_NUMBER)) else _MOST_NUMBER


def _fault(code: str, name: str, what: str, remedy: str) -> RequestError:
    return RequestError(Issue(f"?{name[:60]}", code, what, remedy))
