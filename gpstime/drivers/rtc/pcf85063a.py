"""PCF85063A: an offset register in two modes, a flag for a stopped oscillator, no battery switch of its own.

Datasheet: NXP PCF85063A Rev. 6; its offset register is that of the PCF85063TP (Rev. 4, 8.2.3 Register Offset). The time registers
stand still while they are accessed. Only STOP resets the divider: its first second ends 0.507813 s to 0.507935 s after STOP is
released. See firmware_notes/rtc/pcf85063a.md.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.drivers.rtc.calendar import Layout, decode
from gpstime.drivers.rtc.pcf8523 import OffsetChip
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus, signed

CONTROL_1, CONTROL_2, OFFSET, SECONDS = 0x00, 0x01, 0x02, 0x04
EXT_TEST, STOP, TWELVE = 0x80, 0x20, 0x02
COF, COF_1HZ = 0x07, 0x06
OS = 0x80
_RATES = ("32.768 kHz", "16.384 kHz", "8.192 kHz", "4.096 kHz", "2.048 kHz", "1.024 kHz", "1 Hz", "off")
_SOURCE = "PCF85063TP datasheet Rev. 4, 8.2.3 Register Offset: mode 0 every two hours, mode 1 every four minutes; positive slows it"


class Pcf85063a(OffsetChip):
    family: ClassVar[str] = "pcf85063a"
    default_address: ClassVar[int] = 0x51
    layout: ClassVar[Layout] = Layout(SECONDS, date_first=True, weekday=lambda day: day)
    block: ClassVar[tuple[int, int]] = (CONTROL_1, 11)
    stop_bit: ClassVar[tuple[int, int]] = (CONTROL_1, STOP)
    first_tick_s: ClassVar[float] = 0.507874
    cleared_by_set: ClassVar[tuple[int, int]] = (CONTROL_1, TWELVE | EXT_TEST)
    offset_register: ClassVar[int] = OFFSET
    offset_source: ClassVar[str] = _SOURCE
    offset_minutes: ClassVar[tuple[int, int]] = (120, 4)

    def decode(self, registers: Registers) -> Decoded:
        utc = decode(self.layout, registers, twelve=bool(registers[CONTROL_1] & TWELVE))
        aging = signed(registers[OFFSET], 7)
        if isinstance(utc, str):
            return Decoded(None, f"it holds no time: {utc}", None, aging)
        doubt = ""
        if registers[SECONDS] & OS:
            doubt = "its oscillator has stopped since it was set (OS)"
        elif registers[CONTROL_1] & (STOP | EXT_TEST):
            doubt = "it is held (STOP)" if registers[CONTROL_1] & STOP else "it is in test mode (EXT_TEST)"
        return Decoded(utc, doubt, None, aging)

    def describe(self, registers: Registers) -> RtcStatus:
        told = self.decode(registers)
        return RtcStatus(
            self.name,
            self.address,
            told.utc,
            told.doubt,
            power_lost=bool(registers[SECONDS] & OS),
            oscillator_enabled=not registers[CONTROL_1] & (STOP | EXT_TEST),
            trim=told.aging,
            square_wave=_RATES[registers[CONTROL_2] & COF],
            registers=registers,
        )

    def square_wave(self, on: bool) -> None:
        self._update(CONTROL_2, COF, COF_1HZ if on else COF)
