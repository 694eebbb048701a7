"""What a clock did, second by second, and what that is worth: when it was right, how fast it ran, how often time went backwards.

A `Course` is the raw clock on an axis of true time, and the corrections; of a simulated run the axis is the truth, of a recorded
one the pulses (with their noise). All true times are ns since the axis began.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass

from gpstime.core.corrections import Corrections
from gpstime.times import NS

SETTLED_NS = 10_000
"""A clock is settled when it is within this, for good."""
HOLDS_S = 30
"""It must be so for at least this long at the end of a run: a clock that only passes by is not settled."""


class Course:
    """`true_ns[i]`, `raw[i]`: the axis, one point a second or so. `ahead_ns`: shown = raw + ahead + corrections, counted from the
    axis's true 0, whose UTC is `unix0` (ns)."""

    def __init__(self, true_ns: array[int], raw: array[int], ahead_ns: int, corrections: Corrections, unix0: int) -> None:
        assert len(true_ns) == len(raw) >= 2
        self.true_ns, self.raw, self.ahead_ns, self.corrections, self.unix0 = true_ns, raw, ahead_ns, corrections, unix0
        self.offset_ns = array("q", (r + ahead_ns + corrections.just_before(r) - t for t, r in zip(true_ns, raw, strict=True)))
        """Clock minus true time at each point, before a step that is made right there."""
        self.steps = [(self.true_at(at), ns) for at, ns in corrections.steps]
        """(true instant, ns), in order."""

    @property
    def span_ns(self) -> int:
        return self.true_ns[-1] - self.true_ns[0]

    def _between(self, xs: array[int], ys: array[int], x: int) -> int:
        i = min(max(bisect_right(xs, x), 1), len(xs) - 1)
        over = xs[i] - xs[i - 1]
        return ys[i - 1] + round((ys[i] - ys[i - 1]) * (x - xs[i - 1]) / over)

    def raw_at(self, true_ns: int) -> int:
        return self._between(self.true_ns, self.raw, true_ns)

    def true_at(self, raw: int) -> int:
        return self._between(self.raw, self.true_ns, raw)

    def shown(self, true_ns: int) -> int:
        """What the clock shows then (ns since `unix0`); at a step, what it shows after it."""
        raw = self.raw_at(true_ns)
        return raw + self.ahead_ns + self.corrections.at(raw)

    def acted_ns(self) -> int | None:
        """When somebody first did something to the clock; None: nobody did."""
        first = [*self.corrections.changes[:1], *(at for at, _ in self.corrections.steps[:1])]
        return self.true_at(min(first)) if first else None


@dataclass(frozen=True, slots=True)
class Figures:
    """`settled_s`: from then on within 10 us (None: never). `worst_rate_ppb`: the largest frequency error of the clock over a
    second, steps not counted. `back`, `forward`: how often time was stepped backwards and forwards; `most_back_ns`,
    `most_forward_ns` the largest of them and `repeated_ns` all that was shown twice. `first_ns`, `last_ns`: its offset at the start
    and at the end."""

    settled_s: float | None
    worst_rate_ppb: float
    back: int
    most_back_ns: int
    repeated_ns: int
    forward: int
    most_forward_ns: int
    first_ns: int
    last_ns: int


def figures(course: Course) -> Figures:
    """All of it, for the whole course."""
    offsets, true_ns = course.offset_ns, course.true_ns
    settled: float | None = None
    for i in range(len(offsets) - 1, -1, -1):
        if abs(offsets[i]) > SETTLED_NS:
            break
        settled = (true_ns[i] - true_ns[0]) / NS
    if settled is not None and course.span_ns / NS - settled < HOLDS_S:
        settled = None
    back = [-ns for _, ns in course.steps if ns < 0]
    forward = [ns for _, ns in course.steps if ns > 0]
    return Figures(
        settled,
        _worst_rate(course),
        len(back),
        max(back, default=0),
        sum(back),
        len(forward),
        max(forward, default=0),
        offsets[0],
        offsets[-1],
    )


def _worst_rate(course: Course) -> float:
    """The frequency error (ppb) that is farthest from 0, over the intervals of the axis."""
    worst, stepped = 0.0, course.corrections.stepped
    for i in range(1, len(course.raw)):
        before, after = course.raw[i - 1], course.raw[i]
        moved = course.offset_ns[i] - course.offset_ns[i - 1] - (stepped(after - 1) - stepped(before - 1))
        rate = moved / (course.true_ns[i] - course.true_ns[i - 1]) * 1e9
        if abs(rate) > abs(worst):
            worst = rate
    return worst
