"""Write ``fixtures/states``, calls whose data did not come: ``python -m tests.fhir_builder.states``."""

import json
from typing import Any

from cds_service.content import content_root

FIXTURES = content_root() / "fixtures"
STATES = FIXTURES / "states"
_STORY = "lip-twitching-on-furosemide"
_FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}


def call_in_state(name: str) -> dict[str, Any]:
    """The call of a bundled patient as an EHR sends it that could not, or did not, fill every key."""
    path = FIXTURES / "patients" / _STORY / "request.json"
    call: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if name == "nothing-sent":
        del call["prefetch"]
    else:
        laboratory = [key for key in call["prefetch"] if key.startswith("labs")]
        call["prefetch"] |= dict.fromkeys(laboratory, _FAILED)
    return call


NAMES = ("nothing-sent", "laboratory-failed")

if __name__ == "__main__":
    STATES.mkdir(exist_ok=True)
    for name in NAMES:
        text = json.dumps(call_in_state(name), indent=2, ensure_ascii=False)
        (STATES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
