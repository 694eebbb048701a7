"""The lab's page as a picture: a column for each policy, a row for each question that a user has about a clock that is put right.

matplotlib draws it; it is an extra and imported when a picture is asked for.
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path
from typing import Any

from gpstime.app.lab_compare import Comparison, Ran
from gpstime.app.lab_course import SETTLED_NS
from gpstime.app.lab_events import WINDOW_S, around
from gpstime.errors import UsageError
from gpstime.report.lab_words import DOES, STEP_AND_SLEW, headline, ns, ppm, small_back, times
from gpstime.report.strip import unit_of
from gpstime.times import NS

SUFFIXES = (".png", ".svg", ".pdf")
REMEDY = "a picture needs matplotlib: pip install gpstime-pi[plot] (without it, the terminal's page says the same)"
COLOURS = {
    "none": "#777777",
    "slew-only": "#2a7f3e",
    "step-128ms": "#1f5fa8",
    "step-always": "#8e44ad",
    "default": "#d9730d",
    "kernel-pll": "#0b7a75",
    "kernel-adjtime": "#b8860b",
}
WRONG = "#c0392b"
"""What goes wrong, and no policy's colour."""
LATE_S = 20
"""Of the end of the run, in the row that looks closely."""
LEAST_LATE_NS = 20.0
"""The least half height of that row."""
POINTS = 3000
COLUMN_IN = 3.9
PER_INCH = 7.5
"""Letters of the heading to an inch."""


def ready(path: str) -> None:
    """UsageError if this picture can't be made, with the remedy, before any work is done."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: a picture is {', '.join('*' + s for s in SUFFIXES)}")
    folder = Path(path).parent
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{path}: {folder} is {'not writable' if folder.is_dir() else 'no folder'}")
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError(REMEDY) from None


def plot(comparison: Comparison, path: str) -> None:
    """Write the picture. OSError where it can't be written."""
    ready(path)
    words = described(comparison)
    metadata = {".png": {"Description": words}, ".svg": {"Description": words, "Date": None}, ".pdf": {"Subject": words}}
    figure_of(comparison).savefig(path, dpi=100, metadata=metadata[Path(path).suffix.lower()])


def described(comparison: Comparison) -> str:
    """The picture in words, kept in its file: for whoever can't see it, and to tell whether it is up to date."""
    return "\n".join([comparison.what, *(f"{ran.said}: {headline(ran)}" for ran in comparison.ran)])


