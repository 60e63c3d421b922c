"""Change a request: its tree (members and values) or its bytes. All choices come from one ``Random``.

Values no Python tree can hold (NaN, 10^9 as exponent, a member twice) are put in as marks and
written out when the tree becomes bytes.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz.atoms import DATES, REFERENCES, SYSTEMS, hostile
from tests.fuzz.grammar import resource

#: After so many changes the places are looked up anew, so that what was put in is changed, too.
_LOOK_AGAIN = 4
_RAW = "@@raw"
_TWICE = "@@twice"


class Marks:
    """JSON texts that stand in a tree under marks until it is written."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.has_flood = False
        self.changes: list[str] = []  # the names of what was done

    def put(self, text: str) -> str:
        """Return the mark of a JSON text."""
        self._texts.append(text)
        return f"{_RAW}{len(self._texts) - 1}@@"

    def written(self, tree: Any, random: Random) -> bytes:
        """Return the tree as JSON text with every mark replaced."""
        ascii_only = random.random() < 0.5
        separators = (",", ":") if random.random() < 0.5 else None
        text = json.dumps(tree, ensure_ascii=ascii_only, separators=separators)
        for place, raw in enumerate(self._texts):
            text = text.replace(f'"{_RAW}{place}@@"', raw)
        while _TWICE in text:
            before, _, rest = text.partition(_TWICE)
            text = before + rest.partition("@@")[2]
        return text.encode("utf-8", "surrogatepass")


Spot = tuple[Any, Any]


def spots(tree: Any, depth: int = 10_000) -> list[Spot]:
    """Return every place of a tree that holds a value: its holder and the key or index in it.

    ``depth`` is how many levels of the tree are looked at; without it all of them.
    """
    found: list[Spot] = []
    level = [tree]
    while level and depth:
        depth -= 1
        below = []
        for node in level:
            for key, value in node.items() if isinstance(node, dict) else enumerate(node):
                found.append((node, key))
                if isinstance(value, dict | list):
                    below.append(value)
        level = below
    return found


def change_tree(tree: Any, random: Random, marks: Marks, times: int, depth: int = 10_000) -> None:
    """Change a tree at ``times`` places of its first ``depth`` levels."""
    places: list[Spot] = []
    for done in range(times):
        if done % _LOOK_AGAIN == 0:
            places = spots(tree, depth)
        if not places:
            return
        holder, key = random.choice(places)
        if key not in (holder if isinstance(holder, dict) else range(len(holder))):
            continue  # an earlier change took it away
        change = random.choice(_CHANGES)
        marks.changes.append(change.__name__.strip("_"))
        change(holder, key, random, marks)


