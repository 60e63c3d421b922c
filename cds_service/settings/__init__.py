"""Read the settings of one installation: a TOML file, then ``TWITCH_CDS_*`` of the environment.

Every setting has a default that is safe on a machine reachable by others. An unknown name is an
error, never ignored: a misspelled safety setting must not look like a set one. The settings are
listed for operators in ``docs/operate.md``; a test keeps the two equal.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cds_service.auth import Clients, pinned_keys_fault
from cds_service.client_limits import ClientLimits
from cds_service.errors import Issue, SettingsError
from cds_service.fetch import Access, Style, parse_entry, parse_network, parse_server
from cds_service.settings.addresses import is_origin, is_prefix
from cds_service.settings.sources import PREFIX, as_text, environment_values, file_values, hidden, value_of

_MEBIBYTE = 1024 * 1024
_SHORTEST_KEY = 32


def _setting(default: Any, meaning: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"meaning": meaning, "secret": secret})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one installation; immutable, checked when it is made.

    Raises:
        SettingsError: A value is outside what it may be.
    """

    host: str = _setting("127.0.0.1", "Address the service listens on.")
    port: int = _setting(8000, "Port the service listens on, 1 to 65535.")
    workers: int = _setting(1, "Processes that answer calls, 1 to 64.")
    public_base_url: str = _setting(
        "",
        "Address under which EHRs reach the service, for the links on cards; a path in it is a prefix the "
        "service is served under too; empty: host and port.",
    )
    content: str = _setting("", "Folder that holds cards/ and terminology/; empty: the bundled knowledge.")
    site: str = _setting(
        "", "Site file (YAML): thresholds, switches and codes of this site; empty: as published."
    )
    store_url: str = _setting(
        "sqlite:///twitch-cds.sqlite3", "Database of the feedback, as SQLAlchemy names it.", secret=True
    )
    memory_key: str = _setting(
        "",
        "Secret key of the hashes by which shown cautions are known again, 32 characters or more; the same "
        "wherever one store is shared; empty: a new one at every start, which forgets what was shown.",
        secret=True,
    )
    max_waiting: int = _setting(
        64,
        "Calls of one process that may wait for their turn, 0 to 10000; one more is answered 503 at once.",
    )
    stop_seconds: int = _setting(
        30,
        "Seconds calls under way may still take when the service is told to stop, 1 to 600; then it ends.",
    )
    sandbox: bool = _setting(
        False,
        "Whether a page with synthetic patients and their FHIR endpoint is served at /sandbox/, to everybody "
        "on this machine; never where others reach the service.",
    )
    keep_comments: bool = _setting(
        False, "Whether comments of clinicians on cards are kept: free text that may name a patient."
    )
    max_body_mib: int = _setting(10, "Largest request body in MiB, 1 to 1024; a larger one is answered 413.")
    allow_as_of: bool = _setting(
        False, "Whether a request may move the evaluation date (extension org.twitch-cds.asOf)."
    )
    cors_origins: tuple[str, ...] = _setting(
        (), 'Web origins that may make service calls from a browser; "*" alone is every origin.'
    )
    clients: Clients = _setting(  # noqa: RUF009 (clients are immutable)
        Clients(),
        "Clients whose tokens are accepted, a [[clients]] table each; none: nobody is asked who they are.",
    )
    card_limits: ClientLimits = _setting(  # noqa: RUF009 (limits are immutable)
        ClientLimits(),
        "What particular EHRs can show of cards, a [[card_limits]] table each; none: all that is composed.",
    )
    fhir_servers: tuple[str, ...] = _setting(
        (),
        "FHIR servers that may be asked, with the token of the call, for what was not prefetched: base "
        'addresses, each alone or as "ADDRESS for ISSUER" (only for that client); none: nobody is asked.',
    )
    fhir_networks: tuple[str, ...] = _setting(
        (),
        "Networks FHIR servers may stand in besides the public ones, such as 10.1.0.0/16; for http only "
        "those of this machine count.",
    )
    fhir_ca_file: str = _setting(
        "",
        "Certificate authorities (PEM) of the FHIR servers, in place of the public ones; empty: those.",
    )
    fhir_deadline_ms: int = _setting(
        2000, "Milliseconds for all questions of one call to a FHIR server together, 100 to 10000."
    )
    fhir_max_mib: int = _setting(32, "Most MiB all answers to one call may hold, unpacked, 1 to 256.")
    fhir_max_pages: int = _setting(20, "Most pages of one search that are followed, 1 to 200.")
    fhir_max_codes: int = _setting(
        0, "Most codes in one search, 0 to 500; 0: as many as discovery shows in one prefetch query."
    )
    fhir_patient_form: str = _setting(
        "id", "How a search names the patient: id (1) or reference (Patient/1)."
    )
    fhir_post_search: bool = _setting(
        False, "Whether searches go by POST to _search, so that no address holds a patient id."
    )
    export_servers: tuple[str, ...] = _setting(
        (),
        "FHIR servers whose bulk export (`$export`) a batch may download, and the servers of their files and "
        "tokens: base addresses; none: nobody is asked.",
    )
    export_token: str = _setting(
        "", "Access token for exports, sent to the server of the export alone; empty: none.", secret=True
    )
    export_client_id: str = _setting(
        "", "Client id for exports (SMART Backend Services): a token is asked for with it; empty: none is."
    )
    export_key_file: str = _setting(
        "", "Private key of that client: PEM, JWK or JWK Set; RSA (RS384) or EC P-384 (ES384)."
    )
    export_key_id: str = _setting("", "Name (kid) the server knows that key by; empty: that of the JWK.")
    export_token_url: str = _setting(
        "", "Token endpoint for exports; empty: what the server's smart-configuration names."
    )
    export_scope: str = _setting("system/*.read", "Scope that is asked for exports.")
    export_stall_seconds: int = _setting(
        60, "Seconds a server may be silent during an export, 1 to 3600; then it is asked again."
    )
    export_hours: int = _setting(24, "Hours a whole export may take, 1 to 720.")
    export_max_gib: int = _setting(100, "Most GiB an export may hold, unpacked, 1 to 100000.")
    log_level: str = _setting("info", "Least severe log line written: debug, info, warning or error.")

    def __post_init__(self) -> None:
        """Refuse values that cannot work, all at once."""
        issues = [issue for check in _CHECKS if (issue := check(self)) is not None]
        if issues:
            raise SettingsError(*issues)

    @property
    def max_body_bytes(self) -> int:
        """Largest accepted request body in bytes."""
        return self.max_body_mib * _MEBIBYTE

    @property
    def base_url(self) -> str:
        """Absolute address of the service without a trailing slash, as it stands on cards."""
        if self.public_base_url:
            return self.public_base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def content_root(self) -> Path | None:
        """Folder of a site's own knowledge; None means the bundled one."""
        return Path(self.content) if self.content else None

    @property
    def site_path(self) -> Path | None:
        """The site file; None means that everything holds as published."""
        return Path(self.site) if self.site else None

    @property
    def fhir_access(self) -> Access:
        """What may be asked of FHIR servers, and how."""
        return Access(
            servers=tuple(parse_entry(text) for text in self.fhir_servers),
            networks=tuple(parse_network(text) for text in self.fhir_networks),
            seconds=self.fhir_deadline_ms / 1000,
            most_bytes=self.fhir_max_mib * _MEBIBYTE,
            most_pages=self.fhir_max_pages,
            style=Style(self.fhir_patient_form, self.fhir_max_codes, self.fhir_post_search),
            ca_file=self.fhir_ca_file,
        )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def load_settings(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Return the settings in force: defaults, then the file, then the environment, then the command line.

    Args:
        path: TOML file; None reads none.
        environment: Variables to look at; names other than ``TWITCH_CDS_*`` are ignored.
        overrides: Values given on the command line; None values are not set.

    Raises:
        SettingsError: With one issue for every unknown name and every wrong type.
    """
    issues: list[Issue] = []
    values: dict[str, Any] = {}
    defaults = {item.name: item.default for item in fields(Settings)}
    for where, name, raw in [*file_values(path), *environment_values(environment or {})]:
        try:
            values[name] = value_of(name, raw, where, defaults)
        except SettingsError as error:
            issues.extend(error.issues)
    if issues:
        raise SettingsError(*issues)
    values.update({name: value for name, value in (overrides or {}).items() if value is not None})
    return Settings(**values)


def as_environment(settings: Settings) -> dict[str, str]:
    """Return the settings as variables that ``load_settings`` reads back to the same settings."""
    return {PREFIX + item.name.upper(): as_text(getattr(settings, item.name)) for item in fields(settings)}


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Return the settings for people to see: passwords inside secret values are hidden."""
    shown: dict[str, Any] = {}
    for item in fields(settings):
        value = getattr(settings, item.name)
        if item.metadata["secret"]:
            value = hidden(item.name, value)
        shown[item.name] = value.as_data() if isinstance(value, Clients | ClientLimits) else value
    return shown


def settings_table() -> list[tuple[str, str, str, str]]:
    """Return a row for each setting: name, variable of the environment, default, meaning."""
    return [
        (item.name, PREFIX + item.name.upper(), as_text(item.default), item.metadata["meaning"])
        for item in fields(Settings)
    ]


def _out_of_range(name: str, low: int, high: int) -> Callable[[Settings], Issue | None]:
    def check(settings: Settings) -> Issue | None:
        if low <= getattr(settings, name) <= high:
            return None
        return Issue("settings", "S006", f"{name} is not from {low} to {high}.", "Write a number between.")

    return check


def _memory_key(settings: Settings) -> Issue | None:
    if not settings.memory_key or len(settings.memory_key) >= _SHORTEST_KEY:
        return None
    return Issue(
        "settings",
        "S013",
        f"memory_key is shorter than {_SHORTEST_KEY} characters.",
        "Write a long random text, or nothing.",
    )


def _log_level(settings: Settings) -> Issue | None:
    if settings.log_level in ("debug", "info", "warning", "error"):
        return None
    return Issue("settings", "S007", "log_level is not a level.", "Write debug, info, warning or error.")


def _public_base_url(settings: Settings) -> Issue | None:
    url = settings.public_base_url
    parts = urlsplit(url)
    if not url:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query + parts.fragment:
        what, remedy = "is not an absolute http(s) address.", "Write https://host or https://host/path."
        return Issue("settings", "S008", f"public_base_url {what}", remedy)
    path = parts.path.rstrip("/")
    if not is_prefix(path):
        what = f"public_base_url has a path that is none to serve under: {path!r}."
        return Issue(
            "settings", "S015", what, "Write words of letters, digits, - and _; none of the service's own."
        )
    return None


def _cors_origins(settings: Settings) -> Issue | None:
    if "*" in settings.cors_origins and len(settings.cors_origins) > 1:
        return Issue("settings", "S009", 'cors_origins mixes "*" with origins.', "Keep one of the two.")
    wrong = [origin for origin in settings.cors_origins if origin != "*" and not is_origin(origin)]
    if not wrong:
        return None
    return Issue(
        "settings",
        "S009",
        f"cors_origins has {wrong[0]!r}, which is no origin.",
        "Write https://host:port, in lower case and without the usual port.",
    )


def _content(settings: Settings) -> Issue | None:
    root = settings.content_root
    if root is None or ((root / "cards").is_dir() and (root / "terminology").is_dir()):
        return None
    return Issue(
        "settings",
        "S010",
        "content names a folder without cards/ and terminology/.",
        "Name the folder that holds both.",
    )


def _site(settings: Settings) -> Issue | None:
    if settings.site_path is None or settings.site_path.is_file():
        return None
    return Issue(
        "settings",
        "S011",
        "site names a file that is not there.",
        "Name the YAML file of the site; a relative name counts from the folder the command is run in.",
    )


def _clients(settings: Settings) -> Issue | None:
    return next((issue for client in settings.clients if (issue := pinned_keys_fault(client))), None)


def _card_limits(settings: Settings) -> Issue | None:
    strangers = sorted(settings.card_limits.issuers - {client.issuer for client in settings.clients})
    what = f"card_limits names {strangers[:1]}, which is no issuer of clients."
    return (
        Issue("settings", "S052", what, "Write it letter by letter as in [[clients]].") if strangers else None
    )


def _fhir_access(settings: Settings) -> Issue | None:
    for name, parse, form in (
        (
            "fhir_servers",
            parse_entry,
            "https://fhir.example/r4, or https://fhir.example/r4 for https://issuer",
        ),
        ("fhir_networks", parse_network, "10.1.0.0/16"),
        ("export_servers", parse_server, "https://fhir.example/r4"),
    ):
        for text in getattr(settings, name):
            try:
                parse(text)
            except ValueError as error:
                return Issue("settings", "S025", f"{name} has {text!r}: {error}.", f"Write {form}.")
    if settings.fhir_patient_form not in ("id", "reference"):
        return Issue("settings", "S026", "fhir_patient_form is no form.", "Write id or reference.")
    if settings.fhir_ca_file and not Path(settings.fhir_ca_file).is_file():
        return Issue("settings", "S027", "fhir_ca_file names a file that is not there.", "Name a PEM file.")
    return None


def _export(settings: Settings) -> Issue | None:
    if settings.export_token and settings.export_client_id:
        what = "export_token and export_client_id are both set."
        return Issue("settings", "S080", what, "Keep the one the server wants.")
    if bool(settings.export_client_id) != bool(settings.export_key_file):
        what = "export_client_id and export_key_file go together, and one is not set."
        return Issue("settings", "S081", what, "Write both, or neither.")
    return None


_CHECKS: tuple[Callable[[Settings], Issue | None], ...] = (
    _out_of_range("port", 1, 65535),
    _out_of_range("workers", 1, 64),
    _out_of_range("max_body_mib", 1, 1024),
    _out_of_range("fhir_deadline_ms", 100, 10_000),
    _out_of_range("fhir_max_mib", 1, 256),
    _out_of_range("fhir_max_pages", 1, 200),
    _out_of_range("fhir_max_codes", 0, 500),
    _fhir_access,
    _out_of_range("export_stall_seconds", 1, 3600),
    _out_of_range("export_hours", 1, 720),
    _out_of_range("export_max_gib", 1, 100_000),
    _export,
    _out_of_range("max_waiting", 0, 10_000),
    _out_of_range("stop_seconds", 1, 600),
    _memory_key,
    _log_level,
    _public_base_url,
    _cors_origins,
    _content,
    _site,
    _clients,
    _card_limits,
)
