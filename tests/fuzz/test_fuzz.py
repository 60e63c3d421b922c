"""Point 6 of the issue, goal R1: hostile requests never get a 5xx, a hang, an answer that is not JSON, or silence.

``make fuzz N=1000000`` sends as many as wanted; what is sent here is the same from seed 0 on.
"""

from __future__ import annotations

import json
from functools import cache
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.errors import PatientDataError
from cds_service.fhir import read_bundle
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.review import review_patient
from tests.fhir.builders import AS_OF
from tests.fuzz.campaign import told
from tests.fuzz.grammar import bundle, resource
from tests.fuzz.harness import Tally, Target, watched
from tests.fuzz.hostile import CANARY, Hostile, request_of
from tests.fuzz.invariants import known_codes
from tests.fuzz.mutation import Marks, change_bytes, change_tree
from tests.fuzz.smaller import smallest

_PARTS = 16
_EACH = 125


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return Target(tmp_path_factory.mktemp("fuzz"), knowledge())


@cache
def knowledge() -> Knowledge:
    return load_knowledge()


@pytest.mark.slow
@pytest.mark.parametrize("part", range(_PARTS))
def test_no_hostile_request_gets_a_wrong_answer(target: Target, part: int) -> None:
    tally = target.run(range(part * _EACH, (part + 1) * _EACH))
    assert not tally.failures, told(tally)
    assert {200, 400} <= set(tally.statuses), "both what can be answered and what cannot"


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=True))
def test_records_out_of_the_grammar_are_judged_or_refused_by_name(random: Random) -> None:
    """The way of the command line: one Bundle of resources that fit our types and nothing else."""
    marks = Marks()
    tree = bundle(
        [resource(random, "p", "Patient"), *(resource(random) for _ in range(random.choice((1, 3, 8))))]
    )
    change_tree(tree, random, marks, random.choice((0, 0, 1, 3)))
    with watched(60):
        _judged_or_refused(marks.written(tree, random))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_bytes_that_are_hardly_json_are_judged_or_refused_by_name(part: int) -> None:
    for seed in range(part * 100, part * 100 + 100):
        random = Random(seed)
        body = json.dumps(
            bundle([resource(random, "p", "Patient"), resource(random), resource(random)])
        ).encode()
        with watched(60):
            _judged_or_refused(change_bytes(body, random))


def _judged_or_refused(body: bytes) -> None:
    try:
        review = review_patient(read_bundle(body), knowledge(), as_of=AS_OF)
    except PatientDataError as refused:
        assert {issue.code for issue in refused.issues} <= known_codes()
        return
    assert sum(review.counts[name] for name in ("matched", "notMatched", "unknown")) == len(knowledge().rules)
    json.dumps(review.response(), default=str).encode("utf-8")


# --- the fuzzer itself


def test_a_seed_is_one_request_for_ever() -> None:
    assert [request_of(seed) for seed in range(50)] == [request_of(seed) for seed in range(50)]


def test_the_requests_reach_every_route_and_are_mostly_calls() -> None:
    sent = [request_of(seed) for seed in range(2_000)]
    assert {one.service for one in sent} >= {
        f"twitch-{hook}" for hook in ("patient-view", "order-sign", "order-select")
    }
    assert {"/metrics", "/readyz", "/rules", "/openapi.json"} <= {one.path.partition("?")[0] for one in sent}
    assert sum(CANARY.encode() in one.body for one in sent) > 1_000


def test_a_log_that_names_the_patient_or_a_wrong_answer_is_seen(target: Target) -> None:
    sent = Hostile("POST", "/cds-services/twitch-patient-view", b"{}")
    check = target.invariants.broken
    client = target.app.test_client()
    good = client.post(sent.path, data=b"{}", content_type="application/json").get_data()
    assert check(sent, 400, "application/json", good, "") == []
    assert check(sent, 400, "application/json", good, f"for {CANARY}") == ["patient or token in the log"]
    assert check(sent, 400, "application/json", good.replace(b"H008", b"Z999"), "")
    assert check(sent, 500, "application/json", good, "")
    assert check(sent, 400, "text/html", good, "")
    assert check(sent, 400, "application/json", b"oops", "")
    assert check(sent, 200, "application/json", b'{"cards": NaN}', "")
    assert check(
        sent,
        200,
        "application/json",
        b'{"cards": [], "extension": {"org.twitch-cds.review": {"counts": {"rules": 1}}}}',
        "",
    )


def test_a_failure_is_shown_as_small_as_it_stays_one() -> None:
    body = json.dumps({"a": [1, 2, {"b": "x" * 500, "bad": 1}], "c": {"d": [[], {}]}}).encode()
    small = smallest(Hostile("POST", "/", body), lambda one: b'"bad"' in one.body)
    assert small.body == b'"bad"'


def test_tallies_add_up() -> None:
    one, other = (
        Tally(requests=2, slowest=1.0, slowest_seed=1),
        Tally(requests=3, slowest=2.0, slowest_seed=4, failures={4: ["x"]}),
    )
    one.add(other)
    assert (one.requests, one.slowest_seed, one.failures) == (5, 4, {4: ["x"]})
    assert "seed 4" in told(one)
