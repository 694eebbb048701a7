"""What answers is told by reading alone, and where that proves nothing, this is said (F-R14)."""

from __future__ import annotations

import random

import pytest
from register_bus import Clock, RegisterBus
from wired_rtc import START, WiredRtc

import gpstime
from gpstime.drivers.rtc import identify
from gpstime.errors import RtcHeld, RtcUnavailable
from gpstime.sim.bus_time import VirtualTime
from gpstime.sim.chips import CHIPS
from gpstime.sim.chips_faulty import Mpu6050
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.times import UtcTime

ALIKE = {"ds3231m": "ds3231", "ds1338": "ds1307"}
"""Chips that read as another one does: the first of its kind is named, and this one beside it."""


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", list(CHIPS))
def test_each_chip_is_found(name: str, seed: int) -> None:
    wired = WiredRtc(name, seed=seed)
    wired.sleep(random.Random(seed).random() * 90_000)
    found = identify(wired.bus, wired.chip.address, time=wired.time)
    assert found.sure
    assert found.name == ALIKE.get(name, name)
    assert name in (found.name, *found.also)
    assert wired.bus.written == []


@pytest.mark.parametrize("name", list(CHIPS))
def test_on_any_day(name: str) -> None:
    """Weekdays, months, a leap year: a date sets bits that another chip's date does not have."""
    for days in range(0, 1200, 31):
        wired = WiredRtc(name, start=UtcTime(START.day + days, START.ns_of_day))
        assert identify(wired.bus, wired.chip.address, time=wired.time).sure, wired.truth.shows


@pytest.mark.parametrize("name", list(CHIPS))
def test_a_tick_in_between_does_not_hide_the_wrap(name: str) -> None:
    """The registers of the second round are read up to 3 ms after those of the first."""
    wired = WiredRtc(name)
    for early in range(0, 12_000_000, 700_000):
        wired.sleep(max(0, wired.truth.next_tick_ns - wired.time.true_now - early) / 1e9)
        assert identify(wired.bus, wired.chip.address, time=wired.time).sure


@pytest.mark.parametrize("name", [n for n in CHIPS if n not in ("ds3231", "ds3231m")])
def test_a_chip_that_never_was_set_is_still_that_chip(name: str) -> None:
    wired = WiredRtc(name, start=None)
    wired.sleep(2)
    found = identify(wired.bus, wired.chip.address, time=wired.time)
    assert name in (found.name, *found.also)


def test_a_ds3231_of_zeros_is_not_sure() -> None:
    """Fresh from the factory it reads zeros nearly everywhere, and zeros repeat in any rhythm."""
    wired = WiredRtc("ds3231", start=None)
    found = identify(wired.bus, 0x68, time=wired.time)
    assert (found.name, found.sure) == ("ds3231", False)
    assert "nothing proves it" in found.why
    assert {"ds3231m", "ds1307", "ds3232"} <= set(found.also)


def motion_sensor(who: int, seed: int) -> RegisterBus:
    """As an MPU-6050 reads: trims and configuration first, WHO_AM_I at 0x75, no wrap."""
    draw = random.Random(seed)
    registers = [draw.randrange(256) for _ in range(128)] + [0] * 128
    registers[0x75], registers[0x6B] = who, 0x40
    return RegisterBus(0x68, registers)


@pytest.mark.parametrize(("who", "what"), [(0x68, "MPU-6050"), (0x70, "MPU-6500"), (0x71, "MPU-9250")])
def test_a_motion_sensor_is_not_a_clock(who: int, what: str) -> None:
    for seed in range(50):
        bus = motion_sensor(who, seed)
        found = identify(bus, 0x68, time=Clock())
        assert found.name is None
        assert found.sure
        assert found.why == f"register 0x75 says {what}: a motion sensor, not a clock."
        assert bus.writes == []


def test_a_motion_sensor_asked_for_the_time() -> None:
    """Nobody looked before: its registers hold no time, and if they happen to, it is one reading in many thousands."""
    told = [gpstime.open_rtc("ds3231", motion_sensor(0x68, seed), time=Clock()).read() for seed in range(500)]
    assert sum(reading.trusted for reading in told) <= 2


def test_the_simulated_sensor() -> None:
    """On the wire, where its pointer goes on past its registers."""
    for seed in range(40):
        time = VirtualTime()
        bus = FakeI2cBus(time, {0x68: Mpu6050(seed)})
        found = identify(bus, 0x68, time=time)
        assert (found.name, found.sure) == (None, True)
        assert bus.written == []


def test_something_else() -> None:
    for address in (0x68, 0x51, 0x52, 0x32, 0x6F, 0x40):
        bus = RegisterBus(address, [0xA5 ^ i * 37 & 0xFF for i in range(256)])
        found = identify(bus, address, time=Clock())
        assert (found.name, found.sure) == (None, False)
        assert found.why.startswith("not an RTC that is known: register 0x")


def test_an_empty_memory() -> None:
    found = identify(RegisterBus(0x51, [0xFF] * 256), 0x51, time=Clock())
    assert found.name is None
    assert "all registers read 0xFF" in found.why


def test_an_unusual_address() -> None:
    """A PCF8563 behind a translator."""
    wired = WiredRtc("pcf8563")
    wired.bus.plug(0x61, wired.chip)
    assert identify(wired.bus, 0x61, time=wired.time).name == "pcf8563"


def test_registers_without_a_wrap_prove_nothing() -> None:
    """A plain memory into which somebody wrote a time: honest doubt."""
    wired = WiredRtc("ds3231", start=START)
    copied = wired.bus.read_i2c_block_data(0x68, 0, 19)
    bus = RegisterBus(0x68, [*copied, *range(1, 60)])
    found = identify(bus, 0x68, time=Clock())
    assert not found.sure
    assert "nothing proves it" in found.why


def test_nobody_and_the_kernel() -> None:
    wired = WiredRtc("ds3231")
    with pytest.raises(RtcUnavailable, match="the device at 0x32 on the bus is UNAVAILABLE"):
        identify(wired.bus, 0x32, time=wired.time)
    wired.bus.hold(0x68)
    with pytest.raises(RtcHeld):
        identify(wired.bus, 0x68, time=wired.time)
