"""R6, R16: whatever stands in a record, a request or an answer of another server, nobody can act with it on a reader.

Each text of ``tests/data/hostile-text.json`` comes into each place, a different one in each place of a request,
turned by one from request to request. ``make hostile-text`` goes through all turns; ``make test`` through some.
"""

import json
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from cds_service.cli import twitch_cds
from cds_service.knowledge import load_knowledge
from cds_service.text.neutral import neutral
from tests.hostile_text import (
    FAMILIES,
    TEXTS,
    as_json,
    links_in,
    places,
    put,
    rounds,
    unclean,
    unclean_detail,
    unclean_line,
    with_texts,
)

from .conftest import INSTANCE, PATH, ROOT
from .hostile_record import SENDABLE, STEP, TURNS, clean_answer, clean_texts, post, rich_call, usual_of

pytestmark = pytest.mark.hostile

SEVERITY = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "x"}]}


@pytest.fixture
def rich(service):
    """A call with text in every place, every key filled."""
    return rich_call(service)


def test_r6_the_corpus_is_large_and_each_text_is_there_once():
    assert len(TEXTS) == len(set(TEXTS)) >= 300
    assert all(FAMILIES.values())


@pytest.mark.parametrize("text", FAMILIES["surrogates"])
def test_r6_a_call_with_a_lone_surrogate_is_refused_with_a_reason(quiet, rich, text):
    rich["prefetch"]["patient"]["name"][0]["text"] = text
    response = post(quiet, rich)
    assert response.status_code == 400
    assert response.get_json()["issue"][0]["details"]["coding"][0]["code"] == "H002"


def _variants(text, hostile):
    return (hostile, f"{text} {hostile}", f"{hostile} {text}", f"{text}{hostile}")


