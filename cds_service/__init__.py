"""Clinical decision support for involuntary muscle twitching: FHIR record in, CDS Hooks cards out."""

from __future__ import annotations

__version__ = "0.1.0"
