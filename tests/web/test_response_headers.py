"""R17: every route answers with the headers that keep browsers and caches in bounds, and gives no file away."""

import re
from urllib.parse import quote

from .conftest import PATH, ROOT

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")


def _addresses(app):
    """Return an address of every route there is, and of none."""
    values = {"service_id": "twitch-patient-view", "rule_id": "hypokalemia", "filename": "page.css"}
    known = {
        re.sub(r"<([^>]+)>", lambda found: values[found.group(1).rpartition(":")[2]], rule.rule)
        for rule in app.url_map.iter_rules()
    }
    return sorted(
        known | {"/nothing-here", "/rules/no-such-rule", "/rules/static/nothing", "/cds-services/x"}
    )


def _guarded(response, address):
    headers = response.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Server"] == "twitch-cds"
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy and "connect-src" not in policy
    if response.mimetype == "text/html" and (address == "/" or address.startswith("/rules")):
        assert "frame-ancestors *" in policy and "script-src 'self';" in policy
    else:
        assert "script-src" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Frame-Options"] == "DENY"


def test_r17_every_route_method_and_status_carries_the_headers(make_app):
    app = make_app()
    client = app.test_client()
    seen = set()
    for address in _addresses(app):
        for method in _METHODS:
            for body in (b"", b"{}", b"[" * 200):
                with client.open(
                    address, method=method, data=body, content_type="application/json"
                ) as answer:
                    _guarded(answer, address)
                    seen.add(answer.status_code)
                    cache = answer.headers["Cache-Control"]
                    is_open = address.startswith("/rules") or address in (
                        "/",
                        "/cds-services",
                        "/openapi.json",
                    )
                    may_keep = is_open and method in ("GET", "HEAD") and answer.status_code == 200
                    assert cache == ("no-cache" if may_keep else "no-store"), (method, address)
    assert seen >= {200, 400, 404, 405}


def test_r17_what_tells_of_a_patient_is_kept_by_nobody(client, call):
    for address in (PATH, PATH.replace("/cds-services", "/explain"), f"{PATH}/feedback"):
        answer = client.post(address, json=call)
        assert answer.headers["Cache-Control"] == "no-store", address
        assert "ETag" not in answer.headers


def test_r17_a_defect_carries_them_too(client, call, monkeypatch):
    monkeypatch.setattr("cds_service.web.hooks.answer_call", lambda *_a, **_n: 1 / 0)
    answer = client.post(PATH, json=call)
    assert answer.status_code == 500
    _guarded(answer, PATH)
    assert answer.headers["Cache-Control"] == "no-store"


# --- traversal

_TARGETS = (
    "etc/passwd",
    "cds_service/web/problems.py",
    "cards/version.yaml",
    "templates/layout.html",
    "proc/self/environ",
    "windows/win.ini",
    "pyproject.toml",
    ".git/config",
)
_UP = (
    "../",
    "..\\",
    "..%2f",
    "..%5c",
    "%2e%2e/",
    "%2e%2e%2f",
    "%2e%2e%5c",
    "..%252f",
    "%252e%252e%252f",
    "....//",
    "....\\\\",
    "..;/",
    "..%00/",
    "..%0a/",
    "..%c0%af",
    "%c0%ae%c0%ae/",
    "..%e0%80%af",
    "..%ef%bc%8f",
    "\uff0e\uff0e/",
    ".%2e/",
    "%2e./",
    "./../",
    ".//..//",
    "/",
    "//",
    "\\\\",
    "file:///",
    "C:\\",
    "~/",
    "..%u2215",
)


def _forms():
    forms = {f"{base}{up * depth}{target}" for base in ("/rules/", "/rules/static/") for up in _UP
             for depth in (1, 6) for target in _TARGETS}  # fmt: skip
    forms |= {f"/cds-services/{up * 4}{_TARGETS[0]}" for up in _UP}
    forms |= {
        f"/rules/{name}" for name in ("hypokalemia.yaml", "hypokalemia%00", ".", "..", "%2e", "__init__")
    }
    forms |= {f"/rules/static/{name}" for name in ("", ".", "..", "page.css%00.html", "PAGE.CSS")}
    return sorted(forms)


def test_r17_no_way_up_gives_a_file(client):
    forms = _forms()
    assert len(forms) >= 200
    secrets = [(ROOT / "pyproject.toml").read_text()[:60], "root:", "PATH=", "import annotations", "{% block"]
    for form in forms:
        for path in {form, quote(form, safe="/")}:
            with client.get(path) as answer:
                assert answer.status_code == 404, path
                assert answer.get_json()["issue"][0]["details"]["coding"][0]["code"] == "W404"
                assert not any(secret in answer.text for secret in secrets), path
