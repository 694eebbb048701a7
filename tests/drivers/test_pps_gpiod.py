"""A pulse through gpiod, on made-up chips: labels, clocks, holders, debounce, and the three packages of one name."""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pulses import APART, Clock

from gpstime.drivers import pps_gpiod
from gpstime.drivers.pps_gpiod import LineTaken, PpsGpiod, checked, chip_by_label
from gpstime.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing
from gpstime.ports import EdgeStamp
from gpstime.sim import fake_gpiod
from gpstime.sim.fake_gpiod import FakeChip, FakeGpiod, WiredEdge
from gpstime.times import NS, RawNs

BOARDS = {
    "Pi 1 to 3": [("gpiochip0", "pinctrl-bcm2835"), ("gpiochip1", "brcmvirt-gpio")],
    "Pi 4": [("gpiochip0", "pinctrl-bcm2711"), ("gpiochip1", "raspberrypi-exp-gpio")],
    "Pi 5, kernel 6.1": [("gpiochip0", "gpio-brcmstb@107d508500"), ("gpiochip4", "pinctrl-rp1")],
    "Pi 5, kernel 6.12": [("gpiochip0", "pinctrl-rp1"), ("gpiochip10", "gpio-brcmstb@107d508500")],
}


def pulses(clock: Clock, n: int, width: int = 0) -> Iterator[WiredEdge]:
    for k in range(1, n + 1):
        at = (clock.at // NS + k) * NS
        yield WiredEdge(RawNs(at + 9_000), at + clock.mono_apart, at + APART)
        if width:
            at += width
            yield WiredEdge(RawNs(at + 9_000), at + clock.mono_apart, at + APART, False)


class Pi:
    def __init__(self, tmp_path: Path, **options: object) -> None:
        self.clock, self.dev = Clock(), tmp_path / "dev"
        self.gpiod = FakeGpiod(self.dev, self.clock, **options)  # type: ignore[arg-type]
        self.chip: FakeChip = self.gpiod.add("gpiochip0", "pinctrl-bcm2711")

    def open(self, line: int = 18) -> PpsGpiod:
        return PpsGpiod(line, self.clock, gpiod=self.gpiod, dev=self.dev)


@pytest.fixture
def pi(tmp_path: Path) -> Pi:
    return Pi(tmp_path)


def gather(pps: PpsGpiod, n: int) -> list[EdgeStamp]:
    return [stamp for _ in range(n) if (stamp := pps.wait(2)) is not None]


# ---- edges ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ms", [1, 20, 100, 200, 500])
def test_both_edges_with_the_kernels_stamp(pi: Pi, ms: int) -> None:
    pps, start = pi.open(), pi.clock.at + pi.clock.mono_apart
    pi.gpiod.wire(pi.chip, 18, pulses(pi.clock, 3, ms * 1_000_000))
    got = gather(pps, 6)
    assert [(s.edge, s.stamp - start) for s in got] == [
        (edge, k * NS + off) for k in (1, 2, 3) for edge, off in (("assert", 0), ("clear", ms * 1_000_000))
    ]
    assert {(s.native, s.stamped_by) for s in got} == {("mono", "gpio")}


def test_silence_is_no_error(pi: Pi) -> None:
    pps, start = pi.open(), pi.clock.at
    assert pps.wait(3.0) is None
    assert pi.clock.at - start == 3 * NS


def test_what_came_while_nobody_looked_comes_in_order_and_what_had_no_room_is_counted(pi: Pi) -> None:
    pps = pi.open()
    pi.gpiod.wire(pi.chip, 18, pulses(pi.clock, 100, 100_000_000))
    gather(pps, 1)
    pi.clock.at += 60 * NS
    got = [stamp for _ in range(200) if (stamp := pps.wait(0)) is not None]
    assert len(got) == pps_gpiod.EVENTS
    assert [b.seq - a.seq for a, b in itertools.pairwise(got)] == [1] * (len(got) - 1)
    assert got[0].seq == pps.missed + 2
    assert pps.missed > 50


# ---- the event clock (F-P18) ---------------------------------------------------------------------------------------------------


def test_a_library_that_ignores_the_wish_is_found_out(tmp_path: Path) -> None:
    pi = Pi(tmp_path, ignores_clock=fake_gpiod.Clock.REALTIME)
    pps, start = pi.open(), pi.clock.at + APART
    pi.gpiod.wire(pi.chip, 18, pulses(pi.clock, 2))
    got = gather(pps, 2)
    assert [(s.native, s.stamp - start) for s in got] == [("real", NS), ("real", 2 * NS)]
    assert "CLOCK_REALTIME" in " ".join(pps.notes())


def test_a_stamp_on_no_clock_at_all_is_refused(pi: Pi) -> None:
    pps = pi.open()
    pi.gpiod.wire(pi.chip, 18, [WiredEdge(RawNs(pi.clock.at + NS), 7_000 * NS, 7_000 * NS)])
    with pytest.raises(DeviceError, match="on neither CLOCK_MONOTONIC nor CLOCK_REALTIME"):
        pps.wait(2)


# ---- chips by label (P27) ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("board", BOARDS)
def test_the_headers_chip_by_label_whatever_its_number(tmp_path: Path, board: str) -> None:
    gpiod = FakeGpiod(tmp_path / "dev", Clock())
    for name, label in BOARDS[board]:
        gpiod.add(name, label)
    wanted = next(name for name, label in BOARDS[board] if label.startswith("pinctrl-"))
    assert chip_by_label(gpiod, dev=tmp_path / "dev").path == str(tmp_path / "dev" / wanted)


def test_a_link_to_a_chip_is_the_same_chip(pi: Pi) -> None:
    (pi.dev / "gpiochip4").symlink_to(pi.dev / "gpiochip0")
    assert len(pps_gpiod.chips(pi.gpiod, pi.dev)) == 1


def test_no_such_chip_lists_what_there_is(pi: Pi) -> None:
    with pytest.raises(DeviceMissing, match=r"no GPIO chip has the label pinctrl-rp1; there are: pinctrl-bcm2711 \("):
        chip_by_label(pi.gpiod, "pinctrl-rp1", pi.dev)


def test_no_such_line(pi: Pi) -> None:
    with pytest.raises(DeviceMissing, match="no line 77, only 0 to 53"):
        pi.open(77)


# ---- holders and refusals (P11, F-P17, F-P22) ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("consumer", "kernel"), [("pps@12", True), ("onewire@0", False), ("lg", False)])
def test_a_line_in_use_names_its_holder(pi: Pi, consumer: str, kernel: bool) -> None:
    pi.chip.lines[18].consumer = consumer
    with pytest.raises(DeviceBusy, match=consumer) as told:
        pi.open()
    assert isinstance(told.value, LineTaken)
    assert told.value.by_kernel_pps is kernel
    assert ("/dev/ppsN" in str(told.value)) is kernel


def test_a_line_taken_between_looking_and_asking(pi: Pi, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = fake_gpiod._OpenChip.request_lines

    def race(chip: fake_gpiod._OpenChip, *args: object, **more: object) -> object:
        pi.chip.lines[18].consumer = "another"
        return ask(chip, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(fake_gpiod._OpenChip, "request_lines", race)
    with pytest.raises(LineTaken, match="another"):
        pi.open()


def test_a_closed_input_gives_its_line_back(pi: Pi) -> None:
    pps = pi.open()
    assert pi.chip.lines[18].consumer == "gpstime"
    pps.close()
    pps.close()
    assert pi.chip.lines[18].consumer == ""
    with pytest.raises(DeviceMissing, match="closed"):
        pps.wait(0)
    pi.open()


def test_a_debounced_line_is_refused(pi: Pi) -> None:
    pi.chip.lines[18].stuck_debounce = timedelta(milliseconds=5)
    with pytest.raises(DeviceError, match="debounced"):
        pi.open()
    assert pi.chip.lines[18].consumer == ""


def test_why_it_is_never_debounced(pi: Pi) -> None:
    """The twin: the same edge on a debounced line is late by the debounce, and the stamp does not show it."""
    settings = {"direction": fake_gpiod.Direction.INPUT, "edge_detection": fake_gpiod.Edge.BOTH}
    start, edges = pi.clock.at + pi.clock.mono_apart, list(pulses(pi.clock, 1))
    for late in (0, 5):
        pi.gpiod.wire(pi.chip, late, edges)
    asked = {n: fake_gpiod.LineSettings(**settings, debounce_period=timedelta(milliseconds=n)) for n in (0, 5)}  # type: ignore[arg-type]
    held = {n: pi.gpiod.request_lines(str(pi.dev / "gpiochip0"), {n: asked[n]}) for n in asked}
    for n in held:
        assert held[n].wait_edge_events(2)
        assert held[n].read_edge_events()[0].timestamp_ns - start == NS + n * 1_000_000


def test_forbidden_names_the_group(pi: Pi) -> None:
    pi.chip.forbidden = True
    with pytest.raises(DeviceForbidden, match=r"permission denied.*gpio"):
        pi.open()


def test_a_chip_that_is_pulled_out(pi: Pi) -> None:
    pps = pi.open()
    pi.chip.pulled = True
    with pytest.raises(DeviceMissing, match="No such device"):
        pps.wait(1)


# ---- three packages of one name (P27) ------------------------------------------------------------------------------------------


def test_old_and_foreign_packages_are_told_apart() -> None:
    with pytest.raises(DeviceError, match=r"gpiod 1\.6\.3, older than 2\.0.*pip install"):
        checked(fake_gpiod.old_gpiod())
    with pytest.raises(DeviceError, match=r"another author.*pip install"):
        checked(fake_gpiod.other_gpiod())


def test_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> object:
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DeviceMissing, match=r"No module named 'gpiod'.*gpstime-pi\[gpiod\]"):
        pps_gpiod.load()


def test_the_made_up_module_has_the_real_ones_shape(tmp_path: Path) -> None:
    """Against gpiod itself, where it is installed."""
    real = pytest.importorskip("gpiod")
    fake = FakeGpiod(tmp_path, Clock())
    assert checked(real) is real
    for ours, theirs in (
        (fake.line.Direction, real.line.Direction),
        (fake.line.Edge, real.line.Edge),
        (fake.line.Clock, real.line.Clock),
    ):
        assert [(m.name, m.value) for m in ours] == [(m.name, m.value) for m in theirs]
    assert real.LineSettings(direction=real.line.Direction.INPUT).event_clock.name == fake.LineSettings().event_clock.name
    assert hasattr(real.EdgeEvent.Type, "RISING_EDGE")
    for path in ("/dev/gpiochip99", "/dev/null", "/tmp"):
        with pytest.raises(OSError) as of_real:  # noqa: PT011 (which one is what is compared)
            real.Chip(path)
        with pytest.raises(OSError) as of_fake:  # noqa: PT011
            fake.Chip(path)
        assert (type(of_fake.value), of_fake.value.errno) == (type(of_real.value), of_real.value.errno)
    assert str(fake.ChipClosedError()) == str(real.ChipClosedError())
    assert str(fake.RequestReleasedError()) == str(real.RequestReleasedError())
