"""RV-3028-C7: configuration in an EEPROM with a mirror in RAM, a switch to the battery that is off as delivered.

From Micro Crystal's application manual.  Registers 0x35 to 0x37 are the mirror; it is loaded from the EEPROM at power-up and,
unless EERD is set, again at midnight, so what was written to the mirror alone is gone then.  Commands to the EEPROM take time
(EEBUSY) and are ignored unless the command register was 0 before.  A positive offset makes the clock faster; it is taken here
as continuous, since how its pulses are spread is not said in the pages seen.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.sim.chips_base import Chip, Reg
from gpstime.sim.chips_calendar import Layout
from gpstime.sim.chips_ticking import TUNING_FORK_PPM_PER_K2
from gpstime.times import DAY_S, NS

SECONDS, STATUS, CONTROL_1, CONTROL_2, UNIX = 0x00, 0x0E, 0x0F, 0x10, 0x1B
EE_ADDRESS, EE_VALUE, EE_COMMAND = 0x25, 0x26, 0x27
CLKOUT, OFFSET, BACKUP = 0x35, 0x36, 0x37
EEBUSY, BSF, PORF, EERD, RESET = 0x80, 0x20, 0x01, 0x08, 0x01
BSM, DIRECT, LEVEL = 0x0C, 0x04, 0x0C
PPM_PER_STEP = 1e6 / (32_768 * 32)
EEPROM = range(0x2B)
MIRROR = range(0x30, 0x38)
CYCLE_NS = NS / 4096
_TAKES_MS = {0x11: 63.0, 0x12: 3.5, 0x21: 16.0, 0x22: 1.4}
"""Update all, refresh all, write one byte, read one byte."""


class Rv3028(Chip):
    """`eeprom`: what stands in it, by address; others are as delivered (a factory offset of 0)."""

    name = "rv3028"
    address = 0x52
    layout = Layout(0x00, 0x01, 0x02, 0x04, 0x03, 0x05, 0x06, weekdays="0-6", hours12=(CONTROL_2, 0x02))
    registers: ClassVar[dict[int, Reg]] = {
        SECONDS: Reg(0x00, 0x7F),
        0x01: Reg(0x00, 0x7F),
        0x02: Reg(0x00, 0x3F),
        0x03: Reg(0x00, 0x07),
        0x04: Reg(0x01, 0x3F),
        0x05: Reg(0x01, 0x1F),
        0x06: Reg(0x00, 0xFF),
        **{register: Reg(0x80, 0xFF) for register in (0x07, 0x08, 0x09)},
        **{register: Reg() for register in (0x0A, 0x0B)},
        **{register: Reg(0x00, 0x00) for register in (0x0C, 0x0D)},
        STATUS: Reg(PORF, 0x00, 0x7F),
        CONTROL_1: Reg(0x00, 0xBF),
        CONTROL_2: Reg(0x00, 0xFF),
        **{register: Reg() for register in (0x11, 0x12, 0x13)},
        **{register: Reg(0x00, 0x00) for register in range(0x14, 0x1B)},
        **{register: Reg() for register in range(UNIX, 0x21)},
        **{register: Reg(0x00, 0xFF) for register in range(0x21, 0x28)},
        0x28: Reg(0x33, 0x00),
        0x30: Reg(0x00, 0xFF),
        CLKOUT: Reg(0xC0, 0xCF),
        OFFSET: Reg(),
        BACKUP: Reg(0x10),
    }
    size = 0x40
    absent = 0x00  # as in a dump of a real one
    access = "held"
    tick_falls = False
    parabola = TUNING_FORK_PPM_PER_K2

    def __init__(self, *, eeprom: dict[int, int] | None = None, **options: object) -> None:
        self.eeprom = {CLKOUT: 0xC0, OFFSET: 0x00, BACKUP: 0x10, **(eeprom or {})}
        super().__init__(**options)  # type: ignore[arg-type]

    def _power_up(self) -> None:
        super()._power_up()
        self._forget()
        self._busy = False
        self._refresh()
        self._take(66.0)

    def _trust(self) -> None:
        self.file[STATUS] &= ~PORF & 0xFF
        if self._wanted_backup:
            self.eeprom[BACKUP] = self.file[BACKUP] = self.file[BACKUP] & ~BSM | LEVEL
        self._busy = False
        self._forget()

    def _trusted(self) -> bool:
        return not self.file[STATUS] & PORF

    def _backup(self) -> bool:
        return self.file[BACKUP] & BSM in (DIRECT, LEVEL)

    def _hertz(self) -> bool:
        return self.powered and self.file[CLKOUT] & 0x87 == 0x85

    def _trim_ppm(self) -> float:
        code = self.file[OFFSET] << 1 | self.file[BACKUP] >> 7
        return ((code ^ 0x100) - 0x100) * PPM_PER_STEP

    def power_cut(self, at: int) -> None:
        super().power_cut(at)
        if self._alive:
            self.file[STATUS] |= BSF

    # ---- counters ----------------------------------------------------------------------------------------------------------

    def _count(self, seconds: int) -> None:
        before = self._second_of_day()
        super()._count(seconds)
        unix = int.from_bytes(self.file[UNIX : UNIX + 4], "little") + seconds
        self.file[UNIX : UNIX + 4] = (unix % 2**32).to_bytes(4, "little")
        if before is not None and before + seconds >= DAY_S and not self.file[CONTROL_1] & EERD:
            self._refresh()

    def _quiet_s(self) -> int:
        now = self._second_of_day()
        return super()._quiet_s() if now is None else DAY_S - now

    def _set(self, register: int, value: int) -> None:
        if register == EE_COMMAND:
            self._command(value)
        super()._set(register, value)
        if register == SECONDS or (register == CONTROL_2 and value & RESET):
            self._reset_divider(self._draw.uniform(0.0, CYCLE_NS))
            self.file[CONTROL_2] &= ~RESET & 0xFF

    def _get(self, register: int) -> int:
        return self.file[STATUS] & ~EEBUSY | (EEBUSY if self._busy else 0) if register == STATUS else self.file[register]

    # ---- EEPROM ------------------------------------------------------------------------------------------------------------

    def _take(self, ms: float) -> None:
        self._busy = True
        self.plan(self._at + round(ms * 1e6), self._done)

    def _done(self) -> None:
        self._busy = False

    def _refresh(self) -> None:
        for register in MIRROR:
            if register in self.registers:
                self.file[register] = self.eeprom.get(register, 0)

    def _command(self, command: int) -> None:
        if self._busy or self.file[EE_COMMAND] != 0 or command not in _TAKES_MS:
            return
        place = self.file[EE_ADDRESS]
        if command == 0x11:
            self.eeprom.update({register: self.file[register] for register in MIRROR if register in self.registers})
        elif command == 0x12:
            self._refresh()
        elif place in EEPROM or place in MIRROR:
            if command == 0x21:
                self.eeprom[place] = self.file[EE_VALUE]
            else:
                self.file[EE_VALUE] = self.eeprom.get(place, 0)
        self._take(_TAKES_MS[command])
