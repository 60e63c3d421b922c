"""What the report says: the numbers of a run as sentences, tables and bars, all of it bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cds_service.batch.finding_rows import QuarantinedRow
from cds_service.batch.report.drawing import Bar
from cds_service.text.neutral import visible

INDICATORS: Final = ("critical", "warning", "info")
#: Most lines of each list; the files beside the report have all of them.
MOST_BARS: Final = 20
MOST_RULES: Final = 200
MOST_ANALYTES: Final = 12
MOST_ANALYTE_LINES: Final = 100
MOST_CODES: Final = 30
MOST_REASONS: Final = 15
MOST_STAGES: Final = 20
MOST_QUARANTINED: Final = 50
_LONGEST: Final = 160

_TOP: Final = {
    "critical": "Critical finding",
    "warning": "Warning",
    "info": "Information only",
    "none": "No finding",
}
_KINDS: Final = {
    "lab": "Laboratory results",
    "vital": "Vital signs",
    "survey": "Scores and habits",
    "drug": "Drugs",
    "condition": "Problems",
    "symptom": "Symptoms and signs",
    "procedure": "Procedures",
    "report": "Reports",
    "family": "Family history",
    "allergy": "Allergies",
    "encounter": "Encounters",
}
#: What is drawn alike; the table tells every state by itself.
_STATES: Final = {"present": ("present",), "none-found": ("none-found",),
                  "incomplete": ("incomplete", "failed", "stale"), "not-sent": ("not-sent",)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A table: heads, rows, how many rows were left out. Columns named in ``numeric`` are numbers."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()
    left_out: int = 0


def number(value: Any) -> str:
    """Return a count or measure as people write it: 1,234 or 12.3."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"
    return f"{int(value):,}" if isinstance(value, int | float) else shown(value)


def share(part: int, whole: int) -> str:
    """Return a share in percent; what is there is never told as nothing, nor what lacks as all."""
    if not whole:
        return "0 %"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "<0.1 %"
    if 99.9 < percent < 100:
        return ">99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) or percent >= 10 else f"{percent:.1f} %"


def shown(text: Any, most: int = _LONGEST) -> str:
    """Return text of a record or file name as one line of bounded length without invisible signs."""
    clean = " ".join(visible(str(text)).split())
    return clean if len(clean) <= most else clean[: most - 1] + "\u2026"


def of_patients(part: int, whole: int) -> str:
    """Return "12 of 1,000 patients"."""
    return f"{number(part)} of {number(whole)} {'patient' if whole == 1 else 'patients'}"


# --- what was found


def reviewed_patients(summary: Mapping[str, Any]) -> int:
    """Return how many patients were reviewed."""
    return int(summary.get("reviewed", {}).get("patients", 0))


def top_bars(summary: Mapping[str, Any]) -> list[Bar]:
    """Return the patients by the indicator of their first finding."""
    whole, counts = reviewed_patients(summary), _tops(summary)
    return [_share_bar(words, name, counts[name], whole) for name, words in _TOP.items()]


def _tops(summary: Mapping[str, Any]) -> dict[str, int]:
    told = summary.get("indicators", {})
    counts = {name: int(told.get(name, 0)) for name in INDICATORS}
    return {**counts, "none": max(reviewed_patients(summary) - sum(counts.values()), 0)}


def _share_bar(label: str, meaning: str, count: int, whole: int) -> Bar:
    tail = f"{number(count)} of {number(whole)} ({share(count, whole)})"
    return Bar(label, ((meaning, count),), tail, f"{number(count)} ({share(count, whole)})")


def found_sentence(summary: Mapping[str, Any]) -> str:
    """Return the first sentence of the report."""
    counts, whole = _tops(summary), reviewed_patients(summary)
    some = whole - counts["none"]
    several = int(summary.get("patientsInSeveralDocuments", 0))
    return (
        f"{of_patients(some, whole)} have at least one finding. For {number(counts['critical'])} of them the "
        f"first one is critical."
    ) + (f" {several_sentence(several)}" if several else "")


def several_sentence(several: int) -> str:
    """Return what a reader must know of patients who stand in several documents."""
    who = "1 patient stands" if several == 1 else f"{number(several)} patients stand"
    return f"{who} in several documents; each was judged for itself, without what only another one holds."


