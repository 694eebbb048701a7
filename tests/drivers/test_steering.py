"""What others do to the clock is seen and named (P18, P19): the real watch over a made-up kernel and made-up processes."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from gpstime.drivers import adjtimex
from gpstime.drivers.adjtimex import layout, read_steering
from gpstime.drivers.steering import UNKNOWN, SteeringWatch, unit_of, who_steers
from gpstime.drivers.steering_flag import Flag, bearers
from gpstime.model import Applied, Note
from gpstime.sim.machine import STA_UNSYNC, FakeMachine
from gpstime.times import NS, RawNs

TIMEX = layout(ctypes.c_long)


def daemons(root: Path, **pids: int) -> Path:
    for name, pid in pids.items():
        (root / f"proc/{pid}").mkdir(parents=True)
        (root / f"proc/{pid}/comm").write_text(name.replace("_", "-")[:15] + "\n")
        (root / f"proc/{pid}/cmdline").write_bytes(name.encode() + b"\0")
    return root


def test_who_steers(tmp_path: Path) -> None:
    assert who_steers(tmp_path) == ()
    daemons(tmp_path, bash=1, chronyd=612, gpsd=7)
    (tmp_path / "proc/613").mkdir()
    (tmp_path / "proc/613/comm").write_text("chronyd\n")
    assert who_steers(tmp_path) == ("chronyd (pid 612)",)


def test_a_chronyd_that_is_told_to_leave_the_clock_alone_does_not_steer(tmp_path: Path) -> None:
    daemons(tmp_path, chronyd=612)
    (tmp_path / "proc/612/cmdline").write_bytes(b"/usr/sbin/chronyd\0-F\x001\0-x\0")
    assert who_steers(tmp_path) == ()
    (tmp_path / "proc/612/cmdline").write_bytes(b"/usr/sbin/chronyd\0-F\x001\0")
    assert who_steers(tmp_path) == ("chronyd (pid 612)",)


def test_another_gpstime_that_steers_is_seen_and_gone_when_it_ends() -> None:
    """By /proc/net/unix of a real kernel, from another process; this one is never its own rival."""
    flag = Flag()
    ask = "from gpstime.drivers.steering import who_steers; print(*who_steers())"

    def seen() -> str:
        return subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True).stdout

    ours = f"gpstime (pid {os.getpid()})"
    assert ours not in seen()
    flag.show()
    flag.show()
    assert ours in seen()
    assert os.getpid() not in bearers()
    flag.strike()
    flag.strike()
    assert ours not in seen()


def test_the_flag_of_a_killed_process_is_gone_with_it() -> None:
    code = "import sys\nfrom gpstime.drivers.steering_flag import Flag\nf = Flag()\nf.show()\nprint(flush=True)\nsys.stdin.read()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    assert other.pid in bearers()
    other.kill()
    other.communicate()
    assert other.pid not in bearers()


def test_the_unit_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "proc/612").mkdir(parents=True)
    cgroup = tmp_path / "proc/612/cgroup"
    assert unit_of(612, tmp_path) == ""
    cgroup.write_text("0::/system.slice/chrony.service\n")
    assert unit_of(612, tmp_path) == "chrony.service"
    cgroup.write_text("2:cpu:/\n1:name=systemd:/system.slice/ntpsec.service\n0::/user.slice/user-1000.slice\n")
    assert unit_of(612, tmp_path) == "ntpsec.service"
    cgroup.write_text("0::/user.slice/user-1000.slice/session-2.scope\n")
    assert unit_of(612, tmp_path) == ""


def watch(machine: FakeMachine, *names: str) -> SteeringWatch:
    return SteeringWatch(lambda: read_steering(machine.adjtimex, TIMEX), lambda: names)


class Looks:
    """Looks at the watch, five minutes apart."""

    def __init__(self, watching: SteeringWatch, apart_s: int = 300) -> None:
        self.watching, self.at, self.apart_s = watching, 1000 * NS, apart_s
        self.named: list[str] = []

    def __call__(self) -> str:
        self.at += self.apart_s * NS
        events = self.watching.look(RawNs(self.at))
        self.named += [e.by for e in events if isinstance(e, Applied) and (e.freq_ppb, e.step_ns) == (None, 0)]
        return "\n".join(e.text for e in events if isinstance(e, Note))


def test_a_clock_left_alone_is_nothing_to_tell() -> None:
    said = Looks(watch(FakeMachine()))
    assert [said() for _ in range(3)] == [""] * 3


def test_a_foreign_change_of_frequency_is_told_and_named() -> None:
    for names, word in ((("chronyd (pid 612)",), "chronyd (pid 612)"), ((), "not known")):
        machine = FakeMachine()
        said = Looks(watch(machine, *names))
        said()
        machine.slew(0.4)
        assert word in (first := said())
        assert "+0.400 ppm" in first
        assert said() == ""
        machine.slew(0.9)
        assert said() == "", "what is known is not told at each of chrony's small corrections"
        machine.slew(80_000)
        assert "80000" in said()
        machine.slew(0.9)
        assert "+0.900 ppm" in said()


def test_two_daemons_fight() -> None:
    assert "fight" in Looks(watch(FakeMachine(), "chronyd (pid 1)", "ntpd (pid 2)"))()
    assert "fight" not in Looks(watch(FakeMachine(), "chronyd (pid 1)"))()


def test_a_synchronized_kernel_writes_the_rtc() -> None:
    machine = FakeMachine()
    said = Looks(watch(machine))
    assert said() == ""
    machine.status &= ~STA_UNSYNC
    assert "every 11 minutes" in said()
    assert said() == ""


def test_a_leap_second_that_the_kernel_was_told() -> None:
    machine = FakeMachine()
    machine.status |= adjtimex.STA_INS
    assert "insert a leap second" in Looks(watch(machine))()


def test_a_kernel_that_refuses_is_told_once() -> None:
    def refuses(timex):
        raise PermissionError(1, "Operation not permitted")

    assert read_steering(refuses, TIMEX) is None
    said = Looks(SteeringWatch(lambda: read_steering(refuses, TIMEX), lambda: ()))
    assert "refuses" in said()
    assert said() == ""


def test_a_daemon_that_comes_and_goes() -> None:
    machine, running = FakeMachine(), []
    said = Looks(SteeringWatch(lambda: read_steering(machine.adjtimex, TIMEX), lambda: tuple(running)))
    assert said() == ""
    running.append("chronyd (pid 612)")
    assert "steered by chronyd" in said()
    running.clear()
    assert "no longer" in said()
    assert said.named == ["chronyd (pid 612)", ""]


def test_a_program_that_is_not_known_is_named_as_that_and_looked_for_at_once() -> None:
    machine, looked, running = FakeMachine(), [], []

    def who() -> tuple[str, ...]:
        looked.append(1)
        return tuple(running)

    said = Looks(SteeringWatch(lambda: read_steering(machine.adjtimex, TIMEX), who), apart_s=60)
    assert said() + said() == ""
    assert len(looked) == 1  # all processes are gone through every five minutes only
    machine.slew(12.0)
    assert "went by +12 to +12.000 ppm; by a program that is not known" in said()
    assert (len(looked), said.named, said.watching.by) == (2, [UNKNOWN], UNKNOWN)
    running.append("ntpd (pid 9)")
    assert "steered by ntpd (pid 9)" in said() + said() + said() + said() + said()
    assert said.named[-1] == "ntpd (pid 9)"


def test_what_was_found_and_put_right_at_once_is_told_all_the_same() -> None:
    """Our own clock's driver sets its frequency again within a second: no look would ever see the stranger's."""
    machine, running = FakeMachine(), []
    said = Looks(SteeringWatch(lambda: read_steering(machine.adjtimex, TIMEX), lambda: tuple(running)), apart_s=60)
    said()
    machine.slew(-3.0)
    said.watching.expect(-3000.0)
    assert said() == ""
    said.watching.found(20_000.0)
    told = said()
    assert "went by +23 to +20.000 ppm; by a program that is not known" in told
    assert said() == "", "ours is in force again, and is no news"
    assert said.named == [], "a hand that turns a knob once is no rival"
    running.append("chronyd (pid 612)")
    said.watching.found(20_000.0)
    assert "steered by chronyd (pid 612)" in said()
    assert said.named == ["chronyd (pid 612)"], "looked for at once, not five minutes later"
