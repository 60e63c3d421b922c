import os
import pwd
import shutil
import socket
import subprocess

import pytest

from cds_service.store import open_store


def _pg_ctl():
    """Return the program that starts PostgreSQL beside the one that makes its folder; None without both."""
    found = shutil.which("pg_ctl")
    programs = os.path.dirname(os.path.realpath(found)) if found else ""
    return found if programs and os.access(f"{programs}/initdb", os.X_OK) else None


def _as_server():
    """Return what makes a command run as somebody PostgreSQL accepts: it refuses to run as root."""
    if os.geteuid():
        return [], None
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return ["setpriv", f"--reuid={found.pw_uid}", f"--regid={found.pw_gid}", "--clear-groups"], found
    return None, None


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """Run a PostgreSQL server on loopback for this session; skip where there is none."""
    pytest.importorskip("psycopg", reason="needs the extra postgres")
    pg_ctl, (prefix, user) = _pg_ctl(), _as_server()
    if pg_ctl is None or prefix is None or (prefix and not shutil.which("setpriv")):
        pytest.skip("no PostgreSQL server can be started here")
    folder = tmp_path_factory.mktemp("postgresql")
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
        for parent in folder.parents[:3]:  # made for the owner alone by pytest
            if parent.stat().st_uid == os.geteuid() and parent.name.startswith("pytest-"):
                parent.chmod(0o755)
        folder.parent.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    programs, data = os.path.dirname(os.path.realpath(pg_ctl)), folder / "data"

    def run(*words):
        subprocess.run([*prefix, *words], cwd="/", check=True, capture_output=True, timeout=120)

    run(f"{programs}/initdb", "-D", str(data), "-U", "cds", "-A", "trust", "--no-sync")
    options = f"-h 127.0.0.1 -p {port} -c unix_socket_directories='' -c dynamic_shared_memory_type=mmap -c shared_buffers=16MB"
    run(pg_ctl, "-D", str(data), "-o", options, "-l", str(folder / "log"), "-w", "start")
    yield f"postgresql+psycopg://cds@127.0.0.1:{port}/postgres"
    run(pg_ctl, "-D", str(data), "-m", "immediate", "stop")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The address of an empty database, one for each kind the feedback can be kept in."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'feedback.sqlite3'}"
    address = request.getfixturevalue("postgresql")
    from sqlalchemy import MetaData, create_engine

    engine = create_engine(address)
    metadata = MetaData()
    metadata.reflect(engine)
    metadata.drop_all(engine)
    engine.dispose()
    return address


@pytest.fixture
def store(url):
    store = open_store(url)
    yield store
    store.close()
