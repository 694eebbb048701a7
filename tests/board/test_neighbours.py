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
LEAN = ("RMC", "GGA")
"""What the receiver says where nobody but us reads it: every sentence more costs simulated time."""
GPSD = '[receiver]\nsource = "gpsd"\n[record]\nfolder = ""\n'


def measured(done: CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


def test_the_crystal_is_measured_right_while_chronyd_steers(
    board: Any, gpstime: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    from scenario import play

    played = play(board, Scenario(seed=8, duration_s=560, sentences=LEAN, oscillator=Oscillator(ppm=37.0), system_offset_s=0.08))
    chronyd = board.chronyd("refclock PPS /dev/pps0 poll 2 dpoll -2 refid PPS\nlocal stratum 5\nmakestep 0.01 3", tmp_path / "log")
    time.sleep(20)
    found = measured(gpstime("measure", "--for", "500s", "--json", configuration=SERIAL))
    assert chronyd.poll() is None
    assert "PPS" in board.chronyc("sources")
    truth = played.world.truth.current_ppb()
    assert truth is not None
    assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"]
    assert found["freq_hi_ppb"] - found["freq_lo_ppb"] < 100
    assert "chronyd" in (found["steered_by"] or ""), found


def test_gpsd_owns_the_receiver_and_is_asked(board: Any, gpstime: Callable[..., CompletedProcess[str]], tmp_path: Path) -> None:
    from scenario import play

    played = play(board, Scenario(seed=9, duration_s=320, oscillator=Oscillator(ppm=-12.0)))
    gpsd = board.gpsd(tmp_path / "log", "/dev/ttyAMA0")
    time.sleep(10)
    found = measured(gpstime("measure", "--for", "300s", "--json", configuration=GPSD))
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


def test_chronyd_takes_our_samples_and_selects_us(board: Any, started: Any, tmp_path: Path) -> None:
    """SOCK steers, SHM stands beside it; the clock that chronyd then keeps is held against the truth that was played."""
    from board import raw_ns
    from scenario import play

    played = play(board, Scenario(seed=12, duration_s=320, sentences=LEAN, oscillator=Oscillator(ppm=20.0), system_offset_s=0.05))
    sock = "/run/chrony/gpstime.sock"
    chronyd = board.chronyd(
        f"refclock SOCK {sock} refid GPSS poll 2 dpoll -2\nrefclock SHM 12 refid GPSM poll 2 noselect\nmakestep 0.01 3",
        tmp_path / "log",
    )
    time.sleep(1)
    service = started("run", configuration=SERIAL + f'[service]\nsocket = ""\n[feeds]\nsock = "{sock}"\nshm = 12\n')
    time.sleep(290)
    assert (chronyd.poll(), service.poll()) == (None, None), (tmp_path / "log").read_text()
    rows = [line.split(",") for line in board.chronyc("-c", "sources").splitlines()]
    assert [row[:3] for row in rows] == [["#", "*", "GPSS"], ["#", "?", "GPSM"]], rows
    assert [row[5] for row in rows] == ["377", "377"], rows  # octal: the last eight polls all had samples
    assert all(abs(float(row[7])) < 20e-6 for row in rows), rows
    before, shown, after = raw_ns(), time.time_ns(), raw_ns()
    assert abs(shown - played.true_ns((before + after) // 2)) < 20_000 + after - before
