"""Patients of equal id differ by client and tenant: nobody's cards go quiet by what another saw or answered."""

import pytest

from cds_service.auth import Clients, TrustedClient

from ..auth import forge
from ..auth.forge import BASE, ISSUER, bearer, claims, token
from .conftest import answerer, asker
from .test_answers import CRITICAL, LITHIUM, MILD, quiet
from .test_section_9 import KEY, draft, leads

OTHER = "https://other.example"
CALLERS = [(ISSUER, "north"), (ISSUER, "south"), (ISSUER, None), (OTHER, "north")]


class _Signed:
    """A test client that sends every request with a token of its own."""

    def __init__(self, client, issuer, tenant):
        self._client, self._claims = client, {"iss": issuer, "tenant": tenant}

    def post(self, path, **more):
        headers = {"Authorization": bearer(token(claims(BASE + path, **self._claims)))}
        return self._client.post(path, headers=headers, **more)


@pytest.fixture
def guarded(make_app, tmp_path):
    keys = tmp_path / "jwks.json"
    keys.write_bytes(forge.jwks("ec"))
    trusted = Clients([TrustedClient(ISSUER, str(keys)), TrustedClient(OTHER, str(keys))])
    return make_app(clients=trusted, public_base_url=BASE, memory_key=KEY).test_client()


@pytest.fixture
def callers(guarded):
    """Test clients: of one tenant, of another one of the same issuer, of none, and of another issuer."""
    return [_Signed(guarded, *caller) for caller in CALLERS]


def test_JWT_10_an_answer_quiets_the_finding_for_its_own_tenant_only(callers, knowledge):
    north, *others = callers
    first = asker(north, knowledge)("patient-view", MILD)
    answerer(north)(first)
    assert quiet(asker(north, knowledge)("patient-view", MILD))
    for other in others:
        again = asker(other, knowledge)("patient-view", MILD)
        assert (quiet(again), leads(again)) == (set(), leads(first))


@pytest.mark.parametrize("place", range(1, len(CALLERS)))
def test_FB_11_who_learns_the_uuid_of_a_card_cannot_quiet_it_for_another(callers, knowledge, place):
    north, thief = callers[0], callers[place]
    first = asker(north, knowledge)("patient-view", CRITICAL)
    answerer(thief)(first, outcome="accepted")
    again = asker(north, knowledge)("patient-view", CRITICAL)
    assert (quiet(again), leads(again)) == (set(), leads(first))
    answerer(north)(first, outcome="overridden")
    assert quiet(asker(north, knowledge)("patient-view", CRITICAL))


def test_what_one_tenant_was_shown_another_is_shown_as_well(callers, knowledge):
    drafts = [draft("furosemide")]
    shown = [asker(one, knowledge)("order-select", LITHIUM, drafts) for one in callers]
    assert leads(shown[0]) and all(leads(one) == leads(shown[0]) for one in shown)
    again = [asker(one, knowledge)("order-sign", LITHIUM, drafts) for one in callers]
    assert all(leads(one) == leads(again[0]) and leads(one) != leads(shown[0]) for one in again)


@pytest.mark.parametrize("tenant", [7, True, ["north"], {"a": "b"}, "x" * 256, "nor\nth"])
def test_JWT_10_a_tenant_is_one_text(guarded, tenant):
    assert (
        _Signed(guarded, ISSUER, tenant).post("/cds-services/twitch-patient-view", json={}).status_code == 401
    )
