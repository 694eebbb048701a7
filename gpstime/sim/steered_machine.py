"""A machine whose kernel lets its clock be steered: clock_adjtime as Linux has it, with what it refuses and what ends by itself.

After kernel/time/ntp.c and timekeeping.c (Linux 6.x) and adjtimex(2), behaviour only. What matters to a servo: `freq` and `tick`
act at once and stay; an offset given to the PLL (ADJ_OFFSET) and adjtime's (ADJ_OFFSET_SINGLESHOT) act from the clock's next whole
second on, a quarter of what is left each second and at most 500 us each, until nothing is left; a step cancels both.

That a second ended is noticed when the kernel brings its time up to date, in whole ticks: at each tick, or, where the processor
idles without one, at the next interrupt and whenever `freq` or `tick` is set. Until then the old rate stays in force.
"""

from __future__ import annotations

import errno
import math
from typing import Any

from gpstime.sim.machine import FREQ_PPM, STA_UNSYNC, TICK_US, TIME_ERROR, TIME_OK, FakeMachine
from gpstime.times import NS

OFFSET, FREQUENCY, MAXERROR, ESTERROR, STATUS, TIMECONST = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
TAI, SETOFFSET, MICRO, NANO, TICK = 0x80, 0x100, 0x1000, 0x2000, 0x4000
ADJTIME, SINGLESHOT, READONLY = 0x8000, 0x8001, 0x2000
"""Modes of linux/timex.h."""
STA_PLL, STA_INS, STA_DEL, STA_FREQHOLD, STA_NANO = 0x1, 0x10, 0x20, 0x80, 0x2000
READ_ONLY = 0xFF00
"""Status bits that only the kernel sets."""
TICKADJ_US, PHASE_LIMIT_US, MOST_OFFSET_NS = 500, 16_000_000, 500_000_000
MOST_CONSTANT, MOST_TAI_S = 10, 100_000
LEAP_DAY_S = 86_400


