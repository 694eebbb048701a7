"""The crystal: its frequency error now and as the mean over the run, each with an interval that is honest about unknown noise.

Recursive, the same live as in a replay. A bank of filters (`bank`) covers the noise levels that a clock may have: white FM from
3e-10 to 1e-6 and random walk of frequency from 1e-11 to 1e-6 per root second, in half decades. Each filter's likelihood says how
well it predicted; the answer is the mixture. A walk too small to be seen is allowed for: its filters keep their share.

What is estimated, signs and units: see `model`. Method, coverage and its comparison with least squares: docs/estimator.md.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

from gpstime.core import bank as b
from gpstime.core.counter import Counter
from gpstime.core.forecast import seconds_until
from gpstime.core.keeping import begin, blunt, gain_at, move, odds, shares, tend
from gpstime.core.line import through
from gpstime.core.mixture import mixture_quantile, t_over_normal
from gpstime.model import Drift
from gpstime.times import RawNs

Noise = Literal["auto", "white"]

WARM_UP = 32
"""Pulses through which the first line is laid before the filters start."""
FEWEST = 8
"""Pulses below which nothing is said."""
LEVEL = 0.97
"""Probability that a reported interval takes from the mixture, so that it holds in 95 % of runs: see docs/estimator.md."""
CHECK = 32
"""Pulses between looks at the bank as a whole."""
MEMORY = 20_000
"""Pulses after which what a filter once predicted has faded to 1/e: noise levels are those of the last hours."""
BREAK = 8
"""So many innovations in a row far out (5 sigma) are no outliers: the clock did something new, the filters start again there."""
VERY_COARSE_NS = 10_000
LEAST_NS = 0.3
"""Rounding to whole ns."""


@dataclass(frozen=True, slots=True)
class NoiseFound:
    """Noise levels of the most probable filter: pulse noise (ns), white FM (ns per root second), walk (ppb per root second)."""

    pulse_ns: float
    white_ns: float
    walk_ppb: float
    walk_seen: bool
    """Odds of 100 to 1 or more against a walk of 1e-11 or less."""


class DriftEstimator:
    """Feed it pulses with `add`, ask `estimate` at any time.

    `noise="white"`: the user declares that frequency does not move (white PM only): one filter, the plain 95 % of a Gaussian.
    `still`: the probability that the interval of the mean takes while no walk of the frequency is seen.
    """

    def __init__(self, noise: Noise = "auto", still: float = LEVEL) -> None:
        self._white, self._still = noise == "white", still
        self._bank: list[b.Row] = []
        self._recent: deque[tuple[float, float]] = deque(maxlen=WARM_UP)
        self._first: list[tuple[int, int]] = []
        self._err = 0.0
        self._counter = Counter()
        self._quantum = 0
        self._last = 0
        self._since_check = 0
        self._best: b.Row | None = None
        self.n = 0
        """Pulses used."""
        self.breaks = 0
        """How often the clock did something that no noise explains (a jump of phase or frequency) and the filters started again."""

    @property
    def sigma_ns(self) -> float:
        """The noise of one pulse as found so far; 0 before the filters run."""
        return 0.0 if self._best is None else math.sqrt(self._best[b.R2])

    @property
    def far(self) -> bool:
        """Whether the last pulse was more than five sigma from where the best filter expected it."""
        return self._best is not None and self._best[b.FAR] > 0.0

    # ---- in ------------------------------------------------------------------------------------------------------------------

    def add(self, n: int, x_ns: int, err_ns: float = 0.0, at: int = 1) -> None:
        """A pulse: `n` true seconds and `x_ns` of phase (raw clock minus true) after the first; `err_ns` of its stamp, half-width.

        n must grow from call to call. `at`, the stamp itself, helps to tell a coarse counter whose phase does not move.
        """
        assert not self.n or n > self._last, "pulses come in order"
        self.n += 1
        self._err += (err_ns - self._err) / self.n
        self._counter.add(n, x_ns, at)
        if self._bank:
            self._step(n, float(x_ns), 0.0)
        else:
            self._last = n
            self._first.append((n, x_ns))
            if len(self._first) == WARM_UP:
                self._start()

    def _step(self, n: int, x: float, weight: float) -> None:
        b.advance(self._bank, float(n - self._last), x, gain_at(self.n), weight)
        self._last = n
        self._recent.append((float(n), x))
        self._since_check += 1
        if self._since_check >= CHECK:
            self._look()

    def _start(self) -> None:
        """Lay a line through the first pulses and start every filter on it, its covariance wide enough to count nothing twice."""
        self._quantum = self._counter.step_ns
        t0 = self._first[0][0]
        ts = [float(n - t0) for n, _ in self._first]
        zs = [float(x) for _, x in self._first]
        least = self._least_ns()
        line = through(ts, zs, least)
        self._bank = begin(line, ts[-1], len(ts), least, self._white)
        self._best = self._bank[0]
        self._last = t0
        self.n = 0
        self._warm_up(line.weights)

    def _least_ns(self) -> float:
        """The least pulse noise to believe in: a coarse counter (Pi 1: 1 us) errs by a saw-tooth that is not white, and 0.4 of a
        step, more than its 1/sqrt(12), covers that too."""
        return max(LEAST_NS, 0.4 * self._quantum)

    def _warm_up(self, weights: tuple[float, ...]) -> None:
        for (n, x), weight in zip(self._first, weights, strict=True):
            self.n += 1
            self._step(n, float(x), weight)

    # ---- the bank as a whole -------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Let hopeless filters sleep, wake neighbours of the best, forget slowly, notice a break."""
        fade = 1.0 - self._since_check / MEMORY
        self._since_check = 0
        if self._counter.step_ns != self._quantum:
            self._regrain()
        self._best = best = max(self._bank, key=odds)
        if best[b.FAR] >= BREAK:
            self._restart(best)
        if self._white:
            return
        self._bank = tend(self._bank, best, fade)

    def _regrain(self) -> None:
        """The counter's step is another than the first pulses showed: if coarser, what the filters believe is too sharp."""
        before, self._quantum = self._quantum, self._counter.step_ns
        least = self._least_ns()
        for row in self._bank:
            row[b.FLOOR2] = least**2
        if self._quantum > before:
            first, x = self._first[0]
            blunt(self._bank, float(x), self._recent[-1][1], self._last - first, least)

    def _restart(self, best: b.Row) -> None:
        """The last pulses lie somewhere else: start all filters there; the run's start and the noise levels found stay."""
        self.breaks += 1
        recent = list(self._recent)[-max(BREAK, min(int(best[b.FAR]), WARM_UP)) :]
        t_last = recent[-1][0]
        line = through([t - t_last for t, _ in recent], [z for _, z in recent], math.sqrt(best[b.R2]))
        move(self._bank, line, t_last - recent[0][0], best[b.R2])

    # ---- out -----------------------------------------------------------------------------------------------------------------

    def estimate(self, at: RawNs) -> Drift | None:
        """What is known at the last pulse; None below FEWEST pulses. `at` is only carried through."""
        if not self._bank:
            return self._early(at)
        parts = shares(self._bank)
        span = float(self._last - self._first[0][0])
        # what may be off without showing as noise: the stamps' own error and the counter's step, at both ends of the run
        extra = (2.0 * self._err + self._quantum) / span
        noise = self.noise_found()
        level = 0.95 if self._white else LEVEL
        still = level if self._white or noise.walk_seen else self._still
        freedom = self.n - 2 if self.n >= WARM_UP else self.n / 2 - 1
        weights = [p for p, _ in parts]
        rows = [row for _, row in parts]

        def interval(means: list[float], variances: list[float], level: float) -> tuple[float, float, float]:
            low = 0.5 * (1.0 - level)
            stretch = t_over_normal(1.0 - low, freedom)
            sigmas = [stretch * math.sqrt(max(v, 1e-18)) for v in variances]
            mean = sum(w * m for w, m in zip(weights, means, strict=True))
            lo = mixture_quantile(weights, means, sigmas, low)
            hi = mixture_quantile(weights, means, sigmas, 1.0 - low)
            return mean, min(lo, mean) - extra, max(hi, mean) + extra

        now, now_lo, now_hi = interval([r[b.Y] for r in rows], [r[b.PYY] for r in rows], level)
        mean, mean_lo, mean_hi = interval(
            [(r[b.X] - r[b.X0]) / span for r in rows],
            [(r[b.PXX] + r[b.P00] - 2.0 * r[b.PX0]) / span**2 for r in rows],
            still,
        )
        if self._quantum > VERY_COARSE_NS:  # a step now and then: what happens between two of them no filter can tell
            now_lo, now_hi = min(now_lo, mean_lo), max(now_hi, mean_hi)
        white, walk = noise.white_ns * 1e-9, noise.walk_ppb * 1e-9
        return Drift(at, now, now_lo, now_hi, mean, mean_lo, mean_hi, self.n, span, noise.pulse_ns, white, walk)

    def _early(self, at: RawNs) -> Drift | None:
        if self.n < FEWEST:
            return None
        early = DriftEstimator("white" if self._white else "auto", self._still)
        early._first, early.n, early._err, early._counter = list(self._first), self.n, self._err, self._counter
        early._start()
        return early.estimate(at)

    def noise_found(self) -> NoiseFound:
        """The noise levels of the most probable filter; all zero before the filters run."""
        if not self._bank:
            return NoiseFound(0.0, 0.0, 0.0, False)
        best = max(self._bank, key=odds)
        still = [row[b.LOGL] for row in self._bank if row[b.IQ] == 0]
        seen = not self._white and (not still or best[b.LOGL] - max(still) > math.log(100.0))
        return NoiseFound(math.sqrt(best[b.R2]), math.sqrt(best[b.W2]), math.sqrt(best[b.Q2]), seen)

    def time_to(self, target_ppb: float) -> float | None:
        """Seconds more until the interval of the current frequency is +-target_ppb: 0.0 if it is, inf if it never gets there.

        None before there is an estimate. A forecast: the covariance of the most probable filter is carried forward; while the walk
        is not seen, the interval is set by what cannot be excluded yet, and shrinks about as 1/t.
        """
        drift = self.estimate(RawNs(0))
        if drift is None or not self._bank:
            return None
        half = 0.5 * (drift.freq_hi_ppb - drift.freq_lo_ppb)
        if half <= target_ppb:
            return 0.0
        best = max(self._bank, key=odds)
        scale = 1.96
        seconds = seconds_until(best, (target_ppb / scale) ** 2)
        if self.noise_found().walk_seen:
            return seconds
        shrinking = drift.span_s * (half / target_ppb - 1.0)
        return shrinking if math.isinf(seconds) else max(seconds, shrinking)
