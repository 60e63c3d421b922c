"""Parts to outputs: sorted rows merged to one file a stream, however many parts there are."""

from __future__ import annotations

import contextlib
import heapq
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from cds_service.batch.journal import Part, written_whole

#: Files that are merged at a time; a process may hold some hundred open.
_AT_ONCE: Final = 200


def merge(parts: Sequence[Part], out: Path, spare: Path) -> int:
    """Write the rows of all parts to ``out``, in order of their keys and without them; return how many.

    ``spare`` is a folder for what is merged in between. Raises BatchError (B005).
    """
    level = 0
    waiting = [part for part in parts if part.lines != 0]
    while len(waiting) > _AT_ONCE:
        spare.mkdir(parents=True, exist_ok=True)
        merged = []
        for start in range(0, len(waiting), _AT_ONCE):
            between = spare / f"{out.name}.{level}.{start // _AT_ONCE:06d}"
            with written_whole(between) as file, _opened(waiting[start : start + _AT_ONCE]) as lines:
                file.writelines(lines)
            merged.append(Part(between))
        waiting, level = merged, level + 1
    count = 0
    with written_whole(out) as file, _opened(waiting) as lines:
        for line in lines:
            file.write(line.partition(b"\t")[2])
            count += 1
    return count


@contextlib.contextmanager
def _opened(parts: Sequence[Part]) -> Iterator[Iterator[bytes]]:
    with contextlib.ExitStack() as stack:
        yield iter(heapq.merge(*[_lines(part, stack.enter_context(part.path.open("rb"))) for part in parts]))


def _lines(part: Part, file: IO[bytes]) -> Iterator[bytes]:
    file.seek(part.start)
    return itertools.islice(file, part.lines)
