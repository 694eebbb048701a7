"""The commands of a day on a real kernel: what is there, the service asked, killed and replayed, devices that go and come."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess, Popen
from typing import Any

import pytest

from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario

pytestmark = pytest.mark.virtual
SERIAL = '[receiver]\nport = "/dev/ttyAMA0"\nbaud = 9600\n'
Run = Callable[..., CompletedProcess[str]]
Start = Callable[..., Popen[str]]


def test_devices_names_what_the_kernel_has(board: Any, gpstime: Run) -> None:
    from board import NS, raw_ns

    begin = raw_ns() + NS // 2
    board.play(board.pulses(begin + k * NS for k in range(12)))
    with Path("/dev/ttyAMA0").open("rb"):
        found = json.loads(gpstime("devices", "--json", "--watch", "5s").stdout)
    assert found["model"] == "Virtual Pi (UML)"
    (pulse,) = found["pulses"]
    assert (pulse["path"], pulse["kind"], pulse["gpio"], pulse["ticking"]) == ("/dev/pps0", "gpio", 18, True)
    (serial,) = found["serial"]  # its far end has no hardware behind it
    assert (serial["path"], serial["driver"]) == ("/dev/ttyAMA0", "vpi-uart")
    assert [h["pid"] for h in serial["holders"]] == [os.getpid()]
    assert [(c["path"], c["label"]) for c in found["chips"] if c["header"]] == [("/dev/gpiochip0", "pinctrl-bcm2711")]
    assert [b["path"] for b in found["i2c"]] == ["/dev/i2c-1"]


@pytest.mark.travel
def test_the_service_is_asked_killed_and_replayed(board: Any, gpstime: Run, started: Start, tmp_path: Path) -> None:
    from scenario import play

    record, socket = tmp_path / "record", Path("/run/gpstime-test.sock")
    configuration = (
        f'{SERIAL}[record]\nfolder = "{record}"\nraw_mb = 4\ncommit_s = 10\n'
        f'[service]\nsocket = "{socket}"\n[rtc]\nchip = "ds3231"\n'
    )
    played = play(board, Scenario(31, 260, oscillator=Oscillator(ppm=14.0), system_offset_s=0.02))
    service = started("run", configuration=configuration)
    time.sleep(200)
    status = json.loads(gpstime("status", "--json", "--socket", str(socket)).stdout)
    assert (status["status"], status["label"], status["receiver"]["fix"]) == ("measuring", "ok", True), status
    truth = played.world.truth.current_ppb()
    assert truth is not None
    assert status["freq_lo_ppb"] <= truth <= status["freq_hi_ppb"]
    assert abs(status["offset_ns"] - 20_000_000 - 200 * truth) < 2_000_000
    service.send_signal(signal.SIGKILL)
    service.wait()
    again = json.loads(gpstime("replay", "--record", str(record), "--json").stdout)
    assert (again["read"], again["compared"], again["label"]) == ("bytes", "same", "ok"), again
    assert again["n"] >= status["n"] - 15
    assert again["freq_lo_ppb"] <= truth <= again["freq_hi_ppb"]
    assert abs(again["freq_ppb"] - status["freq_ppb"]) < 2


@pytest.mark.travel
def test_a_port_that_goes_and_comes_while_it_is_measured(board: Any, started: Start) -> None:
    from scenario import play

    played = play(board, Scenario(32, 180, oscillator=Oscillator(ppm=-3.0)))
    measuring = started("measure", "--for", "150s", "--json", configuration=SERIAL + '[record]\nfolder = ""\n')
    time.sleep(60)
    board.plug_serial(False)
    time.sleep(20)
    board.plug_serial(True)
    found = json.loads(measuring.communicate()[0])
    truth = played.world.truth.current_ppb()
    assert truth is not None
    assert (found["status"], found["label"], found["n"]) == ("ok", "ok", 151), found
    assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"]


@pytest.mark.travel
def test_a_pulse_that_goes_and_comes_while_it_is_measured(board: Any, started: Start) -> None:
    """The line is left alone meanwhile: the kernel's driver could not come back to one that gpiod has."""
    from scenario import play

    played = play(board, Scenario(33, 180, oscillator=Oscillator(ppm=-3.0)))
    measuring = started("measure", "--for", "150s", "--json", configuration=SERIAL + '[record]\nfolder = ""\n')
    time.sleep(60)
    board.plug_pps(False)
    time.sleep(20)
    board.plug_pps(True)
    found = json.loads(measuring.communicate()[0])
    truth = played.world.truth.current_ppb()
    assert truth is not None
    assert (found["status"], found["label"], found["stamps"]["backend"]) == ("ok", "ok", "kernel"), found
    assert 105 < found["n"] < 136, found  # 20 s, and the pause until it is looked for again
    assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"]


@pytest.mark.travel
def test_where_there_is_no_kernel_pulse_the_line_itself_is_timed(board: Any, gpstime: Run) -> None:
    pytest.importorskip("gpiod")
    from scenario import play

    played = play(board, Scenario(34, 120, oscillator=Oscillator(ppm=-3.0)))
    board.plug_pps(False)
    try:
        done = gpstime("measure", "--for", "100s", "--json", configuration=SERIAL + '[record]\nfolder = ""\n')
    finally:
        board.plug_pps(True)
    found, truth = json.loads(done.stdout), played.world.truth.current_ppb()
    assert truth is not None
    assert (found["status"], found["label"], found["n"]) == ("ok", "ok", 101), found
    assert found["stamps"]["backend"] == "gpiod", found["stamps"]
    assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"]
