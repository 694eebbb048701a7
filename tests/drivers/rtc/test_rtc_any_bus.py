"""Buses with only some of smbus2's methods, errors without a number, and the chips' names as they are printed on the case."""

from __future__ import annotations

from typing import Any

import pytest
from register_bus import Clock, RegisterBus

import gpstime
from gpstime.drivers.rtc import chip_named
from gpstime.errors import RtcUnavailable, UsageError
from gpstime.times import UtcTime

NOON = UtcTime.civil(2026, 11, 24, 12)
BLOCKS = ("read_i2c_block_data", "write_i2c_block_data")
BYTES = ("read_byte_data", "write_byte_data")


class MessageBus:
    """A bus of I2C_RDWR alone: a write that names the register, and a read after it; or a write with the data."""

    def __init__(self) -> None:
        self.chip = RegisterBus(0x68, [0x00, 0x00, 0x12, 0x03, 0x24, 0x11, 0x26])

    def i2c_rdwr(self, *messages: Any) -> None:
        first = list(messages[0])
        if len(messages) == 1:
            self.chip.write_i2c_block_data(messages[0].addr, first[0], first[1:])
            return
        assert messages[1].flags & 1
        for i, value in enumerate(self.chip.read_i2c_block_data(messages[1].addr, first[0], messages[1].len)):
            messages[1].buf[i] = value.to_bytes(1, "big")


class Some:
    """Only these methods of a bus."""

    def __init__(self, bus: RegisterBus, *names: str) -> None:
        for name in names:
            setattr(self, name, getattr(bus, name))


def test_a_bus_that_offers_messages_alone_reads_sets_and_trims() -> None:
    bus = MessageBus()
    rtc = gpstime.open_rtc("ds3231", bus=bus, time=Clock(1000))  # type: ignore[arg-type]
    assert (rtc.read().shown, rtc.poll_seconds().second) == (NOON, 0)
    assert not bus.chip.writes
    rtc.set(UtcTime.civil(2026, 11, 24, 12, 0, 9))
    assert bus.chip.registers[:3] == [0x09, 0x00, 0x12]
    bus.chip.done[0x0E] = 0x20
    rtc.write_trim(-3)
    assert rtc.read().aging == -3
    rtc.close()


def test_single_bytes_are_made_of_blocks_and_blocks_are_never_taken_apart() -> None:
    chip = RegisterBus(0x68, [0x00, 0x00, 0x12, 0x03, 0x24, 0x11, 0x26])
    chip.done[0x0E] = 0x20
    rtc = gpstime.open_rtc("ds3231", bus=Some(chip, *BLOCKS), time=Clock(1000))  # type: ignore[arg-type]
    assert rtc.read().shown == NOON
    rtc.write_trim(5)
    assert rtc.read_trim() == 5
    with pytest.raises(UsageError, match="read_i2c_block_data"):
        gpstime.open_rtc("ds3231", bus=Some(chip, *BYTES), time=Clock(1000))  # type: ignore[arg-type]


def test_a_bus_that_can_only_read_is_read_and_says_so_when_it_is_to_write() -> None:
    chip = RegisterBus(0x68, [0x00, 0x00, 0x12, 0x03, 0x24, 0x11, 0x26])
    rtc = gpstime.open_rtc("ds1307", bus=Some(chip, "read_byte_data", "read_i2c_block_data"), time=Clock(1000))  # type: ignore[arg-type]
    assert rtc.read().trusted
    with pytest.raises(UsageError, match="write_i2c_block_data"):
        rtc.set(NOON)
    rtc.close()


@pytest.mark.parametrize(
    ("error", "says"),
    [(TimeoutError("late"), "errno 110"), (OSError("bridge unplugged"), "bridge unplugged"), (OSError(5), "OSError")],
)
def test_an_error_without_a_number_is_no_success(error: OSError, says: str) -> None:
    class Broken(RegisterBus):
        def read_i2c_block_data(self, address: int, register: int, length: int) -> list[int]:
            raise error

    rtc = gpstime.open_rtc("ds3231", bus=Broken(0x68), time=Clock(1000))
    with pytest.raises(RtcUnavailable, match=says) as caught:
        rtc.read()
    assert "Success" not in str(caught.value)
    assert rtc.state == "UNAVAILABLE"


@pytest.mark.parametrize(
    ("printed", "name"),
    [
        ("RV-3028-C7", "rv3028"),
        ("RV-8803-C7", "rv8803"),
        ("DS3231SN#", "ds3231"),
        ("DS3231N", "ds3231"),
        ("DS3231M+", "ds3231m"),
        ("PCF8523T", "pcf8523"),
        ("PCF85063AT", "pcf85063a"),
        ("BM8563", "pcf8563"),
        ("MCP79412", "mcp7940n"),
        ("DS1307Z+", "ds1307"),
    ],
)
def test_names_as_they_are_printed_on_the_case(printed: str, name: str) -> None:
    assert chip_named(printed) == name
