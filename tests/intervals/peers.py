"""What ours stands beside: least squares, and the two-state Kalman filter that is told the noise levels."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def least_squares(z: NDArray[np.float64]) -> tuple[float, float]:
    """Slope (ppb) and its standard error from the residuals, as any textbook has it for white noise."""
    n = len(z)
    t = np.arange(n) - (n - 1) / 2
    s = float(t @ t)
    slope = float(t @ z) / s
    residuals = z - z.mean() - slope * t
    return slope, math.sqrt(float(residuals @ residuals) / (n - 2) / s)


def told(z: NDArray[np.float64], pulse_ns: float, white_ns: float, walk_ppb: float) -> tuple[float, float]:
    """Current frequency (ppb) and its standard deviation, all levels given. Plain arithmetic, which the sweep compiles."""
    r2, w2, q2 = pulse_ns**2, white_ns**2, walk_ppb**2
    x, y = z[0], 0.0
    pxx, pxy, pyy = r2, 0.0, 1e12
    for k in range(1, len(z)):
        x += y
        pxx += 2.0 * pxy + pyy + w2
        pxy += pyy
        s = pxx + r2
        e = z[k] - x
        kx, ky = pxx / s, pxy / s
        x += kx * e
        y += ky * e
        pyy -= ky * pxy
        pxy -= kx * pxy
        pxx -= kx * pxx
        pyy += q2
    return y, math.sqrt(pyy)
