"""A bank of Kalman filters over noise levels: the arithmetic, one pulse at a time.

The clock model (NIST SP 1065, section 3; the states of a two-state clock filter plus the start of the run):

    x  phase, ns       x' = x + y dt + white FM (w ns per root second) + integral of the walk
    y  frequency, ppb  y' = y + random walk     (q ppb per root second)
    x0 phase at the run's first pulse, a constant: carried along, it is smoothed by every later pulse (fixed-point smoothing),
       so that the mean frequency (x - x0) / t comes with the covariance of its two ends

Each filter has its own (w, q) and finds by itself the pulse noise r. A pulse error is clean (Gaussian, scale r) or, with
probability OUTLIERS, from a Cauchy tail of width WIDE r; its score is what weighs an innovation, so that one far off counts for
little but never for nothing. The gain uses that weight; the covariance uses the average information of a pulse (A, B below, Huber's
sandwich), so that it does not shrink on the strength of weights that the same data chose.

`advance` is written in plain arithmetic on indexable rows, so that lists of floats (live, replay) and a compiler over
arrays (`make coverage`) run the same source.
"""

from __future__ import annotations

import math
from typing import TypeAlias

Row: TypeAlias = list[float]

X, Y, X0, PXX, PXY, PYY, PX0, PY0, P00, R2, LOGL, Q2, W2, A, B, FLOOR2, FAR, IQ, IW = range(19)
"""Places in a row: states, covariances (ns, ppb), pulse noise squared, log likelihood, noise levels squared, mean derivative and
mean square of the score, lower limit of R2, how many innovations in a row were far out, grid places of (q, w)."""
WIDTH = 19

OUTLIERS = 0.03
WIDE2 = 36.0
"""(6 r)^2: at 3.4 r the tail takes over; the loss on clean Gaussian data is below 2 %."""
CLEAN = (1.0 - OUTLIERS) / math.sqrt(2.0 * math.pi) * math.pi / (OUTLIERS * math.sqrt(WIDE2))
FAR2 = 25.0
LEAST_A = 0.3
"""The mean derivative of the score can go negative for a moment; a gain must not."""


def advance(bank: list[Row], dt: float, z: float, gain: float, weight: float) -> None:
    """Carry every row `dt` s onward and give it the measured phase `z` (ns).

    `gain` is the step of the running averages (1/n at first); `weight` > 0 is the pulse's weight as judged beforehand (warm-up),
    0 lets each filter judge it.
    """
    for f in bank:
        y, pxx, pxy, pyy, px0, py0, q2 = f[1], f[3], f[4], f[5], f[6], f[7], f[11]
        x = f[0] + y * dt
        pxx += dt * (2.0 * pxy + dt * pyy + f[12] + q2 * dt * dt / 3.0)
        pxy += dt * (pyy + q2 * dt * 0.5)
        pyy += q2 * dt
        px0 += dt * py0
        r2 = f[9]
        s = pxx + r2
        e = z - x
        u2 = e * e / s
        # score of the clean-or-tail density at u = e / sqrt(s): u * w, with derivative dw
        tail = WIDE2 + u2
        h = CLEAN * math.exp(-0.5 * u2) * tail
        w = h / (h + 1.0)
        g = 2.0 / tail
        v = 1.0 - w
        dw = w + v * g * (2.0 * WIDE2 / tail - 1.0) - w * v * (1.0 - g) * (1.0 - g) * u2
        w += v * g
        f[10] += math.log((h + 1.0) / tail) - 0.5 * math.log(s)
        share = r2 / s
        step = gain * share  # an innovation that is mostly the filter's own doubt says little about the pulse
        a = f[13] + step * (dw - f[13])
        b = f[14] + step * (w * w * u2 - f[14])
        if a < LEAST_A:
            a = LEAST_A
        f[13], f[14] = a, b
        noise = r2 * b / a
        if weight > 0.0:
            w = weight
        elif u2 > 4.0:
            # the weight belongs to the residual after the update, not to the innovation: a few fixed-point steps
            for _ in range(4):
                rest = noise / w
                rest = e * rest / (pxx + rest)
                u3 = rest * rest / r2
                tail = WIDE2 + u3
                h = CLEAN * math.exp(-0.5 * u3) * tail
                w = (h + 2.0 / tail) / (h + 1.0)
        c = e / (pxx + noise / w)
        f[0] = x + pxx * c
        f[1] = y + pxy * c
        f[2] += px0 * c
        s1 = 1.0 / (pxx + noise / a)
        kx, ky = pxx * s1, pxy * s1
        f[8] -= px0 * px0 * s1
        f[7] = py0 - px0 * ky
        f[6] = px0 - px0 * kx
        f[5] = pyy - pxy * ky
        f[4] = pxy - pxy * kx
        f[3] = pxx - pxx * kx
        r2 += gain * w * (share * share * e * e + share * pxx - r2)
        f[9] = r2 if r2 > f[15] else f[15]
        f[16] = f[16] + 1.0 if u2 > FAR2 else 0.0


def weight_of(u: float) -> float:
    """The weight of a residual of `u` noise scales: 1 for a clean one, about 2/u^2 far out."""
    tail = WIDE2 + u * u
    h = CLEAN * math.exp(-0.5 * min(u * u, 1400.0)) * tail
    return (h + 2.0 / tail) / (h + 1.0)
