"""The least a Flask service can do: decode the call with types and return a fixed card.

The yardstick of ``single_call.py`` and ``served.py``: what the real service adds is what assessing costs.
"""

from __future__ import annotations

from typing import Any

import msgspec
from flask import Flask, Response, request


class _Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []
    text: str = ""


class _Quantity(msgspec.Struct):
    value: msgspec.Raw = msgspec.Raw()
    unit: str = ""
    code: str = ""


class _Reference(msgspec.Struct):
    reference: str = ""


class _Range(msgspec.Struct):
    low: _Quantity | None = None
    high: _Quantity | None = None


class _Resource(msgspec.Struct):
    resourceType: str
    id: str = ""
    status: str = ""
    code: _Concept | None = None
    subject: _Reference | None = None
    effectiveDateTime: str = ""
    valueQuantity: _Quantity | None = None
    referenceRange: list[_Range] = []


class _Entry(msgspec.Struct):
    resource: _Resource | None = None


class _Bundle(msgspec.Struct):
    resourceType: str
    entry: list[_Entry] = []


class _Call(msgspec.Struct):
    hook: str
    hookInstance: str
    context: dict[str, Any]
    prefetch: dict[str, _Bundle | None]


_DECODER = msgspec.json.Decoder(_Call)
_ANSWER = msgspec.json.encode(
    {"cards": [{"summary": "A fixed card", "indicator": "info", "source": {"label": "bench"}}]}
)


def make_bare_app() -> Flask:
    """Return the yardstick application."""
    app = Flask(__name__)

    @app.post("/cds-services/twitch-patient-view")
    def call() -> Response:
        _DECODER.decode(request.get_data())
        return Response(_ANSWER, content_type="application/json")

    return app
