"""The bulk export of a FHIR server, downloaded to a folder that is then read like any other."""
