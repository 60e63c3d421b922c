"""Ask a FHIR terminology server which codes lie below those of our value sets.

Only code systems with a hierarchy that this product does not know itself are asked for. How the
question travels is not said here: ``Fetch`` is handed in, so that nothing is ever sent unasked.

Source: FHIR R4, operation ValueSet/$expand; SNOMED CT filter ``concept is-a``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cds_service.errors import Issue, RequestError
from cds_service.terminology.sets import SET_FOLDERS
from cds_service.terminology.store import Terminology

#: Sends the body of one POST to ``[base]/ValueSet/$expand`` and returns the body of the answer.
#: Raises RequestError when there is no good answer.
Fetch = Callable[[bytes], bytes]

#: Systems whose hierarchy is asked for; the trees of ``systems.yaml`` are known by their codes.
ASKED: Final = ("snomed",)
PAGE: Final = 1_000
MOST_CODES: Final = 50_000
_MOST_PAGES: Final = 100
_MOST_DEPTH: Final = 20
_MAX_CODE: Final = 60


@dataclass(frozen=True, slots=True, order=True)
class SetRoots:
    """One value set and its codes of one system, below which more may lie."""

    kind: str
    name: str
    system: str
    roots: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expanded:
    """What a server says of one value set. ``versions`` are the editions it used, as it names them."""

    asked: SetRoots
    codes: tuple[str, ...]
    versions: tuple[str, ...] = ()

    @property
    def unknown_roots(self) -> tuple[str, ...]:
        """Codes of ours the server does not return: it does not know them, or not any more."""
        return tuple(root for root in self.asked.roots if root not in self.codes)


def sets_to_expand(terminology: Terminology) -> tuple[SetRoots, ...]:
    """Return the value sets with codes of a system that is asked for, sorted."""
    found: list[SetRoots] = []
    for kind in SET_FOLDERS:
        for name, value_set in terminology.value_sets.get(kind, {}).items():
            for system in ASKED:
                roots = tuple(sorted({c.code for c in value_set.codes if c.system == system}))
                if roots:
                    found.append(SetRoots(kind, name, system, roots))
    return tuple(sorted(found))


def expand(asked: SetRoots, terminology: Terminology, fetch: Fetch) -> Expanded:
    """Return all codes at and below the roots of a value set.

    Raises:
        RequestError: The answer is none, is cut short, or is larger than any value set of ours can be.
    """
    uri = terminology.systems.uris[asked.system]
    codes: set[str] = set()
    versions: set[str] = set()
    seen = 0
    for page in range(_MOST_PAGES):
        answer = _answer(fetch(_question(asked, uri, seen)), asked)
        expansion = answer["expansion"]
        rows = list(_rows(expansion.get("contains", []), asked, 0))
        before = len(codes)
        codes |= {code for system, code in rows if code and _is_of(system, asked, terminology)}
        versions |= _versions(expansion)
        seen += len(rows)
        if len(codes) > MOST_CODES:
            raise _fault(
                asked, "T061", "holds more codes than any value set of ours can.", "Look at its roots."
            )
        is_repeated = page > 0 and len(codes) == before and "total" not in expansion  # it knows no pages
        if is_repeated or _is_complete(expansion, seen, len(rows), asked):
            return Expanded(asked, tuple(sorted(codes)), tuple(sorted(versions)))
        if page and not rows:
            break
    raise _fault(asked, "T062", "was not answered to its end.", "Ask again, or another server.")


def _question(asked: SetRoots, uri: str, offset: int) -> bytes:
    include = [
        {"system": uri, "filter": [{"property": "concept", "op": "is-a", "value": root}]}
        for root in asked.roots
    ]
    value_set = {"resourceType": "ValueSet", "status": "active", "compose": {"include": include}}
    parameters = [
        {"name": "valueSet", "resource": value_set},
        {"name": "count", "valueInteger": PAGE},
        {"name": "offset", "valueInteger": offset},
    ]
    return json.dumps({"resourceType": "Parameters", "parameter": parameters}).encode()


def _answer(body: bytes, asked: SetRoots) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        raise _fault(
            asked, "T063", "was answered with something that is no JSON.", "Check the address."
        ) from None
    is_expansion = isinstance(data, dict) and data.get("resourceType") == "ValueSet"
    if not is_expansion or not isinstance(data.get("expansion"), dict):
        raise _fault(asked, "T064", "was answered with no expansion.", "Look at what the server supports.")
    found: dict[str, Any] = data
    return found


def _is_of(system: str, asked: SetRoots, terminology: Terminology) -> bool:
    return terminology.canonical_system(system) == asked.system


def _is_complete(expansion: dict[str, Any], seen: int, count: int, asked: SetRoots) -> bool:
    """Return whether the last page was read; a total that is not reached is no end."""
    total = expansion.get("total")
    if isinstance(total, int) and not isinstance(total, bool):
        if total > MOST_CODES:
            raise _fault(
                asked, "T061", "holds more codes than any value set of ours can.", "Look at its roots."
            )
        return seen >= total
    return count < PAGE


def _rows(contains: Any, asked: SetRoots, depth: int) -> Iterator[tuple[str, str]]:
    """Yield system and code of each entry, nested ones too; the code of one that only groups is empty."""
    if not isinstance(contains, list) or depth > _MOST_DEPTH:
        raise _fault(asked, "T064", "was answered with no expansion.", "Look at what the server supports.")
    for entry in contains:
        if not isinstance(entry, dict):
            continue
        system, code = entry.get("system"), entry.get("code")
        if isinstance(system, str) and isinstance(code, str) and 0 < len(code) <= _MAX_CODE:
            yield system, "" if entry.get("abstract") is True else code
        if "contains" in entry:
            yield from _rows(entry["contains"], asked, depth + 1)


def _versions(expansion: dict[str, Any]) -> set[str]:
    parameters = expansion.get("parameter")
    rows: Sequence[Any] = parameters if isinstance(parameters, list) else ()
    named = (
        row for row in rows if isinstance(row, dict) and row.get("name") in ("version", "used-codesystem")
    )
    values = (row.get("valueUri") or row.get("valueCanonical") or row.get("valueString") for row in named)
    return {value[:200] for value in values if isinstance(value, str)}


def _fault(asked: SetRoots, code: str, what: str, remedy: str) -> RequestError:
    return RequestError(Issue(f"{asked.kind}/{asked.name}", code, what, remedy))
