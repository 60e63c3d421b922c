"""Let only trusted clients ask about patients, where trusted clients are configured.

Whatever is not plainly open needs a token: every method but GET, HEAD and OPTIONS, whichever route
comes to be. Discovery, rule pages and health hold no patient data and are read with GET. Every
refusal has the same status and the same bytes; the reason is a word in the log.

Source: CDS Hooks 2.0.1 "Trusting CDS Clients"; RFC 6750 section 3 (WWW-Authenticate).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from flask import Flask, Response, g, request

from cds_service.auth import Caller, Fetch, Refused, Verifier
from cds_service.errors import Issue
from cds_service.settings import Settings
from cds_service.store import FeedbackStore
from cds_service.web.paths import called_path
from cds_service.web.problems import Refusal
from cds_service.web.request_log import note
from cds_service.web.turns import Turns

_OPEN_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
#: Blueprints whose calls are judged: one that finds no place is refused before its token is used up.
_JUDGED = frozenset({"hooks", "explained"})
_NOT_TRUSTED = Issue(
    "Authorization",
    "W401",
    "The request does not come from a client this service trusts.",
    "Send a token as CDS Hooks describes it; the operator's log says what was wrong with this one.",
)


def register(
    app: Flask, settings: Settings, store: FeedbackStore, turns: Turns, writes: Turns, fetch: Fetch
) -> None:
    """Ask every request of the application for a token, where the settings name clients.

    Args:
        app: The application; its request log must be registered before, its routes may come after.
        settings: Settings in force.
        store: Remembers which tokens were used.
        turns: Turns of calls at being judged.
        writes: Turns at what must be durable; used tokens are written together and need a place only.
        fetch: Gets the key set of a client that pins none.
    """
    if not settings.clients:
        return
    used = store.used_tokens()

    def spend(issuer: str, token_id: str, kept_until: int, now: int) -> bool:
        with _place(turns), writes.place():
            return used.spend(issuer, token_id, kept_until, now)

    def find_place() -> None:
        if request.method not in _OPEN_METHODS:
            with _place(turns):
                return

    app.before_request(find_place)
    app.before_request(_gate(Verifier(settings.clients, spend, fetch), settings.base_url))
    app.after_request(_challenge)


def _place(turns: Turns) -> AbstractContextManager[None]:
    """Return a place for a call that is to be judged; other requests need none. Raises Refusal (503)."""
    return turns.place() if request.blueprint in _JUDGED else nullcontext()


def _gate(verifier: Verifier, base_url: str) -> Callable[[], None]:
    def gate() -> None:
        if request.method in _OPEN_METHODS or request.endpoint is None:
            return
        try:
            header = request.headers.get("Authorization", "")
            audience = base_url + called_path(request.environ)
            g.caller = verifier.verify(header, audience, int(time.time()))
        except Refused as refused:
            note(refused=refused.reason)
            raise Refusal(401, _NOT_TRUSTED, "login") from None
        note(client=g.caller.issuer)

    return gate


def current_caller() -> Caller:
    """Return who sends the current request; nobody in particular where no token is asked for."""
    caller: Caller = g.get("caller", Caller())
    return caller


def _challenge(response: Response) -> Response:
    """Tell, with every 401, how to prove who one is."""
    if response.status_code == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response
