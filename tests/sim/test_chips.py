"""What holds for every fake chip: rate, calendar, power, wire, determinism; and for the counters' arithmetic."""

from __future__ import annotations

import datetime
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpstime.sim.chips import CHIPS, chip
from gpstime.sim.chips_calendar import bcd, date_of, day_number, from_bcd
from gpstime.times import DAY_S, NS, UtcTime
from tests.sim.wired import START, Wired

NAMES = list(CHIPS)
TUNING_FORKS = [n for n in NAMES if CHIPS[n].parabola]


def test_all_are_there() -> None:
    assert [
        *("ds3231", "ds3231m", "ds3232", "ds1307", "ds1338"),
        *("pcf8523", "pcf8563", "pcf85063a", "rv3028", "rv8803", "mcp7940n"),
    ] == NAMES
    assert {n: CHIPS[n].address for n in NAMES if CHIPS[n].address != 0x68} == {
        "pcf8563": 0x51,
        "pcf85063a": 0x51,
        "rv3028": 0x52,
        "rv8803": 0x32,
        "mcp7940n": 0x6F,
    }


# ---- the calendar -----------------------------------------------------------------------------------------------------------


def test_day_numbers_are_those_of_the_calendar() -> None:
    """2000 to 2099 has the same leap years as the chips' rule."""
    first = datetime.date(2000, 1, 1)
    for number in range(36_525):
        date = first + datetime.timedelta(number)
        assert date_of(number) == (date.year - 2000, date.month, date.day)
        assert day_number(date.year - 2000, date.month, date.day) == number


