"""The report in a real browser: nothing asked of the network, nothing wider than a telephone, readable in the dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cds_service.batch.report.page import write_report
from tests.batch.finished import summary, timings, write_rows

_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--disable-quic"]  # fmt: skip
#: Contrast of the inks on the ground they are printed on, as WCAG 2 reckons it.
_CONTRAST = """() => {
  const rgb = name => {
    const probe = document.body.appendChild(document.createElement('i'));
    probe.style.color = `var(--${name})`;
    const found = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3).map(Number);
    probe.remove();
    return found;
  };
  const light = name => rgb(name).map(c => c / 255).map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const ratio = (one, two) => {
    const [a, b] = [light(one), light(two)].sort((x, y) => y - x);
    return (a + 0.05) / (b + 0.05);
  };
  const of = names => Object.fromEntries(names.map(n => [n, Math.min(ratio(n, 'paper'), ratio(n, 'band'))]));
  return {text: of(['ink', 'soft', 'critical', 'link']),
          areas: of(['critical', 'warning', 'info', 'none', 'known', 'gap', 'bar'])};
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    long = "W" * 300
    rows = [{"file": long, "line": 1, "resource": long, "code": "B020", "message": long, "scope": "file"}]
    told = summary(37)
    told["unreadCodes"] = [{"kind": "lab", "system": long, "code": long, "count": 2}]
    write_report(told, timings(), write_rows(folder / "quarantine.ndjson", rows), folder / "report.html")
    return folder / "report.html"


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_the_page_fits_and_reads_well(browser: Any, report: Path, scheme: str, width: int) -> None:
    context = browser.new_context(
        color_scheme=scheme, viewport={"width": width, "height": 800}, java_script_enabled=True
    )
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    shown = page.locator(".for-wide:visible").count(), page.locator(".for-narrow:visible").count()
    assert (shown[0] > 0, shown[1] > 0) == (width == 1280, width != 1280)
    contrast = page.evaluate(_CONTRAST)
    assert min(contrast["text"].values()) >= 4.5, contrast
    assert min(contrast["areas"].values()) >= 3, contrast
    least = "Math.min(...[...document.querySelectorAll('.plot text')].filter(t => t.getBoundingClientRect().height).map(t => parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width))"
    assert page.evaluate(least) >= 9
    assert (asked, said) == ([report.as_uri()], [])
    context.close()


@pytest.mark.slow
def test_no_text_of_a_figure_runs_into_another(browser: Any, report: Path) -> None:
    overlaps = """() => [...document.querySelectorAll('.plot')].flatMap(plot => {
      const boxes = [...plot.querySelectorAll('text')].map(t => [t.textContent, t.getBoundingClientRect()])
        .filter(([, b]) => b.height);
      return boxes.flatMap(([one, a], n) => boxes.slice(n + 1)
        .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
                        && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
        .map(([two]) => `${plot.getAttribute('aria-label').slice(0, 30)}: ${one} / ${two}`));
    })"""
    for width in (400, 1280):
        page = browser.new_page(viewport={"width": width, "height": 800})
        page.goto(report.as_uri())
        assert page.evaluate(overlaps) == []
        page.close()


@pytest.mark.slow
def test_it_reads_without_scripts_and_prints_its_tables(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator("h1").inner_text() == "Muscle twitching: batch report"
    page.locator("summary").first.click()
    assert page.locator("details table").first.is_visible()
    page.emulate_media(media="print")
    assert len(page.pdf()) > 20_000
    context.close()
