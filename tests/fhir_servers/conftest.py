import pytest

from .servers import medplum


@pytest.fixture(scope="session")
def server():
    """A real FHIR server with every bundled patient in it."""
    with medplum() as running:
        yield running
