"""Which facts say most about a finding: for lines that have no room for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.engine.context import Context
from cds_service.engine.nodes import Node
from cds_service.engine.numbers import NumberLeaf
from cds_service.findings import Evidence


def points_of(when: Node, told: Iterable[Evidence], ctx: Context) -> tuple[Evidence, ...]:
    """Return those of the facts a criterion rests on that a reader needs most, the first most of all.

    First come the facts its summary ``told``, in the order of the sentence; then what it has a name for
    and the results it calls abnormal, in reading order. What merely accompanies is left out.
    """
    cited = {(e.kind, e.text): e for e in reversed(when.answer(ctx).evidence)}
    wanted = dict.fromkeys((e.kind, e.text) for e in (*told, *_pointed_at(when, ctx)))
    return tuple(cited[fact] for fact in wanted if fact in cited)


def _pointed_at(node: Node, ctx: Context) -> Iterator[Evidence]:
    if node.op == "none" or node.verdict(ctx) is not True:
        return
    if node.criterion.alias:
        yield from node.answer(ctx).evidence
    elif isinstance(node.leaf, NumberLeaf):
        yield from node.leaf.abnormal(ctx)
    for part in node.inside(ctx):
        yield from _pointed_at(part, ctx)
