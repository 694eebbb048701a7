"""A machine's clocks, made up: raw, monotonic and real time under a chrony that slews at tens of thousands of ppm and steps.

Fits `ports.Clocks` and `ports.Timebase`, and answers for adjtimex. Nothing passes by itself: time is what reading the clocks costs
and what `run_to` and `sleep` say. As on Linux, REALTIME - MONOTONIC changes by steps only, and RAW knows of neither.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Any, Literal

from gpstime.ports import EdgeStamp, Together
from gpstime.times import NS, RawNs, UnixNs

TICK_US = 10_000
"""The kernel's tick; each us more or less is 100 ppm."""
MOST_PPM = 100_000
"""The kernel refuses a tick that is 10 % off."""
FREQ_PPM = 500
"""adjtimex's `freq` takes no more; a faster slew goes into the tick, as chrony does it."""
STA_UNSYNC, TIME_OK, TIME_ERROR = 0x40, 0, 5

Native = Literal["real", "mono", "raw"]


class FakeMachine:
    """Its clocks at `now` on the raw axis. `cost_ns`: one reading of one clock; `stalls`: ns that the next readings take longer."""

    def __init__(self, raw: int = 1000 * NS, real: int = 1_800_000_000 * NS, cost_ns: int = 60) -> None:
        self._now = raw
        self._since, self._mono, self._apart = raw, raw + 12_345, real - raw - 12_345
        self._ppb: float = 0
        self.cost_ns = cost_ns
        self.stalls: list[int] = []
        self._planned: list[tuple[int, Callable[[], None]]] = []
        self.refused = 0
        """Attempts to set something through adjtimex."""
        self.tai_s, self.status = 37, STA_UNSYNC

    # ---- time passes -----------------------------------------------------------------------------------------------------------

    @property
    def at(self) -> RawNs:
        """The raw clock, looked at from outside: costs nothing."""
        return RawNs(self._now)

    def now(self) -> RawNs:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.run_to(self._now + round(seconds * NS))

    def run_to(self, raw: int) -> None:
        """To this raw instant, with everything that is planned until then."""
        while self._planned and self._planned[0][0] <= raw:
            at, action = self._planned.pop(0)
            self._now = max(self._now, at)
            action()
        self._now = max(self._now, raw)

    def plan(self, raw: int, action: Callable[[], None]) -> None:
        """At that raw instant, whoever reads or sleeps then."""
        self._planned.append((raw, action))
        self._planned.sort(key=lambda p: p[0])

    # ---- what a daemon does to the clock ----------------------------------------------------------------------------------------

    def slew(self, ppm: float) -> None:
        """From now on the system clock runs this much faster than raw; absolute, not added."""
        assert abs(ppm) <= MOST_PPM, "the kernel refuses this"
        self._mono, self._since = self._mono_now(), self._now
        self._ppb = round(ppm * 1000)

    def step(self, delta_ns: int) -> None:
        self._apart += delta_ns

    # ---- readings --------------------------------------------------------------------------------------------------------------

    def _mono_now(self) -> int:
        passed = self._now - self._since
        return self._mono + passed + round(passed * self._ppb / NS)

    def shows(self, native: Native) -> int:
        """One clock, now."""
        return self._now if native == "raw" else self._mono_now() + (self._apart if native == "real" else 0)

    def _costly(self, native: Native) -> int:
        shown = self.shows(native)
        self.run_to(self._now + self.cost_ns + (self.stalls.pop(0) if self.stalls else 0))
        return shown

    def read(self) -> Together:
        """RAW, REAL, MONO, RAW, once."""
        first, real, mono, last = (self._costly(c) for c in ("raw", "real", "mono", "raw"))
        return Together(RawNs((first + last) // 2), UnixNs(real), mono, (last - first + 1) // 2)

    def edge(self, raw: int, native: Native = "real", seq: int = 0, late_ns: int = 50_000) -> EdgeStamp:
        """Runs to a pulse at this raw instant, stamped by the kernel, and on until a program wakes up for it."""
        self.run_to(raw)
        stamp = EdgeStamp(native, self.shows(native), "assert", seq, "kernel")
        self.run_to(raw + late_ns)
        return stamp

    # ---- adjtimex ----------------------------------------------------------------------------------------------------------------

    def adjtimex(self, timex: Any) -> int:
        """Fills a `struct timex` (anything with its field names). `modes` other than 0 is refused as for any user: EPERM.

        As chrony does it: what `freq` can't hold is in the tick, so that `freq` alone says little about the rate.
        """
        if timex.modes:
            self.refused += 1
            raise PermissionError(errno.EPERM, "Operation not permitted")
        ppm = self._ppb / 1000
        ticks = round(ppm / 100) if abs(ppm) > FREQ_PPM else 0
        timex.tick = TICK_US + ticks
        timex.freq = round((ppm - 100 * ticks) * 65_536)
        timex.offset, timex.maxerror, timex.esterror = 0, 16_000_000, 16_000_000
        timex.status, timex.tai = self.status, self.tai_s
        return TIME_ERROR if self.status & STA_UNSYNC else TIME_OK
