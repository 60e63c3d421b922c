"""Where the service stands: every route under the path of ``public_base_url``, and slashes too many borne.

A proxy may pass the path on whole or take the prefix off: one setting holds on both sides of it. No header
of a request decides where the service thinks it stands: links, audiences and pages follow the settings.
Clients that list ``/cds-services/`` call ``/cds-services//{id}``; that is the same address to us.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CALLED = "twitch_cds.called_path"


def prefix_of(base_url: str) -> str:
    """Return the path of an address, "/x" of https://h/x; empty when it has none."""
    return urlsplit(base_url).path.rstrip("/")


def under_prefix(application: WSGIApplication, prefix: str) -> Callable[..., Iterable[Any]]:
    """Return the application as it answers under ``prefix``, whether or not paths still begin with it."""

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        bare = path[len(prefix) :] if path == prefix or path.startswith(f"{prefix}/") else path
        tidy = "/" + "/".join(filter(None, bare.split("/")))
        return application(
            {**environ, "SCRIPT_NAME": prefix, "PATH_INFO": tidy, _CALLED: bare}, start_response
        )

    return answer


def called_path(environ: WSGIEnvironment) -> str:
    """Return the path below the prefix letter by letter as it was called: what an audience names."""
    return str(environ[_CALLED])
