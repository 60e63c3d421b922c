"""Counts for Prometheus: at least 25 metrics, closed label sets, nothing of a patient (R45, R15)."""

import subprocess
import sys
import uuid

import pytest
from prometheus_client.parser import text_string_to_metric_families

from .conftest import PATH, ROOT

MARK = "Zebrafinch"


def families(client):
    return {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}


def value(client, name, **labels):
    found = [
        sample.value
        for family in families(client).values()
        for sample in family.samples
        if sample.name == f"twitch_cds_{name}" and labels.items() <= sample.labels.items()
    ]
    return sum(found)


@pytest.fixture
def asked(client, call):
    """A client whose service has answered a call, a wrong call, an explanation and feedback."""
    cards = client.post(PATH, json=call).get_json()["cards"]
    client.post(PATH, json={})
    client.post("/explain/twitch-patient-view", json=call)
    reason = {"code": MARK, "system": "urn:x"}
    items = [
        {"card": cards[0]["uuid"], "outcome": "overridden", "overrideReason": {"reason": reason}},
        {"card": str(uuid.uuid4()), "outcome": "overridden"},
    ]
    items = [item | {"outcomeTimestamp": "2026-11-20T10:05:31Z"} for item in items]
    client.post(f"{PATH}/feedback", json={"feedback": items})
    client.post(f"{PATH}/feedback", json={"feedback": items})
    return client


def test_there_are_at_least_25_metrics_each_with_a_meaning(client):
    ours = [family for family in families(client).values() if family.name.startswith("twitch_cds_")]
    assert len(ours) >= 25
    assert all(family.documentation for family in ours)


def test_what_happened_is_counted(asked, knowledge):
    service = "twitch-patient-view"
    route = "/cds-services/<service_id>"
    assert value(asked, "requests_total", route=route, status="200") == 1
    assert value(asked, "requests_total", route=route, status="400") == 1
    assert value(asked, "issues_total", code="H008") == 1
    assert value(asked, "reviews_total", service=service) == 2
    assert value(asked, "rule_answers_total") == 2 * len(knowledge.rules)
    assert value(asked, "cards_total", service=service) >= 1
    assert value(asked, "rule_matches_total") >= 1
    assert value(asked, "explanations_total", service=service) == 1
    assert value(asked, "feedback_answers_total", outcome="overridden") == 2
    assert value(asked, "feedback_repeated_total") == 2
    assert value(asked, "feedback_unmatched_total") == 2
    assert value(asked, "feedback_reasons_total", reason="other") == 1
    assert value(asked, "knowledge_info", version=knowledge.version) == 1
    assert value(asked, "store_up") == 1
    assert value(asked, "request_seconds_count", route=route) == 2
    assert value(asked, "in_progress") == 1  # the one that asks


def test_r15_no_label_has_a_value_from_outside(client, call, knowledge):
    call["prefetch"]["patient"]["name"] = [{"family": MARK}]
    for entry in call["prefetch"]["problems"]["entry"]:
        entry["resource"]["code"] = {"coding": [{"system": f"urn:{MARK}", "code": MARK, "display": MARK}]}
    client.post(PATH, json=call)
    client.open(f"/{MARK}", method="GET")
    client.open(PATH, method=MARK.upper())
    client.post(f"/cds-services/{MARK}", json=call)
    client.get(f"/rules/{MARK}")
    text = client.get("/metrics").text
    assert MARK.lower() not in text.lower()
    assert value(client, "unread_codes_total", kind="condition") >= 1
    assert value(client, "requests_total", method="other") == 1


def test_a_store_that_is_down_is_told(client, tmp_path):
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        connection.execute("DROP TABLE card_answers")
    assert value(client, "store_up") == 0


_WORKER = """
import sys
from cds_service.knowledge import load_knowledge
from cds_service.web.metrics import Metrics
metrics = Metrics(load_knowledge(), 0)
metrics.count("defects")
if sys.argv[1] == "page":
    sys.stdout.buffer.write(metrics.page(store_up=True))
"""


@pytest.mark.slow
def test_the_counts_of_several_processes_add_up(tmp_path):
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    for what in ("count", "page"):
        done = subprocess.run(
            [sys.executable, "-c", _WORKER, what],
            env=environment,
            capture_output=True,
            check=True,
            timeout=120,
        )
    assert b"twitch_cds_defects_total 2.0" in done.stdout
    assert b"twitch_cds_store_up 1.0" in done.stdout  # a worker nobody asked says nothing about the store
