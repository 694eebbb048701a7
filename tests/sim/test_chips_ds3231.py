"""The DS3231 family as Maxim's documents have it: flags, copying, the countdown chain, aging, temperature, the output."""

from __future__ import annotations

import errno
import itertools

import pytest

from gpstime.sim.bus_time import VirtualTime
from gpstime.sim.chips import chip as fake
from gpstime.sim.chips_ds3231 import Ds3231, Ds3231m, Ds3232
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.times import NS, UtcTime

AT = 0x68
START = UtcTime.civil(2026, 3, 1, 12)
MS = 1_000_000


def wired(name: str = "ds3231", **options):
    options.setdefault("start", START)
    c = fake(name, **options)
    return FakeI2cBus(VirtualTime(), {AT: c}, overhead_ns=0), c


def test_registers_after_first_power() -> None:
    b, c = wired(start=None)
    assert b.read_i2c_block_data(AT, 0, 7) == [0, 0, 0, 1, 1, 1, 0]
    assert b.read_byte_data(AT, 0x0E) == 0x1C
    assert b.read_byte_data(AT, 0x0F) & ~0x04 == 0x88
    assert not c.truth.trusted


@pytest.mark.parametrize("name", ["ds3231", "ds3231m", "ds3232"])
def test_the_flag_can_be_cleared_but_not_set(name: str) -> None:
    b, c = wired(name, start=None)
    assert b.read_byte_data(AT, 0x0F) & 0x80
    b.write_byte_data(AT, 0x0F, 0x08)
    assert not b.read_byte_data(AT, 0x0F) & 0x80
    assert c.truth.trusted
    b.write_byte_data(AT, 0x0F, 0xFF)
    assert b.read_byte_data(AT, 0x0F) & 0x83 == 0
    assert c.truth.trusted


def test_read_only_bits_stay() -> None:
    b, _ = wired(temperature_c=-10.25)
    b.time.sleep(70.0)
    for register, value in ((0x11, 0x55), (0x12, 0x40), (0x0F, 0x74), (0x00, 0xFF), (0x05, 0x60)):
        before = b.read_byte_data(AT, register)
        b.write_byte_data(AT, register, value)
        mask = {0x11: 0xFF, 0x12: 0xFF, 0x0F: 0x74, 0x00: 0x80, 0x05: 0x60}[register]
        assert b.read_byte_data(AT, register) & mask == before & mask


def test_the_pointer_goes_round_after_the_last_register() -> None:
    b, _ = wired()
    assert b.read_i2c_block_data(AT, 0x11, 4) == [25, 0, 0x00, 0x00]
    b, _ = wired("ds3232")
    b.write_i2c_block_data(AT, 0xFF, [0xAA])
    assert b.read_i2c_block_data(AT, 0xFF, 3) == [0xAA, 0x00, 0x00]


def test_counters_are_copied_at_start_and_a_copy_of_the_chip_tears() -> None:
    """At 11:59:59 minutes and hours roll between the bytes: the chip gives one time, the copy (F-R05) an hour that never was."""
    for torn, shown in ((False, [0x59, 0x59, 0x11]), (True, [0x59, 0x00, 0x12])):
        b, c = wired(start=UtcTime.civil(2026, 3, 1, 11, 59, 59), torn=torn)
        # after address, register, repeated START, address the seconds go out at 0.28 ms, the minutes at 0.37 ms
        b.time.run_to_true(NS - 330_000)
        assert b.read_i2c_block_data(AT, 0, 3) == shown, torn
        assert c.truth.shows.iso() == "2026-03-01T12:00:00Z"


def test_the_copy_is_of_the_repeated_start() -> None:
    """0.19 ms after the first one: a rollover between the two is seen."""
    for before_ms, second in ((0.185, 0x01), (0.195, 0x00)):
        b, _ = wired()
        b.time.run_to_true(round(NS - before_ms * MS))
        assert b.read_byte_data(AT, 0) == second


def test_going_round_copies_again() -> None:
    b, _ = wired("ds3231")
    b.time.run_to_true(NS - 600_000)
    got = b.read_i2c_block_data(AT, 0x0E, 6)  # five registers, then the seconds, which rolled meanwhile
    assert got[5] == 0x01


def test_writing_the_seconds_resets_the_countdown_chain_on_its_acknowledge() -> None:
    b, c = wired(start=UtcTime.civil(2026, 3, 1, 12, 0, 0, 400_000_000))
    began = b.time.true_now
    b.write_i2c_block_data(AT, 0, [0x30, 0x59, 0x23])
    assert c.truth.last_tick_ns == began + 27 * 10_000, "address, register, seconds"
    assert c.truth.shows.iso() == "2026-03-01T23:59:30Z"
    b.time.run_to_true(began + 270_000 + NS - 500_000)
    assert b.read_byte_data(AT, 0) == 0x30
    b.time.run_to_true(began + 270_000 + NS)
    assert b.read_byte_data(AT, 0) == 0x31