class SteeredMachine(FakeMachine):
    """`permitted`: whether the program has CAP_SYS_TIME. `calls`: the modes of every call that set something.

    `forever_ppb`: the frequency that the clock has when nothing is done to it any more. `idle_tick_ns`: the length of the tick
    that it does not have while nothing happens; each call of `run_to` ends with an interrupt. 0: it always ticks, and finely.
    """

    def __init__(self, *args: Any, permitted: bool = True, idle_tick_ns: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle_tick_ns = idle_tick_ns
        self.permitted = permitted
        self.calls: list[int] = []
        self.stepped: list[int] = []
        self._freq, self._tick = 0, TICK_US
        self._offset_ns = 0.0
        self._adjust_us = 0
        self._chunk_ns = 0.0
        self._constant = 2
        self.maxerror_us = self.esterror_us = PHASE_LIMIT_US
        self._leapt = False
        self._second = self.shows("real") // NS + 1

    @property
    def forever_ppb(self) -> float:
        return self._freq * 1000 / 65_536 + (self._tick - TICK_US) * 1e5

    @property
    def slewing(self) -> bool:
        """Whether a phase is still to be carried, or being carried."""
        return bool(self._adjust_us or abs(self._offset_ns) > 0.5 or abs(self._chunk_ns) > 0.5)

    # ---- time passes -----------------------------------------------------------------------------------------------------------

    def run_to(self, raw: int) -> None:
        if self._idle_tick_ns:
            super().run_to(raw)
            self._notice()
            return
        while True:
            left = self._second * NS - self.shows("real")
            until = self.at + max(0, math.ceil(left / (1.0 + self._ppb * 1e-9)))
            if until > raw:
                break
            second = self._second
            super().run_to(until)
            if second == self._second:  # nothing planned stepped the clock on the way
                self._overflow()
        super().run_to(raw)

    def _notice(self) -> None:
        """The ticks until now are added up: what ended meanwhile, ends now."""
        while self._idle_tick_ns and self.shows("real") - self._mono_now() % self._idle_tick_ns >= self._second * NS:
            self._overflow()

    def step(self, delta_ns: int) -> None:
        super().step(delta_ns)
        self._second = self.shows("real") // NS + 1

    def _overflow(self) -> None:
        """The clock's second ended."""
        second, self._second = self._second, self._second + 1
        if second % LEAP_DAY_S == 0 and self.status & STA_INS and not self._leapt:
            self.step(-NS)
            self.tai_s += 1
            self._leapt = True
        self.maxerror_us = min(PHASE_LIMIT_US, self.maxerror_us + 500)
        if self.maxerror_us >= PHASE_LIMIT_US:
            self.status |= STA_UNSYNC
        chunk = self._offset_ns / (1 << (2 + self._constant))
        self._offset_ns -= chunk
        adjust = max(-TICKADJ_US, min(TICKADJ_US, self._adjust_us))
        self._adjust_us -= adjust
        self._chunk_ns = chunk + adjust * 1000.0
        self._run_at()

    def _run_at(self) -> None:
        """From now on at the rate that follows from it all."""
        self._mono, self._since = self._mono_now(), self.at
        self._ppb = self.forever_ppb + self._chunk_ns

    # ---- clock_adjtime ---------------------------------------------------------------------------------------------------------

    def adjtimex(self, timex: Any) -> int:
        """Sets what `modes` says and tells all. PermissionError (EPERM) and OSError (EINVAL) where the kernel has them."""
        modes = timex.modes
        if modes & ADJTIME:
            if not modes & OFFSET:
                raise OSError(errno.EINVAL, "Invalid argument")
            if not modes & READONLY:
                self._allowed(modes)
        elif modes:
            self._allowed(modes)
            if modes & TICK and not 900_000 // 100 <= timex.tick <= 1_100_000 // 100:
                raise OSError(errno.EINVAL, "Invalid argument")
            if modes & SETOFFSET and not 0 <= timex.time_us < (NS if modes & NANO else 1_000_000):
                raise OSError(errno.EINVAL, "Invalid argument")
        if modes:
            self.calls.append(modes)
        left = self._adjust_us
        if modes & ADJTIME:
            if not modes & READONLY:
                self._adjust_us = timex.offset
        elif modes:
            self._set(timex, modes)
        timex.offset = left if modes & ADJTIME else self._shown_offset()
        timex.freq, timex.tick, timex.status, timex.tai = self._freq, self._tick, self.status, self.tai_s
        timex.maxerror, timex.esterror, timex.constant = self.maxerror_us, self.esterror_us, self._constant
        return TIME_ERROR if self.status & STA_UNSYNC else TIME_OK

    def _allowed(self, modes: int) -> None:
        if not self.permitted:
            self.refused += 1
            raise PermissionError(errno.EPERM, "Operation not permitted")

    def _shown_offset(self) -> int:
        return round(self._offset_ns) if self.status & STA_NANO else round(self._offset_ns / 1000)

    def _set(self, timex: Any, modes: int) -> None:
        if modes & SETOFFSET:
            delta = timex.time_s * NS + timex.time_us * (1 if modes & NANO else 1000)
            if self.shows("real") + delta < self.shows("mono"):
                raise OSError(errno.EINVAL, "Invalid argument")  # the kernel never goes before its own start
            self.step(delta)
            self.stepped.append(delta)
            self._adjust_us, self._offset_ns, self._chunk_ns = 0, 0.0, 0.0
            self.status |= STA_UNSYNC
            self.maxerror_us = self.esterror_us = PHASE_LIMIT_US
        if modes & STATUS:
            if self.status & STA_PLL and not timex.status & STA_PLL:
                self.status = STA_UNSYNC
            self.status = (self.status & READ_ONLY) | (timex.status & ~READ_ONLY)
            if not self.status & STA_INS:
                self._leapt = False
        if modes & NANO:
            self.status |= STA_NANO
        if modes & MICRO:
            self.status &= ~STA_NANO
        if modes & FREQUENCY:
            most = FREQ_PPM << 16
            self._freq = max(-most, min(most, timex.freq))
        if modes & MAXERROR:
            self.maxerror_us = max(0, min(PHASE_LIMIT_US, timex.maxerror))
        if modes & ESTERROR:
            self.esterror_us = max(0, min(PHASE_LIMIT_US, timex.esterror))
        if modes & TIMECONST:
            constant = max(0, min(MOST_CONSTANT, timex.constant))
            self._constant = constant if self.status & STA_NANO else min(MOST_CONSTANT, constant + 4)
        if modes & TAI and 0 <= timex.constant <= MOST_TAI_S:
            self.tai_s = timex.constant
        if modes & OFFSET and self.status & STA_PLL:
            ns = timex.offset if self.status & STA_NANO else timex.offset * 1000
            self._offset_ns = float(max(-MOST_OFFSET_NS, min(MOST_OFFSET_NS, ns)))
            assert self.status & STA_FREQHOLD, "without FREQHOLD the kernel would learn a frequency of its own from this"
        if modes & TICK:
            self._tick = timex.tick
        if modes & (FREQUENCY | TICK):
            self._notice()
        if modes & (FREQUENCY | TICK) or not self._idle_tick_ns:
            self._run_at()
