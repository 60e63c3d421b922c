"""Which pages in a browser may read which answers: every route, method, origin and status (CORS-1 to CORS-3)."""

import json

import pytest

from cds_service.auth import Clients, TrustedClient
from cds_service.errors import SettingsError
from cds_service.settings import Settings

from ..auth import forge
from ..auth.forge import BASE, ISSUER
from .conftest import ORIGIN, PATH

FEEDBACK = f"{PATH}/feedback"
EXPLAIN = "/explain/twitch-patient-view"
DISCOVERY = ("/cds-services", "/cds-services/", "/cds-services//")
GUARDED = (PATH, f"{PATH}/", PATH.replace("/twitch", "//twitch"), FEEDBACK, f"{FEEDBACK}/", EXPLAIN)
PAGES = ("/", "/rules", "/livez", "/readyz", "/metrics", "/openapi.json", "/nothing")

#: Origin header -> whether it is one of the setting; None: no header.
ORIGINS = {
    ORIGIN: True,
    "https://evil.example": False,
    "null": False,
    None: False,
    f"{ORIGIN}.evil.example": False,
    f"{ORIGIN}:444": False,
    "http://ehr.example": False,
    ORIGIN.upper(): False,
    f"{ORIGIN}/": False,
    "*": False,
}
EMPTY = json.dumps({"feedback": []})


def _headers(origin, **more):
    return ({} if origin is None else {"Origin": origin}) | more


