"""DS3231, DS3231M and DS3232: temperature-compensated, with an aging offset.

Datasheets: DS3231, DS3231M and DS3232, at Analog Devices: figure 1 (registers), Clock and Calendar, Aging Offset. The time is
latched at each START. Writing the seconds resets the countdown chain. The aging offset acts when the temperature is converted:
every 64 s on a DS3231 or DS3232, every second on a DS3231M, or when CONV (bit 5 of the control register, not 6) asks for it. See
firmware_notes/rtc/ds3231.md.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.bus_chip import BusChip
from gpstime.drivers.rtc.calendar import Layout, decode
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus, signed
from gpstime.times import NS

SECONDS, MONTH, CONTROL, STATUS, AGING, TEMPERATURE = 0x00, 0x05, 0x0E, 0x0F, 0x10, 0x11
CENTURY = 0x80
EOSC, CONV, RS, INTCN = 0x80, 0x20, 0x18, 0x04
OSF, BSY = 0x80, 0x04
_RATES = ("1 Hz", "1.024 kHz", "4.096 kHz", "8.192 kHz")

_SPEC = TrimSpec(
    lo=-128,
    hi=127,
    ppm_per_step=0.1,
    positive="slower",
    acts="continuous",
    cycle_s=1,
    settles_s=64,
    source="DS3231 datasheet, Aging Offset (10h): a positive value adds capacitance and slows it, 0.1 ppm typical at 25 C",
    step_error=0.3,
)
_SPEC_M = TrimSpec(
    lo=-128,
    hi=127,
    ppm_per_step=0.12,
    positive="slower",
    acts="continuous",
    cycle_s=1,
    settles_s=1,
    source="DS3231M datasheet, Aging Offset (10h): a step is about 0.12 ppm, a positive value slows it",
    step_error=0.1,
)
CONVERSION_S, POLL_S = 1.0, 0.02
"""A conversion takes 125 ms typically and 200 ms at most."""


class Ds3231(BusChip):
    family: ClassVar[str] = "ds3231"
    default_address: ClassVar[int] = 0x68
    layout: ClassVar[Layout] = Layout(SECONDS, mode_in_hours=True)
    block: ClassVar[tuple[int, int]] = (SECONDS, 19)

    @property
    def trim_spec(self) -> TrimSpec:
        return _SPEC_M if self.name == "ds3231m" else _SPEC

    def decode(self, registers: Registers) -> Decoded:
        utc = decode(self.layout, registers)
        celsius = signed(registers[TEMPERATURE] << 8 | registers[TEMPERATURE + 1] & 0xC0, 16) / 256
        aging = signed(registers[AGING], 8)
        if isinstance(utc, str):
            return Decoded(None, f"it holds no time: {utc}", celsius, aging)
        doubt = "its oscillator has stopped since it was set (OSF)" if registers[STATUS] & OSF else ""
        return Decoded(utc, doubt, celsius, aging)

    def describe(self, registers: Registers) -> RtcStatus:
        told = self.decode(registers)
        control = registers[CONTROL]
        on_battery = not control & EOSC
        notes = [] if on_battery else ["EOSC is set: it stops as soon as it runs from its battery; a set cures that."]
        if registers[MONTH] & CENTURY:
            notes.append("its century bit is set (some kernels do that); the year is taken to be 2000 to 2099.")
        return RtcStatus(
            self.name,
            self.address,
            told.utc,
            told.doubt,
            power_lost=bool(registers[STATUS] & OSF),
            oscillator_enabled=on_battery,
            trim=told.aging,
            square_wave="off" if control & INTCN else _RATES[(control & RS) >> 3],
            temperature_c=told.temperature_c,
            notes=tuple(notes),
            registers=registers,
        )

    def read_trim(self) -> int:
        return signed(self.wire.read_byte(AGING)[AGING], 8)

    def write_trim(self, value: int) -> None:
        """Also starts a conversion, without which the value acts only up to 64 s later (F-R15), and waits for its end.

        A conversion that does not end within a second is left alone: the value is taken, and acts from the next one on.
        """
        self._check_trim(value)
        free = self._conversion_ends()
        self.wire.write(AGING, [value & 0xFF])
        self._check_trim_taken(value)
        if free:
            self._update(CONTROL, 0, CONV)
            self._conversion_ends()

    def _conversion_ends(self) -> bool:
        """Wait until none goes on. False: a second was not enough."""
        end = self.wire.time.now() + round(CONVERSION_S * NS)
        while True:
            got = self.wire.read(CONTROL, 2)
            if not got[CONTROL] & CONV and not got[STATUS] & BSY:
                return True
            if self.wire.time.now() >= end:
                return False
            self.wire.time.sleep(POLL_S)

    def square_wave(self, on: bool) -> None:
        self._update(CONTROL, INTCN | (RS if on else 0), 0 if on else INTCN)

    def _clear_power_lost(self) -> None:
        """And see to it that it goes on counting without mains: a set that ends with the mains is none."""
        self._update(CONTROL, EOSC, 0)
        self._update(STATUS, OSF, 0)
