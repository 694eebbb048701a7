"""Which door the pulse comes through, and what is said of the better ones: the real choice and drivers on made-up machines."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from pulses import APART, Clock, Kernel, train

from gpstime.core.pulse_doctor import ReceiverSeen
from gpstime.drivers.pps_choice import Chosen, Doors, Wanted, open_pulse
from gpstime.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing
from gpstime.sim.fake_gpiod import FakeGpiod, WiredEdge, old_gpiod
from gpstime.sim.fake_rpigpio import FakeRpiGpio
from gpstime.times import NS, RawNs


class Machine(Kernel):
    """A made-up Pi with all three doors; `rpi`: what stands in for RPi.GPIO."""

    def __init__(self, root: Path, **rpi: Any) -> None:
        super().__init__(root)
        self.root = root
        self.gpiod = FakeGpiod(self.fake.dev, self.clock)
        self.chip = self.gpiod.add("gpiochip0", "pinctrl-bcm2711")
        self.load_gpiod: Any = lambda: self.gpiod
        self.rpi = FakeRpiGpio(self.clock, **rpi)
        self.load_rpi: Any = lambda: self.rpi

    def pulse(self, **wanted: Any) -> Chosen:
        fake = self.fake
        fake.refresh()
        doors = Doors(fake.sysfs, fake.dev, fake.open, fake.ioctl, lambda: self.load_gpiod(), lambda: self.load_rpi(), self.root)
        return open_pulse(Wanted(**wanted), self.clock, fake, doors)


@pytest.fixture
def pi(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def missing(what: str) -> Any:
    def load() -> Any:
        raise DeviceMissing(f"{what} is not installed")

    return load


# ---- the order -----------------------------------------------------------------------------------------------------------------


def test_the_kernels_pulse_first(pi: Machine) -> None:
    pi.fake.add("ptp0")
    pi.fake.add("pps@12.-1", train(pi.clock, 3))
    start, pps = pi.clock.at, pi.pulse()
    stamp = pps.wait(2)
    assert stamp is not None
    assert (pps.backend, pps.said, stamp.stamp - APART - start) == ("kernel", (), NS)
    assert pps.notes()[0] == "the pulse comes from /dev/pps1 (pps@12.-1)"
    assert pps.notes() == []


def test_then_gpiod_and_it_is_said(pi: Machine) -> None:
    pi.fake.add("ptp0")
    pps = pi.pulse()
    assert pps.backend == "gpiod"
    assert "not through kernel" in pps.said[0]
    assert "pps0 = ptp0 (the network interface's clock, not a receiver)" in pps.said[0]
    assert pps.said[0] in pps.notes()


def test_then_rpi_gpio_and_both_are_said(pi: Machine) -> None:
    pi.load_gpiod = old_gpiod
    pps = pi.pulse()
    assert pps.backend == "rpi-gpio"
    assert [("kernel" in said or "gpiod" in said) for said in pps.said] == [True, True]
    assert "older than 2.0" in pps.said[1]
    assert "user space" in " ".join(pps.notes())


def test_with_none_of_them_all_three_reasons_and_one_remedy(tmp_path: Path) -> None:
    pi = Machine(tmp_path, board="pi5")
    pi.load_gpiod = missing("gpiod")
    with pytest.raises(
        DeviceMissing, match=r"dtoverlay=pps-gpio,gpiopin=18.*\(1\).*\(2\) gpiod is not.*\(3\) RPi\.GPIO cannot drive"
    ):
        pi.pulse()


def test_a_kernel_pulse_without_rights_is_not_hidden_by_another_door(pi: Machine) -> None:
    pi.fake.add("pps@12.-1").forbidden = True
    with pytest.raises(DeviceForbidden, match="udev"):
        pi.pulse()


@pytest.mark.parametrize("backend", ["kernel", "gpiod", "rpi-gpio"])
def test_what_is_asked_for_is_taken_or_refused(pi: Machine, backend: str) -> None:
    pi.fake.add("pps@4.-1")
    assert pi.pulse(backend=backend).backend == backend
    empty = Machine(pi.fake.dev / "empty", board="pi5")
    empty.load_gpiod = missing("gpiod")
    with pytest.raises(DeviceError):
        empty.pulse(backend=backend)


# ---- which of the kernel's (P10) -----------------------------------------------------------------------------------------------


def test_of_several_the_one_that_ticks(pi: Machine) -> None:
    pi.fake.add("ptp0", train(pi.clock, 30))
    pi.fake.add("pps@12.-1")
    pi.fake.add("pps@4.-1", train(pi.clock, 30))
    pps = pi.pulse()
    assert pps.name == "/dev/pps2 (pps@4.-1)"
    assert "(GPIO4) is taken, which ticks; the others: pps1 = pps@12.-1 (GPIO18)" in pps.said[0]


@pytest.mark.parametrize("order", list(itertools.permutations(["ptp0", "pps@12.-1", "ttyUSB0"])))
def test_by_name_whatever_the_numbers(tmp_path: Path, order: tuple[str, ...]) -> None:
    pi = Machine(tmp_path)
    for name in order:
        pi.fake.add(name)
    for wanted in ({}, {"device": "pps@12.-1"}, {"device": "pps@12"}):
        assert "pps@12.-1" in pi.pulse(**wanted).name


def test_a_modem_line_if_there_is_nothing_better(pi: Machine) -> None:
    pi.fake.add("ttyUSB0", path="/dev/ttyUSB0", clear=True)
    assert "ttyUSB0" in pi.pulse().name
    pi.fake.add("ttyAMA0", path="/dev/ttyAMA0", clear=True)
    assert "ttyAMA0" in pi.pulse().name


def test_a_name_that_is_not_there_lists_what_is(pi: Machine) -> None:
    pi.fake.add("pps@4.-1")
    with pytest.raises(DeviceMissing, match=r"called pps@12; there is: pps0 = pps@4.-1 \(GPIO4\)"):
        pi.pulse(device="pps@12")


# ---- a pin that the kernel owns (P11, F-P22) -----------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["gpiod", "rpi-gpio"])
def test_a_pin_that_the_kernel_owns_is_read_there_and_it_is_said(pi: Machine, backend: str) -> None:
    pi.fake.add("pps@12.-1", train(pi.clock, 3))
    pi.chip.lines[18].consumer = "pps@12"
    pps = pi.pulse(backend=backend)
    assert pps.backend == "kernel"
    assert f"not through {backend}: the kernel's pulse driver holds GPIO18" in pps.said[0]
    assert pps.wait(2) is not None


def test_a_pin_that_another_driver_owns_is_refused_with_its_name(pi: Machine) -> None:
    pi.chip.lines[18].consumer = "onewire@12"
    with pytest.raises(DeviceBusy, match="onewire@12"):
        pi.pulse(backend="gpiod")


# ---- the edge (P22) ------------------------------------------------------------------------------------------------------------


def test_only_clear_edges_where_they_mark_the_second(pi: Machine) -> None:
    pi.fake.add("pps@12.-1", train(pi.clock, 3, width=500_000_000), clear=True)
    pps, start = pi.pulse(edge="clear"), pi.clock.at
    got = [stamp for _ in range(3) if (stamp := pps.wait(2)) is not None]
    assert [(s.edge, s.stamp - APART - start) for s in got] == [("clear", k * NS + NS // 2) for k in (1, 2, 3)]
    assert pps.wait(1) is None


def test_clear_edges_that_the_overlay_does_not_capture(pi: Machine) -> None:
    pi.fake.add("pps@4.-1")
    with pytest.raises(DeviceError, match=r"gpiopin=4,capture_clear"):
        pi.pulse(backend="kernel", edge="clear")


def test_the_falling_edge_through_rpi_gpio(pi: Machine) -> None:
    pps, start = pi.pulse(backend="rpi-gpio", edge="clear"), pi.clock.at
    pi.rpi.wire(18, [(start + NS, True), (start + NS + NS // 10, False)])
    pi.rpi.arrive(RawNs(start + 3 * NS))
    stamp = pps.wait(0)
    assert stamp is not None
    assert (stamp.edge, stamp.stamp - start) == ("clear", NS + NS // 10 + pi.rpi.late_ns)
    assert pps.wait(0) is None


def test_an_input_that_was_lost_is_chosen_anew(pi: Machine) -> None:
    """As the live world does after a DeviceMissing: the same call again, now under another number."""
    fake = pi.fake.add("ttyUSB0", path="/dev/ttyUSB0")
    pps = pi.pulse()
    pi.fake.remove(fake)
    with pytest.raises(DeviceMissing):
        pps.wait(0)
    pps.close()
    pi.fake.add("ptp0")
    pi.fake.add("ttyUSB0", path="/dev/ttyUSB0")
    assert pi.pulse().name == "/dev/pps1 (ttyUSB0)"


def test_two_pins_with_the_same_pulse_are_two_inputs(pi: Machine) -> None:
    """F-P16: each keeps its own stamps, 20 us apart; none is corrected by the other."""
    clock: Clock = pi.clock
    for line, late in ((18, 0), (4, 20_000)):
        at = clock.at + NS + late
        pi.gpiod.wire(pi.chip, line, [WiredEdge(RawNs(at), at + clock.mono_apart, at + APART)])
    a, b = pi.pulse(line=18), pi.pulse(line=4)
    first, second = a.wait(2), b.wait(2)
    assert first is not None
    assert second is not None
    assert second.stamp - first.stamp == 20_000


# ---- what is wrong with it (P10, P22) ------------------------------------------------------------------------------------------


def listen(pi: Machine, pps: Chosen, seconds: int) -> str:
    """Everything said in this time."""
    pps.notes()
    end = pi.clock.at + seconds * NS
    while pi.clock.at < end:
        pps.wait(1)
        pi.fake.refresh()
    return " | ".join(pps.notes())


def test_silence_without_satellites_is_the_antenna_and_not_the_wiring(pi: Machine) -> None:
    """P10: three devices, and the network's clock ticks."""
    pi.fake.add("ptp0", train(pi.clock, 60))
    pi.fake.add("pps@12.-1")
    pps = pi.pulse()
    pps.receiver = lambda: ReceiverSeen(9000, 90, False, 0)
    said = listen(pi, pps, 30)
    assert said.count("receiver has 0 satellites: move the antenna") == 1
    assert "wir" not in said


