"""Recognizes the twitch and its facets in text written by people, and what speaks against it.

The words are content (``terminology/narrative.yaml``); here is only the mechanism: fold the text,
cut it into words, mark the known phrases, and judge each movement by the phrases around it.
"""

from cds_service.narrative.lexicon import load_lexicon
from cds_service.narrative.recognition import Mention, Mentions, Narrative, load_narrative
from cds_service.narrative.tokens import MAX_LENGTH

__all__ = ["MAX_LENGTH", "Mention", "Mentions", "Narrative", "load_lexicon", "load_narrative"]
