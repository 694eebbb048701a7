"""The kernel's pulse and the GPIO libraries on a real kernel: found by name, both edges, numbers, timeouts, who holds the line."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from gpstime.drivers.pps_gpiod import LineTaken, PpsGpiod, chip_by_label
from gpstime.drivers.pps_kernel import PpsKernel
from gpstime.drivers.pps_rpigpio import PpsRpiGpio
from gpstime.drivers.pps_sysfs import KernelPulse, kernel_pulses, named, ticking
from gpstime.drivers.system_clock import SystemClocks
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceMissing
from gpstime.times import NS

pytestmark = pytest.mark.virtual
FREE = 23
"""A line that nothing else has."""


@pytest.fixture
def pulse() -> KernelPulse:
    return next(p for p in kernel_pulses() if p.kind == "gpio")


def from_now(board: Any, n: int, width_s: float = 0.1, line: int = 18) -> tuple[list[int], Any]:
    from board import raw_ns

    begin = raw_ns() + 2 * NS
    at = [begin + k * NS for k in range(n)]
    return at, board.play(board.pulses(at, width_s, line))


def shown_at(raw: int) -> int:
    """What the system clock showed when the raw clock showed this: nobody steers it meanwhile."""
    now = SystemClocks().read()
    return now.real + raw - now.raw


# ---- the kernel's pulse ------------------------------------------------------------------------------------------------------


def test_it_is_found_by_name_among_several(board: Any) -> None:
    subprocess.run(["insmod", f"{board.tools.parent}/mods/pps-ktimer.ko"], check=True)
    try:
        pulses = kernel_pulses()
        assert sorted(p.kind for p in pulses) == ["gpio", "test"]
        (ours,) = named("pps@12", pulses)
        assert (ours.what, ours.pin) == (f"{ours.node} = pps@12.-1 (GPIO18)", 18)
        from_now(board, 3)
        ticks = ticking(MachineTime(), 5.0)
        assert ticks[ours.node] == 3
        assert sum(ticks.values()) > 3
    finally:
        subprocess.run(["rmmod", "pps_ktimer"], check=True)


def test_stamps_numbers_and_the_end(board: Any, pulse: KernelPulse) -> None:
    at, playing = from_now(board, 4)
    pps = PpsKernel(pulse)
    got = [pps.wait(3) for _ in at]
    assert board.played(playing)[0] == 8
    assert [s.seq - got[0].seq for s in got if s and got[0]] == [0, 1, 2, 3]
    assert {(s.edge, s.native, s.stamped_by) for s in got if s} == {("assert", "real", "kernel")}
    late = [s.stamp - shown_at(t) for s, t in zip(got, at, strict=True) if s]
    assert min(late) >= 0
    if board.travels:
        assert max(late[1:]) < 10_000
    assert pps.missed == 0
    begun = time.monotonic()
    assert pps.wait(0.5) is None  # the kernel's own timeout: not an error
    assert 0.4 < time.monotonic() - begun < 5
    pps.close()


def test_what_was_not_fetched_is_counted(board: Any, pulse: KernelPulse) -> None:
    pps = PpsKernel(pulse)
    _, playing = from_now(board, 3, 0.05)
    board.played(playing)
    assert pps.wait(1) is not None
    assert pps.missed == 2
    pps.close()


def test_a_device_that_goes_while_it_is_waited_for(board: Any, pulse: KernelPulse) -> None:
    pps = PpsKernel(pulse)
    gone: list[BaseException] = []

    def wait() -> None:
        try:
            for _ in range(10):
                pps.wait(1)
        except DeviceMissing as error:
            gone.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.3)
    board.plug_pps(False)
    waiting.join(20)
    pps.close()
    board.plug_pps(True)
    assert len(gone) == 1
    assert "gone" in str(gone[0]) or "not there" in str(gone[0]), gone
    again = next(p for p in kernel_pulses() if p.kind == "gpio")
    from_now(board, 1)
    pps = PpsKernel(again)
    assert pps.wait(4) is not None
    pps.close()


# ---- gpiod -------------------------------------------------------------------------------------------------------------------


def test_gpiod_stamps_in_the_kernel_on_the_clock_that_it_names(board: Any) -> None:
    pytest.importorskip("gpiod")
    at, playing = from_now(board, 3, line=FREE)
    pps = PpsGpiod(FREE, SystemClocks())
    got = [stamp for _ in range(6) if (stamp := pps.wait(4)) is not None]
    pps.close()
    board.played(playing)
    assert [s.edge for s in got] == ["assert", "clear"] * 3
    assert {s.stamped_by for s in got} == {"gpio"}
    now = SystemClocks().read()
    for stamp, t in zip(got[::2], at, strict=True):
        shown = {"real": now.real, "mono": now.mono_ns}[stamp.native] + t - now.raw
        assert 0 <= stamp.stamp - shown < (10_000 if board.travels else 100_000_000)


def test_the_chip_is_told_by_its_label(board: Any) -> None:
    gpiod = pytest.importorskip("gpiod")
    assert chip_by_label(gpiod).label == "pinctrl-bcm2711"


def test_a_line_that_the_kernels_pulse_holds_is_said_to_be(board: Any) -> None:
    pytest.importorskip("gpiod")
    with pytest.raises(LineTaken) as refused:
        PpsGpiod(18, SystemClocks())
    assert refused.value.by_kernel_pps, refused.value


def test_a_line_that_another_program_holds_names_it(board: Any) -> None:
    gpiod = pytest.importorskip("gpiod")
    chip = str(chip_by_label(gpiod).path)
    with (
        gpiod.request_lines(chip, consumer="a-lamp", config={FREE: gpiod.LineSettings()}),
        pytest.raises(LineTaken, match="a-lamp"),
    ):
        PpsGpiod(FREE, SystemClocks())


# ---- RPi.GPIO ----------------------------------------------------------------------------------------------------------------


@pytest.mark.travel  # in real time, under load, one run in ten of lgpio saw no edge at all
def test_rpi_lgpio_under_the_name_of_rpi_gpio(board: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RPI_LGPIO_REVISION", "c03114")
    monkeypatch.setenv("RPI_LGPIO_CHIP", "0")
    monkeypatch.chdir(tmp_path)  # lgpio leaves pipes where it stands
    pytest.importorskip("RPi.GPIO")
    pps = PpsRpiGpio(FREE)
    at, playing = from_now(board, 3, 0.6, line=FREE)
    got = [stamp for _ in at if (stamp := pps.wait(5)) is not None]
    pps.close()
    board.played(playing)
    assert [(s.stamped_by, s.native, s.edge) for s in got] == [("user", "raw", "assert")] * 3
    assert all(0 <= s.stamp - t < NS // 2 for s, t in zip(got, at, strict=True))  # not the other edge, 0.6 s later
