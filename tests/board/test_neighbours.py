"""Beside the real chronyd and gpsd: chronyd steers the clock while the crystal is measured, gpsd owns the receiver."""

from __future__ import annotations

import ctypes
import itertools
import json
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from edges import from_now

from gpstime.drivers.gpsd import GpsdPort
from gpstime.drivers.ntp_shm import KEY, KernelMemory
from gpstime.drivers.system_clock import SystemClocks
from gpstime.drivers.timebase import MachineTime
from gpstime.model import SerialBytes
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.times import NS

pytestmark = [pytest.mark.virtual, pytest.mark.travel]
PORT = "/dev/ttyAMA0"
SERIAL = f'[receiver]\nport = "{PORT}"\n[record]\nfolder = ""\n'
LEAN = ("RMC", "GGA")
"""What the receiver says where nobody but us reads it: every sentence more costs simulated time."""
NOBODY = 65534
SOCK = "/run/chrony/gpstime.sock"
GPSD = '[receiver]\nsource = "gpsd"\n[record]\nfolder = ""\n'


def measured(done: CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr + done.stdout
    return dict(json.loads(done.stdout))


def test_the_crystal_is_measured_right_while_chronyd_steers(
    board: Any, gpstime: Callable[..., CompletedProcess[str]], tmp_path: Path
) -> None:
    from scenario import play

    played = play(board, Scenario(seed=8, duration_s=370, sentences=LEAN, oscillator=Oscillator(ppm=37.0), system_offset_s=0.08))
    chronyd = board.chronyd("refclock PPS /dev/pps0 poll 2 dpoll -2 refid PPS\nlocal stratum 5\nmakestep 0.01 3", tmp_path / "log")
    time.sleep(20)
    found = measured(gpstime("measure", "--for", "320s", "--json", configuration=SERIAL))
    assert chronyd.poll() is None
    assert "PPS" in board.chronyc("sources")
    truth = played.world.truth.current_ppb()
    assert truth is not None
    assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"]
    assert found["freq_hi_ppb"] - found["freq_lo_ppb"] < 100
    assert "chronyd" in (found["steered_by"] or ""), found


def test_gpsd_owns_the_receiver_and_is_asked(
    board: Any, gpstime: Callable[..., CompletedProcess[str]], command: Callable[..., list[str]], tmp_path: Path
) -> None:
    """For the time, and by those who may not open the kernel's pulse for the pulse too; and it may be read late."""
    from scenario import play

    played = play(board, Scenario(seed=9, duration_s=150, oscillator=Oscillator(ppm=-12.0)))
    gpsd = board.gpsd(tmp_path / "log", "/dev/ttyAMA0")
    time.sleep(10)
    truth = played.world.truth.current_ppb()
    assert truth is not None
    with_pulse = measured(gpstime("measure", "--for", "60s", "--json", configuration=GPSD))
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    words = command("measure", "--for", "30s", "--json", configuration=GPSD)
    may_read = subprocess.run([*nobody, sys.executable, "-c", "import gpstime.cli"], capture_output=True, check=False)
    assert gpsd.poll() is None, (tmp_path / "log").read_text()
    seen = [(with_pulse, "kernel")]
    if may_read.returncode == 0:  # a clone in somebody's home may be closed to others
        for place in (tmp_path, *list(tmp_path.parents)[:-2]):
            place.chmod(0o755)
        seen.append((measured(subprocess.run([*nobody, *words], capture_output=True, text=True, check=False)), "gpsd"))
    for found, backend in seen:
        assert (found["label"], found["stamps"]["backend"]) == ("ok", backend), found
        assert found["freq_lo_ppb"] <= truth <= found["freq_hi_ppb"], found
    assert late_bursts_off_s(played) < 0.1


def late_bursts_off_s(played: Any) -> float:
    """How far off the begin of a burst is that gpsd's report gives, read up to two seconds after it came."""
    port = GpsdPort(SystemClocks())
    port.open()
    time.sleep(2.5)
    got = [portion.at for _ in range(20) if (portion := port.read(0)) is not None and b'"TOFF"' in portion.data]
    port.close()
    said = [e.at + played.shift_ns for e in played.events if isinstance(e, SerialBytes)]
    begun = [b for a, b in itertools.pairwise(said) if b - a > NS // 5]
    assert len(got) >= 2
    assert got == sorted(got)
    assert got[-1] < MachineTime().now()
    return max(min(abs(at - b) for b in begun) for at in got) / NS


@pytest.mark.parametrize("who", ["gpsd", "agetty"])
def test_a_port_that_another_has_is_not_taken_from_it(board: Any, gpstime: Any, tmp_path: Path, who: str) -> None:
    """gpsd itself, and the login console as systemd starts it (while nothing is said: what it hears it takes for a user's name)."""
    from scenario import play

    if who == "gpsd":
        play(board, Scenario(seed=10, duration_s=40))
        holder, remedy = board.gpsd(tmp_path / "log", PORT), "stop it: systemctl stop gpsd.socket gpsd"
    else:
        from_now(board, 40)
        if shutil.which("agetty") is None:
            pytest.skip("agetty is not there")
        holder = board.start(["setsid", "agetty", "-L", "9600", "ttyAMA0", "vt100"], tmp_path / "log")
        remedy = "it is a login console: systemctl disable --now serial-getty@ttyAMA0.service"
    time.sleep(5)
    done = gpstime("measure", "--for", "10s", configuration=SERIAL)
    assert holder.poll() is None
    said = " ".join(done.stdout.split())
    assert f"second none: No label: there is no sentence that names a time. {PORT} is also open by {who}" in said
    assert f"(pid {holder.pid}): {remedy}" in said


@pytest.mark.parametrize(
    ("refclock", "feed"),
    [(f"SOCK {SOCK}", f'sock = "{SOCK}"'), ("SHM 12", "shm = 12")],
    ids=["sock", "shm"],
)
def test_chronyd_takes_our_samples_and_selects_us(board: Any, started: Any, tmp_path: Path, refclock: str, feed: str) -> None:
    """It starts 50 ms and 20 ppm off, without any other source; the clock that it then keeps is held against the truth."""
    from board import raw_ns
    from scenario import play

    played = play(board, Scenario(seed=12, duration_s=200, sentences=LEAN, oscillator=Oscillator(ppm=20.0), system_offset_s=0.05))
    chronyd = board.chronyd(f"refclock {refclock} refid GPST poll 2 dpoll -2\nmakestep 0.01 3", tmp_path / "log")
    time.sleep(1)
    service = started("run", configuration=SERIAL + f'[service]\nsocket = ""\n[feeds]\n{feed}\n')
    time.sleep(170)
    assert (chronyd.poll(), service.poll()) == (None, None), (tmp_path / "log").read_text()
    (row,) = [line.split(",") for line in board.chronyc("-c", "sources").splitlines()]
    assert row[:3] == ["#", "*", "GPST"], row
    assert row[5] == "377", row  # octal: the last eight polls all had samples
    assert abs(float(row[7])) < 20e-6, row
    before, shown, after = raw_ns(), time.time_ns(), raw_ns()
    assert abs(shown - played.true_ns((before + after) // 2)) < 20_000 + after - before
    if "SHM" in refclock:  # chronyd itself looks only whether the count stays the same while it reads
        memory = KernelMemory()
        address = memory.attach(memory.get(KEY + 12, 96, 0))
        mode, count = struct.unpack("=ii", ctypes.string_at(address, 8))
        memory.detach(address)
        assert (mode, count % 2) == (1, 0)
        assert count > 2 * 150
