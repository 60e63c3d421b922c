"""Discovery and prefetch templates: rows GEN-1 to GEN-5, DISC, PF, EXT of the requirements."""

import re
from dataclasses import replace

import pytest

from .conftest import HOOKS

SEMANTIC = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
REVERSE_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
TOKEN = re.compile(r"\{\{([^{}]*)\}\}")
USER_TOKENS = {"userPractitionerId", "userPractitionerRoleId", "userPatientId", "userRelatedPersonId"}
#: Context fields that a prefetch template may name: published hook definitions, "Prefetch Token: Yes".
TOKEN_FIELDS = {"userId", "patientId", "encounterId", "dispatchedOrders", "performer"}
HOOK_VERSIONS = {"medication-refill": "0.1.0", "problem-list-item-create": "0.1.0"}
#: Restricted query subset of CDS Hooks; every one of them is widely implemented.
WIDE = {"patient", "category", "code", "status", "date", "_count", "_sort"}


def _templates(services):
    return [(item, key, text) for item in services for key, text in item.get("prefetch", {}).items()]


def _parameters(template):
    return [part.partition("=")[::2] for part in template.partition("?")[2].split("&") if part]


def test_DISC_1_DISC_4_discovery_answers(session):
    answer = session.get("/cds-services", Accept="application/json")
    assert answer.status == 200
    assert isinstance(answer.json(), dict)


def test_DISC_1_a_slash_at_the_end_is_the_same(session):
    assert session.get("/cds-services/").body == session.get("/cds-services").body


def test_DISC_2_the_body_has_a_list_of_services(session):
    assert isinstance(session.get("/cds-services").json()["services"], list)


def test_DISC_3_without_services_the_list_is_empty(make_session):
    bare = make_session(lambda knowledge: replace(knowledge, services=()))
    answer = bare.get("/cds-services")
    assert (answer.status, answer.json()) == (200, {"services": []})


def test_DISC_4_what_is_not_there_is_a_4xx(session):
    assert 400 <= session.get("/cds-services/none/none").status < 500


@pytest.mark.parametrize("name", ["hook", "description", "id"])
def test_DISC_5_DISC_6_DISC_7_required_members(services, name):
    assert services
    for item in services:
        assert isinstance(item[name], str) and item[name].strip()


def test_DISC_5_EXT_3_hooks_are_published_or_reverse_domain(services):
    for item in services:
        assert item["hook"] in HOOKS or REVERSE_DOMAIN.fullmatch(item["hook"])


def test_DISC_7_the_id_is_the_last_part_of_the_address(asked):
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", asked.service["id"])
    assert asked.answer.status != 404


def test_DISC_8_every_service_has_a_title(services):
    for item in services:
        assert item["title"].strip()


def test_DISC_9_prefetch_maps_keys_to_texts(services):
    for item in services:
        if "prefetch" in item:
            assert item["prefetch"] and all(isinstance(text, str) for text in item["prefetch"].values())


def test_DISC_10_usage_requirements_are_a_text(services):
    assert all(isinstance(item.get("usageRequirements", "x"), str) for item in services)


def test_DISC_11_the_version_is_semantic(services):
    for item in services:
        assert SEMANTIC.fullmatch(item["version"])


def test_DISC_12_a_hook_version_is_the_published_one(services):
    for item in services:
        if "hookVersion" in item:
            assert item["hookVersion"] == HOOK_VERSIONS.get(item["hook"], "1.0")


def test_DISC_13_DISC_14_no_id_is_given_twice(services):
    ids = [item["id"] for item in services]
    assert len(ids) == len(set(ids))


def test_DISC_15_EXT_2_extensions_have_unique_names(session, services):
    for item in [session.get("/cds-services").json(), *services]:
        assert all(REVERSE_DOMAIN.fullmatch(name) for name in item.get("extension", {}))


def test_DISC_16_discovery_is_stable(session, services):
    assert [item["id"] for item in session.discovery()] == [item["id"] for item in services]


def test_every_service_on_offer_is_asked_by_this_suite(session, services):
    if session.foreign:
        pytest.skip("a foreign service may offer hooks this suite has no call for")
    assert sorted(item["hook"] for item in services) == sorted(HOOKS)


# --- prefetch templates


def test_PF_1_a_template_is_a_relative_read_or_search(services):
    for _, key, text in _templates(services):
        assert re.fullmatch(r"[A-Z][A-Za-z]+(/x|\?[^/?{}].*)", TOKEN.sub("x", text)), key


def test_PF_2_keys_are_not_empty(services):
    assert all(key.strip() for _, key, _ in _templates(services))


def test_PF_3_braces_come_in_pairs(services):
    for _, key, text in _templates(services):
        assert not re.search(r"[{}]", TOKEN.sub("", text)), key


def test_PF_4_PF_5_PF_6_tokens_are_first_level_context_fields(services):
    for _, key, text in _templates(services):
        for token in TOKEN.findall(text):
            scope, _, field = token.partition(".")
            assert token in USER_TOKENS or (scope == "context" and field in TOKEN_FIELDS), (key, token)


def test_PF_7_only_the_restricted_query_subset(services):
    for _, key, text in _templates(services):
        assert not re.search(r"_include|_revinclude|_has|\$", text), key
        for name, value in _parameters(TOKEN.sub("x", text)):
            assert "." not in name and name.partition(":")[2] in ("", "in"), (key, name)
            assert name != "date" or not re.match(r"ne|sa|eb|ap", value), key


def test_PF_8_only_widely_implemented_parameters(services):
    for _, key, text in _templates(services):
        assert {name for name, _ in _parameters(text)} <= WIDE, key


def test_PF_9_no_parameter_twice(services):
    for _, key, text in _templates(services):
        names = [name for name, _ in _parameters(text)]
        assert len(names) == len(set(names)), key


def test_PF_10_PF_11_PF_12_no_template_needs_fhirpath(services):
    for _, key, text in _templates(services):
        assert not re.search(r"%|\(|resolve|ofType|today", "".join(TOKEN.findall(text))), key


def test_PF_13_every_key_is_missed_when_it_is_not_sent(asked):
    """Ask for no more than is used: without any one of the queries the answer is another."""
    whole = asked.post(asked.call).body
    for key in {name.split("-")[0] for name in asked.service.get("prefetch", {})}:
        call = asked.call
        call["prefetch"] = {n: v for n, v in call["prefetch"].items() if n.split("-")[0] != key}
        assert asked.post(call).body != whole, key
