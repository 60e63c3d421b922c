"""Settings that are valid one by one, and that a command refuses to go on with."""

from __future__ import annotations

from cds_service.errors import Issue, SettingsError
from cds_service.fetch import tls_context
from cds_service.settings import Settings


def refuse_open_network(settings: Settings) -> None:
    """Refuse to listen where others can reach the service while no client can prove who it is.

    Raises:
        SettingsError: The host is not a loopback address, and there are no trusted clients, or no
            address for them that their tokens could name.
    """
    if settings.is_loopback:
        return
    if settings.clients and not settings.public_base_url.startswith("https://"):
        raise SettingsError(
            Issue(
                "settings",
                "S022",
                f"host {settings.host} is open to other machines, and public_base_url is no https address.",
                "Write the https address under which the clients call; their tokens must name it.",
            )
        )
    if not settings.clients:
        raise SettingsError(
            Issue(
                "settings",
                "S020",
                f"host {settings.host} is open to other machines, and no trusted clients are configured.",
                "Name the clients ([[clients]]), or listen on 127.0.0.1 behind a proxy that authenticates.",
            )
        )


def refuse_exposed_sandbox(settings: Settings) -> None:
    """Refuse the sandbox where others could reach it, or where callers are asked who they are.

    Raises:
        SettingsError: The sandbox is on, and the host is not a loopback address or there are trusted clients.
    """
    if not settings.sandbox or (settings.is_loopback and not settings.clients):
        return
    exposed = (
        "trusted clients are configured" if settings.clients else f"host {settings.host} is open to others"
    )
    what = f"sandbox is on, which asks nobody who they are, and {exposed}."
    remedy = "Write sandbox = false, or evaluate on 127.0.0.1 without [[clients]]."
    raise SettingsError(Issue("settings", "S023", what, remedy))


def refuse_unreadable_authorities(settings: Settings) -> None:
    """Refuse a file of certificate authorities that holds none.

    Raises:
        SettingsError: The file cannot be read as certificates.
    """
    try:
        tls_context(settings.fhir_ca_file)
    except OSError:
        what = "fhir_ca_file holds no certificates that can be read."
        raise SettingsError(Issue("settings", "S028", what, "Name a file of certificates in PEM.")) from None
