"""The system clock of a real kernel: read, steered, stepped, refused, left alone after a kill; against raw clock and truth."""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gpstime.drivers.adjtimex import read_steering
from gpstime.drivers.kernel_clock import KernelClock
from gpstime.drivers.system_clock import SystemClocks
from gpstime.model import Slew, Step
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.times import NS

pytestmark = pytest.mark.virtual
SERIAL = '[receiver]\nport = "/dev/ttyAMA0"\nbaud = 9600\n[record]\nfolder = ""\n[service]\nsocket = ""\n'
NOBODY = 65534


def busybox_adjtimex(*words: str) -> None:
    """A witness that is not ours."""
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("busybox is not there")
    subprocess.run([program, "adjtimex", *words], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(autouse=True)
def bare() -> Iterator[None]:
    """The clock as the kernel starts it, before and after."""
    as_at_boot()
    yield
    as_at_boot()


def as_at_boot() -> None:
    busybox_adjtimex("-f", "0", "-t", "10000")
    busybox_adjtimex("-o", "0")  # a call of its own: adjtime's mode leaves all others out


def gained(seconds: float) -> tuple[int, int]:
    """What the system clock gains on the raw one in so many of its seconds, and the raw time that passed; in ns."""
    clocks = SystemClocks()
    before = clocks.read()
    time.sleep(seconds)
    after = clocks.read()
    raw = after.raw - before.raw
    return (after.real - before.real) - raw, raw


# ---- looking -----------------------------------------------------------------------------------------------------------------


def test_what_another_program_set_is_read_with_its_sign(board: Any) -> None:
    busybox_adjtimex("-f", str(20 * 65536), "-t", "10001")
    seen = read_steering()
    assert seen is not None
    assert (seen.freq_ppb, seen.tick_us) == (120_000.0, 10_001)
    assert seen.synchronized is False
    assert abs(gained(3)[0] - 360_000) < (5_000 if board.travels else 100_000)


@pytest.mark.travel
def test_the_clocks_are_read_together() -> None:
    clocks = SystemClocks()
    busybox_adjtimex("-f", str(100 * 65536))
    first = clocks.read()
    time.sleep(20)
    last = clocks.read()
    raw, real, mono = last.raw - first.raw, last.real - first.real, last.mono_ns - first.mono_ns
    assert abs(raw - 20 * NS) < 50_000_000
    assert abs(real - raw - 2_000_000) < 10_000  # 100 ppm
    assert abs(mono - real) < 5_000
    assert max(first.err_ns, last.err_ns) < 1_500


# ---- steering ----------------------------------------------------------------------------------------------------------------


@pytest.mark.travel
@pytest.mark.parametrize("ppb", [-30_000.0, 420_000.0, 1_250_000.0])
def test_a_bare_drift_runs_the_clock_by_what_was_applied(ppb: float) -> None:
    clock = KernelClock(SystemClocks())
    applied = clock.slew(Slew(ppb, math.inf), SystemClocks().read().raw)
    assert applied.freq_ppb == pytest.approx(ppb, abs=0.02)
    time.sleep(2)
    gain_ns, raw_ns = gained(20)
    assert abs(gain_ns / raw_ns * 1e9 - ppb) < 50


@pytest.mark.travel
@pytest.mark.parametrize("ns", [45_000.0, -123_000.0])
def test_a_phase_is_carried_once(board: Any, ns: float) -> None:
    """On a board that is awake as a Pi is (see `Board.heartbeat`): to 1 %, the share of a second between two ticks."""
    board.heartbeat()
    clocks = SystemClocks()
    clock = KernelClock(clocks)
    clock.slew(Slew(0.0, math.inf), clocks.read().raw)
    time.sleep(3)
    before = clocks.read()
    applied = clock.slew(Slew(ns, 1.0), before.raw)
    assert applied.freq_ppb == pytest.approx(ns, abs=1.0)
    time.sleep(2.5)
    moved = clocks.read()
    carried = (moved.real - before.real) - (moved.raw - before.raw)
    assert abs(carried - ns) < 500 + abs(ns) / 50
    assert abs(gained(20)[0]) < 1_000


@pytest.mark.travel
def test_a_step_is_made_at_once() -> None:
    clocks = SystemClocks()
    before = clocks.read()
    applied = KernelClock(clocks).step(Step(-1_234_567_891), before.raw)
    after = clocks.read()
    assert (applied.step_ns, applied.era) == (-1_234_567_891, 1)
    assert abs((after.real - before.real) - (after.raw - before.raw) + 1_234_567_891) < 10_000


def test_without_the_right_it_says_so_and_nothing_moves() -> None:
    code = (
        "import os\n"
        "from gpstime.drivers.kernel_clock import KernelClock\n"
        "from gpstime.drivers.system_clock import SystemClocks\n"
        "from gpstime.model import Slew, Step\n"
        "clock = KernelClock(SystemClocks())\n"
        f"os.setgid({NOBODY}); os.setuid({NOBODY})\n"
        "print(clock.slew(Slew(5e4, float('inf')), 0))\n"
        "print(clock.step(Step(10**9), 0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.count("NOT_PERMITTED") == 2, done
    seen = read_steering()
    assert seen is not None
    assert seen.freq_ppb == 0.0


# ---- the whole loop ----------------------------------------------------------------------------------------------------------


@pytest.mark.travel
def test_a_clock_80_ms_and_100_ppm_off_is_brought_below_20_us_and_a_kill_leaves_the_bare_drift(board: Any, started: Any) -> None:
    from board import raw_ns
    from scenario import play

    played = play(board, Scenario(51, 420, sentences=("RMC", "GGA"), oscillator=Oscillator(ppm=100.0), system_offset_s=0.08))

    def off_ns() -> int:
        before, shown, after = raw_ns(), time.time_ns(), raw_ns()
        return shown - played.true_ns((before + after) // 2)

    board.heartbeat()
    assert abs(off_ns() - 80_000_000) < 5_000_000
    steering = started("discipline", "--steer", "--json", configuration=SERIAL)
    time.sleep(200)
    seen = []
    for _ in range(10):
        time.sleep(10.3)
        seen.append(off_ns())
    assert steering.poll() is None
    assert max(map(abs, seen)) < 20_000, seen
    steering.send_signal(signal.SIGKILL)
    steering.wait()
    time.sleep(3)
    left = off_ns()
    time.sleep(60)
    assert abs(off_ns() - left) < 12_000  # 0.2 ppm
    kernel = read_steering()
    assert kernel is not None
    assert abs(kernel.freq_ppb + 100_000) < 1_000
