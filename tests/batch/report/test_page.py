"""The report: one page that loads nothing, holds hostile text, stays small, and tells the same numbers as the rows."""

from __future__ import annotations

import copy
import re
import sys
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from cds_service.batch.report import content
from cds_service.batch.report.distributions import distribution
from cds_service.batch.report.page import MOST_BYTES, report_page, write_report
from cds_service.errors import BatchError
from tests.batch.finished import summary, timings, write_rows

_HOSTILE = "<script>alert(1)</script>\"'>\u202e</title>$x$ {{7*7}} {% raw %} <!-- --> ]]> \x00\x1b[31m"


def _quarantine(folder: Path, text: str = "cannot be read.", lines: int = 3) -> Path:
    row = {"file": text, "pointer": text, "patient": text, "resource": text, "code": "B020", "message": text}
    return write_rows(
        folder / "quarantine.ndjson", ({**row, "line": n, "scope": "file"} for n in range(lines))
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    write_report(summary(37), timings(), _quarantine(folder), folder / "report.html")
    return (folder / "report.html").read_text(encoding="utf-8")


class _Outline(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_the_page_loads_nothing_and_runs_nothing(page: str) -> None:
    outline = _Outline(page)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "form"} & {
        t for t, _ in outline.found
    }
    policy = next(
        m["content"] for m in outline.all("meta") if m.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None and policy.startswith(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
    )
    for _, attributes in outline.found:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("href", "src", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert not re.search(
        r"@import|url\((?!#)|https?://(?!loinc|snomed|www\.nlm|hl7)", page.split("<main>")[0]
    )


def test_ids_are_unique_and_every_reference_is_there(page: str) -> None:
    ids = [attributes["id"] for _, attributes in _Outline(page).found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", page)) | set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


def test_every_figure_has_a_heading_and_words_for_those_who_do_not_see_it(page: str) -> None:
    plots = [svg for svg in _Outline(page).all("svg") if svg.get("class") == "plot"]
    assert len(plots) >= 14
    for svg in plots:
        assert svg["role"] == "img"
        assert re.match(r"(Bar chart|Histogram)\. \S.{20}", svg["aria-label"] or "")
    assert page.count("<figure") == page.count("<h3>", page.index("<figure")) - page.count("<h3>Codes")


def test_figures_are_sound_svg_with_text_as_text_and_colors_of_the_page(page: str) -> None:
    figures = re.findall(r'<svg class="plot".*?</svg>', page, re.DOTALL)
    for figure in figures:
        root = ElementTree.fromstring(figure)
        assert any(element.text for element in root.iter("text"))
        assert "#0000" not in figure and "DejaVu" not in figure and "<style" not in figure
        assert not re.search(r"(fill|stroke): (?!none|var\(--|url\(#p-|#ffffff; opacity: 0)", figure)


def test_the_page_tells_the_numbers(page: str) -> None:
    told = summary(37)
    text = " ".join(_Outline(page).text)
    whole = sum(told["indicators"].values())
    some = whole - told["indicators"]["none"]
    assert f"{some:,} of {whole:,} patients have at least one finding." in text
    rules = told["rules"]
    best = max(rules, key=lambda name: rules[name]["matched"])
    assert f"{rules[best]['matched']:,} of {whole:,}" in text
    assert rules[best]["title"] in text
    for words in (
        "Laboratory results",
        "has no unit",
        "What could not be used",
        "How long it took",
        "Median",
    ):
        assert words in text


def test_the_same_run_gives_the_same_page_but_for_its_time(tmp_path: Path) -> None:
    quarantine = _quarantine(tmp_path)
    one, two = (report_page(summary(), timings(), quarantine) for _ in range(2))
    assert one == two
    slower = report_page(summary(), {"workers": 1, "seconds": {"reading": 99.0, "total": 99.0}}, quarantine)
    mark = '<section aria-labelledby="time">'
    assert slower != one and slower.split(mark)[0] == one.split(mark)[0]


def test_settings_a_user_made_for_matplotlib_change_nothing(tmp_path: Path) -> None:
    import matplotlib

    quarantine = _quarantine(tmp_path)
    one = report_page(summary(), timings(), quarantine)
    with matplotlib.rc_context(
        {"svg.fonttype": "path", "font.size": 30, "axes.facecolor": "red", "text.usetex": True}
    ):
        assert report_page(summary(), timings(), quarantine) == one
        assert matplotlib.rcParams["font.size"] == 30


def _hostile() -> dict[str, Any]:
    told = summary()
    told["version"] = told["knowledgeVersion"] = told["asOf"] = _HOSTILE
    told["rules"] = {
        _HOSTILE: {"title": _HOSTILE, "group": _HOSTILE, "matched": 3, "byIndicator": {"critical": 3}}
    }
    told["quarantineReasons"] = {_HOSTILE: {"message": _HOSTILE, "count": 3}}
    told["unreadCodes"] = [{"kind": _HOSTILE, "system": _HOSTILE, "code": _HOSTILE, "count": 2}]
    told["analytes"] = {
        _HOSTILE: {"title": _HOSTILE, "unit": _HOSTILE, "patients": 2, "values": {"1": 2, _HOSTILE: 4, "NaN": 1},
                   "range": [_HOSTILE, None], "thresholds": [{"value": _HOSTILE, "rules": [_HOSTILE]}]}
    }  # fmt: skip
    return told


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    page = report_page(_hostile(), {"seconds": {_HOSTILE: 1.0}}, _quarantine(tmp_path, _HOSTILE))
    outline = _Outline(page)
    assert "script" not in {tag for tag, _ in outline.found}
    assert page.count("<title>") == page.count("</title>") == 1
    assert "\u202e" not in page and "\x1b" not in page and "\x00" not in page
    assert any("<script>alert(1)" in text for text in outline.text)
    assert "{{7*7}}" in " ".join(outline.text)
    for figure in re.findall(r'<svg class="plot".*?</svg>', page, re.DOTALL):
        ElementTree.fromstring(figure)


def test_the_page_stays_small_however_much_there_is(tmp_path: Path) -> None:
    told, long = summary(), "W" * 5_000
    rule = {
        "title": long,
        "group": long,
        "matched": 9,
        "byIndicator": {"critical": 3, "warning": 3, "info": 3},
    }
    told["rules"] = {f"{n}{long}": rule for n in range(300)}
    told["quarantineReasons"] = {f"{n}{long}": {"message": long, "count": 3} for n in range(500)}
    told["unreadCodes"] = [{"kind": long, "system": long, "code": long, "count": 2} for _ in range(1_000)]
    cuts = [{"value": str(n), "rules": [long] * 99} for n in range(200)]
    values = {str(n): 3 for n in range(2_000)}
    one = {
        "title": long,
        "unit": long,
        "patients": 9,
        "values": values,
        "range": ["1", "9"],
        "thresholds": cuts,
    }
    told["analytes"] = {f"{n}{long}": one for n in range(40)}
    stages = {f"{n}{long}": 1.0 for n in range(200)}
    page = report_page(told, {"seconds": stages}, _quarantine(tmp_path, long, 400))
    assert len(page.encode()) < MOST_BYTES


def test_a_run_in_which_nothing_was_read_has_a_report(tmp_path: Path) -> None:
    nothing: dict[str, Any] = {
        name: {} for name in ("input", "reviewed", "quarantined", "rules", "indicators", "kinds")
    }
    nothing |= {"version": "0.1.0", "knowledgeVersion": "1", "asOf": "latest", "unreadCodes": []}
    page = report_page(nothing, {}, _quarantine(tmp_path, lines=0))
    text = " ".join(_Outline(page).text)
    for words in (
        "No rule matched.",
        "No patient was reviewed.",
        "Nothing was quarantined.",
        "Every code was read.",
    ):
        assert words in text


def test_a_missing_library_is_told_and_no_page_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(BatchError, match=r"pip install 'twitch-cds\[report\]'"):
        write_report(summary(), timings(), _quarantine(tmp_path), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (1, 10_000, "<0.1 %"),
        (9_999, 10_000, ">99.9 %"),
        (9, 9, "100 %"),
        (1, 40, "2.5 %"),
        (1, 3, "33 %"),
    ],
)
def test_a_share_never_tells_something_as_nothing(part: int, whole: int, told: str) -> None:
    assert content.share(part, whole) == told


def test_what_does_not_add_up_is_told() -> None:
    told = copy.deepcopy(summary())
    told["input"]["resources"] += 1
    rows = {row[0]: row[-1] for row in content.counted_table(told).rows}
    assert rows["Resources"] == "no: report this"


def test_kinds_that_failed_count_as_incomplete_and_all_patients_are_on_every_bar() -> None:
    told = summary()
    told["kinds"]["lab"] = {"present": 20, "failed": 3, "stale": 2, "incomplete": 1, "none-found": 1}
    bar = content.kind_bars(told)[0]
    assert dict(bar.parts) == {"present": 20, "none-found": 1, "incomplete": 6, "not-sent": 0}


def test_a_distribution_counts_every_value_once() -> None:
    found = distribution(
        {"values": {"1.0": 2, "1.1": 30, "1.2": 2, "90": 1}, "thresholds": [{"value": "1.15"}]}
    )
    assert found is not None
    assert sum(found.histogram.counts) + found.beyond == 35
    assert (found.least, found.median, found.greatest) == (Decimal("1.0"), Decimal("1.1"), Decimal("90"))
    assert [cut.label for cut in found.histogram.cuts] == ["1.15"]


@pytest.mark.parametrize(
    "values",
    [{"5": 1}, {"0": 3}, {"-2": 1, "-1": 1}, {"0.0001": 1}, {"1e20": 1, "1": 1}, {"7": 1, "7.000": 2}],
)
def test_any_values_have_a_distribution_of_few_bars(values: dict[str, int]) -> None:
    found = distribution({"values": values})
    assert found is not None
    assert sum(found.histogram.counts) + found.beyond == sum(values.values())
    assert 1 <= len(found.histogram.counts) <= 60


def test_no_values_have_none() -> None:
    assert distribution({"values": {}}) is None
    assert distribution({"values": {"NaN": 3, "x": 1}}) is None
