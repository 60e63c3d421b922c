import json

import pytest

from cds_service.auth import Clients, TrustedClient, read_clients
from cds_service.errors import SettingsError
from cds_service.settings import Settings, as_environment, load_settings, shown_settings
from cds_service.settings.refusals import refuse_open_network

from .forge import ISSUER, JKU, jwks

ENTRY = {"issuer": ISSUER, "jwks_url": JKU}


@pytest.fixture
def pinned(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_bytes(jwks("ec"))
    return path


def _codes(error):
    return [issue.code for issue in error.value.issues]


def test_a_client_has_safe_defaults():
    (client,) = read_clients([ENTRY])
    assert client == TrustedClient(ISSUER, jwks_url=JKU)
    assert client.algorithms == ("ES384", "RS384")
    assert client.max_life_seconds == 300


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({}, "S040"),
        (ENTRY, "S040"),
        (["a"], "S040"),
        ("{", "S040"),
        ("[" * 100_000, "S040"),
        (7, "S040"),
        ([ENTRY] * 101, "S040"),
        ([{**ENTRY, "isuer": "a"}], "S041"),
        ([{**ENTRY, "issuer": ""}], "S041"),
        ([{**ENTRY, "issuer": 7}], "S041"),
        ([{**ENTRY, "issuer": "a\0"}], "S041"),
        ([{**ENTRY, "algorithms": ["none"]}], "S041"),
        ([{**ENTRY, "algorithms": ["HS256"]}], "S041"),
        ([{**ENTRY, "algorithms": []}], "S041"),
        ([{**ENTRY, "algorithms": "ES384"}], "S041"),
        ([{**ENTRY, "tenants": "north"}], "S041"),
        ([{**ENTRY, "max_life_seconds": 0}], "S041"),
        ([{**ENTRY, "max_life_seconds": 3601}], "S041"),
        ([{**ENTRY, "max_life_seconds": True}], "S041"),
        ([{**ENTRY, "jwks_url": "http://ehr.example/jwks.json"}], "S041"),
        ([{**ENTRY, "jwks_url": "https://user:secret@ehr.example/"}], "S041"),
        ([{**ENTRY, "jwks_url": "file:///etc/passwd"}], "S041"),
        ([{**ENTRY, "jwks_url": "https://[::1"}], "S041"),
        ([{"issuer": ISSUER}], "S042"),
        ([ENTRY, {**ENTRY, "tenants": ["a"]}], "S044"),
    ],
)
def test_clients_that_cannot_be_meant_are_refused(raw, code):
    with pytest.raises(SettingsError) as error:
        read_clients(raw)
    assert set(_codes(error)) == {code}


def test_every_wrong_client_is_told_with_its_place():
    with pytest.raises(SettingsError) as error:
        read_clients([ENTRY, {"issuer": "a"}, {"jwks_url": JKU}], "site.toml")
    assert [(issue.where, issue.code) for issue in error.value.issues] == [
        ("site.toml clients[1]", "S042"),
        ("site.toml clients[2]", "S041"),
    ]


def test_the_settings_file_names_clients_as_tables(tmp_path, pinned):
    path = tmp_path / "site.toml"
    path.write_text(
        f'[[clients]]\nissuer = "{ISSUER}"\njwks_file = "{pinned}"\ntenants = ["north"]\n'
        f'[[clients]]\nissuer = "https://b.example"\njwks_url = "{JKU}"\nalgorithms = ["ES256"]\n'
    )
    clients = load_settings(path).clients
    assert [item.issuer for item in clients] == [ISSUER, "https://b.example"]
    assert clients[0].tenants == ("north",)


def test_the_environment_carries_the_clients(pinned):
    settings = Settings(
        clients=Clients([TrustedClient(ISSUER, str(pinned), JKU, ("ES256", "ES384"), ("n",), 60)])
    )
    assert load_settings(environment=as_environment(settings)) == settings
    assert load_settings(environment=as_environment(Settings())) == Settings()


def test_the_clients_are_shown_as_they_are_written(pinned):
    settings = Settings(clients=Clients([TrustedClient(ISSUER, str(pinned))]))
    shown = json.loads(json.dumps(shown_settings(settings)))["clients"]
    assert read_clients(shown) == settings.clients


@pytest.mark.parametrize(
    "content", [None, b"{}", jwks("weak"), jwks("p256")], ids=["absent", "none", "weak", "unlisted"]
)
def test_a_pinned_file_without_a_key_to_use_stops_the_start(tmp_path, content):
    path = tmp_path / "keys.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        Settings(clients=Clients([TrustedClient(ISSUER, str(path))]))
    assert _codes(error) == ["S043"]


@pytest.mark.parametrize("url", ["", "http://cds.example"])
def test_an_open_host_with_clients_needs_an_https_address(pinned, url):
    clients = Clients([TrustedClient(ISSUER, str(pinned))])
    with pytest.raises(SettingsError) as error:
        refuse_open_network(Settings(host="0.0.0.0", clients=clients, public_base_url=url))
    assert _codes(error) == ["S022"]
    refuse_open_network(Settings(host="0.0.0.0", clients=clients, public_base_url="https://cds.example"))


def test_without_clients_only_this_machine_is_served():
    with pytest.raises(SettingsError) as error:
        refuse_open_network(Settings(host="0.0.0.0", public_base_url="https://cds.example"))
    assert _codes(error) == ["S020"]
