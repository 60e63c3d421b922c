"""The command that is shipped, as a real process with sockets, tokens and a log (``bench/shipped.py``)."""

import sys
from pathlib import Path

import pytest

from cds_service.knowledge import load_knowledge

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "bench"))

from patients import TWITCHING, request_of  # noqa: E402
from shipped import PATH, shipped  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def view():
    """The service at patient-view."""
    name = PATH.rpartition("/")[2]
    return next(item for item in load_knowledge().services if item.id == name)


@pytest.fixture(scope="session")
def body(view):
    """A small call that is answered with cards."""
    return request_of(TWITCHING, view)


@pytest.fixture(scope="session")
def large_body(view):
    """The same call with 500 KB of old results: it takes a while."""
    return request_of(TWITCHING, view, 500_000)


@pytest.fixture
def serve(tmp_path):
    """Start the service with settings of one's own; give a context manager."""
    numbers = iter(range(100))

    def start(**settings):
        folder = tmp_path / f"served-{next(numbers)}"
        folder.mkdir()
        return shipped(folder, **settings)

    return start
