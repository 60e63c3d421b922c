"""What clinicians answered to cards: read it, keep it for good, count it.

Nothing kept names a patient, a user or a value: a card is known by its uuid, what it was about by the
ids of its rules and by keyed hashes. Comments are kept only where the installation asks for them.

Source: CDS Hooks 2.0.1 "Feedback"; content specification 7.5.
"""

from cds_service.feedback.answered import AnsweredFindings, Said, keyed
from cds_service.feedback.items import Answer, read_feedback
from cds_service.feedback.ledger import Given, Ledger, Receipt
from cds_service.feedback.over_time import DayCounts, RuleHistory, history_by_rule
from cds_service.feedback.report import RuleRates, rates_by_rule
from cds_service.feedback.rest import QuickAccess
from cds_service.feedback.tables import ANSWERS, GIVEN, METADATA, kind_of

__all__ = [
    "ANSWERS",
    "GIVEN",
    "METADATA",
    "Answer",
    "AnsweredFindings",
    "DayCounts",
    "Given",
    "Ledger",
    "QuickAccess",
    "Receipt",
    "RuleHistory",
    "RuleRates",
    "Said",
    "history_by_rule",
    "keyed",
    "kind_of",
    "rates_by_rule",
    "read_feedback",
]
