"""Around the loop: when it may act (modes), on which offsets (policy), what it says before it acts, and how far off it may be.

The servo turns pulses into slews and steps and knows nothing of fixes, rivals and surprises; here is all that. An offset that is
there at once is weighed before it is acted on: a system clock that somebody stepped is put right after a moment, whatever the size;
an offset that nothing explains is rather a wrong second than a wrong clock, and must last `stepout_s` (ntpd's word).
"""

from __future__ import annotations

import math

from gpstime.core.bound import Biases, Coverage, Noise, error_bound, noise_after
from gpstime.core.modes import CALM_S, Facts, Modes
from gpstime.core.policy import Policy, Verdict
from gpstime.core.servo import Servo
from gpstime.core.train import Pulse
from gpstime.model import (
    Adjustment,
    Applied,
    ClockStep,
    ErrorBound,
    Finding,
    Mode,
    Rejected,
    SlewAnnounced,
    Step,
    StepAnnounced,
)
from gpstime.times import NS, RawNs, UnixNs

SURPRISE_NS = 100_000_000.0
"""An offset that changed by more than this, less what a slew may have done since, did not come by itself."""
EXPLAINED_S = 3.0
"""So long a step by somebody else is watched before it is undone: it may be one of two."""
REFUSED_S = 3600.0
"""After a refusal of the kernel it is tried again."""
BROKEN_NS = 1_000_000
"""So much in a second, four times in a row, is no crystal and no noise."""
LONG_S = 3.0
"""A slew that takes longer is announced with its time of arrival."""
OURS = ("gpstime", "fallback")
NOTHING: tuple[Adjustment, ...] = ()


