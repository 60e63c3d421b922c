"""Read a FHIR ConceptMap of a site: which of its local codes mean which codes of this product's terminology.

Only what cannot make a finding out of something else is used: a local code that means the same as
its target, or something narrower. Everything else is refused with its place, never bent to fit.

Source: FHIR R4 ConceptMap and its value set concept-map-equivalence (the target seen from the source:
``wider`` and ``subsumes`` say that the target is the broader one); R5 ConceptMap.relationship.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.errors import Issue

#: What a map says of a target -> whether the local code means the same (else: something narrower).
_USED = {
    "equal": True,
    "equivalent": True,
    "wider": False,
    "subsumes": False,
    "source-is-narrower-than-target": False,
}
_MAX_BYTES = 50_000_000
_MAX_ELEMENTS = 200_000
_MAX_CODE = 100
_MAX_URI = 400
_REMEDY = "Map to an equivalent or broader code, or leave the code out."


@dataclass(frozen=True, slots=True, order=True)
class LocalCode:
    """One local code and the code it is mapped to; systems as addresses. ``is_same`` as against narrower."""

    where: str
    system: str
    code: str
    target_system: str
    target_code: str
    is_same: bool


@dataclass(frozen=True, slots=True)
class ConceptMap:
    """The usable rows of a map, and what was refused of it."""

    name: str
    codes: tuple[LocalCode, ...] = ()
    refused: tuple[Issue, ...] = ()


class _TwiceError(ValueError):
    """A member of a JSON object is said twice."""


def read_concept_map(path: Path) -> tuple[ConceptMap, tuple[Issue, ...]]:
    """Return what a ConceptMap file says, and the faults for which it cannot be used at all.

    A map with faults has no codes.
    """
    name = path.name
    try:
        if path.stat().st_size > _MAX_BYTES:
            return ConceptMap(name), (Issue(name, "T030", "is larger than 50 MB.", "Split the map."),)
        data = json.loads(path.read_bytes(), object_pairs_hook=_members)
    except OSError as error:
        return ConceptMap(name), (Issue(name, "T031", f"cannot be read ({error.strerror})."),)
    except (ValueError, RecursionError) as error:
        what = "says a member twice" if isinstance(error, _TwiceError) else "is not JSON"
        return ConceptMap(name), (Issue(name, "T031", f"{what}.", "Write one FHIR ConceptMap as JSON."),)
    fault = _unusable(data, name)
    if fault is not None:
        return ConceptMap(name), (fault,)
    refused: list[Issue] = []
    codes = tuple(dict.fromkeys(_codes(data, name, refused)))
    return ConceptMap(name, codes, tuple(refused)), ()


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


def _unusable(data: Any, name: str) -> Issue | None:
    if not isinstance(data, dict) or data.get("resourceType") != "ConceptMap":
        return Issue(name, "T032", "is no FHIR ConceptMap.", "Write one ConceptMap as JSON.")
    if data.get("status") not in ("active", "draft"):
        return Issue(name, "T033", "has a status that is not active or draft.", "Use a map in force.")
    if not isinstance(data.get("group"), list):
        return Issue(name, "T032", "has no group.", "Write group.source, group.target and group.element.")
    return None


def _codes(data: Mapping[str, Any], name: str, refused: list[Issue]) -> Iterator[LocalCode]:
    count = 0
    for index, group in enumerate(data["group"]):
        at = f"{name}#/group/{index}"
        source, target = _text(group, "source"), _text(group, "target")
        if not source or not target:
            refused.append(Issue(at, "T034", "names no source or no target system.", "Write both addresses."))
            continue
        if "unmapped" in group:
            refused.append(
                Issue(at, "T035", "has a rule for unmapped codes, which is not used.", "Map each code.")
            )
        for place, element in enumerate(_list(group, "element")):
            count += 1
            if count > _MAX_ELEMENTS:
                refused.append(Issue(at, "T036", "is cut after 200,000 codes.", "Split the map."))
                return
            yield from _element(f"{at}/element/{place}", element, source, target, refused)


def _element(at: str, element: Any, source: str, target: str, refused: list[Issue]) -> Iterator[LocalCode]:
    code = _text(element, "code")
    if not code or len(code) > _MAX_CODE:
        refused.append(Issue(at, "T037", "has no code, or one longer than 100 characters.", "Correct it."))
        return
    for index, item in enumerate(_list(element, "target")):
        place = f"{at}/target/{index}"
        said = _text(item, "equivalence") or _text(item, "relationship")
        wanted = _text(item, "code")
        if said not in _USED:
            what = f"is mapped as {said!r}, which is not used." if said in _KNOWN else "says no equivalence."
            refused.append(Issue(place, "T038", what, _REMEDY))
        elif not wanted or item.get("dependsOn") or item.get("product"):
            refused.append(
                Issue(
                    place, "T039", "has no code, or depends on something else.", "Map one code to one code."
                )
            )
        else:
            yield LocalCode(place, source, code, target, wanted, _USED[said])


_KNOWN = frozenset(
    (
        *("relatedto", "narrower", "specializes", "inexact", "unmatched", "disjoint"),
        *("related-to", "source-is-broader-than-target", "not-related-to"),
    )
)


def _text(node: Any, key: str) -> str:
    value = node.get(key) if isinstance(node, dict) else None
    return value.strip() if isinstance(value, str) and len(value) <= _MAX_URI else ""


def _list(node: Any, key: str) -> list[Any]:
    value = node.get(key) if isinstance(node, dict) else None
    return value if isinstance(value, list) else []
