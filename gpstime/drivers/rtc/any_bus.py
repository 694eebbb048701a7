"""Any object with some of smbus2's methods as a bus that has all those that a chip needs.

Some buses (a USB bridge's, a test's) offer only `i2c_rdwr`, or no single bytes, or no `close`. What is missing is made from what is
there, transfer for transfer: a block is never taken apart into bytes, since a clock that ticks between two of them would be torn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gpstime.errors import UsageError
from gpstime.ports import I2cBus

NEEDED = ("read_byte_data", "read_i2c_block_data", "write_byte_data", "write_i2c_block_data", "close")


def whole_bus(given: Any) -> I2cBus:
    """`given` itself where it has all that is needed. UsageError where it can't read a block."""
    if all(callable(getattr(given, name, None)) for name in NEEDED):
        bus: I2cBus = given
        return bus
    return _Completed(given)


class _Completed:
    def __init__(self, given: Any) -> None:
        self._given = given
        if not (self._has("read_i2c_block_data") or self._has("i2c_rdwr")):
            raise UsageError(
                f"{type(given).__name__} is no bus that a clock can be read from: it has neither read_i2c_block_data nor i2c_rdwr "
                "(smbus2's methods); one byte at a time the second could tick between two of them"
            )

    def _has(self, name: str) -> bool:
        return callable(getattr(self._given, name, None))

    def read_byte_data(self, i2c_addr: int, register: int, /) -> int:
        if self._has("read_byte_data"):
            return int(self._given.read_byte_data(i2c_addr, register))
        return self.read_i2c_block_data(i2c_addr, register, 1)[0]

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, /) -> list[int]:
        if self._has("read_i2c_block_data"):
            return list(self._given.read_i2c_block_data(i2c_addr, register, length))
        message = _messages()
        got = message.read(i2c_addr, length)
        self._given.i2c_rdwr(message.write(i2c_addr, [register]), got)
        return list(got)

    def write_byte_data(self, i2c_addr: int, register: int, value: int, /) -> None:
        if self._has("write_byte_data"):
            self._given.write_byte_data(i2c_addr, register, value)
        else:
            self.write_i2c_block_data(i2c_addr, register, [value])

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int], /) -> None:
        if self._has("write_i2c_block_data"):
            self._given.write_i2c_block_data(i2c_addr, register, list(data))
        elif self._has("i2c_rdwr"):
            self._given.i2c_rdwr(_messages().write(i2c_addr, [register, *data]))
        else:
            raise UsageError(f"{type(self._given).__name__} can't be written to: it has neither write_i2c_block_data nor i2c_rdwr")

    def i2c_rdwr(self, *i2c_msgs: Any) -> None:
        self._given.i2c_rdwr(*i2c_msgs)

    def close(self) -> None:
        if self._has("close"):
            self._given.close()


def _messages() -> Any:
    """smbus2's class of messages, imported only where it is needed."""
    from smbus2 import i2c_msg

    return i2c_msg
