"""What was done to a clock, as a function of the raw clock: every frequency correction and every step, added up.

A clock shows the raw clock plus a constant plus this. So a clock that was steered one way can be brought back to its crystal and
steered another way: take the corrections that were made off, and put others on.

Arithmetic as in `sim.clock`: a frequency acts on the raw time since it was set, rounded to whole ns; a step moves all that follows.
"""

from __future__ import annotations

from bisect import bisect_right

from gpstime.model import Applied
from gpstime.times import RawNs


class Corrections:
    """`add` every `Applied` in order. Positive: added to the clock. `steps`: (raw instant, ns) of each step, in order.

    What was in force before the first one is taken to be nothing.
    """

    def __init__(self) -> None:
        self.freq_ppb = 0.0
        self.steps: list[tuple[RawNs, int]] = []
        self._since: list[int] = []
        self._slewed: list[int] = []
        self._freq: list[float] = []
        self._when: list[int] = []
        self._stepped: list[int] = []

    @property
    def changes(self) -> list[int]:
        """The raw instants at which the frequency changed."""
        return self._since

    def add(self, applied: Applied) -> None:
        """A correction that came into force. One that was refused, or only names who steers, changes nothing."""
        if applied.freq_ppb is not None:
            slewed = self.slewed(applied.at)
            if self._since and self._since[-1] == applied.at:
                self._freq[-1] = applied.freq_ppb
            else:
                self._since.append(applied.at)
                self._slewed.append(slewed)
                self._freq.append(applied.freq_ppb)
            self.freq_ppb = applied.freq_ppb
        if applied.step_ns:
            self.steps.append((applied.at, applied.step_ns))
            self._when.append(applied.at)
            self._stepped.append((self._stepped[-1] if self._stepped else 0) + applied.step_ns)

    def slewed(self, raw: int) -> int:
        """What frequency corrections have added by then (ns): the only part that CLOCK_MONOTONIC has too."""
        i = bisect_right(self._since, raw) - 1
        if i < 0:
            return 0
        return self._slewed[i] + round((raw - self._since[i]) * self._freq[i] * 1e-9)

    def stepped(self, raw: int) -> int:
        """What steps have added by then (ns), one at this very instant included."""
        i = bisect_right(self._when, raw) - 1
        return self._stepped[i] if i >= 0 else 0

    def at(self, raw: int) -> int:
        """Everything that was added by then (ns)."""
        return self.slewed(raw) + self.stepped(raw)

    def just_before(self, raw: int) -> int:
        """The same without a step at this very instant."""
        return self.slewed(raw) + self.stepped(raw - 1)
