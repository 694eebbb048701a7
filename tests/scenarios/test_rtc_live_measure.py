"""`gpstime measure --rtc` on a live board of fakes: pulse, sentences and the chip through the real drivers, on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from conductor import LiveBoard

from gpstime.app import rtc_fit, worlds
from gpstime.app.rtc_source import RtcSource
from gpstime.app.world_time import WorldTime
from gpstime.app.worlds import Machine
from gpstime.cli import main
from gpstime.drivers.rtc import open_rtc
from gpstime.ports import Source, World
from gpstime.sim.bus_time import Coupled
from gpstime.sim.chips import chip
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.sim.fake_pps import StampedEdge
from gpstime.sim.oscillator import Oscillator
from gpstime.times import NS, RawNs, UnixNs

SQW = "pps@1b.-1"


class Bus(FakeI2cBus):
    def close(self) -> None:
        """The chip stays on it."""


class BoardWithChip(LiveBoard):
    """A live board with a DS3231 on its bus, whose polls fall when they are due and not when something else happens."""

    def __init__(self, root: Path, ppm: float, lasts_s: int, sqw: bool = False, **board: object) -> None:
        super().__init__(root, duration_s=lasts_s, oscillator=Oscillator(ppm=-12.0), **board)  # type: ignore[arg-type]
        start = self.world.scenario.start
        assert start is not None
        self.chip_time = Coupled(self.machine, true_of=WorldTime(self.world).true_ns)
        self.chip = chip("ds3231", ppm=ppm, start=start, begin_ns=0, seed=5)
        self.bus = Bus(self.chip_time, {self.chip.address: self.chip})
        self.rtc: RtcSource | None = None
        if sqw:
            self._wire_output(ppm, lasts_s)

    def _wire_output(self, ppm: float, lasts_s: int) -> None:
        """Its 1 Hz output on a GPIO of its own, each falling edge stamped by the kernel: from a twin chip that runs ahead."""
        start = self.world.scenario.start
        twin, time = chip("ds3231", ppm=ppm, start=start, begin_ns=0, seed=5), WorldTime(self.world)
        for fake, at in ((twin, time), (self.chip, self.chip_time)):
            open_rtc("ds3231", FakeI2cBus(at, {fake.address: fake}), time=at).square_wave(True)  # type: ignore[arg-type]
        edges: list[StampedEdge] = []

        def told(true_ns: int, rising: bool) -> None:
            raw = time.raw_at(true_ns)
            if not rising and raw > self.machine.at:
                edges.append(StampedEdge(RawNs(raw), UnixNs(self._real(raw)), "clear"))

        twin.listeners.append(told)
        twin.run_to((lasts_s - 2) * NS)
        self.fake.add(SQW, edges, clear=True)

    def next_due(self) -> bool:
        if self.rtc is not None:
            others = [d for d in (self.fake.next_due(), self.receiver.next_due) if d is not None]
            if others and self.machine.at < self.rtc.due < min(others):
                self.machine.run_to(self.rtc.due)
                return True
        return super().next_due()

    def stand_in(self) -> Machine:
        machine = super().stand_in()

        def world(sources: Sequence[Source], head: dict[str, object]) -> World:
            self.rtc = next((s for s in sources if isinstance(s, RtcSource)), None)
            return machine.world(sources, head)

        return replace(machine, world=world)


@pytest.fixture
def measured(tmp_path, monkeypatch, capsys):
    def run(board: BoardWithChip, *argv: str, rtc: str = "", pulse: str = "") -> tuple[int, dict, str]:
        config = tmp_path / "gpstime.toml"
        config.write_text(f'[receiver]\nport = "{board.link}"\n[pulse]\n{pulse}\n[rtc]\n{rtc}\n')
        monkeypatch.setattr(worlds, "this_machine", board.stand_in)
        monkeypatch.setattr(
            rtc_fit, "open_chip", lambda rtc, time: open_rtc(rtc.chip, board.bus, time=board.machine, baud_hz=100_000)
        )
        capsys.readouterr()
        try:
            code = main(["measure", "--config", str(config), "--json", *argv])
        finally:
            board.close()
        out, err = capsys.readouterr()
        return code, json.loads(out) if out else {}, err

    return run


def test_both_crystals_live(measured, tmp_path):
    board = BoardWithChip(tmp_path, 4.0, 900, daemons=("chronyd (pid 612)",))
    code, o, err = measured(board, "--rtc", "DS3231")
    assert (code, err) == (0, "")
    assert o["status"] == "ok"
    truth = board.world.truth.current_ppb()
    assert o["freq_lo_ppb"] <= truth <= o["freq_hi_ppb"]
    r = o["rtc"]
    assert (r["chip"], r["status"], r["against"], r["breaks"]) == ("ds3231", "ok", "gps", [])
    assert r["mean_freq_lo_ppb"] <= 4000.0 <= r["mean_freq_hi_ppb"]
    assert r["edges"] > 40
    assert r["edge_half_ns"] < 500_000
    assert o["n"] >= 890, "the chip's polls cost no pulse"
    assert board.bus.written == [], "a read never writes"


def test_the_output_on_a_gpio_of_its_own(measured, tmp_path):
    board = BoardWithChip(tmp_path, -2.0, 600, sqw=True)
    code, o, _ = measured(
        board, rtc=f'chip = "ds3231"\nsqw = "kernel"\nsqw_device = "{SQW}"', pulse='backend = "kernel"\ndevice = "pps@12.-1"'
    )
    assert code == 0
    r = o["rtc"]
    assert r["via"] == "sqw"
    assert r["sqw"]["n"] > 250
    assert r["sqw"]["mean_freq_lo_ppb"] <= -2000.0 <= r["sqw"]["mean_freq_hi_ppb"]
    assert r["bus"]["mean_freq_lo_ppb"] <= -2000.0 <= r["bus"]["mean_freq_hi_ppb"]
    assert r["compared"] == r["agreed"] > 25


def test_a_chip_that_answers_nothing_is_told_at_once(measured, tmp_path):
    board = BoardWithChip(tmp_path, 0.0, 120)
    board.bus.unplug(board.chip.address)
    code, _, err = measured(board, "--rtc", "ds3231")
    assert code == 2
    assert "UNAVAILABLE" in err
    assert "look at the wiring" in err


def test_a_configured_chip_that_answers_nothing_stops_no_pulse(measured, tmp_path):
    board = BoardWithChip(tmp_path, 0.0, 300)
    board.bus.unplug(board.chip.address)
    code, o, _ = measured(board, rtc='chip = "ds3231"')
    assert code == 0
    assert o["n"] >= 290
    assert o["rtc"]["status"] == "no-readings"
    assert "UNAVAILABLE" in o["rtc"]["why"]


def test_without_a_pulse_the_system_clock_stands_in_and_is_called_so(measured, tmp_path):
    """chrony holds it to true time: the board's crystal is 12 ppm slow, the correction makes up for that."""
    board = BoardWithChip(tmp_path, 6.0, 900, slews=((0, 12.0),), daemons=("chronyd (pid 612)",))
    board.pull_pulse()
    code, o, _ = measured(board, "--rtc", "ds3231", "--for", "14m")
    assert code == 0
    assert o["status"] == "no-pulses"
    r = o["rtc"]
    assert (r["status"], r["against"]) == ("system-clock", "system")
    assert "chronyd" in r["why"]
    assert abs(r["mean_freq_ppb"] - 6000.0) < 100
    assert r["mean_freq_hi_ppb"] - r["mean_freq_lo_ppb"] < 400


def test_without_pulse_and_without_anybody_who_disciplines_it_there_is_no_reference(measured, tmp_path):
    board = BoardWithChip(tmp_path, 6.0, 400, slews=((0, 0.0),))
    board.pull_pulse()
    _, o, _ = measured(board, "--rtc", "ds3231", "--for", "6m")
    assert o["rtc"]["status"] == "no-reference"


def test_an_unknown_chip_is_named_with_the_known_ones(measured, tmp_path):
    board = BoardWithChip(tmp_path, 0.0, 60)
    code, _, err = measured(board, "--rtc", "ds9999")
    assert code == 2
    assert "ds3231" in err
