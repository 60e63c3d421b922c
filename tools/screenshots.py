"""Take the pictures of the documents: the main views as a browser shows them, in ``docs/images/``.

Everything is invented: the bundled patients, and a history of answers written for the picture.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright
from small_png import small_png

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.web.sandbox.conftest import served  # noqa: E402
from tests.web.sandbox.history import write_history  # noqa: E402

_FOLDER = ROOT / "docs" / "images"
#: Larger pictures make the repository heavy and the README slow.
_MOST_BYTES = 150_000
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars"]
_RULES = ("hypokalemia", "lithium-toxicity", "hypomagnesemia-ppi", "caffeine", "baseline-workup-incomplete")
_REASONS = ("already-known", "not-relevant", "repeated-normal", "later")


@dataclass(frozen=True, slots=True)
class View:
    """One picture: name, address below the service, what to wait for, window, theme, what to press first."""

    name: str
    address: str
    sign: str
    width: int = 1280
    height: int = 800
    scheme: str = "light"
    press: str = ""


VIEWS = (
    View("sandbox", "sandbox/#/lithium-high-after-ibuprofen/cards", ".foot", 1440, 900),
    View(
        "why",
        "sandbox/#/lithium-high-after-ibuprofen/why",
        ".why-section",
        1440,
        900,
        "dark",
        ".why-rule button",
    ),
    View("developer", "sandbox/#/lithium-high-after-ibuprofen/developer", "json-view", 1440, 900),
    View("feedback", "sandbox/feedback", "step-plot canvas", height=1000),
    View("rule", "rules/hypokalemia", "#written"),
    View("narrow", "sandbox/#/lithium-high-after-ibuprofen/cards", ".foot", 390, 800),
)


def main() -> int:
    """Write all pictures; return 1 where one is too large."""
    _FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        store = f"sqlite:///{Path(folder) / 'store.sqlite3'}"
        write_history(store, _RULES, _REASONS, until=datetime.now(UTC), days=90)
        with served(Path(folder)) as address:
            sizes = [_taken(browser, address.removesuffix("sandbox/"), view) for view in VIEWS]
    return 1 if max(sizes) > _MOST_BYTES else 0


def _taken(browser: Any, base: str, view: View) -> int:
    context = browser.new_context(
        viewport={"width": view.width, "height": view.height},
        color_scheme=view.scheme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(base + view.address)
    page.locator(view.sign).first.wait_for()
    if view.press:
        page.locator(view.press).first.click()
    page.wait_for_load_state("networkidle")
    path = _FOLDER / f"{view.name}.png"
    path.write_bytes(small_png(context.new_page(), page.screenshot()))
    context.close()
    size = path.stat().st_size
    print(f"{path.relative_to(ROOT)}  {size / 1000:.0f} kB{'  too large' if size > _MOST_BYTES else ''}")
    return size


@contextmanager
def _browser() -> Iterator[Any]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield browser
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
