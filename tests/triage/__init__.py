"""Tests of ``cds_service/triage/``."""
