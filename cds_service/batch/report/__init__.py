"""The report of a batch: one page that shows a run to a person."""
