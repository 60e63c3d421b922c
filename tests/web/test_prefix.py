"""The service under a path: behind a proxy that keeps the prefix, behind one that takes it off, and with none."""

import re

import pytest

from cds_service.auth import Clients, TrustedClient
from cds_service.errors import SettingsError
from cds_service.settings import Settings

from ..auth import forge
from ..auth.forge import ISSUER, bearer, claims, token
from .conftest import PATH

PREFIX = "/decision/support"
BASE = f"https://h.example{PREFIX}"
#: Ways an EHR writes the addresses; each must lead to the same answer.
DISCOVERY = ("/cds-services", "/cds-services/", "/cds-services//")
CALLS = (PATH, f"{PATH}/", PATH.replace("/twitch", "//twitch"), f"{PATH.replace('/twitch', '//twitch')}/")
FEEDBACK = tuple(f"{path.rstrip('/')}/feedback{end}" for path in CALLS for end in ("", "/"))


@pytest.fixture(params=["kept", "taken off"])
def through(request):
    """Return what a proxy makes of a path under the prefix."""
    return (lambda path: PREFIX + path) if request.param == "kept" else (lambda path: path)


@pytest.fixture
def prefixed(make_app):
    return make_app(public_base_url=f"{BASE}/").test_client()


def test_disc_1_discovery_answers_under_the_prefix(prefixed, client, through):
    plain = client.get("/cds-services").data
    for path in DISCOVERY:
        response = prefixed.get(through(path))
        assert (response.status_code, response.data) == (200, plain), path


def test_call_1_calls_and_feedback_are_answered_under_the_prefix(prefixed, call, through):
    answers = {prefixed.post(through(path), json=call).data for path in CALLS}
    assert len(answers) == 1
    for path in FEEDBACK:
        assert prefixed.post(through(path), json={"feedback": []}).status_code == 200, path
    assert prefixed.post(through("/explain/twitch-patient-view"), json=call).status_code == 200


@pytest.mark.parametrize("path", [*DISCOVERY, *CALLS, *FEEDBACK])
def test_slashes_too_many_are_borne_without_prefix_as_well(client, call, path):
    if path in DISCOVERY:
        assert client.get(path).status_code == 200
    else:
        body = {"feedback": []} if "feedback" in path else call
        assert client.post(path, json=body).status_code == 200


def test_links_of_cards_lead_to_pages_under_the_prefix(prefixed, call, through):
    cards = prefixed.post(through(PATH), json=call).get_json()["cards"]
    urls = [card["source"]["url"] for card in cards] + [
        link["url"] for card in cards for link in card["links"] if "/rules/" in link["url"]
    ]
    assert urls
    for url in urls:
        assert url.startswith(f"{BASE}/rules/")
        assert prefixed.get(through(url.removeprefix(BASE))).status_code == 200


def test_pages_link_inside_the_prefix(prefixed, through):
    for path in ("/", "/rules", "/rules/hypokalemia-drug"):
        page = prefixed.get(through(path))
        assert page.status_code == 200
        inner = [link for link in re.findall(r'(?:href|action)="([^"]*)"', page.text) if link.startswith("/")]
        assert inner
        for link in inner:
            assert link.startswith(f"{PREFIX}/"), path
            with prefixed.get(link) as answer:
                assert answer.status_code == 200


def test_openapi_names_the_prefix_as_server(prefixed, through):
    assert prefixed.get(through("/openapi.json")).get_json()["servers"] == [{"url": BASE}]


def test_no_header_of_a_request_moves_the_service(prefixed, client, call):
    headers = {
        "X-Forwarded-Prefix": "/evil",
        "X-Script-Name": "/evil",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "http",
        "Forwarded": "host=evil.example",
        "Host": "evil.example",
    }
    for one in (prefixed, client):
        assert one.post(PATH, json=call, headers=headers).data == one.post(PATH, json=call).data
        assert "evil" not in one.get("/rules", headers=headers).text
        assert one.get("/evil/cds-services", headers=headers).status_code == 404


def test_a_slash_too_many_in_front_is_borne(prefixed, client):
    for one in (prefixed, client):
        response = one.get("/", environ_overrides={"PATH_INFO": "//cds-services"})
        assert len(response.get_json()["services"]) == 7


@pytest.mark.parametrize("path", ["/decision", "/decision/supporter/cds-services", "/other/cds-services"])
def test_other_prefixes_are_not_served(prefixed, path):
    assert prefixed.get(path).status_code == 404


@pytest.mark.parametrize("path", [*CALLS, *FEEDBACK])
def test_jwt_7_the_audience_is_the_address_that_is_called_with_the_prefix(
    make_app, call, tmp_path, through, path
):
    keys = tmp_path / "jwks.json"
    keys.write_bytes(forge.jwks("ec"))
    client = make_app(
        clients=Clients([TrustedClient(ISSUER, str(keys), "")]), public_base_url=BASE
    ).test_client()
    body = {"feedback": []} if "feedback" in path else call

    def status(audience):
        headers = {"Authorization": bearer(token(claims(audience)))}
        return client.post(through(path), json=body, headers=headers).status_code

    assert status(BASE + path) == 200
    assert status(f"https://h.example{path}") == 401
    assert status(f"{BASE}{PREFIX}{path}") == 401


@pytest.mark.parametrize(
    "address",
    [
        "https://h/cds-services",
        "https://h/rules/x",
        "https://h/livez",
        "https://h/a b",
        "https://h/a/../b",
        "https://h/a//b",
        "https://h/%2e",
        "https://h/a;b",
    ],
)
def test_a_path_that_is_no_prefix_is_refused_at_the_start(address):
    with pytest.raises(SettingsError, match="S015"):
        Settings(public_base_url=address)


@pytest.mark.parametrize(
    "address", ["https://h", "https://h/", "https://h/x", "https://h/x/", "https://h/x-1/y_2"]
)
def test_an_address_with_and_without_path_is_taken(address):
    assert Settings(public_base_url=address).base_url == address.rstrip("/")
