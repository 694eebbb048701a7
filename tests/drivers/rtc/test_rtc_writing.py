"""The real drivers set and trim the fakes: when a second starts, which flags go and when, what a trim does, what survives."""

from __future__ import annotations

import pytest
from wired_rtc import WiredRtc

from gpstime.drivers.rtc import Written
from gpstime.drivers.rtc.mcp7940n import Mcp7940n
from gpstime.errors import RtcRefused, RtcUnavailable, UsageError
from gpstime.sim.chips import CHIPS
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.times import NS, UtcTime

NAMES = list(CHIPS)
SECOND = UtcTime.civil(2028, 2, 29, 23, 59, 58)
DISTRUST = {
    **dict.fromkeys(("ds3231", "ds3231m", "ds3232"), "OSF"),
    **dict.fromkeys(("ds1307", "ds1338"), "CH"),
    **dict.fromkeys(("pcf8523", "pcf85063a"), "OS"),
    "pcf8563": "VL",
    "rv3028": "PORF",
    "rv8803": "V2F",
    "mcp7940n": "ST",
}
"""The word that a chip's doubt holds after power came for the first time."""


@pytest.mark.parametrize("name", NAMES)
def test_lost_power_until_it_is_set(name: str) -> None:
    """F-R03, P15: said in every reading, cleared by a set, and by nothing else."""
    wired = WiredRtc(name, start=None)
    wired.sleep(1)
    for _ in range(3):
        assert not wired.rtc.read().trusted
        assert f"({DISTRUST[name]})" in wired.rtc.doubt
        status = wired.rtc.status()
        assert status.power_lost
        assert not status.trusted
    if wired.rtc.trim_spec is not None:
        wired.rtc.write_trim(1)
    wired.rtc.square_wave(True)
    assert not wired.rtc.read().trusted, "a trim is no set"
    wired.rtc.write_time(SECOND)
    assert wired.rtc.read().trusted, wired.rtc.doubt
    assert wired.rtc.status().power_lost is False
    assert wired.truth.trusted


@pytest.mark.parametrize("name", [n for n in NAMES if n != "mcp7940n"])
def test_when_the_second_starts(name: str) -> None:
    """The first tick comes `first_tick_s` after the interval that `write_time` returns, which is narrow."""
    for seed in range(5):
        wired = WiredRtc(name, seed=seed)
        wired.sleep(0.123 * seed)
        written = wired.rtc.write_time(SECOND)
        assert written.after - written.before < 400_000
        tick = wired.time.raw_at(wired.truth.next_tick_ns)
        slack = 130_000 if wired.rtc.first_tick_s < 1 or name == "rv3028" else 0  # one cycle of 8192 Hz; of 4096 Hz
        assert written.before - slack <= tick - wired.rtc.first_tick_s * NS <= written.after + slack
        assert wired.truth.shows is not None
        assert wired.truth.shows.iso() == SECOND.iso()


def test_a_stopped_mcp7940n_starts_where_its_divider_stood() -> None:
    """It is stopped just after a tick, so that a divider that is not reset begins a second all the same."""
    for seed in range(5):
        wired = WiredRtc("mcp7940n", seed=seed)
        wired.sleep(0.3)
        written = wired.rtc.write_time(SECOND)
        tick = wired.time.raw_at(wired.truth.next_tick_ns)
        assert abs(tick - written.before - NS) < 2_500_000
    # the twin that stops at once is anywhere in the second
    wired = WiredRtc("mcp7940n", seed=0)
    wired.sleep(0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Mcp7940n, "_wait_for_tick", lambda self: None)
        written = wired.rtc.write_time(SECOND)
    assert abs(wired.time.raw_at(wired.truth.next_tick_ns) - written.before - NS) > 20_000_000


@pytest.mark.parametrize("name", ["pcf8523", "pcf8563", "pcf85063a", "rv8803", "mcp7940n"])
def test_stop_write_release(name: str) -> None:
    wired = WiredRtc(name)
    wired.rtc.stop()
    wired.rtc.write_time(SECOND)
    wired.sleep(7)
    if name != "mcp7940n":
        assert "held" in wired.rtc.status().doubt
        assert not wired.rtc.read().trusted
    assert wired.rtc.read().shown.iso() == SECOND.iso()
    wired.rtc.release()
    wired.sleep(1.01)
    assert wired.rtc.read().shown.iso() == "2028-02-29T23:59:59Z"
    assert wired.rtc.read().trusted


@pytest.mark.parametrize("name", ["ds3231", "ds1307", "rv3028"])
def test_no_stop_where_there_is_none(name: str) -> None:
    wired = WiredRtc(name)
    for verb in (wired.rtc.stop, wired.rtc.release):
        with pytest.raises(RtcRefused, match="writing the seconds resets it"):
            verb()


@pytest.mark.parametrize("name", NAMES)
def test_what_no_rtc_shows(name: str) -> None:
    wired = WiredRtc(name)
    for second, why in (
        (UtcTime.civil(2016, 12, 31, 23, 59, 60), "no second 60"),
        (UtcTime.civil(1999, 12, 31), "2000 to 2099"),
        (UtcTime.civil(2100, 1, 1), "2000 to 2099"),
        (UtcTime(10**9, 0), "2000 to 2099"),
        (UtcTime.civil(2026, 1, 1, ns=1), "whole second"),
    ):
        with pytest.raises(UsageError, match=why):
            wired.rtc.write_time(second)
    assert wired.bus.written == []


# ---- a set that fails -----------------------------------------------------------------------------------------------------------


class Deaf(FakeI2cBus):
    """Acknowledges every write of a time and drops it (F-R08: a copy that isn't one)."""

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: object, force: bool | None = None) -> None:
        self.read_byte_data(i2c_addr, register)


