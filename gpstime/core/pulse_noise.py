"""How loud the pulse is, and how well that is known: from the first few pulses, then from the filter's misses as they come.

Until the filter is settled its misses are its own doubt and the pulse's noise together. They are held against the variance that
the filter gave them: where they are larger, the noise is louder than believed, and by as much the filter knows the phase less well
than it believed (its covariance is the noise's, so early on). Half the squares of changes from one miss to the next are looked at
and not of the misses: a filter that lags behind a crystal misses all alike, and that is no noise.

A noise that is known from a few pulses only makes the phase's interval wider than a normal variable's: Student's t. `stretch` says
by how much.
"""

from __future__ import annotations

from gpstime.core.mixture import t_over_normal

MEMORY = 2_000
"""Misses after which what was found has faded to 1/e."""
WORTH = 0.6
"""What one change is worth as a degree of freedom: two changes share a miss (2/3), and they are clipped."""
CLIPPED, CLIP = 0.95, 6.25
"""Mean square of a Gaussian clipped at 2.5 sigma, and that squared."""
ODD = 12.0
"""A settled filter's miss squared counts for so many variances at most."""
LOST = 0.5
"""Degrees of freedom that a pulse is worth beside a line that no outlier moves."""
KNOWN = 500.0
"""Degrees of freedom from which Student's t is a normal variable."""


class PulseNoise:
    """`variance`: of a settled filter's misses (ns^2); `freedom`: how well a pulse's noise is known, in degrees of freedom."""

    def __init__(self) -> None:
        self.variance = 1.0
        self.freedom = 1.0
        self._before: float | None = None

    @property
    def stretch(self) -> float:
        """How much wider than a normal variable's the 95 % interval of the phase is, since its scale is only estimated."""
        return 1.0 if self.freedom >= KNOWN else t_over_normal(0.975, self.freedom)

    def begin(self, points: int) -> None:
        """A line was laid through so many pulses."""
        self.freedom, self._before = LOST * points, None

    def early(self, miss: float, s: float) -> float:
        """A miss of an unsettled filter, and the variance that it gave it: the factor by which noise and doubt are to change."""
        before, self._before = self._before, miss
        if before is None:
            return 1.0
        change = miss - before
        self.freedom += WORTH
        square = min(0.5 * change * change / s, CLIP) / CLIPPED
        return 1.0 + (square - 1.0) * WORTH / self.freedom

    def learn(self, e: float, usual: float) -> None:
        """A miss of the settled filter, as judged by the noise's shape, and what its variance was believed to be."""
        self.freedom = min(self.freedom + 1.0, MEMORY)
        self.variance += (min(e * e, ODD * usual) - self.variance) / self.freedom

    def rescale(self, factor: float) -> None:
        """The noise is another than it was, by about this factor."""
        self.variance *= factor * factor
        self.freedom = min(self.freedom, 60.0)
