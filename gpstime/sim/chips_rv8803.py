"""RV-8803-C7: a compensated crystal with hundredths, whose counters run on while they are read.

From Micro Crystal's application manual and the kernel's driver for it.  A read that crosses a second tears, so it has to be
repeated when it showed :59.  RESET in the control register holds everything below the second at zero until it is cleared (a
supply that dips may set it by itself, and the clock then stands).  The offset is two's complement in six bits, and a positive
one makes it slower.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.sim.chips_base import Chip, Reg
from gpstime.sim.chips_calendar import Layout, bcd
from gpstime.times import NS

SECONDS, EXTENSION, FLAG, CONTROL, HUNDREDTHS, OFFSET = 0x00, 0x0D, 0x0E, 0x0F, 0x10, 0x2C
V1F, V2F, RESET, FD, FD_1HZ = 0x01, 0x02, 0x01, 0x0C, 0x08
PPM_PER_STEP = 1e6 / 2**22
COPY = 0x11
DEAF_NS = 61_000
"""So long, once a second, it does not acknowledge (rtc-rv8803). Where in the second is not said: the seed decides."""

_CLOCK = {
    SECONDS: Reg(0x00, 0x7F),
    0x01: Reg(0x00, 0x7F),
    0x02: Reg(0x00, 0x3F),
    0x03: Reg(0x01, 0x7F),
    0x04: Reg(0x01, 0x3F),
    0x05: Reg(0x01, 0x1F),
    0x06: Reg(0x00, 0xFF),
}


def _place(register: int) -> int:
    """0x11 to 0x17 are the counters again, 0x18 to 0x1F what stands at 0x08 to 0x0F."""
    if COPY <= register < COPY + len(_CLOCK):
        return register - COPY
    return register - 0x10 if 0x18 <= register < 0x20 else register


class Rv8803(Chip):
    """`ppm` is what is left of the compensation. One supply only; V2F says that the time is lost, V1F that it is in doubt."""

    name = "rv8803"
    address = 0x32
    layout = Layout(0x00, 0x01, 0x02, 0x04, 0x03, 0x05, 0x06, weekdays="one-hot")
    registers: ClassVar[dict[int, Reg]] = {
        **_CLOCK,
        **{register: Reg() for register in range(0x07, 0x0D)},
        EXTENSION: Reg(0x00, 0x7F),
        FLAG: Reg(V1F | V2F, 0x00, 0x3F),
        CONTROL: Reg(0x00, 0x3D),
        HUNDREDTHS: Reg(0x00, 0x00),
        **{register: Reg(0x00, 0xFF) for register in range(COPY, 0x20)},
        0x20: Reg(0x00, 0x00),
        0x21: Reg(0x00, 0x00),
        OFFSET: Reg(0x00, 0x3F),
        0x2F: Reg(0x00, 0xF3),
    }
    size = 0x30
    access = "live"
    tick_falls = False

    def _power_up(self) -> None:
        super()._power_up()
        self._deaf = self._draw.uniform(0.0, NS - DEAF_NS)

    def begin(self, at: int, reading: bool) -> bool:
        self.run_to(at)
        if self._counting() and not self._addressed and 0 <= self._phase - self._deaf < DEAF_NS:
            return False
        return super().begin(at, reading)

    def _trust(self) -> None:
        self.file[FLAG] &= ~(V1F | V2F) & 0xFF

    def _trusted(self) -> bool:
        return not self.file[FLAG] & V2F

    def _counting(self) -> bool:
        return self._alive and not self.file[CONTROL] & RESET

    def _hertz(self) -> bool:
        return self.powered and self.file[EXTENSION] & FD == FD_1HZ

    def _trim_ppm(self) -> float:
        return -((self.file[OFFSET] ^ 0x20) - 0x20) * PPM_PER_STEP

    def _get(self, register: int) -> int:
        if register == HUNDREDTHS:
            return bcd(min(99, max(0, int(self._phase // 10_000_000))))
        return self.file[_place(register)]

    def _set(self, register: int, value: int) -> None:
        register = _place(register)
        super()._set(register, value)
        if register == SECONDS or (register == CONTROL and value & RESET):
            self._reset_divider()

    def brown_out(self, at: int) -> None:
        """The supply dips: the compensation stops for a moment and RESET is set, as seen in the field."""
        self.run_to(at)
        self.file[FLAG] |= V1F
        self.file[CONTROL] |= RESET
        self._reset_divider()
