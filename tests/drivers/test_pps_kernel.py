"""The kernel's pulses: the driver on the made-up kernel of `sim/fake_pps`, and the made-up kernel against the real one's words."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest
from pulses import APART, Kernel, stamped, train

from gpstime.drivers import pps_kernel
from gpstime.drivers.pps_kernel import PpsKernel
from gpstime.drivers.pps_sysfs import KernelPulse, named, ticking
from gpstime.errors import DeviceError, DeviceForbidden, DeviceMissing
from gpstime.sim import fake_pps
from gpstime.times import NS, RawNs


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def gather(pps: PpsKernel, kernel: Kernel, seconds: float) -> list[tuple[str, int]]:
    """(edge, its place on the raw clock) of all that comes in this time."""
    end, out = kernel.clock.at + round(seconds * NS), []
    while kernel.clock.at < end:
        stamp = pps.wait((end - kernel.clock.at) / NS)
        if stamp is not None:
            assert (stamp.native, stamp.stamped_by) == ("real", "kernel")
            out.append((stamp.edge, stamp.stamp - APART))
    return out


# ---- layout ------------------------------------------------------------------------------------------------------------------


def test_the_numbers_are_those_of_the_header() -> None:
    wanted = {8: (0xC00870A4, 0x800870A1), 4: (0xC00470A4, 0x800470A1)}[struct.calcsize("P")]
    assert wanted == (pps_kernel.PPS_FETCH, pps_kernel.PPS_GETPARAMS)
    assert wanted == (fake_pps.FETCH, fake_pps.GETPARAMS)


def test_the_layout_is_that_of_the_header(tmp_path: Path) -> None:
    """Against the C compiler's own idea of <linux/pps.h>, where there is one."""
    (tmp_path / "a.c").write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <linux/pps.h>\n"
        'int main(void) { printf("%zu %zu %zu %zu %zu %lx", sizeof(struct pps_fdata), offsetof(struct pps_fdata, info.clear_tu),'
        " offsetof(struct pps_fdata, timeout), sizeof(struct pps_kparams), offsetof(struct pps_kparams, clear_off_tu),"
        " (unsigned long) PPS_FETCH); }\n"
    )
    try:
        subprocess.run(["cc", "-o", tmp_path / "a", tmp_path / "a.c"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C compiler with <linux/pps.h> here")
    said = subprocess.run([tmp_path / "a"], capture_output=True, text=True, check=True).stdout.split()
    ours = (
        pps_kernel._FDATA.size,
        struct.calcsize("@IIqiI"),
        struct.calcsize("@IIqiIqiIi0q"),
        pps_kernel._KPARAMS.size,
        struct.calcsize("@iiqiI"),
    )
    assert [*map(int, said[:5])] == [*ours]
    assert int(said[5], 16) == pps_kernel.PPS_FETCH


# ---- edges -------------------------------------------------------------------------------------------------------------------


def test_each_pulse_once_with_its_own_stamp(kernel: Kernel) -> None:
    kernel.fake.add("pps@12.-1", train(kernel.clock, 5))
    start = kernel.clock.at
    assert gather(kernel.open(), kernel, 8) == [("assert", start + k * NS) for k in range(1, 6)]


def test_polled_without_waiting_it_gives_the_same(kernel: Kernel) -> None:
    """As the conductor of a simulated hour does: the clock is moved from outside."""
    kernel.fake.add("pps@12.-1", train(kernel.clock, 5))
    pps, out = kernel.open(), []
    for _ in range(80):
        kernel.clock.at += NS // 10
        while (stamp := pps.wait(0.0)) is not None:
            out.append(stamp.seq)
    assert out == [1, 2, 3, 4, 5]
    assert not kernel.clock.slept


def test_what_came_before_it_was_opened_is_not_given(kernel: Kernel) -> None:
    kernel.fake.add("pps@12.-1", train(kernel.clock, 5))
    kernel.clock.at += round(2.5 * NS)
    assert len(gather(kernel.open(), kernel, 5)) == 3


@pytest.mark.parametrize("ms", [1, 20, 100, 200, 500, 900])
def test_both_edges_in_order_where_the_overlay_captures_them(kernel: Kernel, ms: int) -> None:
    kernel.fake.add("pps@12.-1", train(kernel.clock, 3, width=ms * 1_000_000), clear=True)
    pps, start = kernel.open(), kernel.clock.at
    assert pps.captures == ("assert", "clear")
    wanted = [(e, start + k * NS + w) for k in (1, 2, 3) for e, w in (("assert", 0), ("clear", ms * 1_000_000))]
    assert gather(pps, kernel, 6) == wanted


def test_no_clear_edge_where_the_overlay_captures_none(kernel: Kernel) -> None:
    kernel.fake.add("pps@12.-1", train(kernel.clock, 3, width=100_000_000))
    pps = kernel.open()
    assert [edge for edge, _ in gather(pps, kernel, 5)] == ["assert"] * 3
    assert "capture_clear" in " ".join(pps.notes())


def test_both_edges_while_nobody_looked_come_in_order(kernel: Kernel) -> None:
    kernel.fake.add("pps@12.-1", train(kernel.clock, 1, width=200_000_000, first="clear"), clear=True)
    pps = kernel.open()
    kernel.clock.at += 2 * NS
    assert [pps.wait(0).edge, pps.wait(0).edge, pps.wait(0)] == ["clear", "assert", None]  # type: ignore[union-attr]


def test_a_stalled_poller_counts_what_it_missed(kernel: Kernel) -> None:
    """F-P25: the kernel keeps one edge; what was overwritten is not made up."""
    kernel.fake.add("pps@12.-1", train(kernel.clock, 9))
    pps = kernel.open()
    assert pps.wait(2) is not None
    kernel.clock.at += round(3.5 * NS)
    stamp = pps.wait(0)
    assert stamp is not None
    assert (stamp.seq, pps.missed) == (4, 2)


def test_an_edge_between_looking_and_waiting_is_not_lost(kernel: Kernel) -> None:
    """The kernel waits for the *next* event: one that came a moment earlier is picked up when the wait ends without one."""
    fake = kernel.fake.add("pps@12.-1")
    pps, calls = kernel.open(), []

    def late(fd: int, request: int, raw: bytearray) -> int:
        calls.append(request)
        if len(calls) == 2:
            fake.plug([stamped(kernel.clock.at, late=0)])
            fake.arrive(RawNs(kernel.clock.at))
        return kernel.fake.ioctl(fd, request, raw)

    pps._ioctl = late
    stamp = pps.wait(0.5)
    assert stamp is not None
    assert stamp.seq == 1


def test_silence_takes_its_time_and_is_no_error(kernel: Kernel) -> None:
    """F-P20: ETIMEDOUT is an answer, not an exception."""
    kernel.fake.add("pps@12.-1")
    pps, start = kernel.open(), kernel.clock.at
    assert pps.wait(3.0) is None
    assert kernel.clock.at - start == 3 * NS


def test_a_signal_is_no_error(kernel: Kernel) -> None:
    kernel.fake.add("pps@12.-1")
    pps = kernel.open()

    def interrupted(fd: int, request: int, raw: bytearray) -> int:
        raise InterruptedError(errno.EINTR, os.strerror(errno.EINTR))

    pps._ioctl = interrupted
    assert pps.wait(1.0) is None


def test_sequence_numbers_wrap(kernel: Kernel) -> None:
    fake = kernel.fake.add("pps@12.-1")
    fake.seq["assert"] = 0xFFFF_FFFF
    pps = kernel.open()
    fake.seq["assert"], fake.stamp["assert"] = 0, 5 * NS
    stamp = pps.wait(0)
    assert stamp is not None
    assert (stamp.seq, pps.missed) == (0, 0)


# ---- clear edges that are none (F-P19) -----------------------------------------------------------------------------------------


def test_clear_edges_that_never_come_are_told_once(kernel: Kernel) -> None:
    kernel.fake.add("pps@12.-1", train(kernel.clock, 40), clear=True)
    pps = kernel.open()
    assert len(gather(pps, kernel, 45)) == 40
    assert [("none comes" in note) for note in pps.notes()] == [True]


def test_a_clear_stamp_that_stands_still_is_not_used(kernel: Kernel) -> None:
    fake = kernel.fake.add("pps@12.-1", train(kernel.clock, 9, width=100_000_000), clear=True)
    fake.frozen = True
    pps = kernel.open()
    edges = [edge for edge, _ in gather(pps, kernel, 12)]
    assert edges.count("assert") == 9
    assert edges.count("clear") == 1
    assert [("stands still" in note) for note in pps.notes()] == [True]


# ---- which device (P10, F-P21) -------------------------------------------------------------------------------------------------


def test_devices_are_told_by_name(kernel: Kernel) -> None:
    kernel.fake.add("ptp0")
    kernel.fake.add("pps@12.-1", clear=True)
    kernel.fake.add("ttyAMA0", path="/dev/ttyAMA0", clear=True)
    kernel.fake.add("ttyUSB0", path="/dev/ttyUSB0", clear=True)
    kernel.fake.add("ktimer")
    pulses = kernel.pulses()
    assert [p.kind for p in pulses] == ["network", "gpio", "serial", "usb", "test"]
    assert pulses[1].what == "pps1 = pps@12.-1 (GPIO18)"
    assert pulses[0].what == "pps0 = ptp0 (the network interface's clock, not a receiver)"
    assert [(p.asserts, p.clears) for p in pulses[:2]] == [(0, None), (0, 0)]
    assert [p.node for p in named("pps@12", pulses)] == ["pps1"]
    assert [p.node for p in named("pps@12.-1", pulses)] == ["pps1"]
    assert [p.node for p in named("/dev/pps2", pulses)] == ["pps2"]
    assert [p.node for p in named("/dev/ttyUSB0", pulses)] == ["pps3"]
    assert named("pps@4", pulses) == []


def test_which_of_three_ticks(kernel: Kernel) -> None:
    kernel.fake.add("ptp0")
    kernel.fake.add("pps@4.-1")
    kernel.fake.add("pps@12.-1", train(kernel.clock, 9, width=100_000_000), clear=True)
    assert ticking(kernel.fake, 3.5, kernel.fake.sysfs) == {"pps0": 0, "pps1": 0, "pps2": 6}


def test_a_renumbered_pulse_is_noticed(kernel: Kernel) -> None:
    """F-P21: /dev/pps0 was the pulse and is now the network interface's clock."""
    fake = kernel.fake.add("pps@12.-1", train(kernel.clock, 3))
    pps = kernel.open()
    assert pps.wait(2) is not None
    kernel.fake.remove(fake)
    kernel.fake.add("ptp0", node="pps0")
    with pytest.raises(DeviceMissing, match="its number belongs to ptp0 now"):
        pps.wait(1)


def test_a_removed_pulse_is_noticed_and_comes_back(kernel: Kernel) -> None:
    fake = kernel.fake.add("ttyUSB0", train(kernel.clock, 3), path="/dev/ttyUSB0")
    pps = kernel.open()
    kernel.fake.remove(fake)
    with pytest.raises(DeviceMissing, match="is gone: its driver let go"):
        pps.wait(1)
    pps.close()
    with pytest.raises(DeviceMissing):
        pps.wait(0)
    kernel.fake.add("ttyUSB0", train(kernel.clock, 3), node="pps3")
    again = kernel.open("pps3")
    assert again.wait(2) is not None


# ---- refusals ------------------------------------------------------------------------------------------------------------------


def test_forbidden_names_the_remedy(kernel: Kernel) -> None:
    kernel.fake.add("pps@12.-1").forbidden = True
    with pytest.raises(DeviceForbidden, match=r"permission denied.*udev rule") as told:
        kernel.open()
    assert isinstance(told.value, PermissionError)


def test_a_node_that_is_not_there(kernel: Kernel) -> None:
    with pytest.raises(DeviceMissing, match="No such file"):
        PpsKernel(KernelPulse("pps7", "pps@12.-1", "", 0, None), time=kernel.clock, dev=kernel.fake.dev, sysfs=kernel.fake.sysfs)


def test_no_pulse_device_at_all(tmp_path: Path) -> None:
    (tmp_path / "pps0").symlink_to("/dev/null")  # the real ioctl(2) refuses
    with pytest.raises(DeviceError, match="no pulse device"):
        PpsKernel(KernelPulse("pps0", "pps@12.-1", "", 0, None), dev=tmp_path, sysfs=tmp_path)


def test_no_descriptor_is_left_after_a_refusal(kernel: Kernel) -> None:
    fake = kernel.fake.add("pps@12.-1")
    fake.mode = 0
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(DeviceError, match="captures no edge"):
        kernel.open()
    assert len(os.listdir("/proc/self/fd")) == before


def test_an_offset_set_by_others_is_said(kernel: Kernel) -> None:
    fake = kernel.fake.add("pps@12.-1")
    fake.offset_ns["assert"] = -675
    assert "add -675 ns to each assert stamp" in " ".join(kernel.open().notes())


def test_the_made_up_kernel_refuses_as_the_real_one(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    kernel.fake.add("pps@12.-1")
    fd = kernel.fake.open(str(kernel.fake.dev / "pps0"), os.O_RDONLY)
    raw = bytearray(fake_pps._PARAMS.size)
    kernel.fake.ioctl(fd, fake_pps.GETPARAMS, raw)
    with pytest.raises(PermissionError, match="Operation not permitted"):
        kernel.fake.ioctl(fd, fake_pps.SETPARAMS, raw)
    with pytest.raises(OSError, match="Inappropriate ioctl"):
        kernel.fake.ioctl(fd, 0x70A4, raw)
    os.close(fd)
    rights = Kernel(tmp_path / "root", privileged=True)
    rights.fake.add("pps@12.-1")
    fd = rights.fake.open(str(rights.fake.dev / "pps0"), os.O_RDONLY)
    struct.pack_into("@ii", raw, 0, 1, 0x02)  # clear edges, which it does not capture
    with pytest.raises(OSError, match="Invalid argument"):
        rights.fake.ioctl(fd, fake_pps.SETPARAMS, raw)
    os.close(fd)


def test_it_reads_only() -> None:
    """The driver knows no number that sets anything."""
    source = Path(sys.modules[PpsKernel.__module__].__file__ or "").read_text()
    assert "0xA2" not in source
    assert "0xA5" not in source
    assert "O_RDWR" not in source


def test_a_doubled_interrupt_gives_one_edge_and_is_counted(kernel: Kernel) -> None:
    """F-P09: the kernel keeps the later stamp, a few microseconds late; that there were two shows in the sequence."""
    start = kernel.clock.at
    kernel.fake.add(
        "pps@12.-1", [stamped(start + NS, late=0), stamped(start + NS + 5_000, late=0), stamped(start + 2 * NS, late=0)]
    )
    pps, out = kernel.open(), []
    for _ in range(4):
        kernel.clock.at += NS - NS // 10
        while (stamp := pps.wait(0)) is not None:
            out.append(stamp.stamp - APART - start)
    assert out == [NS + 5_000, 2 * NS]
    assert pps.missed == 1


def test_a_pulse_named_after_any_node_of_the_device_tree_is_a_gpio() -> None:
    """Seen on a kernel whose tree calls the node pps-gps: the driver appends .-1, whatever the node is called."""
    pulse = KernelPulse("pps0", "pps-gps.-1", "", 0, 0)
    assert (pulse.kind, pulse.pin) == ("gpio", None)
    assert KernelPulse("pps1", "pps-gps.0", "", 0, 0).kind == "other"
    # the line discipline names a pulse after the port's driver, and gives its path
    assert KernelPulse("pps1", "uart_of_tomorrow0", "/dev/ttyX0", 0, 0).kind == "serial"
    assert KernelPulse("pps1", "usb_of_tomorrow0", "/dev/ttyUSB0", 0, 0).kind == "usb"
