"""Here every answer is held against the list of ``invariants``; the checks of all other tests would double it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def cards_are_linted() -> None:
    """Leave cards alone: hostile text of the record is for the tests of escaping."""


@pytest.fixture(autouse=True)
def answers_fit_their_schemas() -> None:
    """Leave answers alone: ``invariants`` holds them against the same schemas."""
