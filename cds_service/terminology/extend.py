"""Add codes of a site to a terminology: local codes, products of its drug file, expanded value sets.

What the published terminology says of a code always stands; a site only adds codes nobody knew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from cds_service.errors import Issue
from cds_service.terminology.concept_maps import LocalCode
from cds_service.terminology.model import AnalyteCode, ProductCode, TwitchCode
from cds_service.terminology.store import Systems, Terminology

Key = tuple[str, str]


@dataclass
class Additions:
    """Codes to add, by (short name of the system, code). ``mapped`` names those that came from a map."""

    analytes: dict[Key, tuple[AnalyteCode, ...]] = field(default_factory=dict)
    drugs: dict[Key, tuple[ProductCode, ...]] = field(default_factory=dict)
    twitch: dict[Key, tuple[TwitchCode, ...]] = field(default_factory=dict)
    sets: dict[str, dict[Key, tuple[str, ...]]] = field(default_factory=dict)
    mapped: dict[Key, str] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)


def extended(terminology: Terminology, more: Additions) -> Terminology:
    """Return the terminology with the codes added."""
    systems = _with_local(terminology.systems, more.systems)
    sets = {
        kind: table.extended(systems, more.sets.get(kind, {}))
        for kind, table in terminology.set_codes.items()
    }
    return replace(
        terminology,
        systems=systems,
        analyte_codes=terminology.analyte_codes.extended(systems, more.analytes),
        drug_codes=terminology.drug_codes.extended(systems, more.drugs),
        twitch_codes=terminology.twitch_codes.extended(systems, more.twitch),
        set_codes=MappingProxyType(sets),
        local_codes=MappingProxyType({**terminology.local_codes, **more.mapped}),
    )


def _with_local(systems: Systems, local: Mapping[str, str]) -> Systems:
    """Return the systems with local ones, known by their addresses; they are never "listed"."""
    names = {**systems.names}
    for uri, short in local.items():
        names.setdefault(uri, short)
        names.setdefault(uri.strip().rstrip("/").lower(), short)
    uris = {**{short: uri for uri, short in local.items()}, **systems.uris}
    return replace(
        systems,
        names=MappingProxyType(names),
        uris=MappingProxyType(uris),
        local=systems.local | frozenset(local.values()),
    )


def add_local_codes(
    codes: Iterable[LocalCode], terminology: Terminology, more: Additions
) -> tuple[int, list[Issue]]:
    """Add the rows of a concept map; return how many codes were added, and what was refused."""
    refused: list[Issue] = []
    rows: dict[Key, list[LocalCode]] = {}
    for code in codes:
        short = terminology.canonical_system(code.system)
        if short is None:
            short = more.systems.setdefault(code.system, code.system)
        rows.setdefault((short, code.code), []).append(code)
    added = 0
    for key in sorted(rows):
        if is_known(terminology, *key):
            refused.append(
                Issue(rows[key][0].where, "T040", "maps a code that is known already.", "Leave the code out.")
            )
        else:
            added += _add(key, rows[key], terminology, more, refused)
    return added, refused


def is_known(terminology: Terminology, system: str, code: str) -> bool:
    """Return whether the terminology says anything of a code."""
    return bool(
        terminology.analytes_for(system, code)
        or terminology.ingredients_for(system, code)
        or terminology.twitch_for(system, code)
        or any(table.get(system, code) for table in terminology.set_codes.values())
    )


def _add(
    key: Key, rows: list[LocalCode], terminology: Terminology, more: Additions, refused: list[Issue]
) -> int:
    found = 0
    for row in rows:
        target = (row.target_system, row.target_code)
        if not is_known(terminology, *target):
            refused.append(
                Issue(
                    row.where,
                    "T041",
                    "is mapped to a code that no value set, test or drug of the terminology holds.",
                    "Map to a code that stands on the page of a rule.",
                )
            )
            continue
        found += _take(key, row, terminology, more, refused)
    return 1 if found else 0


def _take(key: Key, row: LocalCode, ask: Terminology, more: Additions, refused: list[Issue]) -> bool:
    """Let a local code mean what its target means; a test only where it is the very same test."""
    target = (row.target_system, row.target_code)
    analytes = ask.analytes_for(*target)
    if analytes and (not row.is_same or more.analytes.get(key, analytes) != analytes):
        what = "is a test of its own" if not row.is_same else "is mapped to two different tests"
        refused.append(
            Issue(row.where, "T042", f"{what}.", "Map a test to the one test it is, as equivalent.")
        )
        more.analytes.pop(key, None)
        more.mapped.pop(key, None)
        return False
    if analytes:
        more.analytes[key] = analytes
    if drugs := ask.ingredients_for(*target):
        more.drugs[key] = tuple(dict.fromkeys((*more.drugs.get(key, ()), *drugs)))
    if twitch := ask.twitch_for(*target):
        more.twitch.setdefault(key, (twitch,))
    for kind, table in ask.set_codes.items():
        if names := table.get(*target):
            home = more.sets.setdefault(kind, {})
            home[key] = tuple(sorted({*home.get(key, ()), *names}))
    more.mapped[key] = f"{row.target_system}|{row.target_code}"
    return True
