import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from cds_service.feedback import Answer, Given
from cds_service.store import open_store

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
CARDS = [f"00000000-0000-4000-8000-00000000000{place}" for place in range(6)]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'feedback.sqlite3'}"


@pytest.fixture
def filled(url):
    store = open_store(url)
    given = [
        Given(card, "s", "1", ("rule-a",) if place else ("rule-a", "rule-b"), "info")
        for place, card in enumerate(CARDS[:4])
    ]
    assert store.ledger.give(given, now=1000)

    def said(card, outcome, minutes=0, code=""):
        return Answer(card, outcome, AT + timedelta(minutes=minutes), reason_code=code, comment="Jane Doe")

    answers = [
        said(CARDS[0], "accepted", 5),
        said(CARDS[0], "overridden", 4),
        said(CARDS[1], "overridden", 0, "data-incorrect"),
        said(CARDS[2], "overridden", 0, "=cmd()"),
        said(CARDS[5], "overridden"),
    ]
    store.ledger.record("s", answers, received=AT)
    store.close()
    return {"TWITCH_CDS_STORE_URL": url}


def test_the_report_counts_each_card_once_with_what_was_said_last(run, filled):
    code, out, err = run("feedback", "report", "--json", **filled)
    assert code == 0, err
    rows = {row["rule"]: row for row in json.loads(out)}
    assert set(rows) == {"rule-a", "rule-b", "(unknown card)"}
    assert (rows["rule-a"]["given"], rows["rule-a"]["accepted"], rows["rule-a"]["overridden"]) == (4, 1, 2)
    assert (rows["rule-a"]["overridePercent"], rows["rule-a"]["defects"]) == (67, 1)
    assert rows["rule-a"]["reasons"] == {"=cmd()": 1, "data-incorrect": 1}
    assert (rows["rule-b"]["given"], rows["rule-b"]["accepted"]) == (1, 1)


def test_the_report_leaves_out_what_is_too_few(run, filled):
    code, out, _err = run("feedback", "report", "--at-least", "2", **filled)
    assert code == 0
    assert "rule-a" in out and "rule-b" not in out


def test_the_export_holds_every_answer_and_no_comment(run, filled):
    code, out, _err = run("feedback", "export", **filled)
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 5
    assert [row["outcomeTimestamp"] for row in rows] == sorted(row["outcomeTimestamp"] for row in rows)
    assert rows[-1]["rules"] == ["rule-a", "rule-b"]
    assert "Jane Doe" not in out


def test_no_cell_of_the_export_is_a_formula(run, filled):
    code, out, _err = run("feedback", "export", "--format", "csv", **filled)
    assert code == 0
    cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
    assert "'=cmd()" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_without_feedback_that_is_said(run, url):
    open_store(url).close()
    code, out, _err = run("feedback", "report", TWITCH_CDS_STORE_URL=url)
    assert (code, out) == (0, "No card was answered yet.\n")
    code, out, _err = run("feedback", "report", "--at-least", "2", TWITCH_CDS_STORE_URL=url)
    assert (code, out) == (0, "No rule has 2 answered cards.\n")
    assert run("feedback", "export", TWITCH_CDS_STORE_URL=url)[:2] == (0, "")


@pytest.mark.parametrize("command", ["report", "export"])
def test_looking_makes_no_database(run, url, tmp_path, command):
    code, out, err = run("feedback", command, TWITCH_CDS_STORE_URL=url)
    assert (code, out) == (2, "")
    assert "S011" in err and "--config" in err
    assert list(tmp_path.iterdir()) == []
