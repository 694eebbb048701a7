"""What all fake RTC chips share: registers, counters, power, and the wire. `Chip.truth` is what a test may know and a driver not.

What the makers leave open is decided here once: a write to a register that is not there is swallowed.
"""

from __future__ import annotations

import math
from typing import ClassVar, Literal, NamedTuple

from gpstime.errors import UsageError
from gpstime.sim.chips_calendar import Layout
from gpstime.sim.chips_ticking import Ticking, Varying
from gpstime.sim.chips_truth import ChipTruth
from gpstime.sim.streams import stream
from gpstime.times import DAY_S, NS, UtcTime


class Reg(NamedTuple):
    """`reset` after power-up; `rw` the bits that a write sets; `w0` the bits that a write can clear but not set."""

    reset: int = 0
    rw: int = 0xFF
    w0: int = 0


class Chip(Ticking):
    """One RTC. Every chip takes these:

    `ppm`: of the bare crystal at 25 C; `temperature_c`; `start`: the time it was set to before, shown at true instant `begin_ns`
    (None: it has just got power for the first time, and says so); `seed`: for the phase of its first second and for whatever is
    random in the chip; `battery`: one is in its holder; `battery_ppm`: what running on it adds to the rate (F-R10); `backup` False:
    who set it left the switch to the battery as the factory has it, off (F-R04; only for chips with such a switch);
    `torn`: a copy that does not latch its counters for reading (F-R05).
    """

    name: ClassVar[str]
    address: ClassVar[int]
    layout: ClassVar[Layout]
    registers: ClassVar[dict[int, Reg]]
    size: ClassVar[int]
    """Registers until the pointer is back at 0."""
    absent: ClassVar[int] = 0xFF
    """What a register that is not there reads."""
    access: ClassVar[Literal["latched", "held", "live"]]
    """Counters while being read: copied at START; held until STOP, with one tick caught up then; or running on."""

    def __init__(
        self,
        *,
        ppm: Varying = 0.0,
        temperature_c: Varying = 25.0,
        start: UtcTime | None = None,
        begin_ns: int = 0,
        seed: int = 0,
        battery: bool = True,
        battery_ppm: float = 0.0,
        backup: bool = True,
        torn: bool = False,
    ) -> None:
        super().__init__(ppm, temperature_c, battery_ppm, begin_ns)
        self.battery, self.battery_low = battery, False
        self._wanted_backup = backup
        self._draw = stream(seed, f"chip/{self.name}")
        self._torn = torn
        self.file = bytearray(self.size)
        self._pointer = 0
        self._naming = False
        self._pending = 0
        self._copy: dict[int, int] = {}
        self._power_up()
        if start is not None:
            try:
                self.layout.put(self.file, start)
            except AssertionError:
                raise UsageError(f"{self.name} counts two digits of the year: start it within 2000 to 2099") from None
            self._reset_divider(float(start.ns_of_day % NS))
            self._trust()

    # ---- what the chips differ in ------------------------------------------------------------------------------------------------

    def _power_up(self) -> None:
        """Everything as after power came for the first time."""
        for register, reg in self.registers.items():
            self.file[register] = reg.reset
        self._phase = self._draw.uniform(0.0, 1e9)
        self._pointer = 0

    def _trust(self) -> None:
        """Clear whatever says that the time can't be trusted, and start the oscillator."""
        raise NotImplementedError

    def _trusted(self) -> bool:
        raise NotImplementedError

    def _backup(self) -> bool:
        """On battery it keeps time: switched over, and allowed to."""
        return True

    def _second_of_day(self) -> int | None:
        """Of the second that runs, also while the counters are held."""
        second = self.layout.second_of_day(self.file)
        return None if second is None else (second + self._pending) % DAY_S

    def _any_time(self) -> None:
        """Counters whose content after power-up is not defined: a legal time, and a random one."""
        self.layout.put(self.file, UtcTime(self._draw.randrange(10_957, 47_482), self._draw.randrange(DAY_S) * NS))

    def _get(self, register: int) -> int:
        return self.file[register]

    def _set(self, register: int, value: int) -> None:
        reg = self.registers[register]
        old = self.file[register]
        self.file[register] = old & ~(reg.rw | reg.w0) & 0xFF | value & reg.rw | old & value & reg.w0

    def _next(self, register: int) -> int:
        return (register + 1) % self.size

    def _opened(self) -> None:
        """START has been seen."""

    def _closed(self) -> None:
        """STOP has been seen."""

    def _count(self, seconds: int) -> None:
        if self._addressed and self.access == "held":
            self._pending = 1
        else:
            self.layout.advance(self.file, seconds)

    # ---- power -------------------------------------------------------------------------------------------------------------------

    def power_cut(self, at: int) -> None:
        """The supply goes. Without battery or backup everything is lost."""
        self.run_to(at)
        self.powered = self._addressed = False
        self._alive = self.battery and self._backup()
        if not self._alive:
            self._forget()

    def power_back(self, at: int) -> None:
        self.run_to(at)
        self.powered = True
        if not self._alive:
            self._alive = True
            self._power_up()

    # ---- the wire ----------------------------------------------------------------------------------------------------------------

    def begin(self, at: int, reading: bool) -> bool:
        self.run_to(at)
        if not self.powered:
            return False
        if not self._addressed:
            self._addressed = True
        self._naming = not reading
        if self.access == "latched":
            self._latch()
        self._opened()
        return True

    def take(self, at: int, value: int) -> bool:
        self.run_to(at)
        if self._naming:
            self._pointer, self._naming = value, False
            return True
        register = self._pointer
        if register in self.registers:
            self._set(register, value)
        self._pointer = self._next(register)
        return True

    def give(self, at: int) -> int:
        self.run_to(at)
        register = self._pointer
        value = self.absent
        if register in self._copy and not self._torn:
            value = self._copy[register]
        elif register in self.registers:
            value = self._get(register)
        self._pointer = self._next(register)
        if self.access == "latched" and self._pointer == 0:
            self._latch()
        return value

    def end(self, at: int) -> None:
        self.run_to(at)
        if not self._addressed:
            return
        self._addressed = False
        pending, self._pending = self._pending, 0
        if pending:
            self.layout.advance(self.file, pending)
        self._closed()
        self.run_to(self._at)

    def _latch(self) -> None:
        where = self.layout
        for register in (where.second, where.minute, where.hour, where.day, where.weekday, where.month, where.year):
            self._copy[register] = self._get(register)

    # ---- for tests ---------------------------------------------------------------------------------------------------------------

    def poke(self, register: int, value: int) -> None:
        """Put any content into a register, as no write could (F-R06, F-R07: what others or radiation left there)."""
        self.file[register] = value

    def truth_at(self, at: int) -> ChipTruth:
        self.run_to(at)
        return self.truth

    @property
    def truth(self) -> ChipTruth:
        """Now: at the last instant to which somebody brought it."""
        ppm, pulses = self.rate_ppm(), self._pulses_ppm()
        shows = self.layout.shows(self.file)
        if shows is not None:
            shows = UtcTime.from_unix(shows.unix + self._pending * NS + min(NS - 1, max(0, math.floor(self._phase))))
        counting = self._counting()
        left = math.ceil((NS - self._phase) / (1.0 + ppm * 1e-6))
        return ChipTruth(
            self._at,
            shows,
            self._phase,
            ppm,
            ((1.0 + ppm * 1e-6) / (1.0 - pulses * 1e-6) - 1.0) * 1e6 if pulses else ppm,
            self._last_tick,
            self._at + left if counting else None,
            counting,
            self._trusted(),
            self._elapsed + self._phase,
        )
