"""R6: whatever a client wrote as its reason, no report and no export acts on a terminal or a spreadsheet."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from cds_service.cli import twitch_cds
from cds_service.feedback import Answer, Given
from cds_service.store import open_store

from ..hostile_text import FAMILIES, TEXTS, unclean

pytestmark = pytest.mark.hostile

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
REASONS = [text.replace("\0", "") for text in TEXTS if text not in FAMILIES["surrogates"]]
#: A cell that begins so is a formula; Excel reads the wide signs of East Asian keyboards as the narrow ones.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20", "\t", "\r")


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A database in which every hostile text is a reason, whether or not feedback would take it today."""
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'feedback.sqlite3'}"
    store = open_store(url)
    cards = [f"00000000-0000-4000-8000-{place:012x}" for place in range(len(REASONS))]
    assert store.ledger.give([Given(card, "s", "1", ("rule-a",), "info") for card in cards], now=1000)
    answers = [
        Answer(card, "overridden", AT + timedelta(seconds=place), [], text, f"{text};{text}", text)
        for place, (card, text) in enumerate(zip(cards, REASONS, strict=True))
    ]
    store.ledger.record("s", answers, received=AT)
    store.close()
    return url


def _run(filled, *words):
    run = CliRunner().invoke(twitch_cds, ["feedback", *words], env={"TWITCH_CDS_STORE_URL": filled})
    assert run.exit_code == 0, run.output
    return run.output


def _commands(text):
    """Return the signs a terminal obeys or nobody sees."""
    return [item for item in unclean(text) if item.startswith("U+")]


@pytest.mark.parametrize(
    "form", [["report"], ["report", "--json"], ["export"], ["export", "--format", "csv"]]
)
def test_r6_no_reason_commands_the_terminal(filled, form):
    assert not _commands(_run(filled, *form))


def test_r6_the_report_is_one_line_for_each_rule(filled):
    assert len(_run(filled, "report").splitlines()) == 2


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_r6_no_cell_is_a_formula_whatever_separates_cells(filled, separator):
    """Spreadsheets of some countries divide at semicolons, whatever the name of the format says."""
    rows = csv.reader(io.StringIO(_run(filled, "export", "--format", "csv")), delimiter=separator)
    cells = [cell for row in rows for cell in row]
    assert cells
    assert not [cell for cell in cells if cell.strip(' "').startswith(FORMULA)]


def test_r6_the_export_for_programs_holds_every_reason_to_the_letter(filled):
    rows = [json.loads(line) for line in _run(filled, "export").splitlines()]
    assert [row["reasonSystem"] for row in rows] == REASONS