def test_silence_with_a_fix_is_the_wiring(pi: Machine) -> None:
    """The twin of the test above."""
    pi.fake.add("pps@12.-1")
    pps = pi.pulse()
    pps.receiver = lambda: ReceiverSeen(9000, 90, True, 9)
    assert "does not arrive. Look at the wire" in listen(pi, pps, 10)


def test_silence_of_the_wrong_device(pi: Machine) -> None:
    pi.fake.add("pps@12.-1")
    pi.fake.add("pps@4.-1", train(pi.clock, 60))
    assert "pps1 = pps@4.-1 (GPIO4) ticks: name that one" in listen(pi, pi.pulse(device="pps@12"), 10)


def test_silence_with_a_stale_option_in_the_command_line(pi: Machine) -> None:
    """P10: it is named as it stands there; control: without it the same silence is the wiring."""
    boot = pi.root / "boot/firmware"
    boot.mkdir(parents=True)
    (boot / "config.txt").write_text("dtoverlay=pps-gpio,gpiopin=18\n")
    (boot / "cmdline.txt").write_text("console=tty1 bcm2708.pps_gpio_pin=18 rootwait\n")
    pi.fake.add("pps@12.-1")
    pps = pi.pulse()
    pps.receiver = lambda: ReceiverSeen(9000, 90, True, 9)
    assert "cmdline.txt still has bcm2708.pps_gpio_pin=18, which takes the pulse away" in listen(pi, pps, 10)
    (boot / "cmdline.txt").write_text("console=tty1 rootwait\n")
    again = pi.pulse()
    again.receiver = pps.receiver
    assert "Look at the wire" in listen(pi, again, 10)


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ("dtparam=audio=on\n", "there is no receiver's pulse device: put dtoverlay=pps-gpio,gpiopin=18 into config.txt"),
        ("dtoverlay=pps-gpio,gpiopin=18\n", "dtoverlay=pps-gpio,gpiopin=18 is in config.txt and no pulse device came of it"),
        ("[pi5]\ndtoverlay=pps-gpio,gpiopin=18\n", "there is no receiver's pulse device"),  # not for this board
    ],
)
def test_no_device_and_what_the_boot_files_say_of_it(pi: Machine, config: str, told: str) -> None:
    (pi.root / "proc/device-tree").mkdir(parents=True)
    (pi.root / "proc/device-tree/model").write_text("Raspberry Pi 4 Model B Rev 1.4\0")
    (pi.root / "boot/firmware").mkdir(parents=True)
    (pi.root / "boot/firmware/config.txt").write_text(config)
    pi.load_gpiod, pi.load_rpi = missing("gpiod"), missing("RPi.GPIO")
    with pytest.raises(DeviceMissing) as refused:
        pi.pulse()
    assert str(refused.value).startswith(f"no pulse: {told}")
    pi.load_gpiod = lambda: pi.gpiod
    assert ("no pulse device came of it" in pi.pulse().said[0]) == config.startswith("dtoverlay")


