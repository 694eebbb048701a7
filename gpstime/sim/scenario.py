"""A simulated run, described. Everything has a default; nothing here is ever chosen silently for a real board."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from gpstime.core.leap import BUILT_IN
from gpstime.errors import UsageError
from gpstime.sim.calendar import Calendar
from gpstime.sim.clock import board
from gpstime.sim.faults import Fault, parse_fault
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.personalities import personality
from gpstime.sim.rtc import SimRtc
from gpstime.times import NS, LeapTable, UtcTime

LEAPS = BUILT_IN.table
"""The simulation's truth: the leap seconds that the package brings along, and none later."""
START = UtcTime.civil(2026, 3, 1, 12)
FIRST, LAST = UtcTime.civil(1980, 1, 6), UtcTime.civil(2099, 12, 1)
"""GPS time begins here, and a date in RMC has two digits for the year."""
_LAST_LEAP = UtcTime.civil(2016, 12, 31, 23, 59, 60)


@dataclass(frozen=True, slots=True)
class Scenario:
    """`start` None: 2026-03-01 12:00 UTC, or so that a `leap-second` fault falls on the one of 2016.

    `pps_noise_ns` and `pps_noise`: level and kind of the stamps' noise (see `sim.pulse.noise`); `pps_bias_ns` None: the board's.
    `delay_ms`, `jitter_ms`, `baud`, `sentences` None: the personality's. `read_ms`: how often the port is read (chunks).
    `system_offset_s`: the system clock minus true at the start; `correction_ppb`: frequency correction in force on it.
    `tick_s`: the clocks are read together this often (0: never). `faults` as `Fault` or as text (`duplicate-pulse:rate=0.01`).
    """

    seed: int = 0
    duration_s: int = 3600
    board: str = "pi4"
    personality: str = "ublox-m8"
    start: UtcTime | None = None
    leap: LeapTable = LEAPS
    oscillator: Oscillator = field(default_factory=Oscillator)
    pps_noise_ns: float = 300.0
    pps_noise: str = "gauss"
    pps_bias_ns: float | None = None
    both_edges: bool = False
    delay_ms: float | None = None
    jitter_ms: float | None = None
    baud: int | None = None
    sentences: tuple[str, ...] | None = None
    read_ms: float = 20.0
    system_offset_s: float = 0.0
    correction_ppb: float = 0.0
    tick_s: int = 10
    temperature_s: int = 0
    rtc: SimRtc | None = None
    faults: tuple[Fault | str, ...] = ()

    def checked(self) -> Scenario:
        """With faults parsed and the start chosen; UsageError for anything that can't be simulated, naming it."""
        board(self.board)
        personality(self.personality)
        if self.duration_s < 1:
            raise UsageError("a simulated run lasts at least one second")
        for name in ("pps_noise_ns", "read_ms", "tick_s", "temperature_s"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{name} can't be negative")
        faults = tuple(parse_fault(f) if isinstance(f, str) else f for f in self.faults)
        names = [f.name for f in faults]
        for f in faults:
            if names.count(f.name) > 1 and f.name != "system-step":
                raise UsageError(f"fault {f.name} is given twice; only system-step can be")
            if f.at_s >= self.duration_s:
                raise UsageError(f"fault {f.name} starts at {f.at_s:g} s, after the end of the run ({self.duration_s} s): give at=")
        start = self.start
        leap = next((f for f in faults if f.name == "leap-second"), None)
        if start is None:
            start = START if leap is None else UtcTime.from_unix(_LAST_LEAP.unix - int(leap.at_s) * NS)
        if not FIRST <= start < LAST:
            raise UsageError(f"a simulated run starts between {FIRST.iso()} and {LAST.iso()}, not at {start.iso()}: give --start")
        if leap is not None and not Calendar(start, self.leap).leap_seconds_until(self.duration_s):
            raise UsageError(f"fault leap-second: no leap second within the run that starts {start.iso()}")
        if leap is not None and leap.word("style") not in ("60", "repeat", "late"):
            raise UsageError(f"fault leap-second: unknown style {leap.word('style')!r}; known: 60, repeat, late")
        return replace(self, faults=faults, start=start)

    @property
    def about(self) -> str:
        """One sentence for the head of a capture: says that it is simulated."""
        faults = ", ".join(str(f) for f in self.faults) or "none"
        return f"simulated by gpstime sim: personality {self.personality}, seed {self.seed}, faults: {faults}"
