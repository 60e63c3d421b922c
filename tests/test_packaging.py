"""However the project is installed, its knowledge is found; what is installed is pinned with hashes.

Everything here works without a network: the build back end and all libraries are those of the
environment that runs the tests.
"""

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REQUIREMENTS = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-build.txt",
    "requirements-postgres.txt",
]
SITE = Path(pytest.__file__).parents[1]

_PROBE = """
import cds_service, cds_service.content as content
root = content.content_root()
assert (root / "cards" / "schema").is_dir(), root
assert any((root / "terminology").rglob("*.yaml")), root
from cds_service.ready import bundled_patients, ready_knowledge, rehearse
assert ready_knowledge(None).rules
assert rehearse(ready_knowledge(None)) == len(bundled_patients()) > 0
print(cds_service.__file__, root)
"""


def _run(*command, cwd=ROOT, **environment):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _build(kind, source, out):
    _run(sys.executable, "-m", "build", "--no-isolation", f"--{kind}", "--outdir", out, source)
    return next(path for path in Path(out).iterdir() if path.suffix == (".whl" if kind == "wheel" else ".gz"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return _build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return _build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


def _fresh_environment(folder):
    """Return the Python of a new environment that sees the libraries of this one, after its own."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = Path(_run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # Added at the end of sys.path; a project installed in the running environment is not seen through it.
    (site / "libraries.pth").write_text(f"{SITE}\n")
    return python


def _installed_at(python, what, *options):
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet", *options, what)
    return _run(python, "-c", _PROBE, cwd=python.parent).split()


def test_a_wheel_carries_its_knowledge(wheel, tmp_path):
    module, root = _installed_at(_fresh_environment(tmp_path / "env"), wheel)
    assert Path(module).is_relative_to(tmp_path)
    assert Path(root).parts[-2:] == ("cds_service", "_content")


def test_a_wheel_from_the_sdist_is_the_same_wheel(wheel, unpacked, tmp_path):
    second = _build("wheel", unpacked, tmp_path / "out")
    with zipfile.ZipFile(wheel) as one, zipfile.ZipFile(second) as two:
        assert _digest(one) == _digest(two)
    module, root = _installed_at(_fresh_environment(tmp_path / "env"), second)
    assert Path(module).is_relative_to(tmp_path)
    assert Path(root).name == "_content"


def test_an_sdist_installs(unpacked, tmp_path):
    module, root = _installed_at(_fresh_environment(tmp_path / "env"), unpacked, "--no-build-isolation")
    assert Path(module).is_relative_to(tmp_path)
    assert Path(root).name == "_content"


def test_an_editable_install_finds_the_checkout(unpacked, tmp_path):
    module, root = _installed_at(
        _fresh_environment(tmp_path / "env"), unpacked, "--no-build-isolation", "--editable"
    )
    assert Path(module).is_relative_to(unpacked)
    assert Path(root) == unpacked
    assert list((tmp_path / "env").rglob("_content")) == []  # no stale copy beside the checkout


def test_the_command_is_installed(wheel, tmp_path):
    python = _fresh_environment(tmp_path / "env")
    _installed_at(python, wheel)
    assert "Not a medical device" in _run(python.parent / "twitch-cds", "--help", cwd=tmp_path)


def test_the_wheel_holds_the_package_and_nothing_beside_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        packed = [name for name in archive.namelist() if name.startswith("cds_service/_content/")]
    assert tops == {"cds_service", "twitch_cds-0.1.0.dist-info"}
    assert [name for name in packed if name.endswith(".py")] == []


def test_the_wheel_holds_the_sandbox_with_its_patients_and_licences(wheel):
    """Every file of the pages and of the bundled patients, byte for byte."""
    web = ROOT / "cds_service" / "web"
    page, patients = web / "sandbox" / "static", ROOT / "fixtures" / "patients"
    shared = [path for folder in (page, web / "static", web / "templates") for path in folder.rglob("*")]
    files = {path: path.relative_to(ROOT).as_posix() for path in shared if path.is_file()}
    packed = {path: path.relative_to(ROOT).as_posix() for path in patients.rglob("*") if path.is_file()}
    expected = files | {path: f"cds_service/_content/{name}" for path, name in packed.items()}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert set(expected.values()) - names == set()
        assert [name for path, name in expected.items() if archive.read(name) != path.read_bytes()] == []
    vendored = [path for path in (page / "vendor").iterdir() if path.is_dir()]
    assert vendored and {files[path / "LICENSE"] for path in vendored} <= names
    assert {"index.html", "feedback.html", "tokens.css", "theme.js", "layout.html"} <= {
        path.name for path in files
    }
    assert {"bundle.json", "expected.json"} <= {path.name for path in packed}


def test_every_committed_file_that_matters_is_in_the_sdist(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("cards", "terminology", "cds_service", "tests", "docs", "fixtures"):
        here = {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        assert here - names == set()
    assert {"LICENSE", "README.md", "Makefile", "requirements.txt", ".ci/run"} <= names


def _digest(archive):
    return {
        item.filename: archive.read(item)
        for item in archive.infolist()
        if not item.filename.endswith(("RECORD", "METADATA"))
    }


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_pinned_with_hashes(name):
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert lines
    for line in lines:
        assert re.match(r"[A-Za-z0-9._\[\]-]+==\S+( ;.*)?\s+--hash=sha256:[0-9a-f]{64}", line), line


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_no_host_stands_in_the_requirements(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    assert re.findall(r"https?:|file:|^-|(?<![\w.])/\w+/", text, re.MULTILINE) == []


def test_the_developer_pins_agree_with_the_run_time_pins():
    pins = [
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in REQUIREMENTS
    ]
    run, dev, build, postgres = pins
    assert {name: dev[name] for name in run} == run
    assert {**run, **postgres} == postgres  # the image needs one file
    assert {name: dev[name] for name in postgres} == postgres
    assert all({**run, **dev}.get(name, version) == version for name, version in build.items())


def test_direct_dependencies_are_few_and_all_pinned():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.match(r"[\w.-]+", line).group().lower().replace(".", "-") for line in project["dependencies"]]
    assert len(names) <= 15
    pinned = (ROOT / "requirements.txt").read_text()
    assert [name for name in names if not re.search(rf"^{name}==", pinned, re.MULTILINE)] == []
    assert {"spark", "parquet", "postgres", "fast-gzip", "report"} <= set(project["optional-dependencies"])


def test_the_version_is_said_once_and_the_same():
    import cds_service

    assert (
        tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == cds_service.__version__
    )
