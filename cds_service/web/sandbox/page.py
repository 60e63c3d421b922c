"""Serve the page of the sandbox and its files; everything it shows it asks for itself."""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request

from cds_service.web.paths import called_path

blueprint = Blueprint("sandbox", __name__, static_folder="static", static_url_path="/sandbox/static")


@blueprint.get("/sandbox")
def index() -> Response:
    """Return the page; its addresses are relative, so it must stand at an address that ends with a slash."""
    if not called_path(request.environ).endswith("/"):
        return redirect("sandbox/", code=308)  # type: ignore[return-value]
    return blueprint.send_static_file("index.html")


@blueprint.get("/sandbox/feedback")
def feedback() -> Response:
    """Return the page that shows what clinicians answered to cards."""
    return blueprint.send_static_file("feedback.html")
