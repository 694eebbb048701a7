"""A real driver on a fake chip on a fake bus, and what the test may know of them."""

from __future__ import annotations

from typing import Any

import gpstime
from gpstime.drivers.rtc import RtcChip
from gpstime.sim.bus_time import VirtualTime
from gpstime.sim.chips import chip
from gpstime.sim.chips_base import Chip
from gpstime.sim.chips_truth import ChipTruth
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.times import NS, UtcTime

START = UtcTime.civil(2026, 11, 24, 9, 59, 40)


class WiredRtc:
    """`rtc`: the driver; `chip`: the fake; `time`: the raw clock, which runs true. `speed`: the driver knows that of the bus."""

    def __init__(
        self, name: str, *, speed: bool = True, baud: int = 100_000, faults: dict[str, Any] | None = None, **options: Any
    ) -> None:
        options.setdefault("start", START)
        self.time = VirtualTime()
        self.chip: Chip = chip(name, **options)
        self.bus = FakeI2cBus(self.time, {self.chip.address: self.chip}, baud=baud, **(faults or {}))
        self.rtc: RtcChip = gpstime.open_rtc(name, self.bus, time=self.time, baud_hz=baud if speed else None)

    @property
    def truth(self) -> ChipTruth:
        return self.chip.truth_at(self.time.true_now)

    def shows_at(self, raw_ns: int) -> int:
        """What the chip's counters with their fraction showed or will show at a raw instant near now, in POSIX ns.

        Only as long as nobody writes and no correction comes in between.
        """
        truth = self.truth
        assert truth.shows is not None
        away = self.time.true_ns(raw_ns) - truth.at_ns
        return truth.shows.unix + away + round(away * truth.ppm * 1e-6)

    def sleep(self, seconds: float) -> None:
        self.time.sleep(seconds)

    def cut(self, seconds: float = 3600.0) -> None:
        """A power cut."""
        self.chip.power_cut(self.time.true_now)
        self.time.sleep(seconds)
        self.chip.power_back(self.time.true_now)
        self.time.sleep(0.2)


def floor_second(unix_ns: int) -> int:
    return unix_ns // NS * NS
