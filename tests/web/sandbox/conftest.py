"""The page of the sandbox in a real browser, served by the command that is shipped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[3]
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--disable-quic"]  # fmt: skip
_AXE = Path(__file__).parent / "vendor/axe-core/axe.min.js"
_START_SECONDS = 90
#: Tells what the browser refused because of the policy of a page.
_POLICY_WATCH = """document.addEventListener('securitypolicyviolation',
  fault => window.complain(`policy ${fault.effectiveDirective}: ${fault.blockedURI}`))"""
_WIDTHS = (360, 1024, 1440)
#: What follows a change of size or theme is drawn by then.
_NEXT_FRAME = "() => new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the sandbox on a free port while the block lasts; give the address of its page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = folder / "settings.toml"
    settings.write_text(
        f'allow_as_of = true\nsandbox = true\nstore_url = "sqlite:///{folder / "store.sqlite3"}"\n'
    )
    command = [sys.executable, "-m", "cds_service", "serve", "--config", str(settings), "--port", str(port)]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(f"http://127.0.0.1:{port}/cds-services", process, folder / "log.txt")
            yield f"http://127.0.0.1:{port}/sandbox/"
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)


def _wait(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        try:
            with urlopen(address, timeout=5):
                return
        except (URLError, OSError):
            if process.poll() is not None:
                break
            time.sleep(0.1)
    pytest.fail(f"the service did not start: {log.read_text()}")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the page. Shared by the tests of a session: those that answer cards take ``own_sandbox``."""
    with served(tmp_path_factory.mktemp("sandbox")) as address:
        yield address


@pytest.fixture
def own_sandbox(tmp_path: Path) -> Iterator[str]:
    """Address of the page of a process that no other test uses: what is answered there changes nothing elsewhere."""
    with served(tmp_path) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A Chromium of this machine; tests are skipped where there is none."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield started
        started.close()


def _is_at_home(url: str, origin: str) -> bool:
    return url.startswith((f"{origin}/", "data:", "blob:"))


class Visits:
    """Opens pages and keeps what they complained about: console errors, exceptions, refusals of their policy.

    A request to anybody else is stopped, and is a complaint, too.
    """

    def __init__(self, browser: Any) -> None:
        self.complaints: list[str] = []
        self._browser = browser
        self._contexts: list[Any] = []

    def __call__(self, address: str, *, width: int = 1440, height: int = 900, scheme: str = "light") -> Any:
        """Open an address in a window of its own; animations are off, so that nothing has to be waited for."""
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
        )
        context.set_default_timeout(20_000)
        self._contexts.append(context)
        page = context.new_page()
        origin = "/".join(address.split("/")[:3])
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        context.route(lambda url: not _is_at_home(url, origin), self._stop)
        context.expose_binding("complain", lambda _source, words: self.complaints.append(words))
        context.add_init_script(_POLICY_WATCH)
        page.goto(address)
        return page

    def _hear(self, said: Any) -> None:
        if said.type == "error":
            self.complaints.append(said.text)

    def _stop(self, route: Any) -> None:
        self.complaints.append(f"asked {route.request.url}")
        route.abort()

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Visits]:
    """Open a page: ``visit(address, width=, scheme=)``. Fails where it complained; a test that wants a fault clears it."""
    visits = Visits(browser)
    yield visits
    visits.close()
    assert not visits.complaints


def axe_violations(page: Any) -> list[str]:
    """Return what axe-core finds wrong with a page as it stands, each with its place."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "() => axe.run(document, {resultTypes: ['violations']}).then(result => result.violations)"
    )
    return [
        f"{item['id']}: {node['target']} {node['html'][:200]}" for item in found for node in item["nodes"]
    ]


def faults_in_every_corner(page: Any) -> dict[tuple[int, str], list[Any]]:
    """Return what is wrong with a page as it stands: by width and theme its width where it is too wide, and axe's words."""
    found = {}
    for width in _WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.evaluate(_NEXT_FRAME)
            own = width_of(page)
            found[width, scheme] = [*([] if own == width else [own]), *axe_violations(page)]
    return {corner: faults for corner, faults in found.items() if faults}


def width_of(page: Any) -> int:
    """Return how wide the content of a page is: no wider than its window, or it scrolls sideways."""
    return int(page.evaluate("() => document.documentElement.scrollWidth"))
