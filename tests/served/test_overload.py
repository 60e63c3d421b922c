"""More calls than can be answered: some are, all others are told to come back, health answers (R8).

`make overload` is the long form.
"""

import pytest
from overload import overload

pytestmark = pytest.mark.slow


def test_r8_calls_are_answered_or_told_to_come_back_and_health_answers(serve, body):
    with serve(max_waiting=4) as service:
        found = overload(service, body, per_second=200, seconds=2)
        assert found.fine, (found.faults, {status: len(times) for status, times in found.calls.items()})
        assert len(found.probes[200]) > 2
        metrics = service.get("/metrics")[1].decode()
    told = float(metrics.partition("\ntwitch_cds_overloads_total ")[2].split()[0])
    assert told == len(found.calls[503])
