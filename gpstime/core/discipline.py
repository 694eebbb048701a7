"""Around the loop: when it may act (modes), on which offsets (policy), what it says before it acts, and how far off it may be.

The servo turns pulses into slews and steps and knows nothing of fixes, rivals and surprises; here is all that. An offset that is
there at once is weighed before it is acted on: a system clock that somebody stepped is put right after a moment, whatever the size;
an offset that nothing explains is rather a wrong second than a wrong clock, and must last `stepout_s` (ntpd's word).
"""

from __future__ import annotations

import math

from gpstime.core.announced import Announced
from gpstime.core.bound import Biases, Coverage, Noise, error_bound, half_width, noise_after
from gpstime.core.forbids import Forbids
from gpstime.core.holdover import Outage, Score, lasts_s
from gpstime.core.modes import Facts, Modes
from gpstime.core.policy import Policy, Verdict
from gpstime.core.servo import Servo
from gpstime.core.surprise import Expectation
from gpstime.core.train import Pulse
from gpstime.model import (
    Adjustment,
    Applied,
    ClockStep,
    ErrorBound,
    Finding,
    HoldoverBegan,
    HoldoverScored,
    Mode,
    Rejected,
    Step,
)
from gpstime.times import DAY_S, NS, RawNs, TaiNs, UtcTime

FOLLOWS = 2
"""Pulses so many seconds apart still follow each other."""
STALE_S = 2.5
"""After so long without a verified pulse the next is the first again."""
NOTHING: tuple[Adjustment, ...] = ()