@pytest.mark.parametrize("turn", TURNS)
def test_r16_hostile_text_in_every_place_of_a_record(quiet, rich, turn):
    where = [at for at, decides in places(rich["prefetch"]) if not decides]
    assert len(where) >= 60
    usual = usual_of(quiet, rich)
    for variant in range(4) if STEP == 1 else [turn // STEP % 4]:
        body = json.loads(json.dumps(rich))
        originals = dict(_all(body["prefetch"], where))
        for index, at in enumerate(where):
            hostile = SENDABLE[(turn + index) % len(SENDABLE)]
            put(body["prefetch"], at, _variants(originals[at], hostile)[variant])
        response = post(quiet, body)
        assert response.status_code == 200, response.text
        answer = response.get_json()
        assert answer["cards"]
        clean_answer(answer, usual)
        if STEP > 1 or variant == turn % 4:
            explained = post(quiet, body, PATH.replace("/cds-services", "/explain"))
            assert explained.status_code == 200
            clean_texts(explained.get_json())


def _all(document, where):
    for at in where:
        value = document
        for step in at:
            value = value[step]
        yield at, value


@pytest.mark.parametrize("turn", TURNS)
def test_r16_hostile_text_where_it_decides_what_the_record_is(quiet, rich, turn):
    """Codes, systems, units, ids, dates, types, hook and user: one of each resource at a time."""
    calls = rounds([at for at, decides in places(rich) if decides or at[0] != "prefetch"])
    usual = usual_of(quiet, rich)
    step = max(1, len(calls) // 3) if STEP > 1 else 1
    for index in range(turn // STEP % step, len(calls), step):
        body = json.loads(json.dumps(rich))
        for number, at in enumerate(calls[index]):
            if at[0] in ("prefetch", "context"):
                put(body, at, SENDABLE[(turn + number * 7 + index) % len(SENDABLE)])
        for path in (PATH, PATH.replace("/cds-services", "/explain")):
            response = post(quiet, body, path)
            assert response.status_code in (200, 400, 412), response.text
            if "cards" in response.get_json():
                clean_answer(response.get_json(), usual)
            else:
                clean_texts(response.get_json())


@pytest.mark.parametrize("turn", TURNS)
def test_r16_hostile_text_in_the_envelope_of_a_call(quiet, rich, turn):
    """Each text, lone surrogates too, in each place of the envelope and in one of the record: alone."""
    deciding = [at for at, decides in places(rich) if decides or at[0] != "prefetch"]
    envelope = [at for at in deciding if at[0] not in ("prefetch", "extension")]
    for at in (*envelope, deciding[turn % len(deciding)]):
        body = json.loads(json.dumps(rich))
        put(body, at, TEXTS[turn])
        response = post(quiet, body)
        assert response.status_code in (200, 400, 412), response.text
        clean_texts(response.get_json())


@pytest.mark.parametrize("turn", TURNS)
def test_r6_hostile_members_of_the_request_and_values_of_keys(quiet, rich, turn):
    text = TEXTS[turn]
    outcome = with_texts(SEVERITY, [("issue", 0, "diagnostics")], turn)
    keys = sorted(rich["prefetch"])
    for value in (text, outcome, {"resourceType": text}, {"resourceType": "Bundle", "entry": text}, [text]):
        body = json.loads(json.dumps(rich))
        body["prefetch"] = {**body["prefetch"], keys[0]: value, keys[-1]: value, text: value}
        body[text or "x"] = text
        response = post(quiet, body)
        assert response.status_code in (200, 400, 412)
        clean_texts(response.get_json())
    answer = post(quiet, text.encode("utf-8", "surrogatepass"))
    assert answer.status_code == 400
    clean_texts(answer.get_json())


@pytest.mark.parametrize("turn", TURNS)
def test_r6_hostile_feedback(quiet, turn):
    base = {"feedback": [{"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-11-20T10:00:00Z",
                          "overrideReason": {"reason": {"code": "r", "system": "s"}, "userComment": "u"}}]}  # fmt: skip
    for at, _decides in places(base):
        body = json.loads(json.dumps(base))
        body["feedback"][0]["card"] = INSTANCE
        put(body, at, TEXTS[turn])
        response = post(quiet, body, f"{PATH}/feedback")
        assert response.status_code in (200, 400)
        clean_texts(response.get_json())


# --- pages


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []
        self.value = None

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, tuple(name for name, _ in attributes)))
        if tag == "input":
            self.value = dict(attributes)["value"]


def _tags(page):
    parser = _Tags()
    parser.feed(page)
    parser.close()
    return parser


#: Elements of which there are as many as rules are found.
_OF_ROWS = ("section", "li", "ul", "h2", "span", "a", "p")


def test_r6_what_is_searched_is_text_on_the_page(quiet):
    def head(page):
        return [item for item in _tags(page).found if item[0] not in _OF_ROWS]

    usual = head(quiet.get("/rules?q=zzzz").text)
    for text in TEXTS[:: 4 if STEP > 1 else 1]:
        query = text.encode("utf-8", "replace").decode()
        response = quiet.get("/rules", query_string={"q": query, "rule": query, query[:50]: "x"})
        assert response.status_code == 200
        assert head(response.text) == usual, text
        for address in (f"/rules/{query[:100]}", f"/cds-services/{query[:100]}"):
            other = quiet.get(address)
            assert other.status_code in (200, 404, 405), address
            if other.status_code == 404:
                clean_texts(other.get_json())


# --- terminal


@pytest.fixture(scope="module")
def loaded():
    """The knowledge, read once for all commands of this module."""
    return load_knowledge()


@pytest.mark.parametrize("turn", TURNS[::4] if STEP > 1 else TURNS[::3])
@pytest.mark.parametrize("arguments", [["review"], ["review", "--brief"], ["review", "--json"], ["explain"],
                                       ["explain", "--json"]])  # fmt: skip
def test_r6_no_text_of_a_record_commands_the_terminal(rich, tmp_path, monkeypatch, loaded, turn, arguments):
    monkeypatch.setattr(f"cds_service.cli.{arguments[0]}.knowledge_in_force", lambda _settings: loaded)
    body = with_texts(
        rich, [("prefetch", *at) for at, decides in places(rich["prefetch"]) if not decides], turn
    )
    for at in (("problems", "entry", 0, "resource", "id"), ("problems", "entry", 2, "resource", "id")):
        put(body["prefetch"], at, TEXTS[turn])
    path = tmp_path / "request.json"
    path.write_bytes(as_json(body))
    command, *options = arguments
    run = CliRunner().invoke(twitch_cds, [command, str(path), "--as-of", "2026-11-20", *options])
    assert run.exit_code == 0, run.output
    found = [item for item in unclean(run.output) if item.startswith("U+")]
    assert not found


def test_r16_an_address_in_numbers_is_no_link():
    assert links_in("see 192.168.0.1") and not links_in(neutral("see 192.168.0.1"))
    assert neutral("K 2.9 on 12.11.2026") == "K 2.9 on 12.11.2026"


def test_r16_the_checks_find_what_they_look_for():
    for text in FAMILIES["html"][:5] + FAMILIES["markdown-images"][:2] + FAMILIES["markdown-links"][:3]:
        assert unclean_detail(f"#### T\n\n{text}"), text
    for text in ("a\u202eb", "a\x1b[0m", "\ud800", "&lt;", "www.evil.example", "a@evil.example"):
        assert unclean_line(text), text
    assert (ROOT / "tests" / "data" / "hostile-text.json").exists()
