"""DS3231, DS3231M, DS3232: oscillators that know their temperature. From Maxim's documents 19-5170 (DS3231), 19-5312 (DS3231M)
and 19-5337 (DS3232).

Counters are copied at START.  Writing the seconds resets the countdown chain on that byte's acknowledge; the remaining registers
must follow within a second.  OSF, A1F, A2F can be written to 0 only.  The aging register acts through a temperature conversion
only: on a DS3231 one that was asked for with CONV, or one that found another temperature than the one before.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.sim.chips_base import Chip, Reg
from gpstime.sim.chips_calendar import Layout

CONTROL, STATUS, AGING, TEMPERATURE = 0x0E, 0x0F, 0x10, 0x11
EOSC, BBSQW, CONV, RATE, INTCN = 0x80, 0x40, 0x20, 0x18, 0x04
OSF, BSY = 0x80, 0x04

_CLOCK = {
    0x00: Reg(0x00, 0x7F),
    0x01: Reg(0x00, 0x7F),
    0x02: Reg(0x00, 0x7F),
    0x03: Reg(0x01, 0x07),
    0x04: Reg(0x01, 0x3F),
    0x05: Reg(0x01, 0x9F),
    0x06: Reg(0x00, 0xFF),
    **{register: Reg() for register in range(0x07, 0x0E)},
    CONTROL: Reg(0x1C, 0xDF),
    STATUS: Reg(0x88, 0x08, 0x83),
    AGING: Reg(),
    TEMPERATURE: Reg(0x00, 0x00),
    TEMPERATURE + 1: Reg(0x00, 0x00),
}
_LAYOUT = Layout(0x00, 0x01, 0x02, 0x04, 0x03, 0x05, 0x06, hours12=(0x02, 0x40), century=(0x05, 0x80))


class Ds3231(Chip):
    """The SN and N, with a crystal: +-2 ppm, temperature every 64 s. `ppm` is what is left of the compensation."""

    name = "ds3231"
    address = 0x68
    layout = _LAYOUT
    registers = _CLOCK
    size = 0x13
    access = "latched"
    converts_s: ClassVar[float] = 64.0
    battery_converts_s: ClassVar[float] = 64.0
    conversion_ms: ClassVar[float] = 125.0
    """Typical; the data sheet allows 200."""
    ppm_per_step: ClassVar[float] = 0.1
    always_applies: ClassVar[bool] = False
    """The aging register acts at each conversion, whatever the temperature."""

    def _power_up(self) -> None:
        super()._power_up()
        self._aging = 0
        self._measured: int | None = None
        self._busy = False
        self._forget()
        self._convert_in_turn()

    def _trust(self) -> None:
        self.file[STATUS] &= ~OSF & 0xFF
        self._forget()  # it has run for a while: a temperature is there, the next one comes at any time of the cycle
        self._finish(asked=False)
        self.plan(self._at + round(self._draw.uniform(0.2, 1.0) * self.converts_s * 1e9), self._convert_in_turn)

    def _trusted(self) -> bool:
        return not self.file[STATUS] & OSF

    def _counting(self) -> bool:
        return self._alive and (self.powered or not self.file[CONTROL] & EOSC)

    def power_cut(self, at: int) -> None:
        super().power_cut(at)
        if self._alive and self.file[CONTROL] & EOSC:  # the oscillator stops on battery, and the flag tells of it
            self.file[STATUS] |= OSF

    def _trim_ppm(self) -> float:
        return -self.ppm_per_step * self._aging

    def _hertz(self) -> bool:
        control = self.file[CONTROL]
        return not control & INTCN and not control & RATE and bool(self.powered or control & BBSQW)

    def _set(self, register: int, value: int) -> None:
        super()._set(register, value)
        if register == 0x00:
            self._reset_divider()
        elif register == AGING:
            self._aged()
        elif register == CONTROL and value & CONV and not self._busy:
            self.file[CONTROL] |= CONV
            self.plan(self._at + 2_000_000, self._begin_asked)

    def _get(self, register: int) -> int:
        if register == STATUS:
            return self.file[STATUS] & ~BSY | (BSY if self._busy else 0)
        return self.file[register]

    def poke(self, register: int, value: int) -> None:
        super().poke(register, value)
        if register == AGING:
            self._aged()

    def _aged(self) -> None:
        """Another value stands in the aging register."""

    # ---- temperature -------------------------------------------------------------------------------------------------------------

    def _convert_in_turn(self) -> None:
        """The chip's own cycle, which a conversion that was asked for does not move."""
        self._begin(asked=False)
        every = self.converts_s if self.powered else self.battery_converts_s
        self.plan(self._at + round(every * 1e9), self._convert_in_turn)

    def _begin_asked(self) -> None:
        self._begin(asked=True)

    def _begin(self, *, asked: bool) -> None:
        self._busy = True
        self.plan(self._at + round(self.conversion_ms * 1e6), lambda: self._finish(asked=asked))

    def _finish(self, *, asked: bool) -> None:
        measured = int(self.celsius * 4 // 1)
        if asked or self.always_applies or measured != self._measured:
            self._aging = (self.file[AGING] ^ 0x80) - 0x80
        self._measured = measured
        code = measured & 0x3FF
        self.file[TEMPERATURE], self.file[TEMPERATURE + 1] = code >> 2, (code & 3) << 6
        self._busy = False
        if asked:
            self.file[CONTROL] &= ~CONV & 0xFF


class Ds3231m(Ds3231):
    """With a MEMS resonator: +-5 ppm, temperature each second (10 s on battery), one aging step 0.12 ppm at any temperature.

    At a steady temperature its conversions show in BSY only, so they are planned when there is something to find.
    """

    name = "ds3231m"
    converts_s = 1.0
    battery_converts_s = 10.0
    conversion_ms = 10.0
    ppm_per_step = 0.12
    always_applies = True

    def _hertz(self) -> bool:
        control = self.file[CONTROL]
        return not control & INTCN and bool(self.powered or control & BBSQW)

    def _convert_in_turn(self) -> None:
        self._turn = self._at
        if callable(self._temperature):
            super()._convert_in_turn()
        else:
            self._begin(asked=False)

    def _in_turn(self) -> int:
        """Since its last conversion would have begun."""
        every = round((self.converts_s if self.powered else self.battery_converts_s) * 1e9)
        return (self._at - self._turn) % every

    def _get(self, register: int) -> int:
        value = super()._get(register)
        return value | BSY if register == STATUS and self._in_turn() < self.conversion_ms * 1e6 else value

    def _aged(self) -> None:
        if not callable(self._temperature):
            self.plan(self._at + round(self.converts_s * 1e9) - self._in_turn(), self._convert_in_turn)


class Ds3232(Ds3231):
    """A DS3231 with RAM up to 0xFF; its cycle of conversions can be made longer (CRATE in the status register)."""

    name = "ds3232"
    registers: ClassVar[dict[int, Reg]] = {
        **_CLOCK,
        STATUS: Reg(0xC8, 0x78, 0x83),
        0x13: Reg(0x00, 0x00),
        **{register: Reg() for register in range(0x14, 0x100)},
    }
    size = 0x100

    def _convert_in_turn(self) -> None:
        self._begin(asked=False)
        every = 64 << (self.file[STATUS] >> 4 & 3)
        self.plan(self._at + every * 1_000_000_000, self._convert_in_turn)
