"""Other devices, copies, and a kernel that has the RTC as well."""

from __future__ import annotations

import errno
import inspect
import re

import pytest

from gpstime.sim.bus_time import VirtualTime
from gpstime.sim.chips import CHIPS
from gpstime.sim.chips_base import Chip
from gpstime.sim.chips_faulty import SLOW_COPY_PPM, Ds3231Copy, Mpu6050
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.sim.kernel_rtc import ElevenMinutes, KernelDoor, writes_of
from gpstime.times import NS, UtcTime
from tests.sim.wired import MS, START, Wired


def test_a_copy_with_a_calendar_of_its_own() -> None:
    """F-R08: 2018-12-31 was followed by 2018-09-01."""
    c = Ds3231Copy(start=UtcTime.civil(2018, 12, 31, 23, 59, 59))
    assert c.truth_at(2 * NS).shows == UtcTime.civil(2018, 9, 1, 0, 0, 1)
    c = Ds3231Copy(start=UtcTime.civil(2018, 11, 30, 23, 59, 59))
    assert c.truth_at(2 * NS).shows == UtcTime.civil(2018, 12, 1, 0, 0, 1)


def test_a_copy_that_loses_two_hours_a_day() -> None:
    w = Wired("ds3231", ppm=SLOW_COPY_PPM)
    w.run(86_400.0)
    assert w.truth.shows.unix - START.unix == pytest.approx(22 * 3600 * NS, abs=30 * NS)


def test_an_inertial_sensor_at_the_same_address() -> None:
    """F-R14: it says who it is, and reading its first bytes as a time may even succeed."""
    b = FakeI2cBus(VirtualTime(), {0x68: Mpu6050(seed=1)})
    assert b.read_byte_data(0x68, 0x75) == 0x68
    assert b.read_byte_data(0x68, 0x6B) == 0x40
    b.write_byte_data(0x68, 0x75, 0x00)
    assert b.read_byte_data(0x68, 0x75) == 0x68
    b.write_i2c_block_data(0x68, 0x6B, [0x01])
    assert b.read_byte_data(0x68, 0x6B) == 0x01
    first = b.read_i2c_block_data(0x68, 0x00, 7)
    assert b.read_i2c_block_data(0x68, 0x00, 7) == first, "nothing counts"
    assert bytes(Mpu6050(seed=2).file) != bytes(Mpu6050(seed=1).file)


# ---- the kernel's door ---------------------------------------------------------------------------------------------------------


def door(name: str, **options) -> tuple[KernelDoor, Wired]:
    broken = options.pop("broken_reads", False)
    w = Wired(name, **options)
    return KernelDoor(w.bus, w.chip, broken_reads=broken), w


@pytest.mark.parametrize("name", list(CHIPS))
def test_the_kernel_reads_and_sets_while_we_may_not(name: str) -> None:
    d, w = door(name)
    w.run(5.5)
    assert d.read_time() == UtcTime.civil(2026, 3, 1, 12, 0, 5)
    with pytest.raises(OSError, match="busy") as caught:
        w.byte(0x00)
    assert caught.value.errno == errno.EBUSY
    d.set_time(UtcTime.civil(2031, 5, 6, 7, 8, 9))
    assert d.read_time() == UtcTime.civil(2031, 5, 6, 7, 8, 9)
    w.run(1.1)
    assert d.read_time() == UtcTime.civil(2031, 5, 6, 7, 8, 10)
    assert w.truth.trusted


@pytest.mark.parametrize("name", list(CHIPS))
def test_the_kernel_refuses_a_lost_time_until_it_is_set(name: str) -> None:
    d, w = door(name, start=None)
    w.run(0.3)
    with pytest.raises(OSError, match="Invalid argument") as caught:
        d.read_time()
    assert caught.value.errno == errno.EINVAL
    d.set_time(START)
    w.run(0.1)
    if name != "ds1338":  # rtc-ds1307 clears the DS1338's flag in a write of its own that is left out here
        assert d.read_time() == START


def test_reading_moves_the_clock_with_the_broken_driver() -> None:
    """F-R17: only where the larger load capacitor is selected, and by up to a minute."""
    for control, moved in ((0x00, False), (0x80, True)):
        d, w = door("pcf8523", broken_reads=True, start=UtcTime.civil(2026, 3, 1, 12, 0, 40))
        w.chip.poke(0x00, control)
        d.read_time()
        assert (w.truth.shows.unix < START.unix + 39 * NS) == moved
        assert w.truth.trusted


def test_sysfs_offset_of_the_pcf8523_is_positive_for_slower() -> None:
    d, w = door("pcf8523", ppm=106.9)
    d.offset_ppb = 106_900
    assert d.offset_ppb == pytest.approx(106_900, abs=2_200)
    assert abs(w.truth.mean_ppm) < 2.2
    d.offset_ppb = -4340
    assert w.chip.file[0x0E] == 0x7F
    d.offset_ppb = 10**9
    assert w.chip.file[0x0E] & 0x7F == 63


