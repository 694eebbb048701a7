"""A fake chip on a fake bus, for tests that are the driver themselves."""

from __future__ import annotations

from typing import Any

from gpstime.sim.bus_time import VirtualTime
from gpstime.sim.chips import chip
from gpstime.sim.chips_base import Chip
from gpstime.sim.chips_truth import ChipTruth
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.times import NS, UtcTime

START = UtcTime.civil(2026, 3, 1, 12)
MS = 1_000_000


class Wired:
    """One chip at its address on a bus without overhead; true and raw time are the same."""

    def __init__(self, name: str, **options: Any) -> None:
        options.setdefault("start", START)
        self.chip: Chip = chip(name, **options)
        self.time = VirtualTime()
        self.bus = FakeI2cBus(self.time, {self.chip.address: self.chip}, overhead_ns=0)

    @property
    def true(self) -> int:
        return self.time.true_now

    @property
    def truth(self) -> ChipTruth:
        return self.chip.truth_at(self.true)

    def run(self, seconds: float) -> None:
        self.time.run_to_true(self.true + round(seconds * NS))
        self.chip.run_to(self.true)

    def to(self, seconds: float) -> None:
        self.time.run_to_true(round(seconds * NS))
        self.chip.run_to(self.true)

    def read(self, register: int, length: int = 1) -> list[int]:
        return self.bus.read_i2c_block_data(self.chip.address, register, length)

    def byte(self, register: int) -> int:
        return self.bus.read_byte_data(self.chip.address, register)

    def write(self, register: int, *values: int) -> None:
        self.bus.write_i2c_block_data(self.chip.address, register, list(values))

    def cut(self, seconds: float) -> None:
        self.chip.power_cut(self.true)
        self.time.sleep(seconds)
        self.chip.power_back(self.true)

    def mean_ppm(self, seconds: float) -> float:
        """How the chip runs over so many true seconds from now."""
        before = self.truth.elapsed_ns
        began = self.true
        self.run(seconds)
        return ((self.truth.elapsed_ns - before) / (self.true - began) - 1) * 1e6
