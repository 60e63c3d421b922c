"""Senders that never come to an end hold up nobody (R7); `make slow-loris` is the long form."""

import pytest
from slow_loris import measure

pytestmark = pytest.mark.slow


def test_r7_others_are_answered_while_slow_senders_hold_on(serve, body):
    with serve() as service:
        found = measure(service, body, headers=60, bodies=60, requests=20)
        assert found.answered == found.asked == 20
