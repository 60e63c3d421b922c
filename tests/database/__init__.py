"""Tests of ``cds_service/database/``."""
