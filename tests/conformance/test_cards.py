"""The answer: rows GEN-2 to GEN-5, RESP, CARD, SRC, COD, SUG, ACT, LINK, OVR-1, SYS, EXT of the requirements."""

import copy
import json
import re
import uuid

from tests.protocol import blanks

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
URGENCY = ("critical", "warning", "info")
SUGGESTED = ("create", "update", "delete")
HOSTILE = "<img src=x onerror=alert(1)> [free pills](javascript:alert(1)) `x` | # *b* http://evil.example"


def _absolute(address):
    return re.fullmatch(r"https?://[^\s/]+(/\S*)?", address) is not None


def _parts(cards, *names):
    """Return the members of the cards at a path of lists, such as suggestions, actions."""
    found = cards
    for name in names:
        found = [part for item in found for part in item.get(name, [])]
    return found


def _codings(node):
    if isinstance(node, dict):
        if "coding" in node:
            yield from node["coding"]
        for name, part in node.items():
            if name == "topic":
                yield part
            yield from _codings(part)
    elif isinstance(node, list):
        for part in node:
            yield from _codings(part)


def test_GEN_1_GEN_3_RESP_1_the_answer_is_plain_json(asked):
    assert asked.answer.headers["content-type"].startswith("application/json")
    assert isinstance(asked.body["cards"], list)


def test_GEN_2_resources_are_fhir_json(asked):
    for action in _parts(asked.cards, "suggestions", "actions"):
        if "resource" in action:
            assert re.fullmatch(r"[A-Z][A-Za-z]+", action["resource"]["resourceType"])


def test_GEN_4_GEN_5_nothing_is_null_or_empty(asked):
    """Extensions define their own members: there an empty list says "none"; nothing is null anywhere."""
    body = copy.deepcopy(asked.body)
    assert "null" not in re.sub(r'"(\\.|[^"\\])*"', "", json.dumps(body))
    for holder in [body, *body["cards"]]:
        holder.pop("extension", None)
    assert [place for place in blanks(body) if place != "/cards"] == []


def test_GEN_4_GEN_5_discovery_has_nothing_empty(session):
    assert [place for place in blanks(session.get("/cds-services").json()) if place != "/services"] == []


def test_RESP_2_SYS_1_there_are_no_system_actions(asked):
    assert "systemActions" not in asked.answer.text


def test_RESP_3_the_same_call_gets_the_same_answer(asked):
    assert asked.post(asked.call).timeless == asked.answer.timeless


def test_RESP_4_the_most_urgent_card_is_first(asked):
    found = [URGENCY.index(card["indicator"]) for card in asked.cards]
    assert found == sorted(found)


def test_CARD_1_every_card_has_its_own_uuid(shown):
    found = [card["uuid"] for card in shown.cards]
    assert all(UUID.fullmatch(item) for item in found) and len(set(found)) == len(found)


def test_CARD_1_cards_of_another_call_have_other_uuids(viewed):
    again = viewed.changed(hookInstance=str(uuid.uuid4())).json()["cards"]
    assert {card["uuid"] for card in again}.isdisjoint(card["uuid"] for card in viewed.cards)
    assert [card["summary"] for card in again] == [card["summary"] for card in viewed.cards]


def test_CARD_2_the_summary_is_one_line_below_140_characters(shown):
    for card in shown.cards:
        assert 1 <= len(card["summary"].strip()) < 140
        assert not re.search(r"[\r\n]", card["summary"])


def test_CARD_3_the_detail_is_text_without_html(shown):
    for card in shown.cards:
        assert card["detail"].strip()
        assert not re.search(r"(?<!\\)<[A-Za-z/!?]", card["detail"])


def test_CARD_4_text_of_the_record_is_no_markup(viewed):
    call = viewed.call
    for name, value in call["prefetch"].items():
        for entry in (value or {}).get("entry", []):
            resource = entry["resource"]
            if resource["resourceType"] == "MedicationRequest":
                concept = resource["medicationCodeableConcept"]
                concept["text"] = f"{concept.get('text', '')} {HOSTILE}"
            elif name.startswith("labs"):
                resource["code"]["text"] = HOSTILE
    answer = viewed.post(call)
    assert answer.status == 200 and answer.json()["cards"]
    for card in answer.json()["cards"]:
        text = json.dumps({name: part for name, part in card.items() if name != "extension"})
        assert not re.search(r"(?<!\\)<img", text)
        assert not re.search(r"(?<!\\)\]\(javascript", text)


def test_CARD_5_the_indicator_is_one_of_three(shown):
    assert {card["indicator"] for card in shown.cards} <= set(URGENCY)


def test_CARD_6_SRC_1_every_card_names_its_source(shown):
    assert all(card["source"]["label"].strip() for card in shown.cards)


