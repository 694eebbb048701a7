"""`gpstime discipline --steer` and the service on a real kernel's clock, against the truth that was played and against the lab.

The kernel idles without a tick between pulses, bytes and what gpstime does itself.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gpstime.app.lab_compare import policies, simulate
from gpstime.app.lab_course import SETTLED_NS, figures
from gpstime.drivers.adjtimex import STA_UNSYNC, kernel_call, read_steering
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.times import NS

pytestmark = [pytest.mark.virtual, pytest.mark.travel]
LEAN = ("RMC", "GGA")
"""What the receiver says here: every sentence more costs simulated time."""
SERIAL = '[receiver]\nport = "/dev/ttyAMA0"\nbaud = 9600\n[record]\nfolder = ""\n[service]\nsocket = ""\n'
STEER = SERIAL + "[discipline]\nsteer = true\n"
GOOD_NS = 20_000
PR_CAPBSET_DROP, CAP_SYS_TIME = 24, 25
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def bare() -> Iterator[None]:
    """The clock as the kernel starts it, afterwards too."""
    yield
    turned("-f", "0", "-t", "10000")
    turned("-o", "0")


def turned(*words: str) -> None:
    """Somebody else turns a knob of the kernel's clock."""
    program = shutil.which("busybox")
    if program is None:
        pytest.skip("busybox is not there")
    subprocess.run([program, "adjtimex", *words], check=True, stdout=subprocess.DEVNULL)


@dataclass
class Watched:
    """The guest's clock against the truth: (true s since the first look, ns ahead)."""

    played: Any
    seen: list[tuple[float, int]]

    def look(self) -> int:
        from board import raw_ns

        before, shown, after = raw_ns(), time.time_ns(), raw_ns()
        true = self.played.true_ns((before + after) // 2)
        self.seen.append((true / NS, shown - true))
        return shown - true

    def looks(self, seconds: float, apart_s: float) -> list[int]:
        """Now and then for so long."""
        out = []
        for _ in range(round(seconds / apart_s)):
            time.sleep(apart_s)
            out.append(self.look())
        return out

    def settled_s(self) -> float:
        """When it was within the lab's limit for good."""
        last = max((i for i, (_, off) in enumerate(self.seen) if abs(off) > SETTLED_NS), default=-1)
        assert last + 1 < len(self.seen), "it is not settled at the end"
        return self.seen[last + 1][0]

    def acted_s(self) -> float:
        """When it first left the line that its crystal drew."""
        (t0, x0), (t1, x1) = self.seen[0], self.seen[4]
        rate = (x1 - x0) / (t1 - t0)
        return next(t for t, x in self.seen if abs(x - x0 - rate * (t - t0)) > 30_000)

    def worst_ppb(self) -> float:
        """The largest frequency error over a second; what is more than any slew is a step."""
        pairs = zip(self.seen, self.seen[1:], strict=False)
        rates = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs]
        return max((abs(r) for r in rates if abs(r) < 2e6), default=0.0)


def playing(board: Any, seconds: int, off_s: float, ppm: float, seed: int = 51) -> Watched:
    from scenario import play

    played = play(board, Scenario(seed, seconds, sentences=LEAN, oscillator=Oscillator(ppm=ppm), system_offset_s=off_s))
    watched = Watched(played, [])
    assert abs(watched.look() - off_s * NS) < 1_000_000
    return watched


# ---- the whole loop ----------------------------------------------------------------------------------------------------------


def test_a_clock_80_ms_and_100_ppm_off_is_held_below_20_us_for_ten_minutes_and_a_kill_leaves_the_bare_drift(
    board: Any, started: Start
) -> None:
    watched = playing(board, 760, 0.08, 100.0)
    steering = started("discipline", "--steer", "--json", configuration=SERIAL)
    time.sleep(40)
    seen = watched.looks(620, 1.7)
    assert steering.poll() is None
    assert max(map(abs, seen)) < GOOD_NS, seen
    steering.send_signal(signal.SIGKILL)
    steering.wait()
    time.sleep(3)
    left = watched.look()
    time.sleep(60)
    assert abs(watched.look() - left) < 12_000  # 0.2 ppm
    kernel = read_steering()
    assert kernel is not None
    assert abs(kernel.freq_ppb + 100_000) < 1_000


