"""A small EHR of synthetic patients: records, FHIR search, prefetch. No Flask, no clock."""
