"""The kernel left to itself: a program that measures the offset and hands it over, once in a while, and does no more.

The offset comes from the same engine as everybody's; what happens then is `sim.kernel_ntp`. The kernel acts at its clock's next
whole second, here at the pulse: at most a second earlier.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from gpstime.core.engine import Engine
from gpstime.core.modes import ENTER
from gpstime.model import Adjustment, Event, Finding, Kind, Offset, Slew
from gpstime.sim.kernel_ntp import KernelNtp

PLL_EVERY_S, PLL_CONSTANT = 16, 4
"""ntpd's shortest poll for a clock of its own, and the time constant that goes with it: log2 of the interval."""
ADJTIME_EVERY_S = 64


class HandsOver:
    """A `ports.Thinker` around an engine that steers nothing itself. `give(kernel, offset, since_s)`: how the kernel is told."""

    def __init__(self, engine: Engine, every_s: int, give: Callable[[KernelNtp, int, int], None]) -> None:
        self._engine, self._every_s, self._give = engine, every_s, give
        self._kernel = KernelNtp(PLL_CONSTANT)
        self._row = 0
        self._last: int | None = None

    def on(self, event: Event) -> tuple[list[Finding], tuple[Adjustment, ...]]:
        found, _ = self._engine.on(event)
        asked: tuple[Adjustment, ...] = ()
        for finding in found:
            if isinstance(finding, Offset) and finding.kind is Kind.OK:
                asked = self._second(finding)
        return found, asked

    def _second(self, offset: Offset) -> tuple[Adjustment, ...]:
        verified = offset.offset_ns is not None and not self._engine.pairing.doubt
        self._row = self._row + 1 if verified else 0
        if verified and self._row >= ENTER and (self._last is None or offset.n - self._last >= self._every_s):
            assert offset.offset_ns is not None
            self._give(self._kernel, offset.offset_ns, 0 if self._last is None else offset.n - self._last)
            self._last = offset.n
        return () if self._last is None else (Slew(self._kernel.second_overflow(), math.inf),)


def pll(engine: Engine) -> HandsOver:
    """ADJ_OFFSET with STA_PLL."""
    return HandsOver(engine, PLL_EVERY_S, lambda kernel, offset_ns, since_s: kernel.adj_offset(-offset_ns, since_s))


def adjtime(engine: Engine) -> HandsOver:
    """ADJ_OFFSET_SINGLESHOT."""
    return HandsOver(engine, ADJTIME_EVERY_S, lambda kernel, offset_ns, since_s: kernel.adjtime(round(-offset_ns / 1000)))
