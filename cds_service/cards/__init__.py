"""Findings to CDS Hooks 2.0 cards: what is shown, in which words, with which proposals and sources."""

from __future__ import annotations

from cds_service.cards.compose import build_cards
from cds_service.cards.gaps import not_assessed_card
from cds_service.cards.sources import topic_code

__all__ = ["build_cards", "not_assessed_card", "topic_code"]
