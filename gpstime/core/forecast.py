"""How long until the frequency is known to so much, if ever: a filter's covariance carried forward."""

from __future__ import annotations

import math

from gpstime.core import bank as b


def seconds_until(row: b.Row, variance: float) -> float:
    """Seconds of pulses, one a second, until the frequency variance (ppb^2) is reached; inf if it settles above."""
    pxx, pxy, pyy = row[b.PXX], row[b.PXY], row[b.PYY]
    q2, w2 = row[b.Q2], row[b.W2]
    noise = row[b.R2] * row[b.B] / row[b.A] ** 2
    t, dt = 0.0, 1.0
    while pyy > variance:
        before = pyy
        pxx += dt * (2.0 * pxy + dt * pyy + w2 + q2 * dt * dt / 3.0)
        pxy += dt * (pyy + q2 * dt * 0.5)
        pyy += q2 * dt
        s = pxx + noise / dt  # dt pulses at once
        pyy -= pxy * pxy / s
        pxy -= pxy * pxx / s
        pxx -= pxx * pxx / s
        t += dt
        if t > 100.0 * dt:
            dt *= 2.0 if dt < t / 200.0 else 1.0
        if abs(before - pyy) <= 1e-7 * pyy * dt and t > 50.0:
            return math.inf
        if t > 3e8:
            return math.inf
    return t
