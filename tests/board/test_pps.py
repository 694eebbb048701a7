"""The kernel's pulse on a real kernel: found by name among several, both edges, numbers, timeouts, gone while waited for.

In real time the player may be held up, and we too: nothing here counts on when a pulse comes, but on which come, and in what order.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edges import from_now, heard

from gpstime.drivers.pps_kernel import PpsKernel
from gpstime.drivers.pps_sysfs import KernelPulse, kernel_pulses, named, ticking
from gpstime.drivers.system_clock import SystemClocks
from gpstime.drivers.timebase import MachineTime
from gpstime.errors import DeviceMissing
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.times import UtcTime

pytestmark = pytest.mark.virtual


@pytest.fixture
def pulse() -> KernelPulse:
    return next(p for p in kernel_pulses() if p.kind == "gpio")


def shown_at(raw: int) -> int:
    """What the system clock showed when the raw clock showed this: nobody steers it meanwhile."""
    now = SystemClocks().read()
    return now.real + raw - now.raw


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
@pytest.mark.parametrize(("named", "inverted"), [(True, False), (False, True)], ids=["named-among-two", "alone-and-inverted"])
def test_a_receiver_on_a_modem_line_is_measured(board: Any, modem: KernelPulse, gpstime: Any, named: bool, inverted: bool) -> None:
    """Bytes and pulse through one port, as with ldattach on a serial receiver; an adapter may turn the pulse's level round."""
    from scenario import play

    played = play(board, Scenario(61, 70, sentences=("RMC", "GGA"), oscillator=Oscillator(ppm=5.0)), "carrier-detect", inverted)
    configuration = '[receiver]\nport = "/dev/ttyAMA0"\n[record]\nfolder = ""\n'
    if named:
        configuration += '[pulse]\ndevice = "ttyAMA0"\n'
    else:
        board.plug_pps(False)
    found = json.loads(gpstime("measure", "--for", "40s", "--json", configuration=configuration).stdout)
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
