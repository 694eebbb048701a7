"""RV-3028 and RV-8803 as Micro Crystal and the kernel's drivers have them."""

from __future__ import annotations

import pytest

from gpstime.sim.chips_rv8803 import Rv8803
from gpstime.times import NS, UtcTime
from tests.sim.wired import MS, Wired

# ---- RV-3028 -------------------------------------------------------------------------------------------------------------------


def store(w: Wired, place: int, value: int) -> None:
    """One byte into the EEPROM, as it must be done."""
    w.write(0x0F, w.byte(0x0F) | 0x08)
    w.write(0x25, place)
    w.write(0x26, value)
    w.write(0x27, 0x00)
    w.write(0x27, 0x21)
    assert w.byte(0x0E) & 0x80, "busy"
    w.run(0.02)
    assert not w.byte(0x0E) & 0x80
    w.write(0x0F, w.byte(0x0F) & ~0x08 & 0xFF)


def test_power_up() -> None:
    w = Wired("rv3028", start=None)
    assert w.byte(0x0E) == 0x81, "PORF, and busy with its EEPROM"
    w.run(0.1)
    assert w.byte(0x0E) == 0x01
    assert w.read(0x35, 3) == [0xC0, 0x00, 0x10]
    w.write(0x0E, 0x00)
    assert w.truth.trusted
    w.write(0x0E, 0xFF)
    assert w.byte(0x0E) == 0x00


@pytest.mark.parametrize(("code", "steps"), [(0x1FC, -4), (0x004, 4), (0x0FF, 255), (0x100, -256), (0x001, 1)])
def test_a_positive_offset_is_faster(code: int, steps: int) -> None:
    """The other way than the PCF8523: 0x1FC took 4 ppm off a chip that gained 3.8."""
    w = Wired("rv3028", ppm=3.8)
    w.write(0x36, code >> 1)
    w.write(0x37, (code & 1) << 7 | 0x10)
    assert w.mean_ppm(1000.0) == pytest.approx(3.8 + steps * 0.95367, abs=0.002)


def test_the_mirror_alone_is_forgotten_at_midnight_and_at_power_up() -> None:
    for stored in (False, True):
        w = Wired("rv3028", start=UtcTime.civil(2026, 3, 1, 23, 0), backup=False)
        if stored:
            store(w, 0x36, 0x10)
            store(w, 0x37, 0x1C)
        w.write(0x36, 0x10)
        w.write(0x37, 0x1C)
        w.run(3000.0)
        assert w.read(0x36, 2) == [0x10, 0x1C]
        w.run(700.0)
        assert w.read(0x36, 2) == ([0x10, 0x1C] if stored else [0x00, 0x10])
        w.cut(10.0)
        assert w.truth.trusted == stored


def test_automatic_refresh_can_be_held_off() -> None:
    w = Wired("rv3028", start=UtcTime.civil(2026, 3, 1, 23, 59, 50))
    w.write(0x0F, 0x08)
    w.write(0x36, 0x10)
    w.run(20.0)
    assert w.byte(0x36) == 0x10


def test_the_eeprom_wants_a_zero_before_each_command() -> None:
    w = Wired("rv3028")
    w.write(0x25, 0x36)
    w.write(0x26, 0x22)
    w.write(0x27, 0x21)
    assert w.byte(0x0E) & 0x80, "after power-up the register is 0"
    w.run(0.1)
    w.write(0x26, 0x33)
    w.write(0x27, 0x21)
    assert not w.byte(0x0E) & 0x80, "no zero, no command"
    assert w.chip.eeprom[0x36] == 0x22
    w.write(0x27, 0x00)
    w.write(0x27, 0x21)
    assert w.byte(0x0E) & 0x80


def test_the_eeprom_ignores_commands_while_it_is_busy() -> None:
    w = Wired("rv3028")
    w.write(0x36, 0x33)
    w.write(0x27, 0x11)
    w.run(0.03)
    w.write(0x36, 0x44)
    w.write(0x27, 0x00)
    w.write(0x27, 0x12)
    assert w.byte(0x36) == 0x44


def test_update_and_refresh_and_read() -> None:
    w = Wired("rv3028")
    w.write(0x36, 0x33)
    w.write(0x27, 0x00)
    w.write(0x27, 0x11)
    w.run(0.07)
    w.write(0x36, 0x44)
    w.write(0x27, 0x00)
    w.write(0x27, 0x12)
    w.run(0.01)
    assert w.byte(0x36) == 0x33
    w.write(0x25, 0x36)
    w.write(0x27, 0x00)
    w.write(0x27, 0x22)
    w.run(0.01)
    assert w.byte(0x26) == 0x33


@pytest.mark.parametrize(("bsm", "kept"), [(0x00, False), (0x04, True), (0x08, False), (0x0C, True)])
def test_modes_of_the_switch(bsm: int, kept: bool) -> None:
    w = Wired("rv3028", backup=False)
    w.write(0x37, 0x10 | bsm)
    w.cut(5.0)
    assert w.truth.trusted == kept
    assert bool(w.byte(0x0E) & 0x20) == kept


