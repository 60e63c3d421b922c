"""Read the body of a feedback request: strictly, with every fault named, all or nothing.

Source: CDS Hooks 2.0.1 "Feedback" and the invariants cds-fb-1 to cds-fb-3 of its logical model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from cds_service.errors import Issue, RequestError
from cds_service.json_text.bounds import is_crowded, is_deeper
from cds_service.json_text.members import Repeated, members_of

ACCEPTED = "accepted"
OVERRIDDEN = "overridden"

_MOST_ITEMS = 1_000
_MOST_SUGGESTIONS = 100
_MOST_FAULTS = 20
_LONGEST_CODE = 255
_LONGEST_COMMENT = 10_000
_UUID = re.compile(r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TEXT = msgspec.json.Decoder(str)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])

Members = Mapping[str, msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a clinician did with one card.

    ``card`` and ``suggestions`` (those accepted, sorted) are UUIDs in lower case. ``reason_code`` and
    ``reason_system`` are the coded reason of an override, empty where none was given; the code may be one
    we never offered. ``comment`` is free text and may hold anything: it belongs in no log. ``at`` is in UTC.
    """

    card: str
    outcome: str
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason_system: str = ""
    reason_code: str = ""
    comment: str = ""


def read_feedback(body: bytes) -> tuple[Answer, ...]:
    """Return the answers of a feedback request, in the order sent; an empty list is fine.

    Raises:
        RequestError: With one issue for every item that is wrong (the first 20); then none is to be kept.
    """
    if is_deeper(body):
        raise _too_deep("")
    if is_crowded(body):
        raise _fault("H015", "", "holds more values than any feedback has.", "Divide it.")
    top = _object(body, "")
    items = _list(_required(top, "", "feedback"), "/feedback", _MOST_ITEMS)
    answers: list[Answer] = []
    issues: list[Issue] = []
    for place, item in enumerate(items):
        try:
            answers.append(_answer(item, f"/feedback/{place}"))
        except RequestError as error:
            issues.extend(error.issues)
    if issues:
        raise RequestError(*issues[:_MOST_FAULTS])
    return tuple(answers)


def _answer(item: msgspec.Raw, where: str) -> Answer:
    members = _object(item, where)
    _refuse_if_short(members, where)
    card = _uuid(members["card"], f"{where}/card")
    outcome = _text(members["outcome"], f"{where}/outcome", _LONGEST_CODE)
    if outcome not in (ACCEPTED, OVERRIDDEN):
        raise _fault("H022", f"{where}/outcome", "is not accepted or overridden.", "Send one of the two.")
    at = _instant(members["outcomeTimestamp"], f"{where}/outcomeTimestamp")
    if outcome == ACCEPTED:
        return Answer(card, outcome, at, suggestions=_suggestions(members, where))
    system, code, comment = _reason(members, where)
    return Answer(card, outcome, at, reason_system=system, reason_code=code, comment=comment)


def _refuse_if_short(members: Members, where: str) -> None:
    """Name every member of an answer that is required and missing."""
    names = [name for name in ("card", "outcome", "outcomeTimestamp") if _absent(members, name)]
    if names:
        raise RequestError(*(_missing(f"{where}/{name}") for name in names))


def _suggestions(members: Members, where: str) -> tuple[str, ...]:
    """Return the ids of the accepted suggestions: at least one (cds-fb-2)."""
    where = f"{where}/acceptedSuggestions"
    items = _list(
        _required(members, where.rpartition("/")[0], "acceptedSuggestions"), where, _MOST_SUGGESTIONS
    )
    if not items:
        raise _fault("H023", where, "is empty.", "Name the accepted suggestions, or leave the item out.")
    found = set()
    for place, item in enumerate(items):
        here = f"{where}/{place}"
        found.add(_uuid(_required(_object(item, here), here, "id"), f"{here}/id"))
    return tuple(sorted(found))


def _reason(members: Members, where: str) -> tuple[str, str, str]:
    """Return system, code and comment of an override; it may be absent, but not empty (cds-fb-3)."""
    if _absent(members, "overrideReason"):
        return "", "", ""
    where = f"{where}/overrideReason"
    reason = _object(members["overrideReason"], where)
    if _absent(reason, "reason") and _absent(reason, "userComment"):
        raise _fault("H024", where, "holds neither reason nor userComment.", "Send one, or leave it out.")
    comment = ""
    if not _absent(reason, "userComment"):
        comment = _text(reason["userComment"], f"{where}/userComment", _LONGEST_COMMENT, free=True)
    if _absent(reason, "reason"):
        return "", "", comment
    where = f"{where}/reason"
    coding = _object(reason["reason"], where)
    code = _text(_required(coding, where, "code"), f"{where}/code", _LONGEST_CODE)
    system = "" if _absent(coding, "system") else _text(coding["system"], f"{where}/system", _LONGEST_CODE)
    return system, code, comment


# --- JSON


def _object(data: bytes | msgspec.Raw, where: str) -> dict[str, msgspec.Raw]:
    try:
        return members_of(data)
    except Repeated:
        raise _fault("H005", where, "says a member twice.", "Say every member once.") from None
    except msgspec.ValidationError:
        raise _fault("H004", where, "is not a JSON object.", "Send an object in braces.") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _fault("H002", where, "is not JSON.", "Send JSON in UTF-8.") from None
    except RecursionError:
        raise _too_deep(where) from None


def _too_deep(where: str) -> RequestError:
    return _fault("H003", where, "is nested too deeply.", "Feedback never nests that deeply.")


def _list(data: msgspec.Raw, where: str, most: int) -> list[msgspec.Raw]:
    try:
        items = _LIST.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        items = None
    if items is None or len(items) > most:
        raise _fault("H020", where, f"is not a list of at most {most}.", "Send a list; divide a longer one.")
    return items


def _absent(members: Members, name: str) -> bool:
    return name not in members or bytes(members[name]) == b"null"


def _required(members: Members, where: str, name: str) -> msgspec.Raw:
    if _absent(members, name):
        raise RequestError(_missing(f"{where}/{name}"))
    return members[name]


def _missing(where: str) -> Issue:
    return Issue(where, "H008", "is missing.", "CDS Hooks requires it in this request.")


def _text(raw: msgspec.Raw, where: str, longest: int, *, free: bool = False) -> str:
    """Return a text that is not blank; one that is not ``free`` has no control characters either."""
    try:
        text = _TEXT.decode(raw)
        text.encode()
    except (msgspec.MsgspecError, UnicodeError):
        text = ""
    if free:
        text = text.replace("\0", "")
    if not text.strip() or len(text) > longest or (not free and _CONTROL.search(text)):
        what = f"is not a text of 1 to {longest} characters."
        raise _fault("H009", where, what, "Send a text that is not empty.")
    return text


def _uuid(raw: msgspec.Raw, where: str) -> str:
    text = _text(raw, where, _LONGEST_CODE)
    if not _UUID.fullmatch(text):
        raise _fault("H021", where, "is not a UUID.", "Send the uuid of the card or suggestion as it came.")
    return text.lower().removeprefix("urn:uuid:")


def _instant(raw: msgspec.Raw, where: str) -> datetime:
    text = _text(raw, where, _LONGEST_CODE)
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _fault("H012", where, "is not a date-time with zone.", "Write 2026-11-20T12:00:00Z.")


def _fault(code: str, where: str, what: str, remedy: str) -> RequestError:
    return RequestError(Issue(where or "/", code, what, remedy))
