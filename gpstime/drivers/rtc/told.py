"""What a clock chip tells: its decoded registers, its second, its state. Values without behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpstime.times import RawNs, UtcTime

NO_TIME = UtcTime(0, 0)
"""What a reading shows where the registers hold no time; it is never `trusted`."""

Registers = dict[int, int]
"""Contents by register number."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a chip's registers say. `utc` is None where they hold no time; `doubt` is why it is not to be trusted, "" if it is."""

    utc: UtcTime | None
    doubt: str
    temperature_c: float | None = None
    aging: int | None = None


@dataclass(frozen=True, slots=True)
class SecondsPoll:
    """The seconds register showed `second` (None: no number) somewhere between `before` and `after`."""

    before: RawNs
    after: RawNs
    second: int | None


@dataclass(frozen=True, slots=True)
class RtcStatus:
    """A chip's own word about itself; None where it has none.

    `backup` is how it goes over to its battery ("off", "level", "direct", "standard", "on"), `square_wave` what comes out of its
    clock output ("off", "1 Hz", ...), `trim` the signed trim register; `notes` are sentences for people.
    """

    chip: str
    address: int
    shown: UtcTime | None
    doubt: str
    power_lost: bool | None = None
    oscillator_enabled: bool | None = None
    backup: str | None = None
    battery_low: bool | None = None
    trim: int | None = None
    square_wave: str | None = None
    temperature_c: float | None = None
    notes: tuple[str, ...] = ()
    registers: Registers = field(default_factory=dict)

    @property
    def trusted(self) -> bool:
        return not self.doubt


def signed(value: int, bits: int) -> int:
    """Two's complement of the lower `bits`."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
