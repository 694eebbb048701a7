"""DS1307 and DS1338: the oldest map, with a tuning fork outside and no trim. From Maxim's documents 100101 (DS1307), REV: 032406
(DS1338).

Counters are copied at START.  Writing the seconds resets the countdown chain on that byte's acknowledge.  The DS1307 has no
flag for a loss of power but CH, which is set after it; the DS1338 has OSF as well, in its control register.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.sim.chips_base import Chip, Reg
from gpstime.sim.chips_calendar import Layout
from gpstime.sim.chips_ticking import TUNING_FORK_PPM_PER_K2

SECONDS, CONTROL = 0x00, 0x07
CH, OSF, SQWE, RATE = 0x80, 0x20, 0x10, 0x03


class Ds1307(Chip):
    """After power-up the oscillator is off until CH is cleared."""

    name = "ds1307"
    address = 0x68
    layout = Layout(0x00, 0x01, 0x02, 0x04, 0x03, 0x05, 0x06, hours12=(0x02, 0x40))
    registers: ClassVar[dict[int, Reg]] = {
        SECONDS: Reg(0x80, 0xFF),
        0x01: Reg(0x00, 0x7F),
        0x02: Reg(0x00, 0x7F),
        0x03: Reg(0x01, 0x07),
        0x04: Reg(0x01, 0x3F),
        0x05: Reg(0x01, 0x1F),
        0x06: Reg(0x00, 0xFF),
        CONTROL: Reg(0x03, 0x93),
        **{register: Reg() for register in range(0x08, 0x40)},
    }
    size = 0x40
    access = "latched"
    parabola = TUNING_FORK_PPM_PER_K2

    def _trust(self) -> None:
        self.file[SECONDS] &= ~CH & 0xFF

    def _trusted(self) -> bool:
        return not self.file[SECONDS] & CH

    def _counting(self) -> bool:
        return self._alive and not self.file[SECONDS] & CH

    def _hertz(self) -> bool:
        return self.powered and self.file[CONTROL] & (SQWE | RATE) == SQWE

    def _set(self, register: int, value: int) -> None:
        super()._set(register, value)
        if register == SECONDS:
            self._reset_divider()


class Ds1338(Ds1307):
    """Halting the oscillator raises OSF, which can be written to 0 only."""

    name = "ds1338"
    registers: ClassVar[dict[int, Reg]] = {**Ds1307.registers, CONTROL: Reg(0xB3, 0x93, OSF)}

    def _trust(self) -> None:
        super()._trust()
        self.file[CONTROL] &= ~OSF & 0xFF

    def _trusted(self) -> bool:
        return not (self.file[SECONDS] & CH or self.file[CONTROL] & OSF)

    def _hertz(self) -> bool:
        return self.file[CONTROL] & (SQWE | RATE) == SQWE

    def _set(self, register: int, value: int) -> None:
        super()._set(register, value)
        if self.file[SECONDS] & CH:
            self.file[CONTROL] |= OSF
