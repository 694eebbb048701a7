"""A pulse through RPi.GPIO and rpi-lgpio, made up: their famous words translated, their stamps labelled."""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pulses import Clock

from gpstime.drivers import pps_rpigpio
from gpstime.drivers.pps_rpigpio import PpsRpiGpio, flavour
from gpstime.errors import DeviceBusy, DeviceError, DeviceForbidden, DeviceMissing
from gpstime.sim.fake_rpigpio import FakeRpiGpio, LgpioError
from gpstime.times import NS, RawNs

FLAVOURS = ("RPi.GPIO", "rpi-lgpio")


def made(clock: Clock, which: Any = "RPi.GPIO", **options: Any) -> FakeRpiGpio:
    return FakeRpiGpio(clock, which, **options)


@pytest.mark.parametrize("which", FLAVOURS)
def test_pulses_are_stamped_in_user_space_and_labelled_so(which: str) -> None:
    clock = Clock()
    gpio = made(clock, which, late_ns=200_000)
    start = clock.at
    gpio.wire(18, [(start + k * NS + off, rising) for k in (1, 2, 3) for off, rising in ((0, True), (100_000_000, False))])
    pps = PpsRpiGpio(18, time=clock, gpio=gpio)
    assert pps.flavour == flavour(gpio) == which
    assert which in pps.name
    gpio.arrive(RawNs(start + 5 * NS))
    got = [stamp for _ in range(9) if (stamp := pps.wait(0)) is not None]
    assert [(s.edge, s.stamp - start, s.seq) for s in got] == [("assert", k * NS + 200_000, k) for k in (1, 2, 3)]
    assert {(s.native, s.stamped_by) for s in got} == {("raw", "user")}
    assert "user space" in " ".join(pps.notes())
    assert pps.notes() == []


def test_silence_is_no_error() -> None:
    assert PpsRpiGpio(18, time=Clock(), gpio=made(Clock())).wait(0.001) is None


