"""`gpstime temperature` on a simulated board: its coefficient is found, chrony's file; no model where there is none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gpstime.app.temperature import Learned, Sensor
from gpstime.cli import main
from gpstime.core.tempcomp import read
from gpstime.core.thermal import ThermalModel
from gpstime.drivers.board import zone_file
from gpstime.report.temperature import as_object, as_text

BOARD = ["temperature", "--world", "sim", "--for", "5h", "--sentences", "RMC"]


def test_a_board_that_warms_and_cools(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = tmp_path / "points"
    assert main([*BOARD, "--daily-temp", "8", "--tempco", "-150", "--points", str(points), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["best"] == "crystal"
    assert found["points"] == str(points)
    (sensor,) = found["sensors"]
    assert sensor["helps"]
    back = read(points.read_text("ascii"))
    inner = back[5:-5]  # it ends flat
    slope = (inner[-1][1] - inner[0][1]) / (inner[-1][0] - inner[0][0]) * 1e6
    assert slope == pytest.approx(150.0, rel=0.03)
    assert re.match(r"tempcomp /sys/class/thermal/thermal_zone0/temp 30 \d+ 0 ", found["tempcomp"])


def test_a_board_that_temperature_does_nothing_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = tmp_path / "points"
    assert main([*BOARD, "--daily-temp", "8", "--tempco", "0", "--walk-fm", "1e-9", "--points", str(points)]) == 1
    said = capsys.readouterr()
    assert "not used" in said.out
    assert "do not use tempcomp" in said.err
    assert not points.exists()


def test_a_capture_of_a_board_that_warms_holds_its_temperatures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roof = str(tmp_path / "roof.jsonl")
    assert main(["sim", roof, "--for", "10m", "--daily-temp", "5", "--sentences", "RMC"]) == 0
    assert main(["temperature", "--world", roof, "--json"]) == 1
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["readings"] == 10
    assert [sensor["sensor"] for sensor in found["sensors"]] == ["crystal"]


MODEL = ThermalModel(45.0, -150.0, 0.0, 40.0, 50.0, 0.9, 0.01, 300)


def learned(name: str, model: ThermalModel = MODEL) -> Learned:
    return Learned("live", False, 99, 9, best=Sensor(name, 99, 40.0, 50.0, model))


def test_the_file_is_that_of_the_sensor(tmp_path: Path) -> None:
    for number, kind in enumerate(("gpu-thermal", "cpu-thermal")):
        zone = tmp_path / f"sys/class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "type").write_text(f"{kind}\n")
    assert zone_file("cpu-thermal", tmp_path) == "/sys/class/thermal/thermal_zone1/temp"
    assert zone_file("thermal_zone0", tmp_path) == "/sys/class/thermal/thermal_zone0/temp"
    assert zone_file("ds3231", tmp_path) is None


def test_where_no_file_holds_the_sensor_no_line_names_another() -> None:
    """Coefficients of an RTC's thermometer beside the processor's would steer by the wrong temperature."""
    said = as_text(learned("ds3231"), None, None)
    assert "tempcomp /" not in said
    assert "name it with --zone" in said
    assert as_object(learned("ds3231"), None, None)["tempcomp"] is None
    assert as_object(learned("ds3231"), "/sys/x", None)["tempcomp"] == "tempcomp /sys/x 30 45000 0 0.00015 0"


def test_a_crystal_beyond_what_chronyd_takes_loses_no_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steep = ThermalModel(45.0, -5_000.0, 0.0, 40.0, 50.0, 0.9, 0.01, 300)
    monkeypatch.setattr("gpstime.report.temperature.learn", lambda *args: learned("crystal", steep))
    points = tmp_path / "points"
    assert main(["temperature", "--world", "sim", "--for", "1m", "--points", str(points)]) == 0
    said = capsys.readouterr()
    assert "chronyd ignores" in said.out
    assert "more than 10 ppm, which chronyd ignores" in said.err
    assert not points.exists()


def test_a_folder_that_is_not_there_is_said_before_days_are_spent(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["temperature", "--world", "sim", "--for", "3000d", "--points", "/nowhere/points"]) == 2
    assert "can't be written there" in capsys.readouterr().err


def test_json_keys() -> None:
    """Each is in the paper, and the paper names no other."""
    text = (Path(__file__).resolve().parents[2] / "docs/json.md").read_text(encoding="utf-8")
    body = text.split("## gpstime temperature --json\n")[1].split("\n## ")[0]
    first = [row.split("|")[1] for row in body.splitlines() if row.startswith("| `")]
    told = {key for cell in first for key in re.findall(r"`(\w+)`", cell)}
    assert told == set(as_object(Learned("sim", True), "x", None))
