import os

import pytest

from .servers import hapi, medplum

SERVERS = {"medplum": medplum, "hapi": hapi}


@pytest.fixture(scope="session")
def server():
    """A real FHIR server with bundled patients in it: Medplum's, or what REAL_FHIR_SERVER names."""
    with SERVERS[os.environ.get("REAL_FHIR_SERVER", "medplum")]() as running:
        yield running