class Discipline:
    """`hear` every usable pulse, then `decide` once; `on_tick`, `on_applied`, `on_step` what they say. Findings go into `out`.

    `updates`: how often it has acted; `bound`: the latest; `biases`: what is known of them, may be set at any time; `coverage`.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.servo = Servo(policy)
        self.modes = Modes()
        self.biases = Biases()
        self.coverage = Coverage()
        self.bound: ErrorBound | None = None
        self.updates = 0
        self.left_ns: float | None = None
        """Offset of the clock that is expected now, from the last update on."""
        self._off_ns = 0.0
        self._facts = Facts(free_ns=policy.free_ns)
        self._pulse: Pulse | None = None
        self._measured: int | None = None
        self._verified: tuple[RawNs, int, int] | None = None
        self._since: RawNs | None = None
        self._asked: tuple[int, int, float] | None = None
        self._expected_noise: Noise | None = None
        self._surprise: tuple[RawNs, float] | None = None
        self._foreign_ns = self._leap_ns = 0.0
        self._slewing = False
        self._tai_ns: int | None = None
        self._before: Pulse | None = None
        self._odd = 0
        self._forbids: dict[str, tuple[RawNs, float, str]] = {}
        """Why nothing may be steered: when last seen, for how long that counts (s), in words."""

    @property
    def mode(self) -> Mode:
        return self.modes.mode

    def forget(self) -> None:
        """The pulses so far were none of the second's."""
        self.servo.forget()

    # ---- pulses --------------------------------------------------------------------------------------------------------------

    def hear(self, pulse: Pulse, offset_ns: int | None, doubt: str, tai_minus_unix_ns: int | None = None) -> None:
        """A usable pulse, in order; the clock's offset then, as measured, if the pulse's second has a name; `doubt`: why that is
        not verified ("": it is); what TAI is ahead of that name."""
        if self.policy.second_known:
            doubt = ""
            if offset_ns is None:
                offset_ns = (pulse.edge.shown + NS // 2) % NS - NS // 2
        if tai_minus_unix_ns is not None:
            # over a leap second a clock that nobody told of it is off by that second: explained
            leap_ns = tai_minus_unix_ns - (self._tai_ns or tai_minus_unix_ns)
            self._foreign_ns, self._leap_ns = self._foreign_ns + leap_ns, self._leap_ns + leap_ns
            self._tai_ns = tai_minus_unix_ns
        self._watch_timer(pulse)
        facts = self._facts
        verified = offset_ns is not None and not doubt
        facts.doubt = doubt
        before = self._verified
        if not verified:
            facts.row, offset_ns = 0, None
        else:
            follows = before is not None and before[1] == pulse.run and pulse.n - before[2] <= 2
            facts.row = facts.row + 1 if follows else 1
            self._verified = (pulse.at, pulse.run, pulse.n)
        self._pulse, self._measured = pulse, offset_ns
        self.servo.hear(pulse, None if offset_ns is None else offset_ns + round(self._pending(pulse)))

    def _watch_timer(self, pulse: Pulse) -> None:
        """A counter that loses ticks: a rate that nothing can correct (F-C05)."""
        before, self._before = self._before, pulse
        if before is None or before.run != pulse.run or pulse.n == before.n:
            return
        apart = (pulse.at - before.at) / (pulse.n - before.n) - NS
        self._odd = self._odd + 1 if abs(apart) > BROKEN_NS else 0
        if self._odd >= 4:
            why = f"a timer fault, not drift: the counter is off by {apart / 1000:+.0f} ppm, more than can be slewed"
            self._forbids["timer"] = (pulse.at, CALM_S, why)

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
        self._bound(pulse.at, pulse.edge.err_ns, out)
        return asked

    def _score(self, pulse: Pulse) -> None:
        """The bound of a second ago against this pulse."""
        noise, asked = self._expected_noise, self._asked
        self._expected_noise = None
        if noise is None or asked is None or asked[:2] != (pulse.run, pulse.n - 1) or self._measured is None:
            return
        phase = self.servo.phase
        self.coverage.add(self._measured, self.left_ns or 0.0, noise, math.sqrt(max(phase.noise2, phase.shape.sigma2)))

    def _weigh(self, offset: float, pulse: Pulse, out: list[Finding]) -> Verdict | None:
        """What the policy makes of this offset; None while it must wait, or is too large to be believed."""
        explained = False
        at = pulse.at
        self._forbids.pop("panic", None)
        if self.updates and self.left_ns is not None and self._since is not None:
            moved = offset - self.left_ns
            room = SURPRISE_NS + 1e-6 * self.policy.max_slew_ppb * max(0, at - self._since) * 1e-3
            if abs(moved) > room:
                explained = self._foreign_ns != 0.0 and abs(moved - self._foreign_ns) <= room
                surprise = self._surprise
                if surprise is None or abs(offset - surprise[1]) > room:
                    self._surprise = surprise = (at, offset)
                    if not explained and self.mode is not Mode.FAULTED:
                        out.append(Rejected(at, "discipline", "unexplained-offset", str(round(offset)).encode()))
                if (at - surprise[0]) / NS < (EXPLAINED_S if explained else self.policy.stepout_s):
                    return None
            else:
                self._surprise = None
        verdict = self.policy.verdict(offset, self.updates, explained)
        if verdict is Verdict.PANIC:
            words = f"an offset of {offset / NS:+.6g} s is beyond the panic threshold of {self.policy.panic_ns / NS:g} s"
            self._forbids["panic"] = (at, math.inf, f"{words}, and no step of the clock explains it: nothing is done")
            return None
        return verdict

    def _act(self, pulse: Pulse, offset: float, step: bool, out: list[Finding]) -> tuple[Adjustment, ...]:
        servo = self.servo
        asked = servo.decide(step)
        shown = pulse.edge.shown
        for a in asked:
            if isinstance(a, Step):
                out.append(StepAnnounced(pulse.at, a.delta_ns, shown, UnixNs(shown + a.delta_ns), self._why(offset)))
        after, phase_ns = servo.offset_ns or 0.0, servo.asked_ns
        self._announce(pulse.at, after, out)
        self.updates += 1
        self._off_ns = after - self._pending(pulse)
        self.left_ns = after if self.policy.next_second else after + phase_ns
        self._asked = (pulse.run, pulse.n, phase_ns)
        self._since = pulse.at
        self._surprise, self._foreign_ns, self._leap_ns = None, 0.0, 0.0
        self._expected_noise = noise_after(servo.phase, 1.0, pulse.edge.err_ns)
        return asked

    def _why(self, offset: float) -> str:
        if not self.updates:
            return f"the first verified update finds the clock {offset / NS:+.9f} s off"
        if self._foreign_ns and self._foreign_ns == self._leap_ns:
            return "nobody told the clock of a leap second"
        if self._foreign_ns:
            return f"somebody stepped the clock by {self._foreign_ns / NS:+.6f} s"
        return f"the clock is {offset / NS:+.9f} s off, beyond the step threshold of {self.policy.step_ns / NS:g} s"

    def _announce(self, at: RawNs, left: float, out: list[Finding]) -> None:
        rate = self.policy.max_slew_ppb + math.copysign(self.servo.phase.ahead(0.0)[1], -left)
        if rate <= 0.0:
            return
        arrives_s = abs(left) / rate
        if arrives_s > LONG_S and not self._slewing:
            out.append(SlewAnnounced(at, left, math.copysign(rate, -left), arrives_s))
        self._slewing = arrives_s > (1.0 if self._slewing else LONG_S)

    # ---- all else ------------------------------------------------------------------------------------------------------------

    def on_tick(self, at: RawNs, out: list[Finding]) -> tuple[Adjustment, ...]:
        """Time passes, with pulses or without."""
        self._look(at, out)
        if self.mode in (Mode.ACQUIRING, Mode.FAULTED):
            return NOTHING
        if self.mode is not Mode.TRACKING:
            self._bound(at, 0, out)
        return self.servo.on_tick(at)

    def on_applied(self, applied: Applied) -> None:
        """What was done to the clock, or not, and by whom."""
        at = applied.at
        if applied.refused:
            self._forbids["refused"] = (at, REFUSED_S, applied.refused)
        elif applied.by in OURS or self.policy.takeover:
            return
        elif applied.by and not applied.step_ns:
            told = applied.freq_ppb is None  # who it is from now on, until somebody else or nobody is told
            why = f"{applied.by} steers this clock: two would fight over it; stop one of them, or take over"
            self._forbids["rival"] = (at, math.inf if told else CALM_S, why)
        elif not applied.by and applied.freq_ppb is None and not applied.step_ns:
            self._forbids.pop("rival", None)

    def on_step(self, step: ClockStep) -> None:
        """The clock was stepped; if not by us, that explains an offset."""
        if step.by != "gpstime":
            self._foreign_ns += step.step_ns

    def _look(self, at: RawNs, out: list[Finding]) -> None:
        facts = self._facts
        for name, (seen, lasts_s, _) in list(self._forbids.items()):
            if at - seen > lasts_s * 1e9:
                del self._forbids[name]
        facts.forbids = next((why for _, _, why in self._forbids.values()), "")
        facts.since_s = math.inf if self._verified is None else (at - self._verified[0]) / NS
        if facts.since_s > 2.5:
            facts.row = 0
        while (change := self.modes.look(at, facts)) is not None:
            out.append(change)
            if change.new is Mode.ACQUIRING:
                facts.row = min(facts.row, 1)

    def _bound(self, at: RawNs, stamp_ns: float, out: list[Finding]) -> None:
        if self._since is None:
            return
        left = max(abs(self._off_ns), abs(self.left_ns or 0.0))
        if self._surprise is not None:
            left = max(left, abs(self._surprise[1]))
        since_s = max(0.0, (at - self._since) / NS)
        self.bound = bound = error_bound(self.servo.phase, self.biases, self.mode, at, since_s, left, stamp_ns)
        self._facts.bound_ns = bound.bound_ns
        out.append(bound)
