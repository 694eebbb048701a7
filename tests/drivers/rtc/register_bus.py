"""A bus of plain registers with smbus2's methods: whatever is written stays, nothing ticks, and every transfer is counted.

For what a chip's decoding makes of any contents. The behaviour of the chips is tested on `gpstime.sim.fake_i2c`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpstime.times import RawNs


class Clock:
    """A `Timebase` that moves only when somebody sleeps, or by `step_ns` for each look."""

    def __init__(self, step_ns: int = 0) -> None:
        self.t, self.step_ns, self.slept = 1_000_000_000, step_ns, 0.0

    def now(self) -> RawNs:
        self.t += self.step_ns
        return RawNs(self.t)

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.t += round(seconds * 1e9)


class RegisterBus:
    """`failing`: errors raised by the next transfers, one each (None: that one works). `log`: ("r" or "w", register, length).

    `done`: bits that the chip clears when it has done what they ask for, by register.
    """

    def __init__(self, address: int, registers: Sequence[int] = ()) -> None:
        self.address = address
        self.registers = list(registers) + [0] * (256 - len(registers))
        self.failing: list[int | None] = []
        self.done: dict[int, int] = {}
        self.log: list[tuple[str, int, int]] = []
        self.closed = False

    @property
    def writes(self) -> list[tuple[str, int, int]]:
        return [entry for entry in self.log if entry[0] == "w"]

    def _transfer(self, way: str, address: int, register: int, length: int) -> None:
        self.log.append((way, register, length))
        if address != self.address:
            raise OSError(121, "Remote I/O error")
        if self.failing and (number := self.failing.pop(0)):
            raise OSError(number, "made to fail")

    def read_byte_data(self, address: int, register: int) -> int:
        self._transfer("r", address, register, 1)
        return self.registers[register]

    def read_i2c_block_data(self, address: int, register: int, length: int) -> list[int]:
        assert 1 <= length <= 32
        self._transfer("r", address, register, length)
        return [self.registers[(register + i) % 256] for i in range(length)]

    def write_byte_data(self, address: int, register: int, value: int) -> None:
        self.write_i2c_block_data(address, register, [value])

    def write_i2c_block_data(self, address: int, register: int, values: Sequence[int]) -> None:
        self._transfer("w", address, register, len(values))
        assert all(0 <= value <= 0xFF for value in values)
        self.registers[register : register + len(values)] = values
        for asked, bits in self.done.items():
            self.registers[asked] &= ~bits

    def i2c_rdwr(self, *messages: Any) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True
