"""A DS3231 on a real kernel's I2C bus: read, looked for, set, trimmed; held by the kernel's driver; rewritten every eleven minutes.

The chip is a model after its datasheet (hw/bench/kernel), so this shows how smbus2, i2c-dev, rtc-ds1307 and the command line go
together, and what the set and the trim come to against pulses; it doesn't show silicon.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gpstime.drivers.adjtimex import STA_NANO, kernel_call
from gpstime.drivers.rtc import KernelRtc, RtcChip, kernel_rtcs, open_rtc
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import RtcHeld, RtcUnavailable
from gpstime.model import PpsEdge
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.times import NS, UtcTime

pytestmark = pytest.mark.virtual
SERIAL = '[receiver]\nport = "/dev/ttyAMA0"\nbaud = 9600\n[record]\nfolder = ""\n'
SOME_DAY = UtcTime.civil(2026, 5, 17, 23, 59, 58)
ADJ_MAXERROR, ADJ_STATUS = 0x4, 0x10
LEAN = ("RMC", "GGA")
"""What the receiver says here: enough to name a second, and every sentence more costs simulated time."""


@pytest.fixture
def chip(board: Any) -> Iterator[RtcChip]:
    """The driver on bus 1; the chip ends as it was, set to some day."""
    pytest.importorskip("smbus2")
    chip = open_rtc("ds3231")
    yield chip
    board.rtc(nak=False, stopped=False, drift_ppb=0, temp_q=101)
    chip.write_trim(0)  # and the temperature is converted
    chip.close()


@pytest.fixture
def rtc(gpstime: Any, tmp_path: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """`gpstime rtc …` with a history of this test's own."""

    def call(*words: str) -> tuple[int, dict[str, Any]]:
        more = ("--chip", "ds3231", "--state", str(tmp_path / "state"), "--json")
        done = gpstime("rtc", words[0], *more, *words[1:], configuration=SERIAL)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode, json.loads(done.stdout)

    return call


def playing(board: Any, seconds: int, ppm: float = 0.0) -> list[tuple[int, int]]:
    """A receiver for so long; raw instants of true seconds (POSIX ns), as the rig has them."""
    from scenario import play

    played = play(
        board, Scenario(21, seconds, sentences=LEAN, oscillator=Oscillator(ppm=ppm), pps_noise_ns=50, system_offset_s=0.03)
    )
    edges = [e for e in played.events if isinstance(e, PpsEdge)]
    begin = played.world.scenario.start
    assert begin is not None
    return [(e.at + played.shift_ns, begin.unix + k * NS) for k, e in enumerate(edges)]


def true_at(raw: int, seconds: list[tuple[int, int]]) -> int:
    """True POSIX ns at a raw instant, from the second played before."""
    at, unix = max((s for s in seconds if s[0] <= raw), default=seconds[0])
    return unix + raw - at


def ahead_ns(seconds: list[tuple[int, int]]) -> tuple[int, int]:
    """How far the chip's second is ahead of the played one, to +-: smbus2 alone, none of our drivers. One look each 0.9 ms."""
    from smbus2 import SMBus

    clock = MachineTime()
    with SMBus(1) as bus:
        before, shown = clock.now(), bus.read_byte_data(0x68, 0)
        while True:
            time.sleep(0.0009)
            now, said = clock.now(), bus.read_byte_data(0x68, 0)
            if said != shown:
                break
            before = now
        middle, half = (before + clock.now()) // 2, (clock.now() - before) // 2
    into = true_at(middle, seconds) % (60 * NS)
    digits = said // 16 * 10 + said % 16
    return (digits * NS - into + 30 * NS) % (60 * NS) - 30 * NS, half


# ---- on the bus --------------------------------------------------------------------------------------------------------------


def test_a_set_is_read_back_and_goes_on(chip: RtcChip) -> None:
    written = chip.write_time(SOME_DAY)
    reading = chip.read()
    assert (reading.trusted, chip.doubt) == (True, "")
    assert written.before < written.after < reading.at
    passed = reading.at - written.after
    assert 0 <= reading.shown.unix - SOME_DAY.unix <= passed + NS
    assert -20 < reading.temperature_c < 60 if reading.temperature_c is not None else False
    time.sleep(3)  # over midnight
    assert chip.read().shown >= UtcTime.civil(2026, 5, 18)


def test_an_oscillator_that_stopped_is_not_trusted_until_it_is_set(chip: RtcChip, board: Any, rtc: Any) -> None:
    chip.write_time(SOME_DAY)
    board.rtc(stopped=True)
    stood = chip.read().shown
    time.sleep(2)
    assert chip.read().shown == stood
    board.rtc(stopped=False)
    code, said = rtc("show")
    assert (code, said["status"], said["power_lost"]) == (1, "untrusted", True)
    chip.write_time(SOME_DAY)
    code, said = rtc("show")
    assert (code, said["status"], said["power_lost"]) == (0, "ok", False)


def test_a_bus_that_does_not_answer_and_comes_back(chip: RtcChip, board: Any) -> None:
    chip.write_time(SOME_DAY)
    board.rtc(nak=True)
    with pytest.raises(RtcUnavailable):
        chip.read()
    assert chip.state == "UNAVAILABLE"
    board.rtc(nak=False)
    assert chip.read().trusted
    assert chip.state == "OK"


