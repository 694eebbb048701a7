"""No daemon of ours makes the kernel rewrite the RTC, as it does every eleven minutes once STA_UNSYNC is cleared (P19, F-R13)."""

from __future__ import annotations

import ast
import ctypes
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpstime.app.rtc_world import RtcWorld, SimChip
from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.drivers.adjtimex import layout, read_steering
from gpstime.drivers.kernel_clock import ADJ_FREQUENCY, ADJ_MAXERROR, ADJ_STATUS, KernelClock
from gpstime.drivers.steering import SteeringWatch
from gpstime.model import Slew, Step
from gpstime.sim.kernel_rtc import ElevenMinutes
from gpstime.sim.machine import STA_UNSYNC, FakeMachine
from gpstime.sim.scenario import Scenario
from gpstime.times import NS, RawNs

ROOT = Path(__file__).resolve().parent.parent
CALLS = {"adjtimex", "ntp_adjtime", "clock_adjtime", "___adjtimex64", "clock_adjtime64"}
"""What can clear the flag. (`clock_settime` sets it: the kernel forgets its synchronisation with every step.)"""
LOOKS, STEERS = "gpstime/drivers/adjtimex.py", "gpstime/drivers/kernel_clock.py"


def reaches(source: str) -> bool:
    """Whether such a call is named outside of words for people."""
    return any(isinstance(node, ast.Constant) and node.value in CALLS for node in ast.walk(ast.parse(source)))


def sets_modes(source: str) -> Iterator[int]:
    """Lines that put something else than 0 into a timex's `modes`."""
    for node in ast.walk(ast.parse(source)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AugAssign) else []
        for target in targets:
            if isinstance(target, ast.Attribute) and target.attr == "modes" and getattr(node.value, "value", None) != 0:
                yield node.lineno


def test_one_file_looks_and_one_steers() -> None:
    """The core's `modes` are those of a disciplined clock, and the fakes stand for the kernel."""
    files = [p for p in (ROOT / "gpstime").rglob("*.py") if not {"core", "sim"} & set(p.relative_to(ROOT).parts)]
    texts = {p.relative_to(ROOT).as_posix(): p.read_text(encoding="utf-8") for p in files}
    assert {name for name, text in texts.items() if reaches(text)} == {LOOKS}
    assert {name for name, text in texts.items() if any(sets_modes(text))} == {STEERS}
    assert list(sets_modes("t.modes = 16")) == [1], "control"
    assert list(sets_modes("t.modes |= ADJ_STATUS")) == [1], "control"


def test_whatever_steers_keeps_the_flag_set_and_maxerror_up() -> None:
    """Every call of a steered clock: each status that is written has the flag, and the error is never below what is known."""
    asked: list[tuple[int, int, int]] = []
    kept = [0, 10_000]

    def kernel(timex: Any) -> int:
        asked.append((timex.modes, timex.status, timex.maxerror))
        if timex.modes & 0x8000 == 0 and timex.modes & ADJ_FREQUENCY:
            kept[:] = timex.freq, timex.tick
        timex.freq, timex.tick = kept
        return 5

    clock = KernelClock(FakeMachine(), kernel, layout(ctypes.c_long))
    at = RawNs(10**12)
    clock.slew(Slew(-3200.0, math.inf), at)
    for leap in (0, 1, -1):
        clock.slew(Slew(2500.0, 1.0), at)
        clock.declare(1500.0, 37, leap)
        clock.declare(math.inf, None, leap)
        clock.step(Step(-NS), at)
    clock.release()
    written = [status for modes, status, _ in asked if modes & ADJ_STATUS]
    assert len(written) >= 8
    assert all(status & STA_UNSYNC for status in written)
    errors = [us for modes, _, us in asked if modes & ADJ_MAXERROR]
    assert sorted(set(errors)) == [2, 16_000_000]


def test_the_flag_stays_set_while_an_rtc_is_measured_and_so_nobody_rewrites_it() -> None:
    """The simulated kernel writes as a real one does: only while STA_UNSYNC is clear. The twin clears it."""
    for cleared in (False, True):
        machine, timex = FakeMachine(), layout(ctypes.c_long)
        watch = SteeringWatch(lambda m=machine, t=timex: read_steering(m.adjtimex, t), lambda: ())
        world = RtcWorld(Scenario(seed=3, duration_s=2400), SimChip("ds3231", 2.0))
        kernel = ElevenMinutes(
            world.fake,
            lambda true_ns, w=world: w.world.clock.shown(w.time.raw_at(true_ns)),
            synchronised=lambda m=machine: not m.status & STA_UNSYNC,
            first_ns=60 * NS,
        )
        if cleared:
            machine.status &= ~STA_UNSYNC
        engine = Engine(BUILT_IN.table, trim_of=world.source.trim_of)
        run(world, engine, [lambda v, w=watch: w.look(v.at)])  # type: ignore[union-attr]
        assert bool(machine.status & STA_UNSYNC) is not cleared
        assert machine.refused == 0
        assert bool(kernel.wrote) is cleared
        assert bool(engine.rtc.track.breaks) is cleared
