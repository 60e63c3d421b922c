"""Settings the service starts with and its operator should think about: weak, pointless or forgetful ones."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cds_service.auth import RECOMMENDED
from cds_service.errors import Issue
from cds_service.fetch import parse_network
from cds_service.settings import Settings

#: Seconds from iat to exp that CDS Hooks recommends as the most.
_USUAL_LIFE: Final = 300
_SLOW_MS: Final = 5000
#: A network with a shorter prefix is a large part of the internet.
_WIDEST: Final = {4: 8, 6: 32}
_LOCAL_HOSTS: Final = ("localhost", "127.0.0.1", "::1")

Advice = Iterator[tuple[str, str, str]]


def settings_advice(settings: Settings, path: Path | None = None) -> tuple[Issue, ...]:
    """Return what is weak or of no use in settings that are valid; ``path`` is their file, None for none.

    The service starts with all of it: advice is no fault.
    """
    found = [item for check in _CHECKS for item in check(settings)]
    if path is not None:
        found += _file_rights(settings, path)
    return tuple(Issue("settings", code, what, remedy) for code, what, remedy in found)


def _callers(settings: Settings) -> Advice:
    if not settings.clients:
        yield (
            "S060",
            "no clients are named: every program on this machine may call.",
            "Name the clients ([[clients]]) for anything but an evaluation.",
        )
    if settings.clients and not settings.public_base_url:
        yield (
            "S061",
            f"clients are named and public_base_url is not: tokens must name {settings.base_url}.",
            "Write the address under which the clients call.",
        )
    if urlsplit(settings.public_base_url).scheme == "http" and not _is_here(settings.public_base_url):
        yield (
            "S062",
            "public_base_url is no https address: links and calls travel unencrypted.",
            "Put a proxy with TLS in front and name its address.",
        )
    for client in settings.clients:
        if client.max_life_seconds > _USUAL_LIFE:
            yield (
                "S063",
                f"tokens of {client.issuer} may live longer than {_USUAL_LIFE} seconds.",
                "Ask the client for tokens of five minutes.",
            )
        if set(client.algorithms) - set(RECOMMENDED):
            yield (
                "S064",
                f"{client.issuer} may sign with algorithms that CDS Hooks does not recommend.",
                f"Keep {' and '.join(RECOMMENDED)} where the client can.",
            )


def _openness(settings: Settings) -> Advice:
    is_real = bool(settings.clients) or not settings.is_loopback
    if settings.allow_as_of and is_real:
        yield (
            "S065",
            "allow_as_of lets callers choose the day patients are judged at.",
            "Switch it off outside of an evaluation.",
        )
    if settings.sandbox and settings.public_base_url and not _is_here(settings.public_base_url):
        yield (
            "S071",
            "sandbox is on, and public_base_url tells of a proxy: whoever reaches it reaches the sandbox.",
            "Switch it off outside of an evaluation on one machine.",
        )
    if "*" in settings.cors_origins and is_real:
        yield ("S066", "cors_origins lets every web page call.", "Name the origins that need it.")
    for origin in settings.cors_origins:
        if origin.startswith("http:") and not _is_here(origin):
            yield (
                "S067",
                f"cors_origins has {origin}, without encryption.",
                "Name its https address.",
            )
    if settings.keep_comments:
        yield (
            "S068",
            "keep_comments keeps free text of clinicians, which may name patients.",
            "Keep it only where the database is guarded as a record is.",
        )
    if settings.log_level == "debug":
        yield ("S069", "log_level debug writes much.", "Write info for daily use.")


def _memory(settings: Settings) -> Advice:
    if not settings.memory_key:
        yield (
            "S070",
            "memory_key is empty: a restart forgets which cautions were shown.",
            "Set a long random text and keep it.",
        )
    scheme, _, place = settings.store_url.partition("://")
    if scheme.startswith("sqlite") and not place.startswith("//"):
        yield (
            "S072",
            "store_url names a file without its folder: it lies where the command is run.",
            "Write sqlite:////var/lib/twitch-cds/feedback.sqlite3.",
        )


def _servers(settings: Settings) -> Advice:
    issuers = {client.issuer for client in settings.clients}
    for server in settings.fhir_access.servers:
        if not server.is_secure:
            yield (
                "S073",
                f"fhir_servers has {server.base} without encryption: only on this machine it is asked.",
                "Name its https address.",
            )
        if server.issuer and server.issuer not in issuers:
            yield (
                "S074",
                f"fhir_servers ties {server.base} to {server.issuer}, which is no client: it is never asked.",
                "Name the client, or correct the issuer.",
            )
        if not server.issuer and len(issuers) > 1:
            yield (
                "S075",
                f"every client may have {server.base} asked.",
                'Tie it to its own: "ADDRESS for ISSUER".',
            )


def _ways(settings: Settings) -> Advice:
    is_fetching = bool(settings.fhir_servers) or any(client.jwks_url for client in settings.clients)
    if not is_fetching and (settings.fhir_networks or settings.fhir_ca_file):
        yield (
            "S076",
            "fhir_networks or fhir_ca_file is set, and there is nothing to fetch.",
            "List the servers in fhir_servers, or take it out.",
        )
    for text in settings.fhir_networks:
        network = parse_network(text)
        if network.prefixlen < _WIDEST[network.version]:
            yield (
                "S077",
                f"fhir_networks has {text}, which holds very many machines.",
                "Name the network of the FHIR servers.",
            )
    if settings.fhir_deadline_ms > _SLOW_MS:
        yield (
            "S078",
            f"fhir_deadline_ms is above {_SLOW_MS}: clinicians wait for it with the EHR.",
            "Prefer prefetch; keep the deadline at two seconds.",
        )


def _file_rights(settings: Settings, path: Path) -> Advice:
    """Advise on the file of settings where it holds a secret that others on the machine can read."""
    holds_secret = bool(settings.memory_key or settings.export_token) or "@" in settings.store_url
    if holds_secret and path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        yield ("S079", f"{path.name} holds secrets and others may read it.", f"chmod 600 {path.name}")


def _is_here(address: str) -> bool:
    return urlsplit(address).hostname in _LOCAL_HOSTS


_CHECKS: Final[tuple[Callable[[Settings], Advice], ...]] = (_callers, _openness, _memory, _servers, _ways)
