"""The shape of the pulse's lateness, learned while running: what a miss of the filter says about the phase.

Stamps are late by a latency that has one side, tails and no formula. Where the density f of the misses is known, the best use
of a miss v is its score -d ln f/dv (Masreliez 1975): proportional to v for Gaussian noise, nearly nothing in a tail, steep at
the sharp early edge of a latency. Here f is a histogram of misses with a smooth kernel, on cells of equal width in u =
atan(v/c): fine in the middle, ever wider outward, and any pulse has a cell. It starts as a Gaussian with Cauchy tails, worth
PRIOR pulses, so that a tail in which nothing was seen yet is a Cauchy tail.

A histogram that follows the filter, and a filter that follows the histogram, could wander off together. So the histogram is
counted about `_middle`, a clipped mean of the misses, but read about zero: a filter that has drifted off the middle is drawn
back to it. The middle of a one-sided latency is later than its early edge; how much no loop can see, which is why it belongs
into the bound.
"""

from __future__ import annotations

import math

CELLS = 64
WIDTH = math.pi / CELLS
KERNEL = 1.6
"""Standard deviation of the kernel, in cells: 0.2 sigma in the middle, 1 sigma at 5 sigma."""
REACH = 4
CORE = 2.5
"""c in units of the core's sigma."""
TAIL = 0.03
"""Share of the Cauchy tail that the start allows for (as in `bank`)."""
PRIOR = 200.0
"""Pulses that the start is worth."""
MEMORY = 20_000
SCALE_MEMORY = 1_000
SLOPE_MEMORY = 3_000
CLIPPED = 0.95
"""Mean square of a Gaussian clipped at 2.5 sigma."""
LEAST_SLOPE = 0.3
TEETH = 0.3
"""Steps of that many sigmas and more make teeth: 1.5 of the kernel's."""
LEAST2 = 0.3**2
"""Rounding to whole ns."""
FULL = 1e3
"""New counts outgrow old ones instead of all cells fading; at this ratio all are scaled back."""

_MIDDLES = [math.tan((i + 0.5) * WIDTH - 0.5 * math.pi) for i in range(CELLS)]
_RAW = [math.exp(-0.5 * (k / KERNEL) ** 2) for k in range(-REACH, REACH + 1)]
_KERNEL = [k / sum(_RAW) for k in _RAW]


def _start() -> list[float]:
    """Counts of a Gaussian with Cauchy tails, seen through the kernel."""
    sigma = 1.0 / CORE
    cells = []
    for t in _MIDDLES:
        clean = math.exp(-0.5 * (t / sigma) ** 2) / (sigma * math.sqrt(2.0 * math.pi))
        cells.append(PRIOR * WIDTH * ((1.0 - TAIL) * clean * (1.0 + t * t) + TAIL / math.pi))
    edged = [cells[0]] * REACH + cells + [cells[-1]] * REACH
    return [sum(k * edged[i + j] for j, k in enumerate(_KERNEL)) for i in range(CELLS)]


class Shape:
    """Misses in, scores out. `sigma2`: square of the core's scale (ns^2), to be set before the first pulse.

    `fixed`: keep the shape of the start and learn its scale only (for comparison).
    """

    def __init__(self, fixed: bool = False) -> None:
        self.sigma2 = 1.0
        self.n = 0
        self._fixed = fixed
        self._middle = 0.0
        self._prior = _start()
        self._counts = [0.0] * (CELLS + 2 * REACH)
        self._one = 1.0
        self._score = [0.0] * CELLS
        self._next = 0
        for i in range(CELLS):
            self._refresh(i)
        slopes = [self._slope_at(i) for i in range(CELLS)]
        self._slope = sum(p * s for p, s in zip(self._prior, slopes, strict=True)) / sum(self._prior)

    def judge(self, v: float, wider: float) -> tuple[float, float]:
        """The miss `v` (ns) as one of Gaussian noise that says as much, and the score's slope there (for `learn`).

        `wider`: how much wider than usual the filter's own doubt makes the misses, 1.0 in the steady state.
        """
        c = CORE * math.sqrt(self.sigma2) * wider
        t = v / c
        place = (math.atan(t) + 0.5 * math.pi) / WIDTH - 0.5
        i = int(place)
        if place < 0.0:
            i = 0
        elif i > CELLS - 2:
            i = CELLS - 2
        score = self._score
        rise = score[i + 1] - score[i]
        return c * (score[i] + (place - i) * rise) / self._slope, rise / WIDTH / (1.0 + t * t)

    def learn(self, v: float, slope: float, grain: float = 0.0) -> None:
        """Count a miss that was judged with this slope. `grain`: the step of the counter behind the stamps (ns).

        Misses that come in steps make a histogram with teeth, of which each looks like a sharp edge: no shape is learned from them.
        """
        self.n = n = self.n + 1
        sigma = math.sqrt(self.sigma2)
        off = v - self._middle
        clipped = min(max(off, -2.5 * sigma), 2.5 * sigma)
        self.sigma2 = max(LEAST2, self.sigma2 + (clipped * clipped / CLIPPED - self.sigma2) / (min(n, SCALE_MEMORY) + 30.0))
        self._middle += min(max(off, -2.0 * sigma), 2.0 * sigma) / min(n + 100.0, MEMORY)
        self._slope = max(LEAST_SLOPE, self._slope + (slope - self._slope) / (min(n, SLOPE_MEMORY) + 300.0))
        if self._fixed or grain > TEETH * sigma:
            return
        counts, one = self._counts, self._one
        cell = min(int((math.atan(off / (CORE * sigma)) + 0.5 * math.pi) / WIDTH), CELLS - 1)
        for k in _KERNEL:
            counts[cell] += k * one
            cell += 1
        if n > MEMORY:
            self._one = one = one * (1.0 + 1.0 / MEMORY)
            if one > FULL:
                self._counts = [count / one for count in counts]
                self._one = 1.0
        # the scores follow two cells at a time, all of them within half a minute
        i = self._next
        self._refresh(i)
        self._refresh(i + CELLS // 2)
        self._next = (i + 1) % (CELLS // 2)

    def rescale(self, factor: float) -> None:
        """The noise is another than it was, by this factor: the shape stays, its scale is learned quickly."""
        self.sigma2 *= factor * factor
        self.n = min(self.n, 60)

    def _refresh(self, i: int) -> None:
        low, high = max(i - 1, 0), min(i + 1, CELLS - 1)
        counts, prior, one, t = self._counts, self._prior, self._one, _MIDDLES[i]
        ratio = (counts[high + REACH] + prior[high] * one) / (counts[low + REACH] + prior[low] * one)
        self._score[i] = (2.0 * t - math.log(ratio) / ((high - low) * WIDTH)) / (1.0 + t * t)

    def _slope_at(self, i: int) -> float:
        low, high = max(i - 1, 0), min(i + 1, CELLS - 1)
        return (self._score[high] - self._score[low]) / ((high - low) * WIDTH) / (1.0 + _MIDDLES[i] ** 2)
