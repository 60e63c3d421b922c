"""The schemas of the protocol are schemas, say what they should, and refuse what breaks a row of CDS Hooks."""

import copy
import json

import pytest
from jsonschema import Draft202012Validator

from cds_service.protocol import components, context_of, documents
from tests.fhir_builder.calls import CALLS
from tests.protocol import faults

UUID = "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40"
_OPTIONAL = {
    "encounter-start": set(),
    "encounter-discharge": set(),
    "medication-refill": {"userId", "encounterId"},
}
CARD = {
    "uuid": UUID,
    "summary": "K 2.9 mmol/L",
    "detail": "**Low**",
    "indicator": "warning",
    "source": {"label": "twitch-cds", "topic": {"code": "hypokalemiaDrug", "system": "urn:twitch-cds:rule"}},
    "overrideReasons": [{"code": "later", "system": "urn:twitch-cds:override-reason", "display": "Later"}],
    "suggestions": [
        {
            "uuid": UUID,
            "label": "Draft order: ECG",
            "actions": [
                {
                    "type": "create",
                    "description": "Create a draft order",
                    "resource": {
                        "resourceType": "ServiceRequest",
                        "status": "draft",
                        "intent": "proposal",
                        "code": {"text": "ECG"},
                        "subject": {"reference": "Patient/1"},
                    },
                }
            ],
        }
    ],
    "selectionBehavior": "any",
    "links": [{"label": "Rule", "url": "https://cds.example/rules/a", "type": "absolute"}],
    "extension": {"org.twitch-cds.card": {"ruleIds": ["a"], "contentHash": "0" * 64}},
}


def _changed(value, path, new):
    """Return a copy with one place set, or taken out where ``new`` is a deletion."""
    whole = copy.deepcopy(value)
    place = whole
    for step in path[:-1]:
        place = place[step]
    if new is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = new
    return whole


def test_every_schema_is_one():
    for document in documents().values():
        Draft202012Validator.check_schema(document)


def test_no_two_parts_share_a_name():
    names = [name for document in documents().values() for name in document.get("$defs", ())]
    assert len(names) == len(set(names))
    assert set(names) < set(components())


def test_every_hook_has_its_context_and_another_hook_the_common_one():
    hooks = [json.loads(path.read_text(encoding="utf-8"))["hook"] for path in CALLS.glob("*.json")]
    assert len({context_of(hook) for hook in hooks} - {"Context"}) == len(hooks) == 6
    assert context_of("com.example.other") == "Context"


@pytest.mark.parametrize("path", sorted(CALLS.glob("*.json")), ids=lambda path: path.stem)
def test_the_calls_of_the_documents_are_calls(path):
    call = json.loads(path.read_text(encoding="utf-8"))
    assert faults("request.schema.json", call) == []
    for name in call["context"].keys() - _OPTIONAL.get(call["hook"], {"encounterId"}):
        assert faults("request.schema.json", _changed(call, ("context", name), ...)), name


def test_a_whole_card_is_one():
    assert faults("response.schema.json#/$defs/Card", CARD) == []