def test_aging_acts_at_once_and_the_temperature_is_converted(chip: RtcChip, board: Any) -> None:
    board.rtc(temp_q=-41)
    chip.write_trim(-12)
    reading = chip.read()
    assert (reading.aging, reading.temperature_c, chip.read_trim()) == (-12, -10.25, -12)
    chip.write_trim(0)


# ---- held by the kernel ------------------------------------------------------------------------------------------------------


def test_an_address_that_the_kernel_holds_is_read_through_it(chip: RtcChip, board: Any, rtc: Any) -> None:
    chip.write_time(SOME_DAY)
    board.hold_rtc(True)
    try:
        late = open_rtc("ds3231")
        with pytest.raises(RtcHeld, match="rtc-ds1307 holds the address as /dev/rtc0"):
            late.read()
        late.close()
        with pytest.raises(RtcHeld):
            chip.write_time(SOME_DAY)  # open before the kernel's driver came: i2c-dev lets it pass, we don't
        assert kernel_rtcs() == ["/dev/rtc0"]
        kernels = KernelRtc("/dev/rtc0")
        assert (kernels.name, kernels.driver, kernels.address) == ("ds3231", "rtc-ds1307", 0x68)
        assert SOME_DAY <= kernels.read().shown < UtcTime.from_unix(SOME_DAY.unix + 600 * NS)
        assert kernels.temperature_c() == 25.25
        code, said = rtc("show")
        assert (code, said["status"], said["trusted"], said["address"]) == (1, "untrusted", False, 0x68)
        assert said["why"] == "the kernel does not say whether its power was lost"  # rtc-ds1307 has no RTC_VL_READ for it
        kernels.write_time(SOME_DAY)
        assert abs(kernels.read().shown.unix - SOME_DAY.unix) <= 30 * NS
        with Path("/dev/rtc0").open("rb"):
            assert rtc("show")[1]["shown"] is not None  # one at a time may have it open: then sysfs is asked
    finally:
        board.hold_rtc(False)
    assert kernel_rtcs() == []
    with pytest.raises(RtcUnavailable, match="/dev/rtc0 is gone: rtc-ds1307 let go of the ds3231"):
        kernels.read()
    assert chip.read().trusted


def synchronised() -> None:
    """Tell the guest's kernel that its clock is synchronised to 1 ms, as ntpd or chronyd does; its clock stays as it is."""
    call, timex = kernel_call()
    call(timex(modes=ADJ_STATUS | ADJ_MAXERROR, status=STA_NANO, maxerror=1000))


@pytest.mark.travel
def test_a_synchronised_kernel_rewrites_it_and_that_is_noticed(chip: RtcChip, board: Any, started: Any) -> None:
    board.rtc(drift_ppb=30_000)
    board.hold_rtc(True)
    try:
        playing(board, 1000)
        KernelRtc().write_time(UtcTime.from_unix(time.time_ns() // NS * NS))
        measuring = started("measure", "--for", "900s", "--rtc", "kernel", "--json", configuration=SERIAL)
        time.sleep(100)
        synchronised()
        found = json.loads(measuring.communicate()[0])["rtc"]
    finally:
        board.hold_rtc(False)
    assert found["status"] == "rewritten", found
    assert [b["reason"] for b in found["breaks"]] == ["kernel-rewrite", "kernel-rewrite"], found["breaks"]
    assert found["freq_lo_ppb"] < 30_000 < found["freq_hi_ppb"], found


# ---- set and trimmed against pulses -------------------------------------------------------------------------------------------


@pytest.mark.travel
def test_a_set_lands_within_a_millisecond_of_the_true_second(chip: RtcChip, board: Any, rtc: Any) -> None:
    seconds = playing(board, 150, ppm=12)
    code, said = rtc("set")
    assert (code, said["status"], said["within_1_ms"]) == (0, "ok", True), said
    ahead, half = ahead_ns(seconds)
    assert half < 1_500_000
    assert abs(ahead) < 1_000_000 + half
    assert abs(ahead - said["residue_ns"]) < half + said["err_ns"] + 100_000
    shown, true = chip.read().shown.unix, true_at(MachineTime().now(), seconds)
    assert abs(shown - true) <= 1_100_000_000


@pytest.mark.travel
def test_a_trim_takes_the_error_away(chip: RtcChip, board: Any, rtc: Any) -> None:
    playing(board, 1700, ppm=-1.0)
    board.rtc(drift_ppb=3800)  # against the raw clock, which loses 1 ppm
    assert rtc("set")[0] == 0

    def rate() -> dict[str, Any]:
        rtc("compare")
        time.sleep(610)
        return dict(rtc("compare")[1])

    first = rate()
    assert first["ppm_lo"] < 2.8 < first["ppm_hi"], first
    assert first["ppm_hi"] - first["ppm_lo"] < 2.5
    code, said = rtc("trim", "--known", "2.8+-0.05", "--apply")
    assert (code, said["applied"], said["new"]) == (0, True, 28), said
    assert chip.read_trim() == 28
    second = rate()
    assert second["ppm_lo"] < 0.0 < second["ppm_hi"] < 2.0, second
    code, said = rtc("trim", "--undo")
    assert (code, chip.read_trim()) == (0, 0), said
