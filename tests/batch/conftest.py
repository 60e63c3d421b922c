"""What the tests of the batch share."""

import signal

import pytest

from tests.batch import finished


@pytest.fixture(scope="session")
def knowledge():
    """The knowledge of this installation, which nothing changes: loaded once a process."""
    return finished.knowledge()


@pytest.fixture(autouse=True)
def ctrl_c():
    """Have Ctrl-C answered as at a terminal: a process that was started in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
