"""What the trim register of a recorded chip does, known from its name alone: the chip in the state that its maker ships."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from gpstime.core.trim import TrimSpec
from gpstime.errors import GpstimeError


class _Shipped:
    """A bus with a chip on it whose registers are all zero."""

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        return 0

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        return [0] * length

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        raise AssertionError("nothing is written to a recorded chip")

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        raise AssertionError("nothing is written to a recorded chip")

    def i2c_rdwr(self, *i2c_msgs: object) -> None:
        raise AssertionError("nothing is written to a recorded chip")

    def close(self) -> None: ...


@functools.cache
def spec_of(chip: str) -> TrimSpec | None:
    """None for a chip that is not known, or has no trim register."""
    from gpstime.drivers.rtc import open_rtc  # only a recording with a chip in it pays for this

    try:
        return open_rtc(chip, _Shipped()).trim_spec
    except (GpstimeError, OSError):
        return None
