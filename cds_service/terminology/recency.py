"""How long what a record says counts as being so now (``terminology/lookback.yaml``, ``record``)."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from cds_service.content import Document
from cds_service.terminology.analytes import seconds
from cds_service.terminology.model import Recency

NO_TIME: Final = Recency()


def read_recency(document: Document) -> Recency:
    """Read the lengths of one file.

    Raises:
        KeyError: the section is missing.
        TypeError: a length is missing or has a name nobody knows.
        ValueError: a length is no duration such as ``30 days``.
    """
    given = {name: seconds(text) for name, text in document.data["record"].items()}
    missing = sorted({field.name for field in fields(Recency)} - set(given))
    if missing:
        raise TypeError(f"record has no {missing[0]!r}")
    return Recency(**given)