class Discipline:
    """`hear` every usable pulse, then `decide` once; `on_tick`, `on_applied`, `on_step` what they say. Findings go into `out`.

    `updates`: how often it has acted; `bound`: the latest, None while nothing is known; `biases`: what is known of them, may be set
    at any time; `coverage`; `second`: of the last pulse heard, if that had one; `disproved` (to be set): the seconds that pulses
    were given until now are wrong, or the raw clock lost some, and no bound holds.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.servo = Servo(policy)
        self.modes = Modes()
        self.biases = Biases()
        self.coverage = Coverage()
        self.bound: ErrorBound | None = None
        self.updates = 0
        self.second: UtcTime | None = None
        self.disproved = False
        self.expected = Expectation(policy.stepout_s)
        self._forbids = Forbids(policy.takeover)
        self._facts = Facts(free_ns=policy.free_ns)
        self._off_ns = 0.0
        self._pulse: Pulse | None = None
        self._measured: int | None = None
        self._verified: tuple[RawNs, int, int] | None = None
        self._acted: RawNs | None = None
        self.score = Score()
        self._away = False
        self._gone, self._followed_ns = Noise(0.0, 0.0, 0.0, 0.0), 0.0
        self._asked: tuple[int, int, float] | None = None
        self._expected_noise: Noise | None = None
        self._announced = Announced(policy)

    @property
    def clock_right(self) -> bool:
        """Somebody held the clock for right, and nothing was done to it yet."""
        return self.policy.clock_right and not self.updates

    @property
    def mode(self) -> Mode:
        return self.modes.mode

    def forget(self) -> None:
        """The pulses so far were none of the second's."""
        self.servo.forget()

    # ---- pulses --------------------------------------------------------------------------------------------------------------

    def hear(
        self, pulse: Pulse, offset_ns: int | None, doubt: str, second: UtcTime | None = None, tai: TaiNs | None = None
    ) -> None:
        """A usable pulse, in order; the clock's offset then, as measured, if the pulse's second has a name; `doubt`: why that is
        not verified ("": it is); its second and what that is on TAI."""
        if self.policy.second_known:
            doubt = ""
            if offset_ns is None:
                offset_ns = (pulse.edge.shown + NS // 2) % NS - NS // 2
        if self._named(second, tai):
            offset_ns = None  # :60 has no number of its own on this clock
        self._forbids.on_pulse(pulse)
        facts, before = self._facts, self._verified
        facts.doubt = doubt
        if offset_ns is None or doubt:
            self.expected.unverified(pulse.at, pulse.edge.shown, offset_ns)
            facts.row, offset_ns = 0, None
        else:
            follows = before is not None and before[1] == pulse.run and pulse.n - before[2] <= FOLLOWS
            facts.row = facts.row + 1 if follows else 1
            self._verified = (pulse.at, pulse.run, pulse.n)
            if self._away and facts.row == 1 and self._acted is not None:  # before the filter hears of it
                self._gone = noise_after(self.servo.phase, (pulse.at - self._acted) / NS)
                self._followed_ns, _ = self.servo.followed(pulse.at)
        self._pulse, self._measured = pulse, offset_ns
        gap = 0 if self._asked is None or self._asked[0] != pulse.run else pulse.n - self._asked[1]
        due = 0 < gap <= FOLLOWS
        self._expected_noise = noise_after(self.servo.phase, float(gap), pulse.edge.err_ns) if due else None
        self.servo.hear(pulse, None if offset_ns is None else offset_ns + round(self._pending(pulse)))

    def _named(self, second: UtcTime | None, tai: TaiNs | None) -> bool:
        """What second it is now, if that is known; whether it is a leap second."""
        self.second = second
        if second is None or tai is None:
            return False
        self.expected.on_second(second, tai)
        return second.ns_of_day >= DAY_S * NS

    def _pending(self, pulse: Pulse) -> float:
        """What was asked for a second ago and is carried only now."""
        if not self.policy.next_second or self._asked is None or self._asked[:2] != (pulse.run, pulse.n - 1):
            return 0.0
        return self._asked[2]

    def decide(self, out: list[Finding]) -> tuple[Adjustment, ...]:
        """What to do now, after the last pulse heard, once for it."""
        pulse, self._pulse = self._pulse, None
        if pulse is None:
            return NOTHING
        offset = self.servo.offset()
        self._score(pulse)
        verdict = None if offset is None else self._weigh(offset, pulse, out)
        self._look(pulse.at, out)
        asked = NOTHING
        if self.mode is Mode.TRACKING and offset is not None and verdict is not None:
            asked = self._act(pulse, offset, verdict is Verdict.STEP, out)
        away = sum(abs(a.delta_ns) for a in asked if isinstance(a, Step))
        self._bound(pulse.at, pulse.edge.err_ns, out, away)
        return asked

    def _score(self, pulse: Pulse) -> None:
        """The bound, carried on from the pulse before, against this pulse."""
        noise, left = self._expected_noise, self.expected.left_ns
        if noise is None or left is None or self._measured is None:
            return
        phase = self.servo.phase
        self.coverage.add(self._measured, left, noise, math.sqrt(max(phase.noise2, phase.shape.sigma2)))

    def _weigh(self, offset: float, pulse: Pulse, out: list[Finding]) -> Verdict | None:
        """What the policy makes of this offset; None while it must wait, or is too large to be believed."""
        at, words = pulse.at, ""
        wait, news = self.expected.wait(at, offset)
        if news and self.mode is not Mode.FAULTED:
            out.append(Rejected(at, "discipline", "unexplained-offset", str(round(offset)).encode()))
        verdict: Verdict | None = self.policy.verdict(offset, self.updates, self.expected.explained)
        if verdict is Verdict.PANIC:
            words = f"an offset of {offset / NS:+.6g} s is beyond the panic threshold of {self.policy.panic_ns / NS:g} s"
            words = f"{words}, and no step of the clock explains it: nothing is done"
        self._forbids.panic(at, "" if wait else words)
        return None if wait or words else verdict

    def _act(self, pulse: Pulse, offset: float, step: bool, out: list[Finding]) -> tuple[Adjustment, ...]:
        servo = self.servo
        self._returned(pulse.at, offset, out)
        asked = servo.decide(step)
        shown = pulse.edge.shown
        for a in asked:
            if isinstance(a, Step):
                why = self._announced.why(offset, self.updates, self.expected.why)
                self._announced.step(pulse.at, a, shown, why, out)
        after, phase_ns = servo.offset_ns or 0.0, servo.asked_ns
        self._announced.slew(pulse.at, after, servo.phase.ahead(0.0)[1], out)
        self.updates += 1
        self._off_ns = after - self._pending(pulse)
        stepped = sum(a.delta_ns for a in asked if isinstance(a, Step))
        apart_ns = shown - pulse.at + stepped
        self.expected.left(pulse.at, after if self.policy.next_second else after + phase_ns, apart_ns)
        self._asked = (pulse.run, pulse.n, phase_ns)
        self._acted = pulse.at
        return asked

    def _returned(self, at: RawNs, offset: float, out: list[Finding]) -> None:
        """The first update after a holdover: score what was said of it."""
        away, self._away, left = self._away, False, self.expected.left_ns
        if not away or self._acted is None or left is None or self.expected.explained:
            return
        bound = abs(left) + self._followed_ns + half_width(self._gone)
        self.score.add(Outage((at - self._acted) / NS, offset, bound))
        out.append(HoldoverScored(at, (at - self._acted) / NS, offset, bound, self.score.held, self.score.outages))

    # ---- all else ------------------------------------------------------------------------------------------------------------

    def on_tick(
        self, at: RawNs, out: list[Finding], now: tuple[UtcTime, TaiNs] | tuple[None, None] = (None, None)
    ) -> tuple[Adjustment, ...]:
        """Time passes, with pulses or without; `now`: what time it is by the last named pulse and the raw clock since."""
        self._named(*now)
        self._look(at, out)
        if self.mode in (Mode.ACQUIRING, Mode.FAULTED):
            return NOTHING
        if self.mode is not Mode.TRACKING:
            self._bound(at, 0, out)
        return self.servo.on_tick(at)

    def on_applied(self, applied: Applied) -> None:
        """What was done to the clock, or not, and by whom."""
        self._forbids.on_applied(applied)
        if applied.refused:
            self._acted = self.bound = self._asked = None
            self.updates = max(0, self.updates - 1)
            if not self.updates:
                self.expected.forget()

    def on_step(self, step: ClockStep) -> None:
        self.expected.on_step(step)

    def _look(self, at: RawNs, out: list[Finding]) -> None:
        facts = self._facts
        facts.forbids = self._forbids.why(at)
        facts.since_s = math.inf if self._verified is None else (at - self._verified[0]) / NS
        if facts.since_s > STALE_S:
            facts.row = 0
        while (change := self.modes.look(at, facts)) is not None:
            out.append(change)
            if change.new is Mode.HOLDOVER and self._acted is not None:
                known = self.biases.total_ns + max(abs(self._off_ns), abs(self.expected.left_ns or 0.0))
                lasts = lasts_s(self.servo.phase, known, self.policy.free_ns)
                self._away = True
                out.append(HoldoverBegan(at, self.policy.free_ns, lasts, self.servo.phase.wander.seen_s))
            if change.new is Mode.FAULTED:  # from now on nobody knows what is done to the clock
                self._acted = self.bound = None
                facts.bound_ns = math.inf
            elif change.new is Mode.ACQUIRING:
                facts.row = min(facts.row, 1)

    def _bound(self, at: RawNs, stamp_ns: float, out: list[Finding], away_ns: float = 0.0) -> None:
        """As things are at `at`: a step of `away_ns` is asked for, not made; what others did to the clock is not undone yet."""
        if self._acted is None or (self.second is not None and self.second.ns_of_day >= DAY_S * NS):
            return
        if self.disproved:
            away_ns = math.inf
        left = max(abs(self._off_ns), abs(self.expected.left_ns or 0.0)) + away_ns + self.expected.moved_ns
        since_s = max(0.0, (at - self._acted) / NS)
        self.bound = bound = error_bound(
            self.servo.phase, self.biases, self.mode, at, since_s, left, stamp_ns, self.servo.followed(at)
        )
        self._facts.bound_ns = bound.bound_ns
        out.append(bound)
