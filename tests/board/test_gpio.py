"""GPIO libraries on a real kernel: event clock, label, consumer, a line that the kernel's pulse holds; rpi-lgpio as RPi.GPIO."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import pytest
from edges import FREE, from_now, heard

from gpstime.drivers.pps_gpiod import LineTaken, PpsGpiod, chip_by_label, consumer
from gpstime.drivers.pps_rpigpio import PpsRpiGpio
from gpstime.drivers.system_clock import SystemClocks
from gpstime.times import NS

pytestmark = pytest.mark.virtual


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
    at, playing = from_now(board, 8, 0.6, line=FREE)  # in real time lgpio may need to be told twice, and that takes 3 s
    got = heard(pps, playing, 3)
    pps.close()
    at = at[:3]
    assert [(s.stamped_by, s.native, s.edge, s.seq) for s in got] == [("user", "raw", "assert", k) for k in (1, 2, 3)]
    assert min(s.stamp - t for s, t in zip(got, at, strict=True)) >= 0
    if board.travels:
        assert max(s.stamp - t for s, t in zip(got, at, strict=True)) < NS // 2  # not the other edge, 0.6 s later


@pytest.mark.travel
@pytest.mark.parametrize(("asked", "held", "taken"), [("gpiod", True, "kernel"), ("rpi-gpio", False, "rpi-gpio")])
def test_a_pin_asked_for_by_a_library_is_read_through_the_kernel_where_that_holds_it(
    board: Any, gpstime: Any, lgpio: None, asked: str, held: bool, taken: str
) -> None:
    """Through gpiod itself: see test_service."""
    board.plug_pps(held)
    from_now(board, 20)
    configuration = f'[receiver]\nsource = "none"\n[pulse]\nbackend = "{asked}"\n[record]\nfolder = ""\n'
    found = json.loads(gpstime("measure", "--for", "8s", "--json", configuration=configuration).stdout)
    assert (found["stamps"]["backend"], found["n"]) == (taken, 9), found
