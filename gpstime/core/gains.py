"""The steady gains of a clock filter for given noise levels, and how to find the levels: predict, and learn from the misses.

Clock model as in `bank`: phase x (ns) and frequency y (ppb), white FM w (ns per root second), random walk of frequency q (ppb
per root second), pulse noise r (ns). A filter that runs long enough on it has constant gains alpha and beta that depend on q/r
and w/r only; then x' = x + alpha e, y' = y + beta e for a miss e. They follow in closed form from the spectral factorisation of
the second difference of the measured phase, a moving average of two terms: with s = 1 - z for its roots z inside the unit
circle, beta = s1 s2 and alpha = s1 + s2 - s1 s2.

The levels are those that predict best. That is recursive prediction error identification (Ljung, System Identification, section
11.5): beside the filter run the derivatives of its miss by ln q and ln w; each miss moves the levels down its gradient, divided
by the information collected so far. Nothing is to be decided about which part of a miss is whose: levels that cannot be told
apart predict alike.
"""

from __future__ import annotations

import cmath
import math

LN_Q0, LN_W0 = 0.0, math.log(10.0)
"""Where to start: 1 ppb and 10 ns per root second (1e-9 and 1e-8 fractional), a crystal on a board like the Pi's."""
PRIOR = 2.0
"""Standard deviation of ln q and ln w about the start: a factor of 7 either way costs half a unit of log likelihood."""
MEMORY = 20_000
"""Pulses after which what was learned of the levels has faded to 1/e."""
SHORTEST, SHARE = 1_000.0, 0.5
"""Early on it fades sooner: after half of the pulses so far, since the first hour of a board is its warm-up."""
MOST = 0.05
"""The most that one miss may move a level, in ln: 5 %."""
Q_RANGE, W_RANGE = (-5.0, 8.0), (-3.0, 10.0)
"""Limits of ln q and ln w: 7e-12 to 3e-6 per root second, 5e-11 to 2e-5 (fractional)."""
LEAST_SHARE = 0.25
"""White FM is kept at this share of alpha at least: 2 % of the gain, too little to harm, enough to be felt and grow again."""
APART = 0.05
"""Step of the numerical derivative in ln q and ln w."""


def steady(q: float, w: float) -> tuple[float, float]:
    """Gains (alpha, beta) for walk `q` and white FM `w`, both in units of the pulse noise."""
    w2 = w * w
    inside = w2 * w2 - 4.0 * q * q
    if inside >= 0.0:
        m1 = 0.5 * (w2 + math.sqrt(inside))
        m2 = q * q / m1 if m1 > 0.0 else 0.0
        s1 = math.sqrt(m1 + 0.25 * m1 * m1) - 0.5 * m1
        s2 = math.sqrt(m2 + 0.25 * m2 * m2) - 0.5 * m2
        return s1 + s2 - s1 * s2, s1 * s2
    m = complex(0.5 * w2, 0.5 * math.sqrt(-inside))
    s = cmath.sqrt(m + 0.25 * m * m) - 0.5 * m
    beta = s.real * s.real + s.imag * s.imag
    return 2.0 * s.real - beta, beta


class Levels:
    """The noise levels of a crystal: `q` and `w` as found so far, `alpha` and `beta` for them and the pulse noise last told.

    `fixed`: never learn (for comparison).
    """

    def __init__(self, fixed: bool = False) -> None:
        self._fixed = fixed
        self._ln_q, self._ln_w = LN_Q0, LN_W0
        self._misses = 0
        self._iqq = self._iqw = self._iww = 0.0
        self.q = self.w = self.alpha = self.beta = 0.0
        self._aq = self._bq = self._aw = self._bw = 0.0
        self._xq = self._yq = self._xw = self._yw = 0.0
        self.settle(1000.0)

    @property
    def doubt(self) -> float:
        """One sigma of ln q: PRIOR at first, less the more the misses have said."""
        return 1.0 / math.sqrt(self._iqq + 1.0 / PRIOR**2)

    def settle(self, noise_ns: float) -> None:
        """Gains and their derivatives for the levels found and this pulse noise."""
        self.q, self.w = q, w = math.exp(self._ln_q), math.exp(self._ln_w)
        q, w = q / noise_ns, w / noise_ns
        self.alpha, self.beta = steady(q, w)
        least = LEAST_SHARE * self.alpha
        if w < least and not self._fixed:
            self.w, w = least * noise_ns, least
            self._ln_w = math.log(self.w)
            self.alpha, self.beta = steady(q, w)
        more, less, scale = math.exp(APART), math.exp(-APART), 0.5 / APART
        (a1, b1), (a0, b0) = steady(q * more, w), steady(q * less, w)
        self._aq, self._bq = scale * (a1 - a0), scale * (b1 - b0)
        (a1, b1), (a0, b0) = steady(q, w * more), steady(q, w * less)
        self._aw, self._bw = scale * (a1 - a0), scale * (b1 - b0)

    def quicken(self) -> None:
        """The filter is plainly slower than the crystal: twice the walk, one and a half times the white FM."""
        if not self._fixed:
            self._ln_q = _within(self._ln_q + math.log(2.0), *Q_RANGE)
            self._ln_w = _within(self._ln_w + math.log(1.5), *W_RANGE)

    def forget(self) -> None:
        """The filter was moved: the derivatives of its state begin anew."""
        self._xq = self._yq = self._xw = self._yw = 0.0

    def miss(self, dt: float, k0: float, k1: float, e: float) -> tuple[float, float]:
        """Derivatives of the miss `e` by ln q and ln w, for a filter that has just used it with gains `k0`, `k1`."""
        eq = -(self._xq + self._yq * dt)
        ew = -(self._xw + self._yw * dt)
        self._xq = k0 * eq + self._aq * e - eq
        self._yq += k1 * eq + self._bq * e
        self._xw = k0 * ew + self._aw * e - ew
        self._yw += k1 * ew + self._bw * e
        return eq, ew

    def learn(self, eq: float, ew: float, e: float, variance: float) -> None:
        """One miss `e` of this variance, with its derivatives (from `miss`)."""
        if self._fixed:
            return
        self._misses += 1
        memory = min(max(SHORTEST, SHARE * self._misses), MEMORY)
        fade, prior = 1.0 - 1.0 / memory, 1.0 / PRIOR**2
        self._iqq = iqq = fade * self._iqq + eq * eq / variance
        self._iqw = iqw = fade * self._iqw + eq * ew / variance
        self._iww = iww = fade * self._iww + ew * ew / variance
        iqq, iww = iqq + prior, iww + prior
        # what fades is made up for by the prior, so that a level nobody sees goes back to the start
        gq = -eq * e / variance + prior / memory * (LN_Q0 - self._ln_q)
        gw = -ew * e / variance + prior / memory * (LN_W0 - self._ln_w)
        det = iqq * iww - iqw * iqw
        dq, dw = (iww * gq - iqw * gw) / det, (iqq * gw - iqw * gq) / det
        self._ln_q = _within(self._ln_q + _within(dq, -MOST, MOST), *Q_RANGE)
        self._ln_w = _within(self._ln_w + _within(dw, -MOST, MOST), *W_RANGE)


def _within(value: float, low: float, high: float) -> float:
    return low if value < low else high if value > high else value
