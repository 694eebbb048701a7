"""The kernel's pulse and the GPIO libraries on a real kernel: found by name, both edges, numbers, timeouts, who holds the line.

In real time the player may be held up, and we too: nothing here counts on when a pulse comes, but on which come, and in what order.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gpstime.drivers.pps_gpiod import LineTaken, PpsGpiod, chip_by_label, consumer
from gpstime.drivers.pps_kernel import PpsKernel
from gpstime.drivers.pps_rpigpio import PpsRpiGpio
from gpstime.drivers.pps_sysfs import KernelPulse, kernel_pulses, named, ticking
from gpstime.drivers.system_clock import SystemClocks
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceMissing
from gpstime.ports import EdgeStamp, PpsInput
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.times import NS, UtcTime

pytestmark = pytest.mark.virtual
FREE = 23
"""A line that nothing else has."""


@pytest.fixture
def pulse() -> KernelPulse:
    return next(p for p in kernel_pulses() if p.kind == "gpio")


def from_now(board: Any, n: int, width_s: float = 0.1, line: int | str = 18) -> tuple[list[int], Any]:
    from board import raw_ns

    begin = raw_ns() + NS // 2
    at = [begin + k * NS for k in range(n)]
    return at, board.play(board.pulses(at, width_s, line))


def heard(pps: PpsInput, playing: Any, n: int) -> list[EdgeStamp]:
    """The next `n` edges: as many as come while the player plays, and in the two seconds after it."""
    got: list[EdgeStamp] = []
    tries = 2
    while len(got) < n and tries:
        over = playing.poll() is not None
        if (stamp := pps.wait(1)) is not None:
            got.append(stamp)
        elif over:
            tries -= 1
    return got


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
        assert ours.asserts is not None
        for up in (True, False):
            board.pull(18, up)
        ticks = ticking(MachineTime(), 2.5)
        again = next(p for p in kernel_pulses() if p.name == ours.name)
        assert again.asserts == ours.asserts + 1
        assert (ticks[ours.node], sum(ticks.values()) > 0) == (0, True)  # the test timer's alone
    finally:
        subprocess.run(["rmmod", "pps_ktimer"], check=True)


def test_stamps_numbers_and_the_end(board: Any, pulse: KernelPulse) -> None:
    pps = PpsKernel(pulse)
    at, playing = from_now(board, 4)
    got = heard(pps, playing, 4)
    assert board.played(playing)[0] == 8
    first = got[0].seq
    assert [s.seq - first for s in got] == [0, 1, 2, 3] if board.travels else got[-1].seq - first + 1 == len(got) + pps.missed == 4
    assert {(s.edge, s.native, s.stamped_by) for s in got} == {("assert", "real", "kernel")}
    late = [s.stamp - shown_at(at[s.seq - first]) for s in got]
    assert min(late) >= 0
    if board.travels:
        assert max(late[1:]) < 10_000
        assert pps.missed == 0
    begun = time.monotonic()
    assert pps.wait(0.5) is None  # the kernel's own timeout: not an error
    assert 0.4 < time.monotonic() - begun < 60
    pps.close()


def test_what_was_not_fetched_is_counted(board: Any, pulse: KernelPulse) -> None:
    pps = PpsKernel(pulse)
    for _ in range(3):
        board.pull(18, True)
        board.pull(18, False)
    assert pps.wait(1) is not None
    assert pps.missed == 2
    pps.close()


@pytest.fixture
def modem(board: Any, tmp_path: Path) -> Iterator[KernelPulse]:
    """The kernel's pulse of the serial port's carrier-detect line, both edges of it."""
    if shutil.which("ldattach") is None:
        pytest.skip("ldattach is not there")
    attached = board.time_carrier_detect(tmp_path / "ldattach")
    try:
        (found,) = [p for p in kernel_pulses() if p.path == "/dev/ttyAMA0"]
        yield found
    finally:
        attached.terminate()
        attached.wait()


def test_both_edges_of_a_modem_line(board: Any, modem: KernelPulse) -> None:
    """pps-gpio captures one edge only unless its overlay says otherwise; the line discipline both."""
    assert (modem.kind, modem.pin) == ("serial", None)
    pps = PpsKernel(modem)
    assert pps.captures == ("assert", "clear")
    at, playing = from_now(board, 3, 0.2, "carrier-detect")
    got = heard(pps, playing, 6)
    board.played(playing)
    assert [s.edge for s in got] == ["assert", "clear"] * 3
    if board.travels:
        for up, down, t in zip(got[::2], got[1::2], at, strict=True):
            assert 0 <= up.stamp - shown_at(t) < 10_000
            assert abs(down.stamp - up.stamp - 200_000_000) < 10_000
    pps.close()


@pytest.mark.travel
@pytest.mark.parametrize("inverted", [False, True])
def test_a_receiver_on_a_modem_line_is_measured(board: Any, modem: KernelPulse, gpstime: Any, inverted: bool) -> None:
    """Bytes and pulse through one port, as with ldattach on a serial receiver; an adapter may turn the pulse's level round."""
    from scenario import play

    played = play(board, Scenario(61, 70, sentences=("RMC", "GGA"), oscillator=Oscillator(ppm=5.0)), "carrier-detect", inverted)
    board.plug_pps(False)
    try:
        done = gpstime(
            "measure", "--for", "60s", "--json", configuration='[receiver]\nport = "/dev/ttyAMA0"\n[record]\nfolder = ""\n'
        )
    finally:
        board.plug_pps(True)
    found = json.loads(done.stdout)
    assert (found["status"], found["label"], found["stamps"]["backend"]) == ("ok", "ok", "kernel"), found
    assert found["freq_lo_ppb"] <= played.world.truth.current_ppb() <= found["freq_hi_ppb"]
    last = found["last_labelled"]
    assert abs(UtcTime.parse(last["utc"]).unix - played.true_ns(last["t"])) < 20_000  # the edge that begins the pulse, not its end


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
    pps = PpsKernel(again)
    board.pull(18, True)
    assert pps.wait(1) is not None
    pps.close()


