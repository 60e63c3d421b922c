"""The image is what it says, and what runs in it runs without rights on read-only files.

There is no container engine here: the wheel is installed into an environment of its own, made
read-only, and started without capabilities, with one folder to write to.
"""

import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tomllib
import venv
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from shipped import PATH, read_answer

from cds_service.settings import load_settings
from cds_service.settings.refusals import refuse_open_network

from .conftest import ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = ("cds", "cds-postgres")
_REGISTRY = re.compile(r"\b[\w-]+\.[\w.-]+/[\w./-]+:")


def test_the_dockerfile_passes_its_linter():
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if linter is None:
        pytest.skip("hadolint is not installed")
    done = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_runs_as_nobody_special_and_says_how_it_is():
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last and "/readyz" in last
    assert re.findall(r"^VOLUME (.+)$", DOCKERFILE, re.MULTILINE) == ["/data"]
    assert "LICENSE NOTICE" in last
    assert not re.search(r"curl|wget|apt-get|^ADD |PASSWORD|password|secret", DOCKERFILE, re.MULTILINE)
    installs = re.findall(r"pip install (.+)", DOCKERFILE)
    assert installs and all("--require-hashes" in line or "--no-index" in line for line in installs)


def test_no_registry_is_named():
    names = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    names += [service["image"] for service in COMPOSE["services"].values()]
    assert all(":" in name and not _REGISTRY.search(name) and "latest" not in name for name in names)


def test_everything_that_is_copied_is_let_through_and_nothing_else():
    copied = {
        name
        for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
        for name in line.split()
    }
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert "*" in lines
    assert all((ROOT / name).exists() for name in copied)


def test_the_version_of_the_image_is_that_of_the_project():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'image.version="{version}"' in DOCKERFILE
    assert {COMPOSE["services"][name]["image"] for name in OURS} == {f"twitch-cds:{version}"}


@pytest.mark.parametrize("name", OURS)
def test_compose_gives_no_right_that_is_not_needed(name):
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == "10001:10001"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert {"mem_limit", "cpus", "pids_limit", "tmpfs", "init"} <= set(service)
    written = [mount for mount in service["volumes"] if not mount.endswith(":ro")]
    assert written in ([], ["data:/data"])
    assert int(service["stop_grace_period"].rstrip("s")) > load_settings().stop_seconds


def test_the_database_of_compose_has_no_port_outside_and_no_password_of_ours():
    database = COMPOSE["services"]["database"]
    assert "ports" not in database
    assert database["environment"]["POSTGRES_PASSWORD"] == "${POSTGRES_PASSWORD:-}"
    assert "healthcheck" in database


def test_docker_itself_understands_the_compose_file():
    docker = shutil.which("docker")
    command = [
        docker,
        "compose",
        "--file",
        ROOT / "compose.yaml",
        "--profile",
        "postgres",
        "config",
        "--quiet",
    ]
    if (
        docker is None
        or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("there is no docker compose")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_the_settings_of_the_container_are_settings():
    settings = load_settings(ROOT / "deploy" / "site.toml")
    refuse_open_network(settings)
    assert (settings.host, settings.port) == ("0.0.0.0", 8000)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel in an environment of its own, where nothing can be written."""
    built = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", built, ROOT)
    folder = tmp_path_factory.mktemp("image") / "env"
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (site / "libraries.pth").write_text(f"{Path(pytest.__file__).parents[1]}\n")
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", *built.glob("*.whl"))
    _set_writable(folder, False)
    yield folder
    _set_writable(folder, True)


def _run(*command):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command],
        env={**clean, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _set_writable(folder, writable):
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | stat.S_IWUSR if writable else mode & ~0o222)


def _without_rights():
    """Return how a command is run without the rights of an administrator; skip where that cannot be."""
    if os.geteuid():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("run by the administrator, and there is no setpriv")
    return ("setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")


@pytest.mark.slow
def test_it_serves_without_rights_on_read_only_files(installed, serve, body):
    rights = _without_rights()
    probe = subprocess.run(
        [*rights, sys.executable, "-c", f"open({str(installed / 'x')!r}, 'w')"],
        capture_output=True,
        check=False,
    )
    assert b"PermissionError" in probe.stderr  # else this test would show nothing
    command = (*rights, str(installed / "bin" / "twitch-cds"))
    environment = {
        "PATH": f"{installed / 'bin'}:{os.environ['PATH']}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    before = _files(installed)
    with serve(command=command, environment=environment, workers=2) as service:
        assert json.loads(service.get("/readyz")[1])["status"] == "ready"
        cards = _asked(service, PATH, body)["cards"]
        item = {"card": cards[0]["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-20T10:05:31Z"}
        kept = _asked(service, f"{PATH}/feedback", json.dumps({"feedback": [item]}).encode())
        assert kept["new"] == 1
        check = _health_check().replace(":8000", f":{service.port}")
        assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
        assert service.stop() == 0
        assert subprocess.run([sys.executable, "-c", check], capture_output=True, check=False).returncode
    assert _files(installed) == before


def _health_check():
    """Return the program of the image's health check."""
    command = json.loads(re.search(r"HEALTHCHECK [^[]*(\[.*\])", DOCKERFILE).group(1))
    assert command[:2] == ["python", "-c"]
    return command[2]


def _files(folder):
    return {str(path) for path in folder.rglob("*")}


def _asked(service, path, body):
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=60)) as connection:
        connection.sendall(service.message(body, path))
        status, _headers, answer = read_answer(connection)
    assert status == 200, answer
    return json.loads(answer)
