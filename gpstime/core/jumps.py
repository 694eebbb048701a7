"""Did the frequency jump? A bank of hypotheses, one for each moment of late, weighed against "nothing happened" by Bayes' rule.

A load comes on, the board warms, a crystal moves by tenths of a ppm within a second. A filter tuned to a quiet crystal follows
for minutes; one tuned to jumps is noisy always. So the filter stays quiet, and beside it runs the question whether a jump i
seconds ago, of unknown size a ~ N(0, SIZE^2), explains its misses better (Willsky's generalised likelihood ratio with a prior
on the size). The filter is linear with steady gains, so a jump of 1 ppb makes its misses run through a fixed sequence g_0, g_1
...: each hypothesis is one running sum of g e, and the sum of g^2 is known beforehand. What comes out is the mean of phase and
frequency over all hypotheses; when they are nearly certain, the filter is moved there.

How often jumps come is learned as well (a gamma prior, one in FIRST seconds): where none ever came, a few misses in a row are
noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HYPOTHESES = 24
SIZE = 400.0
"""Prior standard deviation of a jump, ppb: loads make 0.1 to 1 ppm."""
FIRST = 3_000.0
"""A jump in so many seconds is what is believed before any was seen."""
YOUNGEST = 2
"""Hypotheses younger than that are not listened to: one odd pulse is an odd pulse."""
HOPELESS = -4.0
"""Log odds of the best hypothesis below which all of them together are not worth adding up."""
HEARD, SURE = 0.1, 0.9
"""Probability of any jump from which the estimate takes it into account, and from which it is a fact."""
MOST_OFTEN = 1.0 / 600.0
"""What comes more often is no jump but a walk, and `gains` finds it."""
MEDIAN = 0.455
"""Median of the square of a standard normal."""
LOOSER, TIGHTER = 1.004, 1.0 / 1.004
SPREAD = 1.5
"""Factor on the variance after a jump: the moment is not known to the second."""


@dataclass(frozen=True, slots=True)
class Jump:
    """`p`: probability that there was one; `x_ns`, `y_ppb`: what the filter's state lacks, on average over the hypotheses;
    `pxx`, `pxy`, `pyy`: what its covariance lacks, by the best of them."""

    p: float
    x_ns: float
    y_ppb: float
    pxx: float
    pxy: float
    pyy: float


class Jumps:
    """Tell it the filter's gains with `tune`, then every miss with `add`. `found`: jumps that were sure."""

    def __init__(self) -> None:
        self.found = 0
        self._seconds = 0.0
        self._squares = 0.0
        self._scatter = 1.0
        self._spacing = 1
        self._phase = 0
        self._tuned = (0.0, 0.0)
        self._sums: list[float] = [0.0] * HYPOTHESES
        self._tables: list[_Table] = []

    @property
    def walk2(self) -> float:
        """What the jumps found so far are as a random walk of the frequency, squared (ppb^2 per s)."""
        return self._squares / max(self._seconds, FIRST)

    def tune(self, alpha: float, beta: float, variance: float) -> None:
        """Gains of the filter and the variance of its misses (ns^2). Only what differs visibly begins anew."""
        beta0, variance0 = self._tuned
        if self._tables and abs(math.log(beta / beta0)) < 0.15 and abs(math.log(variance / variance0)) < 0.2:
            return
        self._tuned = (beta, variance)
        # the noisier the pulse, the longer it takes to see a jump, and the further apart the hypotheses may be
        self._spacing = max(1, min(60, round(0.5 * (variance / SIZE**2) ** (1.0 / 3.0))))
        self._tables = _tables(alpha, beta, variance, self._spacing)
        self.reset()

    def reset(self) -> None:
        """The filter was moved, or the pulses were interrupted: nothing of before counts."""
        self._sums = [0.0] * HYPOTHESES
        self._phase = 0

    def add(self, e: float) -> Jump | None:
        """The next second's miss; the jump, if there may have been one."""
        self._seconds += 1.0
        phase = self._phase
        if phase == 0:
            self._sums.insert(0, 0.0)
            self._sums.pop()
        table = self._tables[phase]
        self._phase = (phase + 1) % self._spacing
        self._sums = sums = [s + g * e for s, g in zip(self._sums, table.gain, strict=True)]
        # Sums that scatter more than they should while nothing happens: the filter is not tuned yet, and they prove less.
        # Their median square is followed, which the jumps themselves, a few seconds an hour, do not move.
        middle = sums[HYPOTHESES // 2]
        square = middle * middle / (table.variance * table.information[HYPOTHESES // 2])
        self._scatter *= LOOSER if square > MEDIAN * self._scatter else TIGHTER
        sharp = 1.0 / max(1.0, self._scatter)
        odds = [sharp * w * s * s + b for w, s, b in zip(table.weight, sums, table.cost, strict=True)]
        rate = math.log(min(MOST_OFTEN, (1.0 + self.found) / (FIRST + self._seconds)))
        best = max(odds[YOUNGEST:])
        if best + rate < HOPELESS:
            return None
        likely = [math.exp(o - best) for o in odds[YOUNGEST:]]
        total = sum(likely)
        nothing = math.exp(-best - rate) if best + rate < 700.0 else 0.0
        p = total / (total + nothing)
        if p < HEARD:
            return None
        x = y = 0.0
        for i, share in enumerate(likely, YOUNGEST):
            if share > 1e-4:
                size = sums[i] / table.information[i]
                x += share * size * table.x[i]
                y += share * size * table.y[i]
        i = odds.index(best, YOUNGEST)
        doubt = SPREAD * table.variance / table.information[i]
        dx, dy = table.x[i], table.y[i]
        if p > SURE:
            self.found += 1
            self._squares += (sums[i] / table.information[i]) ** 2
        every = total + nothing
        return Jump(p, x / every, y / every, doubt * dx * dx, doubt * dx * dy, doubt * dy * dy)


@dataclass(frozen=True, slots=True)
class _Table:
    """For each age of a jump: what 1 ppb adds to the miss (`gain`), what the state lacks afterwards (`x`, `y`), the information on
    the size with its prior (`information`, in units of 1/variance); log odds = weight sum^2 + cost."""

    gain: list[float]
    x: list[float]
    y: list[float]
    information: list[float]
    weight: list[float]
    cost: list[float]
    variance: float


def _tables(alpha: float, beta: float, variance: float, spacing: int) -> list[_Table]:
    """One table for each second between two hypotheses."""
    prior = variance / SIZE**2
    gain, xs, ys, information = [], [], [], []
    x, y, seen = 0.0, 1.0, 0.0
    for _ in range(HYPOTHESES * spacing):
        g = x + y
        seen += g * g
        x, y = g - alpha * g, y - beta * g
        gain.append(g)
        xs.append(x)
        ys.append(y)
        information.append(seen + prior)
    tables = []
    for phase in range(spacing):
        at = slice(phase, None, spacing)
        weight = [0.5 / (j * variance) for j in information[at]]
        cost = [math.log(spacing) - 0.5 * math.log(j / prior) for j in information[at]]
        tables.append(_Table(gain[at], xs[at], ys[at], information[at], weight, cost, variance))
    return tables