def rule_bars(summary: Mapping[str, Any]) -> list[Bar]:
    """Return the rules that matched most, parted by indicator."""
    whole = reviewed_patients(summary)
    bars = []
    for name, rule in _by_matches(summary):
        count, parts = int(rule.get("matched", 0)), rule.get("byIndicator", {})
        if count:
            bar = _share_bar(str(rule.get("title") or name), "info", count, whole)
            split = tuple((indicator, int(parts.get(indicator, 0))) for indicator in INDICATORS)
            bars.append(Bar(bar.label, split, bar.tail, bar.short_tail))
    return bars[:MOST_BARS]


def _by_matches(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    rules = summary.get("rules", {}).items()
    return sorted(rules, key=lambda item: (-int(item[1].get("matched", 0)), item[0]))


def rule_table(summary: Mapping[str, Any]) -> Table:
    """Return every rule with its answers, the most frequent first."""
    heads = ("Rule", "Group", "Matched", *(name.capitalize() for name in INDICATORS), "On a card",
             "Could not tell", "Failed")  # fmt: skip
    ordered = _by_matches(summary)
    rows = [_rule_row(name, rule) for name, rule in ordered[:MOST_RULES]]
    return Table(heads, tuple(rows), frozenset(range(2, 9)), len(ordered) - len(rows))


def _rule_row(name: str, rule: Mapping[str, Any]) -> tuple[str, ...]:
    parts = rule.get("byIndicator", {})
    counts = (rule.get("matched", 0), *(parts.get(indicator, 0) for indicator in INDICATORS),
              *(rule.get(key, 0) for key in ("shown", "unknown", "errored")))  # fmt: skip
    return (
        shown(rule.get("title") or name),
        shown(rule.get("group", "")),
        *(number(count) for count in counts),
    )


# --- what could be seen


def kind_bars(summary: Mapping[str, Any]) -> list[Bar]:
    """Return the share of patients in each state, by kind of data."""
    whole, kinds = reviewed_patients(summary), summary.get("kinds", {})
    bars = []
    for kind, words in _KINDS.items():
        states = kinds.get(kind, {})
        parts = tuple((name, sum(int(states.get(s, 0)) for s in same)) for name, same in _STATES.items())
        usable = share(parts[0][1], whole)
        bars.append(Bar(words, parts, f"{usable} present"))
    return bars


def kind_table(summary: Mapping[str, Any]) -> Table:
    """Return the number of patients in every state, by kind of data."""
    states = ("present", "none-found", "not-sent", "incomplete", "failed", "stale")
    heads = ("Kind of data", "Present", "None found", "Not sent", "Incomplete", "Fetch failed", "Out of date")
    kinds = summary.get("kinds", {})
    rows = (
        (words, *(number(int(kinds.get(kind, {}).get(state, 0))) for state in states))
        for kind, words in _KINDS.items()
    )
    return Table(heads, tuple(rows), frozenset(range(1, 7)))


# --- what could not be read


def counted_table(summary: Mapping[str, Any]) -> Table:
    """Return input = reviewed + quarantined for everything that is counted."""
    rows = []
    for name in ("files", "documents", "resources", "patients"):
        given, used, left = (
            int(summary.get(part, {}).get(name, 0)) for part in ("input", "reviewed", "quarantined")
        )
        adds_up = "yes" if given == used + left else "no: report this"
        rows.append((name.capitalize(), number(given), number(used), number(left), adds_up))
    heads = ("What", "Came in", "Reviewed", "Quarantined", "Adds up")
    return Table(heads, tuple(rows), frozenset((1, 2, 3)))


def reason_bars(summary: Mapping[str, Any]) -> list[Bar]:
    """Return the reasons why something was not used, the most frequent first."""
    return [
        Bar(f"{code} {_first_sentence(reason)}", (("plain", count),), number(count))
        for code, reason, count in _reasons(summary)[:MOST_REASONS]
    ]


def reason_table(summary: Mapping[str, Any]) -> Table:
    """Return the reasons with what to do about them."""
    found = _reasons(summary)
    rows = [(shown(code), shown(reason, 300), number(count)) for code, reason, count in found[:MOST_RULES]]
    return Table(("Code", "What it is", "Times"), tuple(rows), frozenset((2,)), len(found) - len(rows))


def _reasons(summary: Mapping[str, Any]) -> list[tuple[str, str, int]]:
    told = summary.get("quarantineReasons", {}).items()
    found = [(code, str(entry.get("message", "")), int(entry.get("count", 0))) for code, entry in told]
    return sorted(found, key=lambda item: (-item[2], item[0]))


def _first_sentence(text: str) -> str:
    return text.partition(". ")[0].rstrip(".")


def code_table(summary: Mapping[str, Any]) -> Table:
    """Return the codes nobody could read, the most frequent first."""
    codes = summary.get("unreadCodes", [])
    rows = tuple(
        (shown(row.get("kind", "")), shown(row.get("system", ""), 80), shown(row.get("code", ""), 60),
         number(int(row.get("count", 0))))
        for row in codes[:MOST_CODES]
    )  # fmt: skip
    left = len(codes) - len(rows) + int(summary.get("unreadCodesLeftOut", 0))
    return Table(("Kind", "Code system", "Code", "Times"), rows, frozenset((3,)), left)


def quarantine_table(rows: Iterable[QuarantinedRow], total: int) -> Table:
    """Return the first quarantined rows. ``total`` is how many there are."""
    lines = []
    for _, row in zip(range(MOST_QUARANTINED), rows, strict=False):
        place = row.file if row.line is None else f"{row.file}:{row.line}"
        what = row.resource or row.pointer or row.patient or row.scope
        lines.append((shown(place, 120), shown(what, 80), shown(row.code), shown(row.message, 200)))
    return Table(("File and line", "What", "Code", "Why, and what to do"), tuple(lines), frozenset(),
                 max(total - len(lines), 0))  # fmt: skip


# --- values


def drawn_analytes(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the analytes most patients have, those that a rule cuts before the others."""
    return _by_patients(summary)[:MOST_ANALYTES]


def _by_patients(summary: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    found = [item for item in summary.get("analytes", {}).items() if item[1].get("values")]

    def order(item: tuple[str, Mapping[str, Any]]) -> tuple[bool, bool, int, str]:
        name, analyte = item
        is_other = analyte.get("kind", "lab") != "lab"
        return not analyte.get("thresholds"), is_other, -int(analyte.get("patients", 0)), name

    return sorted(found, key=order)


def analyte_table(summary: Mapping[str, Any]) -> Table:
    """Return every analyte with its thresholds in words."""
    found = _by_patients(summary)
    rows = []
    for name, analyte in found[:MOST_ANALYTE_LINES]:
        cuts = ", ".join(str(cut.get("value", "")) for cut in analyte.get("thresholds", ())[:MOST_STAGES])
        unit, patients = shown(analyte.get("unit", "")), number(int(analyte.get("patients", 0)))
        rows.append((analyte_title(name, analyte), unit, patients, shown(cuts) or "none"))
    heads = ("Measurement", "Unit", "Patients with a value", "Thresholds of rules")
    return Table(heads, tuple(rows), frozenset((2,)), len(found) - len(rows))


def analyte_title(name: str, analyte: Mapping[str, Any]) -> str:
    """Return the title of an analyte."""
    return shown(analyte.get("title") or name.replace("-", " ").capitalize(), 60)


# --- time


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a run took: seconds in all, workers, seconds by stage in the order they ran."""

    seconds: float
    workers: int
    stages: tuple[tuple[str, float], ...]

    @property
    def busy(self) -> float:
        """Seconds to divide by: never zero."""
        return max(self.seconds, 0.001)


def timing_of(timings: Mapping[str, Any]) -> Timing:
    """Return what timings.json tells: ``seconds`` by stage in the order they ran, with their ``total``."""
    told = timings.get("seconds", {})
    found = tuple((shown(name, 40), float(spent)) for name, spent in told.items() if name != "total")
    total = float(told.get("total", sum(spent for _, spent in found)))
    return Timing(total, max(int(timings.get("workers", 1)), 1), found[:MOST_STAGES])


def stage_bars(timing: Timing) -> list[Bar]:
    """Return the stages of a run in their order."""
    return [
        Bar(name.capitalize(), (("plain", spent),), f"{number(float(spent))} s")
        for name, spent in timing.stages
    ]


def speed_tiles(summary: Mapping[str, Any], timing: Timing) -> Sequence[tuple[str, str]]:
    """Return pairs of number and words about speed."""
    patients, size = reviewed_patients(summary), int(summary.get("input", {}).get("bytes", 0))
    per_worker = size / 1e6 / timing.busy / timing.workers
    return (
        (f"{number(float(timing.seconds))} s", "from start to end"),
        (number(round(patients / timing.busy, 1)), "patients a second"),
        (number(round(per_worker, 2)), "MB a second and worker"),
        (number(timing.workers), "worker" if timing.workers == 1 else "workers"),
    )
