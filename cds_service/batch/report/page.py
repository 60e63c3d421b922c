"""Write report.html: one page, offline, without scripts, that shows a run to a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from cds_service.batch.finding_rows import QuarantinedRow, rows_of
from cds_service.batch.journal import written_whole
from cds_service.batch.report import content
from cds_service.batch.report.distributions import distribution
from cds_service.batch.report.drawing import Bar, bar_chart, histogram

#: No report is larger; every list on it is bounded, so none comes near.
MOST_BYTES: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its heading, the sentence under it and the names of its patterns."""

    key: str
    title: str
    drawing: Markup
    says: str = ""
    legend: tuple[tuple[str, str], ...] = ()


_INDICATOR_LEGEND: Final = (("critical", "critical"), ("warning", "warning"), ("info", "information"))
_STATE_LEGEND: Final = (("present", "present"), ("none-found", "looked for, none found"),
                        ("incomplete", "incomplete"), ("not-sent", "not sent"))  # fmt: skip


def write_report(
    summary: Mapping[str, Any], timings: Mapping[str, Any], quarantine_path: Path, out: Path
) -> None:
    """Write the report of a finished run to ``out``.

    Args:
        summary: What summary.json holds. An analyte may carry what ``analyte_frames`` gives.
        timings: What timings.json holds: ``workers`` and ``seconds`` by stage, with their ``total``.
        quarantine_path: The finished quarantine.ndjson; its first rows are shown.
        out: The page to write.

    Raises:
        BatchError: matplotlib is not installed (B019).
        BatchError: The file cannot be written (B005).
    """
    page = report_page(summary, timings, quarantine_path)
    with written_whole(out) as file:
        file.write(page.encode("utf-8", "replace"))


def report_page(summary: Mapping[str, Any], timings: Mapping[str, Any], quarantine_path: Path) -> str:
    """Return the page as HTML; only its last section depends on ``timings``. Raises BatchError."""
    timing = content.timing_of(timings)
    total = int(summary.get("quarantined", {}).get("rows", 0))
    page: str = _template().render(
        summary=summary,
        found=content.found_sentence(summary),
        tiles=_tiles(summary),
        tops=_tops(summary),
        rules=_rules(summary),
        rule_table=content.rule_table(summary),
        kinds=_kinds(summary),
        kind_table=content.kind_table(summary),
        analytes=_analytes(summary),
        analyte_table=content.analyte_table(summary),
        counted=content.counted_table(summary),
        reasons=_reasons(summary),
        reason_table=content.reason_table(summary),
        codes=content.code_table(summary),
        quarantined=content.quarantine_table(rows_of(quarantine_path, QuarantinedRow), total),
        stages=_stages(timing),
        speed=content.speed_tiles(summary, timing),
    )
    return page


def _template() -> Any:
    environment = Environment(
        loader=PackageLoader("cds_service.batch.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(shown=content.shown, number=content.number)
    return environment.get_template("report.html")


def _tiles(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    reviewed, left = summary.get("reviewed", {}), summary.get("quarantined", {})
    bars = content.top_bars(summary)
    return [
        (content.number(int(reviewed.get("patients", 0))), "patients reviewed"),
        (bars[0].short_tail, "whose first finding is critical"),
        (bars[1].short_tail, "whose first finding is a warning"),
        (content.number(int(left.get("rows", 0))), "rows in the quarantine"),
    ]


def _bars(
    key: str,
    title: str,
    bars: list[Bar],
    most: float,
    says: str = "",
    legend: tuple[tuple[str, str], ...] = (),
) -> Figure | None:
    """Return a bar chart as a figure; None where there is nothing to draw."""
    if not bars:
        return None
    spoken = "; ".join(f"{content.shown(bar.label, 80)}: {bar.tail}" for bar in bars[:5])
    more = f"; and {len(bars) - 5} more" if len(bars) > 5 else ""
    drawing = bar_chart(bars, key, f"Bar chart. {title}. {spoken}{more}. The table has all numbers.", most)
    return Figure(key, title, Markup(drawing), says, legend)


def _tops(summary: Mapping[str, Any]) -> Figure | None:
    whole = content.reviewed_patients(summary)
    return _bars("tops", "Patients by their first finding", content.top_bars(summary), whole)


def _rules(summary: Mapping[str, Any]) -> Figure | None:
    bars = content.rule_bars(summary)
    most = max((sum(amount for _, amount in bar.parts) for bar in bars), default=0)
    says = "Each bar is the number of patients a rule matched. A patient can match several rules."
    return _bars("rules", "Rules that matched most often", bars, most, says, _INDICATOR_LEGEND)


def _kinds(summary: Mapping[str, Any]) -> Figure | None:
    whole = content.reviewed_patients(summary)
    if not whole:
        return None
    says = "Each bar is all patients. Where data are not sent or incomplete, no finding is not all clear."
    title = "What was known of each kind of data"
    return _bars("kinds", title, content.kind_bars(summary), whole, says, _STATE_LEGEND)


def _reasons(summary: Mapping[str, Any]) -> Figure | None:
    bars = content.reason_bars(summary)
    most = max((bar.parts[0][1] for bar in bars), default=0)
    return _bars("reasons", "Reasons, by how often", bars, most)


def _stages(timing: content.Timing) -> Figure | None:
    bars = content.stage_bars(timing)
    return _bars("stages", "Seconds by stage", bars, max((bar.parts[0][1] for bar in bars), default=0))


def _analytes(summary: Mapping[str, Any]) -> list[Figure]:
    figures = []
    for n, (name, analyte) in enumerate(content.drawn_analytes(summary)):
        found = distribution(analyte)
        if found is None:
            continue
        title, unit = content.analyte_title(name, analyte), content.shown(analyte.get("unit", ""), 30)
        head = f"{title}, {unit}" if unit else title
        patients = content.number(int(analyte.get("patients", 0)))
        says = f"{patients} patients. Median {found.median}, from {found.least} to {found.greatest}."
        if found.beyond:
            says += f" {content.number(found.beyond)} outside the axis."
        cuts = ", ".join(cut.label for cut in found.histogram.cuts) or "none in sight"
        drawing = histogram(
            found.histogram, f"a{n}", f"Histogram. {head}. {says} Thresholds of rules: {cuts}."
        )
        figures.append(Figure(f"a{n}", head, Markup(drawing), says))
    return figures
