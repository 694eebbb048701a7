"""The lab's page for a terminal: a curve for each policy, the log that each clock would have written, and the figures."""

from __future__ import annotations

import shutil
import textwrap

from gpstime.app.durations import say_duration
from gpstime.app.lab_compare import Comparison, Ran
from gpstime.report.lab_words import STEP_AND_SLEW, headline, ns, rows
from gpstime.report.strip import strip, unit_of
from gpstime.times import NS

LEAST_WIDTH, MOST_WIDTH = 72, 160
HEIGHT = 5
LABEL = 9
TABLE_LABEL, COLUMN = 23, 14
MS = 1_000_000
DAY_S = 86_400


def terminal_width() -> int:
    """Columns of the terminal, or COLUMNS; 80 where there is none."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, LEAST_WIDTH), MOST_WIDTH)


def text(comparison: Comparison, width: int | None = None) -> str:
    """The page. Plain characters, no colour, no line longer than `width` (that of the terminal)."""
    width = terminal_width() if width is None else width
    lines = [line for said in (comparison.what, STEP_AND_SLEW, when(comparison)) for line in textwrap.wrap(said, width)] + [""]
    lines += _curves(comparison, width)
    across = max(1, (width - TABLE_LABEL) // COLUMN)
    for i in range(0, len(comparison.ran), across):
        lines += ["", *_log(comparison, comparison.ran[i : i + across], i == 0)]
    for i in range(0, len(comparison.ran), across):
        lines += ["", *_table(comparison, i, across)]
    return "\n".join(line.rstrip() for line in lines)


def when(comparison: Comparison) -> str:
    """When it begins, or why it does not."""
    begun = [at for r in comparison.ran if (at := r.course.acted_ns()) is not None]
    if not begun:
        return "Nothing was done to any clock: no second was verified in that time."
    after = say_duration(min(begun) / NS)
    return f"After {after} the second is sure; from then on each policy does what it may."


# ---- offset over time ----------------------------------------------------------------------------------------------------------


def _curves(comparison: Comparison, width: int) -> list[str]:
    offsets = [r.course.offset_ns for r in comparison.ran]
    low, high = min(0, *(min(o) for o in offsets)), max(1, *(max(o) for o in offsets))
    size = max(-low, high)
    scale, unit = unit_of(size)
    zero = round(high / (high - low) * (HEIGHT - 1))
    room = width - LABEL - 1
    lines = ["How far each clock is ahead, over time:" if low > -1e-3 * high else "How far each clock is off, over time:"]
    for ran in comparison.ran:
        lines += ["", *textwrap.wrap(f"{ran.said}: {headline(ran)}", width, subsequent_indent="  ")]
        curve = strip(ran.course.true_ns, ran.course.offset_ns, low, high, room, HEIGHT)
        for i, line in enumerate(curve):
            y = high - (high - low) * i / (HEIGHT - 1)
            label = "0" if i == zero else f"{y / scale:+.0f} {unit}" if i in (0, HEIGHT - 1) else ""
            lines.append(f"{label:>{LABEL - 1}} |{line}")
    lines.append(_axis(comparison, room))
    return lines


def _axis(comparison: Comparison, room: int) -> str:
    """Marks of time below the last curve."""
    span = comparison.span_s
    every = next((e for e in (10, 30, 60, 300, 600, 1800, 3600, 7200, 6 * 3600, DAY_S) if span / e <= 8), 2 * DAY_S)
    line = [" "] * (LABEL + 1 + room)
    mark = 0
    while mark <= span:
        label = "0" if mark == 0 else say_duration(mark)
        at = min(LABEL + 1 + int(mark / span * (room - 1)), len(line) - len(label))
        line[at : at + len(label)] = label
        mark += every
    return "".join(line)


# ---- the log ---------------------------------------------------------------------------------------------------------------------


def _clock(unix_ns: int) -> str:
    ms = unix_ns // MS
    return f"{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


def _log(comparison: Comparison, ran: tuple[Ran, ...], first: bool) -> list[str]:
    excerpt = comparison.excerpt
    unix0 = ran[0].course.unix0
    lines = []
    if first:
        lines += [f"An event each {ns(excerpt.every_ns)}, as each clock stamps it (<: earlier than before):", ""]
    lines.append(f"{'true time':<{TABLE_LABEL}}" + "".join(f"{r.said:>{COLUMN}}" for r in ran))
    stamps = [excerpt.stamps(r.course) for r in ran]
    for i, true_ns in enumerate(excerpt.true_ns):
        line = f"{_clock(unix0 + true_ns):<{TABLE_LABEL}}"
        for column in stamps:
            back = i > 0 and column[i] < column[i - 1]
            line += f"{_clock(unix0 + column[i]) + ('<' if back else ' '):>{COLUMN}}"
        lines.append(line)
    return lines


# ---- figures -------------------------------------------------------------------------------------------------------------------


def _table(comparison: Comparison, start: int, across: int) -> list[str]:
    chosen = slice(start, start + across)
    lines = [f"{'':<{TABLE_LABEL}}" + "".join(f"{r.said:>{COLUMN}}" for r in comparison.ran[chosen])]
    lines += [f"{name:<{TABLE_LABEL}}" + "".join(f"{word:>{COLUMN}}" for word in words[chosen]) for name, words in rows(comparison)]
    return lines
