"""Tell who calls: a signed token in, a trusted client or a refusal out.

Source: CDS Hooks 2.0.1 "Trusting CDS Clients"; RFC 7515, 7517, 7519; the order of the checks follows
the best practices of the CDS Hooks community. Which tokens were used is in ``auth.replay``, which needs a
database: who only checks tokens or only fetches does not wait for it to load.
"""

from __future__ import annotations

from cds_service.auth.keys import Keys, pinned_keys_fault, read_keys
from cds_service.auth.policy import RECOMMENDED, Clients, TrustedClient, read_clients
from cds_service.auth.tokens import Reason, Refused
from cds_service.auth.verify import Caller, Fetch, Verifier

__all__ = [
    "RECOMMENDED",
    "Caller",
    "Clients",
    "Fetch",
    "Keys",
    "Reason",
    "Refused",
    "TrustedClient",
    "Verifier",
    "pinned_keys_fault",
    "read_clients",
    "read_keys",
]
