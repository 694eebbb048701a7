"""PCF8523, PCF8563, PCF85063A against NXP's statements: held counters, STOP, correction pulses, the switch to the battery."""

from __future__ import annotations

import itertools

import pytest

from gpstime.times import NS, UtcTime
from tests.sim.wired import MS, START, Wired

ALL = ["pcf8523", "pcf8563", "pcf85063a"]
SECONDS = {"pcf8523": 0x03, "pcf8563": 0x02, "pcf85063a": 0x04}
OFFSET = {"pcf8523": 0x0E, "pcf85063a": 0x02}
FIRST_TICK_S = {"pcf8523": (0.499878, 0.5), "pcf8563": (0.507813, 0.507935), "pcf85063a": (0.507813, 0.507935)}


@pytest.mark.parametrize("name", ALL)
def test_integrity_is_lost_with_power_and_can_be_restored(name: str) -> None:
    w = Wired(name, start=None)
    assert w.byte(SECONDS[name]) & 0x80
    w.write(SECONDS[name], 0x30)
    assert not w.byte(SECONDS[name]) & 0x80
    assert w.truth.trusted


def test_reset_values() -> None:
    assert Wired("pcf8523", start=None).read(0x00, 3) == [0x00, 0x00, 0xE0]
    assert Wired("pcf8523", start=None).read(0x0A, 10) == [0x80, 0x80, 0x80, 0x80, 0, 0, 7, 0, 7, 0]
    assert Wired("pcf85063a", start=None).read(0x00, 4) == [0, 0, 0, 0]
    assert Wired("pcf85063a", start=None).read(0x05, 6) == [0, 0, 1, 6, 1, 0], "Saturday 2000-01-01"
    assert Wired("pcf8563", start=None).read(0x00, 2) == [0x08, 0x00]
    # where the content is not defined, it is a time of any year
    years = {Wired("pcf8563", start=None, seed=s).byte(0x08) for s in range(20)}
    assert len(years) > 10


@pytest.mark.parametrize("name", ALL)
def test_counters_are_held_while_they_are_read_and_catch_up_at_stop(name: str) -> None:
    w = Wired(name, start=UtcTime.civil(2026, 3, 1, 11, 59, 59))
    w.to(1.0 - 330e-6)  # the second ends while the minutes go out
    assert w.read(SECONDS[name], 3) == [0x59, 0x59, 0x11]
    assert w.truth.shows is not None
    assert w.truth.shows.iso() == "2026-03-01T12:00:00Z"
    assert w.read(SECONDS[name], 3) == [0x00, 0x00, 0x12]


@pytest.mark.parametrize("name", ALL)
def test_an_access_of_more_than_a_second_loses_seconds(name: str) -> None:
    w = Wired(name)
    w.bus.baud = 30  # 38 bits: 1.3 s
    w.byte(0x00)
    w.bus.baud = 10  # 3.8 s
    w.byte(0x00)
    assert w.truth.shows is not None
    lost = w.true - (w.truth.shows.unix - START.unix)
    assert round(lost / NS) >= 2


@pytest.mark.parametrize("name", ALL)
def test_writing_the_seconds_leaves_the_divider_alone(name: str) -> None:
    w = Wired(name, start=UtcTime.civil(2026, 3, 1, 12, 0, 0, 400_000_000))
    w.write(SECONDS[name], 0x10)
    assert w.truth.phase_ns == pytest.approx(400 * MS + w.true)
    w.to(0.6001)
    assert w.byte(SECONDS[name]) == 0x11


@pytest.mark.parametrize("name", ALL)
def test_stop_holds_the_time_and_its_release_starts_a_known_one(name: str) -> None:
    low, high = FIRST_TICK_S[name]
    firsts = []
    for seed in range(40):
        w = Wired(name, seed=seed)
        control = w.byte(0x00)
        w.write(0x00, control | 0x20)
        w.run(3.3)
        assert not w.truth.counting
        assert w.truth.next_tick_ns is None
        w.write(SECONDS[name], 0x00, 0x00, 0x08)
        w.run(2.0)
        assert w.read(SECONDS[name], 3) == [0x00, 0x00, 0x08]
        w.write(0x00, control)
        released = w.true - 10_000  # the byte's acknowledge, before STOP
        tick = w.truth.next_tick_ns
        assert tick is not None
        firsts.append((tick - released) / NS)
        w.time.run_to_true(tick + 10)
        assert w.byte(SECONDS[name]) == 0x01
    assert low - 1e-8 <= min(firsts) <= low + 15e-6
    assert high - 15e-6 <= max(firsts) <= high + 1e-8


def run_to_shown(w: Wired, unix: int) -> None:
    """Until the chip shows this time, which is not within a pulse of its next second."""
    while (left := unix - w.truth.shows.unix) > 2:
        w.run(max(left * (1 - 2e-3), 1) / NS)


