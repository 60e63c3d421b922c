"""Broken calls as data: a bundled call, changed as a line of findings.yaml says."""

import copy
import gzip
import json
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CASES = yaml.safe_load((Path(__file__).parent / "findings.yaml").read_text(encoding="utf-8"))
_DEFAULT = "lip-twitching-on-furosemide"
_STORIES = {"lithium": "lithium-high-after-ibuprofen"}


def bundled(name=_DEFAULT):
    """Return the document of a bundled call: one of fixtures/calls, or that of a patient."""
    path = ROOT / "fixtures" / "calls" / f"{name}.json"
    if not path.exists():
        path = ROOT / "fixtures" / "patients" / _STORIES.get(name, name) / "request.json"
    return json.loads(path.read_text(encoding="utf-8"))


def body_of(case):
    """Return the bytes of the file a case describes."""
    if "file" in case:
        text = case["file"] + "[" * case.get("deep", 0)
        if "deep" in case:
            text += "]" * case["deep"] + "}"
    else:
        text = json.dumps(_changed(case))
    for old, new in [case["raw"]] if "raw" in case else []:
        assert old in text
        text = text.replace(old, new, 1)
    text = text[: case.get("cut", len(text))]
    if case.get("encoding") == "gzip":
        return gzip.compress(text.encode())
    return text.encode(case.get("encoding", "utf-8"))


def _changed(case):
    document = copy.deepcopy(bundled(case.get("of", _DEFAULT)))
    for old, new in [case[name] for name in ("copy", "rename") if name in case]:
        _put(document, new, copy.deepcopy(_get(document, old)))
    if "rename" in case:
        _take(document, case["rename"][0])
    if "copies" in case:
        _multiply(document, *case["copies"])
    for place, value in case.get("set", {}).items():
        _put(document, place, copy.deepcopy(value))
    for place in case.get("remove", []):
        _take(document, place)
    if "grow" in case:
        document["prefetch"]["extra"] = "x" * case["grow"]
    if "grow_text" in case:
        document["prefetch"]["problems"]["entry"][0]["resource"]["note"][0]["text"] = "x " * case["grow_text"]
    return document


def _multiply(document, place, times):
    entry, entries = _get(document, place), _get(document, place.rpartition("/")[0])
    for number in range(times):
        more = copy.deepcopy(entry)
        more["resource"]["id"] = f"copy-{number}"
        if "effectiveDateTime" in more["resource"]:
            more["resource"]["effectiveDateTime"] = f"2026-11-18T{number % 24:02}:{number:02}:00Z"
        more["fullUrl"] += f"-{number}"
        entries.append(more)


def _steps(place):
    return [step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:]]


def _get(node, place):
    for step in _steps(place):
        node = node[int(step)] if isinstance(node, list) else node[step]
    return node


def _put(document, place, value):
    *way, last = _steps(place)
    node = document
    for step in way:
        if isinstance(node, list):
            while len(node) <= int(step):
                node.append({})
            node = node[int(step)]
        else:
            if node.get(step) is None:
                node[step] = {"resourceType": "Bundle", "type": "searchset", "entry": []}
            node = node[step]
    if not isinstance(node, list):
        node[last] = value
    elif last == "-" or int(last) >= len(node):
        node.append(value)
    else:
        node[int(last)] = value


def _take(document, place):
    above, _, last = place.rpartition("/")
    del _get(document, above)[last]
