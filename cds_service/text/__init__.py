"""Text: made harmless, made plain, held against the wording rules."""
