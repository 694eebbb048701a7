"""Temperature and frequency side by side, in blocks of five minutes, as pulses and sensors come: what `thermal` is fitted to."""

from __future__ import annotations

import math
from collections import deque

from gpstime.core.line import median, through
from gpstime.core.thermal import Block, ThermalModel, fit
from gpstime.times import NS, RawNs

BLOCK_S = 300
LEAST_PULSES = 200
"""In a block that counts."""
TOGETHER = 15
"""Pulses of which the middle one goes into the block's line: no outlier moves it, and a line through all would take 100 ms."""
KEPT = 2016
"""Blocks kept: a week."""
STALE_NS = 900 * NS
"""A temperature older than this says nothing."""
APART_NS = 30_000_000
"""A pulse that far from where the one before would have it begins a new run: the count of seconds began anew, or the clock did."""
SENSORS = 8
"""Looked at; a board with more has them close together."""
SPREAD_NS = 200.0
"""The least scatter of pulses to allow for in a block's line."""


class Warmth:
    """Tell it pulses with `on_pulse` and sensors with `on_temperature`; `model` is fitted when it is asked for."""

    def __init__(self) -> None:
        self.blocks: dict[str, deque[Block]] = {}
        self.now: dict[str, tuple[RawNs, float]] = {}
        self._sums: dict[str, tuple[float, int]] = {}
        self._ns: list[float] = []
        self._zs: list[float] = []
        self._first = (RawNs(0), 0)
        self._run = 0

    def on_temperature(self, at: RawNs, sensor: str, celsius: float) -> None:
        """A reading. Not a number, or of a ninth sensor: not used."""
        if not math.isfinite(celsius) or (sensor not in self.now and len(self.now) >= SENSORS):
            return
        self.now[sensor] = (at, celsius)
        total, count = self._sums.get(sensor, (0.0, 0))
        self._sums[sensor] = (total + celsius, count + 1)

    def on_pulse(self, at: RawNs, n: int) -> None:
        """A pulse that counts, in order: the raw clock there, and its number (true seconds)."""
        if self._ns:
            at0, n0 = self._first
            z = float(at - at0 - (n - n0) * NS)
            k = n - n0 - self._ns[-1]
            if k <= 0 or abs(z - self._zs[-1]) > APART_NS * max(1.0, k):
                self._run += 1
                self._begin(at, n)
            elif n - n0 >= BLOCK_S:
                self._end(at)
                self._begin(at, n)
            else:
                self._ns.append(float(n - n0))
                self._zs.append(z)
        else:
            self._begin(at, n)

    def _begin(self, at: RawNs, n: int) -> None:
        self._first, self._ns, self._zs = (at, n), [0.0], [0.0]
        self._sums = {}

    def _end(self, at: RawNs) -> None:
        if len(self._ns) < LEAST_PULSES:
            self._run += 1
            return
        few = [slice(i, i + TOGETHER) for i in range(0, len(self._ns), TOGETHER)]
        line = through([median(self._ns[part]) for part in few], [median(self._zs[part]) for part in few], SPREAD_NS)
        for sensor, (when, celsius) in self.now.items():
            total, count = self._sums.get(sensor, (0.0, 0))
            if not count and at - when > STALE_NS:
                continue
            mean = total / count if count else celsius
            kept = self.blocks.setdefault(sensor, deque(maxlen=KEPT))
            kept.append(Block(self._first[0] / NS, mean, line.y, self._run))

    def models(self) -> dict[str, ThermalModel | None]:
        """For each sensor what could be fitted; look at `helps`."""
        return {sensor: fit(list(kept)) for sensor, kept in self.blocks.items()}

    def best(self) -> tuple[str, ThermalModel] | None:
        """The sensor and the model that predict best, if any helps."""
        found = [(sensor, model) for sensor, model in self.models().items() if model is not None and model.helps]
        return max(found, key=lambda pair: pair[1].gain, default=None)
