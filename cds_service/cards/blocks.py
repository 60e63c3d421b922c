"""The detail of a card as blocks that are fitted into the space there is, least needed dropped first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: How much a block is needed; a lower number is dropped later, ``KEEP`` only where even what stays is too
#: long and ``FIXED`` never (sources and foot). ``CAUTIONS`` are safety words of findings that do not lead,
#: ``FACTS`` tell of this patient, ``DETAILS`` of the matter.
FIXED, KEEP, CAUTIONS, GAPS, FACTS, DETAILS, EXTRAS, LAST = range(8)


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph or list item of Markdown.

    ``item`` blocks in a row form one list; ``continues``: the text goes on in the paragraph before.
    """

    text: str
    need: int = KEEP
    item: bool = False
    continues: bool = False


def joined(blocks: Sequence[Block]) -> str:
    """Return the blocks as Markdown: items in a row touch, everything else is set apart."""
    text = ""
    before: Block | None = None
    for block in blocks:
        if before is not None:
            text += " " if block.continues else "\n" if before.item and block.item else "\n\n"
        text += block.text
        before = block
    return text


def fitted(blocks: Sequence[Block], limit: int, shortened: Callable[[int], str]) -> str | None:
    """Return the blocks in at most ``limit`` characters, or None when what must stay is too long.

    Blocks are dropped whole, the least needed and last first; ``shortened`` says how many were.
    """
    kept = list(blocks)
    dropped = 0
    text = joined(kept)
    while len(text) > limit:
        worst = max((block.need for block in kept), default=KEEP)
        if worst <= KEEP:
            return None
        place = max(index for index, block in enumerate(kept) if block.need == worst)
        del kept[place]
        dropped += 1
        note = Block(shortened(dropped))
        text = joined([*kept[:-1], note, *kept[-1:]])
    return text
