"""Where the raw clock is against true time, pulse by pulse: a filter that finds noise, tails, wander and jumps by itself.

Two states (`two_state`), plus a slow trend of the frequency (ppb per s) that is used as far as it is significant. What makes it fit
any crystal and any pulse stands in files of its own: the noise levels of the crystal (`gains`), the shape of the pulse's lateness
(`shape`), jumps of the frequency (`jumps`). The raw clock is never steered, so what the servo does to the system clock can't
disturb what is learned here.

Not `drift`, although it looks at the same pulses: that one asks how sure the frequency is, over any run, for a report. Its levels
are half decades apart, its pulse noise is symmetric, its crystal has no jumps (load steps would make its walk several times too
large), and it costs up to 17 filters where this is one.
"""

from __future__ import annotations

import math
from collections import deque

from gpstime.core.gains import Levels
from gpstime.core.jumps import SURE, Jumps
from gpstime.core.misses import SIDE, Misses
from gpstime.core.shape import Shape
from gpstime.core.two_state import LINES, SCATTERED, TwoState
from gpstime.core.wander import Wander

LEARNED = 200
"""Misses that the levels learn from before a jump is believed: until then a walk looks like one."""
DELAY = 24
"""Seconds that a miss waits before anything is learned from it: a jump of the frequency must not be taken for a walk or a tail."""
CALM, CALM_JUMP = 30, 60
"""Seconds without learning after an interruption, and after a jump."""
GATE, FAR, RETURNS = 5.0, 6.0, 6
"""Beyond GATE sigma an interrupted filter believes no pulse; RETURNS in a row beyond FAR sigma, and the filter is wrong."""
NEWS = 3.0
"""One pulse that many sigma off is an odd pulse; two in a row on the same side are news, and believed that far."""
DOUBTFUL = 2.0
"""Variance of a miss, against the steady state's, beyond which the filter's own doubt is most of it."""
TREND_S = 1_500.0
"""Over how long the trend is averaged: a day's sine keeps its slope for that long, to a tenth."""
SEEN, SEEN_LONG = 2.0, 9.0
"""The trend squared, in units of its variance, from which it is used from pulse to pulse, and for a holdover."""
EARLY = 4.0
NOISE_MEMORY = 2_000
LEAST_SHARE = 0.25
"""The pulse's noise is taken for at least this share of the white FM of a second: below, each pulse is believed anyway."""
PROTECTIONS = frozenset({"gate", "shape", "adaptation", "growth"})


