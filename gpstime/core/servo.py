"""The loop: pulses and their seconds in, slews and steps out. One default, right for any crystal and pulse.

`phase` says where the raw clock is against true time, and how fast it moves; at each pulse the system clock is known to be some
whole number of ns ahead of the raw clock, so its offset follows without the pulse's noise. The frequency is taken out fully,
the offset gently: a share of it each second, since what is not taken out at once costs little phase and spares the frequency
(on the benchmark's first crystal 0.221 us and 26 ppb against 0.217 us and 47 ppb for all at once). An offset beyond its own
doubt is taken out at once.

Sign: what goes out is added to the clock, so it is minus the error. A `Slew` that lasts for ever is the bare drift: what the
clock falls back to when nobody renews the other kind, which carry phase and end by themselves.
"""

from __future__ import annotations

import math

from gpstime.core.counter import Counter
from gpstime.core.phase import Phase
from gpstime.core.policy import Policy
from gpstime.core.thermal import ThermalModel
from gpstime.core.train import Pulse
from gpstime.core.two_state import LEAST_NS
from gpstime.core.warmth import Warmth
from gpstime.model import Adjustment, Slew, Step
from gpstime.times import NS, RawNs

SHARE = 0.4
"""Of the offset, each second, where a pulse says little against what is known already; all of it where the pulse says all."""
PLAIN = 3.0
"""Sigmas of the phase beyond which an offset is no doubt but an error."""
LASTING_S = 1.5
"""A slew that carries phase is renewed each second; one that is not ends half a second late and no more."""
OVERDUE_NS = 1_100_000_000
"""So long after a pulse the phase that it asked for has been carried, and only the frequency stays."""
OUTAGE_NS = 60 * NS
"""So long after a pulse the temperature is looked at."""
DRIFT_CHANGE_PPB = 5.0
"""The bare drift is told anew when it has moved so far; in a holdover, at a tenth of that."""
COARSE = 0.4
"""Of a coarse counter's step: its saw-tooth is not white, and more than 1/sqrt(12) of the step covers that (as in `drift`)."""
NOTHING: tuple[Adjustment, ...] = ()