def test_bcd() -> None:
    assert [from_bcd(bcd(n)) for n in range(100)] == list(range(100))
    assert sum(from_bcd(raw) is None for raw in range(256)) == 156


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None)
@given(
    start=st.integers(0, 36_500 * DAY_S - 1),
    later=st.integers(0, 20 * DAY_S),
    twelve=st.booleans(),
)
def test_any_time_counts_on(name: str, start: int, later: int, twelve: bool) -> None:
    """Against POSIX arithmetic, in both hour modes where there are two."""
    began = UtcTime.from_unix(UtcTime.civil(2000, 1, 1).unix + start * NS)
    c = chip(name, start=began)
    where = c.layout
    if twelve and where.hours12 is not None:
        register, mask = where.hours12
        c.file[register] |= mask
        where.put_time(c.file, began.ns_of_day // NS)
    weekday = c.file[where.weekday]
    truth = c.truth_at(later * NS)
    expected = UtcTime.from_unix(began.unix + later * NS)
    assert truth.shows == expected
    days = expected.day - began.day
    if where.weekdays == "one-hot":
        assert c.file[where.weekday].bit_length() - 1 == (weekday.bit_length() - 1 + days) % 7
    else:
        low = int(where.weekdays == "1-7")
        assert (c.file[where.weekday] & 7) - low == ((weekday & 7) - low + days) % 7
    if twelve and where.hours12 is not None:
        hour = expected.ns_of_day // NS // 3600
        assert c.file[where.hour] & 0x1F == bcd((hour + 11) % 12 + 1)
        assert bool(c.file[where.hour] & where.pm) == (hour >= 12)


@pytest.mark.parametrize("name", ["ds3231", "pcf8563"])
def test_the_century_bit_toggles_with_the_year_99(name: str) -> None:
    c = chip(name, start=UtcTime.civil(2099, 12, 31, 23, 59, 59))
    assert c.layout.century is not None
    register, mask = c.layout.century
    assert not c.file[register] & mask
    c.run_to(2 * NS)
    assert c.file[register] & mask
    assert c.file[c.layout.year] == 0
    assert c.file[register] & 0x1F == 0x01


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(content=st.binary(min_size=7, max_size=7), later=st.integers(1, 100_000))
def test_no_content_of_the_counters_stops_the_chip(name: str, content: bytes, later: int) -> None:
    """F-R06: illegal content is counted on as an odometer would, however often somebody looks, and the seconds become legal."""
    files = []
    for looks in (1, 7):
        c = chip(name, start=START)
        where = c.layout
        for register, value in zip(range(where.second, where.second + 7), content, strict=True):
            c.poke(register, value)
        counting = c.truth.counting
        for n in range(1, looks + 1):
            c.run_to(later * NS * n // looks)
        second = from_bcd(c.file[where.second] & 0x7F)
        if not counting:
            assert c.file[where.second] == content[0]
        elif later >= 50:
            assert second is not None
            assert second < 60
        files.append(bytes(c.file))
    assert files[0] == files[1]


@pytest.mark.parametrize("seconds", range(60, 100))
def test_seconds_beyond_59_go_on_as_digits_do(seconds: int) -> None:
    c = chip("ds3231", start=START)
    raw = bcd(seconds) & 0x7F
    c.poke(0x00, raw)
    c.run_to(NS)
    assert c.file[0x00] != raw
    c.run_to(100 * NS)
    assert c.layout.second_of_day(c.file) is not None


# ---- rate -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("ppm", [0.0, 106.9, -42.7, 83_000.0])
def test_a_chip_gains_what_it_is_told(name: str, ppm: float) -> None:
    w = Wired(name, ppm=ppm)
    assert w.mean_ppm(86_400.0) == pytest.approx(ppm, abs=1e-7)
    assert w.truth.shows is not None
    assert w.truth.shows.unix - START.unix == pytest.approx(86_400 * NS * (1 + ppm * 1e-6), abs=2)
    assert w.truth.ppm == w.truth.mean_ppm == ppm


@pytest.mark.parametrize("name", NAMES)
def test_the_path_does_not_matter(name: str) -> None:
    """A chip looked at every 37 ms ends where one is that was looked at once."""
    often, once = Wired(name, ppm=17.3, seed=4), Wired(name, ppm=17.3, seed=4)
    for ns in range(0, 600 * NS, 37_000_003):
        often.chip.run_to(ns)
    assert often.chip.truth_at(600 * NS).elapsed_ns == pytest.approx(once.chip.truth_at(600 * NS).elapsed_ns, abs=1e-3)
    assert often.chip.file == once.chip.file


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("celsius", [25.0, 5.0, 45.0])
def test_tuning_forks_lose_at_both_ends(name: str, celsius: float) -> None:
    """F-R02: 20 K off its turnover one is 13.6 ppm slow; compensated ones do not care."""
    w = Wired(name, ppm=3.0, temperature_c=celsius)
    lost = 0.034 * (celsius - 25) ** 2 if name in TUNING_FORKS else 0.0
    assert w.mean_ppm(1000.0) == pytest.approx(3.0 - lost, abs=1e-6)


def test_who_has_a_tuning_fork_without_compensation() -> None:
    assert set(NAMES) - set(TUNING_FORKS) == {"ds3231", "ds3231m", "ds3232", "rv8803"}


def test_rates_may_vary() -> None:
    w = Wired("ds3231", ppm=lambda at: 10.0 if at < 500 * NS else -10.0)
    assert w.mean_ppm(1000.0) == pytest.approx(0.0, abs=0.03)


# ---- power and wire ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_new_power_is_no_trust(name: str) -> None:
    """F-R03: nobody has set it."""
    w = Wired(name, start=None)
    assert not w.truth.trusted
    assert chip(name, start=START).truth.trusted


@pytest.mark.parametrize("name", NAMES)
def test_with_a_battery_time_goes_on(name: str) -> None:
    w = Wired(name, ppm=-20.0)
    w.cut(90_000.0)
    assert w.truth.trusted
    assert w.truth.shows is not None
    assert w.truth.shows.unix == pytest.approx(START.unix + 90_000 * NS - 1_800_000_000, abs=100)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_battery_it_does_not(name: str) -> None:
    w = Wired(name, battery=False)
    w.cut(1.0)
    assert not w.truth.trusted


@pytest.mark.parametrize("name", ["pcf8523", "rv3028", "mcp7940n"])
def test_a_switch_left_off_loses_the_time_with_a_full_battery(name: str) -> None:
    """F-R04."""
    w = Wired(name, backup=False)
    assert w.truth.trusted
    w.cut(1.0)
    assert not w.truth.trusted
    assert Wired(name, backup=True).truth.trusted


@pytest.mark.parametrize("name", NAMES)
def test_without_power_it_does_not_acknowledge(name: str) -> None:
    w = Wired(name)
    w.chip.power_cut(w.true)
    with pytest.raises(OSError, match="Remote I/O"):
        w.byte(0)


@pytest.mark.parametrize("name", NAMES)
def test_reading_changes_nothing(name: str) -> None:
    """Every register, again and again, and the clock is where one is that nobody read."""
    w = Wired(name, ppm=5.0)
    before = bytes(w.chip.file)
    for register in range(0, w.chip.size, 16):
        w.read(register, min(16, w.chip.size - register))
    assert sum(a != b for a, b in zip(before, w.chip.file, strict=True)) == 0
    began, elapsed = w.true, w.truth.elapsed_ns
    for _ in range(300):
        w.run(0.2)
        w.read(0, 16)
    assert w.truth.elapsed_ns - elapsed == pytest.approx((w.true - began) * (1 + 5e-6), abs=1e-3)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(writes=st.lists(st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=8)), max_size=12), seed=st.integers(0, 9))
