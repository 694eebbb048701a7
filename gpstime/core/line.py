"""A straight line through a few phases, whatever a third of them says: where the filters start."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gpstime.core.bank import weight_of

MAD_TO_SIGMA = 1.0 / 0.6745


def median(values: Iterable[float]) -> float:
    """The middle one, or between the two middle ones; there must be one. `statistics` would bring 1 MB along for it."""
    found = sorted(values)
    half, odd = divmod(len(found), 2)
    return found[half] if odd else (found[half - 1] + found[half]) / 2


@dataclass(frozen=True, slots=True)
class Line:
    """`x` (ns) at t = 0, slope `y` (ppb), `spread` of the residuals, `noise` of a pulse (ns, as sigma), a weight for each."""

    x: float
    y: float
    spread: float
    noise: float
    weights: tuple[float, ...]


def through(t: Sequence[float], z: Sequence[float], least: float) -> Line:
    """Siegel's repeated median (breakdown 50 %); `least` (ns) is the smallest noise to believe in.

    The noise of one pulse comes from second differences where those are smaller: a wandering clock spreads the residuals, outliers
    spread the differences, and neither makes the noise look smaller than it is.
    """
    n = len(t)
    y = median(median((z[j] - z[i]) / (t[j] - t[i]) for j in range(n) if j != i) for i in range(n))
    x = median(zi - y * ti for ti, zi in zip(t, z, strict=True))
    residuals = [zi - x - y * ti for ti, zi in zip(t, z, strict=True)]
    spread = max(least, _scale(residuals))
    noise = min(spread, max(least, _scale([_bend(t, z, i) for i in range(1, n - 1)])))
    return Line(x, y, spread, noise, tuple(weight_of(r / spread) for r in residuals))


def _scale(values: Sequence[float]) -> float:
    """Sigma of the clean ones: from the median, then once more from all by weight, nearly as sharp as the plain formula."""
    rough = MAD_TO_SIGMA * median(map(abs, values)) if values else 0.0
    if rough == 0.0:
        return 0.0
    weights = [weight_of(v / rough) for v in values]
    return math.sqrt(sum(w * v * v for w, v in zip(weights, values, strict=True)) / sum(weights))


def _bend(t: Sequence[float], z: Sequence[float], i: int) -> float:
    """How far point i is off the line through its neighbours, in units of one point's noise."""
    share = (t[i] - t[i - 1]) / (t[i + 1] - t[i - 1])
    off = z[i] - z[i - 1] - share * (z[i + 1] - z[i - 1])
    return off / math.sqrt(1.0 + share**2 + (1.0 - share) ** 2)
