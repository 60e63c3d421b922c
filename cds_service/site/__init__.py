"""What one site changes in the published knowledge: thresholds, switches, local codes.

The site writes one YAML file (``docs/sites.md``). ``read_site`` reads it strictly; a ``Reviser``
applies it to the documents of the knowledge while they are read, so that everything after that
(judging, cards, explanations, rule pages) knows one effective rule only. Nothing is changed silently:
every change is kept in ``Site`` with place, published value, reason and who decided.
"""

from __future__ import annotations

from cds_service.site.model import (
    NO_CHANGES,
    NO_SITE,
    PUBLISHED,
    Change,
    Override,
    Site,
    SiteFile,
    SwitchedOff,
    SwitchOff,
)
from cds_service.site.reading import read_site
from cds_service.site.revise import Reviser

__all__ = [
    "NO_CHANGES",
    "NO_SITE",
    "PUBLISHED",
    "Change",
    "Override",
    "Reviser",
    "Site",
    "SiteFile",
    "SwitchOff",
    "SwitchedOff",
    "read_site",
]
