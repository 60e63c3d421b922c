"""Make a failing request smaller while it stays failing: members and entries first, then bytes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.fuzz.hostile import Hostile
from tests.fuzz.mutation import spots

_MOST_TRIES = 2_000


def smallest(sent: Hostile, is_wrong: Callable[[Hostile], bool]) -> Hostile:
    """Return a smaller request for which ``is_wrong`` still holds; the same one when none is found."""
    tries = [_MOST_TRIES]

    def holds(body: bytes) -> bool:
        tries[0] -= 1
        return tries[0] >= 0 and is_wrong(replace(sent, body=body))

    body = sent.body
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        tree = None
    if isinstance(tree, dict) and holds(_written(tree)):
        body = _written(_smaller_tree(tree, lambda one: holds(_written(one))))
    return replace(sent, body=_shorter(body, holds))


def _written(tree: Any) -> bytes:
    return json.dumps(tree).encode()


def _smaller_tree(tree: Any, holds: Callable[[Any], bool]) -> Any:
    """Take out whatever can go, from the outside in, until nothing can."""
    place = 0
    while place < len(spots(tree)):
        trial = copy.deepcopy(tree)
        holder, key = spots(trial)[place]
        del holder[key]
        if holds(trial):
            tree = trial
        else:
            place += 1
    return tree


def _shorter(body: bytes, holds: Callable[[bytes], bool]) -> bytes:
    size = len(body) // 2
    while size:
        at = 0
        while at < len(body):
            trial = body[:at] + body[at + size :]
            if holds(trial):
                body = trial
            else:
                at += size
        size //= 2
    return body
