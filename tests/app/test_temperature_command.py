"""`gpstime temperature` on a simulated board: its coefficient is found, chrony's file; no model where there is none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gpstime.app.temperature import Learned
from gpstime.cli import main
from gpstime.core.tempcomp import read
from gpstime.report.temperature import as_object

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
    slope = (back[-1][1] - back[0][1]) / (back[-1][0] - back[0][0]) * 1e6
    assert slope == pytest.approx(150.0, rel=0.1)
    assert re.match(r"tempcomp /sys/class/thermal/thermal_zone0/temp 30 \d+ 0 ", found["tempcomp"])


def test_a_board_that_temperature_does_nothing_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    points = tmp_path / "points"
    assert main([*BOARD, "--daily-temp", "8", "--tempco", "0", "--walk-fm", "1e-9", "--points", str(points)]) == 1
    said = capsys.readouterr()
    assert "not used" in said.out
    assert "do not use tempcomp" in said.err
    assert not points.exists()


def test_json_keys() -> None:
    """Each is in the paper, and the paper names no other."""
    text = (Path(__file__).resolve().parents[2] / "docs/json.md").read_text(encoding="utf-8")
    body = text.split("## gpstime temperature --json\n")[1].split("\n## ")[0]
    first = [row.split("|")[1] for row in body.splitlines() if row.startswith("| `")]
    told = {key for cell in first for key in re.findall(r"`(\w+)`", cell)}
    assert told == set(as_object(Learned("sim", True), "x", None))
