"""`gpstime rtc set`: the second starts on the true one, whatever delay the part has; without a verified second no write."""

from __future__ import annotations

import pytest
from rtc_benches import bench, phase_ns, truly_ahead_ns, truth

from gpstime.app import rtc_set
from gpstime.app.rtc_second import NoSecond
from gpstime.app.rtc_set import set_chip
from gpstime.sim.chips import CHIPS
from gpstime.times import NS

MS = 1_000_000
LATE = "late-sentences:at=0s,for=3h,delay=0.85s"


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CHIPS)
def test_within_a_millisecond(name: str, seed: int) -> None:
    b = bench(name, "--rtc-ppm", "12.3", "--rtc-offset=-1000s", "--seed", str(seed))
    assert abs(truly_ahead_ns(b)) > 900 * NS
    done = set_chip(b)
    assert done.within
    # truly: what the chip itself knows, not what was measured of it; a few ms pass between the two at 12 ppm
    assert abs(truly_ahead_ns(b)) < 1.2 * MS
    assert abs(done.residue_ns - truly_ahead_ns(b)) <= done.err_ns + 12.3e-6 * 60 * NS
    assert done.chip == name
    entry = b.history.last("set")
    assert entry is not None
    assert entry.whole("ahead_ns") == done.residue_ns


@pytest.mark.parametrize("ahead", ["0.35s", "0.5s", "0.69s", "-0.4s", "1s", "-1s"])
def test_the_chip_is_no_witness_for_its_own_set(ahead: str) -> None:
    """One that is off by a part of a second contradicts the sentences, which would leave the second ambiguous."""
    b = bench("pcf8523", f"--rtc-offset={ahead}")
    b.follow(60)
    done = set_chip(b)
    assert done.within
    assert abs(truly_ahead_ns(b)) < 1.2 * MS


def test_a_chip_that_lost_power_is_trusted_again() -> None:
    b = bench("ds3231", "--rtc-untrusted")
    assert not truth(b).trusted
    assert set_chip(b).within
    assert truth(b).trusted


@pytest.mark.parametrize("name", ["pcf8523", "pcf8563", "pcf85063a"])
def test_a_part_with_another_delay_is_measured_not_trusted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same registers, and a first tick 38 ms later than anybody documents: the second attempt goes by the first."""
    kind = CHIPS[name]
    monkeypatch.setattr(kind, "first_tick_s", 0.546)
    b = bench(name, "--seed", "4")
    done = set_chip(b)
    assert done.within
    assert abs(truly_ahead_ns(b)) < 1.2 * MS
    assert len(done.attempts) == 2
    assert abs(done.attempts[0].ahead_ns) > 30 * MS
    assert done.attempts[-1].first_tick_s == pytest.approx(0.546, abs=1.5e-3)
    assert any("another maker's part" in note for note in done.notes)
    # the twin: who trusts the datasheet stays off
    monkeypatch.setattr(rtc_set, "ATTEMPTS", 1)
    trusting = bench(name, "--seed", "4")
    assert not set_chip(trusting).within
    assert abs(truly_ahead_ns(trusting)) > 30 * MS


def test_a_slow_program_is_allowed_for() -> None:
    """What lies between the call and the wire counts as well: a bus at 10 kHz."""
    b = bench("ds3231")
    b.bus.baud = 10_000
    done = set_chip(b, limit_ns=8 * MS)
    assert abs(phase_ns(truly_ahead_ns(b))) < 8 * MS
    assert done.err_ns > 1 * MS, "and the doubt of a slow bus is told"


@pytest.mark.parametrize(
    "words",
    [
        ("--fault", LATE),
        ("--fault", "nmea-silent:at=0s,for=3h"),
    ],
)
def test_no_verified_second_no_set(words: tuple[str, ...]) -> None:
    b = bench("ds3231", "--rtc-offset", "7s", *words)
    before = len(b.bus.written)
    with pytest.raises(NoSecond, match="no verified second") as told:
        set_chip(b)
    assert "label" in str(told.value)
    assert len(b.bus.written) == before
    assert abs(truly_ahead_ns(b) - 7 * NS) < MS


def test_a_leap_second_is_waited_out() -> None:
    """A minute before 23:59:60 of 2016: an RTC has no second 60."""
    b = bench("ds3231", "--start", "2016-12-31T23:55:00Z")
    before = len(b.bus.written)
    with pytest.raises(NoSecond, match="leap second"):
        set_chip(b)
    assert len(b.bus.written) == before


@pytest.mark.parametrize("name", ["pcf8523", "rv8803", "ds3231"])
def test_a_bus_with_errors(name: str) -> None:
    """Transfers that fail are repeated, which makes a write late: that is measured, and done again, or said to be off."""
    good = 0
    for seed in range(6):
        b = bench(name, "--seed", str(seed), "--rtc-offset", "9s")
        b.bus.faults.error_rate = 0.02
        done = set_chip(b)
        b.bus.faults.error_rate = 0.0
        good += done.within
        # the last attempt is what stands in the chip
        assert abs(truly_ahead_ns(b)) < 1.2 * MS or not done.within
        assert truth(b).counting
    assert good >= 4


def test_a_chip_that_stood_is_not_set_going_by_a_set_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """That it runs is all that says of an MCP7940N that its time is to be trusted."""
    b = bench("mcp7940n", "--rtc-untrusted")

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(b.chip, "write_time", broken)
    with pytest.raises(OSError, match="Input"):
        set_chip(b)
    assert not truth(b).trusted


def test_a_chip_is_never_left_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error between STOP and its release: the chip runs on."""
    b = bench("pcf8523")

    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(b.chip, "write_time", broken)
    with pytest.raises(OSError, match="Input"):
        set_chip(b)
    assert truth(b).counting
