"""The outputs of a batch: rows merged in one order, and what is made of them beside NDJSON."""
