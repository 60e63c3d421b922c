"""The guarded way to FHIR servers: allowed ones only, at checked addresses, within one deadline."""

from cds_service.fetch.authorization import Authorization, Coverage
from cds_service.fetch.client import Access, Fetched, FhirClient
from cds_service.fetch.faults import Fault, FetchFault
from cds_service.fetch.policy import Network, Server, parse_entry, parse_network, parse_server
from cds_service.fetch.queries import Style

__all__ = [
    "Access",
    "Authorization",
    "Coverage",
    "Fault",
    "FetchFault",
    "Fetched",
    "FhirClient",
    "Network",
    "Server",
    "Style",
    "parse_entry",
    "parse_network",
    "parse_server",
]