@pytest.mark.parametrize(
    ("row", "path", "new"),
    [
        ("GEN-4", ("detail",), ""),
        ("GEN-4", ("detail",), None),
        ("GEN-4", ("links",), []),
        ("GEN-5", ("source", "url"), None),
        ("CARD-1", ("uuid",), UUID.upper()),
        ("CARD-1", ("uuid",), ...),
        ("CARD-2", ("summary",), "x" * 140),
        ("CARD-2", ("summary",), "a\nb"),
        ("CARD-2", ("summary",), ...),
        ("CARD-5", ("indicator",), "hard-stop"),
        ("CARD-6", ("source",), ...),
        ("CARD-7", ("selectionBehavior",), ...),
        ("CARD-8", ("selectionBehavior",), "all"),
        ("CARD-8", ("suggestions",), ...),
        ("CARD-9", ("overrideReasons", 0, "display"), ...),
        ("SRC-1", ("source", "label"), " "),
        ("SRC-2", ("source", "url"), "/rules/a"),
        ("SRC-3", ("source", "icon"), "icon.png"),
        ("SRC-4", ("source", "topic", "code"), "hypokalemia-drug"),
        ("COD-1", ("source", "topic", "system"), ...),
        ("SUG-1", ("suggestions", 0, "label"), ...),
        ("SUG-2", ("suggestions", 0, "uuid"), "first"),
        ("SUG-4", ("suggestions", 0, "actions"), []),
        ("SUG-6", ("suggestions", 0, "actionSelectionBehavior"), "any"),
        ("ACT-1", ("suggestions", 0, "actions", 0, "type"), "replace"),
        ("ACT-2", ("suggestions", 0, "actions", 0, "description"), ...),
        ("ACT-3", ("suggestions", 0, "actions", 0, "resource"), "ServiceRequest/1"),
        ("ACT-3", ("suggestions", 0, "actions", 0, "resource", "status"), "active"),
        ("LINK-1", ("links", 0, "label"), ...),
        ("LINK-2", ("links", 0, "type"), "relative"),
        ("LINK-3", ("links", 0, "url"), "javascript:alert(1)"),
        ("LINK-4", ("links", 0, "appContext"), "x"),
        ("LINK-5", ("links", 0, "autolaunchable"), True),
        ("EXT-1", ("extension",), []),
    ],
)
def test_a_card_that_breaks_a_row_is_refused(row, path, new):
    assert faults("response.schema.json#/$defs/Card", _changed(CARD, path, new)), row


@pytest.mark.parametrize(
    ("row", "name", "value"),
    [
        ("DISC-5", "hook", ""),
        ("DISC-6", "description", 7),
        ("DISC-7", "id", "a/b"),
        ("DISC-9", "prefetch", {}),
        ("DISC-11", "version", "2"),
        ("PF-1", "prefetch", {"a": "https://fhir.example/Patient/{{context.patientId}}"}),
        ("PF-3", "prefetch", {"a": "Patient/{context.patientId}"}),
        ("PF-4", "prefetch", {"a": "Patient/{{today()}}"}),
        ("PF-5", "prefetch", {"a": "Patient/{{patientId}}"}),
        ("EXT-3", "hook", "Not A Hook"),
    ],
)
def test_a_service_that_breaks_a_row_is_refused(row, name, value):
    service = {"hook": "patient-view", "id": "a", "title": "A", "description": "A", "version": "2.0.1"}
    assert faults("discovery.schema.json", {"services": [service]}) == []
    assert faults("discovery.schema.json", {"services": [service | {name: value}]}), row


@pytest.mark.parametrize("name", ["expression", "stacktrace"])
def test_an_outcome_says_what_it_may_and_no_more(name):
    issue = {
        "severity": "error",
        "code": "invalid",
        "details": {"coding": [{"system": "urn:twitch-cds:errors", "code": "H008"}], "text": "Missing."},
        "diagnostics": "/hook: H008 is missing.",
    }
    whole = {"resourceType": "OperationOutcome", "issue": [issue]}
    assert faults("operation-outcome.schema.json", whole) == []
    assert faults("operation-outcome.schema.json", {**whole, "issue": []})
    assert faults("operation-outcome.schema.json", {**whole, "issue": [issue | {name: "x"}]})


def test_a_token_without_its_server_is_no_call():
    call = {
        "hook": "patient-view",
        "hookInstance": UUID,
        "context": {"patientId": "1", "userId": "Practitioner/1"},
    }
    assert faults("request.schema.json", call) == []
    assert faults("request.schema.json", {**call, "fhirAuthorization": {}})
    assert (
        faults("request.schema.json", {**call, "fhirAuthorization": {}, "fhirServer": "https://a.example"})
        == []
    )
