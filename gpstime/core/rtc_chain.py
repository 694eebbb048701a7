"""An RTC's phase against true time, edge by edge, in stretches that nobody broke: a set or another rate is never averaged in.

x is the RTC's count of seconds minus true time (ns, from an arbitrary zero), so that its slope is the RTC's frequency error. Each
edge is held against the line through those before it: two in a row far off are no outliers, one alone is. What is too small to
stand out in one edge is looked for in the last dozens of them (`rtc_shift`). Either way the stretch ends there and the next one
begins: edges are on probation, and reach the estimator only when nothing happened for a while.

A trim that acts in pulses moves the phase as a set does, by a known amount: such a jump is taken for the trim's. In the stretch the
pulses are replaced by their mean, so that the frequency is the one at which the chip runs with its trim, and no pulse is noise.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

from gpstime.core.line import median, through
from gpstime.core.rtc_shift import shift
from gpstime.core.rtc_stretch import WIDE
from gpstime.core.rtc_stretch import Point as Point
from gpstime.core.rtc_stretch import Stretch as Stretch
from gpstime.core.trim import TrimSpec
from gpstime.model import Kind
from gpstime.times import NS, RawNs

WINDOW, LINE, PROBATION = 40, 16, 14
"""Edges that are looked through for a shift; through which the line goes; that wait for it before they count."""
STEADY = 8
"""Edges before the scatter about the line means something."""
ROOM_NS = 1_000_000
"""Until then an edge may be off by so much, and what is certain of it."""
UNKNOWN, UNKNOWN_TRIMMED = 1e-3, 3e-4
"""How far off the rate may be while there is one edge; less where a pulse of the trim must not hide in it."""
WANDER = 0.4e-6
"""How much the rate may change from edge to edge without being a break."""
OFF = 5.0
"""Sigmas of the scatter about the line."""
SHARE = 0.1
"""The least scatter to believe in, as a share of what is certain of an edge."""
KNOWN = 0.9
"""The same, as a share of the noise found so far."""
LEAST_NS = 300.0
PULSE_SLACK_NS, SEPARATE_NS, SHARP_NS = 300_000, 800_000, 50_000
"""How far a trim's pulse may be from what the datasheet says; how large it must be to be told apart from polling's noise;
the room below which the pulse is rather measured."""
MOST = 64
"""Stretches kept: of a clock that is set all the time the longest ones."""


def blends(spec: TrimSpec | None) -> bool:
    """Whether a trim's pulses are too small to be told apart: then only edges a whole cycle from each other can be compared."""
    return spec is not None and spec.acts == "pulses" and abs(spec.pulse_ns(1)) < SEPARATE_NS


@dataclass(frozen=True, slots=True)
class Broken:
    """Between `after` and `at` (raw) the phase jumped by `jump_ns`, or the rate changed by `bend_ppb`; the other is None."""

    after: RawNs
    at: RawNs
    jump_ns: int | None
    bend_ppb: float | None


