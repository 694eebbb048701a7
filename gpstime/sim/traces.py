"""A world made of two traces: a crystal and a pulse, second by second. Nothing else of a board is pretended; the second is known.

    freq[k]   frequency error of the free-running clock during true second [k, k+1), ppb
    pulse[k]  time-stamping error of the pulse at true second k, ns; NaN where there is none
    x[k]      clock minus true time, ns;  x[k+1] = x[k] + freq[k] + the correction in force, set right after pulse k

A correction applies to the clock's own second, which lasts 1 + freq[k] true ones, and to that part of it only in which it is in
force.

A second without a pulse gives a `Tick` in its place. What the clock really did is in `x_s` and `f` when the run is over.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence

from gpstime.model import Adjustment, Applied, Event, PpsEdge, Slew, Tick
from gpstime.sim.clock import MAX_FREQ_PPB
from gpstime.times import NS, RawNs, UnixNs

START = 1_764_000_000 * NS
"""True time at k = 0: some whole second."""


class TraceWorld:
    """Fits `ports.World`. `x_ns`: the clock's error at k = 0; the clock it steers may be corrected by 500 ppm.

    Afterwards `x_s` (n + 1 values, s) is the clock's error at each true second, before a step made there, and `f` (n values) the
    fractional frequency error of the steered clock in each.
    """

    def __init__(self, freq_ppb: Sequence[float], pulse_ns: Sequence[float], x_ns: float) -> None:
        assert len(freq_ppb) == len(pulse_ns)
        self._freq, self._pulse = freq_ppb, pulse_ns
        self._raw = 0.0
        self._ahead = x_ns
        self._correction = self._bare = 0.0
        self._ends: float | None = None
        self._k = 0
        self._at = RawNs(0)
        self.era = 0
        self.stepped_ns: list[int] = []
        self.x_s = array("d")
        self.f = array("d")

    def events(self) -> Iterator[Event]:
        """An edge or a tick for each second, in order."""
        seq = 0
        stepped = 0
        for k, (freq, late) in enumerate(zip(self._freq, self._pulse, strict=True)):
            self._k = k
            self.x_s.append((self._raw + self._ahead) * 1e-9)
            if self._ends is not None and self._ends <= k:
                self._correction, self._ends = self._bare, None
                yield Applied(self._at, self._bare, 0, self.era, "fallback")
            raw = k * NS + self._raw
            if math.isnan(late):
                self._at = RawNs(round(raw))
                shown = self._shown(raw)
                yield Tick(self._at, shown, shown - stepped)
            else:
                seq += 1
                self._at = RawNs(round(raw + late))
                yield PpsEdge(self._at, self._shown(raw + late), "assert", seq, era=self.era)
            stepped = sum(self.stepped_ns)
            steered = self._in_force(k) * (1.0 + freq * 1e-9)
            self.f.append((freq + steered) * 1e-9)
            self._raw += freq
            self._ahead += steered
        self.x_s.append((self._raw + self._ahead) * 1e-9)

    def _in_force(self, k: int) -> float:
        """The correction (ppb) over the second that begins now; a slew may end within it."""
        if self._ends is None or self._ends >= k + 1:
            return self._correction
        return self._bare + (self._ends - k) * (self._correction - self._bare)

    def _shown(self, raw: float) -> UnixNs:
        return UnixNs(START + round(raw + self._ahead))

    def adjust(self, adjustment: Adjustment) -> Applied:
        """Act on the clock, now. A slew that nobody renews ends after `lasting_s`; one that lasts for ever is what is left then."""
        if isinstance(adjustment, Slew):
            self._correction = min(max(adjustment.freq_ppb, -MAX_FREQ_PPB), MAX_FREQ_PPB)
            if math.isinf(adjustment.lasting_s):
                self._bare, self._ends = self._correction, None
            else:
                self._ends = self._k + adjustment.lasting_s
            return Applied(self._at, self._correction, 0, self.era, "gpstime")
        self._ahead += adjustment.delta_ns
        self.era += 1
        self.stepped_ns.append(adjustment.delta_ns)
        return Applied(self._at, None, adjustment.delta_ns, self.era, "gpstime")

    def close(self) -> None:
        """Nothing is held."""
