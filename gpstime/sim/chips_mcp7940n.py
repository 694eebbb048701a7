"""MCP7940N: an oscillator that has to be started, a battery input that has to be enabled, stamps of the last power failure.

From Microchip's DS20005010.  The timekeeping registers are buffered when a read begins.  The trim adds (SIGN set) or subtracts two
clocks a step once a minute; with CRSTRIM 128 times a second.  Whether loading the seconds resets the prescaler is not said: here
the divider stands still while the oscillator is off and goes on from there.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.sim.chips_base import Chip, Reg
from gpstime.sim.chips_calendar import Layout, from_bcd
from gpstime.sim.chips_ticking import TUNING_FORK_PPM_PER_K2
from gpstime.times import NS

SECONDS, WEEKDAY, MONTH, YEAR, CONTROL, OSCTRIM = 0x00, 0x03, 0x05, 0x06, 0x07, 0x08
ST, OSCRUN, PWRFAIL, VBATEN, LPYR = 0x80, 0x20, 0x10, 0x08, 0x20
SQWEN, CRSTRIM, SQWFS = 0x40, 0x04, 0x03
POWER_DOWN, POWER_UP = 0x18, 0x1C
CLOCK_NS = NS / 32768


class Mcp7940n(Chip):
    """Address 0x6F; what 0x00 to 0x1F holds is the clock's, 0x20 to 0x5F is RAM, each of the two going round in itself."""

    name = "mcp7940n"
    address = 0x6F
    layout = Layout(0x00, 0x01, 0x02, 0x04, 0x03, 0x05, 0x06, hours12=(0x02, 0x40))
    registers: ClassVar[dict[int, Reg]] = {
        SECONDS: Reg(0x00, 0xFF),
        0x01: Reg(0x00, 0x7F),
        0x02: Reg(0x00, 0x7F),
        WEEKDAY: Reg(0x01, 0x0F, PWRFAIL),
        0x04: Reg(0x01, 0x3F),
        MONTH: Reg(0x01, 0x1F),
        YEAR: Reg(0x01, 0xFF),
        CONTROL: Reg(0x80, 0xFF),
        OSCTRIM: Reg(),
        0x09: Reg(0x00, 0x00),
        0x0A: Reg(0x00, 0x7F),
        0x0B: Reg(0x00, 0x7F),
        0x0C: Reg(0x00, 0x3F),
        0x0D: Reg(0x01, 0xFF),
        0x0E: Reg(0x01, 0x3F),
        0x0F: Reg(0x01, 0x1F),
        0x10: Reg(0x00, 0x00),
        0x11: Reg(0x00, 0x7F),
        0x12: Reg(0x00, 0x7F),
        0x13: Reg(0x00, 0x3F),
        0x14: Reg(0x01, 0x7F),
        0x15: Reg(0x01, 0x3F),
        0x16: Reg(0x01, 0x1F),
        **{register: Reg(0x00, 0x00) for register in range(0x17, 0x20)},
        **{register: Reg() for register in range(0x20, 0x60)},
    }
    size = 0x60
    access = "latched"
    parabola = TUNING_FORK_PPM_PER_K2

    def _power_up(self) -> None:
        super()._power_up()
        self._forget()
        self._running = False

    def _trust(self) -> None:
        self.file[SECONDS] |= ST
        self.file[WEEKDAY] |= VBATEN if self._wanted_backup else 0
        self._running = True

    def _trusted(self) -> bool:
        """The chip has no flag for it: a clock that runs has been started by somebody after power last came."""
        return bool(self.file[SECONDS] & ST) and self._running

    def _counting(self) -> bool:
        return self._alive and bool(self.file[SECONDS] & ST)

    def _backup(self) -> bool:
        return bool(self.file[WEEKDAY] & VBATEN)

    def _hertz(self) -> bool:
        return self.powered and self.file[CONTROL] & (SQWEN | SQWFS | CRSTRIM) == SQWEN

    def _next(self, register: int) -> int:
        return 0x00 if register == 0x1F else 0x20 if register == 0x5F else (register + 1) % 0x100

    def _set(self, register: int, value: int) -> None:
        failed = self.file[WEEKDAY] & PWRFAIL
        super()._set(register, value)
        if register == SECONDS and self._running != bool(value & ST):
            self.plan(self._at + round(32 * CLOCK_NS), self._settle)
        if failed and not self.file[WEEKDAY] & PWRFAIL:
            self.file[POWER_DOWN : POWER_UP + 4] = bytes(8)

    def _settle(self) -> None:
        """OSCRUN follows ST after 32 clocks."""
        self._running = bool(self.file[SECONDS] & ST)

    def _get(self, register: int) -> int:
        if register == WEEKDAY:
            return self.file[WEEKDAY] & ~OSCRUN | (OSCRUN if self._running else 0)
        if register == MONTH:
            year = from_bcd(self.file[YEAR])
            return self.file[MONTH] & ~LPYR | (LPYR if year is not None and year % 4 == 0 else 0)
        return self.file[register]

    # ---- trim and power ----------------------------------------------------------------------------------------------------------

    def _step(self) -> int:
        """Clocks added in each correction."""
        raw = self.file[OSCTRIM]
        return 2 * (raw & 0x7F) * (1 if raw & 0x80 else -1)

    def _trim_ppm(self) -> float:
        return self._step() * 128 / 32768 * 1e6 if self.file[CONTROL] & CRSTRIM else 0.0

    def _pulse_ns(self) -> float:
        now = self._second_of_day()
        return self._step() * CLOCK_NS if now is not None and now % 60 == 0 and not self.file[CONTROL] & CRSTRIM else 0.0

    def _pulses_ppm(self) -> float:
        return 0.0 if self.file[CONTROL] & CRSTRIM else self._step() * CLOCK_NS / 60 * 1e-3

    def _quiet_s(self) -> int:
        now = self._second_of_day()
        return 60 - now % 60 if now is not None and self._step() else super()._quiet_s()

    def power_cut(self, at: int) -> None:
        super().power_cut(at)
        if self._alive and not self.file[WEEKDAY] & PWRFAIL:
            self._stamp(POWER_DOWN)

    def power_back(self, at: int) -> None:
        kept = self._alive and not self.powered
        super().power_back(at)
        if kept and not self.file[WEEKDAY] & PWRFAIL:
            self._stamp(POWER_UP)
            self.file[WEEKDAY] |= PWRFAIL

    def _stamp(self, register: int) -> None:
        """Minutes, hours, date, and the month with the weekday above it."""
        self.file[register : register + 3] = bytes([self.file[0x01], self.file[0x02], self.file[0x04]])
        self.file[register + 3] = self.file[MONTH] & 0x1F | (self.file[WEEKDAY] & 7) << 5
