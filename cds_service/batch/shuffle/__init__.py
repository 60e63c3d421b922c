"""Texts that stand apart brought together by patient, on disk, however large an export is."""