def test_any_writes_are_survived_and_repeatable(name: str, writes: list[tuple[int, bytes]], seed: int) -> None:
    ends = []
    for _ in range(2):
        w = Wired(name, seed=seed, ppm=12.0)
        for register, values in writes:
            w.write(register, *values)
            w.run(0.7)
            w.read(register, 3)
        w.run(5000.0)
        ends.append((bytes(w.chip.file), w.truth))
    assert ends[0] == ends[1]


@pytest.mark.parametrize("name", NAMES)
def test_writes_stay_inside_their_bits(name: str) -> None:
    """What a register does not have can't be written, and what can be cleared only can't be set."""
    for register, reg in CHIPS[name].registers.items():
        w = Wired(name)
        before = w.chip.file[register]
        w.write(register, 0xFF)
        changed = before ^ w.chip.file[register]
        moves = {w.chip.layout.second, w.chip.layout.minute} | ({w.chip.layout.hour} if w.chip.layout.hours12 else set())
        if register in moves:
            continue
        conv = 0x20 if name.startswith("ds323") and register == 0x0E else 0  # taken as an order, not as a bit
        assert not changed & ~(reg.rw | conv) & 0xFF, hex(register)
        assert not w.chip.file[register] & reg.w0 & ~before, hex(register)


@pytest.mark.parametrize("name", NAMES)
def test_seeds_decide_the_phase_of_a_new_chip(name: str) -> None:
    phases = {seed: chip(name, seed=seed).truth.phase_ns for seed in range(5)}
    assert len(set(phases.values())) == 5
    assert all(0 <= p < NS for p in phases.values())
    assert {seed: chip(name, seed=seed).truth.phase_ns for seed in range(5)} == phases


@pytest.mark.parametrize("name", NAMES)
def test_the_truth_tells_when_the_next_second_comes(name: str) -> None:
    w = Wired(name, ppm=-31.0, start=UtcTime.civil(2026, 3, 1, 12, 0, 0, 400_000_000))
    for _ in range(20):
        w.run(0.77)
        expected = w.truth.next_tick_ns
        assert expected is not None
        before = w.chip.truth_at(expected - 5).shows
        after = w.chip.truth_at(expected + 5).shows
        assert before is not None
        assert after is not None
        assert after.ns_of_day // NS == before.ns_of_day // NS + 1
        assert w.chip.truth.last_tick_ns == pytest.approx(expected, abs=2)
        w.time.run_to_true(expected + 5)


HERTZ = {
    "ds3231": [(0x0E, 0x00)],
    "ds3231m": [(0x0E, 0x18)],
    "ds3232": [(0x0E, 0x00)],
    "ds1307": [(0x07, 0x10)],
    "ds1338": [(0x07, 0x10)],
    "pcf8523": [(0x0F, 0x30)],
    "pcf8563": [(0x0D, 0x83)],
    "pcf85063a": [(0x01, 0x06)],
    "rv3028": [(0x35, 0xC5)],
    "rv8803": [(0x0D, 0x08)],
    "mcp7940n": [(0x07, 0x40)],
}


@pytest.mark.parametrize("name", NAMES)
def test_the_output_pulses_once_a_second_when_told(name: str) -> None:
    w = Wired(name, ppm=40.0)
    edges: list[tuple[int, bool]] = []
    w.chip.listeners.append(lambda at, rising: edges.append((at, rising)))
    w.run(2.2)
    assert edges == [], "not as it comes from the factory"
    for register, value in HERTZ[name]:
        w.write(register, value)
    w.run(10.0)
    second = NS / (1 + 40e-6)
    ticks = [at for at, rising in edges if rising != w.chip.tick_falls]
    assert len(ticks) == 10
    assert all(b - a == pytest.approx(second, abs=2) for a, b in itertools.pairwise(ticks))
    assert ticks[0] == pytest.approx(3 * second, abs=2)
    halves = [at for at, rising in edges if rising == w.chip.tick_falls]
    assert all(at % second == pytest.approx(second / 2, abs=20) for at in halves)
