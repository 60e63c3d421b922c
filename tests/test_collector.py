"""The garbage collector is as it was found, whatever happened meanwhile."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from cds_service.collector import collector_paused, collector_rare


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    thresholds, is_on = gc.get_threshold(), gc.isenabled()
    yield
    assert (gc.get_threshold(), gc.isenabled(), gc.get_freeze_count()) == (thresholds, is_on, 0)


def test_it_is_paused_inside_and_goes_on_after_an_error() -> None:
    with pytest.raises(ValueError, match="inside"), collector_paused():
        assert not gc.isenabled()
        raise ValueError("inside")
    assert gc.isenabled()


def test_who_has_paused_it_keeps_it_paused() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_what_is_there_is_left_alone_and_the_rest_looked_at_rarely() -> None:
    usual = gc.get_threshold()
    with pytest.raises(ValueError, match="inside"), collector_rare():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > usual[0]
        raise ValueError("inside")