def test_writing_the_seconds_or_reset_starts_a_second() -> None:
    for write in ((0x00, 0x30), (0x10, 0x01)):
        w = Wired("rv3028", start=UtcTime.civil(2026, 3, 1, 12, 0, 0, 600 * MS))
        w.write(*write)
        assert 0 <= w.truth.phase_ns - 10_000 <= 245_000
        assert w.byte(0x10) == 0x00, "it clears itself"


def test_the_unix_counter_goes_along() -> None:
    w = Wired("rv3028")
    w.write(0x1B, *(1_800_000_000).to_bytes(4, "little"))
    w.run(100_000.0)
    assert int.from_bytes(bytes(w.read(0x1B, 4)), "little") == 1_800_100_000


# ---- RV-8803 -------------------------------------------------------------------------------------------------------------------


def test_flags_after_power_up_can_be_cleared_only() -> None:
    w = Wired("rv8803", start=None)
    w.run(0.7)
    assert w.byte(0x0E) == 0x03
    w.write(0x0E, 0x01)
    assert w.byte(0x0E) == 0x01
    assert w.truth.trusted, "V1F alone is a doubt about the compensation"
    w.write(0x0E, 0x00)
    w.write(0x0E, 0xFF)
    assert w.byte(0x0E) == 0x00


def test_counters_run_on_while_they_are_read() -> None:
    w = Wired("rv8803", start=UtcTime.civil(2026, 3, 1, 11, 59, 59))
    w.to(1.0 - 330e-6)
    assert w.read(0x00, 3) == [0x59, 0x00, 0x12], "an hour that never was"
    w.run(0.01)
    assert w.read(0x00, 3) == [0x00, 0x00, 0x12]


@pytest.mark.parametrize("hundredths", [0, 1, 9, 10, 37, 99])
def test_hundredths(hundredths: int) -> None:
    w = Wired("rv8803")
    w.to(5 + hundredths / 100 + 0.002)
    got = w.read(0x10, 2)
    assert got == [hundredths // 10 << 4 | hundredths % 10, 0x05]


def test_the_second_bank_is_the_first_one_again() -> None:
    w = Wired("rv8803")
    w.write(0x1D, 0x08)
    assert w.byte(0x0D) == 0x08
    w.write(0x11, 0x45)
    assert w.byte(0x00) == 0x45
    w.write(0x07, 0x99)
    assert w.byte(0x17) == 0x26, "the year, not the RAM byte"


def test_once_a_second_it_is_deaf() -> None:
    w = Wired("rv8803", seed=8)
    assert isinstance(w.chip, Rv8803)
    start = w.chip._deaf / NS
    for second, into_us, deaf in ((1, -5, False), (2, 5, True), (3, 56, True), (4, 66, False), (5, 30, True)):
        w.to(second + start + into_us * 1e-6)
        if deaf:
            with pytest.raises(OSError, match="Remote"):
                w.byte(0x00)
        else:
            w.byte(0x00)


def test_reset_holds_everything_below_the_second() -> None:
    w = Wired("rv8803")
    w.to(5.3)
    w.write(0x0F, 0x01)
    w.run(7.7)
    assert w.read(0x10, 2) == [0x00, 0x05]
    assert not w.truth.counting
    w.write(0x00, 0x30)
    w.write(0x0F, 0x00)
    released = w.true - 10_000
    w.time.run_to_true(released + NS - 500_000)
    assert w.byte(0x00) == 0x30
    w.time.run_to_true(released + NS + 70_000)
    assert w.byte(0x00) == 0x31


def test_a_dip_of_the_supply_may_stop_it_and_setting_alone_does_not_start_it() -> None:
    w = Wired("rv8803")
    w.to(3.5)
    assert isinstance(w.chip, Rv8803)
    w.chip.brown_out(w.true)
    w.write(0x00, 0x00, 0x00, 0x12)
    w.run(100.0)
    assert w.read(0x00, 3) == [0x00, 0x00, 0x12]
    assert w.byte(0x0E) & 0x01
    w.write(0x0F, 0x00)
    w.run(1.5)
    assert w.byte(0x00) == 0x01


@pytest.mark.parametrize(("register", "steps"), [(0x03, 3), (0x1F, 31), (0x20, -32), (0x3F, -1)])
def test_a_positive_offset_is_slower(register: int, steps: int) -> None:
    w = Wired("rv8803", ppm=1.5)
    w.write(0x2C, register | 0xC0)
    assert w.byte(0x2C) == register, "six bits"
    assert w.mean_ppm(1000.0) == pytest.approx(1.5 - steps * 0.238419, abs=1e-4)


def test_the_weekday_is_one_of_seven_bits() -> None:
    w = Wired("rv8803", start=UtcTime.civil(2026, 3, 7, 23, 59, 59))  # a Saturday
    assert w.byte(0x03) == 0x40
    w.run(1.5)
    assert w.byte(0x03) == 0x01