def test_other_writes_leave_the_chain_alone() -> None:
    b, c = wired(start=UtcTime.civil(2026, 3, 1, 12, 0, 0, 400_000_000))
    b.write_i2c_block_data(AT, 1, [0x59, 0x23, 0x02, 0x28, 0x02, 0x27])
    b.write_byte_data(AT, 0x10, 0x05)
    assert c.truth.last_tick_ns == -400 * MS


def test_a_late_rest_of_a_write_rolls_over() -> None:
    """What the document warns of: more than a second after the seconds, the old minute has been counted on."""
    b, c = wired()
    b.write_byte_data(AT, 0, 0x59)
    b.time.sleep(1.2)
    b.write_byte_data(AT, 1, 0x30)
    assert c.truth.shows.iso() == "2026-03-01T12:30:00Z", "a minute less than was meant"


# ---- temperature and aging ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("celsius", "raw"), [(25.25, [0x19, 0x40]), (-0.25, [0xFF, 0xC0]), (-40.0, [0xD8, 0x00]), (85.9, [0x55, 0xC0])]
)
def test_temperature(celsius: float, raw: list[int]) -> None:
    b, _ = wired(temperature_c=celsius)
    assert b.read_i2c_block_data(AT, 0x11, 2) == raw


@pytest.mark.parametrize(("name", "every_s"), [("ds3231", 64.0), ("ds3231m", 1.0), ("ds3232", 64.0)])
def test_temperature_comes_in_its_cycle(name: str, every_s: float) -> None:
    b, c = wired(name, temperature_c=lambda at: at / NS / 10)
    seen = []
    for s in range(3000):
        b.time.run_to_true(s * NS // 10)
        c.run_to(b.time.true_now)
        whole = c.file[0x11] * 4 + (c.file[0x12] >> 6)
        if not seen or seen[-1][1] != whole:
            seen.append((s / 10, whole))
    gaps = [after - before for (before, _), (after, _) in itertools.pairwise(seen[1:])]
    assert min(gaps) == pytest.approx(max(every_s, 2.5 // every_s * every_s), abs=1.0)


def test_a_ds3232_can_be_slowed_down() -> None:
    b, c = wired("ds3232", temperature_c=lambda at: float(at // NS % 80))
    b.write_byte_data(AT, 0x0F, 0x78)  # CRATE 11: 512 s
    b.time.sleep(200.0)
    c.run_to(b.time.true_now)
    before = c.file[0x11]
    for _ in range(4):
        b.time.sleep(64.0)
        c.run_to(b.time.true_now)
        assert c.file[0x11] == before


@pytest.mark.parametrize("name", ["ds3231", "ds3232"])
@pytest.mark.parametrize(("register", "signed"), [(4, 4), (0xFC, -4), (0x80, -128), (0x7F, 127)])
def test_aging_acts_after_a_conversion_only(name: str, register: int, signed: int) -> None:
    """F-R15: at a steady temperature it may stay without effect for ever; CONV makes it act within a quarter of a second."""
    b, c = wired(name, ppm=0.2)
    b.write_byte_data(AT, 0x10, register)
    b.time.sleep(1000.0)
    assert c.truth_at(b.time.true_now).ppm == 0.2
    b.write_byte_data(AT, 0x0E, 0x3C)
    assert b.read_byte_data(AT, 0x0E) == 0x3C, "the bit stays until it is done"
    b.time.sleep(0.01)
    assert b.read_byte_data(AT, 0x0F) & 4, "busy"
    assert c.truth.ppm == 0.2
    b.time.sleep(0.2)
    assert b.read_byte_data(AT, 0x0E) == 0x1C
    assert not b.read_byte_data(AT, 0x0F) & 4
    assert c.truth.ppm == pytest.approx(0.2 - 0.1 * signed)


def test_aging_acts_by_itself_when_the_temperature_changes() -> None:
    b, c = wired(temperature_c=lambda at: 25.0 if at < 100 * NS else 26.0)
    b.write_byte_data(AT, 0x10, 10)
    b.time.run_to_true(99 * NS)
    assert c.truth_at(b.time.true_now).ppm == 0.0
    b.time.run_to_true(165 * NS)
    assert c.truth_at(b.time.true_now).ppm == -1.0


def test_aging_of_the_m_acts_within_its_second() -> None:
    b, c = wired("ds3231m", ppm=-4.0)
    b.write_byte_data(AT, 0x10, 0xDF)  # -33
    b.time.sleep(1.1)
    assert c.truth_at(b.time.true_now).ppm == pytest.approx(-4.0 + 33 * 0.12)


def test_conv_is_ignored_while_busy_and_can_not_be_taken_back() -> None:
    b, c = wired()
    b.write_byte_data(AT, 0x0E, 0x3C)
    b.time.sleep(0.01)
    b.write_byte_data(AT, 0x0E, 0x1C)
    assert b.read_byte_data(AT, 0x0E) == 0x3C
    b.write_byte_data(AT, 0x0E, 0x3C)
    b.time.sleep(0.13)
    assert b.read_byte_data(AT, 0x0E) == 0x1C
    assert c.truth.trusted


# ---- power -------------------------------------------------------------------------------------------------------------------


def cut(b: FakeI2cBus, c: Ds3231, seconds: float) -> None:
    c.power_cut(b.time.true_now)
    b.time.sleep(seconds)
    c.power_back(b.time.true_now)


def test_the_battery_keeps_the_time() -> None:
    b, c = wired(ppm=1.0)
    cut(b, c, 100_000.0)
    truth = c.truth_at(b.time.true_now)
    assert truth.trusted
    assert truth.shows.unix == pytest.approx(START.unix + 100_000 * NS + 100 * MS, abs=10)


def test_without_battery_everything_is_lost() -> None:
    b, c = wired(battery=False)
    b.write_byte_data(AT, 0x10, 9)
    cut(b, c, 3600.0)
    assert not c.truth.trusted
    assert b.read_byte_data(AT, 0x10) == 0
    assert c.truth.shows.iso() == "2000-01-01T00:00:00Z"


def test_an_oscillator_switched_off_on_battery_stops_and_says_so() -> None:
    b, c = wired()
    b.write_byte_data(AT, 0x0E, 0x9C)
    b.time.run_to_true(10 * NS + NS // 2)
    assert c.truth_at(b.time.true_now).trusted, "with power it goes on"
    cut(b, c, 3600.0)
    assert not c.truth.trusted
    assert c.truth.shows.iso() == "2026-03-01T12:00:10Z"
    b.time.sleep(5.0)
    assert c.truth_at(b.time.true_now).shows.iso() == "2026-03-01T12:00:15Z"


def test_slow_on_battery() -> None:
    """F-R10: two hours in forty."""
    b, c = wired(battery_ppm=-50_000.0)
    cut(b, c, 144_000.0)
    assert c.truth.shows.unix == pytest.approx(START.unix + 38 * 3600 * NS, abs=10)
    assert c.truth.ppm == 0.0


# ---- the output --------------------------------------------------------------------------------------------------------------


def test_the_output_falls_with_the_second_once_it_is_switched_on() -> None:
    b, c = wired(ppm=50.0)
    edges: list[tuple[int, bool]] = []
    c.listeners.append(lambda at, rising: edges.append((at, rising)))
    b.time.sleep(3.0)
    c.run_to(b.time.true_now)
    assert edges == [], "INTCN is set after power-up: the pin is for alarms"
    b.write_byte_data(AT, 0x0E, 0x00)
    b.time.run_to_true(5 * NS + NS // 4)
    c.run_to(b.time.true_now)
    assert [rising for _, rising in edges] == [True, False, True, False]
    second = NS / (1 + 50e-6)
    assert [at for at, _ in edges] == pytest.approx([second * n / 2 for n in (7, 8, 9, 10)], abs=1)
    b.write_byte_data(AT, 0x0E, 0x08)  # 1.024 kHz
    before = len(edges)
    b.time.sleep(3.0)
    c.run_to(b.time.true_now)
    assert len(edges) == before


def test_the_output_rises_half_a_second_after_the_seconds_are_written() -> None:
    b, c = wired(start=UtcTime.civil(2026, 3, 1, 12, 0, 0, 700_000_000))
    b.write_byte_data(AT, 0x0E, 0x00)
    edges: list[tuple[int, bool]] = []
    c.listeners.append(lambda at, rising: edges.append((at, rising)))
    b.write_byte_data(AT, 0, 0)
    reset = b.time.true_now - 10_000
    b.time.sleep(1.2)
    c.run_to(b.time.true_now)
    assert edges == [(reset, False), (reset + NS // 2, True), (reset + NS, False)]


def test_a_chip_that_lost_its_battery_answers_nothing() -> None:
    b, c = wired(battery=False)
    c.power_cut(b.time.true_now)
    with pytest.raises(OSError, match="Remote I/O") as caught:
        b.read_byte_data(AT, 0)
    assert caught.value.errno == errno.EREMOTEIO


def test_the_three_are_told_apart_by_their_registers_only() -> None:
    assert {type(fake(n)) for n in ("DS3231", "ds3231-m", "DS3232")} == {Ds3231, Ds3231m, Ds3232}
    with pytest.raises(ValueError, match="no fake"):
        fake("ds9999")
    with pytest.raises(ValueError, match="2000 to 2099"):
        fake("ds3231", start=UtcTime.civil(2100, 1, 1))


def test_conv_is_not_taken_during_the_chip_s_own_conversion() -> None:
    """Whoever does not look at BSY first has written an aging value without effect."""
    b, c = wired(start=None)
    b.time.run_to_true(64 * NS + 50 * MS)
    assert b.read_byte_data(AT, 0x0F) & 0x04
    b.write_byte_data(AT, 0x10, 0x04)
    b.write_byte_data(AT, 0x0E, 0x3C)
    assert b.read_byte_data(AT, 0x0E) == 0x1C, "not even the bit is set"
    b.time.sleep(60.0)
    assert c.truth_at(b.time.true_now).ppm == 0.0
