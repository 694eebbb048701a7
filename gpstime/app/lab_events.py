"""What a log looks like whose entries are stamped by a clock that is being put right.

Something happens regularly in true time, as a sensor is read or messages arrive, and each event gets the clock's time in ms. Then
the stamps are all that is left, as in a log file, and one looks what became of order, of identity and of counts per five minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from gpstime.app.lab_course import Course
from gpstime.times import NS

MS = 1_000_000
WINDOW_S = 300
RATES = (100, 50, 20, 10, 5, 2, 1)
MOST_EVENTS = 400_000
"""More than this are not stamped: a longer run has fewer in a second."""
SPREAD = 0.8
"""Events come somewhere in the first 80 % of their slot, so that no two are closer than 2 ms at 100 in a second."""


@dataclass(frozen=True, slots=True)
class Window:
    """Events stamped in the five minutes from `start_s` (on the clock, since the axis began), and how many there really were."""

    start_s: float
    events: int
    expected: int


@dataclass(frozen=True, slots=True)
class Stamped:
    """`events` stamps in order of the events. `reordered`: stamped earlier than one that came before; `duplicated`: with the very
    same stamp as one before; `windows`: those that lie wholly inside the run."""

    events: int
    per_s: int
    reordered: int
    duplicated: int
    windows: tuple[Window, ...]

    @property
    def worst_window(self) -> int:
        """Events too many (or, negative, too few) in the window that is farthest off."""
        return max((w.events - w.expected for w in self.windows), key=abs, default=0)


def rate_for(span_ns: int) -> int:
    """Events in a second for a run this long."""
    return next((rate for rate in RATES if rate * span_ns // NS <= MOST_EVENTS), RATES[-1])


def happening(first: int, last: int, per_s: int, draw: Random) -> Iterator[int]:
    """True instants of the events between two others, in order."""
    slot = NS // per_s
    for start in range(first, last - slot, slot):
        yield start + int(draw.random() * SPREAD * slot)


def stamped(course: Course, draw: Random, lead_ns: int = 0) -> Stamped:
    """The stream as this course's clock stamps it; the same `draw` gives the same events. The first come `lead_ns` before it."""
    per_s = rate_for(course.span_ns)
    first, last = course.true_ns[0] - lead_ns, course.true_ns[-1]
    seen: set[int] = set()
    latest, events, reordered, duplicated = -(1 << 62), 0, 0, 0
    counts: dict[int, int] = {}
    window_ns, start = WINDOW_S * NS, course.unix0
    low, high = course.shown(first), course.shown(last)
    for at in happening(first, last, per_s, draw):
        stamp = (start + course.shown(at)) // MS
        events += 1
        if stamp < latest:
            reordered += 1
        if stamp in seen:
            duplicated += 1
        seen.add(stamp)
        latest = max(latest, stamp)
        window = stamp * MS // window_ns
        counts[window] = counts.get(window, 0) + 1
    whole = [w for w in sorted(counts) if w * window_ns - start >= low and (w + 1) * window_ns - start <= high]
    windows = tuple(Window((w * window_ns - start) / NS, counts[w], WINDOW_S * per_s) for w in whole)
    return Stamped(events, per_s, reordered, duplicated, windows)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Regular events around a moment: `every_ns` apart, at `true_ns`, all as the axis counts."""

    every_ns: int
    true_ns: tuple[int, ...]

    def stamps(self, course: Course) -> list[int]:
        """What the clock showed at each (ns since the axis began)."""
        return [course.shown(t) for t in self.true_ns]


def nice(size_ns: int) -> int:
    """The largest of 1, 2, 5 times a power of ten that is not more, and at least a ms."""
    unit = MS
    while unit * 10 <= size_ns:
        unit *= 10
    return next((k * unit for k in (5, 2) if k * unit <= size_ns), unit)


def around(moment_ns: int, size_ns: int, before: int, after: int) -> Excerpt:
    """Events so close that a step of this size moves a stamp past four others; `before` and `after`: how many."""
    every = nice(max(abs(size_ns) // 4, MS))
    first = moment_ns // every - before + 1
    at = tuple(k * every for k in range(first, first + before + after) if k >= 0)
    return Excerpt(every, at)