def test_sysfs_offset_of_the_rv3028_goes_the_other_way() -> None:
    d, w = door("rv3028", ppm=3.8)
    d.offset_ppb = -3815
    assert d.offset_ppb == -3815
    assert (w.chip.file[0x36], w.chip.file[0x37] >> 7) == (0xFE, 0)
    assert w.truth.ppm == pytest.approx(3.8 - 3.815, abs=0.001)


def test_chips_without_the_file() -> None:
    for name in ("ds3231", "ds1307", "pcf8563", "rv8803", "mcp7940n"):
        d, _ = door(name)
        with pytest.raises(OSError, match="not supported"):
            d.offset_ppb = 1000
        with pytest.raises(OSError, match="not supported"):
            _ = d.offset_ppb


@pytest.mark.parametrize(("celsius", "mc"), [(25.25, 25_250), (-0.5, -500), (-40.0, -40_000), (0.0, 0)])
def test_temperature_through_hwmon(celsius: float, mc: int) -> None:
    d, _ = door("ds3231", temperature_c=celsius)
    assert d.temperature_mc == mc
    with pytest.raises(OSError, match="not supported"):
        _ = door("pcf8523")[0].temperature_mc


def test_an_older_driver_makes_a_bad_time_look_good() -> None:
    """P15: the flag is gone after loading it."""
    d, w = door("ds3231", start=None)
    d.probe(clears_flag=False)
    assert not w.truth.trusted
    d.probe()
    assert w.truth.trusted
    assert d.read_time().iso().startswith("2000-01-01")


# ---- every eleven minutes ------------------------------------------------------------------------------------------------------


def rewritten(name: str, seconds: float, **options) -> tuple[Wired, ElevenMinutes]:
    """A chip 30 ppm fast under a kernel whose system clock is 2.5 s ahead of true time."""
    w = Wired(name, ppm=30.0, seed=3)
    k = ElevenMinutes(w.chip, lambda true: START.unix + true + 2_500 * MS, seed=3, **options)
    w.run(seconds)
    return w, k


@pytest.mark.parametrize("name", [n for n, c in CHIPS.items() if c.access == "latched" and n != "mcp7940n"])
def test_the_kernel_rewrites_every_eleven_minutes_with_a_phase_of_its_own(name: str) -> None:
    w, k = rewritten(name, 7200.0)
    assert len(k.wrote) == 11
    gaps = [b - a for a, b in zip(k.wrote, k.wrote[1:], strict=False)]
    assert all(659 * NS < g < 661.5 * NS for g in gaps)
    for n in (0, 5, 10):
        w, k = rewritten(name, 60.0 + 660 * n + 3)
        error = w.truth.shows.unix - (START.unix + w.true + 2_500 * MS)
        assert abs(error) < 6 * MS, "as the system clock shows it, not as it is"
    assert abs(w.truth.ppm) == 30.0, "its own rate is what it was"


def test_an_unsynchronised_kernel_leaves_it_alone() -> None:
    """Done 1 of the issue: with STA_UNSYNC nothing is written."""
    w, k = rewritten("ds3231", 7200.0, synchronised=lambda: False)
    assert k.wrote == []
    assert w.truth.shows.unix == pytest.approx(START.unix + 7200 * NS * (1 + 30e-6), abs=5)


def test_a_rewrite_waits_for_the_bus() -> None:
    """It never falls between the bytes of somebody else's transfer."""
    w, k = rewritten("ds3231", 60.0)
    due = w.chip._due[0][0]
    w.time.run_to_true(due - 300_000)
    shown = w.read(0x00, 7)
    assert shown == [0x00, 0x01, 0x12, 0x01, 0x01, 0x03, 0x26]
    w.run(3.0)
    assert len(k.wrote) == 1


def test_the_order_in_which_the_kernel_writes() -> None:
    def registers(name: str) -> list[int]:
        c: Chip = CHIPS[name](start=START)
        return [register for register, _ in writes_of(c, START)]

    assert registers("ds1307") == [0x00]
    assert registers("ds3231") == [0x00, 0x0F]
    assert registers("pcf8523") == [0x00, 0x03, 0x00]
    assert registers("pcf8563") == [0x02]
    assert registers("rv8803") == [0x0F, 0x00, 0x0F, 0x0E]


def test_the_table_of_faults_is_whole_and_its_names_exist() -> None:
    from gpstime.sim import chips, chips_faulty, kernel_rtc
    from gpstime.sim.i2c_faults import WireFaults

    table = chips.__doc__ or ""
    assert sorted({int(n) for n in re.findall(r"F-R(\d\d)", table)}) == list(range(1, 18))
    for name in re.findall(r"chips_faulty\.(\w+)", table):
        assert hasattr(chips_faulty, name)
    for name in re.findall(r"(?:kernel_rtc\.)?(KernelDoor|ElevenMinutes)", table):
        assert hasattr(kernel_rtc, name)
    for name in re.findall(r"bus\.faults\.(\w+)|`\.(\w+)\(\)`", table):
        assert hasattr(WireFaults, "".join(name))
    options = inspect.signature(Chip.__init__).parameters
    for name in re.findall(r"`(\w+)=[\d\"TFNc-]", table):
        assert name in options, name
