"""The guarded way to FHIR servers: allowed ones only, at checked addresses, within one deadline."""

from cds_service.fetch.authorization import Authorization, Coverage
from cds_service.fetch.client import Access, Fetched, FhirClient
from cds_service.fetch.deadline import Deadline
from cds_service.fetch.exchange import Reply, Request, Way, exchange
from cds_service.fetch.faults import PASSING, Fault, FetchFault
from cds_service.fetch.key_sets import key_set_fetch
from cds_service.fetch.once import ask_once
from cds_service.fetch.pages import has_next
from cds_service.fetch.policy import (
    Network,
    Server,
    listed,
    named_machine,
    next_address,
    parse_entry,
    parse_network,
    parse_server,
)
from cds_service.fetch.queries import Style, filled
from cds_service.fetch.transport import Question
from cds_service.fetch.wire import tls_context

__all__ = [
    "PASSING",
    "Access",
    "Authorization",
    "Coverage",
    "Deadline",
    "Fault",
    "FetchFault",
    "Fetched",
    "FhirClient",
    "Network",
    "Question",
    "Reply",
    "Request",
    "Server",
    "Style",
    "Way",
    "ask_once",
    "exchange",
    "filled",
    "has_next",
    "key_set_fetch",
    "listed",
    "named_machine",
    "next_address",
    "parse_entry",
    "parse_network",
    "parse_server",
    "tls_context",
]
