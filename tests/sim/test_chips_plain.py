"""DS1307, DS1338 and MCP7940N: oscillators that have to be started."""

from __future__ import annotations

import pytest

from gpstime.times import NS, UtcTime
from tests.sim.wired import MS, Wired

# ---- DS1307, DS1338 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "control"), [("ds1307", 0x03), ("ds1338", 0xB3)])
def test_the_clock_is_halted_after_power_up(name: str, control: int) -> None:
    w = Wired(name, start=None)
    assert w.read(0x00, 8) == [0x80, 0, 0, 1, 1, 1, 0, control]
    w.run(5.0)
    assert w.byte(0x00) == 0x80
    w.write(0x00, 0x00)
    w.run(5.1)
    assert w.byte(0x00) == 0x05
    assert w.truth.trusted == (name == "ds1307"), "the DS1338 has a flag beside"


def test_the_flag_of_the_ds1338() -> None:
    w = Wired("ds1338")
    assert w.byte(0x07) & 0x20 == 0
    w.write(0x07, 0xB3)
    assert w.byte(0x07) & 0x20 == 0, "it can't be set"
    w.write(0x00, 0x80)
    assert w.byte(0x07) & 0x20, "halting the oscillator sets it"
    w.write(0x00, 0x00)
    w.write(0x07, 0x93)
    assert w.truth.trusted


@pytest.mark.parametrize("name", ["ds1307", "ds1338"])
def test_writing_the_seconds_resets_the_chain(name: str) -> None:
    w = Wired(name, start=UtcTime.civil(2026, 3, 1, 12, 0, 0, 700 * MS))
    w.write(0x00, 0x15, 0x00, 0x12)
    assert w.truth.last_tick_ns == 270_000
    w.to(1.0)
    assert w.byte(0x00) == 0x15


@pytest.mark.parametrize("name", ["ds1307", "ds1338"])
def test_ram_goes_round_to_the_seconds(name: str) -> None:
    w = Wired(name)
    w.write(0x3F, 0xAB)
    assert w.read(0x3F, 2) == [0xAB, 0x00]


# ---- MCP7940N ------------------------------------------------------------------------------------------------------------------


def test_as_delivered() -> None:
    w = Wired("mcp7940n", start=None)
    assert w.read(0x00, 9) == [0, 0, 0, 1, 1, 1, 1, 0x80, 0]
    w.run(100.0)
    assert w.byte(0x00) == 0x00
    w.write(0x00, 0x80)
    assert not w.byte(0x03) & 0x20, "OSCRUN comes after 32 clocks"
    w.run(0.001)
    assert w.byte(0x03) & 0x20
    assert w.truth.trusted
    w.run(5.0)
    assert w.byte(0x00) == 0x85


def test_stopping_and_starting() -> None:
    w = Wired("mcp7940n")
    w.to(4.25)
    w.write(0x00, 0x04)
    w.run(0.002)
    assert not w.byte(0x03) & 0x20
    w.run(60.0)
    w.write(0x00, 0x84)
    assert w.truth.phase_ns == pytest.approx(250 * MS + 280_000, abs=60_000), "the divider stood still"


def test_the_leap_year_bit_is_computed() -> None:
    assert Wired("mcp7940n", start=UtcTime.civil(2028, 1, 1)).byte(0x05) == 0x21
    assert Wired("mcp7940n", start=UtcTime.civil(2026, 1, 1)).byte(0x05) == 0x01


@pytest.mark.parametrize(("register", "clocks"), [(0x9E, 60), (0x1E, -60), (0xFF, 254), (0x7F, -254), (0x80, 0)])
def test_the_trim_acts_once_a_minute_and_its_sign_bit_means_faster(register: int, clocks: int) -> None:
    w = Wired("mcp7940n", ppm=-28.0)
    w.write(0x08, register)
    w.to(59.0)
    assert w.truth.phase_ns == pytest.approx((59 * (1 - 28e-6) % 1) * NS, abs=2)
    w.to(61.0)
    assert w.truth.mean_ppm == pytest.approx(-28.0 + clocks / 2 * 1.01725, abs=0.04)
    w.to(601.0)
    expected = 601 * NS * (1 - 28e-6) + 10 * clocks / 32768 * NS
    assert (w.truth.shows.unix - UtcTime.civil(2026, 3, 1, 12).unix) == pytest.approx(expected, abs=3)


def test_the_coarse_trim_acts_all_the_time() -> None:
    w = Wired("mcp7940n")
    w.write(0x07, 0x84)
    w.write(0x08, 0x81)
    assert w.mean_ppm(100.0) == pytest.approx(2 * 128 / 32768 * 1e6)


def test_power_failures_are_stamped_once() -> None:
    w = Wired("mcp7940n", start=UtcTime.civil(2026, 3, 1, 12, 34, 56))
    w.cut(3600.0)
    assert w.byte(0x03) & 0x10
    assert w.read(0x18, 8) == [0x34, 0x12, 0x01, 0x23, 0x34, 0x13, 0x01, 0x23], "Sunday is 1"
    w.cut(3600.0)
    assert w.read(0x1D, 1) == [0x13], "the first failure stays until the bit is cleared"
    w.write(0x03, 0x09)
    assert not w.byte(0x03) & 0x10
    assert w.read(0x18, 8) == [0] * 8


def test_without_vbaten_the_time_is_lost() -> None:
    w = Wired("mcp7940n", backup=False)
    w.cut(1.0)
    assert w.read(0x00, 1) == [0x00]
    assert not w.truth.trusted


def test_registers_and_ram_go_round_in_themselves() -> None:
    w = Wired("mcp7940n")
    w.write(0x20, 0x77)
    w.write(0x5F, 0x55)
    assert w.read(0x5F, 2) == [0x55, 0x77]
    assert w.read(0x1F, 2) == [0x00, 0x80]
