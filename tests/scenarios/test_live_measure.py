"""`gpstime measure` on a live board, from the command line to JSON: made-up devices, the real drivers, a virtual clock."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from conductor import LiveBoard

from gpstime.app import worlds
from gpstime.cli import main
from gpstime.times import NS, UtcTime


class Measured:
    """One run of the command on a board; the options of the service's file in `receiver` and `pulse`."""

    def __init__(self, board: LiveBoard, tmp_path: Path, monkeypatch, capsys, *argv: str, pulse: str = "") -> None:
        config = tmp_path / "gpstime.toml"
        config.write_text(f'[receiver]\nport = "{board.link}"\n[pulse]\n{pulse}\n')
        monkeypatch.setattr(worlds, "this_machine", board.stand_in)
        capsys.readouterr()
        try:
            self.code = main(["measure", "--config", str(config), *argv])
        finally:
            board.close()
        self.out, self.err = capsys.readouterr()

    @property
    def object(self) -> dict:
        (line,) = self.out.splitlines()
        return json.loads(line)


@pytest.fixture
def measured(tmp_path, monkeypatch, capsys):
    return lambda board, *argv, **more: Measured(board, tmp_path, monkeypatch, capsys, *argv, **more)


def check(found: dict, board: LiveBoard, at_least: int) -> None:
    """The truth lies in the interval, and the last named pulse has its own second."""
    truth = board.world.truth
    assert found["status"] == "ok"
    assert found["label"] == "ok"
    assert found["freq_lo_ppb"] <= truth.current_ppb() <= found["freq_hi_ppb"]
    assert found["freq_hi_ppb"] - found["freq_lo_ppb"] < 40
    assert found["n"] >= at_least
    last = found["last_labelled"]
    pulse = min(board.pulses, key=lambda e: abs(e.at - last["t"]))
    assert abs(pulse.at - last["t"]) < 5_000
    named = truth.find(pulse.at)
    assert named is not None
    assert named.utc.iso() == last["utc"]


def test_twenty_minutes_with_a_daemon_that_steers(measured, tmp_path):
    board = LiveBoard(tmp_path, duration_s=1200, daemons=("chronyd (pid 612)",), slews=((0, 37.0), (400, -480.0), (410, 36.5)))
    found = measured(board, "--json", pulse="[discipline]\nsteer = true")  # of the service: who only measures minds no rival
    assert (found.code, found.err) == (0, "")
    check(found.object, board, 1190)
    assert found.object["steered_by"] == "chronyd (pid 612)"
    assert "untouched" in found.object["why"]
    assert found.object["simulated"] is False
    assert found.object["stamps"] == {
        "backend": "kernel", "bias_ns": 0, "bias_err_ns": None, "bias_why": "nothing is known of this board and backend"
    }  # fmt: skip
    assert found.object["steps"] == 0


def test_a_lateness_of_ones_own_with_its_doubt_is_reported(measured, tmp_path):
    board = LiveBoard(tmp_path, duration_s=60)
    found = measured(board, "--json", pulse="bias_us = 4.5\nbias_err_us = 0.8").object["stamps"]
    assert (found["bias_ns"], found["bias_err_ns"], found["bias_why"]) == (4500, 800, "configured")


def test_the_report_ends_where_for_says(measured, tmp_path):
    board = LiveBoard(tmp_path, duration_s=900)
    found = measured(board, "--for", "5m", "--json")
    assert 290 <= found.object["span_s"] <= 300
    assert found.object["steered_by"] is None


def test_a_known_lateness_is_taken_off_and_reported_with_its_doubt(measured, tmp_path, monkeypatch):
    """P21: a Pi 5, whose stamps are late by what nobody can see; control: the same board, taken for none."""
    last = {}
    for model in ("Raspberry Pi 5 Model B Rev 1.0", ""):
        monkeypatch.setattr("gpstime.app.pulse_door.model_of", lambda model=model: model)
        place = tmp_path / (model or "none")
        place.mkdir()
        found = measured(LiveBoard(place, duration_s=120, pps_noise_ns=0.0, pps_bias_ns=13_500.0))
        last[model] = found.out
        assert found.code == 0
    five, other = last.values()
    assert "stamps of the pulse are taken to be 13.5 us late, give or take 6.5 us: reported for the interrupt path" in " ".join(
        five.split()
    )
    assert "0 us late, how sure nobody knows: nothing is known of this board and backend" in " ".join(other.split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_report(measured, tmp_path, number):
    board = LiveBoard(tmp_path, duration_s=900)
    board.at(400.3, lambda: signal.raise_signal(number))
    found = measured(board)
    assert found.code == 0
    assert "ended by Ctrl-C" in found.out
    assert float(found.out.split("frequency")[1].split()[0]) == pytest.approx(board.world.truth.current_ppb() / 1000, abs=0.05)
    assert 397 <= int(found.out.split("pulses")[1].split()[0]) <= 400
    assert board.machine.at - board.begin < 402 * NS


def test_devices_that_go_come_back_and_the_measurement_goes_on(measured, tmp_path):
    """The receiver's plug is pulled for 20 s and comes back under another name; then the pulse's device, for 15 s."""
    board = LiveBoard(tmp_path, duration_s=900)
    names = [board.receiver.path]
    board.at(300.4, board.receiver.hang_up)
    board.at(320.4, lambda: (board.receiver.plug_in(), names.append(board.receiver.path)))
    board.at(500.5, board.pull_pulse)
    board.at(515.5, board.plug_pulse)
    found = measured(board, "--json")
    assert found.code == 0
    check(found.object, board, 860)
    assert found.object["n"] < 900 - 14
    assert len(names) == 2


def test_a_pulse_that_stops_for_good_ends_in_what_was_measured(measured, tmp_path):
    board = LiveBoard(tmp_path, duration_s=600)
    board.at(300.5, board.pull_pulse)
    found = measured(board, "--json")
    assert found.code == 0
    assert 290 <= found.object["n"] <= 301
    assert found.object["last_labelled"]["utc"] == UtcTime.from_unix(board.world.truth.first.utc.unix + 299 * NS).iso()


def test_no_pulse_at_all_is_said_with_the_remedy(measured, tmp_path):
    board = LiveBoard(tmp_path, duration_s=30)
    board.pull_pulse()
    found = measured(board, "--json")
    assert (found.code, found.out) == (2, "")
    assert "no pulse: there is no receiver's pulse device: put dtoverlay=pps-gpio,gpiopin=18" in found.err