def test_so_does_the_service_which_puts_right_what_others_turn_and_lets_go_at_its_end(board: Any, started: Start) -> None:
    watched = playing(board, 330, -0.08, -100.0, seed=52)
    service = started("run", configuration=STEER)
    time.sleep(40)
    assert max(map(abs, watched.looks(150, 1.7))) < GOOD_NS
    turned("-f", str(30 * 65536))
    time.sleep(4)
    assert max(map(abs, watched.looks(90, 1.7))) < GOOD_NS
    service.send_signal(signal.SIGTERM)
    log = "".join(service.communicate())
    assert service.returncode == 0, log
    assert "the correction of the system clock went by" in log
    assert "by a program that is not known" in log
    assert "tracking -> faulted" not in log, "one turn of a knob is no rival"
    call, timex_type = kernel_call()
    kernel = timex_type()
    call(kernel)
    assert abs(kernel.freq / 65.536 - 100_000) < 1_000
    assert (kernel.offset, kernel.status & 0xFF) == (0, STA_UNSYNC)


def test_killed_in_the_middle_of_a_slew_only_the_bare_drift_stays(board: Any, started: Start) -> None:
    watched = playing(board, 130, 0.03, 20.0)
    steering = started("discipline", "--steer", "--first-step", "0", "--step", "0", configuration=SERIAL)
    time.sleep(45)
    before = watched.look()
    steering.send_signal(signal.SIGKILL)
    steering.wait()
    time.sleep(3)
    after = watched.look()
    assert 5_000_000 < after < before < 26_000_000, "it was killed in the middle of the slew"
    assert before - after < 1_600_000, "the second that was asked for, the one in force, and what it is away"
    time.sleep(30)
    assert abs(watched.look() - after) < 15_000  # 0.5 ppm


# ---- as the lab said ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "off_s", "options"),
    [
        ("slew-only", 0.03, ("--first-step", "0", "--step", "0")),
        ("slew-only", -0.012, ("--first-step", "0", "--step", "0")),
        ("step-128ms", -0.15, ("--first-step", "0")),
        ("step-always", 0.03, ("--first-step", "1ns", "--step", "1ns")),
    ],
)
def test_a_policy_does_to_the_real_clock_what_the_lab_said(
    board: Any, started: Start, name: str, off_s: float, options: tuple[str, ...]
) -> None:
    """The same seed, crystal, pulse and error. Settling: to 3 s (the kernel carries a phase a second later than the lab's clock,
    and is looked at once a second); the worst rate: to 1 %; a slew's announced time of arrival: to 3 s."""
    ppm = -40.0
    scenario = Scenario(7, 240, sentences=LEAN, oscillator=Oscillator(ppm=ppm), system_offset_s=off_s)
    course = simulate(scenario, name, policies()[name])
    said, acted_ns = figures(course), course.acted_ns()
    assert said.settled_s is not None
    assert acted_ns is not None
    lasts_s = said.settled_s - acted_ns / NS

    watched = playing(board, 160, off_s, ppm, seed=7)
    steering = started("discipline", "--steer", "--json", *options, configuration=SERIAL)
    watched.looks(25 + lasts_s + 40, 1.0)
    steering.send_signal(signal.SIGINT)
    out, err = steering.communicate()
    found = json.loads(out)
    steps = [s["delta_ns"] for s in found["steps"] if abs(s["delta_ns"]) > 1_000_000]
    assert [round(s, -6) for s in steps] == [round(ns, -6) for _, ns in course.steps if abs(ns) > 1_000_000], err
    assert bool(found["steps"]) is bool(said.back + said.forward)
    took_s = watched.settled_s() - watched.acted_s()
    assert abs(took_s - lasts_s) < 3, (took_s, lasts_s)
    assert watched.worst_ppb() == pytest.approx(abs(said.worst_rate_ppb), rel=0.01)
    if not steps:
        (slew,) = found["slews"]
        assert abs(slew["arrives_s"] - took_s) < 3, (slew, took_s)
        assert found["coverage"] > 0.9, "the loop knows at each second what the kernel has carried"


