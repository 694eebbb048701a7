"""PCF8523, PCF8563, PCF85063A: counters that are held while the bus reads or writes them, and a divider that only STOP resets.

From NXP's data sheets: PCF8523 Rev. 6 and 7, PCF8563 Rev. 9 and 10, PCF85063A Rev. 6.  While STOP is set, the upper stages of the
prescaler are held in reset; the two lowest are not, so the first tick after the release is uncertain by one cycle of 8192 Hz.
Corrections come as pulses that lengthen (positive values) or shorten single seconds; on average the values below.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.sim.chips_base import Chip, Reg
from gpstime.sim.chips_calendar import Layout
from gpstime.sim.chips_ticking import TUNING_FORK_PPM_PER_K2
from gpstime.times import NS

STOPPED, INTEGRITY_LOST = 0x20, 0x80
RESET_COMMAND = 0x58
CYCLE_NS = NS / 8192
_HOURS2 = 7200
_ALARM = Reg(0x80, 0xFF)


class Nxp(Chip):
    """`first_tick_s`: from the release of STOP to the first tick, at most; up to one cycle of 8192 Hz earlier."""

    access = "held"
    tick_falls = False  # the time circuits count on the rising edge of the prescaler's last stage
    parabola = TUNING_FORK_PPM_PER_K2
    first_tick_s: ClassVar[float]
    offset: ClassVar[int | None] = None
    pulse_ns: ClassVar[tuple[float, float]] = (0.0, 0.0)
    """One correction pulse in mode 0 and 1."""
    fast_s: ClassVar[int] = 60
    """The cycle of mode 1; that of mode 0 is two hours."""
    hertz: ClassVar[tuple[int, int, int]]
    """(register, mask, value) for 1 Hz on CLKOUT."""

    def _power_up(self) -> None:
        super()._power_up()
        self._any_time()
        self.file[self.layout.second] |= INTEGRITY_LOST

    def _trust(self) -> None:
        self.file[self.layout.second] &= ~INTEGRITY_LOST & 0xFF

    def _trusted(self) -> bool:
        return not self.file[self.layout.second] & INTEGRITY_LOST

    def _counting(self) -> bool:
        return self._alive and not self.file[0x00] & STOPPED

    def _hertz(self) -> bool:
        register, mask, value = self.hertz
        return self.powered and self.file[register] & mask == value

    def _set(self, register: int, value: int) -> None:
        if register == 0x00 and self._resets(value):
            self._soft_reset()
            return
        stopped = self.file[0x00] & STOPPED
        super()._set(register, value)
        if register == 0x00 and (self.file[0x00] ^ stopped) & STOPPED:
            early = self._draw.uniform(0.0, CYCLE_NS) if stopped else 0.0
            self._reset_divider(NS - self.first_tick_s * NS + early)

    def _resets(self, value: int) -> bool:
        return value == RESET_COMMAND

    def _soft_reset(self) -> None:
        """Registers as after power-up; the counters, where their content then is not defined, stay."""
        time = bytes(self.file)
        for register, reg in self.registers.items():
            self.file[register] = reg.reset
        where = self.layout
        for register in (where.second, where.minute, where.hour, where.day, where.weekday, where.month, where.year):
            self.file[register] = time[register]
        self.file[where.second] |= INTEGRITY_LOST

    # ---- correction pulses -------------------------------------------------------------------------------------------------------

    def _correction(self) -> tuple[int, int]:
        """(mode, signed value)"""
        if self.offset is None:
            return 0, 0
        raw = self.file[self.offset]
        return raw >> 7, ((raw & 0x7F) ^ 0x40) - 0x40

    def _pulse_ns(self) -> float:
        mode, value = self._correction()
        now = self._second_of_day() if value else None
        if now is None:
            return 0.0
        if mode == 0:  # one pulse at the start of each of the first minutes
            pulses = int(now % 60 == 0 and now % _HOURS2 // 60 < abs(value))
        else:  # one in each of the first seconds, and what a minute has no room for in its last second
            second = now % self.fast_s
            pulses = int(second < min(60, abs(value))) + (max(0, abs(value) - 60) if second == 59 else 0)
        return -pulses * self.pulse_ns[mode] if value > 0 else pulses * self.pulse_ns[mode]

    def _pulses_ppm(self) -> float:
        mode, value = self._correction()
        return -value * self.pulse_ns[mode] / (self.fast_s if mode else _HOURS2) * 1e-3

    def _quiet_s(self) -> int:
        mode, value = self._correction()
        now = self._second_of_day()
        if not value or now is None:
            return super()._quiet_s()
        if mode == 0:
            return 60 - now % 60
        return 1 if now % self.fast_s < 60 else self.fast_s - now % self.fast_s


class Pcf8523(Nxp):
    """With a switch to the battery that is off after power-up (PM bits). First tick 0.5 s after STOP (RV-8523, same die)."""

    name = "pcf8523"
    address = 0x68
    layout = Layout(0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, weekdays="0-6", hours12=(0x00, 0x08))
    registers: ClassVar[dict[int, Reg]] = {
        0x00: Reg(0x00, 0xBF & ~0x10),
        0x01: Reg(0x00, 0x07, 0x78),
        0x02: Reg(0xE0, 0xE3, 0x08),
        0x03: Reg(0x80, 0xFF),
        0x04: Reg(0x00, 0x7F),
        0x05: Reg(0x00, 0x3F),
        0x06: Reg(0x01, 0x3F),
        0x07: Reg(0x00, 0x07),
        0x08: Reg(0x01, 0x1F),
        0x09: Reg(0x00, 0xFF),
        **dict.fromkeys(range(10, 14), _ALARM),
        0x0E: Reg(),
        0x0F: Reg(),
        0x10: Reg(0x07, 0x07),
        0x11: Reg(),
        0x12: Reg(0x07, 0x77),
        0x13: Reg(),
    }
    size = 0x14
    first_tick_s = 0.5
    offset = 0x0E
    pulse_ns = (NS / 32, NS / 4096)
    hertz = (0x0F, 0x38, 0x30)

    def _trust(self) -> None:
        super()._trust()
        if self._wanted_backup:
            self.file[0x02] = 0x00

    def _backup(self) -> bool:
        return not self.file[0x02] & 0x40

    def power_cut(self, at: int) -> None:
        super().power_cut(at)
        if self._alive:
            self.file[0x02] |= 0x08

    def _get(self, register: int) -> int:
        if register == 0x02:  # BLF; the detector is off with the highest PM bit
            return self.file[0x02] & ~0x04 | (0x04 if self.battery_low and not self.file[0x02] & 0x80 else 0)
        return self.file[register]


class Pcf85063a(Nxp):
    """One supply only: a battery on the board keeps it alive whatever its registers say."""

    name = "pcf85063a"
    address = 0x51
    layout = Layout(0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, weekdays="0-6", hours12=(0x00, 0x02))
    registers: ClassVar[dict[int, Reg]] = {
        0x00: Reg(0x00, 0xA7),
        0x01: Reg(0x00, 0xB7, 0x48),
        0x02: Reg(),
        0x03: Reg(),
        0x04: Reg(0x80, 0xFF),
        0x05: Reg(0x00, 0x7F),
        0x06: Reg(0x00, 0x3F),
        0x07: Reg(0x01, 0x3F),
        0x08: Reg(0x06, 0x07),
        0x09: Reg(0x01, 0x1F),
        0x0A: Reg(0x00, 0xFF),
        **dict.fromkeys(range(11, 16), _ALARM),
        0x10: Reg(),
        0x11: Reg(0x18, 0x1F),
    }
    size = 0x12
    first_tick_s = 0.507935
    offset = 0x02
    pulse_ns = (NS / 32, NS / 1024)
    fast_s = 240
    hertz = (0x01, 0x07, 0x06)

    def _any_time(self) -> None:
        """Saturday 2000-01-01, as defined."""

    def _soft_reset(self) -> None:
        for register, reg in self.registers.items():
            self.file[register] = reg.reset


class Pcf8563(Nxp):
    """No trim, no 12-hour mode; VL for a supply that was low, and a century bit."""

    name = "pcf8563"
    address = 0x51
    layout = Layout(0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, weekdays="0-6", century=(0x07, 0x80))
    registers: ClassVar[dict[int, Reg]] = {
        0x00: Reg(0x08, 0xA8),
        0x01: Reg(0x00, 0x13, 0x0C),
        0x02: Reg(0x80, 0xFF),
        0x03: Reg(0x00, 0x7F),
        0x04: Reg(0x00, 0x3F),
        0x05: Reg(0x01, 0x3F),
        0x06: Reg(0x00, 0x07),
        0x07: Reg(0x01, 0x9F),
        0x08: Reg(0x00, 0xFF),
        **dict.fromkeys(range(9, 13), _ALARM),
        0x0D: Reg(0x80, 0x83),
        0x0E: Reg(0x03, 0x83),
        0x0F: Reg(),
    }
    size = 0x10
    first_tick_s = 0.507935
    hertz = (0x0D, 0x83, 0x83)

    def _resets(self, value: int) -> bool:
        return False
