"""Tests of ``cds_service/text/``."""
