"""The chip behind the kernel's driver: time, temperature and trim through its doors, and what these can't tell (P14, P15)."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest
from fake_kernel_rtc import RD_TIME, SET_TIME, VL_READ, FakeKernelRtc
from register_bus import RegisterBus
from wired_rtc import WiredRtc

import gpstime
from gpstime.drivers.rtc import NO_TIME, KernelRtc, kernel, kernel_rtcs
from gpstime.drivers.rtc import open as opening
from gpstime.drivers.rtc.kernel_words import door
from gpstime.errors import DeviceForbidden, DeviceMissing, RtcRefused, RtcUnavailable, UsageError
from gpstime.sim.kernel_rtc import KernelDoor
from gpstime.times import UtcTime


@pytest.fixture
def fake(tmp_path: Path) -> FakeKernelRtc:
    return FakeKernelRtc(tmp_path)


def test_the_numbers_of_the_ioctls() -> None:
    if struct.calcsize("@9i") == 36:
        assert (kernel.RTC_RD_TIME, kernel.RTC_SET_TIME, kernel.RTC_VL_READ) == (RD_TIME, SET_TIME, VL_READ)


def test_the_time_and_the_temperature(fake: FakeKernelRtc) -> None:
    fake.hwmon(24_750)
    rtc = fake.opens()
    reading = rtc.read()
    assert (rtc.name, rtc.driver, rtc.node) == ("ds3231", "rtc-ds1307", "/dev/rtc0")
    assert reading.shown == fake.shown
    assert reading.temperature_c == 24.75
    assert reading.err_ns == 25_000
    assert rtc.poll_seconds().second == 56
    assert fake.closed == fake.opened, "held only while it is asked: one at a time may open it"


def test_a_ds3231_behind_the_kernel_can_not_be_trusted(fake: FakeKernelRtc) -> None:
    """The driver has cleared OSF when it was loaded: nobody can tell any more."""
    rtc = fake.opens()
    assert not rtc.read().trusted
    assert rtc.doubt == "the kernel does not say whether its power was lost"
    assert any("may have cleared the flag for lost power when it was loaded" in limit for limit in rtc.limits)
    assert rtc.status().power_lost is None


@pytest.mark.parametrize("chip", ["pcf8523", "pcf85063a", "rv3028", "rv8803", "ds1307", "ds1338", "mcp7940x"])
def test_drivers_that_refuse_a_lost_time(tmp_path: Path, chip: str) -> None:
    fake = FakeKernelRtc(tmp_path, chip, f"rtc-{chip}")
    rtc = fake.opens()
    assert rtc.read().trusted
    fake.errno = errno.EINVAL
    reading = rtc.read()
    assert (reading.shown, reading.trusted) == (NO_TIME, False)
    assert rtc.doubt == f"the kernel's driver (rtc-{chip}) refuses its time: its power was lost, or it was never set"
    assert rtc.status().power_lost
    assert rtc.state == "OK", "the chip answers"


def test_the_voltage_flags(fake: FakeKernelRtc) -> None:
    rtc = fake.opens()
    fake.voltage = 0
    assert rtc.read().trusted
    fake.voltage = 0x02
    assert rtc.read().trusted
    assert rtc.status().battery_low
    fake.voltage = 0x01
    assert not rtc.read().trusted
    assert rtc.status().power_lost


@pytest.mark.parametrize("closed", ["root_only", "busy"])
def test_without_the_node_sysfs_tells_the_time(fake: FakeKernelRtc, closed: str) -> None:
    """/dev/rtc0 is root's, and open in one program at a time; everybody may read since_epoch."""
    setattr(fake, closed, True)
    rtc = fake.opens()
    assert rtc.read().shown == fake.shown
    assert fake.asked == []
    (fake.sysfs / "since_epoch").unlink()
    with pytest.raises(RtcUnavailable):
        rtc.read()
    (fake.sysfs / "since_epoch").write_text("")
    assert rtc.read().shown == NO_TIME


def test_a_chip_that_does_not_answer_its_driver(fake: FakeKernelRtc) -> None:
    rtc = fake.opens()
    fake.errno = errno.EREMOTEIO
    with pytest.raises(RtcUnavailable, match="/dev/rtc0: rtc-ds1307 answers errno 121"):
        rtc.read()
    assert rtc.state == "UNAVAILABLE"
    fake.errno = 0
    assert rtc.read().shown == fake.shown
    assert rtc.state == "OK"


def test_one_that_went_away_is_said_to_be_gone(fake: FakeKernelRtc) -> None:
    rtc = fake.opens()
    fake.unbind()
    with pytest.raises(RtcUnavailable, match="/dev/rtc0 is gone: rtc-ds1307 let go of the ds3231"):
        rtc.read()
    assert rtc.state == "UNAVAILABLE"


def test_set(fake: FakeKernelRtc) -> None:
    rtc = fake.opens()
    second = UtcTime.civil(2028, 2, 29, 23, 59, 58)
    written = rtc.write_time(second)
    assert fake.shown == second
    assert written.before < written.after
    fake.set_allowed = False
    with pytest.raises(DeviceForbidden, match="CAP_SYS_TIME"):
        rtc.set(second)
    for wrong in (UtcTime.civil(2016, 12, 31, 23, 59, 60), UtcTime.civil(2026, 1, 1, ns=5), UtcTime.civil(2100, 1, 1)):
        with pytest.raises(UsageError):
            rtc.set(wrong)


# ---- the trim -----------------------------------------------------------------------------------------------------------------


