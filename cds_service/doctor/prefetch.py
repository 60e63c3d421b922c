"""Look at the prefetch of a call: keys, what stands under them, and whether Bundles are whole."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cds_service.doctor.troubles import Notes, pointer
from cds_service.facts import PatientFacts
from cds_service.knowledge import Service

_TOKEN: Final = re.compile(r"\{\{.*?\}\}|%7B%7B", re.IGNORECASE)
_COUNT: Final = re.compile(r"[?&]_count=(\d+)")
_ANSWERS: Final = ("searchset", "batch-response", None)
_DATE_PARAMETERS: Final = ("date", "_lastUpdated", "effective", "authoredon", "recorded-date", "onset-date")
_MOST_KEYS: Final = 500
_MOST_TEXTS: Final = 200_000
#: So many laboratory results, all of so few days, look like a search that does not look farther back.
_FEW_DAYS: Final = timedelta(days=7)
_MANY_RESULTS: Final = 20


def check_prefetch(call: Mapping[str, Any], service: Service, notes: Notes) -> None:
    """Note what is wrong with the prefetch of a call of ``service``."""
    sent = call.get("prefetch")
    prefetch = sent if isinstance(sent, dict) else {}
    if not prefetch and "fhirAuthorization" not in call and (sent is None or isinstance(sent, dict)):
        notes.add("D300", "/prefetch")
    unsent = [name for name in service.prefetch if name not in prefetch] if prefetch else []
    for key in unsent:
        notes.add("D301", pointer("/prefetch", key), ", ".join(unsent))
    for key in sorted(prefetch)[:_MOST_KEYS]:
        _check_key(key, prefetch, service, notes)
        check_value(prefetch[key], pointer("/prefetch", key), service.prefetch.get(key, ""), notes)
        _check_types(key, prefetch[key], service, notes)
    if "patient" in service.prefetch and prefetch and not _patients(prefetch.get("patient")):
        notes.add("D318", "/prefetch/patient")


def check_value(value: Any, place: str, template: str, notes: Notes) -> None:
    """Note what is wrong with one prefetch value, or with a Bundle; ``template`` is its query, or empty."""
    if value is None:
        notes.add("D302", place)
    elif isinstance(value, str):
        _check_text(value, place, notes)
    elif not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        notes.add("D305", place)
    elif value["resourceType"] == "OperationOutcome":
        notes.add("D303", place)
    elif value["resourceType"] == "Bundle":
        _check_bundle(value, place, template, notes)
    for where in _unfilled(value, place):
        notes.add("D307", where)


def check_look_back(facts: PatientFacts, notes: Notes) -> None:
    """Note that many laboratory results came, and all of the last days."""
    seconds = [item.moment.latest for results in facts.numbers.values() for item in results]
    newest_first = sorted(seconds, reverse=True)
    if len(newest_first) < _MANY_RESULTS:
        return
    oldest = datetime.fromtimestamp(newest_first[-1], facts.as_of.tzinfo)
    if facts.as_of - oldest < _FEW_DAYS:
        notes.add("D322", "/prefetch", f"{len(seconds)} results within {_FEW_DAYS.days} days")


def _check_key(key: str, prefetch: Mapping[str, Any], service: Service, notes: Notes) -> None:
    if key in service.prefetch:
        return
    unsent = [name for name in service.prefetch if name not in prefetch]
    folded = {name.casefold(): name for name in unsent}
    near = difflib.get_close_matches(key.casefold(), sorted(folded), n=1)
    notes.add("D311", pointer("/prefetch", key), f"did you mean {folded[near[0]]}?" if near else "")


def _check_text(value: str, place: str, notes: Notes) -> None:
    start = value.lstrip()[:200].lower()
    if start.startswith("{"):
        notes.add("D306", place)
    else:
        notes.add("D304" if start.startswith("<") else "D305", place)


def _check_types(key: str, value: Any, service: Service, notes: Notes) -> None:
    """Note resources of a type the key does not ask for; what searches include beside is no fault."""
    promised = service.promises.get(key)
    if promised is None or not isinstance(value, dict) or value.get("resourceType") == "OperationOutcome":
        return
    found = {name for name in _types(value) if name not in ("OperationOutcome", "Bundle")}
    if found and not found & set(promised):
        notes.add("D308", pointer("/prefetch", key), f"{key} asks for {', '.join(promised)}")


def _types(value: Mapping[str, Any]) -> Iterator[str]:
    if value.get("resourceType") != "Bundle":
        yield str(value.get("resourceType"))
    for entry in entries_of(value):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
            yield resource["resourceType"]


def entries_of(bundle: Mapping[str, Any]) -> list[Any]:
    """Return the entries of a Bundle; none where they are no list."""
    entries = bundle.get("entry")
    return entries if isinstance(entries, list) else []


def _patients(value: Any) -> bool:
    return isinstance(value, dict) and "Patient" in set(_types(value))


def _check_bundle(bundle: Mapping[str, Any], place: str, template: str, notes: Notes) -> None:
    kind, entries = bundle.get("type"), entries_of(bundle)
    links = _links(bundle)
    if kind == "history" or (template and kind not in _ANSWERS):
        notes.add("D312", place, str(kind)[:40])
    if bundle.get("entry") is not None and not isinstance(bundle["entry"], list):
        notes.add("D305", place, "entry is no list")
    matches = [item for item in entries if _mode(item) in (None, "match")]
    total = bundle.get("total")
    if "next" in links:
        notes.add("D309", place)
    elif isinstance(total, int) and total > len(matches):
        notes.add("D310", place, f"{len(matches)} of {total}")
    elif total is None and template:
        _check_count(matches, place, template, notes)
    if template and "self" in links:
        _check_question(links["self"], template, place, notes)


def _check_count(matches: list[Any], place: str, template: str, notes: Notes) -> None:
    asked = _COUNT.search(template)
    if asked and matches and len(matches) == int(asked[1]):
        notes.add("D319", place, f"{len(matches)} entries")


def _links(bundle: Mapping[str, Any]) -> dict[str, str]:
    links = bundle.get("link")
    found = links if isinstance(links, list) else []
    rows = [link for link in reversed(found) if isinstance(link, dict)]
    return {str(link.get("relation")): str(link.get("url", "")) for link in rows}


def _mode(entry: Any) -> Any:
    search = entry.get("search") if isinstance(entry, dict) else None
    return search.get("mode") if isinstance(search, dict) else None


def _check_question(link: str, template: str, place: str, notes: Notes) -> None:
    """Compare the question a server says it answered (self link) with the template."""
    try:
        asked = parse_qs(urlsplit(link).query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return
    wanted = parse_qs(template.partition("?")[2])
    dates = [name for name in _DATE_PARAMETERS if name in asked and name not in wanted]
    if dates:
        notes.add("D320", place, ", ".join(dates))
    codes, sent = _codes(wanted), _codes(asked)
    lost = codes - sent
    if sent and lost:
        notes.add("D321", place, f"{len(lost)} of {len(codes)} codes are missing")


def _codes(query: Mapping[str, list[str]]) -> set[str]:
    """Return the codes of a search, without their systems."""
    parts = (part for text in query.get("code", ()) for part in text.split(","))
    return {part.rpartition("|")[2] for part in parts if part}


def _unfilled(value: Any, place: str) -> Iterator[str]:
    """Yield the places of texts that still hold a token of a template."""
    waiting: list[tuple[str, Any]] = [(place, value)]
    for _ in range(_MOST_TEXTS):
        if not waiting:
            return
        where, node = waiting.pop()
        if isinstance(node, str) and _TOKEN.search(node):
            yield where
        elif isinstance(node, dict):
            waiting += [(pointer(where, name), item) for name, item in node.items()]
        elif isinstance(node, list):
            waiting += [(pointer(where, index), item) for index, item in enumerate(node)]
