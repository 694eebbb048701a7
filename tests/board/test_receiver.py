"""A receiver as it comes, on whatever board this is: a wired Pi (hw/rig/README.md), or the virtual Pi that plays a scenario."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from gpstime.core.nmea import Nmea
from gpstime.drivers.autobaud import WatchedPort
from gpstime.drivers.pps_kernel import PpsKernel
from gpstime.drivers.pps_sysfs import KernelPulse, kernel_pulses
from gpstime.drivers.rtc import open_rtc
from gpstime.drivers.serial_port import SerialPort
from gpstime.errors import RtcHeld
from gpstime.model import Epoch
from gpstime.ports import EdgeStamp
from gpstime.times import NS

VIRTUAL = os.environ.get("GPSTIME_BOARD", "")
PPS = "GPSTIME_TEST_PPS"
PORT = "GPSTIME_TEST_PORT"
I2C = "GPSTIME_TEST_I2C"


@dataclass
class Live:
    pulse: KernelPulse
    port: str | None
    i2c: int | None


@pytest.fixture
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """The receiver's pulse and port; on the virtual Pi it begins to talk 3 s from now."""
    if not VIRTUAL:
        i2c = os.environ.get(I2C)
        node = os.path.basename(os.path.realpath(os.environ[PPS]))
        pulse = next((p for p in kernel_pulses() if p.node == node), None)
        assert pulse is not None, f"{PPS}={os.environ[PPS]} is no pulse of the kernel's: {[p.node for p in kernel_pulses()]}"
        yield Live(pulse, os.environ.get(PORT), int(i2c) if i2c else None)
        return
    from scenario import play

    from gpstime.sim.scenario import Scenario

    play(request.getfixturevalue("board"), Scenario(41, 100))
    yield Live(next(p for p in kernel_pulses() if p.kind == "gpio"), "/dev/ttyAMA0", 1)


def port_of(live: Live) -> str:
    if live.port is None:
        pytest.skip(f"{PORT} names no port")
    return live.port


def test_the_pulse_comes_once_a_second(live: Live) -> None:
    pps = PpsKernel(live.pulse)
    got: list[EdgeStamp] = []
    try:
        for _ in range(30):
            stamp = pps.wait(1.5)
            if stamp is not None and stamp.edge == "assert":
                got.append(stamp)
            if len(got) == 8:
                break
    finally:
        pps.close()
    assert [s.seq - got[0].seq for s in got] == list(range(8))
    assert {s.stamped_by for s in got} == {"kernel"}
    # the system clock may be slewed meanwhile, and the virtual Pi is late in real time
    apart = [b.stamp - a.stamp - NS for a, b in itertools.pairwise(got)]
    assert max(abs(a) for a in apart) < (NS // 2 if VIRTUAL == "real" else 1_000_000), apart


def test_the_receiver_says_a_second_every_second(live: Live) -> None:
    if VIRTUAL == "real":
        pytest.skip("listened to in time travel")
    port = WatchedPort(SerialPort(port_of(live), 9600))
    reader = Nmea()
    seconds = set()
    end = time.monotonic() + 20
    try:
        port.open()
        while time.monotonic() < end and len(seconds) < 8:
            portion = port.read(0.5)
            for found in [] if portion is None else reader.feed(portion.data, portion.at):
                if isinstance(found, Epoch):
                    seconds.add(found.second.unix)
    finally:
        port.close()
    assert len(seconds) == 8
    assert max(seconds) - min(seconds) == 7 * NS


def test_the_crystal_is_measured(live: Live, gpstime: Callable[..., CompletedProcess[str]]) -> None:
    if VIRTUAL == "real":
        pytest.skip("measured in time travel")
    configuration = f'[receiver]\nport = "{port_of(live)}"\n[record]\nfolder = ""\n'
    done = gpstime("measure", "--for", "60s", "--json", configuration=configuration)
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    assert (found["status"], found["label"]) == ("ok", "ok"), found
    assert found["n"] >= 55
    assert abs(found["freq_ppb"]) < 200_000
    assert found["freq_hi_ppb"] - found["freq_lo_ppb"] < 2_000
    assert found["pulse_noise_ns"] < 50_000


def test_the_rtc_is_read_and_goes_on(live: Live) -> None:
    if live.i2c is None:
        pytest.skip(f"{I2C} names no bus with a DS3231")
    assert Path(f"/dev/i2c-{live.i2c}").exists()
    chip = open_rtc("ds3231", live.i2c, through_kernel=True)
    try:
        first = chip.read()
        time.sleep(3)
        later = chip.read()
    except RtcHeld as error:
        pytest.fail(str(error))
    finally:
        chip.close()
    passed_ns = later.at - first.at
    assert abs(later.shown.unix - first.shown.unix - passed_ns) <= NS + first.err_ns + later.err_ns
