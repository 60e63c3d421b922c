"""Compare an answer of the service with what is expected of it."""

from collections.abc import Callable
from typing import Any

from tests.fhir_builder.coding import terminology

EXTENSION = "org.twitch-cds.review"
_SEVERITY = ("info", "warning", "critical")


def differences(response: dict[str, Any], expect: dict[str, Any]) -> list[str]:
    """What is not as expected, in words; empty when all is. ``response`` is a CDS Hooks response."""
    unknown = set(expect) - set(_CHECKS)
    if unknown:
        raise ValueError(f"an expectation does not know {sorted(unknown)}")
    answer = _Answer(response)
    return [
        *_twice(answer),
        *(fault for key, wanted in expect.items() for fault in _CHECKS[key](answer, wanted)),
    ]


class _Answer:
    def __init__(self, response: dict[str, Any]) -> None:
        self.cards = response["cards"]
        self.review = response["extension"][EXTENSION]
        self.findings = {row["ruleId"]: row for row in self.review["findings"]}
        self.text = "\n".join(f"{card['summary']}\n{card.get('detail', '')}" for card in self.cards)
        self.orders = {
            action["resource"]["code"]["text"]
            for card in self.cards
            for suggestion in card.get("suggestions", ())
            for action in suggestion["actions"]
        }


def _twice(answer: _Answer) -> list[str]:
    """No call may offer the same order twice, whatever is expected of it."""
    labels = [suggestion["label"] for card in answer.cards for suggestion in card.get("suggestions", ())]
    return [f"{label!r} is offered twice" for label in sorted(set(labels)) if labels.count(label) > 1]


def _rules(answer: _Answer, wanted: dict[str, dict[str, Any]]) -> list[str]:
    faults = []
    for rule, parts in wanted.items():
        found = answer.findings.get(rule)
        if found is None:
            faults.append(f"{rule} did not match")
            continue
        faults += [
            f"{rule}: {key} is {found.get(key)}, not {value}"
            for key, value in parts.items()
            if found.get(key) != value
        ]
    return faults


def _silent(answer: _Answer, wanted: list[str]) -> list[str]:
    return [f"{rule} matched" for rule in wanted if rule in answer.findings]


def _not_shown(answer: _Answer, wanted: list[str]) -> list[str]:
    shown = [
        row
        for row in map(answer.findings.get, wanted)
        if row is not None and not row.get("foldedInto") and not row.get("gaveWayTo")
    ]
    return [f"{row['ruleId']} is shown" for row in shown]


def _folded(answer: _Answer, wanted: dict[str, str]) -> list[str]:
    found = {rule: answer.findings.get(rule, {}).get("foldedInto") for rule in wanted}
    return [
        f"{rule} is folded into {found[rule]}, not {target}"
        for rule, target in wanted.items()
        if found[rule] != target
    ]


def _first(answer: _Answer, wanted: str) -> list[str]:
    ranked = _ranked(answer)
    return [] if ranked[:1] == [wanted] else [f"first is {ranked[:1]}, not {wanted}"]


def _ranked(answer: _Answer) -> list[str]:
    rows = [
        row
        for row in answer.findings.values()
        if row.get("rank") and not row.get("foldedInto") and not row.get("gaveWayTo")
    ]
    return [row["ruleId"] for row in sorted(rows, key=lambda row: row["rank"])]


def _order(answer: _Answer, wanted: list[str]) -> list[str]:
    ranked = [rule for rule in _ranked(answer) if rule in wanted]
    return [] if ranked == wanted else [f"ranked {ranked}, not {wanted}"]


def _only(answer: _Answer, wanted: list[str]) -> list[str]:
    found = sorted(answer.findings)
    return [] if found == sorted(wanted) else [f"matched {found}, not {sorted(wanted)}"]


def _cards(answer: _Answer, wanted: int) -> list[str]:
    return (
        []
        if len(answer.cards) == wanted
        else [f"{len(answer.cards)} cards, not {wanted}: {[card['summary'] for card in answer.cards]}"]
    )


def _indicators(answer: _Answer, wanted: list[str]) -> list[str]:
    found = [card["indicator"] for card in answer.cards]
    return [] if found == wanted else [f"cards are {found}, not {wanted}"]


def _first_card(answer: _Answer, wanted: str) -> list[str]:
    found = [card["indicator"] for card in answer.cards[:1]]
    return [] if found == [wanted] else [f"first card is {found}, not {wanted}"]


def _worst(answer: _Answer, wanted: str) -> list[str]:
    worst = max((_SEVERITY.index(card["indicator"]) for card in answer.cards), default=-1)
    return [] if worst == _SEVERITY.index(wanted) else [f"worst card is number {worst}, not {wanted}"]


def _say(answer: _Answer, wanted: list[str]) -> list[str]:
    return [f"no card says {words!r}" for words in wanted if words.casefold() not in answer.text.casefold()]


def _not_say(answer: _Answer, wanted: list[str]) -> list[str]:
    return [f"a card says {words!r}" for words in wanted if words.casefold() in answer.text.casefold()]


def _orders(answer: _Answer, wanted: list[str]) -> list[str]:
    titles = {name: terminology().orders[name].title for name in wanted}
    return [
        f"{name} is not suggested"
        for name, title in titles.items()
        if title not in answer.orders and title not in answer.text
    ]


def _not_orders(answer: _Answer, wanted: list[str]) -> list[str]:
    titles = {name: terminology().orders[name].title for name in wanted}
    return [f"{name} is suggested" for name, title in titles.items() if title in answer.orders]


def _set_aside(answer: _Answer, wanted: list[str]) -> list[str]:
    found = {row.get("name") for row in answer.review["dataConsidered"]["setAside"]}
    return [f"{name} was not set aside" for name in wanted if name not in found]


def _not_assessed(answer: _Answer, wanted: dict[str, list[str]]) -> list[str]:
    found = {row["ruleId"]: {gap["name"] for gap in row["missing"]} for row in answer.review["notAssessed"]}
    return [
        f"{rule} does not miss {name}: {sorted(found.get(rule, ()))}"
        for rule, names in wanted.items()
        for name in names
        if name not in found.get(rule, ())
    ]


def _outside(answer: _Answer, wanted: str) -> list[str]:
    found = answer.review["dataConsidered"].get("outsideScope")
    return [] if found == wanted else [f"outside the scope as {found}, not {wanted}"]


_CHECKS: dict[str, Callable[[_Answer, Any], list[str]]] = {
    "rules": _rules,
    "silent": _silent,
    "not_shown": _not_shown,
    "folded": _folded,
    "first": _first,
    "order": _order,
    "only": _only,
    "cards": _cards,
    "indicators": _indicators,
    "first_card": _first_card,
    "worst": _worst,
    "say": _say,
    "not_say": _not_say,
    "orders": _orders,
    "not_orders": _not_orders,
    "set_aside": _set_aside,
    "not_assessed": _not_assessed,
    "outside": _outside,
}
