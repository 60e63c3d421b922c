"""Draw the plots of the report with matplotlib as inline SVG that takes font and colors from its page.

Colors are names of CSS variables, so one drawing reads well in light, in dark and on paper; what differs by
color differs by pattern too. Text stays text. The same numbers give the same bytes.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from io import BytesIO
from typing import Any, Final

from cds_service.batch.extras import brought
from cds_service.text.neutral import visible

#: Widths a figure is drawn in: one for a wide page, one for a telephone. In CSS pixels.
WIDE: Final = 960
NARROW: Final = 340
#: Width of a distribution: three stand side by side on a wide page, one fills a telephone.
SMALL: Final = 290

#: Height of a line of threshold labels.
_LABEL: Final = 15

#: CSS variables by the color that stands for them in the drawing.
_VARIABLES: Final = ("ink", "soft", "line", "paper", "critical", "warning", "info", "none", "known", "gap",
                     "bar", "band")  # fmt: skip
_STANDS_FOR: Final = {name: f"#0000{n + 16:02x}" for n, name in enumerate(_VARIABLES)}
#: Patterns the page defines, by the color that stands for them.
_PATTERNS: Final = ("warning", "info", "none", "none-found", "incomplete", "not-sent")
_PAINTED_AS: Final = {name: f"#0000{n + 48:02x}" for n, name in enumerate(_PATTERNS)}
_PAINTS: Final = {
    **{color: f"var(--{name})" for name, color in _STANDS_FOR.items()},
    **{color: f"url(#p-{name})" for name, color in _PAINTED_AS.items()},
}
_COLOR: Final = re.compile(r"#0000[13][0-9a-f]\b")
_PREAMBLE: Final = re.compile(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", re.DOTALL)
_OPENING: Final = re.compile(r"<svg\b[^>]*?viewBox=\"([^\"]*)\"[^>]*>")
_FONT: Final = re.compile(r"font: ([\d.]+px) [^;\"]*")
_FAMILY: Final = re.compile(r"font-family: [^;\"]*;? ?")
_ID: Final = re.compile(r"( id=\"|url\(#|href=\"#)")


#: The color of each meaning; what stands beside others has a pattern too, unless it is the first of them.
_COLORS: Final = {
    "critical": "critical",
    "warning": "warning",
    "info": "info",
    "none": "none",
    "present": "known",
    "none-found": "known",
    "incomplete": "warning",
    "not-sent": "gap",
    "plain": "bar",
    "track": "band",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a bar chart: its words, its parts (meaning, amount) and what is printed behind it."""

    label: str
    parts: tuple[tuple[str, float], ...]
    tail: str
    short_tail: str = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """A threshold in a distribution: where, and how it is printed."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """A distribution: edges of equal steps (one more than counts), counts, usual range, thresholds."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    usual: tuple[float | None, float | None]
    cuts: tuple[Cut, ...]


def bar_chart(bars: Sequence[Bar], key: str, title: str, most: float) -> str:
    """Return bars as two drawings, of which the page shows the one that fits. ``most`` is the full width.

    Raises:
        BatchError: matplotlib is not installed (B019).
    """
    wide, narrow = (_bars(bars, f"{key}-{width}", title, most, width) for width in (WIDE, NARROW))
    return f'<div class="for-wide">{wide}</div><div class="for-narrow">{narrow}</div>'


def histogram(data: Histogram, key: str, title: str) -> str:
    """Return a distribution with its thresholds as one small drawing.

    Raises:
        BatchError: matplotlib is not installed (B019).
    """
    rows = _label_rows(data)
    head = 8 + _LABEL * max(2, 1 + max(rows, default=0))
    height = 122 + head
    with _page(SMALL, height) as figure:
        axes = figure.add_axes((0.11, 24 / height, 0.86, (height - head - 24) / height))
        _draw_counts(axes, data)
        _draw_cuts(axes, data, rows)
        return _svg(figure, key, title)


# --- bars


def _bars(bars: Sequence[Bar], key: str, title: str, most: float, width: int) -> str:
    is_wide = width == WIDE
    step = 29 if is_wide else 42
    height = step * len(bars) + 2
    with _page(width, height) as figure:
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.set_axis_off()
        for n, bar in enumerate(bars):
            (_wide_bar if is_wide else _narrow_bar)(axes, bar, n * step, most)
        return _svg(figure, key, title)


def _wide_bar(axes: Any, bar: Bar, y: float, most: float) -> None:
    _say(axes, 0, y + 14, _cut(bar.label, 56), size=14)
    _fill(axes, bar, 430, y + 7, 350, 14, most)
    _say(axes, WIDE, y + 14, bar.tail, size=14, color="soft", align="right")


def _narrow_bar(axes: Any, bar: Bar, y: float, most: float) -> None:
    _say(axes, 0, y + 11, _cut(bar.label, 47), size=12)
    _fill(axes, bar, 0, y + 21, 236, 12, most)
    _say(axes, NARROW, y + 27, bar.short_tail or bar.tail, size=12, color="soft", align="right")


