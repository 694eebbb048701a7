"""Where instants of the raw clock are between the pulses of the train: a pulse's number and the pulses since."""

from __future__ import annotations

from collections import deque

from gpstime.core.train import Pulse
from gpstime.times import NS, RawNs

BASE = 64
"""Pulses over which the rate is measured."""
READY = 4
"""Pulses before the raster is used: one that follows a single interval is off by its noise, many times over."""
TOO_FAR = 600.0
"""Pulses from the last one beyond which nothing is placed: 50 ppm of doubt about the rate are 0.03 s there."""


class Raster:
    """The last pulses of the present run of the train (`run` is -1 before the first)."""

    def __init__(self) -> None:
        self.run = -1
        self._base: deque[tuple[int, RawNs]] = deque(maxlen=BASE)
        self._n = 0
        self._at = RawNs(0)
        self._period = float(NS)

    @property
    def at(self) -> RawNs:
        """The last pulse."""
        return self._at

    @property
    def ready(self) -> bool:
        return len(self._base) >= READY

    def add(self, pulse: Pulse) -> bool:
        """True if the pulse begins a new run: nothing of before can be placed any more."""
        base = self._base
        fresh = pulse.run != self.run
        if fresh:
            self.run = pulse.run
            base.clear()
            self._period = float(NS)
        elif base:
            n, at = base[0]
            self._period = (pulse.at - at) / (pulse.n - n)
        self._n, self._at = pulse.n, pulse.at
        base.append((pulse.n, pulse.at))
        return fresh

    def place(self, at: RawNs) -> tuple[int, float] | None:
        """The number of a pulse and the pulses (seconds) from it to `at`; None if there is no raster, or not that far."""
        since = (at - self._at) / self._period
        return (self._n, since) if len(self._base) >= READY and -TOO_FAR < since < TOO_FAR else None

    def since(self, at: RawNs) -> tuple[int, int]:
        """The last pulse's number and true ns from it to `at`, however long that is."""
        return self._n, round((at - self._at) / self._period * NS)
