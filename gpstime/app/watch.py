"""What a run showed, gathered as its values pass by: labels, who steers what, and whether the timer itself is to be believed."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from gpstime.core.pairing import Pairing
from gpstime.model import Applied, Event, Finding, Kind, Label, LabelChange, Offset, PpsEdge
from gpstime.times import NS, RawNs, UtcTime

BLOCK = 16
"""pulses whose median is one point: a user-space stamp of 100 us then gives a frequency to about 3 ppm from block to block"""
JUMP_PPB = 100_000.0
"""no crystal changes by 100 ppm between two blocks: its whole range over temperature is less"""
RESTART_PPB = 2_000_000.0
"""the same where the train restarted, whose rate rests on a few stamps then"""
GAP_S = 60
"""across a longer gap the count of seconds is itself an estimate, and proves nothing about the timer"""


class Spread:
    """Smallest and largest of a series."""

    def __init__(self) -> None:
        self.lo: float | None = None
        self.hi: float | None = None

    def add(self, v: float) -> None:
        self.lo = v if self.lo is None or v < self.lo else self.lo
        self.hi = v if self.hi is None or v > self.hi else self.hi

    @property
    def width(self) -> float:
        return 0.0 if self.lo is None or self.hi is None else self.hi - self.lo


class Watch:
    """A `ports.Sink`. Call `done()` when `limit_s` true seconds have passed since the first pulse (None: no limit)."""

    def __init__(self, limit_s: float | None = None, progress: Callable[[Offset], None] | None = None) -> None:
        self._limit_s, self._progress = limit_s, progress
        self.edges = 0
        self.used = 0
        self.last_at = RawNs(0)
        self.first_n: int | None = None
        self.last_n = 0
        self._last: Offset | None = None
        self.first_labelled: tuple[RawNs, UtcTime] | None = None
        self.last_labelled: tuple[RawNs, UtcTime] | None = None
        # steering: what the `set` lines would have done to shown - t, and what shown - t did
        self.steerer = ""
        self.corrections = 0
        self._correction_ppb: float | None = None
        self._since: int = 0
        self._pushed_ns = 0.0
        self._pushed, self._seen = Spread(), Spread()
        self._first_seen: int | None = None
        # the timer: medians of blocks of x = at - n seconds
        self.train: Callable[[], tuple[int, float]] = lambda: (0, 1.0)
        """how often the train has restarted (x before and after have nothing to do with each other), and its rate"""
        self._restarts, self._rate = 0, 1.0
        self.jumps = 0
        self.largest_jump_ppb = 0.0
        self._base: int | None = None
        self._block: list[tuple[int, int]] = []
        self._point: tuple[float, float] | None = None
        self._slope_ppb: float | None = None

    def done(self) -> bool:
        return self._limit_s is not None and self.first_n is not None and self.last_n - self.first_n >= self._limit_s

    @property
    def raw_is_steered(self) -> bool:
        """True if the `set` lines should have moved shown - t, and did not: then `t` is the steered clock itself."""
        return self._pushed.width > 0 and self.edges > 1 and self._seen.width < 0.2 * self._pushed.width

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, Offset):
            self._offset(value)
        elif isinstance(value, PpsEdge):
            self.edges += 1
            self.last_at = value.at
            if self._correction_ppb is not None:
                self._push(value.at)
                self._first_seen = value.shown - value.at if self._first_seen is None else self._first_seen
                self._seen.add(float(value.shown - value.at - self._first_seen))
        elif isinstance(value, Applied) and value.freq_ppb is not None:
            self._push(value.at)
            self._correction_ppb = value.freq_ppb
            self.corrections += 1
            self.steerer = value.by or self.steerer
        elif isinstance(value, Applied) and not value.step_ns:
            self.steerer = value.by or self.steerer  # who steered for a part of the run is named, too
        elif isinstance(value, LabelChange) and value.withdrawn:
            self.first_labelled = self.last_labelled = None

    def settle(self, pairing: Pairing) -> None:
        """The run is over. A label that the last sentence brought names the pulse before it, which was counted without one."""
        if self._last is not None and pairing.label is Label.OK:
            second = pairing.second_of(self._last.n)
            if second is not None:
                self.last_labelled = (self._last.at, second)
                self.first_labelled = self.first_labelled or self.last_labelled

    def _push(self, at: int) -> None:
        if self._correction_ppb is not None:
            self._pushed_ns += self._correction_ppb * ((at - self._since) / NS)
            self._pushed.add(self._pushed_ns)
        self._since = at

    def _offset(self, o: Offset) -> None:
        if o.kind is Kind.MISSING:
            return
        if self.first_n is None:
            self.first_n = o.n
        self.last_n, self._last = o.n, o
        if o.second is not None:
            self.last_labelled = (o.at, o.second)
            self.first_labelled = self.first_labelled or self.last_labelled
        if o.kind is Kind.OK:
            self.used += 1
            self._timer(o.at, o.n)
        if self._progress is not None:
            self._progress(o)

    def _timer(self, at: int, n: int) -> None:
        block = self._block
        restarts, rate = self.train()
        if restarts != self._restarts or (block and not 0 < n - block[-1][1] <= GAP_S):
            change_ppb = abs(rate - self._rate) * 1e9
            if restarts != self._restarts and self.used > 1 and change_ppb > RESTART_PPB:
                self.jumps += 1
                self.largest_jump_ppb = max(self.largest_jump_ppb, change_ppb)
            self._restarts = restarts
            block.clear()
            self._point = self._slope_ppb = None
        self._rate = rate
        block.append((at, n))
        if len(block) < BLOCK:
            return
        at0, n0 = block[0]
        x = median((a - at0) - (k - n0) * NS for a, k in block)
        self._base = at0 - n0 * NS if self._base is None else self._base
        point = (at0 - n0 * NS - self._base + x, n0 + (block[-1][1] - n0) / 2)
        if self._point is not None:
            slope = (point[0] - self._point[0]) / (point[1] - self._point[1])
            if self._slope_ppb is not None and abs(slope - self._slope_ppb) > JUMP_PPB:
                self.jumps += 1
                self.largest_jump_ppb = max(self.largest_jump_ppb, abs(slope - self._slope_ppb))
            self._slope_ppb = slope
        self._point = point
        block.clear()
