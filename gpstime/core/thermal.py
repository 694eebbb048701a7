"""What the temperature does to a crystal's frequency: a line or a parabola fitted to changes, believed where it predicts better.

Frequency and temperature are taken in blocks of some minutes, and what is fitted are the changes from one block to the next: the
walk of a crystal makes its frequency wander off for good, while its changes stay independent of each other (a fit of the frequency
itself would take a day's wander for temperature). Changes that no temperature explains (a load step before the sensor has felt it)
are left out in a second pass. Whether a model helps is asked of blocks that it has not seen (cross-validation over contiguous
parts): it has to predict better than no model by more than what such a figure scatters.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

PARTS = 8
"""Of cross-validation, each a contiguous stretch: neighbours are alike."""
FEWEST = 48
"""Changes: four hours of blocks of five minutes."""
LEAST_SPREAD_C = 0.2
"""Standard deviation of the temperature below which there is nothing to learn."""
FAR = 4.0
"""A change that many robust sigmas from the model is not the temperature's."""
LEAST_GAIN, SURE = 0.05, 2.0
"""A model must take away that share of the variance of the changes, and by so many standard errors."""
BEYOND_C = 2.0
"""A model is used that far outside of the temperatures that it has seen; further out it keeps its value."""


@dataclass(frozen=True, slots=True)
class Block:
    """Means over a stretch of time that begins at `start_s`. `run`: blocks of different runs have no change between them."""

    start_s: float
    celsius: float
    freq_ppb: float
    run: int = 0


@dataclass(frozen=True, slots=True)
class ThermalModel:
    """Frequency error (ppb, positive gains) against that at `reference_c`; `gain`: share of the variance of unseen changes that it
    took away, `gain_err` one sigma of that; fitted to `changes` between `low_c` and `high_c`."""

    reference_c: float
    ppb_per_c: float
    ppb_per_c2: float
    low_c: float
    high_c: float
    gain: float
    gain_err: float
    changes: int

    def ppb(self, celsius: float) -> float:
        """Against that at the reference."""
        d = min(max(celsius, self.low_c - BEYOND_C), self.high_c + BEYOND_C) - self.reference_c
        return d * (self.ppb_per_c + d * self.ppb_per_c2)

    @property
    def turnover_c(self) -> float | None:
        """Where the frequency stands still; None for a line."""
        return self.reference_c - 0.5 * self.ppb_per_c / self.ppb_per_c2 if self.ppb_per_c2 else None

    @property
    def helps(self) -> bool:
        """Whether it is to be used."""
        return self.gain > LEAST_GAIN and self.gain > SURE * self.gain_err


Row = tuple[float, float, float]
"""Change of temperature, of its square about the reference, and of frequency."""


def fit(blocks: Sequence[Block]) -> ThermalModel | None:
    """The better of a line and a parabola, judged on blocks that it has not seen; None if there is too little to judge by.

    Look at `helps` before you use it.
    """
    if len(blocks) <= FEWEST:
        return None
    mean = math.fsum(b.celsius for b in blocks) / len(blocks)
    spread = math.sqrt(math.fsum((b.celsius - mean) ** 2 for b in blocks) / len(blocks))
    rows = [
        (b.celsius - a.celsius, (b.celsius - mean) ** 2 - (a.celsius - mean) ** 2, b.freq_ppb - a.freq_ppb)
        for a, b in itertools.pairwise(blocks)
        if a.run == b.run
    ]
    if spread < LEAST_SPREAD_C or len(rows) < FEWEST:
        return None
    low, high = min(b.celsius for b in blocks), max(b.celsius for b in blocks)
    best: ThermalModel | None = None
    for square in (False, True):
        k1, k2 = _solve(rows, square)
        scale = _scale([r[2] - k1 * r[0] - k2 * r[1] for r in rows])
        near = [r for r in rows if abs(r[2] - k1 * r[0] - k2 * r[1]) <= FAR * scale] if scale else rows
        if len(near) < FEWEST:
            continue
        gain, doubt = _judge(near, square)
        k1, k2 = _solve(near, square)
        if best is None or gain - doubt > best.gain:
            best = ThermalModel(mean, k1, k2, low, high, gain, doubt, len(near))
    return best


def _solve(rows: Sequence[Row], square: bool) -> tuple[float, float]:
    """Least squares without a constant."""
    aa = ab = bb = ay = by = 0.0
    for a, b, y in rows:
        aa += a * a
        ab += a * b
        bb += b * b
        ay += a * y
        by += b * y
    det = aa * bb - ab * ab
    if not square or det <= 1e-9 * aa * bb:
        return (ay / aa if aa else 0.0), 0.0
    return (ay * bb - by * ab) / det, (by * aa - ay * ab) / det


def _judge(rows: Sequence[Row], square: bool) -> tuple[float, float]:
    """Share of the variance of changes that a fit to all other parts takes away from a part, and its standard error."""
    n = len(rows)
    without, taken = [], []
    for i in range(PARTS):
        first, last = n * i // PARTS, n * (i + 1) // PARTS
        k1, k2 = _solve([*rows[:first], *rows[last:]], square)
        part = rows[first:last]
        without.append(math.fsum(y * y for _, _, y in part))
        taken.append(without[-1] - math.fsum((y - k1 * a - k2 * b) ** 2 for a, b, y in part))
    total = math.fsum(without)
    if not total:
        return 0.0, 0.0
    gain = math.fsum(taken) / total
    scatter = math.fsum((t - gain * w) ** 2 for t, w in zip(taken, without, strict=True)) * PARTS / (PARTS - 1)
    return gain, math.sqrt(scatter) / total


def _scale(values: Sequence[float]) -> float:
    """A robust standard deviation about zero."""
    sizes = sorted(map(abs, values))
    return 1.4826 * sizes[len(sizes) // 2]
