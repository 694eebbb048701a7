"""The kernel's corrections are read as they are; and nothing here can set one."""

from __future__ import annotations

import ctypes

import pytest

from gpstime.drivers import adjtimex
from gpstime.drivers.adjtimex import kernel_call, layout, read_steering, selected
from gpstime.sim.machine import FakeMachine

TIMEX = layout(ctypes.c_long)


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
