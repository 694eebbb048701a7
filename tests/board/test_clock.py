"""The system clock of a real kernel: read, steered, stepped, refused, told of a leap second; against the raw clock.

The kernel idles without a tick here (NO_HZ), as an idle Pi's does: nothing wakes it but pulses, bytes and our own beat.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gpstime.app.beat import Beat
from gpstime.app.live import LiveTime, LiveWorld
from gpstime.app.sources import Joined
from gpstime.drivers.adjtimex import read_steering
from gpstime.drivers.kernel_clock import KernelClock
from gpstime.drivers.system_clock import SystemClocks
from gpstime.drivers.timebase import MachineTime
from gpstime.model import Slew, Step
from gpstime.times import NS

pytestmark = pytest.mark.virtual
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


@contextlib.contextmanager
def beating(clock: KernelClock) -> Iterator[None]:
    """As the service has it: in a thread that sleeps."""
    time_ = LiveTime(MachineTime())
    world = LiveWorld([Joined([Beat(clock, time_)], time_)], time_)
    thinking = threading.Thread(target=lambda: list(world.events()))
    thinking.start()
    try:
        yield
    finally:
        world.stop()
        thinking.join()
        world.close()


@contextlib.contextmanager
def awake() -> Iterator[None]:
    """Something else wakes the processor a hundred times a second."""
    other = subprocess.Popen([sys.executable, "-c", "import time\nwhile True: time.sleep(0.01)"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def until_second(share: float) -> None:
    """Sleep until this share of the clock's second has passed."""
    time.sleep((share * NS - time.time_ns()) % NS / NS)


def carried(clock: KernelClock, ns: float, share: float) -> float:
    """What a phase that is asked for then has moved the clock by when it should be over; and nothing more comes of it."""
    clock.slew(Slew(0.0, math.inf), clock.read().raw)
    time.sleep(3)
    until_second(share)
    before = clock.read()
    applied = clock.slew(Slew(ns, 1.0), before.raw)
    assert applied.freq_ppb == pytest.approx(ns, abs=1.0)
    time.sleep(3.2)
    moved = clock.read()
    assert abs(gained(20)[0]) < 300
    return (moved.real - before.real) - (moved.raw - before.raw)


PHASES = [(45_000.0, 0.5), (-123_000.0, 0.0005), (450_000.0, 0.3), (300.0, 0.8), (-9_400.0, 0.99)]


@pytest.mark.travel
@pytest.mark.parametrize(("ns", "share"), PHASES)
def test_a_phase_is_carried_once_and_whole_on_an_idle_machine(ns: float, share: float) -> None:
    clock = KernelClock(SystemClocks(), beats=True)
    with beating(clock):
        assert abs(carried(clock, ns, share) - ns) < 100 + abs(ns) / 100


@pytest.mark.travel
@pytest.mark.parametrize(("ns", "share"), PHASES[:2])
def test_and_on_one_that_has_work(ns: float, share: float) -> None:
    clock = KernelClock(SystemClocks(), beats=True)
    with beating(clock), awake():
        assert abs(carried(clock, ns, share) - ns) < 100 + abs(ns) / 100


@pytest.mark.travel
def test_without_the_beat_it_is_carried_several_times_or_not_at_all() -> None:
    """The twin: an idle kernel notices the ends of seconds when it happens to wake up, of several at once maybe."""
    clock, shares = KernelClock(SystemClocks()), []
    for share in (0.0005, 0.3, 0.5, 0.8):
        clock.slew(Slew(0.0, math.inf), clock.read().raw)
        time.sleep(3)
        until_second(share)
        before = clock.read()
        clock.slew(Slew(45_000.0, 1.0), before.raw)
        time.sleep(3.2)
        moved = clock.read()
        shares.append(((moved.real - before.real) - (moved.raw - before.raw)) / 45_000)
        time.sleep(0.37)
    assert max(abs(share - 1.0) for share in shares) > 0.2, shares


@pytest.mark.travel
def test_a_phase_that_is_not_carried_yet_is_not_lost_to_the_next() -> None:
    """Asked for right after each second began, as a loop does whose clock is right; the last one early in its second."""
    clock = KernelClock(SystemClocks(), beats=True)
    clock.slew(Slew(0.0, math.inf), clock.read().raw)
    with beating(clock):
        time.sleep(2)
        before = clock.read()
        for k in range(20):
            until_second((0.0002, 0.003, 0.008, 0.05)[k % 4])
            clock.slew(Slew(20_000.0 if k % 2 else -4_000.0, 1.5), clock.read().raw)
            time.sleep(0.5)
        time.sleep(3)
        after = clock.read()
    moved = (after.real - before.real) - (after.raw - before.raw)
    assert abs(moved - 160_000) < 3_000


@pytest.mark.travel
def test_a_step_is_made_at_once_and_ends_a_slew() -> None:
    clocks = SystemClocks()
    clock = KernelClock(clocks, beats=True)
    with beating(clock):
        clock.slew(Slew(0.0, math.inf), clocks.read().raw)
        until_second(0.1)
        clock.slew(Slew(400_000.0, 1.5), clocks.read().raw)
        time.sleep(1.4)  # in the middle of it
        before = clocks.read()
        applied = clock.step(Step(-1_234_567_891), before.raw)
        after = clocks.read()
        assert (applied.step_ns, applied.era) == (-1_234_567_891, 1)
        assert abs((after.real - before.real) - (after.raw - before.raw) + 1_234_567_891) < 10_000
        assert abs(gained(5)[0]) < 1_000


@pytest.mark.travel
def test_a_leap_second_is_inserted_and_others_read_what_was_declared() -> None:
    clocks = SystemClocks()
    clock = KernelClock(clocks, beats=True)
    before = time.time_ns()
    midnight = (before // NS // 86_400 + 1) * 86_400 * NS
    time.clock_settime_ns(time.CLOCK_REALTIME, midnight - 20 * NS)
    try:
        with beating(clock):
            clock.slew(Slew(0.0, math.inf), clocks.read().raw)
            clock.declare(20_100.0, 37, 1)
            told = read_steering()
            assert told is not None
            assert (told.tai_s, told.leap, told.synchronized, told.most_error_us) == (37, 1, False, 21)
            first = clocks.read()
            for _ in range(40):
                until_second(0.0005)
                clock.slew(Slew(100.0, 1.5), clocks.read().raw)
                time.sleep(0.9)
            last = clocks.read()
            moved = (last.real - first.real) - (last.raw - first.raw)
            assert abs(moved + NS - 39 * 100) < 1_000
            clock.declare(20_100.0, 38, 0)
            told = read_steering()
            assert told is not None
            assert (told.tai_s, told.leap) == (38, 0)
        clock.release()
        told = read_steering()
        assert told is not None
        assert (told.freq_ppb, told.offset_ns, told.leap, told.synchronized) == (0.0, 0, 0, False)
    finally:
        time.clock_settime_ns(time.CLOCK_REALTIME, before + 60 * NS)


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
