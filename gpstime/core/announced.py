"""What is said before something is done to a clock: a step with before and after, a long slew with its time of arrival."""

from __future__ import annotations

import math

from gpstime.core.policy import Policy
from gpstime.model import Finding, SlewAnnounced, Step, StepAnnounced
from gpstime.times import NS, RawNs, UnixNs

LONG_S = 3.0
"""A slew that takes longer is announced with its time of arrival."""


class Announced:
    """Tell it what is about to be done; the findings go into `out`. One slew is announced once, however many seconds it takes."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._slewing = False

    def step(self, at: RawNs, step: Step, shown: UnixNs, why: str, out: list[Finding]) -> None:
        out.append(StepAnnounced(at, step.delta_ns, shown, UnixNs(shown + step.delta_ns), why))

    def why(self, offset: float, updates: int, because: str) -> str:
        """Why this offset is stepped away; `because`: what explains it, if anything does."""
        if not updates:
            return f"the first verified update finds the clock {offset / NS:+.9f} s off"
        beyond = f"the clock is {offset / NS:+.9f} s off, beyond the step threshold of {self._policy.step_ns / NS:g} s"
        return because or beyond

    def slew(self, at: RawNs, left: float, drift_ppb: float, out: list[Finding]) -> None:
        """`left` ns are to be slewed away on a crystal that is so far off."""
        most = self._policy.max_slew_ppb
        rate = min(most, most - math.copysign(1.0, left) * drift_ppb)  # a drift in the way takes its share
        if rate <= 0.0:
            return
        arrives_s = abs(left) / rate
        if arrives_s > LONG_S and not self._slewing:
            out.append(SlewAnnounced(at, left, math.copysign(rate, -left), arrives_s))
        self._slewing = arrives_s > (1.0 if self._slewing else LONG_S)
