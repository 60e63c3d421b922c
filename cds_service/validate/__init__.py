"""Faults of the content: form, names, units, wording, cases, mutants."""