def test_no_device_and_the_pin_is_held(pi: Machine) -> None:
    pi.chip.lines[18].consumer = "onewire@12"
    pi.load_rpi = missing("RPi.GPIO")
    with pytest.raises(DeviceMissing, match=r"no pulse: GPIO18 is held by onewire@12: free it, or wire the pulse to another pin"):
        pi.pulse()


def test_rpi_gpio_is_never_told_that_its_pin_is_held_so_it_is_looked_for(pi: Machine) -> None:
    """P11: silence; control: the same silence on a free pin."""
    pps = pi.pulse(backend="rpi-gpio")
    pps.receiver = lambda: ReceiverSeen(9000, 90, True, 9)
    pi.chip.lines[18].consumer = "onewire@12"
    assert "GPIO18 is held by onewire@12, so nothing else hears it" in silence(pi, pps)
    pi.chip.lines[18].consumer = ""
    again = pi.pulse(backend="rpi-gpio")
    again.receiver = pps.receiver
    assert "Look at the wire" in silence(pi, again)


def silence(pi: Machine, pps: Chosen) -> str:
    """What is said in half a minute in which nothing comes (rpi-gpio waits on no clock of ours)."""
    pps.notes()
    for _ in range(30):
        pi.clock.at += NS
        assert pps.wait(0) is None
    return " | ".join(pps.notes())


