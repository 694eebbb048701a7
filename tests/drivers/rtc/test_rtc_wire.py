"""I2C errors, a bus that hangs, an address that the kernel holds: a state with a sentence, bounded in time (P26, P14)."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from fake_kernel_rtc import held_tree
from register_bus import Clock, RegisterBus
from wired_rtc import START, WiredRtc

import gpstime
from gpstime.drivers.rtc import open as opening
from gpstime.errors import DeviceBusy, DeviceForbidden, DeviceMissing, RtcHeld, RtcUnavailable, UsageError
from gpstime.sim.chips import CHIPS
from gpstime.times import NS

NAMES = list(CHIPS)


@pytest.mark.parametrize("name", NAMES)
def test_one_percent_of_errors_is_not_noticed(name: str) -> None:
    """F-R11: two thousand polls and readings; nothing is lost, and what was repeated is counted."""
    wired = WiredRtc(name, faults={"error_rate": 0.01, "seed": 5})
    for _ in range(500):
        assert wired.rtc.read().trusted
        for _ in range(3):
            assert wired.rtc.poll_seconds().second is not None
        wired.sleep(0.4)
    assert wired.rtc.state == "OK"
    assert wired.rtc.wire.failures == wired.rtc.wire.retried > 5


def test_a_burst_of_twenty() -> None:
    """UNAVAILABLE, then one attempt at a time, then as if nothing had been."""
    wired = WiredRtc("ds3231")
    wired.bus.faults.fail(20)
    for _ in range(16):  # five attempts the first time, one each time after it
        with pytest.raises(OSError, match="UNAVAILABLE") as told:
            wired.rtc.read()
        assert isinstance(told.value, RtcUnavailable)
        assert told.value.errno == errno.EREMOTEIO
        assert wired.rtc.state == "UNAVAILABLE"
    assert wired.rtc.read().trusted


def test_a_dead_bus_costs_little() -> None:
    wired = WiredRtc("ds3231")
    wired.bus.faults.break_down()
    began = wired.time.at
    with pytest.raises(RtcUnavailable) as told:
        wired.rtc.read()
    assert wired.time.at - began < 0.4 * NS
    assert str(told.value) == (
        "ds3231 at 0x68 on the bus is UNAVAILABLE (5 attempts, errno 121: Remote I/O error): nobody acknowledges: look at the "
        "wiring (SDA GPIO2, SCL GPIO3, ground), the supply (3.3 V), the bus number (i2cdetect -y 1) and the address; at boot it "
        "may only be too early."
    )
    began = wired.time.at
    with pytest.raises(RtcUnavailable, match=r"\(1 attempt,"):
        wired.rtc.read()
    assert wired.time.at - began < 0.01 * NS


def test_too_early_at_boot() -> None:
    """F-R16: the first attempts fail, a later one works; nothing was decided for good."""
    wired = WiredRtc("pcf8523")
    wired.bus.faults.break_down(until_ns=wired.time.at + 3 * NS)
    tries = 0
    while True:
        try:
            reading = wired.rtc.read()
            break
        except RtcUnavailable:
            tries += 1
            wired.sleep(1)
    assert 2 <= tries <= 4
    assert reading.trusted


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ETIMEDOUT, "the bus hangs: a slow chip stretches the clock (try dtparam=i2c_arm_baudrate=10000)"),
        (errno.EIO, "transfers break off"),
        (errno.EAGAIN, "another master"),
        (errno.ENXIO, "nobody acknowledges"),
        (errno.EPROTO, "look at the wiring and the supply"),
    ],
)
def test_each_error_has_its_hint(number: int, hint: str) -> None:
    bus = RegisterBus(0x68)
    bus.failing = [number] * 5
    rtc = gpstime.open_rtc("ds3231", bus, time=Clock())
    with pytest.raises(RtcUnavailable) as told:
        rtc.read()
    assert hint in str(told.value)
    assert told.value.errno == number


def test_a_stalled_bus_is_read_again() -> None:
    """300 ms for one transfer: its bracket would be that wide, the next one's is not."""
    wired = WiredRtc("ds3231")
    wired.bus.faults.stall(0.3)
    assert wired.rtc.read().err_ns < 200_000
    wired.bus.faults.stall(0.3)
    poll = wired.rtc.poll_seconds()
    assert poll.after - poll.before > 0.29 * NS, "a poll says how long it took, and its reader decides"


def test_a_short_block_is_an_error() -> None:
    bus = RegisterBus(0x68)
    whole = bus.read_i2c_block_data
    bus.read_i2c_block_data = lambda *asked: whole(*asked)[:-1]  # type: ignore[method-assign]
    with pytest.raises(RtcUnavailable, match="errno 5"):
        gpstime.open_rtc("ds3231", bus, time=Clock()).read()


