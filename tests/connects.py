"""Every address this process connects to and every name it looks up, while a test asks to know."""

import sys

import pytest

_RECORDED = []
_ON = []


def _record(event, args):
    if _ON and event == "socket.connect":
        _RECORDED.append(args[1])
    elif _ON and event == "socket.getaddrinfo":
        _RECORDED.append(("name", args[0]))


sys.addaudithook(_record)  # cannot be taken away again: it listens only while a test asks it to


@pytest.fixture
def connects():
    """Every address connected to and every name looked up by this process while the test runs."""
    _RECORDED.clear()
    _ON.append(True)
    yield _RECORDED
    _ON.clear()
