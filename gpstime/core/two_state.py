"""A clock's phase and frequency with their covariance: the arithmetic of a two-state filter, and its start on the first pulses.

States and model as in `bank`: phase x (ns), frequency y (ppb), white FM w (ns per root second), walk q (ppb per root second).
"""

from __future__ import annotations

import math

from gpstime.core.line import Line, through

LINES = (4, 8, 16)
"""Pulses at which a robust line through all so far takes the filter's place; afterwards it stands on its own."""
LEAST_NS = 0.3
"""The least pulse noise to believe in: rounding to whole ns."""
UNKNOWN_NS = 200.0
"""The least to believe of the first few pulses: that they lie on a line is luck."""
UNSEEN = 1.4
"""A noise with tails does not show them in four pulses."""

SCATTERED = 4.0
"""Spread of a few points about their line, in units of the noise, beyond which they are noise and no place to go to."""


STEPS = 2.5
"""The least noise of a coarse counter is 0.4 of its step (see `servo`)."""


class TwoState:
    """`x`, `y` and their covariances `pxx`, `pxy`, `pyy` at the last pulse; `noise2`: square of a pulse's noise (ns^2); `gain`: how
    much of the last pulse's miss went into the phase.

    `least_ns`: the least noise to believe in, more than LEAST_NS where the counter behind the stamps is coarse.
    """

    def __init__(self) -> None:
        self.x = self.y = 0.0
        self.pxx = self.pxy = self.pyy = 0.0
        self.noise2 = 0.0
        self.gain = 1.0
        self.least_ns = LEAST_NS
        self.pulses = 0
        self.last = 0
        self._first: list[tuple[int, float]] = []

    @property
    def grain_ns(self) -> float:
        """A step of the counter, roughly: misses so small are on no side, and those of a coarse one come in teeth."""
        return STEPS * self.least_ns

    def predict(self, dt: float, slope: float, q2: float, w2: float) -> None:
        """`dt` seconds on, the frequency moving by `slope` ppb per s; noise levels squared."""
        self.x += dt * (self.y + 0.5 * slope * dt)
        self.y += slope * dt
        self.pxx += dt * (2.0 * self.pxy + dt * self.pyy + w2 + q2 * (dt * dt - 1.0) / 3.0)
        self.pxy += dt * (self.pyy + 0.5 * q2 * (dt - 1.0))
        self.pyy += q2 * dt

    def update(self, e: float, s: float) -> tuple[float, float]:
        """Use a miss `e` of variance `s`; the gains."""
        self.gain = k0 = self.pxx / s
        k1 = self.pxy / s
        self.x += k0 * e
        self.y += k1 * e
        self.pyy -= k1 * self.pxy
        self.pxy -= k0 * self.pxy
        self.pxx -= k0 * self.pxx
        return k0, k1

    def begin(self, n: int, z: float, q2: float, w2: float) -> bool:
        """One of the first pulses: least squares as it comes, now and then a line that no outlier moves (True)."""
        first = self._first
        dt = float(n - self.last)
        assert not first or dt > 0.0, "pulses come in order"
        first.append((n, z))
        self.last, self.pulses = n, len(first)
        if self.pulses in LINES:
            ts, zs = [float(k - n) for k, _ in first], [v for _, v in first]
            line = through(ts, zs, self.least_ns)
            self._lay(line, self._noise(line, ts, zs))
            return True
        if self.pulses > LINES[0]:
            self.predict(dt, 0.0, q2, w2)
            self.update(z - self.x, self.pxx + self.noise2)
        return False

    def _noise(self, line: Line, ts: list[float], zs: list[float]) -> float:
        """Of one pulse (ns), from what is left beside the line; of the first few none can be told to be odd."""
        few = self.pulses == LINES[0]
        left = [z - line.x - line.y * t for t, z in zip(ts, zs, strict=True)]
        weights = [1.0] * len(left) if few else list(line.weights)
        square = sum(w * v * v for w, v in zip(weights, left, strict=True)) / max(sum(weights) - 2.0, 1.0)
        return max(self.least_ns, math.sqrt(square) * (UNSEEN if few else 1.0))

    def _lay(self, line: Line, noise: float) -> None:
        spread = max(noise, UNKNOWN_NS) if self.pulses == LINES[0] else noise
        self.x, self.y = line.x, line.y
        # what least squares knows after so many pulses of equal weight; half as much again for a line of medians
        r2, span = 1.5 * spread * spread, self.last - self._first[0][0] + 1.0
        self.pxx, self.pxy, self.pyy = 4.0 * r2 / span, 6.0 * r2 / span**2, 12.0 * r2 / span**3
        self.noise2 = spread * spread

    def begin_again(self) -> None:
        """What was known is of another clock."""
        self._first, self.pulses = [], 0

    def go(self, points: list[tuple[int, float]], noise: float) -> float:
        """To the line through these points, if they agree on one: their spread in units of `noise`, beyond SCATTERED if they don't.

        The frequency goes along only if their slope says so plainly.
        """
        n = points[-1][0]
        line = through([float(k - n) for k, _ in points], [v for _, v in points], noise)
        if line.spread > SCATTERED * noise:
            return line.spread / noise
        doubt = 3.5 * line.spread / (n - points[0][0])
        self.x, self.pxx, self.pxy = line.x, 4.0 * line.spread**2, 0.0
        rise = line.y - self.y
        if abs(rise) > 4.0 * math.hypot(doubt, math.sqrt(self.pyy)):
            self.y, self.pyy, self.pxy = line.y, doubt**2, doubt * line.spread
        else:
            self.pyy += rise * rise
        return line.spread / noise