class Chain:
    """`add` every edge in order; `stretches` are all so far, the last one still open. `detect` False: nothing is ever a break."""

    def __init__(self, detect: bool = True) -> None:
        self._detect = detect
        self.stretches = [Stretch()]
        self.outliers = 0
        self.removed_ns = 0
        """All pulses of the trim so far: taken off the phases as they come."""
        self._window: deque[tuple[float, float, Point]] = deque(maxlen=WINDOW)
        self._suspects: list[tuple[Point, float]] = []
        self._sigma = self._before = 0.0
        self._errs: deque[int] = deque(maxlen=64)
        self._spec: TrimSpec | None = None
        self._trim = 0

    @property
    def stretch(self) -> Stretch:
        return self.stretches[-1]

    def trim(self, spec: TrimSpec | None, value: int | None) -> None:
        """The trim in force. One whose pulses are too small or too frequent to be told apart acts like a continuous one."""
        apart = spec is not None and spec.acts == "pulses" and not blends(spec)
        self._spec, self._trim = (spec, value) if apart and value else (None, 0)

    def end(self, why: str, since: RawNs | None = None) -> None:
        """Whatever comes next has nothing to do with what was; edges on probation from `since` (raw) on belong to neither."""
        self._suspects.clear()
        if self.stretch.first is None:
            return
        if since is not None:
            self._cut(next((i for i, (_, _, p) in enumerate(self.stretch.waiting) if p.at >= since), len(self.stretch.waiting)))
        self._open(why)

    def _cut(self, left: int) -> list[Point]:
        """Leave the first `left` edges that wait to the stretch; the others."""
        stretch = self.stretch
        moved = [point for _, _, point in stretch.waiting[left:]]
        del stretch.waiting[left:]
        if moved and (left or stretch.n):
            stretch.last = stretch.waiting[-1][2] if left else stretch.passed
        return moved

    def add(self, point: Point) -> tuple[Kind, Broken | None]:
        """What the edge is, and what happened if it shows that something did."""
        count = round((point.true_ns + point.x_ns) / NS) if self._detect else round(point.true_ns / NS)
        stretch, point = self.stretch, replace(point, count=count).without(self.removed_ns)
        if stretch.last is not None and point.true_ns - stretch.last.true_ns < NS // 2:
            self.outliers += 1
            return Kind.OUTLIER, None
        if stretch.first is not None and self._detect:
            off, room = self._off(point)
            if abs(off) > room:
                pulses = self._pulsed(off, room)
                if not pulses:
                    return self._suspect(point, off)
                # as measured, where that is sharper than what the datasheet says
                moved = round(off if room < SHARP_NS else pulses * self._unit())
                stretch.pulses += abs(pulses)
                self.removed_ns += moved
                point = point.without(moved)
            else:
                self._before = off
        self.outliers += len(self._suspects)
        self._suspects.clear()
        self._take(point)
        return Kind.OK, self._shifted() if self._detect else None

    # ---- what is expected ----------------------------------------------------------------------------------------------------

    def _smooth(self, point: Point) -> tuple[float, float]:
        """Seconds and phase since the stretch began, with the mean of the trim's pulses in their place."""
        stretch = self.stretch
        assert stretch.first is not None
        t = (point.true_ns - stretch.first.true_ns) / NS
        x = float(point.x_ns - stretch.first.x_ns)
        return t, x + t * (self._spec.effect_ppm(self._trim) * 1e3 if self._spec is not None else 0.0)

    def _off(self, point: Point) -> tuple[float, float]:
        """How far the edge is from where those before it lead, and how far it may be."""
        t, x = self._smooth(point)
        line = list(self._window)[-LINE:]
        t1, x1, last = line[-1]
        sure, ahead = float(point.err_ns + last.err_ns), t - t1
        if len(line) < STEADY:
            t0, x0, _ = line[0]
            if t1 == t0:
                return x - x1, ROOM_NS + sure + (UNKNOWN if self._spec is None else UNKNOWN_TRIMMED) * NS * ahead
            slope, doubt = (x1 - x0) / (t1 - t0), (ROOM_NS / 4 + sure) / (t1 - t0)
            return x - x1 - slope * ahead, ROOM_NS + sure + (doubt + WANDER * NS) * ahead
        ts = [ti - t for ti, _, _ in line]
        fit = through(ts, [xi for _, xi, _ in line], max(LEAST_NS, SHARE * point.err_ns, KNOWN * self._scatter()))
        middle = sum(ts) / len(ts)
        blur = math.sqrt(1.0 + 1.6 / len(ts) + 1.6 * middle**2 / sum((ti - middle) ** 2 for ti in ts))
        few = 1.0 if self._sigma else 1.0 + 8.0 / len(line)
        return x - fit.x, OFF * few * fit.spread * blur + 0.25 * sure + WANDER * NS * ahead

    def _scatter(self) -> float:
        """The noise of an edge as the estimator has found it, in this stretch or the one before: a few edges may agree by luck."""
        self._sigma = self.stretch.estimator.sigma_ns or self._sigma
        return self._sigma

    def _unit(self) -> float:
        """What one pulse of the trim adds to the phase (ns), with its sign."""
        assert self._spec is not None
        return self._spec.pulse_ns(1 if self._trim > 0 else -1)

    def _pulsed(self, off: float, room: float) -> int:
        """How many pulses of the trim make such a jump; 0 if it is none of theirs."""
        if self._spec is None:
            return 0
        count = round(off / self._unit())
        fits = abs(off - count * self._unit()) <= room + PULSE_SLACK_NS
        return count if fits and 1 <= count <= abs(self._trim) else 0

    # ---- what happened -------------------------------------------------------------------------------------------------------

    def _suspect(self, point: Point, off: float) -> tuple[Kind, Broken | None]:
        """A second one in a row: the edges before and after it, further off each time if the rate changed, alike if it was set."""
        self._suspects.append((point, off))
        if len(self._suspects) < 2:
            return Kind.OUTLIER, None
        (before, first), (_, second) = self._suspects
        assert self.stretch.last is not None
        after, growth = self.stretch.last.at, second - first
        passed_s = (point.true_ns - before.true_ns) / NS
        crept = growth / first > 0.3 and self._before / first > 0.25  # it was on its way before it was far enough off
        bent = growth / first > 0.5 or crept
        broken = Broken(after, before.at, None if bent else round(first), growth / passed_s if bent else None)
        held = [p for p, _ in self._suspects]
        self._suspects.clear()
        if bent:  # it began where the deviation was nothing, some edges ago; what changed meanwhile belongs to neither side
            onset = before.true_ns - abs(first / growth) * (point.true_ns - before.true_ns) - NS
            waiting = self.stretch.waiting
            self._cut(next((i for i, (_, _, p) in enumerate(waiting) if p.true_ns > onset), len(waiting)))
            held = held[-1:]
        self._open("rate-change" if bent else "set")
        for p in held:
            self._take(p)
        return Kind.OK, broken

    def _shifted(self) -> Broken | None:
        """What the last edges show together."""
        ts, xs = [t for t, _, _ in self._window], [x for _, x, _ in self._window]
        known = KNOWN * self._scatter()
        errs = [max(LEAST_NS, SHARE * point.err_ns, known) for _, _, point in self._window]
        found = shift(ts, xs, errs, len(self.stretch.waiting))
        if found is None:
            return None
        stretch = self.stretch
        moved = self._cut(len(stretch.waiting) - (len(self._window) - found.index))
        assert stretch.last is not None
        jump = None if found.bend_ppb else round(found.jump_ns)
        self._open("set" if jump is not None else "rate-change")
        for point in moved:
            self._take(point)
        return Broken(stretch.last.at, moved[0].at, jump, found.bend_ppb or None)

    def _open(self, why: str) -> None:
        self.stretch.ended = why
        self.stretch.pass_on(0, self._widest())
        self.stretches.append(Stretch())
        self._window.clear()
        if len(self.stretches) > MOST:
            self.stretches.remove(min(self.stretches[:-1], key=lambda s: s.span_s))

    def _take(self, point: Point) -> None:
        stretch = self.stretch
        if stretch.first is None:
            stretch.first = point
        stretch.last = point
        if self._spec is not None:
            stretch.trim_ppb = abs(self._spec.effect_ppm(self._trim)) * 1e3
        t, x = self._smooth(point)
        self._window.append((t, x, point))
        stretch.waiting.append((t, x, point))
        self._errs.append(point.err_ns)
        if len(stretch.waiting) > PROBATION:
            stretch.passed = stretch.waiting[0][2]
            stretch.pass_on(PROBATION, self._widest())

    def _widest(self) -> float:
        return WIDE * median(self._errs)