def _delete(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    del holder[key]


def _replace(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    holder[key] = marks.put(hostile(random))


def _retype(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    value = holder[key]
    makers: tuple[Callable[[Any], Any], ...] = (
        lambda v: [v],
        lambda v: {"value": v},
        lambda v: json.dumps(v) if not isinstance(v, str) else v.split(" "),
        lambda v: v[0] if isinstance(v, list) and v else [v, copy.deepcopy(v)],
        lambda v: (
            {
                **v,
                "resourceType": random.choice(("Patient", "Bundle", "Observation", "patient", "X", 5, None)),
            }
            if isinstance(v, dict)
            else None
        ),
        lambda v: next(iter(v.values())) if isinstance(v, dict) and v else 0,
        lambda v: str(v).upper(),
        lambda v: not v,
    )
    holder[key] = random.choice(makers)(value)


def _twice(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    if isinstance(holder, dict):
        value = holder[key] if random.random() < 0.5 else marks.put(hostile(random))
        holder[f"{_TWICE}{random.randrange(10**6)}@@{key}"] = copy.deepcopy(value)
    else:
        holder.insert(random.randrange(len(holder) + 1), copy.deepcopy(holder[key]))


def _rename(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    if isinstance(holder, dict):
        value = holder.pop(key)
        names = (
            "",
            key.upper(),
            f"_{key}",
            f"{key} ",
            "value",
            "resourceType",
            "id",
            "__proto__",
            "\ud800",
            "x" * 5000,
            "a/b~c",
        )
        holder[random.choice(names)] = value


def _reorder(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    if isinstance(holder, list):
        random.shuffle(holder)
    else:
        items = list(holder.items())
        random.shuffle(items)
        holder.clear()
        holder.update(items)


def _special(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    """Put a wrong value of the right kind: another date, system, reference, or a cycle of references."""
    if not isinstance(holder[key], str):
        return _replace(holder, key, random, marks)
    holder[key] = random.choice(random.choice((DATES, SYSTEMS, REFERENCES)))
    return None


def _graft(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    """Put a whole resource where there was something else, or add one to a list."""
    made = resource(random, random.choice(("p", "q")))
    if isinstance(holder, list) and isinstance(holder[key], dict) and "resource" in holder[key]:
        holder.insert(key, {"resource": made, "fullUrl": random.choice((*REFERENCES, 5, None))})
    elif isinstance(holder, dict) and "resourceType" in holder:
        holder["contained"] = [made, {**made, "id": "#x"}]
        holder["medicationReference"] = {"reference": "#x"}
    else:
        holder[key] = made


def _flood(holder: Any, key: Any, random: Random, marks: Marks) -> None:
    if marks.has_flood or len(json.dumps(holder[key])) > 600:
        return
    marks.has_flood = True  # once: a flood of floods has no end
    count = random.choice((10, 100, 400))
    if isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(count))
    else:
        holder.update({f"{key}{place}": copy.deepcopy(holder[key]) for place in range(count)})


_CHANGES = (
    *(_delete,) * 3,
    *(_replace,) * 6,
    *(_retype,) * 3,
    *(_special,) * 4,
    _twice,
    _rename,
    _reorder,
    _graft,
    _graft,
    _flood,
)


def change_bytes(body: bytes, random: Random, changes: list[str] | None = None) -> bytes:
    """Return the body with its bytes changed: flips, cuts, splices, another encoding; name them in ``changes``."""
    for _ in range(random.choice((1, 1, 1, 2, 5, 20))):
        change = random.choice(_BYTE_CHANGES)
        body = change(body, random)
        if changes is not None:
            changes.append(change.__name__.strip("_"))
    return body[:2_000_000]


def _place(body: bytes, random: Random) -> int:
    return random.randrange(len(body) + 1)


def _flip(body: bytes, random: Random) -> bytes:
    at = _place(body, random)
    return body[:at] + bytes([random.randrange(256)]) + body[at + 1 :]


def _cut(body: bytes, random: Random) -> bytes:
    return body[: _place(body, random)]


def _splice(body: bytes, random: Random) -> bytes:
    start, end, at = _place(body, random), _place(body, random), _place(body, random)
    return body[:at] + body[min(start, end) : max(start, end)][:5000] + body[at:]


def _drop(body: bytes, random: Random) -> bytes:
    at = _place(body, random)
    return body[:at] + body[at + random.choice((1, 1, 2, 8, 200)) :]


def _insert(body: bytes, random: Random) -> bytes:
    at = _place(body, random)
    piece = random.choice(
        (
            b"\0",
            b"\xff",
            b"\xed\xa0\x80",
            b"\\",
            b'"',
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b"9" * 50,
            b"e9",
            b"-",
        )
    )
    return body[:at] + piece + body[at:]


def _swap_number(body: bytes, random: Random) -> bytes:
    at = next(
        (place for place in range(_place(body, random), len(body)) if body[place : place + 1].isdigit()), None
    )
    return (
        body
        if at is None
        else body[:at] + str(random.randrange(10 ** random.choice((1, 3, 20)))).encode() + body[at + 1 :]
    )


def _encoded(body: bytes, random: Random) -> bytes:
    if random.random() < 0.8:
        return _flip(body, random)
    text = body.decode("utf-8", "replace")
    coded = random.choice(
        ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "utf-8-sig", "cp1252", "utf-7")
    )
    return text.encode(coded, "replace")


_BYTE_CHANGES = (
    _flip,
    _flip,
    _flip,
    _cut,
    _splice,
    _drop,
    _drop,
    _insert,
    _insert,
    _swap_number,
    _swap_number,
    _encoded,
)

#: Every kind of change, of trees and of bytes.
CHANGES = frozenset(change.__name__.strip("_") for change in (*_CHANGES, *_BYTE_CHANGES))
