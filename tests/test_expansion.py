"""Value sets are expanded against a real server on this machine; what it says is bounded and checked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from cds_service.cli import fhir_server
from cds_service.content import content_root
from cds_service.errors import RequestError, SettingsError
from cds_service.terminology import Terminology, load_terminology, with_local_codes
from cds_service.terminology.expansion import PAGE, Expanded, SetRoots, expand, sets_to_expand
from cds_service.terminology.expansion_file import write_expansions

SCT = "http://snomed.info/sct"
Answer = Callable[[dict[str, Any]], tuple[int, dict[str, str], bytes]]


@cache
def terminology() -> Terminology:
    return load_terminology(content_root())


@cache
def asked() -> SetRoots:
    return next(item for item in sets_to_expand(terminology()) if item.kind == "condition")


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], str]]:
    """Start a server that answers as told; return its address."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, headers, sent = answer({"path": self.path, "headers": dict(self.headers), **body})
                self.send_response(status)
                for name, value in {"Content-Length": str(len(sent)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}/fhir/"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def parameter(question: dict[str, Any], name: str) -> Any:
    row = next(item for item in question["parameter"] if item["name"] == name)
    return next(value for key, value in row.items() if key != "name")


def contains(codes: list[str]) -> list[dict[str, Any]]:
    return [{"system": SCT, "code": code} for code in codes]


def expansion(rows: list[dict[str, Any]], **more: Any) -> bytes:
    return json.dumps({"resourceType": "ValueSet", "expansion": {"contains": rows, **more}}).encode()


def paged(codes: list[str], *, total: bool) -> Answer:
    def answer(question: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        start, count = parameter(question, "offset"), parameter(question, "count")
        more = {"total": len(codes)} if total else {}
        return 200, {}, expansion(contains(codes[start : start + count]), **more)

    return answer


def many(count: int) -> list[str]:
    return [*asked().roots, *(str(10_000_000 + number) for number in range(count - len(asked().roots)))]


@pytest.mark.parametrize("total", [True, False])
@pytest.mark.parametrize("count", [1 + PAGE // 2, PAGE, 2 * PAGE + 7])
def test_all_pages_are_read(serve: Callable[[Answer], str], total: bool, count: int) -> None:
    fetch = fhir_server.expander(serve(paged(many(count), total=total)))
    assert expand(asked(), terminology(), fetch).codes == tuple(sorted(many(count)))


def test_a_server_without_pages_is_read_once(serve: Callable[[Answer], str]) -> None:
    whole = many(PAGE + 5)
    fetch = fhir_server.expander(serve(lambda _question: (200, {}, expansion(contains(whole)))))
    assert len(expand(asked(), terminology(), fetch).codes) == PAGE + 5


def test_the_question_names_every_root_and_nothing_else(serve: Callable[[Answer], str]) -> None:
    seen: list[dict[str, Any]] = []

    def answer(question: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        seen.append(question)
        return 200, {}, expansion([], total=0)

    found = expand(asked(), terminology(), fhir_server.expander(serve(answer)))
    assert found.unknown_roots == asked().roots
    (question,) = seen
    assert question["path"] == "/fhir/ValueSet/$expand"
    assert "Authorization" not in question["headers"]
    include = parameter(question, "valueSet")["compose"]["include"]
    assert [row["filter"][0]["value"] for row in include] == list(asked().roots)
    assert {(row["system"], row["filter"][0]["op"]) for row in include} == {(SCT, "is-a")}


def test_nested_and_grouping_entries_and_foreign_systems(serve: Callable[[Answer], str]) -> None:
    rows = [
        {"system": SCT, "code": "1", "abstract": True, "contains": contains(["2"])},
        {"display": "a group", "contains": [{"system": "http://loinc.org", "code": "3"}, *contains(["4"])]},
    ]
    more = {"total": 4, "parameter": [{"name": "used-codesystem", "valueUri": f"{SCT}|2026"}]}
    fetch = fhir_server.expander(serve(lambda _question: (200, {}, expansion(rows, **more))))
    found = expand(asked(), terminology(), fetch)
    assert found.codes == ("2", "4")
    assert found.versions == (f"{SCT}|2026",)


def nested(depth: int) -> bytes:
    return (
        b'{"resourceType":"ValueSet","expansion":{"contains":'
        + b'[{"contains":' * depth
        + b"[]"
        + b"}]" * depth
        + b"}}"
    )


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (200, {}, b"{", "T063"),
        (200, {}, b"[" * 100_000, "T063"),
        (200, {}, b'{"resourceType": "OperationOutcome"}', "T064"),
        (200, {}, b'{"resourceType": "ValueSet"}', "T064"),
        (200, {}, nested(50), "T064"),
        (200, {}, b'{"resourceType": "ValueSet", "expansion": {"contains": {}}}', "T064"),
        (200, {}, b'{"resourceType": "ValueSet", "expansion": {"total": 60000, "contains": []}}', "T061"),
        (200, {}, b'{"resourceType": "ValueSet", "expansion": {"total": 5, "contains": []}}', "T062"),
        (302, {"Location": "http://127.0.0.1:1/"}, b"", "T071"),
        (404, {}, b"", "T071"),
        (500, {}, b"", "T071"),
    ],
)
def test_answers_that_are_none_are_refused(
    serve: Callable[[Answer], str], status: int, headers: dict[str, str], body: bytes, code: str
) -> None:
    fetch = fhir_server.expander(serve(lambda _question: (status, headers, body)))
    with pytest.raises(RequestError) as error:
        expand(asked(), terminology(), fetch)
    assert [issue.code for issue in error.value.issues] == [code]


def test_an_answer_that_is_too_large_is_left(
    serve: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fhir_server, "_MAX_ANSWER", 1_000)
    fetch = fhir_server.expander(serve(lambda _question: (200, {}, b" " * 5_000)))
    with pytest.raises(RequestError, match="T072"):
        fetch(b"{}")


@pytest.mark.parametrize(
    "address", ["http://10.0.0.1/fhir", "https://169.254.169.254/fhir", "https://192.168.0.1/x"]
)
def test_R13_a_network_the_settings_do_not_open_is_not_reached(address: str, connects: list[Any]) -> None:
    with pytest.raises(RequestError, match="T074"):
        fhir_server.expander(address)(b"{}")
    assert {place[0] for place in connects} <= {"name"}


def test_R13_proxies_of_the_environment_are_not_used(
    serve: Callable[[Answer], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    address = serve(lambda _question: (200, {}, expansion([], total=0)))
    for host in ("127.0.0.1", "localhost"):
        fetch = fhir_server.expander(address.replace("127.0.0.1", host))
        assert expand(asked(), terminology(), fetch).codes == ()


def test_certificate_authorities_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="S028"):
        fhir_server.expander("http://127.0.0.1:9/fhir", (), str(tmp_path / "none.pem"))(b"{}")


def test_a_server_that_is_not_there_is_told() -> None:
    with pytest.raises(RequestError, match="T070"):
        fhir_server.expander("http://127.0.0.1:9/fhir")(b"{}")


@pytest.mark.parametrize(
    "address", ["ftp://x", "file:///etc/passwd", "http://", "https://a:b@x/fhir", "https://x/?a=1", "x"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="S030"):
        fhir_server.expander(address)


# --- the file


def written(folder: Path, *expanded: Expanded) -> Path:
    path = folder / "expansions.json"
    write_expansions(path, "https://tx.example/fhir", "2026-11-20T12:00:00+00:00", expanded)
    return path


def test_expanded_codes_are_in_the_set_and_in_those_that_include_it(tmp_path: Path) -> None:
    path = written(tmp_path, Expanded(asked(), (*asked().roots, "999000001")))
    local = with_local_codes(terminology(), expansions=path)
    assert local.faults == [] and local.counts == {"expansions.json": 1}
    assert (
        local.terminology.names_for("condition", SCT, "999000001")
        == terminology().set_parents["condition"][asked().name]
    )
    assert terminology().names_for("condition", SCT, "999000001") == ()
    assert [issue.code for issue in local.notices] == ["T066"]
    assert "2026-11-20" in local.notices[0].what


def test_a_set_that_has_changed_since_is_not_used(tmp_path: Path) -> None:
    old = SetRoots(asked().kind, asked().name, asked().system, ("123",))
    local = with_local_codes(terminology(), expansions=written(tmp_path, Expanded(old, ("123", "999000001"))))
    assert [issue.code for issue in local.notices] == ["T066", "T067"]
    assert local.terminology.names_for("condition", SCT, "999000001") == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"format": 2, "server": "", "expanded": "", "sets": []}',
        '{"format": 1, "server": "", "expanded": "", "sets": [1]}',
    ],
)
def test_a_file_that_is_none_stops_the_start(tmp_path: Path, text: str) -> None:
    path = tmp_path / "expansions.json"
    path.write_text(text)
    assert [issue.code for issue in with_local_codes(terminology(), expansions=path).faults] == ["T065"]


def test_every_set_with_a_code_of_the_system_is_asked_for() -> None:
    everything = sets_to_expand(terminology())
    assert len(everything) > 50
    assert {item.kind for item in everything} >= {"condition", "symptom", "procedure"}
    assert list(everything) == sorted(everything)
