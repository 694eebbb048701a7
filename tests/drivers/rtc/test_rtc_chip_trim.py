"""The real drivers trim the fakes: each value does what its spec says, and stays; backup switches and clock outputs."""

from __future__ import annotations

import pytest
from wired_rtc import WiredRtc

from gpstime.errors import RtcRefused
from gpstime.sim.chips import CHIPS
from gpstime.times import NS, UtcTime

NAMES = list(CHIPS)
SECOND = UtcTime.civil(2028, 2, 29, 23, 59, 58)


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


# ---- what else stands in the registers ------------------------------------------------------------------------------------------


def test_the_eeprom_has_each_value_and_is_left_as_it_was() -> None:
    """The command register must be 0 before each command; the automatic refresh is on again afterwards."""
    wired = WiredRtc("rv3028")
    for value in (5, -7, 100, 0):
        wired.rtc.write_trim(value)
        held = wired.chip.eeprom[0x36] << 1 | wired.chip.eeprom[0x37] >> 7  # type: ignore[attr-defined]
        assert held == value & 0x1FF
        assert not wired.chip.file[0x0F] & 0x08
    wired.chip.poke(0x0F, 0x08)
    wired.rtc.write_trim(3)
    assert wired.chip.file[0x0F] & 0x08, "somebody else's choice"


def test_an_eeprom_that_takes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its copy in RAM has the value, and would have lost it at midnight: what counts was fetched from the EEPROM."""
    wired = WiredRtc("rv3028")
    command = wired.chip._command  # type: ignore[attr-defined]
    monkeypatch.setattr(wired.chip, "_command", lambda asked: None if asked == 0x11 else command(asked))
    with pytest.raises(RtcRefused, match="did not take 9 in its trim register: it holds 0"):
        wired.rtc.write_trim(9)
    assert not wired.chip.file[0x0F] & 0x08


def test_an_eeprom_that_stays_busy() -> None:
    wired = WiredRtc("rv3028")
    get = wired.chip._get
    wired.chip._get = lambda register: get(register) | (0x80 if register == 0x0E else 0)  # type: ignore[method-assign]
    with pytest.raises(RtcRefused, match="its EEPROM is busy; nothing was written"):
        wired.rtc.write_trim(9)
    assert not wired.chip.file[0x0F] & 0x08
    assert wired.chip.file[0x36] == 0


def test_a_set_clears_one_flag_of_a_ds3231_and_lets_it_run_without_mains() -> None:
    wired = WiredRtc("ds3231", start=None)
    wired.sleep(1)
    wired.chip.poke(0x0F, 0x80 | 0x08 | 0x03)
    wired.chip.poke(0x0E, 0x80 | 0x1C)
    assert wired.rtc.status().oscillator_enabled is False
    assert any("EOSC is set" in note for note in wired.rtc.status().notes)
    wired.rtc.write_time(SECOND)
    assert wired.chip.file[0x0F] == 0x0B, "the 32 kHz output and two alarms that went off"
    assert wired.chip.file[0x0E] == 0x1C
    assert wired.rtc.status().oscillator_enabled


def test_power_failures_of_an_mcp7940n_are_logged_anew_after_a_set() -> None:
    wired = WiredRtc("mcp7940n")
    wired.cut()
    assert wired.rtc.read().trusted, "it went on from its battery"
    assert any("PWRFAIL" in note for note in wired.rtc.status().notes)
    wired.rtc.write_time(SECOND)
    assert not any("PWRFAIL" in note for note in wired.rtc.status().notes)
    assert wired.rtc.status().backup == "on"


def test_coarse_trim_goes_off() -> None:
    wired = WiredRtc("mcp7940n")
    wired.chip.poke(0x07, 0x84)
    assert any("CRSTRIM" in note for note in wired.rtc.status().notes)
    wired.rtc.write_trim(2)
    assert wired.truth.mean_ppm == pytest.approx(2.035, abs=0.001)


def test_a_compensation_that_stood_still() -> None:
    """V1F of an RV-8803: the time goes on, what it gained meanwhile is not known."""
    wired = WiredRtc("rv8803")
    wired.chip.poke(0x0E, 0x01)
    assert wired.rtc.read().trusted
    assert any("V1F" in note for note in wired.rtc.status().notes)
    wired.rtc.write_time(SECOND)
    assert wired.rtc.status().notes == ()


def test_an_rv8803_that_a_dip_has_stopped() -> None:
    """RESET is set by itself: it stands, and says so until it is set."""
    wired = WiredRtc("rv8803")
    wired.chip.brown_out(wired.time.true_now)  # type: ignore[attr-defined]
    wired.sleep(5)
    assert not wired.rtc.read().trusted
    assert wired.rtc.doubt == "it is held (RESET)"
    wired.rtc.write_time(SECOND)
    wired.sleep(2)
    assert 0 <= wired.rtc.read().shown.unix - SECOND.unix - 2 * NS < NS // 10
    assert wired.rtc.read().trusted
