"""What the commands for clock chips work on: a chip, a clock for its polls, its history, and where a verified second comes from.

A live bench has a real bus; a simulated one (`app.rtc_sim`) is used only when it was named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gpstime.app.rtc_second import TrueSecond
from gpstime.app.rtc_starts import Beside
from gpstime.core.engine import Engine
from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.chip import RtcChip
from gpstime.ports import Timebase
from gpstime.store.rtc_history import History
from gpstime.times import RawNs, UnixNs, UtcTime


@dataclass(frozen=True, slots=True)
class Followed:
    """What a stretch of time showed: the chip beside the pulses, and the engine that numbered them."""

    beside: Beside
    engine: Engine


class Bench(Protocol):
    """`about` says in a sentence that it is simulated, "" if it is not."""

    chip: RtcChip
    history: History
    about: str

    @property
    def time(self) -> Timebase:
        """For polls: the raw clock."""
        ...

    def second(self) -> TrueSecond:
        """A verified second, from pulses that have a label; NoSecond if there is none."""
        ...

    def follow(self, lasts_s: float) -> Followed:
        """Pulses and the starts of the chip's seconds for so many seconds."""
        ...

    def clock(self) -> tuple[RawNs, UnixNs, int]:
        """The system clock: (raw, shown, half-width)."""
        ...

    def set_clock(self, unix: UnixNs, at: RawNs) -> None:
        """Set the system clock such that it showed `unix` at raw instant `at`. DeviceError if it may not be."""
        ...

    def not_before(self) -> UtcTime | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Trim:
    """A chip's trim register as it stands; `spec` None where it has none."""

    spec: TrimSpec | None
    value: int | None

    @property
    def saw_ns(self) -> int:
        """By how much the chip leaves the line of its mean rate, where the trim acts in pulses."""
        if self.spec is None or self.value is None or self.spec.acts != "pulses":
            return 0
        return round(abs(self.spec.pulse_ns(self.value)))


def lasting_s(spec: TrimSpec | None, at_least_s: float) -> float:
    """How long to follow a chip: whole cycles of its trim, and some minutes to find the first start of a second and to make pairs.

    In minutes with pulses, which look like a set, a start is found in every third only.
    """
    if spec is None or spec.acts == "continuous":
        return at_least_s + 180
    return spec.whole_cycles_s(at_least_s) + 600


def trim_of(chip: RtcChip) -> Trim:
    spec = chip.trim_spec
    return Trim(spec, None if spec is None else chip.read_trim())