@pytest.mark.parametrize("name", NAMES)
def test_the_flag_stays_where_the_time_was_not_taken(name: str) -> None:
    wired = WiredRtc(name, start=None)
    wired.sleep(1)
    deaf = Deaf(wired.time, wired.bus.devices)
    wired.rtc.wire._bus = deaf
    with pytest.raises(RtcRefused, match=f"{name} at 0x.* did not take 2028-02-29T23:59:58Z"):
        wired.rtc.write_time(SECOND)
    wired.rtc.wire._bus = wired.bus
    assert not wired.rtc.read().trusted
    assert wired.truth.counting != (name in ("ds1307", "ds1338", "mcp7940n")), "one that ran before is not left standing"


@pytest.mark.parametrize("name", ["pcf8523", "pcf8563", "pcf85063a", "rv8803", "mcp7940n"])
def test_a_bus_that_dies_in_a_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time was not written, but the clock goes on; or it can't even be released, and that is said."""
    wired = WiredRtc(name)
    write = wired.rtc._write_fields
    for failing, said in ((5, "UNAVAILABLE"), (8, "It may be held still and not count: set it again")):

        def fails(fields: list[int], failing: int = failing) -> Written:
            wired.bus.faults.fail(failing)
            return write(fields)

        monkeypatch.setattr(wired.rtc, "_write_fields", fails)
        with pytest.raises(RtcUnavailable, match=said):
            wired.rtc.write_time(SECOND)
        assert wired.truth.counting == (failing == 5)
    monkeypatch.undo()
    assert wired.rtc.state == "UNAVAILABLE"
    wired.bus.faults.repair()
    wired.rtc.write_time(SECOND)
    assert wired.truth.counting
    assert wired.rtc.read().trusted


# ---- trim -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ("ds1307", "ds1338", "pcf8563")])
def test_a_trim_does_what_its_spec_says(name: str) -> None:
    wired = WiredRtc(name)
    spec = wired.rtc.trim_spec
    assert spec is not None
    for value in (spec.lo, -1, 0, 1, 17, spec.hi):
        wired.rtc.write_trim(value)
        assert wired.rtc.read_trim() == value
        assert wired.truth.mean_ppm == pytest.approx(spec.effect_ppm(value), rel=1e-3, abs=1e-6)
    with pytest.raises(RtcRefused, match=f"holds {spec.lo} to {spec.hi}, not {spec.hi + 1}"):
        wired.rtc.write_trim(spec.hi + 1)


@pytest.mark.parametrize(("name", "register", "mode_1_s"), [("pcf8523", 0x0E, 60), ("pcf85063a", 0x02, 240)])
def test_the_mode_that_is_set_is_kept(name: str, register: int, mode_1_s: int) -> None:
    wired = WiredRtc(name)
    for mode, ppm, cycle_s in ((0x00, 4.34, 7200), (0x80, 4.069, mode_1_s)):
        wired.chip.poke(register, mode)
        spec = wired.rtc.trim_spec
        assert spec is not None
        assert (spec.ppm_per_step, spec.cycle_s, spec.acts) == (ppm, cycle_s, "pulses")
        wired.rtc.write_trim(-3)
        assert wired.truth.mean_ppm == pytest.approx(3 * ppm, rel=1e-3)


def test_aging_acts_at_once() -> None:
    """F-R15: written alone, it would wait for the next conversion."""
    wired = WiredRtc("ds3231")
    wired.sleep(10)
    wired.bus.write_byte_data(0x68, 0x10, 50)
    assert wired.truth.ppm == 0
    wired.rtc.write_trim(50)
    assert wired.truth.ppm == pytest.approx(-5.0)


def test_an_rv3028_keeps_its_trim_in_its_eeprom() -> None:
    """Over midnight, when the copy in RAM is fetched from there, and over the loss of all power."""
    wired = WiredRtc("rv3028", battery=False, start=UtcTime.civil(2026, 11, 24, 23, 59, 50))
    wired.rtc.write_trim(-4)
    assert wired.chip.eeprom[0x36] << 1 | wired.chip.eeprom[0x37] >> 7 == 0x1FC  # type: ignore[attr-defined]
    wired.sleep(20)
    assert wired.rtc.read_trim() == -4
    wired.cut()
    assert wired.rtc.read_trim() == -4
    # the twin that writes to the copy alone
    wired.bus.write_i2c_block_data(0x52, 0x36, [0x7F])
    wired.sleep(86_400)
    assert wired.rtc.read_trim() == -4


# ---- backup ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["pcf8523", "rv3028", "mcp7940n"])
def test_a_switch_to_the_battery_that_is_off(name: str) -> None:
    """F-R04: said beforehand, and after the power cut the time is not trusted; switched on, it goes on."""
    off = WiredRtc(name, backup=False)
    status = off.rtc.status()
    assert status.backup == "off"
    assert status.trusted
    assert any("forgets the time with the mains" in note for note in status.notes)
    off.cut()
    assert not off.rtc.read().trusted
    on = WiredRtc(name)
    assert on.rtc.status().backup != "off"
    assert not any("forgets" in note for note in on.rtc.status().notes)
    on.cut()
    assert on.rtc.read().trusted
    on.rtc.write_time(SECOND)
    assert on.rtc.status().backup != "off", "a set leaves the switch alone"


@pytest.mark.parametrize("name", NAMES)
def test_one_hertz(name: str) -> None:
    wired = WiredRtc(name)
    wired.rtc.square_wave(True)
    assert wired.rtc.status().square_wave == "1 Hz"
    assert wired.chip._hertz()
    wired.rtc.square_wave(False)
    assert wired.rtc.status().square_wave != "1 Hz"
    assert not wired.chip._hertz()
