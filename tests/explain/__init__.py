"""Tests of ``cds_service/explain/``."""
