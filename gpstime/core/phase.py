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

from gpstime.core.jumps import SURE, Jumps
from gpstime.core.learning import CALM, CALM_JUMP, Learning
from gpstime.core.misses import SIDE, Misses
from gpstime.core.two_state import LINES, SCATTERED, TwoState
from gpstime.core.wander import Wander

LEARNED = 200
"""Misses that the levels learn from before a jump is believed: until then a walk looks like one."""
GATE, FAR, RETURNS = 5.0, 6.0, 6
"""Beyond GATE sigma an interrupted filter believes no pulse; RETURNS in a row beyond FAR sigma, and the filter is wrong."""
NEWS = 3.0
"""One pulse that many sigma off is an odd pulse; two in a row on the same side are news, and believed that far."""
DOUBTFUL = 2.0
"""Variance of a miss, against the steady state's, beyond which the filter's own doubt is most of it."""
EARLY = 2_000
"""Misses that the levels learn from before a filter that lags is rather a jump unseen than a filter too slow."""
LAGGING, LAG, LAG_WIDER = 4.0, 1.2, 0.7
"""Of the misses' slow part (`Misses.lag2`): a lag to be done away with; and from where, by how much, it widens the interval."""
QUIETEST = 2.0
"""Noise so little above the least (in units of `least_ns`) has not become quieter."""
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
        self.learning = learning = Learning(self._adapts, "shape" not in without)
        self.levels, self.shape, self._trend = learning.levels, learning.shape, learning.trend
        self.jumps = Jumps()
        self.wander = Wander()
        self.straight = False
        self._jump = (0.0, 0.0)
        self._far: list[tuple[int, float]] = []
        self._misses = Misses()
        self._wider2: float | None = None

    # ---- out -----------------------------------------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether there is an estimate."""
        return self.pulses >= LINES[0]

    @property
    def jumping(self) -> bool:
        """A jump of the frequency is likely, or was one just now: the phase is worth correcting at once."""
        return self.learning.just_jumped or self._jump != (0.0, 0.0)

    def ahead(self, seconds: float) -> tuple[float, float]:
        """Phase (ns) and frequency (ppb) so long after the last pulse."""
        x, y = self.x + self._jump[0], self.y + self._jump[1]
        if seconds == 0.0:
            return x, y
        bent, turned = (0.0, 0.0) if self.straight else self._trend.adds(seconds)
        return x + seconds * y + bent, y + turned

    @property
    def wider2(self) -> float:
        """What the covariance is multiplied with so that an interval holds: levels not well known, misses that show a lag."""
        if self._wider2 is None:
            self._wider2 = self.learning.wider2(self.pxx) * (1.0 + LAG_WIDER * max(0.0, self._misses.lag2 - LAG))
        return self._wider2

    def doubt_ns(self, seconds: float) -> float:
        """One sigma of the phase so long after the last pulse, noise only: what is known now, the walk, the jumps seen so far."""
        known = self.wider2 * (self.pxx + seconds * (2.0 * self.pxy + seconds * self.pyy))
        return math.sqrt(known + seconds * self.levels.w**2 + (self.levels.q**2 + self.jumps.walk2) * seconds**3 / 3.0)

    # ---- in ------------------------------------------------------------------------------------------------------------------

    def add(self, n: int, z: float) -> None:
        """A pulse: `n` true seconds, in order, and the phase measured there (raw clock minus true, ns)."""
        q2, w2 = self.levels.q**2, self.levels.w**2
        self._wider2 = None
        if self.pulses < LINES[-1]:
            if self.begin(n, z, q2, w2):
                self.noise2 = self.learning.start(math.sqrt(self.noise2), self.pulses)
                self._tune()
            return
        dt = float(n - self.last)
        assert dt > 0.0, "pulses come in order"
        self.last = n
        self.pulses += 1
        bent, turned = (0.0, 0.0) if self.straight else self._trend.adds(dt)
        self.straight = False
        self.predict(dt, 0.0, q2, w2) if self._grows else self._predict_only(dt)
        self.x, self.y = self.x + bent, self.y + turned
        miss = z - self.x
        s = self.pxx + self.noise2
        self._jump = (0.0, 0.0)
        if self._gated and self._is_far(n, z, miss * miss, s):
            return
        if not self.learning.n:
            s *= self._early(miss, s)
        usual = self.learning.usual
        settled = s < 1.2 * usual and self.pxx < 1.3 * self.levels.alpha * usual
        self._follow(dt, miss, s) if settled else self._catch_up(miss, s)

    def _predict_only(self, dt: float) -> None:
        """Without growth of the doubt beyond one second's."""
        x = self.x + dt * self.y
        self.predict(1.0, 0.0, self.levels.q**2, self.levels.w**2)
        self.x = x

    def renew(self, n: int, z: float, apart_s: float) -> None:
        """The count of seconds began anew, about `apart_s` after the last pulse: the frequency stays, the phase is `z`."""
        self.wander.forget()
        self._wider2 = None
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
            return s > DOUBTFUL * self.learning.usual and square > GATE * GATE * least
        self._far.append((n, z))
        if len(self._far) < RETURNS:
            return s > DOUBTFUL * self.learning.usual
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
        usual = self.learning.usual
        e, slope = self.shape.judge(miss, max(1.0, math.sqrt(s / usual))) if self._gated else (miss, 1.0)
        limit = math.copysign(NEWS * math.sqrt(usual), miss)
        if self._gated and miss / limit > 1.0 < self._misses.before / limit:
            e = limit
        k0, k1 = self.update(e, s)
        eq, ew = self.levels.miss(dt, k0, k1, e)
        self._misses.follow(e, s, k0, self.grain_ns)
        self._watch(miss)
        if dt <= 3.0 and self._adapts and self.learning.n > LEARNED and self._has_jumped(e):
            return
        if self.learning.hold((miss, slope, eq, ew, e, k1 * e + self._trend.slope), self.grain_ns):
            self._retune()

    def _catch_up(self, miss: float, s: float) -> None:
        """After an interruption or a jump: plain Kalman where the filter's own doubt is most of the miss."""
        self._interrupted(CALM if self.learning.n else 0)
        if self._gated and s < DOUBTFUL * self.learning.usual:
            miss, _ = self.shape.judge(miss, math.sqrt(max(1.0, s / self.learning.usual)))
        k0, _ = self.update(miss, s)
        self._misses.follow(miss, s, k0, self.grain_ns)
        if not self.learning.n and self._misses.lag2 > LAGGING:
            self.levels.quicken()
            self._misses.calm()
            self._retune()

    def _interrupted(self, calm: int) -> None:
        self.learning.interrupted(calm)
        self.jumps.reset()
        self._jump = (0.0, 0.0)

    # ---- what is learned -----------------------------------------------------------------------------------------------------

    def _has_jumped(self, e: float) -> bool:
        jump = self.jumps.add(e)
        if jump is None:
            return False
        if jump.p <= SURE:
            self._jump = (jump.x_ns, jump.y_ppb)
            self.learning.beware(10)
            return False
        self.x += jump.x_ns
        self.y += jump.y_ppb
        self.pxx, self.pxy, self.pyy = self.pxx + jump.pxx, self.pxy + jump.pxy, self.pyy + jump.pyy
        self._misses.calm()
        self._interrupted(CALM_JUMP)
        return True

    def _early(self, miss: float, s: float) -> float:
        """Nothing is learned yet but how loud the pulse is: the factor that this puts on `s` and on all covariance."""
        factor = self.learning.early(miss, s, self.noise2, self.least_ns)
        self.noise2 *= factor
        self.pxx, self.pxy, self.pyy = self.pxx * factor, self.pxy * factor, self.pyy * factor
        if self.pulses % LINES[-1] == 0:
            self._retune()
        return factor

    def _retune(self) -> None:
        self.noise2 = self.learning.retune(self.least_ns)
        self._tune()

    def _tune(self) -> None:
        self.jumps.tune(self.levels.alpha, self.levels.beta, self.learning.usual)

    def _watch(self, miss: float) -> None:
        """Louder or quieter for a while: the pulse is stamped otherwise now (a load came or went). On one side only: the filter
        has lost the phase, or the shape would not let it follow: open it, so that it follows plainly for some seconds."""
        misses = self._misses
        misses.add(miss, self.shape.sigma2, self.grain_ns)
        if not (self._adapts and self._gated):
            return
        if (factor := misses.factor) and (factor > 1.0 or self.shape.sigma2 > (QUIETEST * self.least_ns) ** 2):
            self._rescale(factor)
        elif misses.one_sided or (self.learning.n < EARLY and misses.lag2 > LAGGING):
            self.pxx += 2.0 * self.learning.usual
            self.pyy += self.learning.usual / SIDE**2
            self.moves += 1
            if self.learning.n < EARLY:  # early on it is rather the levels that are too low than a jump unseen
                self.levels.quicken()
                self._retune()
            self._misses.calm()
            self._interrupted(CALM)

    def _rescale(self, factor: float) -> None:
        self._misses.calm()
        self.learning.rescale(factor)
        self._retune()