def _fill(axes: Any, bar: Bar, x: float, y: float, width: float, height: float, most: float) -> None:
    """Draw the track of a bar and its parts; the least part that is there can still be seen."""
    axes.add_patch(_rectangle((x, y), width, height, "track"))
    for meaning, amount in bar.parts:
        if amount <= 0:
            continue
        length = max(width * amount / most, 1.5) if most else 0
        axes.add_patch(_rectangle((x, y), length, height, meaning))
        x += length


def _rectangle(at: tuple[float, float], width: float, height: float, meaning: str) -> Any:
    rectangle = brought("matplotlib.patches").Rectangle
    color = _STANDS_FOR[_COLORS[meaning]]
    if meaning not in _PAINTED_AS:
        return rectangle(at, width, height, facecolor=color, edgecolor="none", linewidth=0)
    return rectangle(at, width, height, facecolor=_PAINTED_AS[meaning], edgecolor=color, linewidth=1.2)


def _say(
    axes: Any, x: float, y: float, text: str, *, size: int, color: str = "ink", align: str = "left"
) -> None:
    axes.text(x, y, text, fontsize=size, color=_STANDS_FOR[color], ha=align, va="center_baseline")


def _cut(text: str, most: int) -> str:
    clean = visible(text).strip()
    return clean if len(clean) <= most else clean[: most - 1].rstrip() + "\u2026"


# --- distributions


def _draw_counts(axes: Any, data: Histogram) -> None:
    first, last, step = data.edges[0], data.edges[-1], data.edges[1] - data.edges[0]
    low, high = data.usual
    if low is not None or high is not None:
        span = (max(first, first if low is None else low), min(last, last if high is None else high))
        if span[0] < span[1]:
            axes.axvspan(*span, color=_STANDS_FOR["band"], linewidth=0, zorder=0)
    axes.bar(data.edges[:-1], data.counts, width=step * 0.9, align="edge", color=_STANDS_FOR["bar"], zorder=2)
    axes.set(xlim=(first, last), ylim=(0, max(1, *data.counts) * 1.06))
    ticker = brought("matplotlib.ticker")
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(ticker.MaxNLocator(3, integer=True, prune="lower"))  # 0 is the axis
    axes.xaxis.set_major_formatter(ticker.StrMethodFormatter("{x:g}"))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    axes.tick_params(colors=_STANDS_FOR["soft"], labelsize=11.5, length=0, pad=4)
    axes.grid(axis="y", color=_STANDS_FOR["line"], linewidth=0.7, zorder=1)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_STANDS_FOR["soft"])


def _draw_cuts(axes: Any, data: Histogram, rows: Sequence[int]) -> None:
    """Draw thresholds as dashed lines, their values above the plot in as many rows as they need."""
    color = _STANDS_FOR["critical"]
    for cut, row in zip(data.cuts, rows, strict=True):
        axes.axvline(cut.at, color=color, linewidth=1.1, dashes=(4, 2.5), zorder=3)
        axes.annotate(
            cut.label,
            (cut.at, 1),
            (0, 4 + _LABEL * row),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=11.5,
            color=color,
            annotation_clip=False,
        )


def _label_rows(data: Histogram) -> list[int]:
    """Return the row of every label, so that none covers another: the lowest row with room."""
    scale = SMALL * 0.86 / (data.edges[-1] - data.edges[0])
    ends: list[float] = []
    rows = []
    for cut in data.cuts:
        half = 3.7 * len(cut.label) + 3
        middle = cut.at * scale
        row = next((n for n, end in enumerate(ends) if end <= middle - half), len(ends))
        ends[row : row + 1] = [middle + half]
        rows.append(row)
    return rows


# --- SVG


@contextmanager
def _page(width: int, height: float) -> Iterator[Any]:
    """Give an empty figure under settings of our own, whatever the user has set for matplotlib."""
    matplotlib = brought("matplotlib")
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a sign the measuring font lacks is the page's to draw
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "twitch-cds",
                "text.parse_math": False,
                "path.simplify": False,
            }
        )
        figure = brought("matplotlib.figure").Figure(figsize=(width / 72, height / 72), dpi=72)
        figure.patch.set_visible(False)
        yield figure


def _svg(figure: Any, key: str, title: str) -> str:
    """Return the figure as SVG for the inside of a page: ids of its own, colors and font of the page."""
    for axes in figure.axes:
        axes.patch.set_visible(False)
    out = BytesIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = _PREAMBLE.sub("", out.getvalue().decode())
    text = text[text.index("<svg") :]
    text = _ID.sub(rf"\g<1>{key}-", text)
    text = _FAMILY.sub("", _FONT.sub(r"font-size: \1", text))
    text = _COLOR.sub(lambda found: _PAINTS.get(found[0], found[0]), text)
    opening = (
        f'<svg class="plot" viewBox="{{}}" role="img" aria-label="{escape(visible(title), quote=True)}">'
    )
    text = text.replace("xlink:href=", "href=")
    return _OPENING.sub(lambda found: opening.replace("{}", found[1], 1), text, count=1).strip()
