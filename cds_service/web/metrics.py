"""Count what the service does, for Prometheus. Every label has a closed set of values; none is of a patient.

Where several processes answer calls, each writes its counts into the folder ``PROMETHEUS_MULTIPROC_DIR``
(``serve`` sets it) and any of them adds all up. What is not in a closed set is counted as ``other``.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections import Counter as Tally
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from cds_service.facts import KINDS
from cds_service.feedback import Receipt
from cds_service.json_log import tell
from cds_service.knowledge import Knowledge
from cds_service.review import Review

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_OTHER = "other"
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_CODE = re.compile(r"[A-Z]\d{3}")
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_BYTES = tuple(4**power for power in range(5, 14))

#: Counters: name, what is counted, labels.
_COUNTERS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("requests", "Requests answered", ("route", "method", "status")),
    ("issues", "Error codes told in answers (docs/errors.md)", ("code",)),
    ("defects", "Requests a defect of the service stopped", ()),
    ("overloads", "Requests refused because too many were waiting", ()),
    ("reviews", "Patients reviewed", ("service", "hook")),
    ("unassessable", "Calls answered 412 because nothing could be assessed", ("service",)),
    ("empty_answers", "Calls answered without a card", ("service",)),
    ("cards", "Cards given", ("service", "indicator")),
    ("suggestions", "Suggestions on the cards given", ("service",)),
    ("explanations", "Explanations given", ("service",)),
    ("rule_answers", "Answers of rules", ("answer",)),
    ("rule_matches", "Matches of a rule", ("rule",)),
    ("rule_unknown", "Patients a rule could not tell", ("rule",)),
    ("rule_errors", "Failures inside a rule", ("rule",)),
    ("rule_cards", "Cards that told a rule", ("rule",)),
    ("held", "Matches that stand on no card of their own, by reason", ("reason",)),
    ("outside_scope", "Patients outside the scope, by reason", ("reason",)),
    ("missing", "Facts that were missing where a rule could not tell", ("kind", "reason")),
    ("data_states", "Kinds of data, by what can be said about them", ("kind", "state")),
    ("set_aside", "Resources that were not used (docs/errors.md)", ("code",)),
    ("unread_codes", "Codes no value set knows, by kind of data", ("kind",)),
    ("memory_failures", "Calls whose cards could not be remembered", ()),
    ("recall_failures", "Times that what was shown or answered could not be read", ("memory",)),
    ("feedback_requests", "Batches of feedback kept", ("service",)),
    ("feedback_answers", "New answers to cards", ("service", "outcome")),
    ("feedback_repeated", "Answers that were kept before", ("service",)),
    ("feedback_unmatched", "Answers to cards nobody knows", ("service",)),
    ("feedback_reasons", "Reasons of overrides, ours by code", ("reason",)),
    ("feedback_comments", "Overrides with a comment", ("service",)),
    ("feedback_refused", "Batches of feedback answered 503", ("service",)),
)
#: Gauges: name, meaning, labels, how processes are added up.
_GAUGES: tuple[tuple[str, str, tuple[str, ...], Any], ...] = (
    ("in_progress", "Requests being answered", (), "livesum"),
    ("start_time_seconds", "When the process started, seconds since 1970 UTC", (), "livemin"),
    ("store_up", "Whether the feedback store can be read", (), "livemostrecent"),
    ("knowledge_info", "The knowledge in force", ("version",), "livemax"),
    ("knowledge_rules", "Rules in force", (), "livemax"),
    ("knowledge_unproven", "Sentinel patients that came out wrong at the start", (), "livemax"),
    ("site_changes", "Changes of the site in force", (), "livemax"),
    ("site_switched_off", "Rules the site switched off", (), "livemax"),
)
#: Histograms: name, what is measured, labels, bounds.
_HISTOGRAMS: tuple[tuple[str, str, tuple[str, ...], tuple[float, ...]], ...] = (
    ("request_seconds", "Seconds to answer a request", ("route",), _SECONDS),
    ("review_seconds", "Seconds to read and review one patient", ("service",), _SECONDS),
    ("request_bytes", "Size of a request body as announced", ("route",), _BYTES),
    ("response_bytes", "Size of an answer", ("route",), _BYTES),
)


P = ParamSpec("P")


def _beside(count: Callable[P, None]) -> Callable[P, None]:
    """Let a method count beside the work: a count that fails, as on a full disk, costs no answer."""

    @wraps(count)
    def counted(*args: P.args, **named: P.kwargs) -> None:
        try:
            count(*args, **named)
        except Exception as error:
            tell(logging.ERROR, "metrics failed", kind=type(error).__name__)

    return counted


class Metrics:
    """The metrics of one application; safe to share between threads."""

    def __init__(self, knowledge: Knowledge, unproven: int) -> None:
        """Make every metric; ``unproven`` is how many sentinels came out wrong."""
        self._registry = CollectorRegistry()
        common: dict[str, Any] = {"namespace": "twitch_cds", "registry": self._registry}
        self._counters = {name: Counter(name, words, labels, **common) for name, words, labels in _COUNTERS}
        self._gauges = {
            name: Gauge(name, words, labels, multiprocess_mode=mode, **common)
            for name, words, labels, mode in _GAUGES
        }
        self._histograms = {
            name: Histogram(name, words, labels, buckets=bounds, **common)
            for name, words, labels, bounds in _HISTOGRAMS
        }
        self._rules = frozenset(knowledge.rules)
        self._reasons = frozenset((reason.system, reason.code) for reason in knowledge.override_reasons)
        self._outside = frozenset(knowledge.triage.outside)
        self._start(knowledge, unproven)

    @_beside
    def count(self, name: str, *labels: str, by: float = 1) -> None:
        """Add to a counter; the labels in the order of its definition, from closed sets."""
        counter = self._counters[name]
        (counter.labels(*labels) if labels else counter).inc(by)

    @_beside
    def measure(self, name: str, value: float, *labels: str) -> None:
        """Add a measurement to a histogram."""
        self._histograms[name].labels(*labels).observe(value)

    @_beside
    def in_progress(self, change: int) -> None:
        """Tell that a request began (1) or ended (-1)."""
        self._gauges["in_progress"].inc(change)

    @_beside
    def review(self, service: str, review: Review, seconds: float) -> None:
        """Count what the review of one patient gave, its cards not."""
        hook = review.facts.hook
        self.count("reviews", service, hook)
        self.measure("review_seconds", seconds, service)
        for answer, number in review.counts.items():
            if answer != "rules":
                self.count("rule_answers", answer, by=number)
        for finding in review.findings:
            verdict = finding.verdict.value
            rule = finding.rule_id if finding.rule_id in self._rules else _OTHER
            if finding.error or finding.unproposed:
                self.count("rule_errors", rule)
            if finding.error:
                continue
            if verdict == "match":
                self.count("rule_matches", rule)
            elif verdict == "unknown":
                self.count("rule_unknown", rule)
        self._data(review)

    @_beside
    def cards(self, service: str, cards: Collection[Mapping[str, Any]], rules: Iterable[str]) -> None:
        """Count the cards of one answer; ``rules`` are those they tell, as often as they do."""
        if not cards:
            self.count("empty_answers", service)
        for card in cards:
            self.count("cards", service, card["indicator"])
            self.count("suggestions", service, by=len(card.get("suggestions", ())))
        for rule, number in Tally(rules).items():
            self.count("rule_cards", rule if rule in self._rules else _OTHER, by=number)

    @_beside
    def feedback(self, service: str, receipt: Receipt) -> None:
        """Count one batch of feedback that was kept."""
        self.count("feedback_requests", service)
        self.count("feedback_repeated", service, by=receipt.repeated)
        self.count("feedback_unmatched", service, by=receipt.unmatched)
        for answer in receipt.kept:
            self.count("feedback_answers", service, answer.outcome)
            if answer.comment:
                self.count("feedback_comments", service)
            if answer.reason_code:
                known = (answer.reason_system, answer.reason_code) in self._reasons
                self.count("feedback_reasons", answer.reason_code if known else _OTHER)

    def page(self, *, store_up: bool) -> bytes:
        """Return everything in the text format of Prometheus, all processes added up."""
        self._gauges["store_up"].set(store_up)
        registry = self._registry
        if os.environ.get(_FOLDER):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _start(self, knowledge: Knowledge, unproven: int) -> None:
        gauges = self._gauges
        gauges["start_time_seconds"].set(int(time.time()))
        gauges["knowledge_info"].labels(knowledge.version).set(1)
        gauges["knowledge_rules"].set(len(knowledge.rules))
        gauges["knowledge_unproven"].set(unproven)
        gauges["site_changes"].set(len(knowledge.site.changes))
        gauges["site_switched_off"].set(len(knowledge.site.switched_off))

    def _data(self, review: Review) -> None:
        """Count what was sent, what was left out, and why rules could not tell."""
        facts = review.facts
        for _rule, reason in review.triaged.held:
            self.count("held", reason)
        if facts.outside:
            word = "-".join(facts.outside.casefold().split())
            self.count("outside_scope", word if word in self._outside else _OTHER)
        for kind, state in facts.states.items():
            self.count("data_states", _kind(kind), state.value)
        for code, number in Tally(aside.code for aside in facts.set_aside).items():
            self.count("set_aside", code if _CODE.fullmatch(code) else _OTHER, by=number)
        for (kind, _system, _code), number in facts.unread_codes.items():
            self.count("unread_codes", _kind(kind), by=number)
        gaps = Tally((gap.kind, gap.reason) for finding in review.findings for gap in finding.missing)
        for (kind, reason), number in gaps.items():
            self.count("missing", _kind(kind), reason, by=number)


def register(app: Flask, metrics: Metrics) -> None:
    """Count every request of the application and show the counts at ``/metrics``."""

    def begin() -> None:
        g.counted = time.perf_counter()
        metrics.in_progress(1)

    def end(response: Response) -> Response:
        _count_request(metrics, response)
        return response

    def left(_error: BaseException | None) -> None:
        if g.pop("counted", None) is not None:
            metrics.in_progress(-1)

    app.before_request_funcs.setdefault(None, []).insert(0, begin)  # before any other can refuse
    app.after_request(end)
    app.teardown_request(left)


def _count_request(metrics: Metrics, response: Response) -> None:
    route = str(request.url_rule) if request.url_rule else "unknown"
    method = method_of(request.method)
    metrics.count("requests", route, method, str(response.status_code))
    metrics.measure("request_seconds", time.perf_counter() - g.get("counted", time.perf_counter()), route)
    metrics.measure("request_bytes", request.content_length or 0, route)
    metrics.measure("response_bytes", response.calculate_content_length() or 0, route)
    codes = g.get("issue_codes", ())
    for code in codes:
        metrics.count("issues", code)
    if "W500" in codes:
        metrics.count("defects")
    if "W503" in codes:
        metrics.count("overloads")


def page_of(metrics: Metrics, *, store_up: bool) -> Response:
    """Return the metrics as an answer."""
    return Response(metrics.page(store_up=store_up), content_type=CONTENT_TYPE_LATEST)


def method_of(method: str) -> str:
    """Return a method of HTTP, ``other`` for any other word: a sender may write what it likes there."""
    return method if method in _METHODS else _OTHER


def _kind(kind: str | None) -> str:
    return kind if kind in KINDS else _OTHER