class Phase(TwoState):
    """Feed it pulses with `add`; `ahead` gives the estimate, jumps that are likely included. `x`, `y` are the filter's own.

    `without`: protections switched off, for comparison. gate: any pulse is believed; shape: noise is Gaussian with a few outliers;
    adaptation: no learning of levels, trend and jumps; growth: doubt does not grow while there is no pulse.
    `moves`: how often it had to be put where the pulses are, because it was somewhere else.
    """

    def __init__(self, without: frozenset[str] = frozenset()) -> None:
        assert without <= PROTECTIONS
        super().__init__()
        self._gated, self._grows, self._adapts = "gate" not in without, "growth" not in without, "adaptation" not in without
        self.moves = 0
        self.levels = Levels(fixed=not self._adapts)
        self.shape = Shape(fixed="shape" in without)
        self.jumps = Jumps()
        self.wander = Wander()
        self._usual = 1.0
        self._variance = 1.0
        self._learned = 0
        self._trend = self._slope = 0.0
        self._jump = (0.0, 0.0)
        self._calm = 0
        self._waiting: deque[tuple[float, float, float, float, float, float]] = deque()
        self._far: list[tuple[int, float]] = []
        self._misses = Misses()

    # ---- out -----------------------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether there is an estimate."""
        return self.pulses >= LINES[0]

    @property
    def jumping(self) -> bool:
        """A jump of the frequency is likely, or was one just now: the phase is worth correcting at once."""
        return self._calm > CALM_JUMP - 10 or self._jump != (0.0, 0.0)

    def ahead(self, seconds: float) -> tuple[float, float]:
        """Phase (ns) and frequency (ppb) so long after the last pulse."""
        x, y, slope = self.x + self._jump[0], self.y + self._jump[1], self._slope_for(seconds)
        return x + seconds * (y + 0.5 * slope * seconds), y + slope * seconds

    def doubt_ns(self, seconds: float) -> float:
        """One sigma of the phase so long after the last pulse, noise only: what is known now, the walk, the jumps seen so far."""
        walk2 = self.levels.q**2 + self.jumps.walk2
        variance = self.pxx + seconds * (2.0 * self.pxy + seconds * self.pyy + self.levels.w**2) + walk2 * seconds**3 / 3.0
        return math.sqrt(variance)

    def _slope_for(self, seconds: float) -> float:
        return self._slope if seconds <= 2.0 else self._trend_seen(SEEN_LONG)

    def _trend_seen(self, seen: float) -> float:
        """The frequency's trend (ppb per s), less what may be chance; zero unless its square is `seen` variances."""
        # the walk's share of the average, and early on as much again as the levels are in doubt
        variance = self.levels.q**2 / (2.0 * TREND_S) * (1.0 + EARLY * TREND_S / (self._learned + 1.0))
        t2 = self._trend * self._trend / variance
        return self._trend * (1.0 - seen / t2) if t2 > seen and self._adapts else 0.0

    # ---- in ------------------------------------------------------------------------------------------------------------------

    def add(self, n: int, z: float) -> None:
        """A pulse: `n` true seconds, in order, and the phase measured there (raw clock minus true, ns)."""
        q2, w2 = self.levels.q**2, self.levels.w**2
        if self.pulses < LINES[-1]:
            if self.begin(n, z, q2, w2):
                self._settle()
            return
        dt = float(n - self.last)
        assert dt > 0.0, "pulses come in order"
        self.last = n
        self.pulses += 1
        self.predict(dt, self._slope_for(dt), q2, w2) if self._grows else self._predict_only(dt)
        miss = z - self.x
        s = self.pxx + self.noise2
        self._jump = (0.0, 0.0)
        if self._gated and self._is_far(n, z, miss * miss, s):
            return
        if s < 1.2 * self._usual and self.pxx < 1.3 * self.levels.alpha * self._usual:
            self._follow(dt, miss, s)
        else:
            self._catch_up(miss, s)

    def _predict_only(self, dt: float) -> None:
        """Without growth of the doubt beyond one second's."""
        x = self.x + dt * self.y
        self.predict(1.0, 0.0, self.levels.q**2, self.levels.w**2)
        self.x = x

    def renew(self, n: int, z: float, apart_s: float) -> None:
        """The count of seconds began anew, about `apart_s` after the last pulse: the frequency stays, the phase is `z`."""
        self.wander.forget()
        if self.pulses < LINES[-1]:
            self.begin_again()
            self.add(n, z)
            return
        self.x, self.last = z, n
        self.pyy += self.levels.q**2 * max(0.0, apart_s)
        self.pxx, self.pxy = 4.0 * max(self.noise2, self.shape.sigma2), 0.0
        self._interrupted(CALM)

    def _is_far(self, n: int, z: float, square: float, s: float) -> bool:
        """A pulse that is not used: the filter is unsure of itself and it is nowhere near; or the last of many, and we move."""
        least = max(s, self.shape.sigma2)
        if square < FAR * FAR * least:
            self._far.clear()
            return s > DOUBTFUL * self._usual and square > GATE * GATE * least
        self._far.append((n, z))
        if len(self._far) < RETURNS:
            return s > DOUBTFUL * self._usual
        spread = self.go(self._far, math.sqrt(max(self.noise2, self.shape.sigma2)))
        self._far = []
        if spread > SCATTERED:
            self._rescale(spread)
        else:
            self.moves += 1
            self._interrupted(CALM_JUMP)
        return True

    def _follow(self, dt: float, miss: float, s: float) -> None:
        """The steady state: judge the miss by the shape, look for jumps, and let it wait to be learned from."""
        e, slope = self.shape.judge(miss, max(1.0, math.sqrt(s / self._usual))) if self._gated else (miss, 1.0)
        limit = math.copysign(NEWS * math.sqrt(self._usual), miss)
        if self._gated and miss / limit > 1.0 < self._misses.before / limit:
            e = limit
        k0, k1 = self.update(e, s)
        eq, ew = self.levels.miss(dt, k0, k1, e)
        self._watch(miss)
        if self._calm > 0:
            self._calm -= 1
        if dt <= 3.0 and self._adapts and self._learned > LEARNED and self._has_jumped(e):
            return
        if self._calm == 0:
            self._waiting.append((miss, slope, eq, ew, e, k1 * e + self._slope))
            if len(self._waiting) > DELAY:
                self._learn(*self._waiting.popleft())

    def _catch_up(self, miss: float, s: float) -> None:
        """After an interruption or a jump: plain Kalman where the filter's own doubt is most of the miss."""
        self._interrupted(CALM)
        if self._gated and s < DOUBTFUL * self._usual:
            miss, _ = self.shape.judge(miss, math.sqrt(max(1.0, s / self._usual)))
        self.update(miss, s)

    def _interrupted(self, calm: int) -> None:
        self.levels.forget()
        self.jumps.reset()
        self._waiting.clear()
        self._calm = max(self._calm, calm)
        self._jump = (0.0, 0.0)

    # ---- what is learned -----------------------------------------------------------------------------------------------------

    def _has_jumped(self, e: float) -> bool:
        jump = self.jumps.add(e)
        if jump is None:
            return False
        if jump.p <= SURE:
            self._jump = (jump.x_ns, jump.y_ppb)
            self._calm = max(self._calm, 10)
            return False
        self.x += jump.x_ns
        self.y += jump.y_ppb
        self.pxx, self.pxy, self.pyy = self.pxx + jump.pxx, self.pxy + jump.pxy, self.pyy + jump.pyy
        self._interrupted(CALM_JUMP)
        return True

    def _learn(self, miss: float, slope: float, eq: float, ew: float, e: float, moved: float) -> None:
        """A miss of DELAY seconds ago and what came of it then: for the shape, the trend, the noise and the levels."""
        self._learned = n = self._learned + 1
        self.shape.learn(miss, slope)
        self._trend += (moved - self._trend) / TREND_S
        self._slope = self._trend_seen(SEEN)
        self._variance += (min(e * e, 12.0 * self._usual) - self._variance) / (min(n, NOISE_MEMORY) + 30.0)
        self.levels.learn(eq, ew, e, self._usual)
        if n % 16 == 0:
            self._retune()

    def _settle(self) -> None:
        """The start's own noise is all that is known."""
        self.levels.settle(math.sqrt(self.noise2))
        self._variance = self.shape.sigma2 = self.noise2 / (1.0 - self.levels.alpha)
        self._retune()

    def _retune(self) -> None:
        """A miss is the pulse's noise and the filter's doubt: split it, and set everything that follows from the split."""
        least = max(self.least_ns, LEAST_SHARE * self.levels.w)
        self.noise2 = max(least * least, self._variance * (1.0 - self.levels.alpha))
        self.levels.settle(math.sqrt(self.noise2))
        self._usual = self.noise2 / (1.0 - self.levels.alpha)
        self.jumps.tune(self.levels.alpha, self.levels.beta, self._usual)

    def _watch(self, miss: float) -> None:
        """Louder or quieter for a while: the pulse is stamped otherwise now (a load came or went). On one side only: the filter
        has lost the phase, or the shape would not let it follow: open it, so that it follows plainly for some seconds."""
        misses = self._misses
        misses.add(miss, self.shape.sigma2, 1.25 * self.least_ns)
        if not (self._adapts and self._gated):
            return
        if factor := misses.factor:
            self._rescale(factor)
        elif misses.one_sided:
            self.pxx += 2.0 * self._usual
            self.pyy += self._usual / SIDE**2
            self.moves += 1
            if self._learned < NOISE_MEMORY:  # early on it is rather the levels that are too low than a jump unseen
                self.levels.quicken()
                self._retune()
            self._misses.calm()
            self._interrupted(CALM)

    def _rescale(self, factor: float) -> None:
        self._misses.calm()
        self.shape.rescale(factor)
        self._variance *= factor * factor
        self._learned = min(self._learned, 60)
        self._waiting.clear()
        self._retune()
