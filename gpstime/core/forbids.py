"""What forbids to steer a clock: the kernel's refusal, somebody else who steers it, a broken timer, an offset beyond belief.

Each reason counts for a while after it was last seen, or until it is taken back.
"""

from __future__ import annotations

import math

from gpstime.core.train import Pulse
from gpstime.model import Applied
from gpstime.times import NS, RawNs

CALM_S = 60.0
"""After the last sign of a rival or of a broken timer."""
REFUSED_S = 3600.0
"""After a refusal of the kernel it is tried again."""
BROKEN_NS, IN_A_ROW = 1_000_000, 4
"""So much in a second, that often in a row, is no crystal and no noise."""
OURS = ("gpstime", "fallback")


class Forbids:
    """Tell it what happens; `why(at)` is a sentence, "" where nothing forbids. `takeover`: rivals count for nothing."""

    def __init__(self, takeover: bool) -> None:
        self._takeover = takeover
        self._reasons: dict[str, tuple[RawNs, float, str]] = {}
        self._before: Pulse | None = None
        self._odd = 0

    def why(self, at: RawNs) -> str:
        for name, (seen, lasts_s, _) in list(self._reasons.items()):
            if at - seen > lasts_s * NS:
                del self._reasons[name]
        return next((why for _, _, why in self._reasons.values()), "")

    def on_pulse(self, pulse: Pulse) -> None:
        """A counter that loses ticks: a rate that nothing can correct (F-C05)."""
        before, self._before = self._before, pulse
        if before is None or before.run != pulse.run or pulse.n == before.n:
            return
        apart = (pulse.at - before.at) / (pulse.n - before.n) - NS
        side = 0 if abs(apart) <= BROKEN_NS else 1 if apart > 0 else -1
        self._odd = self._odd + side if side * self._odd >= 0 and side else side  # a late stamp is early for the next
        if abs(self._odd) >= IN_A_ROW:
            why = f"a timer fault, not drift: the counter is off by {apart / 1000:+.0f} ppm, more than can be slewed"
            self._reasons["timer"] = (pulse.at, CALM_S, why)

    def on_applied(self, applied: Applied) -> None:
        """What was done to the clock, or not, and by whom."""
        at, by = applied.at, applied.by
        if applied.refused:
            self._reasons["refused"] = (at, REFUSED_S, applied.refused)
        elif by in OURS or self._takeover:
            return
        elif by and not applied.step_ns:
            told = applied.freq_ppb is None  # who it is from now on, until somebody else or nobody is told
            why = f"{by} steers this clock: two would fight over it; stop one of them, or take over"
            self._reasons["rival"] = (at, math.inf if told else CALM_S, why)
        elif not by and applied.freq_ppb is None and not applied.step_ns:
            self._reasons.pop("rival", None)

    def panic(self, at: RawNs, why: str) -> None:
        """An offset that is not believed ("": it is again)."""
        if why:
            self._reasons["panic"] = (at, math.inf, why)
        else:
            self._reasons.pop("panic", None)
