"""R32 from outside: what keeps the books (memory, metrics, log) may break, the cards come all the same."""

import json
import logging

import pytest

from cds_service.json_log import LOGGER, JsonLines
from cds_service.store import ShownCards
from cds_service.web.metrics import Metrics

from .conftest import PATH
from .test_section_9 import draft, drug, told

MARK = "Zebrafinch"


def _broken(*_args, **_named):
    raise RuntimeError(MARK)


def _answer(client, call):
    response = client.post(PATH, json=call)
    assert response.status_code == 200, response.text
    return response.get_json()


class _Choking(logging.Handler):
    def handle(self, record):
        _broken()


@pytest.fixture
def choking():
    handler = _Choking()
    LOGGER.addHandler(handler)
    yield handler
    LOGGER.removeHandler(handler)


class _Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(JsonLines().format(record))


@pytest.fixture
def log(client):
    """Every line the application of ``client`` logs."""
    handler = _Kept()
    LOGGER.addHandler(handler)
    yield handler.lines
    LOGGER.removeHandler(handler)


def test_r32_a_log_that_breaks_loses_no_card(client, call, choking, monkeypatch):
    LOGGER.addHandler(choking)
    assert _answer(client, call)["cards"]
    assert client.get("/nothing").status_code == 404
    monkeypatch.setattr("cds_service.web.hooks.answer_call", _broken)
    refused = client.post(PATH, json=call)
    assert refused.status_code == 500
    assert MARK not in refused.text


@pytest.mark.parametrize("method", ["_data", "_start"])
def test_r32_metrics_that_break_lose_no_card(client, call, monkeypatch, method, log):
    app = client.application
    sound = _answer(client, call)
    if method == "_data":
        monkeypatch.setattr(Metrics, "_data", _broken)
    else:
        metrics = app.extensions["twitch-cds"].metrics
        monkeypatch.setattr(metrics, "_counters", {})
        monkeypatch.setattr(metrics, "_gauges", {})
        monkeypatch.setattr(metrics, "_histograms", {})
    assert _answer(client, call) == sound
    told = "\n".join(log)
    assert "metrics failed" in told and MARK not in told


@pytest.mark.parametrize("name", ["recall", "keep"])
def test_r32_a_memory_that_breaks_loses_no_card(client, call, monkeypatch, name, log):
    sound = _answer(client, call)
    monkeypatch.setattr(ShownCards, name, _broken)
    monkeypatch.setattr("cds_service.web.hooks.remember", _broken)
    assert _answer(client, call) == sound
    page = client.get("/metrics").text
    assert "twitch_cds_memory_failures_total 1.0" in page
    told = "\n".join(log)
    assert "memory failed" in told and MARK not in told


@pytest.mark.parametrize(
    ("memory", "table"), [("shown", "shown_cautions"), ("answered", "answered_findings")]
)
def test_r32_a_memory_that_cannot_be_read_is_logged_and_counted(client, call, ask, memory, table, log):
    store = client.application.extensions["twitch-cds"].store
    sound = _answer(client, call)
    orders = ("order-sign", [drug("lithium")], [draft("naproxen")])
    cautions = told(ask(*orders))
    with store._engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE {table}")
    if memory == "answered":
        assert _answer(client, call) == sound
    else:
        assert told(ask(*orders)) == cautions != set()
    line = next(json.loads(line) for line in log if "memory failed" in line)
    assert (line["memory"], line["kind"]) == (memory, "OperationalError")
    page = client.get("/metrics").text
    assert f'twitch_cds_recall_failures_total{{memory="{memory}"}} 1.0' in page


def test_r32_a_failed_rule_is_counted_and_named_without_the_words_of_the_fault(
    client, call, monkeypatch, log
):
    monkeypatch.setattr("cds_service.cards.cautions._cautions", _broken)
    answer = client.post(PATH, json=call)
    assert answer.status_code == 200
    body = answer.get_json()
    counts = body["extension"]["org.twitch-cds.review"]["counts"]
    assert body["cards"] and counts["errored"]
    page = client.get("/metrics").text
    failed = [
        item["ruleId"]
        for item in body["extension"]["org.twitch-cds.review"]["notAssessed"]
        if "error" in item
    ]
    assert len(failed) == counts["errored"]
    told = "\n".join(log)
    for rule in failed:
        assert f'twitch_cds_rule_errors_total{{rule="{rule}"}} 1.0' in page
        assert f'"{rule}": "RuntimeError"' in told
    assert MARK not in told + answer.text


def test_r32_a_resource_the_service_breaks_on_is_logged_and_counted(client, call, monkeypatch, log):
    monkeypatch.setattr("cds_service.fhir.strict._check", _broken)
    answer = client.post(PATH, json=call)
    rows = answer.get_json()["extension"]["org.twitch-cds.review"]["dataConsidered"]["setAside"]
    count = sum(row["code"] == "F077" for row in rows)
    assert count
    (line,) = [line for line in log if "resources failed" in line]
    assert f'"code": "F077", "count": {count}' in line
    assert f'twitch_cds_set_aside_total{{code="F077"}} {count}.0' in client.get("/metrics").text
    assert MARK not in line + answer.text
