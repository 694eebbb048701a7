"""Quantiles of a mixture of Gaussians, and Student's t: from the standard library only."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence


@functools.lru_cache(maxsize=64)
def normal_quantile(level: float) -> float:
    """The value below which a standard normal variable stays with the probability `level`, between 0 and 1."""
    if level > 0.5:
        return -normal_quantile(1.0 - level)
    z = 0.0
    for _ in range(64):  # Newton's steps, from the middle on ever outwards: the lower half of the curve is convex
        off = (0.5 * math.erfc(-z / math.sqrt(2.0)) - level) * math.sqrt(2.0 * math.pi) * math.exp(z * z / 2)
        z -= off
        if abs(off) < 1e-15 * max(1.0, abs(z)):
            break
    return z


def mixture_quantile(weights: Sequence[float], means: Sequence[float], sigmas: Sequence[float], level: float) -> float:
    """The value below which the mixture has the probability `level`; weights sum to 1, sigmas are positive."""
    z = normal_quantile(level)
    ends = [m + z * s for m, s in zip(means, sigmas, strict=True)]
    lo, hi = min(ends), max(ends)  # each component has its own quantile between these two
    parts = [(w, m, 1.0 / (s * math.sqrt(2.0))) for w, m, s in zip(weights, means, sigmas, strict=True)]
    goal = 2.0 * level - 1.0
    for _ in range(48):
        mid = 0.5 * (lo + hi)
        if sum(w * math.erf((mid - m) * k) for w, m, k in parts) < goal:
            lo = mid
        else:
            hi = mid
        if hi - lo <= 1e-9 * (abs(lo) + abs(hi)):
            break
    return 0.5 * (lo + hi)


def t_over_normal(level: float, dof: float) -> float:
    """Student's t quantile over the normal one (Abramowitz and Stegun 26.7.5), for at least 3 degrees of freedom."""
    z = normal_quantile(level)
    d = max(dof, 3.0)
    terms = (
        (z**2 + 1) / 4,
        (5 * z**4 + 16 * z**2 + 3) / 96,
        (3 * z**6 + 19 * z**4 + 17 * z**2 - 15) / 384,
    )
    return 1.0 + sum(t / d ** (i + 1) for i, t in enumerate(terms))
