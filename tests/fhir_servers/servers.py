"""Real FHIR servers, each a process of its own on loopback with bundled patients in it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache" / "fhir-servers"
#: Stories the calls of ``fixtures/calls`` and the tests here are about.
_NAMED = {
    "arm-fasciculation-with-wasting",
    "cramps-on-omeprazole-magnesium-unknown",
    "lithium-high-after-ibuprofen",
    "stroke-features-two-hours",
}
_ALL = sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json"))
#: Every second bundled patient beside them: a server in memory looks through all of it for every search.
BUNDLES = [path for number, path in enumerate(_ALL) if number % 2 == 0 or path.parent.name in _NAMED]
TOKEN = "canary-5d41-of-a-real-server"
_FILES = ("package.json", "package-lock.json", "server.mjs")
_INSTALL_SECONDS = 180


@dataclass(frozen=True)
class RealServer:
    """A FHIR server that runs. ``small_pages`` is the base at which no page has more than two entries.

    ``patient_form`` is the one that its searches understand.
    """

    name: str
    base: str
    small_pages: str
    patient_form: str = "id"


@contextlib.contextmanager
def medplum() -> Iterator[RealServer]:
    """Start Medplum's FHIR router with its repository in memory; skip where Node or the package is not to be had."""
    folder = _installed()
    with _running(["node", "server.mjs", TOKEN, *map(str, BUNDLES)], folder) as port:
        at = f"http://127.0.0.1:{port}"
        yield RealServer("medplum", f"{at}/fhir", f"{at}/pages-of-2/fhir", patient_form="reference")


@contextlib.contextmanager
def hapi() -> Iterator[RealServer]:
    """Start HAPI FHIR's JPA server with a database in memory; skip where Java or Maven is not to be had."""
    folder = _java_folder()
    classpath = (folder / "classpath").read_text(encoding="utf-8").strip()
    command = [
        "java",
        "-Xmx1g",
        "-XX:+UseSerialGC",
        "-cp",
        classpath,
        "Server.java",
        TOKEN,
        *map(str, BUNDLES),
    ]
    with _running(command, folder) as port:
        at = f"http://127.0.0.1:{port}"
        yield RealServer("hapi", f"{at}/fhir", f"{at}/pages-of-2/fhir")


@contextlib.contextmanager
def _running(command: list[str], folder: Path) -> Iterator[int]:
    """Run a server until the block ends; yield the port it tells on its first line."""
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            env=_environment(),
        )  # fmt: skip
    assert process.stdin and process.stdout
    try:
        line = process.stdout.readline()
        assert line, f"{command[0]} ended before it answered"
        yield int(json.loads(line)["port"])
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        process.stdout.close()


def _installed() -> Path:
    """Return a folder with server.mjs and what it needs, installed once for all runs and all workers."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"a real FHIR server needs {' and '.join(missing)}, which this machine has not")
    folder = CACHE / hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for name in _FILES:
            shutil.copyfile(HERE / name, folder / name)
        if not (folder / "installed").exists():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    failed = folder / f"failed-{run}"
    if run and failed.exists():
        pytest.skip(failed.read_text(encoding="utf-8"))
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    try:
        done = subprocess.run(
            [*command, "--fetch-timeout=30000"], cwd=folder, env=_environment(), capture_output=True,
            text=True, timeout=_INSTALL_SECONDS, check=False,
        )  # fmt: skip
        why = "" if done.returncode == 0 else f"npm ci ends with code {done.returncode}"
    except subprocess.TimeoutExpired:
        why = f"npm ci takes longer than {_INSTALL_SECONDS} seconds"
    if why:
        reason = f"{why}: the package of the real FHIR server cannot be fetched here"
        failed.write_text(reason, encoding="utf-8")
        pytest.skip(reason)
    (folder / "installed").touch()


def _java_folder() -> Path:
    """Return a folder with Server.java and the class path that Maven found for it."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"HAPI FHIR needs {' and '.join(missing)}, which this machine has not")
    folder = CACHE / f"hapi-{hashlib.sha256((HERE / 'hapi' / 'pom.xml').read_bytes()).hexdigest()[:16]}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pom.xml", "Server.java"):
        shutil.copyfile(HERE / "hapi" / name, folder / name)
    if not (folder / "classpath").exists():
        command = ["mvn", "-B", "-q", "dependency:build-classpath", "-Dmdep.outputFile=classpath"]
        if subprocess.run(
            command, cwd=folder, timeout=900, check=False, stdout=subprocess.DEVNULL
        ).returncode:
            pytest.skip("Maven cannot fetch HAPI FHIR here")
    return folder


def _environment() -> dict[str, str]:
    """Return the environment without what would make Node run something else before the server."""
    return {name: value for name, value in os.environ.items() if name != "NODE_OPTIONS"}
