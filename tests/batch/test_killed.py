"""A batch that is killed goes on where it was, and nobody can tell from its outputs (R29)."""

import random

import pytest

from cds_service.knowledge import load_knowledge

from .trials import Trials

TRIALS = 20


@pytest.mark.slow
def test_R29_a_run_killed_at_random_moments_ends_with_the_bytes_of_one_that_was_not(tmp_path):
    trials = Trials(tmp_path, load_knowledge())
    chance = random.Random(20261121)
    results = [trials.one(chance) for _ in range(TRIALS)]
    assert [differing for _, differing in results] == [[]] * TRIALS
    assert sum(kills for kills, _ in results) > 0
