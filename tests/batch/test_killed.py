"""A batch that is killed goes on where it was, and nobody can tell from its outputs (R29)."""

import random

import pytest

from .trials import Trials

TRIALS = 20
#: Enough for a dozen tasks of each phase; the long target takes all bundled patients.
PATIENTS = 8


@pytest.mark.slow
def test_R29_a_run_killed_at_random_moments_ends_with_the_bytes_of_one_that_was_not(knowledge, tmp_path):
    trials = Trials(tmp_path, knowledge, PATIENTS)
    chance = random.Random(20261121)
    results = [trials.one(chance) for _ in range(TRIALS)]
    assert [differing for _, differing in results] == [[]] * TRIALS
    assert sum(kills for kills, _ in results) > 0
