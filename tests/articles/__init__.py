"""What the four source articles say and what the cards make of it (specification, section 13)."""
