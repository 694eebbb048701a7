"""Temperature and frequency side by side, in blocks of five minutes, as pulses and sensors come: what `thermal` is fitted to.

A sensor is read once a minute or less often. The mean of what was read in a block would be of a time before its middle, by half the
interval, and a load that comes would seem to act before it is there. So the temperature is taken to go straight from one reading to
the next, and a block is closed when the first reading after its end has come. And both are taken in the same way, as the slope of
their integrals (a phase is that of the frequency): a slope counts the middle of a block most, and a load that comes within it
would look larger in the frequency than in a plain mean of the temperature, by 15 %.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

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
"""Between two readings that are farther apart nothing is known, and so long a block waits for the reading after it."""
READINGS = 512
"""Of a sensor that are kept at most."""
APART_NS = 30_000_000
"""A pulse that far from where the one before would have it begins a new run: the count of seconds began anew, or the clock did."""
SENSORS = 8
"""Looked at; a board with more has them close together."""
SPREAD_NS = 200.0
"""The least scatter of pulses to allow for in a block's line."""


Reading = tuple[RawNs, float]


@dataclass(frozen=True, slots=True)
class _Span:
    """A block of pulses that waits for the reading after its end from each sensor of `waiting`. `t`: seconds since `begin` of the
    phases that its frequency is the slope of; `weights` of them."""

    begin: RawNs
    end: RawNs
    t: tuple[float, ...]
    weights: tuple[float, ...]
    freq_ppb: float
    run: int
    waiting: set[str]

    def celsius(self, readings: Sequence[Reading]) -> float | None:
        """The temperature as this block's frequency saw it; None where nothing is known of some part of it."""
        before = [r for r in readings if r[0] <= self.begin][-1:]
        after = [r for r in readings if r[0] >= self.end][:1]
        used = [*before, *(r for r in readings if self.begin < r[0] < self.end), *after]
        if not used or any(b[0] - a[0] > STALE_NS for a, b in itertools.pairwise(used)):
            return None
        knots = [((at - self.begin) / NS, celsius) for at, celsius in used]
        return slope(self.t, [_integral(knots, t) for t in self.t], self.weights)


def slope(t: Sequence[float], y: Sequence[float], weights: Sequence[float]) -> float:
    """Of the straight line through some points, by least squares."""
    total = math.fsum(weights)
    mean_t = math.fsum(w * a for w, a in zip(weights, t, strict=True)) / total
    mean_y = math.fsum(w * b for w, b in zip(weights, y, strict=True)) / total
    over = math.fsum(w * (a - mean_t) ** 2 for w, a in zip(weights, t, strict=True))
    return math.fsum(w * (a - mean_t) * (b - mean_y) for w, a, b in zip(weights, t, y, strict=True)) / over


def _integral(knots: Sequence[tuple[float, float]], until: float) -> float:
    """Of the temperature from the first knot on: straight from knot to knot, level before the first and after the last."""
    total = 0.0
    if until < knots[0][0]:
        return (until - knots[0][0]) * knots[0][1]
    for (t0, c0), (t1, c1) in itertools.pairwise(knots):
        if until <= t1:
            return total + (until - t0) * (c0 + (c1 - c0) * (until - t0) / (t1 - t0) / 2)
        total += (t1 - t0) * (c0 + c1) / 2
    return total + (until - knots[-1][0]) * knots[-1][1]


class Warmth:
    """Tell it pulses with `on_pulse` and sensors with `on_temperature`; `model` is fitted when it is asked for."""

    def __init__(self) -> None:
        self.blocks: dict[str, deque[Block]] = {}
        self.now: dict[str, Reading] = {}
        self._readings: dict[str, deque[Reading]] = {}
        self._spans: deque[_Span] = deque()
        self._ns: list[float] = []
        self._zs: list[float] = []
        self._first = (RawNs(0), 0)
        self._run = 0

    def on_temperature(self, at: RawNs, sensor: str, celsius: float) -> None:
        """A reading. Not a number, or of a ninth sensor: not used."""
        if not math.isfinite(celsius) or (sensor not in self.now and len(self.now) >= SENSORS):
            return
        kept = self._readings.setdefault(sensor, deque(maxlen=READINGS))
        if kept and at <= kept[-1][0]:
            kept.clear()  # the raw clock began anew
        kept.append((at, celsius))
        self.now[sensor] = (at, celsius)
        for span in self._spans:
            if sensor in span.waiting and at >= span.end:
                span.waiting.remove(sensor)
                if (seen := span.celsius(kept)) is not None:
                    blocks = self.blocks.setdefault(sensor, deque(maxlen=KEPT))
                    blocks.append(Block(span.begin / NS, seen, span.freq_ppb, span.run))
        while self._spans and not self._spans[0].waiting:
            self._spans.popleft()
        begun = [self._first[0]] if self._ns else []
        needed = min([at, *begun, *(s.begin for s in self._spans if sensor in s.waiting)])
        while len(kept) > 1 and kept[1][0] <= needed:
            kept.popleft()

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

    def _end(self, at: RawNs) -> None:
        if len(self._ns) < LEAST_PULSES:
            self._run += 1
            return
        few = [slice(i, i + TOGETHER) for i in range(0, len(self._ns), TOGETHER)]
        ts, zs = [median(self._ns[part]) for part in few], [median(self._zs[part]) for part in few]
        weights = through(ts, zs, SPREAD_NS).weights
        freq_ppb = slope(ts, zs, weights)
        while self._spans and at - self._spans[0].end > STALE_NS:
            self._spans.popleft()
        self._spans.append(_Span(self._first[0], at, tuple(ts), weights, freq_ppb, self._run, set(self.now)))

    def models(self) -> dict[str, ThermalModel | None]:
        """For each sensor what could be fitted; look at `helps`."""
        return {sensor: fit(list(kept)) for sensor, kept in self.blocks.items()}

    def best(self) -> tuple[str, ThermalModel] | None:
        """The sensor and the model that predict best, if any helps."""
        found = [(sensor, model) for sensor, model in self.models().items() if model is not None and model.helps]
        return max(found, key=lambda pair: pair[1].gain, default=None)
