"""The estimator of `gpstime.core.drift`, its inner loop compiled: the same source (`bank.advance`) over an array instead of lists.

`agree` shows that both give the same numbers; the sweep refuses to start where they don't.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from gpstime.core import bank as b
from gpstime.core import drift as d
from gpstime.times import NS, RawNs

_advance = numba.njit(b.advance)


@numba.njit  # type: ignore[untyped-decorator]
def _advance_all(
    bank: NDArray[np.float64],
    z: NDArray[np.float64],
    gains: NDArray[np.float64],
    weights: NDArray[np.float64],
    first_dt: float,
) -> None:
    for k in range(len(z)):
        _advance(bank, 1.0 if k else first_dt, z[k], gains[k], weights[k])


class Compiled(d.DriftEstimator):
    """`feed` takes a whole run of pulses, one a second."""

    def feed(self, z: NDArray[np.float64]) -> None:
        for k in range(min(d.WARM_UP, len(z))):
            self.add(k, int(z[k]), 0.0, k * NS + int(z[k]))
        for k in range(d.WARM_UP, len(z)):  # the counter's step is settled in a few pulses
            self._counter.add(k, int(z[k]), k * NS + int(z[k]))
        at = d.WARM_UP
        while at < len(z):
            upto = min(at + d.CHECK - self._since_check, len(z))
            self._many(at, z[at:upto], np.zeros(upto - at), 1.0)
            at = upto

    def _warm_up(self, weights: tuple[float, ...]) -> None:
        z = np.array([float(x) for _, x in self._first])
        w = np.array(weights)
        at = 0
        while at < len(z):
            upto = min(at + d.CHECK - self._since_check, len(z))
            self._many(at, z[at:upto], w[at:upto], 1.0 if at else 0.0)
            at = upto

    def _many(self, first: int, z: NDArray[np.float64], weights: NDArray[np.float64], first_dt: float) -> None:
        gains = np.array([d.gain_at(self.n + 1 + k) for k in range(len(z))])
        bank = np.array(self._bank)
        _advance_all(bank, z, gains, weights, first_dt)
        for row, values in zip(self._bank, bank.tolist(), strict=True):
            row[:] = values
        self.n += len(z)
        self._last = first + len(z) - 1
        self._recent.extend((float(first + k), float(x)) for k, x in enumerate(z))
        self._since_check += len(z)
        if self._since_check >= d.CHECK:
            self._look()


def agree(z: NDArray[np.float64], noise: d.Noise = "auto") -> bool:
    """Whether the compiled estimator and the plain one say the same of this run, to a part in a million of the interval."""
    plain, fast = d.DriftEstimator(noise), Compiled(noise)
    for k, x in enumerate(z):
        plain.add(k, int(x), 0.0, k * NS + int(x))
    fast.feed(z)
    p, f = plain.estimate(RawNs(0)), fast.estimate(RawNs(0))
    assert p is not None
    assert f is not None
    scale = p.freq_hi_ppb - p.freq_lo_ppb
    pairs = (
        (p.freq_ppb, f.freq_ppb),
        (p.freq_lo_ppb, f.freq_lo_ppb),
        (p.freq_hi_ppb, f.freq_hi_ppb),
        (p.mean_lo_ppb, f.mean_lo_ppb),
    )
    return p.n == f.n and all(abs(x - y) <= 1e-6 * scale for x, y in pairs)
