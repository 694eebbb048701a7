"""The real drivers set the fakes: when a second starts, which flags go and when, and what is left where a set fails."""

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


@pytest.mark.parametrize(("name", "register", "flag"), [("ds3231", 0x0F, 0x80), ("pcf8523", 0x03, 0x80), ("rv3028", 0x0E, 0x01)])
def test_a_crystal_that_does_not_swing(name: str, register: int, flag: int) -> None:
    """The flag is back as soon as it was cleared: no set that one could trust."""
    wired = WiredRtc(name)
    get = wired.chip._get
    wired.chip._get = lambda r: get(r) | (flag if r == register else 0)  # type: ignore[method-assign]
    with pytest.raises(RtcRefused, match=r"took the time, and still says: its .* \((OSF|OS|PORF)\)\. Set it again"):
        wired.rtc.write_time(SECOND)


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
