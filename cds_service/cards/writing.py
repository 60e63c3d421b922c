"""The last steps of every card: uuid, content hash, override reasons, order of members."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

from cds_service.cards.proposals import numbered
from cds_service.cards.voice import Voice

#: Extension every card carries (design 2.3).
EXTENSION = "org.twitch-cds.card"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:twitch-cds:card")
_ORDER = (
    "uuid",
    "summary",
    "detail",
    "indicator",
    "source",
    "suggestions",
    "selectionBehavior",
    "overrideReasons",
    "links",
    "extension",
)


def finished(
    card: dict[str, Any], rule_ids: Sequence[str], voice: Voice, instance: str, answers: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the card with hash, uuids, override reasons and extension; empty members are left out.

    The hash covers everything a clinician sees, so that a client can quiet a repetition. The uuid
    comes from hash and ``instance`` (the hook instance), so the same call gives the same bytes and
    two calls different cards (CDS Hooks 2.0: "unique identifier of the card"). ``answers`` are those of the
    rules whose finding an answer to this card is about.
    """
    digest = hashlib.sha256(json.dumps(card, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    card_uuid = uuid.uuid5(_NAMESPACE, f"{instance} {digest}")
    whole = dict(card)
    whole["uuid"] = str(card_uuid)
    if whole.get("suggestions"):
        whole["suggestions"] = numbered(whole["suggestions"], card_uuid)
        whole["selectionBehavior"] = "any"
    whole["overrideReasons"] = [
        {"code": reason.code, "system": reason.system, "display": reason.display}
        for reason in voice.knowledge.override_reasons
    ]
    about = {"answers": list(answers)} if answers else {}
    whole["extension"] = {EXTENSION: {"ruleIds": list(rule_ids), **about, "contentHash": digest}}
    return {name: whole[name] for name in _ORDER if whole.get(name)}
