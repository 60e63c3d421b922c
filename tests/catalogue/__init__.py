"""Tests of ``cds_service/catalogue/``."""