def test_no_door_no_trim(fake: FakeKernelRtc) -> None:
    rtc = fake.opens()
    assert (rtc.trim_spec, rtc.read_trim()) == (None, None)
    with pytest.raises(RtcRefused, match="the kernel's driver of the ds3231 offers no trim"):
        rtc.write_trim(3)
    assert any("use the chip itself" in limit for limit in rtc.limits)


@pytest.mark.parametrize(
    ("chip", "ppb", "value", "step_ppm", "cycle_s", "positive"),
    [
        ("pcf8523", 26 * 4069, 26, 4.069, 60, "slower"),
        ("pcf8523", -3 * 4340, -3, 4.34, 7200, "slower"),
        ("pcf8523", 0, 0, 4.069, 60, "slower"),
        ("pcf85063a", 5 * 4069, 5, 4.069, 240, "slower"),
        ("rv3028", -3815, -4, 0.953674, 1, "faster"),
    ],
)
def test_the_door_in_sysfs(tmp_path: Path, chip: str, ppb: int, value: int, step_ppm: float, cycle_s: float, positive: str) -> None:
    """Positive is slower, in sysfs as in the register; the RV-3028's driver hands on its register, which goes the other way."""
    fake = FakeKernelRtc(tmp_path, chip, f"rtc-{chip}")
    fake.offset(ppb)
    rtc = fake.opens()
    spec = rtc.trim_spec
    assert spec is not None
    assert (spec.ppm_per_step, spec.cycle_s, spec.positive) == (step_ppm, cycle_s, positive)
    assert rtc.read_trim() == value
    rtc.write_trim(7)
    assert int((fake.sysfs / "offset").read_text()) == round(7 * step_ppm * 1000)
    assert rtc.read_trim() == rtc.status().trim == 7
    with pytest.raises(RtcRefused, match="its trim register holds"):
        rtc.write_trim(spec.hi + 1)


@pytest.mark.parametrize("name", ["pcf8523", "pcf85063a", "rv3028"])
def test_the_door_moves_the_chip_as_its_spec_says(name: str) -> None:
    """Through the simulated driver, which knows the kernel's arithmetic and nothing of ours."""
    wired = WiredRtc(name)
    driver = KernelDoor(wired.bus, wired.chip)
    for value in (-64, -9, -1, 0, 1, 7, 63):
        spec = door(name, driver.offset_ppb)
        assert spec is not None
        driver.offset_ppb = round(value * spec.ppm_per_step * 1000)
        now = door(name, driver.offset_ppb)
        assert now is not None
        assert round(driver.offset_ppb / (now.ppm_per_step * 1000)) == value
        assert wired.truth.mean_ppm == pytest.approx(spec.effect_ppm(value), rel=1e-3)


def test_a_driver_that_takes_another_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeKernelRtc(tmp_path, "pcf8523", "rtc-pcf8523")
    fake.offset(0)
    rtc = fake.opens()
    write_text = Path.write_text
    monkeypatch.setattr(Path, "write_text", lambda path, text: write_text(path, "4069\n"))
    with pytest.raises(RtcRefused, match="did not take 9 in its trim register: it holds 1"):
        rtc.write_trim(9)


def test_a_door_that_is_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeKernelRtc(tmp_path, "pcf8523", "rtc-pcf8523")
    fake.offset(0)
    rtc = fake.opens()

    def refuse(path: Path, text: str) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(DeviceForbidden, match="offset: permission denied, writing it is root's"):
        rtc.write_trim(1)


def test_open_rtc_goes_through_the_kernel_when_asked(fake: FakeKernelRtc, monkeypatch: pytest.MonkeyPatch) -> None:
    """And only then: what the kernel can't do would be missed without a word."""
    device = fake.root / "sys/bus/i2c/devices/1-0068"
    (device / "rtc/rtc0").mkdir(parents=True)
    (device / "driver").symlink_to(fake.root)
    monkeypatch.setattr(opening, "open_bus", lambda number: RegisterBus(0x68))
    through = gpstime.open_rtc("ds3231", 1, through_kernel=True, root=fake.root)
    assert isinstance(through, KernelRtc)
    assert through.address == 0x68
    assert through.limits
    for verb in (lambda: through.square_wave(True), through.stop, lambda: through.write_trim(1)):
        with pytest.raises(RtcRefused):
            verb()
    assert not isinstance(gpstime.open_rtc("ds3231", 1, root=fake.root), KernelRtc)
    assert not isinstance(gpstime.open_rtc("ds3231", 1, 0x69, through_kernel=True, root=fake.root), KernelRtc)


def test_a_clock_that_is_not_there(fake: FakeKernelRtc) -> None:
    assert kernel_rtcs(fake.root) == ["/dev/rtc0"]
    with pytest.raises(DeviceMissing, match=r"/dev/rtc7 is not there \(there is /dev/rtc0\)"):
        gpstime.open_kernel_rtc("/dev/rtc7", root=fake.root)


@pytest.mark.parametrize("broken", [b"", b"\xff\xfe", b"-5", b"soon"])
def test_rubbish_in_sysfs(fake: FakeKernelRtc, broken: bytes) -> None:
    fake.root_only = True
    fake.hwmon(0)
    for name in ("since_epoch", "name", "device/name", "device/hwmon/hwmon1/temp1_input", "offset"):
        (fake.sysfs / name).write_bytes(broken)
    rtc = fake.opens()
    assert rtc.read().shown == NO_TIME
    assert not rtc.status().trusted
