"""PCF8563 (and BM8563, its copy): a plain crystal, no trim; VL says that the voltage was low.

Datasheet: NXP PCF8563 Rev. 10, 8.4 (time registers, VL, pages 10 and 11) and 8.10 (STOP). The time registers stand still while they
are accessed. Only STOP resets the divider: its first second ends 0.507813 s to 0.507935 s after STOP is released (so for the
PCA8565, page 21, of the same design). The century bit is left out of account (see `calendar`). See firmware_notes/rtc/pcf8563.md.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.drivers.rtc.bus_chip import StoppableChip
from gpstime.drivers.rtc.calendar import Layout, decode
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus
from gpstime.drivers.rtc.wire import Written

CONTROL_1, SECONDS, MONTH, CLKOUT = 0x00, 0x02, 0x07, 0x0D
STOP, TEST1 = 0x20, 0x80
VL, CENTURY = 0x80, 0x80
FE, FD = 0x80, 0x03
_RATES = ("32.768 kHz", "1.024 kHz", "32 Hz", "1 Hz")


class Pcf8563(StoppableChip):
    family: ClassVar[str] = "pcf8563"
    default_address: ClassVar[int] = 0x51
    layout: ClassVar[Layout] = Layout(SECONDS, date_first=True, weekday=lambda day: day)
    block: ClassVar[tuple[int, int]] = (CONTROL_1, 14)
    stop_bit: ClassVar[tuple[int, int]] = (CONTROL_1, STOP)
    first_tick_s: ClassVar[float] = 0.507874

    def decode(self, registers: Registers) -> Decoded:
        utc = decode(self.layout, registers)
        if isinstance(utc, str):
            return Decoded(None, f"it holds no time: {utc}")
        doubt = ""
        if registers[SECONDS] & VL:
            doubt = "its voltage was too low since it was set (VL)"
        elif registers[CONTROL_1] & (STOP | TEST1):
            doubt = "it is held (STOP)" if registers[CONTROL_1] & STOP else "it is in test mode (TEST1)"
        return Decoded(utc, doubt)

    def describe(self, registers: Registers) -> RtcStatus:
        told = self.decode(registers)
        clkout = registers[CLKOUT]
        return RtcStatus(
            self.name,
            self.address,
            told.utc,
            told.doubt,
            power_lost=bool(registers[SECONDS] & VL),
            oscillator_enabled=not registers[CONTROL_1] & (STOP | TEST1),
            square_wave=_RATES[clkout & FD] if clkout & FE else "off",
            registers=registers,
        )

    def _write_fields(self, fields: list[int]) -> Written:
        self._update(CONTROL_1, TEST1, 0)
        return super()._write_fields(fields)

    def square_wave(self, on: bool) -> None:
        self._update(CLKOUT, 0 if on else FE, FE | FD if on else 0)
