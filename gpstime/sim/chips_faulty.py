"""What else answers at an RTC's address: another device, and copies that are not what they are sold as (F-R08, F-R14)."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from gpstime.sim.chips_calendar import Layout
from gpstime.sim.chips_ds3231 import Ds3231
from gpstime.sim.streams import stream

SLOW_COPY_PPM = -83_000.0
"""Two hours a day."""


def _september(year: int, month: int, day: int) -> tuple[int, int, int] | None:
    return (year, 9, 1) if (month, day) == (12, 31) else None


class Ds3231Copy(Ds3231):
    """Keeps time well and has the registers, but the day after 31 December is 1 September of the same year, as was seen on
    2019-01-01.

    The other copy that was seen lost two hours a day: `Ds3231(ppm=SLOW_COPY_PPM)`.
    """

    layout: ClassVar[Layout] = replace(Ds3231.layout, odd_days=_september)


class Mpu6050:
    """An inertial sensor, whose address is 0x68 as well: WHO_AM_I (0x75) reads 0x68, it sleeps after power-up (0x6B is 0x40).

    Its first registers hold factory trims, different on each part, which may look like a time.
    """

    name = "mpu6050"
    address = 0x68
    size = 0x76

    def __init__(self, seed: int = 0) -> None:
        draw = stream(seed, "chip/mpu6050")
        self.file = bytearray(self.size)
        self.file[0x00:0x0D] = bytes(draw.randrange(256) for _ in range(0x0D))
        self.file[0x6B], self.file[0x75] = 0x40, 0x68
        self._pointer, self._naming = 0, False

    def begin(self, at: int, reading: bool) -> bool:
        self._naming = not reading
        return True

    def take(self, at: int, value: int) -> bool:
        if self._naming:
            self._pointer, self._naming = value, False
        else:
            if self._pointer < self.size - 1:  # WHO_AM_I is read only
                self.file[self._pointer] = value
            self._pointer = (self._pointer + 1) % 256
        return True

    def give(self, at: int) -> int:
        value = self.file[self._pointer] if self._pointer < self.size else 0
        self._pointer = (self._pointer + 1) % 256
        return value

    def end(self, at: int) -> None:
        """Nothing happens at STOP."""
