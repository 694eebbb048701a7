"""DS1307 and DS1338: a plain crystal, no trim, no temperature.

Datasheets: DS1307 and DS1338, both at Analog Devices: address map, control register. The time is latched at each START; writing
the seconds resets the countdown chain. CH in the seconds stops the oscillator and is set at first power: a DS1307 has no other
flag for lost power. A DS1338 has OSF, bit 5 of the control register, which can only be written to 0. See
firmware_notes/rtc/ds1307.md and ds1338.md.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.drivers.rtc.bus_chip import BusChip
from gpstime.drivers.rtc.calendar import Layout, decode
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus

SECONDS, CONTROL = 0x00, 0x07
CH = 0x80
OUT, OSF, SQWE, RS = 0x80, 0x20, 0x10, 0x03
_RATES = ("1 Hz", "4.096 kHz", "8.192 kHz", "32.768 kHz")


class Ds1307(BusChip):
    family: ClassVar[str] = "ds1307"
    default_address: ClassVar[int] = 0x68
    layout: ClassVar[Layout] = Layout(SECONDS, mode_in_hours=True)
    block: ClassVar[tuple[int, int]] = (SECONDS, 8)

    @property
    def has_osf(self) -> bool:
        return self.name == "ds1338"

    def decode(self, registers: Registers) -> Decoded:
        utc = decode(self.layout, registers)
        if isinstance(utc, str):
            return Decoded(None, f"it holds no time: {utc}")
        doubt = ""
        if registers[SECONDS] & CH:
            doubt = "its oscillator is stopped (CH)"
        elif self.has_osf and registers[CONTROL] & OSF:
            doubt = "its oscillator has stopped since it was set (OSF)"
        return Decoded(utc, doubt)

    def describe(self, registers: Registers) -> RtcStatus:
        told = self.decode(registers)
        control = registers[CONTROL]
        halted = bool(registers[SECONDS] & CH)
        return RtcStatus(
            self.name,
            self.address,
            told.utc,
            told.doubt,
            power_lost=halted or (self.has_osf and bool(control & OSF)),
            oscillator_enabled=not halted,
            square_wave=_RATES[control & RS] if control & SQWE else "off",
            registers=registers,
        )

    def square_wave(self, on: bool) -> None:
        self._update(CONTROL, RS if on else SQWE, SQWE if on else 0)

    def _clear_power_lost(self) -> None:
        if self.has_osf:
            self._update(CONTROL, OSF, 0)
