"""The door of the pulse over a whole run: what was taken for the best once is waited for, nothing worse takes its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from doubles import VirtualTime

from gpstime.app.config import parse
from gpstime.app.live import LiveTime
from gpstime.app.pulse_door import PulseDoor
from gpstime.drivers.pps_choice import Chosen, Doors
from gpstime.errors import DeviceMissing
from gpstime.sim.fake_gpiod import FakeGpiod
from gpstime.sim.fake_pps import FakePps


class Pi:
    """A made-up Pi whose GPIO18 the kernel's pulse driver can have, or gpiod."""

    def __init__(self, root: Path, configuration: str = "") -> None:
        clock = VirtualTime()
        self.pps, self.gpiod = FakePps(root, clock), FakeGpiod(root / "dev", clock)
        self.gpiod.add("gpiochip0", "pinctrl-bcm2711")
        doors = Doors(self.pps.sysfs, self.pps.dev, self.pps.open, self.pps.ioctl, lambda: self.gpiod, self.no_module, root)
        self.door = PulseDoor(parse(f'[record]\nfolder = ""\n{configuration}', "test"), clock, LiveTime(clock), doors)

    @staticmethod
    def no_module() -> Any:
        raise DeviceMissing("RPi.GPIO is not installed")

    def backend(self) -> str:
        opened = self.door()
        assert isinstance(opened, Chosen)
        opened.close()
        return opened.backend


def test_the_kernels_pulse_is_waited_for_and_its_pin_left_alone(tmp_path: Path) -> None:
    """A line that gpiod has is one that pps-gpio can't come back to."""
    pi = Pi(tmp_path)
    pulse = pi.pps.add("pps@12.-1")
    assert pi.backend() == "kernel"
    pi.pps.remove(pulse)
    for _ in range(3):
        with pytest.raises(DeviceMissing, match=r"came through /dev/pps0 \(pps@12.-1\): its pin is left alone.*pulse.backend"):
            pi.door()
    assert pi.door.facts["backend"] == "kernel"
    pi.pps.add("pps@12.-1")
    assert pi.backend() == "kernel"


def test_gpsds_word_of_the_pulse_does_not_take_its_place_either(tmp_path: Path) -> None:
    """gpsd has the same pulse from the same device; who went over to it would never come back."""
    pi = Pi(tmp_path, '[receiver]\nsource = "gpsd"\n')
    pulse = pi.pps.add("pps@12.-1")
    assert pi.backend() == "kernel"
    pi.pps.remove(pulse)
    with pytest.raises(DeviceMissing, match="is left alone"):
        pi.door()


def test_where_there_never_was_one_gpiod_is_taken_and_the_kernels_when_it_comes(tmp_path: Path) -> None:
    pi = Pi(tmp_path)
    assert pi.backend() == "gpiod"
    pi.pps.add("pps@12.-1")
    assert pi.backend() == "kernel"


def test_who_names_a_backend_has_it(tmp_path: Path) -> None:
    pi = Pi(tmp_path, '[pulse]\nbackend = "gpiod"\n')
    pulse = pi.pps.add("pps@12.-1")
    assert pi.backend() == "gpiod"  # the made-up line is free: nobody told the one of the other
    pi.pps.remove(pulse)
    assert pi.backend() == "gpiod"
