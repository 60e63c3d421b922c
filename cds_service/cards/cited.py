"""The facts a line rests on, in words; where there is no room for all, those that say most stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from cds_service.cards.voice import Voice, evidence_of
from cds_service.findings import Evidence
from cds_service.triage import Entry

_Key = tuple[str, str]
_NUMBERS = ("lab", "vital", "survey")
#: So many facts of the rule that leads are named in any case.
_OF_LEAD = 2


def facts_of(entries: Sequence[Entry], most: int, voice: Voice) -> list[str]:
    """Return the cited facts in words, at most so many, the rest counted; the twitch (told above) left out.

    Age and sex come last. Beyond ``most`` if need be, the rule that leads keeps two facts (with ``most`` 0
    only a result beside a drug or finding), and every rule that shares the line what it speaks of.
    """
    cited = [item for item in evidence_of(entries) if item.name != "twitch"]
    kept = cited if len(cited) <= most else _kept(cited, entries, most)
    said = [voice.evidence(item) for item in sorted(kept, key=lambda item: item.kind == "patient")]
    rest = len(cited) - len(kept)
    return [*said, voice.say("more_values", count=rest)] if rest else said


def _kept(cited: Sequence[Evidence], entries: Iterable[Entry], most: int) -> list[Evidence]:
    """Return what stays of too many facts, in their order."""
    groups = [points for entry in entries for f in entry.findings for points in f.points]
    named: list[_Key] = []
    for points in groups:
        own = [_key(item) for item in _one_of_each_sort(points, named)]
        filled = () if named or not most else map(_key, points)
        named += own if named else list(dict.fromkeys((*own, *filled)))[:_OF_LEAD]
    on_record = sorted(cited, key=lambda item: (item.kind == "patient", item.source is None))
    wanted = dict.fromkeys([*named, *map(_key, chain(*groups)), *map(_key, on_record)])
    stays = list(wanted)[: max(most, len(named))]
    return [item for item in cited if _key(item) in stays]


def _one_of_each_sort(points: Sequence[Evidence], named: Sequence[_Key]) -> list[Evidence]:
    """Return the first result, the first drug and the first finding where none of its sort is named yet."""
    sorts: dict[str, list[Evidence]] = {}
    for item in points:
        sort = "number" if item.kind in _NUMBERS else "drug" if item.kind == "drug" else "finding"
        sorts.setdefault(sort, []).append(item)
    return [items[0] for items in sorts.values() if not any(_key(item) in named for item in items)]


def _key(item: Evidence) -> _Key:
    return item.kind, item.text