class Servo:
    """Tell it pulses with `hear` and ask `decide` once they are all told; tell it the time between pulses with `on_tick`.

    `phase` is what it knows; `offset_ns` the system clock's offset as estimated at the last pulse with a second (None before).
    `steps`: how many it asked for; `asked_ns`: the phase that the last slew is to carry (added to the clock), drift not included.
    """

    def __init__(self, policy: Policy, without: frozenset[str] = frozenset()) -> None:
        self.policy = policy
        self.phase = Phase(without)
        self.offset_ns: float | None = None
        self.steps = 0
        self.asked_ns = 0.0
        self._without = without
        self._anchor: Pulse | None = None
        self._counter = Counter()
        self._at = RawNs(0)
        self._measured: int | None = None
        self._z = 0.0
        self._verified = False
        self._bare: float | None = None
        self._carrying = False
        self.warmth = Warmth()
        self._model: tuple[str, ThermalModel] | None = None
        self._warmed: float | None = None
        self._turned_ppb = self._moved_ns = self._moved_s = 0.0

    @property
    def bare_ppb(self) -> float | None:
        """The bare drift last asked for, as a correction; None before."""
        return self._bare

    @property
    def sigma_ns(self) -> float:
        """One sigma of the phase at the last pulse, noise only: what the pulse's latency hides is not in it."""
        return math.sqrt(self.phase.pxx)

    def forget(self) -> None:
        """The pulses so far were none of the second's (no fix): begin again; what was done to the clock stays done."""
        self.phase, self._anchor, self._measured = Phase(self._without), None, None

    def hear(self, pulse: Pulse, offset_ns: int | None) -> None:
        """A pulse, in order, and the system clock's offset as measured then (None while the pulse's second has no name)."""
        if offset_ns is None and self.policy.second_known:
            offset_ns = (pulse.edge.shown + NS // 2) % NS - NS // 2
        anchor = self._anchor
        if anchor is None or pulse.run != anchor.run:
            self._anchor, self._z, self._counter = pulse, 0.0, Counter()
            self.phase.renew(pulse.n, 0.0, abs(pulse.at - self._at) / NS)
        else:
            z = pulse.at - anchor.at - (pulse.n - anchor.n) * NS
            self._counter.add(pulse.n, z, pulse.at)
            self.phase.least_ns = max(LEAST_NS, COARSE * self._counter.seen_ns)
            self._z = float(z)
            self.phase.add(pulse.n, self._z)
            self.phase.wander.look(self.phase)
        self._at, self._measured = pulse.at, offset_ns
        self.warmth.on_pulse(pulse.at, pulse.n)
        self._warmed = None
        self._turned_ppb = self._moved_ns = self._moved_s = 0.0

    def offset(self) -> float | None:
        """The clock's offset (ns) at the last pulse heard, without that pulse's noise; None without an estimate or a second."""
        if self._measured is None or not self.phase.ready:
            return None
        return self._measured - (self._z - self.phase.ahead(0.0)[0])

    def decide(self, step: bool | None = None) -> tuple[Adjustment, ...]:
        """What to do now, right after the last pulse heard, once for it. Nothing while there is no estimate or no second.

        `step`: whether the offset is stepped away, where somebody else decides that; None leaves it to the policy.
        """
        phase, offset = self.phase, self.offset()
        self._measured = None
        if offset is None:
            return NOTHING
        _, y = phase.ahead(0.5)
        out: list[Adjustment] = []
        if self.policy.steps(offset, not self._verified) if step is None else step:
            away = Step(-round(offset))
            self.steps += 1
            offset += away.delta_ns
            out.append(away)
        self._verified = True
        self.offset_ns = offset
        bare = self._against(y)
        if self._bare is None or abs(bare - self._bare) > DRIFT_CHANGE_PPB:
            self._bare = bare
            out.append(Slew(bare, math.inf))
        plain = phase.jumping or abs(offset) > PLAIN * self.sigma_ns
        share = 1.0 if plain else SHARE + (1.0 - SHARE) * phase.gain
        slew = Slew(self._within(bare + self._within(-share * offset)), LASTING_S)
        self.asked_ns = slew.freq_ppb - bare
        out.append(slew)
        self._carrying = True
        return tuple(out)

    def on_tick(self, at: RawNs) -> tuple[Adjustment, ...]:
        """The time now: where a pulse is overdue, the phase that the last one asked for is done; the frequency may have a trend."""
        since = at - self._at
        if self._bare is None or since < OVERDUE_NS:
            return NOTHING
        if since > OUTAGE_NS:
            self._warm(since / NS)
        bare = self._against(self.phase.ahead(since / NS)[1])
        if not self._carrying and abs(bare - self._bare) < 0.1 * DRIFT_CHANGE_PPB:
            return NOTHING
        self._bare, self._carrying = bare, False
        return (Slew(bare, math.inf),)

    def _warm(self, since_s: float) -> None:
        """The temperature moves the frequency while no pulse tells: so does its model, fitted as the outage begins, if it helps."""
        first = self._warmed is None
        if first:
            self._model = self.warmth.best()
        if self._model is None:
            self._warmed = 0.0
            return
        sensor, model = self._model
        before, self._warmed = self._warmed, model.ppb(self.warmth.now[sensor][1])
        if before is not None:
            turned = self._warmed - before
            self.phase.y += turned
            self.phase.x -= turned * since_s  # the line goes on from here; until now the clock ran as it did
            self._moved_ns += self._turned_ppb * (since_s - self._moved_s)
            self._turned_ppb, self._moved_s = self._turned_ppb + turned, since_s
        self.phase.straight = True  # what the model says of the day's course is not to be said twice

    def followed(self, at: RawNs) -> tuple[float, float]:
        """How far following the temperature has moved the clock since the pulse went (ns), and moves it each second (ppb)."""
        return abs(self._moved_ns + self._turned_ppb * ((at - self._at) / NS - self._moved_s)), abs(self._turned_ppb)

    def _against(self, y_ppb: float) -> float:
        """The correction that makes up for a frequency error; it applies to the clock's own second, which is that much longer."""
        return self._within(-y_ppb / (1.0 + y_ppb * 1e-9))

    def _within(self, ppb: float) -> float:
        """Of a correction with the drift in it, and of what is taken off an offset each second: adjtime carries no more."""
        most = self.policy.max_slew_ppb
        return min(max(ppb, -most), most)
