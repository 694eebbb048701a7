"""smbus2 itself between the driver and a kernel that is played by a function: no address is ever taken by force (P14)."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
import smbus2
from fake_kernel_rtc import held_tree
from register_bus import Clock, RegisterBus

import gpstime
from gpstime.drivers.rtc import open as opening
from gpstime.errors import RtcHeld
from gpstime.times import UtcTime

SLAVE, SLAVE_FORCE, RDWR, SMBUS = 0x0703, 0x0706, 0x0707, 0x0720
"""The ioctls of <linux/i2c-dev.h>."""
BYTE_DATA, BLOCK_DATA = 2, 8
SECOND = UtcTime.civil(2026, 11, 24, 12)


class Kernel:
    """/dev/i2c-1 with one chip on it. `bound`: a driver has the chip's address, which is asked at I2C_SLAVE and never again."""

    def __init__(self, chip: RegisterBus) -> None:
        self.chip, self.bound, self.asked = chip, False, [0][:0]

    def ioctl(self, fd: int, request: int, argument: Any) -> int:
        self.asked.append(request)
        if request == SLAVE:
            if self.bound:
                raise OSError(errno.EBUSY, "Device or resource busy")
            self.address = argument
            return 0
        assert request == SMBUS, "smbus2's own transfers only: I2C_RDWR and I2C_SLAVE_FORCE would go past a driver"
        told = argument.data.contents
        if argument.read_write and argument.size == BYTE_DATA:
            told.byte = self.chip.read_byte_data(self.address, argument.command)
        elif argument.read_write:
            length = told.block[0]
            told.block[1 : length + 1] = self.chip.read_i2c_block_data(self.address, argument.command, length)
        elif argument.size == BYTE_DATA:
            self.chip.write_byte_data(self.address, argument.command, told.byte)
        else:
            assert argument.size == BLOCK_DATA
            self.chip.write_i2c_block_data(self.address, argument.command, list(told.block[1 : told.block[0] + 1]))
        return 0


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    played = Kernel(RegisterBus(0x68))
    monkeypatch.setattr(smbus2.smbus2, "ioctl", played.ioctl)

    def bus(number: int) -> smbus2.SMBus:
        opened = smbus2.SMBus()
        opened.fd = 99
        return opened

    monkeypatch.setattr(opening, "open_bus", bus)
    return played


def test_through_smbus2(kernel: Kernel, tmp_path: Path) -> None:
    rtc = gpstime.open_rtc("ds3231", 1, time=Clock(1000), root=tmp_path)
    rtc.write_time(SECOND)
    reading = rtc.read()
    assert reading.shown == SECOND
    assert reading.trusted
    assert rtc.poll_seconds().second == 0
    rtc.square_wave(True)
    assert set(kernel.asked) == {SLAVE, SMBUS}


def test_a_driver_that_has_the_address(kernel: Kernel, tmp_path: Path) -> None:
    kernel.bound = True
    rtc = gpstime.open_rtc("ds3231", 1, time=Clock(1000), root=held_tree(tmp_path))
    for verb in (rtc.read, rtc.status, lambda: rtc.set(SECOND), lambda: rtc.square_wave(True)):
        with pytest.raises(RtcHeld, match="rtc-ds1307"):
            verb()
    assert set(kernel.asked) == {SLAVE}
    assert kernel.chip.log == []


def test_a_driver_that_comes_to_the_address_later(kernel: Kernel, tmp_path: Path) -> None:
    """smbus2 has asked for the address before: without a look at sysfs the write would go out beside the driver's."""
    rtc = gpstime.open_rtc("ds3231", 1, time=Clock(1000), root=tmp_path)
    rtc.write_time(SECOND)
    kernel.bound = True
    held_tree(tmp_path)
    before = list(kernel.chip.writes)
    with pytest.raises(RtcHeld, match="gpstime does not force its way past it"):
        rtc.write_time(SECOND)
    assert rtc.state == "HELD"
    assert kernel.chip.writes == before