# ---- the kernel has it --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["read", "status", "poll_seconds", "set", "write_trim"])
def test_an_address_that_the_kernel_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """P14, F-R12: said at once, with the way through the kernel and the way out; nothing is forced, nothing tried again."""
    wired = WiredRtc("ds3231")
    wired.bus.hold(0x68)
    monkeypatch.setattr(opening, "open_bus", lambda number: wired.bus)
    rtc = gpstime.open_rtc("DS3231", bus=1, time=wired.time, root=held_tree(tmp_path))
    arguments = {"set": (START,), "write_trim": (3,)}.get(verb, ())
    with pytest.raises(RtcHeld) as told:
        getattr(rtc, verb)(*arguments)
    assert str(told.value) == (
        "ds3231 at 0x68 on /dev/i2c-1: busy, the kernel's driver rtc-ds1307 holds the address as /dev/rtc0, and gpstime does not "
        'force its way past it. Read it through the kernel (chip = "kernel" under [rtc], '
        "gpstime.open_kernel_rtc('/dev/rtc0')); or take the driver off: remove "
        "dtoverlay=i2c-rtc,... from config.txt and restart, or for a moment echo 1-0068 | sudo tee "
        "/sys/bus/i2c/drivers/rtc-ds1307/unbind, and afterwards the same into /sys/bus/i2c/drivers/rtc-ds1307/bind."
    )
    assert (told.value.errno, told.value.node) == (errno.EBUSY, "/dev/rtc0")
    assert isinstance(told.value, DeviceBusy)
    assert rtc.state == "HELD"
    assert wired.bus.log == [], "nothing went over the wire"
    assert rtc.wire.failures <= 1, "and it was not tried again"


def test_held_by_nobody_that_sysfs_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bus = RegisterBus(0x68)
    bus.failing = [errno.EBUSY]
    monkeypatch.setattr(opening, "open_bus", lambda number: bus)
    with pytest.raises(RtcHeld, match=r"a driver of the kernel holds the address, .*There is no /dev/rtc of it"):
        gpstime.open_rtc("ds3231", bus=1, time=Clock(), root=tmp_path).read()


# ---- opening ------------------------------------------------------------------------------------------------------------------


def test_the_speed_of_the_bus_is_the_device_trees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wired = WiredRtc("ds3231", baud=400_000)
    monkeypatch.setattr(opening, "open_bus", lambda number: wired.bus)
    known = gpstime.open_rtc("ds3231", bus=1, time=wired.time, root=held_tree(tmp_path))
    guessed = gpstime.open_rtc("ds3231", bus=2, time=wired.time, root=tmp_path)
    assert known.read().err_ns < guessed.read().err_ns
    assert opening.baud_of(1, tmp_path) == 400_000
    assert opening.baud_of(3, tmp_path) is None


@pytest.mark.parametrize(
    ("error", "raised", "told"),
    [
        (FileNotFoundError(), DeviceMissing, "dtparam=i2c_arm=on"),
        (PermissionError(), DeviceForbidden, "usermod -aG i2c"),
    ],
)
def test_a_bus_that_can_not_be_opened(monkeypatch: pytest.MonkeyPatch, error: OSError, raised: type[OSError], told: str) -> None:
    import smbus2

    def refuse(number: int) -> None:
        raise error

    monkeypatch.setattr(smbus2, "SMBus", refuse)
    with pytest.raises(raised, match=f"/dev/i2c-7.*{told}"):
        gpstime.open_rtc("ds3231", bus=7)


def test_a_bus_of_ones_own_by_its_number() -> None:
    """What this machine has or has not: an error of ours in any case, never a bare OSError of smbus2."""
    with pytest.raises(DeviceMissing, match="/dev/i2c-250 is not there"):
        gpstime.open_rtc("ds3231", bus=250)


def test_permission_that_comes_with_the_transfer() -> None:
    bus = RegisterBus(0x68)
    bus.failing = [errno.EPERM]
    with pytest.raises(DeviceForbidden, match="usermod -aG i2c"):
        gpstime.open_rtc("ds3231", bus, time=Clock()).read()


@pytest.mark.parametrize("spelt", ["RV-3028", "rv3028", "Rv_3028", "RV 3028"])
def test_names_as_people_write_them(spelt: str) -> None:
    rtc = gpstime.open_rtc(spelt, RegisterBus(0x52))
    assert (rtc.name, rtc.address, rtc.family) == ("rv3028", 0x52, "rv3028")


def test_what_makes_no_sense() -> None:
    with pytest.raises(UsageError, match=r"no chip 'ds9999' is known; there are ds3231, ds3231m, .*mcp7940n"):
        gpstime.open_rtc("ds9999", RegisterBus(0x68))
    with pytest.raises(UsageError, match="0x80 is no address"):
        gpstime.open_rtc("ds3231", RegisterBus(0x68), address=0x80)


def test_close() -> None:
    bus = RegisterBus(0x68)
    gpstime.open_rtc("ds3231", bus).close()
    assert bus.closed