def test_an_order_that_lgpio_slept_through_is_given_again_once() -> None:
    for unheard, heard in ((0, 7), (1, 4), (2, 0)):
        clock = Clock()
        gpio = made(clock, "rpi-lgpio", unheard=unheard)
        start = clock.at
        gpio.wire(18, [(start + k * NS, True) for k in range(1, 8)])
        pps = PpsRpiGpio(18, time=clock, gpio=gpio)
        got = []
        for k in range(1, 9):
            gpio.arrive(RawNs(start + k * NS + NS // 2))
            while (stamp := pps.wait(0)) is not None:
                got.append(stamp)
        assert len(got) == heard, unheard
        assert [s.seq for s in got] == list(range(1, heard + 1))


def test_a_noisy_pin_does_not_fill_the_memory() -> None:
    clock = Clock()
    gpio = made(clock)
    gpio.wire(18, [(clock.at + k * 1000, True) for k in range(5000)])
    pps = PpsRpiGpio(18, time=clock, gpio=gpio)
    gpio.arrive(RawNs(clock.at + NS))
    assert pps.missed == 5000 - pps_rpigpio.WAITING


# ---- the famous words (P2, P11) ------------------------------------------------------------------------------------------------


def test_on_a_pi_5() -> None:
    with pytest.raises(DeviceError, match=r"cannot drive this board.*Raspberry Pi 5.*pps-gpio,gpiopin=18.*gpiod"):
        PpsRpiGpio(18, time=Clock(), gpio=made(Clock(), board="pi5"))


def test_on_a_kernel_of_today() -> None:
    with pytest.raises(DeviceError, match=r"Failed to add edge detection.*before 6\.6.*gpiopin=4"):
        PpsRpiGpio(4, time=Clock(), gpio=made(Clock(), kernel=(6, 6)))


def test_rpi_lgpio_works_on_both() -> None:
    PpsRpiGpio(18, time=Clock(), gpio=made(Clock(), "rpi-lgpio", board="pi5", kernel=(6, 12)))


@pytest.mark.parametrize(("which", "error"), [("RPi.GPIO", DeviceError), ("rpi-lgpio", DeviceBusy)])
def test_a_pin_that_the_kernel_owns(which: str, error: type[DeviceError]) -> None:
    with pytest.raises(error, match=r"GPIO18.*kernel"):
        PpsRpiGpio(18, time=Clock(), gpio=made(Clock(), which, held=[18]))


def test_no_access() -> None:
    with pytest.raises(DeviceForbidden, match=r"No access to /dev/mem.*group"):
        PpsRpiGpio(18, time=Clock(), gpio=made(Clock(), access=False))


def test_another_part_of_the_program_counts_otherwise() -> None:
    gpio = made(Clock())
    gpio.setmode(gpio.BOARD)
    with pytest.raises(DeviceError, match="A different mode has already been set"):
        PpsRpiGpio(18, time=Clock(), gpio=gpio)


def test_after_a_refusal_nothing_is_held() -> None:
    gpio = made(Clock(), kernel=(6, 6))
    with pytest.raises(DeviceError):
        PpsRpiGpio(18, time=Clock(), gpio=gpio)
    assert gpio._inputs == set()


def test_a_closed_input_gives_its_pin_back() -> None:
    gpio = made(Clock())
    pps = PpsRpiGpio(18, time=Clock(), gpio=gpio)
    pps.close()
    pps.close()
    assert (gpio._inputs, gpio._watched) == (set(), {})
    with pytest.raises(DeviceMissing):
        pps.wait(0)


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ModuleNotFoundError("No module named 'RPi'"), r"gpstime-pi\[rpi-lgpio\].*exclude each other"),
        (ModuleNotFoundError("No module named 'lgpio'"), "python3-lgpio"),
        (RuntimeError("This module can only be run on a Raspberry Pi!"), "does not know this board"),
        (LgpioError("can not open gpiochip"), "RPI_LGPIO_CHIP=0"),
        (LgpioError("GPIO not allocated"), "taken away"),
        (OSError(5, "Input/output error"), "can't be used"),
    ],
)
def test_what_happens_while_it_is_imported(monkeypatch: pytest.MonkeyPatch, raised: Exception, told: str) -> None:
    def fails(name: str) -> object:
        raise raised

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(DeviceError, match=told):
        pps_rpigpio.load()


@pytest.mark.parametrize("writable", [True, False])
def test_lgpio_gets_a_folder_for_its_pipe_where_it_is_started_in_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, writable: bool
) -> None:
    """A service starts in /, where nobody but root may write; seen on the virtual Pi."""
    places: list[str | None] = []
    monkeypatch.setenv("LG_WD", "")
    monkeypatch.delenv("LG_WD")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(pps_rpigpio.os, "access", lambda path, how: writable)
    monkeypatch.setattr(pps_rpigpio.importlib, "import_module", lambda name: places.append(os.environ.get("LG_WD")))
    pps_rpigpio.load()
    pps_rpigpio.load()
    made = [str(p) for p in tmp_path.glob("gpstime-lgpio.*")]
    assert places == ([None, None] if writable else made * 2)
    assert len(made) == (0 if writable else 1)


def test_why_there_is_no_bounce_time() -> None:
    """The twin: with one, the same pulse comes that many milliseconds later."""
    clock, late = Clock(), []
    for bounce in (None, 5):
        gpio = made(clock, "rpi-lgpio", late_ns=0)
        gpio.setmode(gpio.BCM)
        gpio.setup(18, gpio.IN)
        start = clock.at
        gpio.add_event_detect(18, gpio.RISING, lambda pin, start=start: late.append(clock.at - start), bounce)
        gpio.wire(18, [(start + NS, True)])
        gpio.arrive(RawNs(start + 2 * NS))
    assert late == [NS, NS + 5_000_000]
