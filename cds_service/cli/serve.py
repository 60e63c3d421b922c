"""Run the service on a production server."""

from __future__ import annotations

import logging
import os
import resource
import secrets
import signal
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from granian.constants import Interfaces
from granian.log import LogLevels
from granian.log import logger as server_log
from granian.server import MPServer

from cds_service.cli.options import config_option, knowledge_in_force, settings_in_force
from cds_service.errors import Issue, SettingsError
from cds_service.json_log import SERVER_LOG, configure_logging, tell
from cds_service.knowledge import Knowledge
from cds_service.ready import rehearse
from cds_service.settings import Settings, as_environment
from cds_service.settings.refusals import refuse_exposed_sandbox, refuse_open_network
from cds_service.store import open_store

_APPLICATION = "cds_service.web:create_app_from_environment"
#: A thread waits while a slow sender's body arrives; so many slow senders are borne before calls queue.
#: How many calls are judged at once is another matter: ``cds_service.web.hooks``.
_THREADS = 512
#: Connections of one worker, idle and slow ones included; more wait until one ends.
_CONNECTIONS = 2048
_STOPS = frozenset({signal.SIGINT, signal.SIGTERM})


@click.command("serve")
@click.option("--host", help="Address to listen on. Default: 127.0.0.1.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on. Default: 8000.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer calls. Default: 1.")
@config_option
def command(host: str | None, port: int | None, workers: int | None, config: Path | None) -> None:
    """Run the service until Ctrl-C or SIGTERM.

    The knowledge is checked first: a service with wrong knowledge does not start.
    Calls under way are finished before it stops.
    """
    settings = settings_in_force(config, host=host, port=port, workers=workers)
    refuse_open_network(settings)
    refuse_exposed_sandbox(settings)
    _refuse_taken_port(settings)
    knowledge = knowledge_in_force(settings)
    rehearse(knowledge)
    open_store(settings.store_url).close()
    _announce(settings, knowledge)
    os.environ.update(as_environment(_with_key(settings)))
    with TemporaryDirectory(prefix="twitch-cds-") as folder:
        if settings.workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder  # where workers add up their metrics
        _allow_open_files(_CONNECTIONS + _THREADS)
        _serve(_server(settings))


def _announce(settings: Settings, knowledge: Knowledge) -> None:
    """Say what starts: in words on a terminal, else as a line of the log like every other."""
    site, version = knowledge.site, knowledge.version
    changes, off = len(site.changes), len(site.switched_off)
    if not sys.stderr.isatty():
        configure_logging(settings.log_level)
        fields = {"rules": len(knowledge.rules), "knowledge": version, "address": settings.base_url}
        named = {"site": site.name, "changes": changes, "switchedOff": off} if site.name else {}
        tell(logging.INFO, "started", **fields, **named)
        return
    click.echo(
        f"twitch-cds: {len(knowledge.rules)} rules, knowledge {version}\n"
        f"Browser: {settings.base_url}/   EHR: {settings.base_url}/cds-services   Stop: Ctrl-C",
        err=True,
    )
    if site.name:
        click.echo(
            f"{site.name}: {changes} changes, {off} rules switched off (twitch-cds site show)", err=True
        )


def _allow_open_files(wanted: int) -> None:
    """Allow this process and its workers so many open files, as far as the machine lets them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _serve(server: MPServer) -> None:
    """Serve until told to stop; how often and to how many of the processes it is told makes no difference.

    The signals are waited for by a thread: handlers of two signals at once have been seen to get lost.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    os.register_at_fork(after_in_child=_stop_at_once)
    threading.Thread(target=_stop_when_told, args=(server,), daemon=True).start()
    try:
        server.serve()
    except SystemExit:
        if not server.interrupt_signal:  # else a worker was told before its parent: that is no failure
            raise


def _stop_when_told(server: MPServer) -> None:
    signal.sigwait(_STOPS)
    server.interrupt_signal = True
    server.main_loop_interrupt.set()


def _stop_at_once() -> None:
    """Let a worker that is still starting be stopped: what it inherits stops only its parent."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})


def _with_key(settings: Settings) -> Settings:
    """Return the settings with a key of the memory that all workers share until this service stops."""
    return settings if settings.memory_key else replace(settings, memory_key=secrets.token_hex(32))


def _refuse_taken_port(settings: Settings) -> None:
    """Refuse a port another program listens on: the server would share it, and calls would go to either.

    Raises:
        SettingsError: The port cannot be listened on alone.
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[
            0
        ]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise SettingsError(
            Issue(
                "settings",
                "S021",
                f"port {settings.port} of {settings.host} cannot be used ({error.strerror}).",
                "Stop the program that has it, or choose another port: --port 8001.",
            )
        ) from None


def _server(settings: Settings) -> MPServer:
    server_log.addFilter(_is_news)
    return MPServer(
        _APPLICATION,
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=_THREADS,
        websockets=False,
        log_level=LogLevels.warning,
        log_dictconfig=SERVER_LOG,
        backpressure=_CONNECTIONS,
        workers_kill_timeout=settings.stop_seconds,
        respawn_failed_workers=True,
    )


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a line of the server tells something: that there may be many threads is our own choice."""
    return "Python threads" not in record.getMessage()
