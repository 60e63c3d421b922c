"""Prove every rule on two patients of its own: one for whom it fires, one for whom it just does not.

The patients stand in the rule file (``sentinels``), in the language of the case files. They are tried
at every start: a service whose rules do not answer as written does not call itself ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from cds_service.content import Document, Pointer
from cds_service.engine import Program
from cds_service.errors import ContentError, Issue
from cds_service.findings import Verdict
from cds_service.knowledge import Knowledge
from cds_service.program import program_of
from cds_service.validate.case_facts import AS_OF, facts_from_case

_ADD = "Add `sentinels:` with `fires:` (a patient as in a case file) and `near_miss:` (what differs)."
_REMEDY = "Correct the rule, its sentinels or the installation; twitch-cds validate tells more."
_EXPECTED: tuple[tuple[str, Verdict], ...] = (("fires", Verdict.MATCH), ("near_miss", Verdict.NO_MATCH))


def sentinel_issues(knowledge: Knowledge, *, as_of: datetime = AS_OF) -> list[Issue]:
    """Return one issue for each sentinel that does not come out as its rule file says, by rule id.

    A rule without sentinels is one issue too: nothing proves it.

    Raises:
        ContentError: The knowledge cannot be judged at all.
    """
    program = program_of(knowledge)
    return [
        issue
        for rule_id, node in program.rules.items()
        if node.rule.status == "active"
        for issue in _tried(rule_id, knowledge.documents[f"rules/{rule_id}"], knowledge, program, as_of)
    ]


def _tried(
    rule_id: str, document: Document, knowledge: Knowledge, program: Program, as_of: datetime
) -> Iterator[Issue]:
    if "sentinels" not in document.data:
        yield Issue(document.where(), "V124", f"active rule {rule_id} has no sentinels.", _ADD)
        return
    laid: list[Pointer] = []
    for name, expected in _EXPECTED:
        at: Pointer = ("sentinels", name)
        laid.append(at)
        try:
            facts = facts_from_case(document, laid, knowledge.terminology, as_of=as_of)
            found = program.judge_rule(rule_id, facts).verdict.value
        except ContentError as error:
            yield from error.issues
            continue
        except Exception as error:  # a rule that breaks is the very thing a sentinel stands for
            found = type(error).__name__
        if found != expected.value:
            what = f"rule {rule_id} answers {found} for its sentinel {name!r}, not {expected.value}."
            yield Issue(document.where(at), "V125", what, _REMEDY)
