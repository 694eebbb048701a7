"""The machine's clocks, and from a stamp on one of them to the raw clock.

The kernel stamps a pulse on REALTIME or MONOTONIC, never on MONOTONIC_RAW, and both are slewed: by chrony at up to 100 000 ppm. So
the clocks are read together before and after each edge, and the edge lies on the straight line between the two readings. How far
that line may be off comes from the readings alone: adjtimex's `freq` does not tell the rate, for tick, PLL and adjtime hide in it.

Let the line before run from P to B (`before`) with slope s, the edge's own from B to A (`after`) with slope m, and let the rate
change once between B and A. Then the edge on the line B-A is off by at most |m - s| x (distance from B): exactly that if the change
came after the edge, less if before. And whatever happens in between, no line is off by more than twice the fastest slew x
(distance to the nearer reading). `err_ns` is half the sandwich plus the smaller of the two.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from pathlib import Path

from gpstime.drivers.board import counter_of
from gpstime.model import PpsEdge
from gpstime.ports import EdgeStamp, Together
from gpstime.times import NS, RawNs, UnixNs

TRIES = 5
FASTEST = 0.102
"""The fastest slew: the kernel's tick takes 10 %, `freq` 500 ppm, adjtime 500 ppm; and the crystal's own error."""
FARTHEST_NS = NS
"""An edge farther than this from every reading is not converted."""
WORST_NS = NS // 1000
"""An edge that may be off by more is worth nothing to anybody."""
KEPT = 8
"""Readings remembered: the two around an edge, those that give the slope before, and spares for an edge that is fetched late."""
APART_NS = 20_000_000
"""The least distance of two readings that make the slope before."""

STEPPED = "the system clock was stepped around it"
FAR = "it is more than a second away from every reading of the clocks"
FAST = "the clocks ran apart faster than any slew around it: the machine slept, or its counter stood still"
VAGUE = "the system clock was slewed too fast around it, or read too late after it, to place it within 1 ms"
ALONE = "the clocks were read only once so far"
RESET = "the raw clock went backwards around it: the machine was started anew"


class SystemClocks:
    """Fits `ports.Clocks`: RAW, REAL, MONO, RAW, the tightest of a few tries.

    `grain_ns` is what the counter resolves (1000 on a Pi Zero or 1); None asks the board's model.
    """

    def __init__(self, grain_ns: int | None = None, root: Path = Path("/")) -> None:
        if grain_ns is None:
            counter = counter_of(root)
            grain_ns = 1 if counter is None else -(-NS // counter.hz)
        self._grain_ns = grain_ns

    def read(self) -> Together:
        ask, raw_id, real_id, mono_id = time.clock_gettime_ns, time.CLOCK_MONOTONIC_RAW, time.CLOCK_REALTIME, time.CLOCK_MONOTONIC
        best: tuple[int, int, int, int] | None = None
        for _ in range(TRIES):
            first = ask(raw_id)
            real = ask(real_id)
            mono = ask(mono_id)
            width = ask(raw_id) - first
            if best is None or width < best[0]:
                best = width, first, real, mono
        assert best is not None, "at least one try"
        width, first, real, mono = best
        return Together(RawNs(first + width // 2), UnixNs(real), mono, (width + 1) // 2 + self._grain_ns)


class Converter:
    """An edge's stamp and the clocks read before and after it become a `PpsEdge`, or a sentence why not: the edge is missing.

    `bias_ns`: how late the stamp is known to be (P21), taken off `at` and `shown`, never off `stamp`; it may be changed when
    another input opens. `steps`: steps of the system clock that lay between readings; an edge's `era` is their number.
    """

    def __init__(self, bias_ns: int = 0) -> None:
        self.bias_ns = bias_ns
        self.steps = 0
        self._readings: deque[Together] = deque(maxlen=KEPT)

    def convert(self, stamp: EdgeStamp, before: Together, after: Together) -> PpsEdge | str:
        for reading in (before, after):
            self._remember(reading)
        held = list(self._readings)
        if after.raw < before.raw:
            return RESET
        if len(held) < 2:
            return ALONE
        # the bracket that holds the stamp: mostly the last; an edge fetched late lies in an earlier one
        i = len(held) - 1
        while i > 1 and stamp.stamp < _shows(held[i - 1], stamp.native):
            i -= 1
        # after a step back the same stamp is in two brackets: the newest step decides, whichever seems to hold it
        if any(_stepped(*pair) for pair in itertools.pairwise(held[i - 1 :])):
            return STEPPED
        left, right = held[i - 1], held[i]
        slope = _slope(left, right, stamp.native)
        if not abs(slope - 1.0) <= FASTEST:
            return FAST
        since, until = stamp.stamp - _shows(left, stamp.native), _shows(right, stamp.native) - stamp.stamp
        near_ns = min(abs(since), abs(until))
        if near_ns > FARTHEST_NS:
            return FAR
        # from the nearer end: the product of a float and a small number of ns stays exact
        at = left.raw + round(since * slope) if abs(since) < abs(until) else right.raw - round(until * slope)
        if stamp.native == "raw":
            at = stamp.stamp
        doubt = 2 * FASTEST * near_ns
        before_it = self._slope_before(held[:i], stamp.native)
        if before_it is not None:
            doubt = min(doubt, abs(slope - before_it) * max(abs(since), near_ns))
        closest = left if abs(since) < abs(until) else right
        err_ns = max(left.err_ns, right.err_ns) + round(doubt + 0.5)
        if err_ns > WORST_NS:
            return VAGUE
        if stamp.native == "real":
            shown = stamp.stamp
        elif stamp.native == "mono":
            shown = stamp.stamp + closest.real - closest.mono_ns
        else:
            shown = closest.real + round((stamp.stamp - closest.raw) / _slope(left, right, "real"))
        return PpsEdge(
            RawNs(at - self.bias_ns),
            UnixNs(shown - self.bias_ns),
            stamp.edge,
            stamp.seq,
            stamp.stamped_by,
            stamp.native,
            stamp.stamp,
            err_ns,
            self.steps,
        )

    def _remember(self, reading: Together) -> None:
        """Adds a reading that is new; after a reset of the raw clock nothing before it counts."""
        if self._readings:
            latest = self._readings[-1]
            if reading.raw == latest.raw:
                return
            if reading.raw < latest.raw:
                self._readings.clear()
            elif _stepped(latest, reading):
                self.steps += 1
        self._readings.append(reading)

    @staticmethod
    def _slope_before(held: list[Together], native: str) -> float | None:
        """Raw ns per native ns before the bracket that begins with the last of these; None at the start and after a step."""
        last = held[-1]
        for earlier in reversed(held[:-1]):
            if native == "real" and _stepped(earlier, last):
                return None
            if last.raw - earlier.raw >= APART_NS:
                return _slope(earlier, last, native)
        return None


def _shows(reading: Together, native: str) -> int:
    return reading.real if native == "real" else reading.mono_ns if native == "mono" else reading.raw


def _slope(left: Together, right: Together, native: str) -> float:
    """Raw ns per native ns, from the two readings."""
    passed = _shows(right, native) - _shows(left, native)
    return (right.raw - left.raw) / passed if passed > 0 else float("inf")


def _stepped(left: Together, right: Together) -> bool:
    """REALTIME - MONOTONIC changes by steps only; each difference is off by no more than its whole sandwich."""
    moved = (right.real - right.mono_ns) - (left.real - left.mono_ns)
    return abs(moved) > 2 * (left.err_ns + right.err_ns) + 1