# ---- gpiod -------------------------------------------------------------------------------------------------------------------


def test_gpiod_stamps_in_the_kernel_on_the_clock_that_it_names(board: Any) -> None:
    gpiod = pytest.importorskip("gpiod")
    pps = PpsGpiod(FREE, SystemClocks())
    assert consumer(gpiod, FREE) == "gpstime"
    at, playing = from_now(board, 3, line=FREE)
    got = heard(pps, playing, 6)
    pps.close()
    assert consumer(gpiod, FREE) == ""
    board.played(playing)
    assert [s.edge for s in got] == ["assert", "clear"] * 3
    assert {s.stamped_by for s in got} == {"gpio"}
    now = SystemClocks().read()
    for up, down, t in zip(got[::2], got[1::2], at, strict=True):
        shown = {"real": now.real, "mono": now.mono_ns}[up.native] + t - now.raw
        assert 0 <= up.stamp - shown < (10_000 if board.travels else 60 * NS)
        if board.travels:
            assert abs(down.stamp - up.stamp - 100_000_000) < 10_000


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


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch) -> None:
    """What rpi-lgpio asks of a board that is none it knows."""
    if importlib.util.find_spec("lgpio") is None:
        pytest.skip("rpi-lgpio is not there")
    monkeypatch.setenv("RPI_LGPIO_REVISION", "c03114")
    monkeypatch.setenv("RPI_LGPIO_CHIP", "0")


def test_rpi_lgpio_under_the_name_of_rpi_gpio(board: Any, lgpio: None) -> None:
    pps = PpsRpiGpio(FREE)
    at, playing = from_now(board, 3, 0.6, line=FREE)
    got = heard(pps, playing, 3)
    pps.close()
    board.played(playing)
    assert [(s.stamped_by, s.native, s.edge, s.seq) for s in got] == [("user", "raw", "assert", k) for k in (1, 2, 3)]
    assert min(s.stamp - t for s, t in zip(got, at, strict=True)) >= 0
    if board.travels:
        assert max(s.stamp - t for s, t in zip(got, at, strict=True)) < NS // 2  # not the other edge, 0.6 s later


@pytest.mark.travel
@pytest.mark.parametrize("asked", ["gpiod", "rpi-gpio"])
def test_a_pin_asked_for_by_a_library_is_read_through_the_kernel_that_holds_it(
    board: Any, gpstime: Any, lgpio: None, asked: str
) -> None:
    """And through the library once the kernel's driver is gone."""
    configuration = f'[receiver]\nsource = "none"\n[pulse]\nbackend = "{asked}"\n[record]\nfolder = ""\n'
    from_now(board, 30)
    found = json.loads(gpstime("measure", "--for", "4s", "--json", configuration=configuration).stdout)
    assert found["stamps"]["backend"] == "kernel", found
    board.plug_pps(False)
    try:
        found = json.loads(gpstime("measure", "--for", "4s", "--json", configuration=configuration).stdout)
    finally:
        board.plug_pps(True)
    assert (found["stamps"]["backend"], found["n"]) == (asked, 5), found
