import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.errors import SettingsError
from cds_service.settings import Settings, as_environment, load_settings, settings_table, shown_settings
from cds_service.settings.refusals import refuse_open_network


def _codes(error):
    return [issue.code for issue in error.value.issues]


def test_defaults_are_safe():
    settings = load_settings()
    assert settings.is_loopback
    assert settings.allow_as_of is False
    assert settings.cors_origins == ()


def test_command_line_beats_environment_beats_file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text('port = 8001\nworkers = 2\nhost = "localhost"\n')
    settings = load_settings(
        path, {"TWITCH_CDS_PORT": "8002", "TWITCH_CDS_WORKERS": "3"}, {"port": 8003, "host": None}
    )
    assert (settings.port, settings.workers, settings.host) == (8003, 3, "localhost")


def test_unknown_name_is_an_error_with_a_suggestion(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text("alow_as_of = true\n")
    with pytest.raises(SettingsError, match="Did you mean allow_as_of") as error:
        load_settings(path)
    assert _codes(error) == ["S004"]
    assert error.value.issues[0].where == "settings.toml"


def test_unknown_variable_is_an_error_and_foreign_ones_are_not():
    with pytest.raises(SettingsError):
        load_settings(environment={"TWITCH_CDS_PROT": "1"})
    assert load_settings(environment={"PROT": "1"}) == Settings()


def test_all_faults_are_told_at_once():
    with pytest.raises(SettingsError) as error:
        load_settings(environment={"TWITCH_CDS_PORT": "many", "TWITCH_CDS_ALLOW_AS_OF": "yes"})
    assert _codes(error) == ["S005", "S005"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"port": 0}, "S006"),
        ({"workers": 65}, "S006"),
        ({"max_body_mib": 0}, "S006"),
        ({"log_level": "loud"}, "S007"),
        ({"public_base_url": "cds.example"}, "S008"),
        ({"public_base_url": "https://cds.example/?a=1"}, "S008"),
        ({"cors_origins": ("*", "https://ehr.example")}, "S009"),
        ({"cors_origins": ("https://ehr.example/path",)}, "S009"),
        ({"content": "no/such/folder"}, "S010"),
        ({"fhir_servers": ("fhir.example/r4",)}, "S025"),
        ({"fhir_servers": ("https://fhir.example/r4?x=1",)}, "S025"),
        ({"fhir_servers": ("https://fhir.example/r4 for ",)}, "S025"),
        ({"fhir_networks": ("10.1.2.3/8",)}, "S025"),
        ({"fhir_patient_form": "name"}, "S026"),
        ({"fhir_ca_file": "no/such/file.pem"}, "S027"),
        ({"fhir_deadline_ms": 99}, "S006"),
        ({"fhir_max_mib": 257}, "S006"),
        ({"fhir_max_pages": 0}, "S006"),
        ({"fhir_max_codes": -1}, "S006"),
    ],
)
def test_values_that_cannot_work_are_refused(values, code):
    with pytest.raises(SettingsError) as error:
        Settings(**values)
    assert _codes(error) == [code]


def test_what_may_be_asked_of_fhir_servers_comes_from_the_settings():
    settings = load_settings(
        environment={
            "TWITCH_CDS_FHIR_SERVERS": "https://a.example/r4 for https://ehr.example, https://b.example",
            "TWITCH_CDS_FHIR_NETWORKS": "10.1.0.0/16",
            "TWITCH_CDS_FHIR_DEADLINE_MS": "500",
        }
    )
    access = settings.fhir_access
    assert [(server.base, server.issuer) for server in access.servers] == [
        ("https://a.example/r4", "https://ehr.example"),
        ("https://b.example", ""),
    ]
    assert (access.seconds, str(access.networks[0])) == (0.5, "10.1.0.0/16")
    assert Settings().fhir_access.servers == ()


@pytest.mark.parametrize("text", ["port = ", "a = 1\na = 2", "[[[", "\x00"])
def test_a_file_that_is_not_toml_is_refused(tmp_path, text):
    path = tmp_path / "settings.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as error:
        load_settings(path)
    assert _codes(error) == ["S003"]


def test_an_absent_file_is_refused(tmp_path):
    with pytest.raises(SettingsError) as error:
        load_settings(tmp_path / "absent.toml")
    assert _codes(error) == ["S001"]


@given(
    port=st.integers(1, 65535),
    allow=st.booleans(),
    origins=st.lists(st.sampled_from(["https://a.example", "http://b.example:81"]), unique=True),
)
def test_the_environment_carries_every_setting(port, allow, origins):
    settings = Settings(port=port, allow_as_of=allow, cors_origins=tuple(origins))
    assert load_settings(environment=as_environment(settings)) == settings


def test_passwords_are_not_shown():
    shown = shown_settings(Settings(store_url="postgresql://cds:se@cret@db.example/cds"))
    assert shown["store_url"] == "postgresql://cds:***@db.example/cds"


@pytest.mark.parametrize(
    ("host", "is_open"),
    [("127.0.0.1", False), ("::1", False), ("127.example.org", True), ("0.0.0.0", True), ("10.0.0.7", True)],
)
def test_only_loopback_hosts_are_served_without_trusted_clients(host, is_open):
    settings = Settings(host=host)
    if is_open:
        with pytest.raises(SettingsError, match="no trusted clients"):
            refuse_open_network(settings)
    else:
        refuse_open_network(settings)


def test_the_base_url_is_what_stands_on_cards():
    assert Settings().base_url == "http://127.0.0.1:8000"
    assert Settings(host="::1").base_url == "http://[::1]:8000"
    assert Settings(public_base_url="https://cds.example/twitch/").base_url == "https://cds.example/twitch"


def test_every_setting_has_a_meaning():
    assert all(meaning.endswith(".") for _name, _variable, _default, meaning in settings_table())
