"""`gpstime holdover drill`: the pulse is masked in software, and goes on being measured as the truth that the loop does not see.

The loop settles, then no edge reaches it for a while, then they do again. Beside it a second engine hears every edge, so that each
second of the outage has an offset to hold the bound against. Biases are left out of both: no pulse shows them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gpstime.core.engine import Engine
from gpstime.core.holdover import Outage, lasts_s
from gpstime.core.policy import Policy
from gpstime.model import Adjustment, ErrorBound, Event, Finding, HoldoverScored, Mode, Offset, PpsEdge
from gpstime.times import NS, LeapTable, RawNs, UtcTime

BACK_S = 30.0
"""How long it goes on after the mask is taken away."""


@dataclass(slots=True)
class Drilled:
    """`begun_s`, `ended_s`: of the mask, since the first event (None: it never came to that). `forecast_s`: for how long the clock
    would be within `limit_ns`; `seen_s`: so far ahead forecasts had been scored. `points`: (s since the mask, offset, bound) now
    and then; `seconds`, `held`: of all of them.
    """

    limit_ns: float
    begun_s: float | None = None
    ended_s: float | None = None
    forecast_s: float | None = None
    seen_s: float = 0.0
    points: list[tuple[float, float, float]] = field(default_factory=list)
    seconds: int = 0
    held: int = 0
    outage: Outage | None = None
    mode: Mode = Mode.ACQUIRING
    why: str = ""


class Drill:
    """Fits `ports.Thinker`. `done` once the outage is over and scored, or BACK_S after it."""

    def __init__(self, leap: LeapTable, not_before: UtcTime | None, policy: Policy, settle_s: float, lasts_s: float) -> None:
        self.engine = Engine(leap, not_before, discipline=policy)
        self._truth = Engine(leap, not_before)
        self._settle_s, self._lasts_s = settle_s, lasts_s
        self.out = Drilled(policy.free_ns)
        self.done = False
        self._first: RawNs | None = None
        self._tracking: RawNs | None = None
        self._mask: tuple[RawNs, RawNs] | None = None

    def on(self, event: Event) -> tuple[list[Finding], tuple[Adjustment, ...]]:
        at = event.at
        self._first = at if self._first is None else self._first
        truth = self._truth.on(event)[0]
        loop = self.engine.discipline
        assert loop is not None
        if self._mask is None:
            self._settling(at)
        elif at >= self._mask[1] + BACK_S * NS:
            self.done = True
        self.out.mode, self.out.why = loop.mode, loop.modes.why
        if self._masked(at) and isinstance(event, PpsEdge):
            for finding in truth:
                if isinstance(finding, Offset) and finding.offset_ns is not None:
                    self._compare(at, float(finding.offset_ns), loop.bound)
            out: list[Finding] = []
            return out, loop.on_tick(at, out)  # time passes for the loop all the same
        found, asked = self.engine.on(event)
        for finding in found:
            if isinstance(finding, HoldoverScored) and self._mask is not None:
                self.out.outage = Outage(finding.lasted_s, finding.off_ns, finding.bound_ns)
                self.done = True
        return found, asked

    def _masked(self, at: RawNs) -> bool:
        return self._mask is not None and self._mask[0] <= at < self._mask[1]

    def _settling(self, at: RawNs) -> None:
        loop = self.engine.discipline
        assert loop is not None
        if loop.mode is not Mode.TRACKING:
            self._tracking = None
            return
        self._tracking = at if self._tracking is None else self._tracking
        if at - self._tracking < self._settle_s * NS:
            return
        assert self._first is not None
        self._mask = at, RawNs(at + round(self._lasts_s * NS))
        self.out.begun_s = (at - self._first) / NS
        self.out.ended_s = self.out.begun_s + self._lasts_s
        known = 0.0 if loop.bound is None else loop.biases.total_ns + loop.bound.parts["left"]
        self.out.seen_s = loop.servo.phase.wander.seen_s
        self.out.forecast_s = lasts_s(loop.servo.phase, known, self.out.limit_ns)

    def _compare(self, at: RawNs, off_ns: float, bound: ErrorBound | None) -> None:
        """One second of the outage: what the masked pulse says against the bound, and the pulse's own noise."""
        loop = self.engine.discipline
        assert loop is not None
        assert self._mask is not None
        if bound is None:
            return
        half = bound.at_time(at) - loop.biases.total_ns
        out = self.out
        out.seconds += 1
        noise = 1.96 * loop.servo.phase.shape.sigma2**0.5
        out.held += abs(off_ns) <= half + noise
        passed = (at - self._mask[0]) / NS
        if not out.points or passed - out.points[-1][0] >= self._lasts_s / 12:
            out.points.append((passed, off_ns, half))