def _assert_allowed(response, allowed):
    """Check the headers; ``allowed``: the one origin, "*" or empty."""
    assert response.headers.get("Access-Control-Allow-Origin", "") == allowed
    assert len(response.headers.getlist("Access-Control-Allow-Origin")) == bool(allowed)
    assert "Access-Control-Allow-Credentials" not in response.headers
    if allowed != "*":
        assert "Origin" in response.headers.get("Vary", "")
    if not allowed:
        assert not [name for name, _ in response.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", [*DISCOVERY, *GUARDED])
def test_cors_1_and_2_preflight_of_every_route_and_origin(client, path, origin):
    method = "GET" if path in DISCOVERY else "POST"
    asked = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = client.options(path, headers=_headers(origin, **asked))
    assert response.status_code == 200
    allowed = "*" if path in DISCOVERY else ORIGIN if ORIGINS[origin] else ""
    _assert_allowed(response, allowed)
    if allowed:
        assert method in response.headers["Access-Control-Allow-Methods"].split(", ")
        headers = response.headers["Access-Control-Allow-Headers"].split(", ")
        assert {"authorization", "content-type"} <= set(headers)
        assert int(response.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", DISCOVERY)
def test_cors_1_discovery_may_be_read_from_everywhere(client, path, origin):
    response = client.get(path, headers=_headers(origin))
    assert (response.status_code, len(response.get_json()["services"])) == (200, 7)
    _assert_allowed(response, "*")


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("path", PAGES)
def test_pages_and_operations_are_for_no_script_of_another_origin(client, path, origin):
    for method in ("GET", "OPTIONS", "POST"):
        response = client.open(path, method=method, headers=_headers(origin))
        assert "Access-Control-Allow-Origin" not in response.headers


# --- every status carries the headers, or the browser hides the OperationOutcome (CORS-3)


def _broken(*arguments, **options):
    raise RuntimeError("made by the test")


def _sent(make_app, call, status, monkeypatch, tmp_path):
    """Return application, method, path, body and content type of a request that is answered so."""
    sent = {"method": "POST", "path": PATH, "data": json.dumps(call), "content_type": "application/json"}
    given = {}
    if status == 400:
        sent["data"] = "no json"
    elif status == 401:
        keys = tmp_path / "jwks.json"
        keys.write_bytes(forge.jwks("ec"))
        given = {"clients": Clients([TrustedClient(ISSUER, str(keys), "")]), "public_base_url": BASE}
    elif status == 404:
        sent["path"] = "/cds-services/unknown"
    elif status == 405:
        sent["method"] = "PUT"
    elif status == 412:
        sent["data"] = json.dumps({name: value for name, value in call.items() if name != "prefetch"})
    elif status == 413:
        given, sent["data"] = {"max_body_mib": 1}, " " * (1024 * 1024 + 1)
    elif status == 415:
        sent["content_type"] = "text/plain"
    elif status == 500:
        monkeypatch.setattr("cds_service.web.hooks.answer_call", _broken)
    application = make_app(**given)
    if status == 503:
        state = application.extensions["twitch-cds"]
        while state.turns._places.acquire(blocking=False):
            pass
    return application.test_client(), sent


@pytest.mark.parametrize("status", [200, 400, 401, 404, 405, 412, 413, 415, 500, 503])
def test_cors_3_every_answer_to_a_call_carries_the_headers(make_app, call, status, monkeypatch, tmp_path):
    client, sent = _sent(make_app, call, status, monkeypatch, tmp_path)
    for origin, is_listed in ORIGINS.items():
        response = client.open(headers=_headers(origin), **sent)
        assert response.status_code == status
        _assert_allowed(response, ORIGIN if is_listed else "")
        if is_listed:
            exposed = response.headers["Access-Control-Expose-Headers"].split(", ")
            assert {"Retry-After", "X-Request-ID"} <= set(exposed)
            assert status == 200 or response.get_json()["issue"]


@pytest.mark.parametrize(
    ("path", "method", "data", "status"),
    [
        (FEEDBACK, "POST", EMPTY, 200),
        (FEEDBACK, "POST", "[]", 400),
        (FEEDBACK, "GET", None, 405),
        ("/cds-services/unknown/feedback", "POST", EMPTY, 404),
        ("/cds-services/a/b/c", "POST", EMPTY, 404),
        (EXPLAIN, "POST", "no json", 400),
        (EXPLAIN, "DELETE", None, 405),
        ("/explain/unknown", "POST", "{}", 404),
        ("/explain", "POST", "{}", 404),
    ],
)
def test_cors_3_feedback_and_explanations_too(client, path, method, data, status):
    for origin, is_listed in ORIGINS.items():
        response = client.open(
            path, method=method, data=data, content_type="application/json", headers=_headers(origin)
        )
        assert response.status_code == status
        _assert_allowed(response, ORIGIN if is_listed else "")


def test_cors_2_a_preflight_needs_no_token(make_app, call, tmp_path):
    keys = tmp_path / "jwks.json"
    keys.write_bytes(forge.jwks("ec"))
    client = make_app(
        clients=Clients([TrustedClient(ISSUER, str(keys), "")]), public_base_url=BASE
    ).test_client()
    for path in (*DISCOVERY, *GUARDED):
        response = client.options(path, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
        assert response.status_code == 200
        assert response.headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
    assert client.post(PATH, json=call, headers={"Origin": ORIGIN}).status_code == 401


def test_every_origin_is_one_answer_for_all(make_app, call):
    client = make_app(cors_origins=("*",)).test_client()
    for origin in ORIGINS:
        for path, status in ((PATH, 200), (FEEDBACK, 400)):
            response = client.post(path, json=call, headers=_headers(origin))
            assert response.status_code == status
            _assert_allowed(response, "*")


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example/",
        "https://A.example",
        "a.example",
        "null",
        "https://a.example:443",
        "http://a:80",
        "file://",
    ],
)
def test_an_origin_that_no_browser_would_send_is_refused_at_the_start(origin):
    with pytest.raises(SettingsError, match="S009"):
        Settings(cors_origins=(origin,))


@pytest.mark.parametrize("origin", ["https://a.example", "http://localhost:8080", "https://[::1]:8443"])
def test_an_origin_as_browsers_send_it_is_taken(origin):
    assert Settings(cors_origins=(origin,)).cors_origins == (origin,)
