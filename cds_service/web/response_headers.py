"""Give every answer the headers that keep browsers, frames and caches from misusing it.

One place for all routes, so that a new one cannot forget them; a route only says what it needs otherwise.
Sources: OWASP ASVS 5.0, 3.2 to 3.5 and 14.3.2; R17 of the goals.
"""

from __future__ import annotations

from flask import Flask, Response, request

#: Pages may load their own style, their icon and the script of the theme switch, and may ask nobody anything;
#: EHRs show them in frames, where cards link to them.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors *"
)
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
#: Routes that tell of the knowledge and of no patient: they may be kept, and are asked for again first.
_PUBLIC = frozenset({"hooks.discovery", "ops.openapi"})
_PAGES = frozenset({"rule_pages"})
#: The page of the sandbox runs scripts of its own and asks this service; it loads nothing from elsewhere.
_SANDBOX = "sandbox"
_SANDBOX_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def register(app: Flask) -> None:
    """Let every answer of the application, errors included, carry the headers."""
    app.after_request(_guard)


def _guard(response: Response) -> Response:
    headers = response.headers
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"
    headers["Server"] = "twitch-cds"  # in place of name and version of the server
    is_html = response.mimetype == "text/html"
    if is_html and request.blueprint in _PAGES:
        headers["Content-Security-Policy"] = _PAGE_POLICY
    elif is_html and request.blueprint == _SANDBOX:
        headers["Content-Security-Policy"] = _SANDBOX_POLICY
        headers["X-Frame-Options"] = "SAMEORIGIN"
    else:
        headers["Content-Security-Policy"] = _DATA_POLICY
        headers["X-Frame-Options"] = "DENY"
    headers["Cache-Control"] = "no-cache" if _is_public(response) else "no-store"
    return response


def _is_public(response: Response) -> bool:
    is_open = request.endpoint in _PUBLIC or request.blueprint in (*_PAGES, _SANDBOX)
    return is_open and response.status_code < 400 and request.method in ("GET", "HEAD")