# ---- others, and the right to it ---------------------------------------------------------------------------------------------


def test_beside_chronyd_it_is_refused_unless_told_to_take_over(board: Any, gpstime: Any, tmp_path: Path) -> None:
    playing(board, 40, 0.0, 0.0)
    chronyd = board.chronyd("refclock PPS /dev/pps0 refid PPS\nlocal stratum 5", tmp_path / "log")
    time.sleep(3)
    refused = gpstime("discipline", "--steer", "--for", "10s", configuration=SERIAL)
    assert refused.returncode == 2, refused
    assert f"chronyd (pid {chronyd.pid})" in refused.stderr
    assert "--takeover" in refused.stderr
    service = gpstime("run", configuration=STEER)
    assert (service.returncode, f"chronyd (pid {chronyd.pid})" in service.stderr) == (2, True), service
    taken = gpstime("discipline", "--steer", "--takeover", "--for", "10s", "--json", configuration=SERIAL)
    assert taken.returncode in (0, 1), taken
    assert json.loads(taken.stdout)["steered"] is True


def test_a_second_gpstime_leaves_the_first_one_alone_and_the_first_may_come_back(board: Any, gpstime: Any, started: Start) -> None:
    watched = playing(board, 120, 0.02, 15.0)
    service = started("run", configuration=STEER)
    time.sleep(30)
    refused = gpstime("discipline", "--steer", "--for", "10s", configuration=SERIAL)
    assert (refused.returncode, f"gpstime (pid {service.pid}) steers this clock" in refused.stderr) == (2, True), refused
    dry = gpstime("discipline", "--for", "20s", "--source", "none", "--json", configuration=SERIAL)
    assert json.loads(dry.stdout)["steered"] is False, dry
    assert abs(watched.look()) < GOOD_NS
    service.send_signal(signal.SIGKILL)
    service.wait()
    again = gpstime("discipline", "--steer", "--for", "30s", "--json", configuration=SERIAL)
    assert (again.returncode, json.loads(again.stdout)["mode"]) == (0, "tracking"), again


def test_a_chronyd_that_comes_later_is_noticed_and_left_the_clock(board: Any, started: Start, tmp_path: Path) -> None:
    """Two would fight: within a minute or so we stop, and chronyd's own frequency stays."""
    watched = playing(board, 330, 0.0, 50.0)
    steering = started("discipline", "--steer", configuration=SERIAL)
    time.sleep(60)
    assert abs(watched.look()) < GOOD_NS
    chronyd = board.chronyd("refclock PPS /dev/pps0 poll 2 dpoll -2 refid PPS\nlocal stratum 5\nmakestep 0.01 3", tmp_path / "log")
    time.sleep(100)
    begun = read_steering()
    time.sleep(120)
    ended = read_steering()
    assert chronyd.poll() is None, (tmp_path / "log").read_text()
    steering.send_signal(signal.SIGTERM)
    said = steering.communicate()[1]
    assert f"tracking -> faulted: chronyd (pid {chronyd.pid}) steers this clock" in said, said
    assert begun is not None
    assert ended is not None
    assert abs(ended.freq_ppb + 50_000) < 1_000
    assert abs(watched.look()) < 100_000


def test_without_the_right_the_loop_says_how_to_get_it_and_goes_on(board: Any, command: Any) -> None:
    watched = playing(board, 90, 0.04, 10.0)
    drop = (
        f"import ctypes, os, sys; assert ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, {CAP_SYS_TIME}, 0, 0, 0) == 0; "
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    line = [sys.executable, "-c", drop, *command("discipline", "--steer", "--for", "60s", "--json", configuration=SERIAL)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert (done.returncode, found["mode"], found["label"]) == (1, "faulted", "ok"), done
    assert found["refused"].startswith("NOT_PERMITTED: ")
    assert "AmbientCapabilities=CAP_SYS_TIME" in done.stderr
    assert abs(watched.look() - 40_600_000) < 1_000_000, "nothing moved"
    kernel = read_steering()
    assert kernel is not None
    assert kernel.freq_ppb == 0.0
