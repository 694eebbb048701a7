"""What others do to the clock is seen and named; and nothing here can set one."""

from __future__ import annotations

import ctypes
from pathlib import Path

import pytest

from gpstime.drivers import adjtimex
from gpstime.drivers.adjtimex import SteeringWatch, kernel_call, layout, read_steering, selected, who_steers
from gpstime.sim.machine import STA_UNSYNC, FakeMachine
from gpstime.times import RawNs

TIMEX = layout(ctypes.c_long)
NOW = RawNs(0)


@pytest.mark.parametrize(
    ("word", "size", "status", "tick", "tai"),
    [(ctypes.c_int64, 208, 40, 88, 160), (ctypes.c_int32, 128, 20, 44, 80)],
)
def test_the_layout_is_the_kernels(word, size, status, tick, tai) -> None:
    """Offsets of <linux/timex.h> as a compiler lays them out for words of 64 and 32 bits."""
    timex = layout(word)
    assert ctypes.sizeof(timex) == size
    assert (timex.status.offset, timex.tick.offset, timex.tai.offset) == (status, tick, tai)


@pytest.mark.parametrize(
    ("symbols", "long_bytes", "name", "word"),
    [
        ({"adjtimex", "___adjtimex64", "__clock_adjtime64"}, 4, "___adjtimex64", ctypes.c_int64),  # glibc 2.34 and later, armhf
        ({"adjtimex"}, 4, "adjtimex", ctypes.c_int32),  # Debian 11, armhf
        ({"adjtimex", "__adjtimex_time64"}, 4, "adjtimex", ctypes.c_int32),  # musl
        ({"adjtimex", "___adjtimex64"}, 8, "adjtimex", ctypes.c_int64),
    ],
)
def test_the_function_and_the_layout_that_it_fills_go_together(symbols, long_bytes, name, word) -> None:
    assert selected(symbols.__contains__, long_bytes) == (name, word)
    timex = layout(word)
    assert timex.offset.size == timex.time_s.size == (8 if word is ctypes.c_int64 else 4)


def test_fillers_do_not_hang_on_the_compiler() -> None:
    """As i386 would lay out 64-bit words: at multiples of four."""
    fields = layout(ctypes.c_int64)._fields_
    packed = type("Packed", (ctypes.Structure,), {"_pack_": 4, "_fields_": fields})
    assert (packed.status.offset, packed.tick.offset, packed.tai.offset, ctypes.sizeof(packed)) == (40, 88, 160, 208)


def test_this_machines_kernel_answers_and_is_asked_for_nothing_else() -> None:
    call, timex_type = kernel_call()
    asked = []

    def watched(timex):
        asked.append(timex.modes)
        return call(timex)

    found = read_steering(watched, timex_type)
    if found is None:
        pytest.skip("this machine's kernel or sandbox refuses adjtimex even to read")
    assert asked == [0]
    assert 9_000 <= found.tick_us <= 11_000, "a wrong layout would put something else here"
    assert abs(found.freq_ppb) < 1e8


@pytest.mark.parametrize("ppm", [0.0, -33.3, 499.9, 80_000.0, -80_000.0, 12_345.6])
def test_the_correction_is_freq_and_tick_together(ppm) -> None:
    """Control: `freq` alone would be wrong by the tick's share as soon as chrony slews fast."""
    machine = FakeMachine()
    machine.slew(ppm)
    found = read_steering(machine.adjtimex, TIMEX)
    assert found.freq_ppb == pytest.approx(ppm * 1000, abs=0.02)
    if abs(ppm) > 500:
        assert abs(found.freq_ppb - (found.tick_us - adjtimex.TICK_US) * 1e5) < 60_000 < abs(found.freq_ppb)


def test_the_fake_refuses_what_the_kernel_refuses() -> None:
    machine, timex = FakeMachine(), TIMEX()
    timex.modes = 0x8001
    with pytest.raises(PermissionError, match="Operation not permitted"):
        machine.adjtimex(timex)
    assert machine.refused == 1


def daemons(root: Path, **pids: int) -> Path:
    for name, pid in pids.items():
        (root / f"proc/{pid}").mkdir(parents=True)
        (root / f"proc/{pid}/comm").write_text(name.replace("_", "-")[:15] + "\n")
    return root


def test_who_steers(tmp_path: Path) -> None:
    assert who_steers(tmp_path) == ()
    daemons(tmp_path, bash=1, chronyd=612, gpsd=7)
    (tmp_path / "proc/613").mkdir()
    (tmp_path / "proc/613/comm").write_text("chronyd\n")
    assert who_steers(tmp_path) == ("chronyd (pid 612)",)


def watch(machine: FakeMachine, *names: str) -> SteeringWatch:
    return SteeringWatch(lambda: read_steering(machine.adjtimex, TIMEX), lambda: names)


def said(watching: SteeringWatch) -> str:
    return "\n".join(note.text for note in watching.look(NOW))


def test_a_clock_left_alone_is_nothing_to_tell() -> None:
    watching = watch(FakeMachine())
    assert [said(watching) for _ in range(3)] == [""] * 3


def test_a_foreign_change_of_frequency_is_told_and_named() -> None:
    for names, word in ((("chronyd (pid 612)",), "chronyd (pid 612)"), ((), "not known")):
        machine = FakeMachine()
        watching = watch(machine, *names)
        said(watching)
        machine.slew(0.4)
        assert word in (first := said(watching))
        assert "+0.400 ppm" in first
        assert said(watching) == ""
        machine.slew(0.9)
        assert said(watching) == "", "what is known is not told at each of chrony's small corrections"
        machine.slew(80_000)
        assert "80000" in said(watching)
        machine.slew(0.9)
        assert "+0.900 ppm" in said(watching)


def test_two_daemons_fight() -> None:
    assert "fight" in said(watch(FakeMachine(), "chronyd (pid 1)", "ntpd (pid 2)"))
    assert "fight" not in said(watch(FakeMachine(), "chronyd (pid 1)"))


def test_a_synchronized_kernel_writes_the_rtc() -> None:
    machine = FakeMachine()
    watching = watch(machine)
    assert said(watching) == ""
    machine.status &= ~STA_UNSYNC
    assert "every 11 minutes" in said(watching)
    assert said(watching) == ""


def test_a_leap_second_that_the_kernel_was_told() -> None:
    machine = FakeMachine()
    machine.status |= adjtimex.STA_INS
    assert "insert a leap second" in said(watch(machine))


def test_a_kernel_that_refuses_is_told_once() -> None:
    def refuses(timex):
        raise PermissionError(1, "Operation not permitted")

    assert read_steering(refuses, TIMEX) is None
    watching = SteeringWatch(lambda: read_steering(refuses, TIMEX), lambda: ())
    assert "refuses" in said(watching)
    assert said(watching) == ""


def test_a_daemon_that_comes_and_goes() -> None:
    machine, running = FakeMachine(), []
    watching = SteeringWatch(lambda: read_steering(machine.adjtimex, TIMEX), lambda: tuple(running))
    assert said(watching) == ""
    running.append("chronyd (pid 612)")
    assert "steered by chronyd" in said(watching)
    running.clear()
    assert "no longer" in said(watching)
