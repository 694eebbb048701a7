"""Pulse drivers on made-up devices as the live world runs them: source, converter and driver together, on a virtual clock."""

from __future__ import annotations

from pathlib import Path

import pytest
from pulses import APART, Clock, Kernel, train

from gpstime.app.sources import PpsSource
from gpstime.drivers.pps_choice import Doors, Wanted, open_pulse
from gpstime.drivers.pps_gpiod import PpsGpiod
from gpstime.drivers.pps_rpigpio import PpsRpiGpio
from gpstime.drivers.system_clock import Converter
from gpstime.model import DeviceFound, DeviceLost, PpsEdge
from gpstime.ports import PpsInput
from gpstime.sim.fake_gpiod import FakeGpiod, WiredEdge
from gpstime.sim.fake_rpigpio import FakeRpiGpio
from gpstime.times import NS, RawNs

QUARTER = 900
"""Pulses of a quarter of an hour."""


def edges(source: PpsSource, clock: Clock, steps: int, step_s: float = 0.25) -> list[PpsEdge]:
    out = []
    for _ in range(steps):
        clock.at += round(step_s * NS)
        out += [event for event in source.poll(0.0) if isinstance(event, PpsEdge)]
    return out


def check(got: list[PpsEdge], start: int, late: int, native: str, by: str) -> None:
    """Each pulse once, on the raw clock within a microsecond, its stamp kept."""
    assert len(got) == QUARTER
    assert max(abs(edge.at - start - (k + 1) * NS - late) for k, edge in enumerate(got)) < 1000
    assert {(edge.native, edge.stamped_by, edge.edge) for edge in got} == {(native, by, "assert")}
    assert max(edge.err_ns for edge in got) < (1000 if by != "user" else 100_000)


def test_a_quarter_through_the_kernels_pulse(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    clock = kernel.clock
    start = clock.at
    kernel.fake.add("pps@12.-1", train(clock, QUARTER))
    source = PpsSource(kernel.open, clock, Converter().convert, clock)
    check(edges(source, clock, 4 * QUARTER + 8), start, 0, "real", "kernel")


def test_a_quarter_through_gpiod(tmp_path: Path) -> None:
    clock = Clock()
    gpiod, start = FakeGpiod(tmp_path, clock), clock.at
    at = [start + k * NS for k in range(1, QUARTER + 1)]
    gpiod.wire(
        chip := gpiod.add("gpiochip0", "pinctrl-rp1"), 18, [WiredEdge(RawNs(t), t + clock.mono_apart, t + APART) for t in at]
    )
    assert chip.lines[18].edges
    source = PpsSource(lambda: PpsGpiod(18, clock, gpiod=gpiod, dev=tmp_path), clock, Converter().convert, clock)
    check(edges(source, clock, 4 * QUARTER + 8), start, 0, "mono", "gpio")


@pytest.mark.parametrize("flavour", ["RPi.GPIO", "rpi-lgpio"])
def test_a_quarter_in_user_space(flavour: str) -> None:
    clock = Clock()
    gpio, start = FakeRpiGpio(clock, flavour), clock.at  # type: ignore[arg-type]
    gpio.wire(18, [(start + k * NS, True) for k in range(1, QUARTER + 1)])
    source, out = PpsSource(lambda: PpsRpiGpio(18, time=clock, gpio=gpio), clock, Converter().convert, clock), []
    for _ in range(4 * QUARTER + 8):
        out += [event for event in source.poll(0.0) if isinstance(event, PpsEdge)]
        gpio.arrive(RawNs(clock.at + NS // 4))
    check(out + [event for event in source.poll(0.0) if isinstance(event, PpsEdge)], start, gpio.late_ns, "raw", "user")


def test_a_pulse_that_goes_and_comes_back_is_told(tmp_path: Path) -> None:
    kernel = Kernel(tmp_path)
    clock = kernel.clock
    fake = kernel.fake.add("ttyUSB0", train(clock, 5), path="/dev/ttyUSB0")

    def again() -> PpsInput:
        fake = kernel.fake
        fake.refresh()
        return open_pulse(Wanted("kernel"), clock, fake, Doors(fake.sysfs, fake.dev, fake.open, fake.ioctl))

    source, told = PpsSource(again, clock, Converter().convert, clock), []
    for k in range(400):
        clock.at += NS // 4
        if k == 30:
            kernel.fake.remove(fake)
        if k == 200:
            kernel.fake.add("ttyUSB0", train(clock, 20), path="/dev/ttyUSB0", node="pps3")
        told += [type(event) for event in source.poll(0.0) if isinstance(event, (DeviceFound, DeviceLost))]
    # why it is lost may change (gone, then: none there), that it is back is said once
    assert told[:2] == [DeviceFound, DeviceLost]
    assert told[2:].count(DeviceFound) == 1
    assert told[-1] is DeviceFound