@pytest.mark.parametrize("name", ["pcf8523", "pcf85063a"])
@pytest.mark.parametrize("value", [1, 26, 63, -1, -30, -64])
@pytest.mark.parametrize("mode", [0, 1])
def test_the_mean_of_the_corrections(name: str, value: int, mode: int) -> None:
    """4.34 ppm a step in two hours, 4.069 ppm in mode 1; a positive value makes the second longer, so the clock slower."""
    w = Wired(name, ppm=20.0, start=UtcTime.civil(2026, 3, 1, 12))
    w.write(OFFSET[name], mode << 7 | value & 0x7F)
    step = 4.340278 if mode == 0 else 4.069010
    cycle = 7200 if mode == 0 else {"pcf8523": 60, "pcf85063a": 240}[name]
    run_to_shown(w, START.unix + round(0.6 * cycle * NS))
    began = w.true
    run_to_shown(w, START.unix + round(4.6 * cycle * NS))
    expected = ((1 + 20e-6) / (1 + value * step * 1e-6) - 1) * 1e6  # the table's ppm are of the period
    assert (4 * cycle * NS / (w.true - began) - 1) * 1e6 == pytest.approx(expected, abs=2e-3)
    assert w.truth.mean_ppm == pytest.approx(expected, abs=1e-4)
    assert w.truth.ppm == 20.0, "between the pulses"


def lengths_of_seconds(w: Wired, seconds: int) -> list[int]:
    """Chip seconds in true ns, from output edges, by number of the second since START."""
    ticks: list[int] = []
    w.chip.listeners.append(lambda at, rising: ticks.append(at) if rising != w.chip.tick_falls else None)
    w.run(seconds)
    return [b - a for a, b in itertools.pairwise(ticks)]


def test_slow_corrections_move_the_clock_by_31_ms_once_a_minute_every_two_hours() -> None:
    w = Wired("pcf8523", start=UtcTime.civil(2026, 3, 1, 13, 59, 50))
    w.write(0x0F, 0x30)
    w.write(0x0E, 3)
    longer = [(n, length - NS) for n, length in enumerate(lengths_of_seconds(w, 400)) if abs(length - NS) > 5]
    # the first pulse is heard at 13:59:51, so number 9 begins at 14:00:00; one in each of three minutes
    assert [n for n, _ in longer] == [9, 69, 129]
    assert [ns for _, ns in longer] == pytest.approx([31_250_000] * 3, abs=5)


@pytest.mark.parametrize(("name", "every_s", "pulse_ns"), [("pcf8523", 60, 244_141), ("pcf85063a", 240, 976_562)])
def test_fast_corrections_come_in_the_first_seconds(name: str, every_s: int, pulse_ns: int) -> None:
    w = Wired(name, start=UtcTime.civil(2026, 3, 1, 13, 59, 50))
    w.write(*((0x0F, 0x30) if name == "pcf8523" else (0x01, 0x06)))
    w.write(OFFSET[name], 0x80 | 62)
    lengths = lengths_of_seconds(w, 9 + 2 * every_s)
    assert lengths[9 : 9 + 59] == pytest.approx([NS + pulse_ns] * 59, abs=5)
    assert lengths[9 + 59] == pytest.approx(NS + 3 * pulse_ns, abs=5), "what has no room comes in the last second"
    assert lengths[9 + 60 : 9 + every_s] == pytest.approx([NS] * (every_s - 60), abs=5)
    w = Wired(name, start=UtcTime.civil(2026, 3, 1, 13, 59, 50))
    w.write(*((0x0F, 0x30) if name == "pcf8523" else (0x01, 0x06)))
    w.write(OFFSET[name], 0x80 | -5 & 0x7F)
    assert lengths_of_seconds(w, 30)[8:15] == pytest.approx([NS, *[NS - pulse_ns] * 5, NS], abs=5)


def test_the_switch_to_the_battery_is_off_after_power_up() -> None:
    """F-R04; bit 6 of Control_3 says that there is no switching, whatever the others say."""
    for pm, kept in ((0b000, True), (0b001, True), (0b100, True), (0b101, True), (0b111, False), (0b010, False)):
        w = Wired("pcf8523", backup=False)
        assert w.byte(0x02) == 0xE0
        w.write(0x02, pm << 5)
        w.cut(100.0)
        assert w.truth.trusted == kept
        assert w.byte(0x02) == (pm << 5 | 0x08 if kept else 0xE0), "it tells of the switch"


def test_a_low_battery_is_told_only_while_it_is_watched() -> None:
    w = Wired("pcf8523")
    w.chip.battery_low = True
    assert w.byte(0x02) & 0x04
    w.write(0x02, 0xE0)
    assert not w.byte(0x02) & 0x04
    w.write(0x02, 0x00)
    assert w.byte(0x02) & 0x04, "and it can't be cleared"


@pytest.mark.parametrize("name", ["pcf8523", "pcf85063a"])
def test_the_reset_command(name: str) -> None:
    w = Wired(name)
    w.write(OFFSET[name], 0x15)
    w.write(0x00, 0x58)
    assert w.byte(OFFSET[name]) == 0
    assert w.byte(0x00) == 0
    assert not w.truth.trusted


def test_twelve_hours() -> None:
    w = Wired("pcf8523", start=UtcTime.civil(2026, 3, 1, 23, 59, 59))
    w.write(0x00, 0x08)
    w.write(0x03, 0x59, 0x59, 0x31)
    w.run(1.5)
    assert w.read(0x03, 4) == [0x00, 0x00, 0x12, 0x02]
    w.write(0x03, 0x59, 0x59, 0x12)
    w.run(0.7)
    assert w.read(0x03, 4) == [0x00, 0x00, 0x01, 0x02]
