"""The crystal: phase of the raw clock against true time, second by second.

x(t) = raw - true in ns (positive: the clock is ahead); y = dx/dt per true second.  During true second [k, k+1) the frequency is
constant: y_k = slow_k + white_k, with slow_k the sum of everything that has a memory (static, walk, flicker, ageing, temperature,
timer faults).  slow_k at the last pulse is what gpstime calls the *current* frequency: white frequency noise is excluded from it.

Levels: `white_fm` is the Allan deviation at 1 s, `walk_fm` the step of the random walk per root second (Allan deviation
walk_fm * sqrt(tau / 3) for tau >> 1 s), `flicker_fm` the floor of the Allan deviation, 2 ln 2 h_-1 = flicker_fm^2
(NIST SP 1065, section 3.3 and table 5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gpstime.sim.streams import stream

STOPPED_PPB = -1e9
"""A counter that does not count, exactly."""
_PROCESSES = 10
_FASTEST_S = 0.9046
"""Time constant of the fastest process, such that the sum's Allan variance at 1 s is the floor squared."""


@dataclass(frozen=True, slots=True)
class Oscillator:
    """Everything that makes this crystal wrong. `ppm` None: drawn from N(0, 5) clipped at 50 ppm (F-C01)."""

    ppm: float | None = None
    white_fm: float = 1e-9
    flicker_fm: float = 0.0
    walk_fm: float = 1e-10
    ageing_ppb_per_day: float = 0.0
    ppb_per_c: float = -150.0
    """Temperature coefficient; its size from 1 to 1.8 ppm over a day's 5 to 10 C (F-C02); the sign differs between boards."""
    daily_c: float = 0.0
    """Amplitude of the daily temperature sine."""
    load_c: float = 0.0
    """A load that comes (each hour on average, for half an hour) and warms the crystal by this much, with 60 s of inertia."""
    mean_c: float = 40.0


class Temperature:
    """Of the crystal, in Celsius, at each true second."""

    def __init__(self, spec: Oscillator, seed: int) -> None:
        self._spec = spec
        self._draw = stream(seed, "oscillator/load")
        self._phase = stream(seed, "oscillator/daily").uniform(0, 2 * math.pi)
        self._on, self._until, self._warm = False, self._draw.expovariate(1 / 3600), 0.0

    def at(self, k: int) -> float:
        """At second k; to be asked once for each second in turn."""
        spec = self._spec
        if spec.load_c:
            if k >= self._until:
                self._on = not self._on
                self._until = k + 60 + self._draw.expovariate(1 / (1800 if self._on else 3600))
            self._warm += ((spec.load_c if self._on else 0.0) - self._warm) / 60.0
        return spec.mean_c + spec.daily_c * math.sin(2 * math.pi * k / 86_400 + self._phase) + self._warm


def static_ppm(spec: Oscillator, seed: int) -> float:
    """The static frequency error, drawn if the oscillator does not say it."""
    if spec.ppm is not None:
        return spec.ppm
    return max(-50.0, min(50.0, stream(seed, "oscillator/static").gauss(0.0, 5.0)))


def flicker(floor: float, seed: int) -> Iterator[float]:
    """Flicker frequency noise, one value per second, whose Allan deviation is `floor` (-3 to +0 %) from 1 s to 10^5 s.

    A sum of ten first-order processes of equal variance whose time constants are a factor 4 apart.  f S(f) is then flat to 0.3 %
    (a sum of sech spaced by D = ln 4 ripples by 2 / cosh(pi^2 / D)), h_-1 = variance / ln 4: the variance of each is just floor^2.
    """
    draw = stream(seed, "oscillator/flicker").gauss
    keep = [math.exp(-1.0 / (_FASTEST_S * 4.0**i)) for i in range(_PROCESSES)]
    fresh = [floor * math.sqrt(1.0 - a * a) for a in keep]
    state = [draw(0.0, floor) for _ in keep]
    while True:
        yield math.fsum(state)
        state = [a * s + draw(0.0, b) for a, s, b in zip(keep, state, fresh, strict=True)]


class Crystal:
    """The oscillator at work: `advance` for each second in turn; `x` is the phase at second k, `step_ns` what the second adds."""

    def __init__(self, spec: Oscillator, seed: int) -> None:
        self._white = stream(seed, "oscillator/white").gauss
        self._walk = stream(seed, "oscillator/walk").gauss
        self._white_ppb, self._walk_ppb = spec.white_fm * 1e9, spec.walk_fm * 1e9
        self._base_ppb = static_ppm(spec, seed) * 1e3
        self._ageing_ppb = spec.ageing_ppb_per_day / 86_400
        self._flicker = flicker(spec.flicker_fm * 1e9, seed) if spec.flicker_fm else None
        self._warmth = Temperature(spec, seed) if spec.daily_c or spec.load_c else None
        self._ppb_per_c, self._mean_c = spec.ppb_per_c, spec.mean_c
        self.celsius = spec.mean_c
        self.k = -1
        self.x = 0.0
        self.step_ns = 0.0
        self.slow_ppb = 0.0

    def advance(self, fault_ppb: float = 0.0) -> None:
        """Go on to the next true second; `fault_ppb` is what a timer fault adds to the frequency during it."""
        self.x += self.step_ns
        self.k += 1
        if self.k and self._walk_ppb:
            self._base_ppb += self._walk(0.0, self._walk_ppb)
        slow = self._base_ppb + fault_ppb
        if self._ageing_ppb:
            slow += self._ageing_ppb * self.k
        if self._flicker is not None:
            slow += next(self._flicker)
        if self._warmth is not None:
            self.celsius = self._warmth.at(self.k)
            slow += self._ppb_per_c * (self.celsius - self._mean_c)
        self.slow_ppb = slow
        self.step_ns = slow + self._white(0.0, self._white_ppb) if self._white_ppb else slow
        if fault_ppb <= STOPPED_PPB:
            self.slow_ppb = self.step_ns = STOPPED_PPB
