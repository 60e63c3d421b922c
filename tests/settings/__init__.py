"""Tests of ``cds_service/settings/``."""