def test_a_pulse_that_stops_with_the_fix_and_comes_back(pi: Machine) -> None:
    """F-P14: said once for each silence, and nothing is said while it ticks."""
    fake = pi.fake.add("pps@12.-1", train(pi.clock, 20))
    pps = pi.pulse()
    pps.receiver = lambda: ReceiverSeen(9000, 90, False)
    assert listen(pi, pps, 20) == ""
    assert listen(pi, pps, 60).count("comes back with the fix") == 1
    fake.plug(train(pi.clock, 20))
    assert listen(pi, pps, 20) == ""
    assert listen(pi, pps, 60).count("comes back with the fix") == 1


def test_a_missing_pulse_is_no_silence(pi: Machine) -> None:
    """F-P10: gaps of a few seconds."""
    edges = [edge for k, edge in enumerate(train(pi.clock, 60)) if k % 10 > 2]
    pi.fake.add("pps@12.-1", edges)
    assert listen(pi, pi.pulse(), 55) == ""


@pytest.mark.parametrize(
    ("every", "width", "told"),
    [(NS // 10, NS // 100, "10 pulses a second"), (2 * NS, NS // 10, "0.5 pulses a second"), (NS, 9 * NS // 10, "inverted pulse")],
)
def test_wrong_rates_and_polarity_are_told_once(pi: Machine, every: int, width: int, told: str) -> None:
    pi.fake.add("pps@12.-1", train(pi.clock, 100, every=every, width=width), clear=True)
    assert listen(pi, pi.pulse(), 60 * every // NS + 4).count(told) == 1
