"""Did somebody step the system clock, and does somebody steer it?

REALTIME minus MONOTONIC changes by steps only (a slew moves both), so ticks that carry both find every step, to the ns. Without
MONOTONIC there is REALTIME minus RAW, which slews move too: 500 ppm by the kernel, up to a tenth by chrony. A slew goes on, a step
is over within one reading: what is faster than any slew is a step at once, what a slew could have done during a gap is a step if
the clock ran alike before and after.
"""

from __future__ import annotations

from collections import deque

from gpstime.model import Applied, ClockStep, PpsEdge, Tick
from gpstime.times import RawNs

LEAST_NS = 1_000_000
"""The least jump of REALTIME - MONOTONIC that counts: two clocks read one after the other, with a scheduler in between."""
SLEW = 0.12
"""Faster than any slew: chrony's fastest is 0.1 s/s."""
SLACK_NS = 5_000_000
"""Doubt about a single stamp taken in user space."""
LEAST_APART_NS = 100_000_000
"""Readings closer than this give no rate; the second of them is left out."""
HIDDEN_NS = 300_000_000
"""The least jump across a gap that is taken for a step when the clock ran alike on both sides."""
ALIKE = 2e-3
"""Difference of rates before and after that is alike: a slew that matters is faster."""
FRESH_NS = 10_000_000_000
"""As long as ticks with MONOTONIC come at least this often, they alone tell."""
TOGETHER_NS = 5_000_000_000
"""A step declared and a jump seen within this time are the same."""
STEERED_AFTER = 2
"""Frequency corrections by somebody that make a clock a steered one (one is a setting)."""


class StepWatch:
    """Feed it every edge, tick and `Applied`. `count`: steps so far. `steered`: who steers the system clock, None if nobody.

    A declared step counts when it is declared; the jump that it makes is not counted again, nor one that was seen before it was
    declared. `total_ns`: the sum of all steps.
    """

    def __init__(self) -> None:
        self.count = 0
        self.total_ns = 0
        self.steered: str | None = None
        self._corrections: dict[str, int] = {}
        self._declared_at: RawNs | None = None
        self._declared_ns = 0
        self._seen: deque[tuple[RawNs, int]] = deque(maxlen=4)
        self._mono: tuple[RawNs, int, int] | None = None
        self._raw: tuple[RawNs, int] | None = None
        self._slope: float | None = None
        self._gap: tuple[RawNs, float] | None = None

    def on_pulse(self, edge: PpsEdge) -> list[ClockStep]:
        """An edge: `shown` against the raw clock, or against MONOTONIC where the kernel stamped that."""
        if edge.native == "mono" and edge.stamp is not None:
            return self._on_mono(edge.at, edge.shown - edge.stamp, edge.err_ns)
        return self._on_raw(edge.at, edge.shown, edge.err_ns)

    def on_tick(self, tick: Tick) -> list[ClockStep]:
        if tick.mono_ns is not None:
            return self._on_mono(tick.at, tick.shown - tick.mono_ns, tick.err_ns)
        return self._on_raw(tick.at, tick.shown, tick.err_ns)

    def on_applied(self, applied: Applied) -> list[ClockStep]:
        """What was done to the clock, by us or by others."""
        if applied.freq_ppb is not None:
            by = applied.by or "somebody"
            self._corrections[by] = self._corrections.get(by, 0) + 1
            if self._corrections[by] >= STEERED_AFTER:
                self.steered = by
        elif not applied.step_ns:
            self.steered = applied.by or None
        if not applied.step_ns:
            return []
        for i, (at, step_ns) in enumerate(self._seen):
            if abs(applied.at - at) < TOGETHER_NS and abs(step_ns - applied.step_ns) < 2 * SLACK_NS:
                del self._seen[i]
                return []
        self._declared_at, self._declared_ns = applied.at, applied.step_ns
        return self._step(applied.at, applied.step_ns, applied.by)

    def _step(self, at: RawNs, step_ns: int, by: str) -> list[ClockStep]:
        self.count += 1
        self.total_ns += step_ns
        return [ClockStep(at, step_ns, by)]

    def _explained(self, at: RawNs) -> int:
        """The steps that a reading at `at` should show."""
        late = self._declared_at is not None and at < self._declared_at
        return self.total_ns - (self._declared_ns if late else 0)

    def _jumped(self, at: RawNs, jump: int) -> list[ClockStep]:
        self._seen.append((at, jump))
        return self._step(at, jump, "")

    def _on_mono(self, at: RawNs, apart: int, err_ns: int) -> list[ClockStep]:
        apart -= self._explained(at)
        before, self._mono = self._mono, (at, apart, err_ns)
        if before is None or at < before[0]:
            return []
        jump = apart - before[1]
        if abs(jump) <= LEAST_NS + 2 * (err_ns + before[2]):
            return []
        self._mono = (at, before[1], err_ns)
        return self._jumped(at, jump)

    def _on_raw(self, at: RawNs, shown: int, err_ns: int) -> list[ClockStep]:
        if self._mono is not None and 0 <= at - self._mono[0] < FRESH_NS:
            self._raw = self._slope = self._gap = None
            return []
        apart = shown - at - self._explained(at)
        before, self._raw = self._raw, (at, apart)
        if before is None or at < before[0]:
            self._slope = self._gap = None
            return []
        passed = at - before[0]
        if passed < LEAST_APART_NS:
            self._raw = before
            return []
        moved = apart - before[1]
        slack = SLACK_NS + 2 * err_ns
        excess = moved - (self._slope or 0.0) * passed
        if min(abs(excess), abs(moved)) > SLEW * passed + slack:  # against the rate of late, and against no slew at all
            self._gap = None
            self._raw = (at, apart - round(excess))
            return self._jumped(at, round(excess))
        out: list[ClockStep] = []
        slope = moved / passed
        if self._gap is not None and self._slope is not None:
            (when, jump), self._gap = self._gap, None
            if abs(slope - self._slope) < ALIKE + slack / passed:
                out = self._jumped(when, round(jump))
                self._raw = (at, apart - round(jump))
        elif self._slope is not None and abs(excess) > HIDDEN_NS and passed > 2_500_000_000:
            self._gap = (at, excess)
            return out
        self._slope = slope
        return out