def figure_of(comparison: Comparison) -> Any:
    """A figure of matplotlib, without a window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    n = len(comparison.ran)
    figure = Figure(figsize=(COLUMN_IN * n + 0.8, 13.4), layout="constrained")
    FigureCanvasAgg(figure)
    room = round(PER_INCH * COLUMN_IN * n)
    heading = ["How to put a clock right", *textwrap.wrap(STEP_AND_SLEW, room), *textwrap.wrap(comparison.what, room)]
    figure.suptitle("\n".join(heading), fontsize=15)
    rows = (_offset, _order, _windows, _late)
    axes: Any = figure.subplots(len(rows), n, sharey="row", squeeze=False, gridspec_kw={"height_ratios": (3, 3.2, 2, 2)})
    for j, ran in enumerate(comparison.ran):
        for i, draw in enumerate(rows):
            ax = axes[i][j]
            ax.spines[["top", "right"]].set_visible(False)
            draw(ax, comparison, ran, j == 0)
            ax.locator_params("x", nbins=5 if i == 1 else 7)
        words = textwrap.wrap(headline(ran), 40)[:3]
        top = axes[0][j]
        top.set_title("\n".join(words + [""] * (3 - len(words))), fontsize=10.5)
        above: Any = {"xy": (0.5, 1), "xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
        top.annotate(ran.said, xytext=(0, 67), fontsize=16, fontweight="bold", color=COLOURS[ran.name], **above)
        top.annotate(DOES[ran.name], xytext=(0, 51), fontsize=11, fontstyle="italic", color=COLOURS[ran.name], **above)
    figure.align_ylabels()
    return figure


def _offset(ax: Any, comparison: Comparison, ran: Ran, first: bool) -> None:
    """Offset over time, from before the first correction to the end."""
    course = ran.course
    offsets = [r.course.offset_ns for r in comparison.ran]
    scale, unit = unit_of(max(max(abs(min(o)), abs(max(o))) for o in offsets))
    every = max(1, len(course.true_ns) // POINTS)
    points = [(t / 60 / NS, o / scale) for t, o in zip(course.true_ns[::every], course.offset_ns[::every], strict=True)]
    for at, step in course.steps:  # a step is upright
        if abs(step) > 0.002 * scale:
            after = course.shown(at) - at
            points += [(at / 60 / NS, (after - step) / scale), (at / 60 / NS, after / scale)]
    points.sort(key=lambda p: p[0])
    ax.axhline(0, color="black", lw=0.8)
    ax.plot(*zip(*points, strict=True), color=COLOURS[ran.name], lw=2.5)
    ax.fill_between(*zip(*points, strict=True), color=COLOURS[ran.name], alpha=0.15, lw=0)
    _minutes(ax, comparison)
    if first:
        ax.set_ylabel(f"How wrong is it?\nshown - true ({unit})", fontsize=11)
    ax.text(
        *(0.97, 0.5, _pace(ran)),
        transform=ax.transAxes,
        ha="right",
        fontsize=11,
        color=COLOURS[ran.name],
        bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )


def _minutes(ax: Any, comparison: Comparison) -> None:
    """The run from end to end, alike in all rows that show it; the first window of five minutes began before it."""
    span = comparison.span_s / 60
    ax.set_xlim(-0.05 * span, 1.01 * span)
    ax.set_xlabel("minutes")


def _pace(ran: Ran) -> str:
    """How the clock gets where it gets."""
    f = ran.figures
    jump = max(f.most_back_ns, f.most_forward_ns)
    if jump > SETTLED_NS:
        return f"{ns(jump)} at once"
    if ran.course.acted_ns() is None:
        return f"drifts by {ppm(f.worst_rate_ppb)}"
    return f"runs at {ppm(f.worst_rate_ppb)}:\na second lasts\n{1 - f.worst_rate_ppb * 1e-9:.5f} s"


def _order(ax: Any, comparison: Comparison, ran: Ran, first: bool) -> None:
    """Events at their true time (below) and as stamped (above): lines that cross are events whose order is lost."""
    size = max((abs(r.course.offset_ns[0]) for r in comparison.ran), default=1)
    moment = comparison.moment_ns
    excerpt = around(moment, round(size * 0.8), before=12, after=18)
    stamps = excerpt.stamps(ran.course)
    middle = excerpt.true_ns[len(excerpt.true_ns) // 2]
    scale, unit = unit_of(15 * excerpt.every_ns)
    latest = None
    for true_ns, stamp in zip(excerpt.true_ns, stamps, strict=True):
        back = latest is not None and stamp < latest
        latest = stamp if latest is None else max(latest, stamp)
        colour = WRONG if back else "#444444"
        ax.plot([(true_ns - middle) / scale, (stamp - middle) / scale], [0, 1], color=colour, lw=1.6 if back else 0.9)
        ax.plot((true_ns - middle) / scale, 0, "o", color=colour, ms=4)
        ax.plot((stamp - middle) / scale, 1, "|", color=colour, ms=14, mew=2)
    ax.set_yticks([0, 1], ["happened", "stamped"], fontsize=11)
    ax.set_ylim(-0.15, 1.25)
    reach = 1.1 * max(abs(s - middle) for r in comparison.ran for s in excerpt.stamps(r.course)) / scale
    ax.set_xlim(-reach, reach)
    ax.set_xlabel(f"{unit} around the correction")
    steps = [(at, step) for at, step in ran.course.steps if at == moment and abs(step) > SETTLED_NS]
    if steps:
        at, step = steps[0]
        after = ran.course.shown(at)
        low, high = sorted(((after - middle) / scale, (after - step - middle) / scale))
        twice = step < 0
        ax.axvspan(low, high, ymin=0.72, color=WRONG if twice else "#e0a800", alpha=0.2, lw=0)  # where stamps are
        word = "shown twice" if twice else "never shown"
        ax.text((low + high) / 2, 1.13, f"{ns(abs(step))} {word}", ha="center", color=WRONG if twice else "#8a6d00", fontsize=10)
    else:
        off = ran.course.shown(moment) - moment
        words = f"all in order, {ns(abs(off))} {'ahead' if off > 0 else 'behind'}"
        ax.text(0.5, 0.93, words, transform=ax.transAxes, ha="center", fontsize=10, color="#2a7f3e")
    if first:
        ax.set_ylabel("What does a log look like?", fontsize=11)


def _windows(ax: Any, comparison: Comparison, ran: Ran, first: bool) -> None:
    """Events too many or too few in each five minutes of the clock."""
    windows = [w for w in ran.stamped.windows if -WINDOW_S < w.start_s <= comparison.span_s - WINDOW_S / 2]  # where the run is
    off = [w.events - w.expected for w in windows]
    middles = [(w.start_s / 60 + 2.5) for w in windows]
    ax.axhline(0, color="black", lw=0.8)
    bars = ax.bar(middles, off, width=4.2, color=COLOURS[ran.name])
    if len(windows) <= 8:
        ax.bar_label(bars, [f"{o:+d}" if o else "0" for o in off], padding=2, fontsize=9)
    every = [w.events - w.expected for r in comparison.ran for w in r.stamped.windows]
    low, high = min([0, *every]), max([0, *every])
    room = 0.25 * max(high - low, 1)
    ax.set_ylim(low - room, high + room)
    _minutes(ax, comparison)
    if first:
        expected = f" of {windows[0].expected}" if windows else ""
        ax.set_ylabel(f"Are counts right?\n5 min{expected}, off by", fontsize=11)
    if not windows:
        ax.set_yticks([])
        ax.text(0.5, 0.6, "too short for 5 minutes", transform=ax.transAxes, ha="center", fontsize=12, color="#555555")


def _late(ax: Any, comparison: Comparison, ran: Ran, first: bool) -> None:
    """The last seconds, so close that the noise is seen: how does the clock move once it is right?"""
    settled = [r for r in comparison.ran if r.figures.settled_s is not None]
    moves = [_moves(r) for r in settled]
    reach = 1.5 * max([LEAST_LATE_NS, *(max(map(abs, off)) for _, off in moves)])
    ax.set_ylim(-reach, reach)
    ax.set_xlim(0, LATE_S)
    ax.axhline(0, color="black", lw=0.5, ls=":")
    ax.set_xlabel(f"the last {LATE_S} seconds")
    if first:
        ax.set_ylabel("And later?\nmoves of the clock (ns)", fontsize=11)
    if ran not in settled:
        words = f"still {ns(abs(ran.figures.last_ns))} off"
        ax.text(0.5, 0.5, words, transform=ax.transAxes, ha="center", fontsize=12, color="#555555")
        return
    at_s, off = moves[settled.index(ran)]
    for i in range(1, len(off)):
        back = at_s[i] == at_s[i - 1] and off[i] < off[i - 1]
        ax.plot(at_s[i - 1 : i + 1], off[i - 1 : i + 1], color=WRONG if back else COLOURS[ran.name], lw=2.5 if back else 1.2)
    count = small_back(ran)
    words = f"time goes back by bits, {times(count)} in all" if count else "time never goes back"
    ax.text(0.5, 0.92, words, transform=ax.transAxes, ha="center", fontsize=11, color=WRONG if count else "#2a7f3e")


def _moves(ran: Ran) -> tuple[list[float], list[float]]:
    """(seconds, ns from the middle) of the last seconds, with two points where the clock is stepped."""
    course = ran.course
    start = max(course.true_ns[-1] - LATE_S * NS, course.true_ns[0])
    fine = [(t, 0, float(course.shown(t) - t)) for t in range(start, start + LATE_S * NS, NS // 20)]
    for at, step in course.steps:
        if at >= start:
            after = course.shown(at + 1) - at - 1
            fine += [(at, 1, float(after - step)), (at, 2, float(after))]
    fine.sort(key=lambda p: p[:2])
    middle = sum(p[2] for p in fine) / len(fine)
    return [(t - start) / NS for t, _, _ in fine], [off - middle for _, _, off in fine]
