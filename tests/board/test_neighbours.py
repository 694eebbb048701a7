"""Beside the real chronyd and gpsd: chronyd steers the clock while the crystal is measured, gpsd owns the receiver."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario

pytestmark = [pytest.mark.virtual, pytest.mark.travel]
PORT = "/dev/ttyAMA0"
SERIAL = f'[receiver]\nport = "{PORT}"\n[record]\nfolder = ""\n'
GPSD = '[receiver]\nsource = "gpsd"\n[record]\nfolder = ""\n'


def measured(done: CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


def test_the_crystal_is_measured_right_while_chronyd_steers(
    board: Any, gpstime: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    from scenario import play

    played = play(board, Scenario(seed=8, duration_s=1000, oscillator=Oscillator(ppm=37.0), system_offset_s=0.08))
    chronyd = board.chronyd("refclock PPS /dev/pps0 poll 2 dpoll -2 refid PPS\nlocal stratum 5\nmakestep 0.01 3", tmp_path / "log")
    time.sleep(20)
    found = measured(gpstime("measure", "--for", "900s", "--json", configuration=SERIAL))
    assert chronyd.poll() is None
    assert "PPS" in board.chronyc("sources")
    truth = played.world.truth.current_ppb()
    assert truth is not None
    assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"]
    assert found["freq_hi_ppb"] - found["freq_lo_ppb"] < 100
    assert "chronyd" in (found["steered_by"] or ""), found


def test_gpsd_owns_the_receiver_and_is_asked(board: Any, gpstime: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    from scenario import play

    played = play(board, Scenario(seed=9, duration_s=700, oscillator=Oscillator(ppm=-12.0)))
    gpsd = board.gpsd(tmp_path / "log", "/dev/ttyAMA0")
    time.sleep(10)
    found = measured(gpstime("measure", "--for", "600s", "--json", configuration=GPSD))
    assert gpsd.poll() is None, (tmp_path / "log").read_text()
    truth = played.world.truth.current_ppb()
    assert truth is not None
    assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"]
    assert found["label"] == "ok", found


def test_a_port_that_gpsd_has_is_not_taken_from_it(board: Any, gpstime: Any, tmp_path: Path) -> None:
    from scenario import play

    play(board, Scenario(seed=10, duration_s=60))
    gpsd = board.gpsd(tmp_path / "log", "/dev/ttyAMA0")
    time.sleep(5)
    done = gpstime("measure", "--for", "20s", configuration=SERIAL)
    assert gpsd.poll() is None
    said = " ".join(done.stdout.split())
    assert f"second none: No label: there is no sentence that names a time. {PORT} is also open by gpsd (pid {gpsd.pid})" in said
