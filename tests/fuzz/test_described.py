"""R2: schemathesis makes calls from /openapi.json; every answer must be one that the document describes."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from cds_service.auth import Clients, TrustedClient
from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app
from tests.auth.forge import BASE, ISSUER, jwks

#: Calls for each operation; ``make fuzz`` sets more.
_CALLS = int(os.environ.get("DESCRIBED_CALLS", "20"))
#: A call of the right shape may have data nothing can be told from: 412 (CALL-14). That what fits the schema is
#: taken and what breaks it refused is looked at in every test (``tests/protocol.py``).
_NOT_ASKED = [positive_data_acceptance]
#: The operations in so many parts, for as many processes.
_PARTS = 4


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    folder = tmp_path_factory.mktemp("described")
    used = Settings(store_url=f"sqlite:///{folder / 'feedback.sqlite3'}", log_level="error")
    return schemathesis.openapi.from_wsgi("/openapi.json", create_app(used, load_knowledge()))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(_PARTS))
def test_r2_every_answer_to_calls_made_from_the_document_is_described_in_it(described, part):
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 3 * _PARTS
    for operation in operations[part::_PARTS]:
        _call(operation)


@pytest.mark.slow
def test_r2_strangers_get_no_answer_but_401_where_the_document_asks_for_a_token(tmp_path):
    (tmp_path / "keys.json").write_bytes(jwks("ec"))
    used = Settings(
        store_url=f"sqlite:///{tmp_path / 'feedback.sqlite3'}",
        log_level="error",
        clients=Clients([TrustedClient(ISSUER, str(tmp_path / "keys.json"))]),
        public_base_url=BASE,
    )
    document = schemathesis.openapi.from_wsgi("/openapi.json", create_app(used, load_knowledge()))
    guarded = [
        operation
        for operation in (found.ok() for found in document.get_all_operations())
        if operation.definition.raw.get("security")
    ]
    assert {operation.method for operation in guarded} == {"post"}
    assert len(guarded) == 3 * 7
    for operation in guarded:
        _call(operation, most=3, statuses={401})


def _call(operation, most=_CALLS, statuses=None):
    @given(case=operation.as_strategy())
    @settings(
        max_examples=most,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def answered(case):
        answer = case.call_and_validate(excluded_checks=_NOT_ASKED)
        assert statuses is None or answer.status_code in statuses

    answered()