def test_CARD_7_CARD_8_suggestions_say_how_many_may_be_taken(shown):
    for card in shown.cards:
        assert ("selectionBehavior" in card) == ("suggestions" in card)
        assert card.get("selectionBehavior", "any") in ("any", "at-most-one")


def test_CARD_9_OVR_1_override_reasons_are_coded_and_in_words(shown):
    for reason in _parts(shown.cards, "overrideReasons"):
        assert all(reason[name].strip() for name in ("code", "system", "display"))


def test_CARD_12_a_result_is_shown_with_its_day(viewed):
    for card in viewed.cards:
        if re.search(r"\d mmol/L", card["detail"]):
            assert re.search(r"\b\d{4}-\d\d-\d\d\b", card["detail"])


def test_SRC_2_SRC_3_addresses_of_the_source_are_absolute_and_of_nobody(shown):
    patient = shown.written["context"]["patientId"]
    for card in shown.cards:
        for address in (card["source"].get("url"), card["source"].get("icon")):
            assert address is None or (_absolute(address) and patient not in address)


def test_SRC_4_the_topic_is_one_code_the_same_in_every_call(shown):
    again = shown.post(shown.call).json()["cards"]
    for card, other in zip(shown.cards, again, strict=True):
        assert re.fullmatch(r"[A-Za-z0-9]{1,100}", card["source"]["topic"]["code"])
        assert card["source"]["topic"] == other["source"]["topic"]


def test_COD_1_every_coding_has_code_and_system(asked):
    for coding in [*_codings(asked.cards), *_parts(asked.cards, "overrideReasons")]:
        assert coding["code"].strip() and coding["system"].strip()


def test_SUG_1_SUG_2_a_suggestion_has_a_label_and_a_uuid(shown):
    found = _parts(shown.cards, "suggestions")
    assert all(item["label"].strip() and not re.search(r"[\r\n]", item["label"]) for item in found)
    assert len({item["uuid"] for item in found}) == len(found)


def test_SUG_3_at_most_one_is_recommended_where_one_may_be_taken(shown):
    for card in shown.cards:
        recommended = [item for item in card.get("suggestions", []) if item.get("isRecommended")]
        assert card.get("selectionBehavior") != "at-most-one" or len(recommended) <= 1


def test_SUG_4_SUG_5_a_suggestion_is_one_action(shown):
    for item in _parts(shown.cards, "suggestions"):
        assert "actions" not in item or len(item["actions"]) == 1


def test_SUG_6_action_selection_is_left_to_clients_that_ask_for_it(shown):
    assert all("actionSelectionBehavior" not in item for item in _parts(shown.cards, "suggestions"))


def test_ACT_1_ACT_2_an_action_has_a_type_and_a_description(shown):
    for action in _parts(shown.cards, "suggestions", "actions"):
        assert action["type"] in SUGGESTED and action["description"].strip()


def test_ACT_3_what_is_created_is_a_draft_for_this_patient(shown):
    for action in _parts(shown.cards, "suggestions", "actions"):
        if action["type"] == "create":
            resource = action["resource"]
            assert resource["subject"]["reference"] == f"Patient/{shown.written['context']['patientId']}"
            assert (resource["status"], resource["intent"]) in (("draft", "proposal"), ("draft", "order"))


def test_ACT_4_ACT_5_what_is_changed_or_deleted_is_named(shown):
    for action in _parts(shown.cards, "suggestions", "actions"):
        if action["type"] == "update":
            assert action["resource"]["id"]
        if action["type"] == "delete":
            assert re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}", action["resourceId"])
            assert "resource" not in action


def test_LINK_1_LINK_2_LINK_3_links_are_whole(shown):
    for link in _parts(shown.cards, "links"):
        assert link["label"].strip() and link["type"] in ("absolute", "smart") and _absolute(link["url"])


def test_LINK_4_LINK_5_no_context_for_plain_links_and_nothing_launches_itself(shown):
    for link in _parts(shown.cards, "links"):
        assert ("appContext" not in link or link["type"] == "smart") and not link.get("autolaunchable")


def test_LINK_6_no_link_names_the_patient(shown):
    patient = shown.written["context"]["patientId"]
    assert all(patient not in link["url"] for link in _parts(shown.cards, "links"))


def test_EXT_1_EXT_2_extensions_are_objects_with_unique_names(asked):
    for holder in [asked.body, *asked.cards]:
        extension = holder.get("extension", {})
        assert isinstance(extension, dict)
        assert all(re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", name) for name in extension)


def test_EXT_1_an_extension_of_the_request_changes_nothing(viewed):
    call = viewed.call
    call["extension"] = {**call.get("extension", {}), "com.example.vendor": {"a": 1}}
    assert viewed.post(call).timeless == viewed.answer.timeless
