"""Tell whether a text is a web origin or a path a service can stand under."""

from __future__ import annotations

import re

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_USUAL_PORTS = {"http": ":80", "https": ":443"}
#: The addresses of the service itself must stay apart from what it stands under.
_PREFIX = re.compile(r"(?!/(cds-services|explain|rules|sandbox|livez|readyz|metrics)(/|$))(/[A-Za-z0-9_-]+)*")


def is_origin(text: str) -> bool:
    """Whether a text is an origin as browsers send it: lower case, no path, no usual port (RFC 6454, 6.2)."""
    return _ORIGIN.fullmatch(text) is not None and not text.endswith(_USUAL_PORTS[text.partition(":")[0]])


def is_prefix(path: str) -> bool:
    """Whether the service can stand under a path, "/x"; the empty one is none to stand under, and fine."""
    return _PREFIX.fullmatch(path) is not None
